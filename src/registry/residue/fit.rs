use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
};

use super::{Backport, Capability, Remnant, Residue, codes};
use crate::registry::{ArtifactKey, BranchKey, Format, Labels, Snapshot, VersionState};

impl Backport {
    /// Takes out of a 3.x what a 2.6 cannot hold. A snapshot of a 2.6 stays as it is.
    ///
    /// regplan's own groups are left out of the residue, as of every comparison.
    pub fn of(source: Snapshot, capability: &Capability) -> Self {
        if source.format == Format::V2 {
            return Self {
                wanted: source,
                residue: Residue::default(),
            };
        }
        let mut fit = Fit {
            wanted: source,
            residue: Vec::new(),
        };
        fit.types(capability);
        fit.states();
        fit.latest();
        fit.empty();
        fit.rules(capability);
        fit.branches();
        fit.residue.extend(super::metadata::lost(&fit.wanted));
        super::metadata::show_versions(&mut fit.wanted);
        fit.residue.sort();
        Self {
            wanted: fit.wanted,
            residue: Residue(fit.residue),
        }
    }

    /// What a 2.6 can hold of a 3.x, as its way back needs it; `None` between any other two.
    pub fn between(source: &Snapshot, target: &Snapshot) -> Option<Self> {
        let back = source.format == Format::V3 && target.format == Format::V2;
        back.then(|| Self::of(source.clone(), &Capability::v2_6()).with_labels_of(target))
    }

    /// Takes labels as the 2.6 has them where they are the same to the contract: a label without a value and a property with
    /// an empty one are one thing to 3.x and two to 2.6 (reference: apicurio.md §4.7).
    ///
    /// Where the 2.6 does not have the version, an empty value becomes a label: so 3.x's own v2 API shows it (§2.9).
    #[must_use]
    pub fn with_labels_of(mut self, target: &Snapshot) -> Self {
        for (id, version) in &mut self.wanted.versions {
            let known = target.versions.get(id).map(|there| &there.labels);
            version.labels = match known.filter(|labels| labels.same(&version.labels)) {
                Some(labels) => labels.clone(),
                None => blank_as_none(&version.labels),
            };
        }
        self
    }
}

fn blank_as_none(labels: &Labels) -> Labels {
    let all = labels.iter().map(|(name, value)| {
        let value = value.filter(|value| !value.is_empty());
        (name.into(), value.map(Box::from))
    });
    Labels::from(all.collect::<BTreeMap<_, _>>())
}

/// One fitting under way.
struct Fit {
    wanted: Snapshot,
    residue: Vec<Remnant>,
}

impl Fit {
    fn note(&mut self, code: &'static str, artifact: &ArtifactKey, what: String, value: &str) {
        if !artifact.group.is_scratch() {
            self.residue.push(Remnant::new(code, what, value));
        }
    }

    fn types(&mut self, capability: &Capability) {
        let unknown: Vec<_> = self
            .wanted
            .artifacts
            .iter()
            .filter(|(_, artifact)| !capability.types.contains(&*artifact.artifact_type))
            .map(|(key, artifact)| (Arc::clone(key), Arc::clone(&artifact.artifact_type)))
            .collect();
        for (key, kind) in &unknown {
            self.note(codes::RESIDUE_TYPE, key, key.to_string(), kind);
        }
        self.drop_artifacts(&unknown.into_iter().map(|(key, _)| key).collect());
    }

    /// Drafts stay behind; what is about to go is served with a warning meanwhile.
    fn states(&mut self) {
        for version in self.wanted.versions.values_mut() {
            let code = match version.state {
                VersionState::Draft => codes::RESIDUE_DRAFT,
                VersionState::Sunset => codes::RESIDUE_SUNSET,
                VersionState::Enabled | VersionState::Disabled | VersionState::Deprecated => continue,
            };
            if !version.artifact.group.is_scratch() {
                let (what, state) = (&*version, version.state);
                self.residue.push(Remnant::new(code, what, state));
            }
            if version.state == VersionState::Sunset {
                version.state = VersionState::Deprecated;
            }
        }
        let published = |version: &super::super::Version| version.state != VersionState::Draft;
        self.wanted.versions.retain(|_, version| published(version));
        let versions = &self.wanted.versions;
        self.wanted
            .comments
            .retain(|key, _| versions.contains_key(&key.global_id));
    }

    /// Exactly one version of an artifact is flagged, since 2.6 follows the flag (reference: apicurio.md §4.7).
    fn latest(&mut self) {
        for version in self.wanted.versions.values_mut() {
            version.is_latest = false;
        }
        let ids = self.wanted.versions_by_artifact().into_values();
        let latest: Vec<u64> = ids.filter_map(|ids| self.wanted.latest_of(&ids)).collect();
        for id in latest {
            if let Some(version) = self.wanted.versions.get_mut(&id) {
                version.is_latest = true;
            }
        }
    }

    fn empty(&mut self) {
        let used: BTreeSet<_> = self
            .wanted
            .versions
            .values()
            .map(|version| Arc::clone(&version.artifact))
            .collect();
        let empty: BTreeSet<_> = self
            .wanted
            .artifacts
            .keys()
            .filter(|key| !used.contains(*key))
            .cloned()
            .collect();
        for key in &empty {
            self.note(codes::RESIDUE_EMPTY, key, key.to_string(), "no version");
        }
        self.drop_artifacts(&empty);
    }

    fn rules(&mut self, capability: &Capability) {
        let group_rules = mem::take(&mut self.wanted.group_rules);
        for (key, rule) in group_rules.iter().filter(|(key, _)| !key.group.is_scratch()) {
            let what = format!("group {} rule {}", key.group, key.rule);
            self.residue.push(Remnant::new(codes::RESIDUE_GROUP_RULE, what, rule));
        }
        let known = |rule: &str| capability.rules.contains(rule);
        let artifact_rules = mem::take(&mut self.wanted.artifact_rules);
        for (key, configuration) in artifact_rules {
            if known(&key.rule) {
                self.wanted.artifact_rules.insert(key, configuration);
            } else {
                let what = format!("{} rule {}", key.artifact, key.rule);
                self.note(codes::RESIDUE_RULE, &key.artifact, what, &configuration);
            }
        }
        let global_rules = mem::take(&mut self.wanted.global_rules);
        for (rule, configuration) in global_rules {
            if known(&rule) {
                self.wanted.global_rules.insert(rule, configuration);
            } else {
                let what = format!("global rule {rule}");
                self.residue
                    .push(Remnant::new(codes::RESIDUE_RULE, what, configuration));
            }
        }
    }

    /// Those that the server makes by itself follow from the versions; the others are somebody's work.
    fn branches(&mut self) {
        let branches = mem::take(&mut self.wanted.branches);
        for (key, branch) in branches {
            if branch.system_defined || *key.branch == *BranchKey::LATEST {
                continue;
            }
            let versions: Vec<&str> = branch.versions.iter().map(|version| &**version).collect();
            let what = format!("{} branch {}", key.artifact, key.branch);
            self.note(codes::RESIDUE_BRANCH, &key.artifact, what, &versions.join(", "));
        }
    }

    /// With everything that hangs on them.
    fn drop_artifacts(&mut self, gone: &BTreeSet<Arc<ArtifactKey>>) {
        if gone.is_empty() {
            return;
        }
        let wanted = &mut self.wanted;
        wanted.artifacts.retain(|key, _| !gone.contains(key));
        wanted.versions.retain(|_, version| !gone.contains(&version.artifact));
        let versions = &wanted.versions;
        wanted.comments.retain(|key, _| versions.contains_key(&key.global_id));
        wanted.artifact_rules.retain(|key, _| !gone.contains(&key.artifact));
        wanted.branches.retain(|key, _| !gone.contains(&key.artifact));
    }
}
