use sha2::{Digest as _, Sha256};

use super::{Hash, Labels, Snapshot, Version};
use crate::model::Digest;

impl Snapshot {
    /// One hash over all that the equality contract wants equal: versions, the contents they use, comments, artifact and
    /// global rules. A 2.6 export and the 3.x export after a good import have the same. regplan's own groups are left out.
    ///
    /// Rows of groups and of artifacts are not in it: an import does not carry all of the former, and 2.6 has none of the latter.
    pub fn digest(&self) -> Digest {
        let mut all = Canonical::default();
        for (id, version) in self.own_versions() {
            all.text("version").number(id).version(version);
        }
        for (id, content) in self.used_contents() {
            all.text("content").number(id).text(&content.hash);
            all.bytes(&content.sha256.0).optional(content.references.as_deref());
        }
        for (key, comment) in self.own_comments() {
            all.text("comment").number(key.global_id).text(&key.comment_id);
            all.text(&comment.value).optional(comment.owner.as_deref());
            all.signed(comment.created_on);
        }
        for (key, configuration) in self.own_artifact_rules() {
            all.text("artifact rule").text(key.artifact.group.as_str());
            all.text(&key.artifact.artifact).text(&key.rule).text(configuration);
        }
        for (rule, configuration) in &self.global_rules {
            all.text("global rule").text(rule).text(configuration);
        }
        Digest::new(all.finish().to_string())
    }

    /// A short hash of each group row, sorted: id, description, labels (an absent value and an empty one are the same).
    /// regplan's own groups are left out.
    pub fn group_rows(&self) -> Vec<String> {
        let rows = self.groups.iter().filter(|(key, _)| !key.is_scratch());
        let mut hashes: Vec<_> = rows
            .map(|(key, group)| {
                let mut row = Canonical::default();
                row.text(key.as_str()).optional(group.description.as_deref());
                row.labels(&group.labels);
                // 64 bits: among thousands of groups two different rows meet by chance once in 10^12 registries.
                row.finish().to_string().chars().take(16).collect()
            })
            .collect();
        hashes.sort();
        hashes
    }
}

/// Hashes fields so that no two different rows give the same bytes: every text with its length before it.
#[derive(Default)]
struct Canonical(Sha256);

impl Canonical {
    fn version(&mut self, version: &Version) -> &mut Self {
        self.text(version.artifact.group.as_str())
            .text(&version.artifact.artifact)
            .text(&version.version)
            .signed(version.order)
            .number(version.content_id)
            .text(&version.state.to_string())
            .optional(version.name.as_deref())
            .optional(version.description.as_deref())
            .optional(version.owner.as_deref())
            .signed(version.created_on)
            .text(&version.artifact_type)
            .labels(&version.labels)
    }

    fn labels(&mut self, labels: &Labels) -> &mut Self {
        self.number(labels.iter().count() as u64);
        for (name, value) in labels.iter() {
            self.text(name).optional(value);
        }
        self
    }

    /// Absent and empty are the same.
    fn optional(&mut self, text: Option<&str>) -> &mut Self {
        self.text(text.unwrap_or(""))
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
        self
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.0.update(number.to_be_bytes());
        self
    }

    fn signed(&mut self, number: i64) -> &mut Self {
        self.0.update(number.to_be_bytes());
        self
    }

    fn finish(self) -> Hash {
        Hash(self.0.finalize().into())
    }
}
