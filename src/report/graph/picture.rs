//! What is drawn, apart from the language in which it is drawn.

/// Boxes and arrows, in the order to write.
#[derive(Debug, Default)]
pub(super) struct Picture {
    /// One line.
    pub(super) title: String,
    pub(super) items: Vec<Item>,
    pub(super) edges: Vec<Edge>,
}

#[derive(Debug)]
pub(super) enum Item {
    Node(Node),
    Cluster(Cluster),
}

/// One box.
#[derive(Debug)]
pub(super) struct Node {
    /// A prefix of ours and a name of the plan: letters, digits and `_` only, and no word of Mermaid or DOT.
    pub(super) id: String,
    pub(super) shape: Shape,
    /// Texts of the plan, not escaped yet; each on a line of its own.
    pub(super) lines: Vec<String>,
    /// Whether writes are denied or held when it runs.
    pub(super) frozen: bool,
    /// Whether going back past it is refused.
    pub(super) no_return: bool,
}

/// What a box stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A step that moves something.
    Effect,
    /// A step that judges.
    Check,
    /// A step that takes something once.
    Capture,
    /// A step that waits for something or somebody.
    Wait,
    /// A step of a kind that this version does not have.
    Later,
    /// What must be open before a phase begins.
    Gate,
    /// What must hold before a phase is closed.
    Checkpoint,
    /// A way back that is derived from the steps.
    WayBack,
}

/// A frame around boxes.
#[derive(Debug)]
pub(super) struct Cluster {
    /// As for a node.
    pub(super) id: String,
    pub(super) frame: Frame,
    pub(super) title: String,
    pub(super) items: Vec<Item>,
}

/// What a frame stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame {
    /// A phase.
    Phase,
    /// A frozen region that holds whole phases.
    Region,
    /// A rollback list.
    WayBack,
}

/// An arrow.
#[derive(Debug)]
pub(super) struct Edge {
    /// A box.
    pub(super) from: String,
    /// The frame around `from` at whose border the arrow begins.
    pub(super) out_of: Option<String>,
    pub(super) to: String,
    /// What it says; an arrow with words leads back and is dashed.
    pub(super) label: Option<&'static str>,
}

impl Edge {
    pub(super) fn forward(from: &str, to: &str) -> Self {
        Self {
            from: from.to_owned(),
            out_of: None,
            to: to.to_owned(),
            label: None,
        }
    }
}
