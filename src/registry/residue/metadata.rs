use super::{Remnant, codes};
use crate::registry::{Artifact, ArtifactKey, Snapshot, Version};

/// Gives artifacts the names, descriptions and labels that 2.6 will show: those of their versions. Their owners stay.
pub(super) fn show_versions(wanted: &mut Snapshot) {
    let implied = wanted.implied_artifacts();
    for (key, artifact) in &mut wanted.artifacts {
        if let Some(shown) = implied.get(key) {
            *artifact = Artifact {
                owner: artifact.owner.clone(),
                created_on: artifact.created_on,
                artifact_type: artifact.artifact_type.clone(),
                ..shown.clone()
            };
        }
    }
}

/// Names, descriptions and labels of artifacts that no version has. 2.6 shows an artifact as its latest version is, so these
/// would be gone.
///
/// What an earlier version has is no loss: 2.6 itself forgets the name of an artifact when a version without one comes.
pub(super) fn lost(wanted: &Snapshot) -> Vec<Remnant> {
    let by_artifact = wanted.versions_by_artifact();
    let mut found = Vec::new();
    for (key, artifact) in wanted.own_artifacts() {
        let ids = by_artifact.get(key).map_or(&[][..], Vec::as_slice);
        let versions: Vec<&Version> = ids.iter().filter_map(|id| wanted.versions.get(id)).collect();
        found.extend(lost_of(key, artifact, &versions));
    }
    found
}

fn lost_of(key: &ArtifactKey, artifact: &Artifact, versions: &[&Version]) -> Vec<Remnant> {
    let mut found = Vec::new();
    let mut text = |field: &str, ours: &Option<Box<str>>, of: fn(&Version) -> &Option<Box<str>>| {
        let ours = ours.as_deref().unwrap_or_default();
        if !ours.is_empty() && !versions.iter().any(|version| of(version).as_deref() == Some(ours)) {
            found.push(Remnant::new(
                codes::RESIDUE_ARTIFACT,
                format_args!("{key} {field}"),
                ours,
            ));
        }
    };
    text("name", &artifact.name, |version| &version.name);
    text("description", &artifact.description, |version| &version.description);
    let on_a_version = |name: &str, value: &str| {
        let mut labels = versions.iter().flat_map(|version| version.labels.iter());
        labels.any(|(other, theirs)| other == name && theirs.unwrap_or_default() == value)
    };
    for (name, value) in artifact.labels.iter() {
        let value = value.unwrap_or_default();
        if !on_a_version(name, value) {
            let what = format_args!("{key} label {name}");
            found.push(Remnant::new(codes::RESIDUE_ARTIFACT, what, value));
        }
    }
    found
}
