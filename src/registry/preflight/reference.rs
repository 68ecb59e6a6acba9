use serde::Deserialize;

/// A reference of a content, as `serializedReferences` has it (reference: apicurio.md §3.4).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reference {
    /// The group of what is referred to.
    pub group_id: Option<String>,
    /// Its artifact.
    pub artifact_id: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// How the content names it.
    pub name: Option<String>,
}

/// The references of a content; `None` when they cannot be read.
pub(super) fn references(serialized: Option<&str>) -> Option<Vec<Reference>> {
    serialized.map_or_else(|| Some(Vec::new()), |text| serde_json::from_str(text).ok())
}
