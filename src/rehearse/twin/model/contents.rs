use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Content, Refusal, Store, group_id};

/// A reference to another version, with the keys in the order in which both versions write them (reference: apicurio.md §3.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    #[serde(default)]
    pub group_id: Option<String>,
    #[serde(default)]
    pub artifact_id: Option<String>,
    #[serde(default)]
    pub version: Option<String>,
    #[serde(default)]
    pub name: Option<String>,
}

impl Reference {
    /// References as they are stored: the default group is null, no reference is no text.
    pub fn serialized(all: &[Self]) -> Option<String> {
        let all: Vec<Self> = all
            .iter()
            .map(|reference| Self {
                group_id: group_id(reference.group_id.as_deref()),
                ..reference.clone()
            })
            .collect();
        if all.is_empty() {
            return None;
        }
        serde_json::to_string(&all).ok()
    }

    /// The other way.
    pub fn parsed(text: Option<&str>) -> Vec<Self> {
        text.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    }
}

/// Lower-case hex SHA-256 of the bytes, followed by the references when there are any (reference: apicurio.md §3.4).
pub fn content_hash(bytes: &[u8], references: Option<&str>) -> String {
    let mut hasher = Sha256::new();
    hasher.update(bytes);
    hasher.update(references.unwrap_or_default().as_bytes());
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether bytes are JSON.
pub fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Value>(bytes).is_ok()
}

/// What stands in for the real canonicalisers: JSON without blanks and with sorted keys, other text as it is. The hash of it
/// is never compared between registries (reference: apicurio.md §3.4).
pub fn canonical(bytes: &[u8]) -> Vec<u8> {
    let value: Option<Value> = serde_json::from_slice(bytes).ok();
    value
        .and_then(|value| serde_json::to_vec(&value).ok())
        .unwrap_or_else(|| bytes.to_vec())
}

/// Whether two contents are the same to a canonicaliser.
pub fn canonically_equal(one: &[u8], other: &[u8]) -> bool {
    canonical(one) == canonical(other)
}

/// The type of a content that nobody named one for.
pub fn kind_of(bytes: &[u8]) -> &'static str {
    let text = String::from_utf8_lossy(bytes);
    match serde_json::from_slice::<Value>(bytes) {
        Ok(Value::Object(object)) => {
            let has = |key: &str| object.contains_key(key);
            match () {
                () if has("openapi") || has("swagger") => "OPENAPI",
                () if has("asyncapi") => "ASYNCAPI",
                () if has("$schema") || has("properties") => "JSON",
                () => "AVRO",
            }
        }
        _ if text.contains("syntax = \"proto") || text.contains("message ") => "PROTOBUF",
        _ if text.trim_start().starts_with('<') && text.contains("definitions") => "WSDL",
        _ if text.trim_start().starts_with('<') && text.contains("schema") => "XSD",
        _ if text.trim_start().starts_with('<') => "XML",
        _ if text.contains("type Query") => "GRAPHQL",
        _ => "AVRO",
    }
}

impl Store {
    /// Stores a content or finds it. Each try takes a contentId, also one that finds the content there: the real ones ask the
    /// sequence before they look (seen on both; reference: apicurio.md §4.9).
    pub(super) fn put_content(
        &mut self,
        bytes: &[u8],
        references: Option<String>,
        content_type: Option<String>,
    ) -> u64 {
        let hash = content_hash(bytes, references.as_deref());
        self.ids.content += 1;
        if let Some(known) = self.by_hash.get(&hash) {
            return *known;
        }
        let content = Content {
            bytes: Arc::from(bytes),
            canonical_hash: content_hash(&canonical(bytes), references.as_deref()),
            hash,
            references,
            content_type,
        };
        let id = self.ids.content;
        self.insert_content(id, content);
        id
    }

    /// Puts a content in under its id.
    pub fn insert_content(&mut self, id: u64, content: Content) {
        self.by_hash.insert(content.hash.clone(), id);
        self.contents.insert(id, content);
    }

    /// The contentId of a hash.
    pub fn content_id(&self, hash: &str) -> Option<u64> {
        self.by_hash.get(hash).copied()
    }

    /// Drops a content that 2.6 has no version of any more; 3.x keeps it (reference: apicurio.md §4.6, §5.1).
    pub(super) fn drop_orphan(&mut self, content_id: u64) {
        if self.is_v2()
            && !self.is_used(content_id)
            && let Some(content) = self.contents.remove(&content_id)
        {
            self.by_hash.remove(&content.hash);
        }
    }

    /// The version of an artifact with that content, the newest first.
    ///
    /// Canonically, 2.6 looks for the references too; 3.3 does not find imported contents when references are passed, and
    /// does not look at references when none are (reference: apicurio.md §2.9, §3.4).
    pub fn look_up(&self, key: &super::Key, bytes: &[u8], references: Option<&str>, how: bool) -> Result<u64, Refusal> {
        let artifact = self.artifact(key)?;
        let wanted = content_hash(bytes, references);
        let plain = canonical(bytes);
        let same = |id: &u64| {
            let content = self
                .versions
                .get(id)
                .and_then(|version| self.contents.get(&version.content_id));
            content.is_some_and(|content| match (how, self.is_v2()) {
                (false, _) => content.hash == wanted,
                (true, true) => content.references.as_deref() == references && canonical(&content.bytes) == plain,
                (true, false) => references.is_none() && canonical(&content.bytes) == plain,
            })
        };
        let found = artifact.versions.iter().rev().copied().find(same);
        found.ok_or_else(|| super::missing(key))
    }
}
