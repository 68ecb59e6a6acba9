use super::support::{Unpacked, snapshot};
use crate::registry::{delta, moves};

#[test]
fn what_moves_is_told_by_artifact() {
    let (source, target) = (snapshot("v2-rich-after"), snapshot("v3-rich"));
    let delta = delta(&source, &target);
    insta::assert_snapshot!("moves", moves(&source, &delta).join("\n"));
}

#[test]
fn a_long_list_is_cut_and_its_numbers_still_add_up() {
    let source = snapshot("v2-rich");
    let mut export = Unpacked::fixture("v3-rich");
    for kind in ["ArtifactVersion", "Artifact", "Branch", "Comment", "ArtifactRule"] {
        export.keep(kind, |_| false);
    }
    let mut many = source.clone();
    let any = source.versions.values().next().unwrap().clone();
    for id in 1_000..1_100 {
        let mut version = any.clone();
        version.artifact = std::sync::Arc::new(crate::registry::ArtifactKey::new(Some("many"), &format!("a{id}")));
        let row = source.artifacts.values().next().unwrap().clone();
        many.artifacts.insert(std::sync::Arc::clone(&version.artifact), row);
        many.versions.insert(id, version);
    }
    let delta = delta(&many, &export.read().unwrap());
    let lines = moves(&many, &delta);
    assert_eq!(lines.len(), 40);
    let numbers = lines.iter().map(|line| {
        let (_, rest) = line.rsplit_once(": ").unwrap();
        rest.split(' ').next().unwrap().parse::<usize>().unwrap()
    });
    assert_eq!(numbers.sum::<usize>(), delta.versions.len());
    assert!(lines.last().unwrap().contains("more artifacts"), "{lines:?}");
}
