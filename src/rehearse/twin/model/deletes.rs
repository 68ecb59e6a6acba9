use super::{Key, Refusal, Store, missing};

impl Store {
    /// Deletes an artifact with all that hangs on it. 2.6 answers 500 and changes nothing while one of its versions has a
    /// comment (reference: apicurio.md §0 row 23).
    pub fn delete_artifact(&mut self, key: &Key) -> Result<(), Refusal> {
        self.writable()?;
        let ids = self.artifact(key)?.versions.clone();
        if self.is_v2() && self.comments.values().any(|comment| ids.contains(&comment.global_id)) {
            return Err(Refusal::storage(
                "RegistryStorageException",
                "Referential integrity constraint violation: COMMENTS",
            ));
        }
        self.artifacts.remove(key);
        for id in &ids {
            self.drop_version(*id);
        }
        Ok(())
    }

    /// Deletes one version; the artifact of the last one stays as a shell on 3.x and goes on 2.6.
    pub fn delete_version(&mut self, key: &Key, global_id: u64) -> Result<(), Refusal> {
        self.writable()?;
        let is_v2 = self.is_v2();
        let versions = &self.versions;
        let artifact = self.artifacts.get_mut(key).ok_or_else(|| missing(key))?;
        artifact.versions.remove(&global_id);
        for branch in artifact.branches.values_mut() {
            branch.versions.retain(|id| *id != global_id);
        }
        if artifact.latest == Some(global_id) {
            // The greatest version *as text*, so `2.0.0` before `10.0.0` (seen on 2.6.13).
            let text = |id: &u64| versions.get(id).map(|version| version.version.as_str());
            artifact.latest = artifact.versions.iter().copied().max_by_key(text);
        }
        if is_v2 && artifact.versions.is_empty() {
            self.artifacts.remove(key);
        }
        self.drop_version(global_id);
        Ok(())
    }

    /// All artifacts of a group.
    pub fn delete_artifacts(&mut self, group: Option<&str>) -> Result<(), Refusal> {
        self.writable()?;
        let all: Vec<Key> = self.keys_of(group).cloned().collect();
        for key in &all {
            self.delete_artifact(key)?;
        }
        Ok(())
    }

    /// A group with all that is in it.
    pub fn delete_group(&mut self, group: &str) -> Result<(), Refusal> {
        self.writable()?;
        if !self.groups.contains_key(group) {
            return Err(Refusal::no_group(group));
        }
        self.delete_artifacts(Some(group))?;
        self.groups.remove(group);
        Ok(())
    }

    /// The artifacts of a group.
    pub fn keys_of(&self, group: Option<&str>) -> impl Iterator<Item = &Key> {
        let wanted = super::group_id(group);
        self.artifacts
            .keys()
            .map(AsRef::as_ref)
            .filter(move |key| key.group == wanted)
    }

    fn drop_version(&mut self, global_id: u64) {
        self.comments.retain(|_, comment| comment.global_id != global_id);
        if let Some(version) = self.versions.remove(&global_id) {
            self.drop_orphan(version.content_id);
        }
    }
}
