use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::support::{Unpacked, snapshot};
use crate::registry::{RestFacts, Snapshot, compare};

/// Fields of a 3.x export that the contract leaves out, and why.
const IGNORED: [(&str, &[&str]); 5] = [
    // Canonicalisers differ; the media type is 3.x's guess from the bytes; the type is always null.
    ("Content", &["canonicalHash", "contentType", "artifactType"]),
    // The time and the user of the import.
    ("Artifact", &["modifiedBy", "modifiedOn"]),
    // Changed by the repair of labels that every import needs.
    ("Group", &["modifiedBy", "modifiedOn"]),
    // 2.6 has no branches; what matters is which versions are on them.
    (
        "Branch",
        &["description", "owner", "createdOn", "modifiedBy", "modifiedOn"],
    ),
    // Says who exported, not what.
    (
        "Manifest",
        &[
            "systemVersion",
            "systemName",
            "systemDescription",
            "exportVersion",
            "exportedOn",
            "exportedBy",
            "dbVersion",
        ],
    ),
];

fn is_ignored(kind: &str, field: &str) -> bool {
    IGNORED
        .iter()
        .any(|(ignored, fields)| *ignored == kind && fields.contains(&field))
}

/// Another value of the same type.
fn other(field: &str, value: &Value) -> Value {
    match (field, value) {
        ("state", Value::String(state)) => json!(if state == "DISABLED" { "ENABLED" } else { "DISABLED" }),
        ("groupId", Value::Null) => json!("another"),
        (_, Value::Null) if field == "labels" => json!({"another": "label"}),
        (_, Value::Null) => json!("another"),
        (_, Value::Bool(flag)) => json!(!flag),
        (_, Value::Number(number)) => json!(number.as_i64().unwrap() + 500_000),
        (_, Value::String(text)) => json!(format!("{text}x")),
        (_, Value::Array(items)) => json!(items.iter().skip(1).collect::<Vec<_>>()),
        (_, Value::Object(map)) => {
            let mut map = map.clone();
            map.insert("another".to_owned(), json!("label"));
            json!(map)
        }
    }
}

/// Rows of any class; an export that can no longer be read is noticed as well.
fn noticed(left: &Snapshot, export: &Unpacked, before: usize) -> bool {
    let Ok(right) = export.read() else { return true };
    let comparison = compare(left, &right, &RestFacts::default(), &[]);
    !comparison.differences.is_empty() || comparison.expected.len() > before
}

/// One entry after the other, one field after the other.
#[test]
fn whatever_changes_on_the_right_is_noticed_unless_the_contract_leaves_it_out() {
    let left = snapshot("v2-rich");
    let export = Unpacked::fixture("v3-rich");
    let before = compare(&left, &export.read().unwrap(), &RestFacts::default(), &[])
        .expected
        .len();
    let (mut seen, mut unnoticed) = (BTreeSet::new(), BTreeSet::new());
    // Some entries of each kind, so that rows with and without values are among them.
    let mut tried = std::collections::BTreeMap::<String, usize>::new();
    for (index, (name, bytes)) in export.0.iter().enumerate() {
        let Some(kind) = name.strip_suffix(".json").and_then(|stem| stem.rsplit_once('.')) else {
            continue;
        };
        let kind = kind.1.to_owned();
        let count = tried.entry(kind.clone()).or_default();
        *count += 1;
        if *count > 4 {
            continue;
        }
        let row: Value = serde_json::from_slice(bytes).unwrap();
        for (field, value) in row.as_object().unwrap() {
            let mut changed = row.clone();
            changed[field] = other(field, value);
            let mut mutant = export.clone();
            mutant.0[index].1 = serde_json::to_vec(&changed).unwrap();
            seen.insert(format!("{kind}.{field}"));
            if !is_ignored(&kind, field) && !noticed(&left, &mutant, before) {
                unnoticed.insert(format!("{kind}.{field} of {name}: {value} → {}", changed[field]));
            }
        }
    }
    assert_eq!(unnoticed, BTreeSet::new());
    for (kind, fields) in IGNORED {
        for field in fields {
            assert!(
                seen.contains(&format!("{kind}.{field}")),
                "{kind}.{field} is ignored and does not exist"
            );
        }
    }
}

#[test]
fn an_entry_that_is_missing_on_the_right_is_noticed() {
    let left = snapshot("v2-rich");
    let export = Unpacked::fixture("v3-rich");
    let before = compare(&left, &export.read().unwrap(), &RestFacts::default(), &[])
        .expected
        .len();
    for (index, (name, _)) in export.0.iter().enumerate() {
        let mut mutant = export.clone();
        mutant.0.remove(index);
        assert!(noticed(&left, &mutant, before), "{name}");
    }
}

#[test]
fn ignored_fields_give_no_row() {
    let left = snapshot("v2-rich");
    let mut export = Unpacked::fixture("v3-rich");
    let before = compare(&left, &export.read().unwrap(), &RestFacts::default(), &[])
        .expected
        .len();
    for (kind, fields) in IGNORED.iter().filter(|(kind, _)| *kind != "Manifest") {
        export.edit(kind, |row| {
            for field in *fields {
                row[*field] = other(field, &row[*field]);
            }
        });
    }
    let comparison = compare(&left, &export.read().unwrap(), &RestFacts::default(), &[]);
    assert_eq!((comparison.differences.len(), comparison.expected.len()), (0, before));
}
