//! One file per mistake in `cases/`, with what people see of it beside: the error texts are reviewed as text.

use std::fmt::Write as _;

use miette::{GraphicalReportHandler, GraphicalTheme};

use super::*;

fn rendered(name: &str, text: &str) -> String {
    let loaded = load_text(name, text.to_owned(), &options());
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(80);
    let mut out = String::new();
    for report in diagnostics(&loaded.findings, &loaded.document) {
        handler.render_report(&mut out, report.as_ref()).unwrap();
        out.push('\n');
    }
    writeln!(out, "program: {}", loaded.program.is_some()).unwrap();
    out
}

#[test]
fn every_case_is_shown_as_recorded() {
    let cases = concat!(env!("CARGO_MANIFEST_DIR"), "/src/source/tests/cases");
    let mut files: Vec<_> = std::fs::read_dir(cases)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|file| file.extension().is_some_and(|ext| ext == "yaml"));
    files.sort();
    assert!(files.len() >= 25, "{}", files.len());
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("cases");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name.clone(), rendered(&format!("{name}.yaml"), &text)));
    }
}
