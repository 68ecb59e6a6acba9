//! Graphviz' DOT (<https://graphviz.org/doc/info/lang.html>).

use std::fmt::Write as _;

use super::picture::{Cluster, Edge, Frame, Item, Node, Picture, Shape};
use crate::report::words;

/// The picture as a digraph, top down. `compound` lets an arrow begin at the border of a frame.
pub(super) fn write(picture: &Picture) -> String {
    let mut out = Writer::default();
    out.line("digraph plan {");
    out.depth = 1;
    out.line("compound=true;");
    out.line("rankdir=TB;");
    out.line(&format!("label={};", quoted(&[&picture.title])));
    out.line("labelloc=t;");
    out.line("node [shape=box, fontname=\"sans-serif\"];");
    out.line("edge [fontname=\"sans-serif\"];");
    out.line("fontname=\"sans-serif\";");
    out.items(&picture.items);
    for edge in &picture.edges {
        out.edge(edge);
    }
    out.depth = 0;
    out.line("}");
    out.text
}

#[derive(Default)]
struct Writer {
    text: String,
    depth: usize,
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
        let lines: Vec<&str> = node.lines.iter().map(String::as_str).collect();
        let mut attributes = vec![format!("label={}", quoted(&lines))];
        attributes.extend(shape(node.shape).map(|shape| format!("shape={shape}")));
        attributes.extend(styles(node).map(|styles| format!("style=\"{styles}\"")));
        if node.frozen {
            attributes.push("fillcolor=\"#dbeafe\"".to_owned());
        }
        if node.no_return {
            attributes.extend(["color=\"#b91c1c\"".to_owned(), "penwidth=3".to_owned()]);
        } else if node.frozen {
            attributes.push("color=\"#2563eb\"".to_owned());
        }
        self.line(&format!("{} [{}];", node.id, attributes.join(", ")));
    }

    fn cluster(&mut self, cluster: &Cluster) {
        self.line(&format!("subgraph cluster_{} {{", cluster.id));
        self.depth += 1;
        self.line(&format!("label={};", quoted(&[&cluster.title])));
        // A frame inherits what the one around it says.
        self.line(match cluster.frame {
            Frame::Phase => "color=black; penwidth=1;",
            Frame::Region => "color=\"#2563eb\"; penwidth=3;",
            Frame::WayBack => "style=dashed;",
        });
        self.items(&cluster.items);
        self.depth -= 1;
        self.line("}");
    }

    fn edge(&mut self, edge: &Edge) {
        let mut attributes: Vec<String> = edge
            .out_of
            .iter()
            .map(|frame| format!("ltail=cluster_{frame}"))
            .collect();
        if let Some(label) = edge.label {
            attributes.push(format!("label={}", quoted(&[label])));
            attributes.push("style=dashed".to_owned());
        }
        let attributes = match attributes.as_slice() {
            [] => String::new(),
            some => format!(" [{}]", some.join(", ")),
        };
        self.line(&format!("{} -> {}{attributes};", edge.from, edge.to));
    }
}

/// The shape, where it is not the box of all.
fn shape(shape: Shape) -> Option<&'static str> {
    match shape {
        Shape::Effect | Shape::Later | Shape::WayBack => None,
        Shape::Check => Some("ellipse"),
        Shape::Capture => Some("cylinder"),
        Shape::Wait | Shape::Gate => Some("hexagon"),
        Shape::Checkpoint => Some("component"),
    }
}

fn styles(node: &Node) -> Option<String> {
    let line = match node.shape {
        Shape::Later => Some("dotted"),
        Shape::WayBack => Some("rounded,dashed"),
        Shape::Effect | Shape::Check | Shape::Capture | Shape::Wait | Shape::Gate | Shape::Checkpoint => None,
    };
    let styles: Vec<&str> = line.into_iter().chain(node.frozen.then_some("filled")).collect();
    (!styles.is_empty()).then(|| styles.join(","))
}

/// Lines as one quoted string. In a label `\N` and the like are replaced and `&lt;` is read as in HTML, so backslashes
/// and ampersands are escaped as well as quotes.
fn quoted(lines: &[&str]) -> String {
    let lines = lines.iter().map(|line| {
        let line = words::one_line(line).replace('&', "&amp;");
        line.replace('\\', "\\\\").replace('"', "\\\"")
    });
    format!("\"{}\"", lines.collect::<Vec<_>>().join("\\n"))
}
