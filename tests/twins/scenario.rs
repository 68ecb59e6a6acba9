use std::io::{Cursor, Write as _};

use super::support::bytes;

/// One request.
pub struct Step {
    /// `2`, `3`, or both.
    pub to: &'static str,
    pub method: String,
    /// As the list writes it.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether the order of lists counts.
    pub ordered: bool,
}

impl Step {
    pub fn is_health(&self) -> bool {
        self.target.starts_with("health/")
    }

    /// The whole path.
    pub fn path(&self) -> String {
        for (short, long) in [
            ("v2/", "/apis/registry/v2/"),
            ("v3/", "/apis/registry/v3/"),
            ("cc/", "/apis/ccompat/v7/"),
        ] {
            if let Some(rest) = self.target.strip_prefix(short) {
                return format!("{long}{rest}");
            }
        }
        format!("/{}", self.target)
    }
}

/// The requests of a list.
pub fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut entries: Vec<(String, String)> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(detail) = line.strip_prefix("  ") {
            let step = steps.last_mut().unwrap();
            if let Some(entry) = detail.strip_prefix("+ ") {
                let (name, content) = entry.split_once(" = ").unwrap();
                entries.push((name.to_owned(), content.to_owned()));
                step.body = zip(&entries);
            } else {
                with_detail(step, detail);
            }
        } else {
            entries.clear();
            steps.push(step(line));
        }
    }
    steps
}

fn step(line: &str) -> Step {
    let mut words = line.split(' ').peekable();
    let to = match words.next().unwrap() {
        "2" => "2",
        "3" => "3",
        "*" => "23",
        other => panic!("{other} is nobody: {line}"),
    };
    let method = words.next().unwrap().to_owned();
    let ordered = words.next_if(|word| *word == "!").is_some();
    let mut step = Step {
        to,
        method,
        target: words.next().unwrap().to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        ordered,
    };
    if step.target.contains("admin/import") {
        step.headers
            .push(("Content-Type".to_owned(), "application/zip".to_owned()));
    }
    step
}

fn with_detail(step: &mut Step, detail: &str) {
    // Imports bring their media type with them.
    let json = |step: &mut Step| {
        if !step.headers.iter().any(|(name, _)| name == "Content-Type") {
            step.headers
                .push(("Content-Type".to_owned(), "application/json".to_owned()));
        }
    };
    if let Some(body) = detail.strip_prefix('=') {
        step.body = body.trim_start().as_bytes().to_vec();
        json(step);
    } else if let Some(name) = detail.strip_prefix('@') {
        step.body = bytes(name);
    } else {
        let (name, value) = detail.split_once(": ").unwrap();
        step.headers.retain(|(known, _)| known != name);
        step.headers.push((name.to_owned(), value.to_owned()));
    }
}

fn zip(entries: &[(String, String)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in entries {
        zip.start_file(name.as_str(), zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
