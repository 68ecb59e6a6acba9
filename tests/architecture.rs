//! Keeps the invariants of `docs/architecture.md`: which way the arrows point, and what is absent where.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test that cannot go on should say so and stop"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Which modules each top-level module may name. What is not listed is forbidden.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("registry", &["model"]),
    ("expr", &["model"]),
    ("graph", &["model"]),
    ("journal", &["model"]),
    ("system", &["model", "registry", "resource"]),
    ("resource", &["model", "registry", "system"]),
    ("kind", &["model", "registry", "resource", "system"]),
    ("region", &["model", "kind", "graph"]),
    (
        "source",
        &["model", "expr", "graph", "region", "kind", "resource", "system"],
    ),
    (
        "engine",
        &[
            "model", "expr", "graph", "region", "journal", "kind", "resource", "system",
        ],
    ),
    (
        "rehearse",
        &[
            "model", "expr", "registry", "journal", "kind", "resource", "system", "engine",
        ],
    ),
    ("init", &["model", "system"]),
    ("report", &["model", "journal", "kind"]),
    (
        "cli",
        &[
            "model", "expr", "graph", "region", "journal", "kind", "resource", "system", "source", "engine", "report",
            "registry", "rehearse", "init",
        ],
    ),
];

/// Which files may name a library: its home.
const HOMES: &[(&str, &[&str])] = &[
    ("clap", &["src/cli", "src/main.rs"]),
    ("miette", &["src/source", "src/cli", "src/main.rs"]),
    ("serde_yaml", &["src/source"]),
    ("granit_parser", &["src/source"]),
    ("petgraph", &["src/graph.rs"]),
    ("similar", &["src/report", "src/model/suggest.rs"]),
    ("cel", &["src/expr"]),
    ("rusqlite", &["src/journal"]),
    ("reqwest", &["src/system"]),
    (
        "minijinja",
        &["src/system/nginx", "src/init/render.rs", "src/init/error.rs"],
    ),
    ("zip", &["src/registry", "src/rehearse/twin", "src/rehearse/data"]),
    (
        "axum",
        &[
            "src/rehearse/twin",
            "src/rehearse/balancer",
            "src/rehearse/kill/control.rs",
        ],
    ),
    ("hyper_util", &["src/rehearse/balancer"]),
    ("jsonschema", &["src/source"]),
    ("indicatif", &["src/cli"]),
    ("rustix", &["src/system", "src/cli"]),
];

/// Where nothing may wait: deciding is pure and synchronous.
const PURE: &[&str] = &[
    "src/model",
    "src/registry",
    "src/expr",
    "src/source",
    "src/graph.rs",
    "src/region.rs",
    "src/journal",
    "src/engine/planner",
    "src/engine/scheduler",
    "src/engine/gates",
    "src/engine/facts",
    "src/report",
    "src/rehearse/data",
    "src/rehearse/phases",
    "src/rehearse/not_rehearsed",
    "src/rehearse/recorded",
    "src/rehearse/summary",
    "src/init/answers.rs",
    "src/init/env_file.rs",
    "src/init/nginx",
    "src/init/questions.rs",
    "src/init/render.rs",
    "src/system/freeze_rules.rs",
    "src/rehearse/balancer/route.rs",
    "src/rehearse/twin/model",
    "src/rehearse/twin/import",
    "src/rehearse/twin/export",
    "src/rehearse/twin/dispatch",
    "src/rehearse/twin/v2",
    "src/rehearse/twin/v3",
    "src/rehearse/twin/ccompat",
];

fn sources(directory: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            out.push(path);
        }
    }
}

/// Every source file with its text up to its tests, comments and string contents left out as far as this needs it.
fn files() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    sources(&root.join("src"), &mut paths);
    paths
        .into_iter()
        .filter(|path| !path.components().any(|part| part.as_os_str() == "tests") && !path.ends_with("tests.rs"))
        .map(|path| {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let code: Vec<_> = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .collect();
            (name, code.join("\n"))
        })
        .collect()
}

/// `model` of `src/model/id.rs`, `graph` of `src/graph.rs`.
fn module(file: &str) -> &str {
    file.trim_start_matches("src/").split(['/', '.']).next().unwrap()
}

/// Modules of ours that a text names: `crate::kind`, and those of `use crate::{…}`.
fn named(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for rest in code.split("crate::").skip(1) {
        if let Some(group) = rest.strip_prefix('{') {
            names.extend(group_members(group));
        } else {
            names.push(
                rest.chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .collect(),
            );
        }
    }
    names
}

fn group_members(group: &str) -> Vec<String> {
    let (mut depth, mut current, mut members) = (0_u32, String::new(), Vec::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => members.push(std::mem::take(&mut current)),
            _ if depth == 0 => current.push(c),
            _ => {}
        }
    }
    members.push(current);
    members
        .iter()
        .map(|member| {
            member
                .trim()
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect()
        })
        .collect()
}

/// What stands before each place where `wanted` is found.
fn before_each<'t>(text: &'t str, wanted: &'t str) -> impl Iterator<Item = &'t str> {
    text.match_indices(wanted).filter_map(|(at, _)| text.get(..at))
}

#[test]
fn arrows_point_one_way() {
    let mut wrong = Vec::new();
    for (file, code) in files() {
        let from = module(&file);
        let Some((_, allowed)) = ARROWS.iter().find(|(module, _)| *module == from) else {
            continue;
        };
        for to in named(&code) {
            let ours = ARROWS.iter().any(|(module, _)| *module == to);
            if ours && to != from && !allowed.contains(&to.as_str()) {
                wrong.push(format!("{file} names crate::{to}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_module_has_its_arrows_written_down() {
    for file in files().keys() {
        let module = module(file);
        assert!(
            matches!(module, "main" | "lib") || ARROWS.iter().any(|(known, _)| *known == module),
            "{file}: write down what `{module}` may name"
        );
    }
}

#[test]
fn each_library_has_one_home() {
    let mut wrong = Vec::new();
    for (file, code) in files() {
        for (library, homes) in HOMES {
            let names = code.contains(&format!("use {library}::"))
                || before_each(&code, &format!("{library}::"))
                    .any(|before| !before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':'));
            if names && !homes.iter().any(|home| file.starts_with(home)) {
                wrong.push(format!("{file} names {library}, which lives in {}", homes.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_waits_where_only_deciding_should_be() {
    let mut wrong = Vec::new();
    for (file, code) in files() {
        if PURE.iter().any(|pure| file.starts_with(pure)) && (code.contains("async fn") || code.contains(".await")) {
            wrong.push(file);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn the_engine_names_no_kind() {
    let kinds = [
        "lb.route",
        "registry.export",
        "registry.import",
        "registry.verify",
        "api.check",
        "run.command",
        "run.check",
        "manual.confirm",
    ];
    let mut wrong = Vec::new();
    for (file, code) in files() {
        if file.starts_with("src/engine") {
            wrong.extend(
                kinds
                    .iter()
                    .filter(|kind| code.contains(**kind))
                    .map(|kind| format!("{file}: {kind}")),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nobody_below_cli_prints() {
    let mut wrong = Vec::new();
    for (file, code) in files() {
        let prints = ["println!(", "eprintln!(", "print!(", "eprint!(", "dbg!("]
            .iter()
            .any(|macro_| code.contains(macro_));
        if prints && !file.starts_with("src/cli") && file != "src/main.rs" {
            wrong.push(file);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
