use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Cursor, Read as _},
};

use serde_json::Value;

/// A registry's export, read by the lab's own few lines: an oracle that shares no code with the program.
pub struct Export {
    /// Documents by kind: `ArtifactVersion`, `Content`, `Comment`…
    pub documents: BTreeMap<String, Vec<Value>>,
    /// Contents by contentId.
    pub contents: BTreeMap<i64, Vec<u8>>,
}

impl Export {
    /// Reads a ZIP of either format; panics when it is not whole.
    pub fn read(zip: &[u8]) -> Self {
        let mut archive = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
        let mut entries = BTreeMap::new();
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index).unwrap();
            let name = entry.name().unwrap().to_string();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            assert!(
                entries.insert(name.clone(), bytes).is_none(),
                "two entries named {name}"
            );
        }
        let mut export = Self {
            documents: BTreeMap::new(),
            contents: BTreeMap::new(),
        };
        for (name, bytes) in entries.iter().filter(|(name, _)| name.ends_with(".json")) {
            let stem = name.trim_end_matches(".json");
            let (_, kind) = stem.rsplit_once('.').unwrap();
            let document: Value = serde_json::from_slice(bytes).unwrap();
            if kind == "Content" {
                let id = document["contentId"].as_i64().unwrap();
                export.contents.insert(id, entries[&format!("{stem}.data")].clone());
            }
            export.documents.entry(kind.to_owned()).or_default().push(document);
        }
        export
    }

    /// Number of documents of a kind.
    pub fn count(&self, kind: &str) -> usize {
        self.documents.get(kind).map_or(0, Vec::len)
    }

    /// Group and artifact ids, the default group as none.
    pub fn artifacts(&self) -> BTreeSet<(Option<String>, String)> {
        self.versions()
            .values()
            .map(|version| (version.group.clone(), version.artifact.clone()))
            .collect()
    }

    /// Every version by its globalId, as both formats tell it. A registry in use reads its contents before its versions: what
    /// was made in between is without one, and is whole in the next export.
    pub fn versions(&self) -> BTreeMap<i64, Version> {
        let rows = self.documents.get("ArtifactVersion").into_iter().flatten();
        let is_whole = |row: &&Value| {
            row["contentId"]
                .as_i64()
                .is_some_and(|id| self.contents.contains_key(&id))
        };
        rows.filter(is_whole)
            .map(|row| (row["globalId"].as_i64().unwrap(), self.version(row)))
            .collect()
    }

    fn version(&self, row: &Value) -> Version {
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let content = row["contentId"].as_i64().unwrap();
        Version {
            group: Some(text("groupId")).filter(|group| !group.is_empty() && group != "default"),
            artifact: text("artifactId"),
            version: text("version"),
            state: text("state"),
            name: text("name"),
            description: text("description"),
            created: row["createdOn"].as_i64(),
            content_id: content,
            content: self.contents[&content].clone(),
        }
    }

    /// What of `self` is not the same on `other`; what `other` has on top is not looked at.
    pub fn missing_from(&self, other: &Self) -> Vec<String> {
        let there = other.versions();
        let mut wrong = Vec::new();
        for (id, version) in self.versions() {
            if version.group.as_deref() == Some(SCRATCH_GROUP) {
                continue;
            }
            match there.get(&id) {
                None => wrong.push(format!("globalId {id} is missing: {version:?}")),
                Some(found) if *found != version => wrong.push(format!("globalId {id}: {version:?} became {found:?}")),
                Some(_) => {}
            }
        }
        let comments = |export: &Self| -> BTreeSet<(i64, String, String)> {
            let rows = export.documents.get("Comment").into_iter().flatten();
            rows.map(|row| {
                let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
                (row["globalId"].as_i64().unwrap(), text("commentId"), text("value"))
            })
            .collect()
        };
        wrong.extend(
            comments(self)
                .difference(&comments(other))
                .map(|comment| format!("comment {comment:?} is missing")),
        );
        wrong
    }
}

/// Where the program's own probes write; no part of anybody's content.
pub const SCRATCH_GROUP: &str = "regplan-probe";

/// A version as both sides must tell it.
#[derive(Clone, PartialEq, Eq)]
pub struct Version {
    pub group: Option<String>,
    pub artifact: String,
    pub version: String,
    pub state: String,
    pub name: String,
    pub description: String,
    pub created: Option<i64>,
    pub content_id: i64,
    pub content: Vec<u8>,
}

impl std::fmt::Debug for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let group = self.group.as_deref().unwrap_or("default");
        write!(
            f,
            "{group}/{}:{} {} {:?} {:?} content {} of {} bytes",
            self.artifact,
            self.version,
            self.state,
            self.name,
            self.description,
            self.content_id,
            self.content.len()
        )
    }
}
