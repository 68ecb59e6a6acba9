//! `docs/json.md` says what the program prints: the keys of its examples are those of real output.

use std::{collections::BTreeSet, path::Path, process::Command};

use serde_json::Value;

const DOCUMENT: &str = include_str!("../../docs/json.md");

const PLAN: &str = "\
regplan: v1
name: example
phases:
  - id: announce
    steps:
      - id: notice
        uses: run.command
        with: { command: [touch, notice.txt], creates: notice.txt, undo: [rm, notice.txt] }
    checkpoint:
      - assert: steps.notice.done
";

/// The JSON of an example: one value, or one per line.
fn example(name: &str) -> Vec<Value> {
    let mark = format!("<!-- example: {name} -->\n```json\n");
    let (_, rest) = DOCUMENT.split_once(&mark).unwrap();
    let (block, _) = rest.split_once("```").unwrap();
    values(block)
}

fn values(text: &str) -> Vec<Value> {
    let stream = serde_json::Deserializer::from_str(text).into_iter();
    stream.map(Result::unwrap).collect()
}

fn regplan(directory: &Path, arguments: &[&str], exit: i32) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_regplan"));
    for name in ["CI", "REGPLAN_ENV", "REGPLAN_STATE", "REGPLAN_LOG"] {
        command.env_remove(name);
    }
    let output = command.args(arguments).current_dir(directory).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {said}");
    values(&String::from_utf8(output.stdout).unwrap())
}

/// Every path of keys in a value: `phases[].id`; of a stream's lines each is under its event or kind.
fn keys(value: &Value) -> BTreeSet<String> {
    fn walk(value: &Value, at: &str, out: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    let path = format!("{at}.{name}");
                    walk(value, &path, out);
                    out.insert(path);
                }
            }
            Value::Array(list) => list.iter().for_each(|value| walk(value, &format!("{at}[]"), out)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let mut out = BTreeSet::new();
    let name = value["event"].as_str().or(value["body"]["kind"].as_str());
    walk(value, name.unwrap_or_default(), &mut out);
    out
}

#[test]
fn the_examples_have_the_keys_of_what_the_program_prints() {
    let here = tempfile::tempdir().unwrap();
    std::fs::write(here.path().join("p.yaml"), PLAN).unwrap();
    std::fs::write(here.path().join("wrong.yaml"), PLAN.replace("creates", "crates")).unwrap();
    let run = |arguments: &[&str], exit| regplan(here.path(), arguments, exit);
    let one = |name: &str, printed: Vec<Value>| {
        assert_eq!(keys(&printed[0]), keys(&example(name)[0]), "{name}");
        assert_eq!(printed[0]["format_version"], example(name)[0]["format_version"]);
    };
    one("validate", run(&["validate", "wrong.yaml", "--json"], 64));
    one("plan", run(&["plan", "p.yaml", "--json"], 0));

    let applied = run(&["apply", "p.yaml", "--auto-approve", "--json"], 0);
    assert_eq!(keys(&applied[0]["change_set"]), keys(&example("plan")[0]));
    let printed: Vec<_> = applied[1..].iter().map(keys).collect();
    let shown: Vec<_> = example("apply").iter().map(keys).collect();
    assert_eq!(printed, shown);

    one("status", run(&["status", "p.yaml", "--json"], 0));
    let journal: Vec<_> = run(&["journal", "p.yaml", "--json"], 0).iter().map(keys).collect();
    for line in example("journal") {
        assert!(journal.contains(&keys(&line)), "{line}: {journal:#?}");
    }
}

#[test]
fn every_event_outcome_and_standing_of_the_program_is_documented() {
    let sources = [
        ("enum Event {", include_str!("../../src/model/event.rs")),
        ("enum Standing {", include_str!("../../src/model/change_set.rs")),
    ];
    let mut names: Vec<String> = Vec::new();
    for (begin, text) in sources {
        let (_, body) = text.split_once(begin).unwrap();
        let (body, _) = body.split_once("\n}").unwrap();
        names.extend(
            body.lines()
                .filter(|line| line.starts_with("    ") && line.as_bytes()[4].is_ascii_uppercase())
                .map(|line| snake(line.trim().trim_end_matches([',', '{', ' ']))),
        );
    }
    assert!(names.len() > 30, "{names:?}");
    let outcomes = include_str!("../../src/cli/outcome.rs");
    for name in outcomes.split('"').skip(1).step_by(2) {
        let is_name = name.len() > 3 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if is_name && outcomes.contains(&format!("Exit::Done, \"{name}\"")) {
            names.push(name.to_owned());
        }
    }
    let missing: Vec<_> = names
        .iter()
        .filter(|name| !DOCUMENT.contains(&format!("`{name}`")))
        .collect();
    assert!(missing.is_empty(), "docs/json.md does not name {missing:?}");
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}
