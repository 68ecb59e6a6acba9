use super::*;
use crate::{
    graph::StepGraph,
    source::{LoadOptions, load_text},
};

/// Gates, needs that follow from others, two regions that share phases, rollback lists, a later kind, ids that are words
/// of the drawing's language, and texts that would end a quoted text.
const WILD: &str = r##"regplan: v1
name: wild
systems:
  one: { type: nginx, url: "http://lb", config: n.conf, directory: d, socket: s, backends: { v2: ["a:1"], v3: ["b:1"] } }
  two: { type: nginx, url: "http://lc", config: n.conf, directory: e, socket: t, backends: { v2: ["a:1"], v3: ["b:1"] } }
windows:
  night: { from: "22:00", to: "04:00", timezone: Europe/Berlin }
limits: { freeze: 2m }
phases:
  - id: end
    steps:
      - { id: end, uses: run.command, with: { command: ["true"] } }
      - { id: graph, uses: run.check, needs: [end], with: { command: ["true"] } }
      - { id: subgraph, uses: run.check, needs: [end], if: "run.attempt > 1 && \"`]\\\"; end\" != ''", with: { command: ["true"] } }
      - { id: class, uses: run.check, needs: [end, graph, subgraph], with: { command: ["true"] } }
      - { id: style, uses: run.check, needs: [end], with: { command: ["true"] } }
    on_failure: rollback
    rollback:
      - { id: undo, uses: run.command, with: { command: ["true"] } }
      - { id: tell, uses: run.command, with: { command: ["true"] } }
  - id: digraph
    window: night
    approval: { count: 2, signers: "keys <a> & \"b\".txt" }
    not_before: { after: end, wait: 48h }
    steps:
      - { id: deny_one, uses: lb.route, with: { lb: one, to: v2, writes: deny } }
      - { id: deny_two, uses: lb.route, with: { lb: two, to: v2, writes: deny } }
  - id: node
    steps:
      - { id: open_one, uses: lb.route, with: { lb: one, to: v3, writes: allow } }
      - { id: open_two, uses: lb.route, with: { lb: two, to: v3, writes: allow } }
      - { id: edge, uses: run.check, with: { command: ["true"] } }
    rollback:
      - { id: back_two, uses: lb.route, with: { lb: two, to: v2, writes: allow } }
      - { id: back_one, uses: lb.route, with: { lb: one, to: v2, writes: allow } }
  - id: strict
    steps:
      - { id: later, uses: metrics.watch, with: {} }
      - id: click
        uses: manual.confirm
        with: { text: "\"]; end\n%%{init}%% `x` <script>alert(1)</script> #35; &lt; $$x$$ **bold** \\n and much more than fits" }
      - { id: default, uses: run.command, point_of_no_return: true, with: { command: ["true"] } }
    checkpoint:
      - { assert: "'a\"b' != '<br/>'", within: 5m }
"##;

fn drawn(text: &str, format: GraphFormat) -> String {
    let loaded = load_text("plan.yaml", text.to_owned(), &LoadOptions::default());
    let program = loaded.program.unwrap_or_else(|| panic!("{:#?}", loaded.findings));
    let phases = &program.plan.phases;
    let mut edges = StepGraph::of(phases).edges();
    for phase in phases {
        edges.extend(StepGraph::of_list(&phase.id, phase.rollback.as_deref().unwrap_or_default()).edges());
    }
    graph(&program, &edges, format)
}

fn guide() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/plans/guide.yaml");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_guide_is_drawn_as_recorded() {
    insta::assert_snapshot!("guide_mermaid", drawn(&guide(), GraphFormat::Mermaid));
    insta::assert_snapshot!("guide_dot", drawn(&guide(), GraphFormat::Dot));
}

#[test]
fn a_wild_plan_is_drawn_as_recorded() {
    insta::assert_snapshot!("wild_mermaid", drawn(WILD, GraphFormat::Mermaid));
    insta::assert_snapshot!("wild_dot", drawn(WILD, GraphFormat::Dot));
}

#[test]
fn no_text_of_a_plan_leaves_its_quotes_in_mermaid() {
    for plan in [guide().as_str(), WILD] {
        let text = drawn(plan, GraphFormat::Mermaid);
        for line in text.lines().skip(4) {
            assert!(is_mermaid(line), "{line}");
        }
        assert!(!text.contains("%%"), "no directive");
        let open = text.lines().filter(|line| line.trim().starts_with("subgraph ")).count();
        let closed = text.lines().filter(|line| line.trim() == "end").count();
        assert_eq!(open, closed);
    }
}

/// Whether a line is one of the few forms that are written.
fn is_mermaid(line: &str) -> bool {
    let parts: Vec<&str> = line.trim().split('"').collect();
    let is_id = |text: &str| {
        let prefixed = text
            .get(..2)
            .is_some_and(|it| "s_ p_ c_ g_ f_ r_ b_".split(' ').any(|one| one == it));
        prefixed
            && text
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    match parts.as_slice() {
        ["end"] => true,
        [plain] if plain.starts_with("classDef ") => true,
        [plain] => match plain.split(' ').collect::<Vec<_>>().as_slice() {
            [from, "-->", to] => is_id(from) && is_id(to),
            ["class", ids, _] => ids.split(',').all(is_id),
            _ => false,
        },
        [from, _, to] if from.ends_with(" -.->|") => {
            is_id(from.trim_end_matches(" -.->|")) && to.strip_prefix("| ").is_some_and(is_id)
        }
        [open, text, close] => {
            let id = open.trim_start_matches("subgraph ").trim_end_matches(['[', '(', '{']);
            is_id(id)
                && close.chars().all(|c| "])}".contains(c))
                && !text.replace("<br/>", "").contains(['<', '>', '`'])
        }
        _ => false,
    }
}

#[test]
fn dot_can_be_read_back() {
    for plan in [guide().as_str(), WILD] {
        let text = drawn(plan, GraphFormat::Dot);
        let mut reader = Reader {
            rest: tokens(&text),
            frames: 0,
        };
        reader.take("digraph");
        reader.take("plan");
        reader.block();
        assert!(reader.rest.is_empty(), "{:?}", reader.rest);
        assert_eq!(
            reader.frames,
            text.matches("subgraph ").count() - usize::from(plan == WILD) * 2
        );
    }
}

#[test]
fn a_drawing_is_the_same_each_time() {
    for format in [GraphFormat::Mermaid, GraphFormat::Dot] {
        assert_eq!(drawn(WILD, format), drawn(WILD, format));
    }
}

/// Words, quoted strings and signs of a DOT file.
fn tokens(text: &str) -> std::collections::VecDeque<String> {
    let mut tokens = std::collections::VecDeque::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => {
                let mut escaped = false;
                let end = rest.char_indices().skip(1).find(|(_, c)| {
                    let is_end = *c == '"' && !escaped;
                    escaped = *c == '\\' && !escaped;
                    is_end
                });
                end.expect("a quoted string ends").0 + 1
            }
            '-' => 2,
            c if c.is_alphanumeric() || c == '_' => rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (token, more) = rest.split_at(length);
        tokens.push_back(token.to_owned());
        rest = more.trim_start();
    }
    tokens
}

/// Reads what is written of the grammar of DOT; panics where it is not kept.
struct Reader {
    rest: std::collections::VecDeque<String>,
    frames: usize,
}

impl Reader {
    fn next(&mut self) -> String {
        self.rest.pop_front().expect("the file goes on")
    }

    fn take(&mut self, expected: &str) {
        assert_eq!(
            self.next(),
            expected,
            "before {:?}",
            self.rest.iter().take(8).collect::<Vec<_>>()
        );
    }

    /// `{` statements `}`.
    fn block(&mut self) {
        self.take("{");
        loop {
            let word = self.next();
            match word.as_str() {
                "}" => return,
                "subgraph" => {
                    self.frames += 1;
                    assert!(self.next().starts_with("cluster_"));
                    self.block();
                }
                _ => {
                    self.statement(&word);
                    self.take(";");
                }
            }
        }
    }

    fn statement(&mut self, word: &str) {
        let keyword = |word: &str| ["digraph", "subgraph", "strict"].contains(&word);
        assert!(
            word.chars().all(|c| c.is_alphanumeric() || c == '_') && !keyword(word),
            "{word}"
        );
        match self.rest.front().map(String::as_str) {
            Some("=") => {
                self.take("=");
                self.value();
                return;
            }
            Some("->") => {
                self.take("->");
                let to = self.next();
                assert!(
                    to.chars().all(|c| c.is_alphanumeric() || c == '_') && !keyword(&to),
                    "{to}"
                );
            }
            _ => {}
        }
        if self.rest.front().is_some_and(|next| next == "[") {
            self.take("[");
            loop {
                self.next();
                self.take("=");
                self.value();
                match self.next().as_str() {
                    "," => {}
                    "]" => return,
                    other => panic!("{other} in a list of attributes"),
                }
            }
        }
    }

    fn value(&mut self) {
        let value = self.next();
        let quoted = value.starts_with('"') && value.ends_with('"');
        assert!(
            quoted || value.chars().all(char::is_alphanumeric) || value.starts_with("cluster_"),
            "{value}"
        );
    }
}
