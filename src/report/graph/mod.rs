//! A plan as a drawing: phases as frames in order, steps with their kind, the frozen region, gates, checkpoints and ways back.
//!
//! `draw` decides what is there ([`picture`]); `mermaid` and `dot` write it down.

mod back;
mod dot;
mod draw;
mod mermaid;
mod picture;
mod text;

use crate::{kind::Program, model::StepId};

/// The language of a drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GraphFormat {
    /// A flowchart that GitHub renders in Markdown.
    Mermaid,
    /// For Graphviz.
    Dot,
}

/// Draws a plan; `edges` are those that the order needs, inside each phase and each rollback list.
///
/// Mermaid as GitHub runs it draws up to 500 arrows and 50,000 characters (its `maxEdges` and `maxTextSize`); DOT has no
/// such limit.
pub fn graph(program: &Program, edges: &[(StepId, StepId)], format: GraphFormat) -> String {
    let picture = draw::draw(program, edges);
    match format {
        GraphFormat::Mermaid => mermaid::write(&picture),
        GraphFormat::Dot => dot::write(&picture),
    }
}

#[cfg(test)]
#[path = "../tests/graph.rs"]
mod tests;
