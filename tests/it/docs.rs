//! What the documents tell people to type is there, and every plan that is shipped is a plan.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const DOCUMENTS: &[&str] = &[
    "README.md",
    "CONTRIBUTING.md",
    "docs/architecture.md",
    "docs/cli.md",
    "docs/json.md",
    "docs/matrix.md",
    "docs/preflight.md",
    "docs/reference.md",
    "docs/runbook.md",
    "docs/tutorial.md",
];

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

/// The commands of the shell blocks (```sh), with continued lines joined and comments cut.
fn commands(document: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(document)).unwrap();
    let mut found = Vec::new();
    for block in text.split("```").skip(1).step_by(2) {
        let Some(block) = block.strip_prefix("sh\n") else {
            continue;
        };
        for line in block.replace("\\\n", " ").lines() {
            let command = line.split(" #").next().unwrap_or_default().trim();
            if !command.is_empty() && !command.starts_with('#') {
                found.push(command.to_owned());
            }
        }
    }
    found
}

/// Whether the program itself takes these words: it works in a directory that does not exist, so that everything ends after
/// parsing and before the first look at a plan.
fn is_parsed(words: &[&str]) -> Result<(), String> {
    let mut arguments = vec!["--chdir", "no/such/directory"];
    arguments.extend(words);
    let output = regplan(&arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.code() == Some(64) && said.contains("no/such/directory") && !said.contains("Usage:") {
        Ok(())
    } else {
        Err(said)
    }
}

#[test]
fn every_regplan_command_in_a_shell_block_is_understood_by_the_program() {
    assert!(is_parsed(&["plan", "p.yaml", "--no-such-flag"]).is_err());
    assert!(is_parsed(&["pln", "p.yaml"]).is_err());
    let mut seen = 0;
    for document in DOCUMENTS {
        for line in commands(document) {
            let words: Vec<_> = line.split_whitespace().collect();
            if let ["regplan", rest @ ..] = words.as_slice() {
                is_parsed(rest).unwrap_or_else(|said| panic!("{document}: {line}: {said}"));
                seen += 1;
            }
        }
    }
    assert!(seen >= 9, "{seen}");
}

#[test]
fn every_block_of_commands_says_that_it_is_one() {
    for document in DOCUMENTS {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        for block in text.split("```").skip(1).step_by(2) {
            let (language, code) = block.split_once('\n').unwrap_or_default();
            let types = code
                .lines()
                .any(|line| line.starts_with("regplan ") || line.starts_with("scripts/") || line.starts_with("cargo "));
            // Output and lists of verbs are marked `text`.
            assert!(
                !types || matches!(language, "sh" | "text"),
                "{document}: mark this as sh: {code}"
            );
        }
    }
}

#[test]
fn every_verb_is_on_the_page_of_the_command_line() {
    let page = std::fs::read_to_string(root().join("docs/cli.md")).unwrap();
    let help = String::from_utf8(regplan(&["--help"]).stdout).unwrap();
    let (_, verbs) = help.split_once("Commands:\n").unwrap();
    let (verbs, _) = verbs.split_once("\n\n").unwrap();
    let verbs: Vec<_> = verbs
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .collect();
    assert!(verbs.len() > 5, "{verbs:?}");
    for verb in verbs {
        assert!(page.contains(&format!("regplan {verb}")), "docs/cli.md: no `{verb}`");
    }
}

#[test]
fn the_page_of_the_command_line_has_the_exit_codes_of_the_program() {
    let page = std::fs::read_to_string(root().join("docs/cli.md")).unwrap();
    let help = String::from_utf8(regplan(&["--help"]).stdout).unwrap();
    let (_, codes) = help.split_once("Exit codes:\n").unwrap();
    let mut seen = 0;
    for line in codes.lines().filter(|line| !line.trim().is_empty()) {
        let (code, meaning) = line.trim().split_once(' ').unwrap();
        let row = format!("| {code} | {} |", meaning.trim());
        assert!(page.contains(&row), "docs/cli.md: no {row}");
        seen += 1;
    }
    assert!(seen > 8, "{seen}");
}

#[test]
fn the_reference_is_that_of_the_types() {
    let fresh = String::from_utf8(regplan(&["schema", "--reference"]).stdout).unwrap();
    let path = root().join("docs/reference.md");
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == fresh,
        "docs/reference.md is stale: run the tests with UPDATE_SCHEMAS=1"
    );
    for kind in regplan::kind::KINDS {
        let (_, section) = fresh.split_once(&format!("\n### `{}`\n", kind.name)).unwrap();
        let section = section.split("\n### ").next().unwrap();
        assert!(section.contains("```yaml\n"), "no plan in plans/ has a `{}`", kind.name);
    }
}

#[test]
fn the_page_of_findings_is_that_of_the_table_of_codes() {
    let fresh = String::from_utf8(regplan(&["schema", "--preflight"]).stdout).unwrap();
    let path = root().join("docs/preflight.md");
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == fresh,
        "docs/preflight.md is stale: run the tests with UPDATE_SCHEMAS=1"
    );
    for code in regplan::registry::preflight::codes() {
        assert!(fresh.contains(&format!("\n### `{}`\n", code.name)), "{}", code.name);
    }
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    for document in DOCUMENTS {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        let folder = root().join(document).parent().unwrap().to_owned();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            if !file.is_empty() && !file.contains("://") {
                assert!(folder.join(file).exists(), "{document}: no {target}");
            }
        }
    }
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
fn the_plan_that_needs_no_registry_runs_anywhere_and_twice_is_once() {
    let here = tempfile::tempdir().unwrap();
    let plan = here.path().join("commands.yaml");
    std::fs::copy(root().join("plans/commands.yaml"), &plan).unwrap();
    for _ in 0..2 {
        let output = regplan(&["apply", plan.to_str().unwrap(), "--auto-approve"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        let notice = std::fs::read_to_string(here.path().join("notice.txt")).unwrap();
        assert_eq!(notice, "the registry moves tonight\n");
    }
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
