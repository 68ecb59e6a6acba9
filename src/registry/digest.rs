use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{ArtifactRuleKey, Comment, CommentKey, Content, Format, GroupKey, Hash, Labels, Snapshot, Version};
use crate::model::Digest;

/// What one group holds, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupDigest {
    /// Artifacts.
    pub artifacts: u64,
    /// Versions.
    pub versions: u64,
    /// One hash over its versions, the contents they use, their comments and the rules of its artifacts.
    pub digest: Digest,
}

impl Default for GroupDigest {
    fn default() -> Self {
        Self {
            artifacts: 0,
            versions: 0,
            digest: Digest::from(""),
        }
    }
}

impl Snapshot {
    /// One hash over all that the equality contract wants equal: versions, the contents they use, comments, artifact and
    /// global rules. A 2.6 export and the 3.x export after a good import have the same. regplan's own groups are left out.
    ///
    /// Rows of groups and of artifacts are not in it: an import does not carry all of the former, and 2.6 has none of the latter.
    pub fn digest(&self) -> Digest {
        let mut all = Canonical::default();
        for (id, version) in self.own_versions() {
            all.versioned(id, version);
        }
        for (id, content) in self.used_contents() {
            all.content(id, content);
        }
        for (key, comment) in self.own_comments() {
            all.comment(key, comment);
        }
        for (key, configuration) in self.own_artifact_rules() {
            all.artifact_rule(key, configuration);
        }
        for (rule, configuration) in &self.global_rules {
            all.text("global rule").text(rule).text(configuration);
        }
        Digest::new(all.finish().to_string())
    }

    /// The same group by group, so that two registries that differ can be told where. Global rules are in none.
    pub fn group_digests(&self) -> BTreeMap<GroupKey, GroupDigest> {
        let mut groups: BTreeMap<&GroupKey, (Canonical, GroupDigest)> = BTreeMap::new();
        for (key, _) in self.own_artifacts() {
            groups.entry(&key.group).or_default().1.artifacts += 1;
        }
        for (id, version) in self.own_versions() {
            let (all, counts) = groups.entry(&version.artifact.group).or_default();
            counts.versions += 1;
            all.versioned(id, version);
            if let Some(content) = self.contents.get(&version.content_id) {
                all.content(version.content_id, content);
            }
        }
        for (key, comment) in self.own_comments() {
            if let Some(version) = self.versions.get(&key.global_id) {
                groups
                    .entry(&version.artifact.group)
                    .or_default()
                    .0
                    .comment(key, comment);
            }
        }
        for (key, configuration) in self.own_artifact_rules() {
            let (all, _) = groups.entry(&key.artifact.group).or_default();
            all.artifact_rule(key, configuration);
        }
        let finished = groups.into_iter().map(|(key, (all, counts))| {
            let digest = Digest::new(all.finish().to_string());
            (key.clone(), GroupDigest { digest, ..counts })
        });
        finished.collect()
    }

    /// One hash over the global rules.
    pub fn global_rules_digest(&self) -> Digest {
        let mut all = Canonical::default();
        for (rule, configuration) in &self.global_rules {
            all.text("global rule").text(rule).text(configuration);
        }
        Digest::new(all.finish().to_string())
    }

    /// One hash over what [`Self::digest`] leaves out and an export holds: rows and rules of groups, and of a 3.x rows of artifacts
    /// and branches. It is that of one registry: a 2.6 and a 3.x with equal content have different ones. Last changes are not in
    /// it, nor are regplan's own groups.
    pub fn rest_digest(&self) -> Digest {
        let mut all = Canonical::default();
        for (key, group) in self.groups.iter().filter(|(key, _)| !key.is_scratch()) {
            all.text("group")
                .text(key.as_str())
                .optional(group.description.as_deref());
            all.optional(group.artifacts_type.as_deref())
                .optional(group.owner.as_deref());
            all.signed(group.created_on).labels(&group.labels);
        }
        for (key, configuration) in self.group_rules.iter().filter(|(key, _)| !key.group.is_scratch()) {
            all.text("group rule")
                .text(key.group.as_str())
                .text(&key.rule)
                .text(configuration);
        }
        if self.format == Format::V3 {
            self.rows_of_v3(&mut all);
        }
        Digest::new(all.finish().to_string())
    }

    fn rows_of_v3(&self, all: &mut Canonical) {
        for (key, artifact) in self.own_artifacts() {
            all.text("artifact").text(key.group.as_str()).text(&key.artifact);
            all.text(&artifact.artifact_type).optional(artifact.name.as_deref());
            all.optional(artifact.description.as_deref())
                .optional(artifact.owner.as_deref());
            all.signed(artifact.created_on).labels(&artifact.labels);
        }
        for (key, branch) in self.branches.iter().filter(|(key, _)| !key.artifact.group.is_scratch()) {
            all.text("branch")
                .text(key.artifact.group.as_str())
                .text(&key.artifact.artifact);
            all.text(&key.branch).number(u64::from(branch.system_defined));
            all.number(branch.versions.len() as u64);
            for version in &branch.versions {
                all.text(version);
            }
        }
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
    fn versioned(&mut self, id: u64, version: &Version) {
        self.text("version").number(id).version(version);
    }

    fn content(&mut self, id: u64, content: &Content) {
        self.text("content").number(id).text(&content.hash);
        self.bytes(&content.sha256.0).optional(content.references.as_deref());
    }

    fn comment(&mut self, key: &CommentKey, comment: &Comment) {
        self.text("comment").number(key.global_id).text(&key.comment_id);
        self.text(&comment.value).optional(comment.owner.as_deref());
        self.signed(comment.created_on);
    }

    fn artifact_rule(&mut self, key: &ArtifactRuleKey, configuration: &str) {
        self.text("artifact rule").text(key.artifact.group.as_str());
        self.text(&key.artifact.artifact).text(&key.rule).text(configuration);
    }

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
