//! What the documents tell people to type is there, and every plan that is shipped is a plan.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const DOCUMENTS: &[&str] = &["README.md", "CONTRIBUTING.md", "docs/tutorial.md", "docs/runbook.md"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn regplan(arguments: &[&str]) -> Output {
    let program = Command::new(env!("CARGO_BIN_EXE_regplan"))
        .args(arguments)
        .current_dir(root())
        .output();
    program.unwrap()
}

/// The lines of the code blocks of a document, and what stands between back quotes elsewhere.
fn typed(document: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(document)).unwrap();
    let mut lines = Vec::new();
    for (number, block) in text.split("```").enumerate() {
        if number % 2 == 1 {
            lines.extend(block.lines().skip(1).map(str::to_owned));
        } else {
            lines.extend(block.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    let without_comment = |line: String| line.split(" #").next().unwrap_or_default().trim().to_owned();
    lines.into_iter().map(without_comment).collect()
}

#[test]
fn every_script_that_a_document_names_is_there_and_can_be_run() {
    let mut seen = 0;
    for document in DOCUMENTS {
        for line in typed(document) {
            let Some(script) = line
                .split_whitespace()
                .next()
                .filter(|word| word.starts_with("scripts/"))
            else {
                continue;
            };
            let file = root().join(script);
            let mode = std::fs::metadata(&file)
                .unwrap_or_else(|_| panic!("{document}: no {script}"))
                .permissions()
                .mode();
            assert!(mode & 0o111 != 0, "{document}: {script} cannot be run");
            seen += 1;
        }
    }
    assert!(seen > 3);
}

#[test]
fn every_command_that_a_document_names_has_its_verb_and_flags() {
    let mut seen = 0;
    for document in DOCUMENTS {
        for line in typed(document) {
            let words: Vec<_> = line.split_whitespace().collect();
            let ["regplan", verb, rest @ ..] = words.as_slice() else {
                continue;
            };
            let help = regplan(&[verb, "--help"]);
            assert!(help.status.success(), "{document}: {line}: no such verb");
            let help = String::from_utf8(help.stdout).unwrap();
            for flag in rest.iter().filter(|word| word.starts_with("--")) {
                assert!(help.contains(*flag), "{document}: {line}: `{verb}` has no {flag}");
            }
            seen += 1;
        }
    }
    assert!(seen > 5);
}

#[test]
fn every_shipped_plan_is_valid() {
    let plans: Vec<PathBuf> = std::fs::read_dir(root().join("plans"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    for plan in plans
        .iter()
        .filter(|plan| plan.extension().is_some_and(|extension| extension == "yaml"))
    {
        let output = regplan(&["validate", plan.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{}: {said}", plan.display());
    }
    assert!(!plans.is_empty());
}

#[test]
fn the_tutorials_variables_fit_the_guides_plan() {
    let text = std::fs::read_to_string(root().join("docs/tutorial.md")).unwrap();
    let (_, block) = text.split_once("```yaml\n# site.yaml\n").unwrap();
    let (variables, _) = block.split_once("```").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("site.yaml");
    std::fs::write(&file, variables).unwrap();
    let output = regplan(&["validate", "plans/guide.yaml", "--var-file", file.to_str().unwrap()]);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
