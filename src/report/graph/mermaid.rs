//! Mermaid's flowcharts, as GitHub renders them in Markdown.
//!
//! Written by the syntax of Mermaid 10 and 11 (<https://mermaid.js.org/syntax/flowchart.html>): quoted texts, entity codes
//! such as `#35;`, `classDef` and `class`, arrows from a subgraph.

use std::fmt::Write as _;

use super::picture::{Cluster, Edge, Frame, Item, Node, Picture, Shape};
use crate::report::words;

/// Colours that can be read on a light and on a dark page.
const CLASSES: &[(&str, &str)] = &[
    ("frozen", "fill:#dbeafe,stroke:#2563eb,color:#111827"),
    ("region", "stroke:#2563eb,stroke-width:3px"),
    ("noreturn", "stroke:#b91c1c,stroke-width:4px"),
    ("later", "stroke-dasharray:2 2"),
    ("back", "stroke-dasharray:6 4"),
];

/// The picture as a flowchart, top down.
pub(super) fn write(picture: &Picture) -> String {
    let mut out = Writer::default();
    out.line("---");
    out.line(&format!("title: {}", title(&picture.title)));
    out.line("---");
    out.line("flowchart TD");
    out.depth = 1;
    out.items(&picture.items);
    for edge in &picture.edges {
        out.edge(edge);
    }
    for (name, style) in CLASSES {
        let of_class = out.classes.iter().filter(|(class, _)| class == name);
        let ids: Vec<String> = of_class.map(|(_, id)| id.clone()).collect();
        if !ids.is_empty() {
            out.line(&format!("classDef {name} {style}"));
            out.line(&format!("class {} {name}", ids.join(",")));
        }
    }
    out.text
}

#[derive(Default)]
struct Writer {
    text: String,
    depth: usize,
    /// Classes and who is of them, in the order of the picture.
    classes: Vec<(&'static str, String)>,
}

impl Writer {
    fn line(&mut self, line: &str) {
        // Writing to a String cannot fail.
        let _infallible = writeln!(self.text, "{:width$}{line}", "", width = self.depth * 2);
    }

    fn items(&mut self, items: &[Item]) {
        for item in items {
            match item {
                Item::Node(node) => self.node(node),
                Item::Cluster(cluster) => self.cluster(cluster),
            }
        }
    }

    fn node(&mut self, node: &Node) {
        let (open, close) = match node.shape {
            Shape::Effect | Shape::Later => ("[", "]"),
            Shape::Check => ("([", "])"),
            Shape::Capture => ("[(", ")]"),
            Shape::Wait | Shape::Gate => ("{{", "}}"),
            Shape::Checkpoint => ("[[", "]]"),
            Shape::WayBack => ("(", ")"),
        };
        let lines: Vec<String> = node.lines.iter().map(|line| escaped(line)).collect();
        self.line(&format!("{}{open}\"{}\"{close}", node.id, lines.join("<br/>")));
        let classes = [
            ("frozen", node.frozen),
            ("noreturn", node.no_return),
            ("later", node.shape == Shape::Later),
            ("back", node.shape == Shape::WayBack),
        ];
        let of = classes.into_iter().filter(|(_, is)| *is);
        self.classes.extend(of.map(|(class, _)| (class, node.id.clone())));
    }

    fn cluster(&mut self, cluster: &Cluster) {
        self.line(&format!("subgraph {}[\"{}\"]", cluster.id, escaped(&cluster.title)));
        self.depth += 1;
        self.items(&cluster.items);
        self.depth -= 1;
        self.line("end");
        match cluster.frame {
            Frame::Phase => {}
            Frame::Region => self.classes.push(("region", cluster.id.clone())),
            Frame::WayBack => self.classes.push(("back", cluster.id.clone())),
        }
    }

    fn edge(&mut self, edge: &Edge) {
        let from = edge.out_of.as_ref().unwrap_or(&edge.from);
        match edge.label {
            Some(label) => self.line(&format!("{from} -.->|\"{}\"| {}", escaped(label), edge.to)),
            None => self.line(&format!("{from} --> {}", edge.to)),
        }
    }
}

/// A text inside double quotes. All but letters, digits and harmless signs is written as an entity code: quotes end the
/// text, `<` begins a tag, `\n` a line, `%%{` a directive, `$$` a formula, and `*` or a back quote Markdown.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in words::one_line(text).chars() {
        if character.is_alphanumeric() || " .,:_-/()=!?'+·…“”⏎".contains(character) {
            out.push(character);
        } else {
            // Writing to a String cannot fail.
            let _infallible = write!(out, "#{};", u32::from(character));
        }
    }
    out
}

/// A title in the front matter, which is YAML: a JSON string is one. `%` is hidden from the search for directives.
fn title(text: &str) -> String {
    serde_json::Value::from(words::one_line(text))
        .to_string()
        .replace('%', "\\u0025")
}
