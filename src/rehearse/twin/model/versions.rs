use super::{Branch, Key, Refusal, Store, missing};

/// Whether the v3 API can name a version: others live, but on no branch (reference: apicurio.md §2.5, §4.4).
pub fn is_addressable(version: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    (1..=256).contains(&version.len()) && version.chars().all(plain)
}

/// The refusal of a version string that the v3 API cannot name.
pub fn unnameable(version: &str) -> Refusal {
    let message = format!(
        "Version ID '{version}' is invalid. It must consist of alphanumeric characters or '._-+', and have length 1..256 (inclusive)."
    );
    Refusal::new(400, "ValidationException", message)
}

impl Store {
    /// The globalId of a version expression of the v3 API: a version string, or `branch=` and a branch.
    pub fn expression(&self, key: &Key, expression: &str) -> Result<u64, Refusal> {
        if let Some(branch) = expression.strip_prefix("branch=") {
            let tip = match branch {
                "latest" => self.latest(key),
                _ => self.branch(key, branch)?.versions.last().copied(),
            };
            let what = format!("<tip of the branch '{branch}'>");
            return tip.ok_or_else(|| Refusal::no_version(key.group.as_deref(), &key.artifact, &what));
        }
        if !is_addressable(expression) {
            let message = format!("Could not parse version expression '{expression}'.");
            return Err(Refusal::new(400, "ValidationException", message));
        }
        self.global_id(key, expression)
    }

    pub fn branch(&self, key: &Key, branch: &str) -> Result<&Branch, Refusal> {
        let found = self.artifact(key)?.branches.get(branch);
        found.ok_or_else(|| no_branch(key, branch))
    }

    /// Puts a new version on top of `latest`, which is made when it is not there.
    pub fn on_top(&mut self, key: &Key, global_id: u64) {
        let now = self.now;
        let Some(artifact) = self.artifacts.get_mut(key) else {
            return;
        };
        let branch = artifact.branches.entry("latest".to_owned()).or_insert_with(|| Branch {
            system_defined: true,
            owner: Some(String::new()),
            created_on: now,
            modified_by: Some(String::new()),
            ..Branch::default()
        });
        branch.versions.push(global_id);
        branch.modified_on = now;
    }

    /// Replaces the versions of a branch, or appends to them. An imported `latest` has no protection (reference: apicurio.md
    /// §2.6, §4.6).
    pub fn put_branch(&mut self, key: &Key, branch: &str, versions: &[String], append: bool) -> Result<(), Refusal> {
        self.writable()?;
        let found = self.branch(key, branch)?;
        if found.system_defined {
            return Err(Refusal::not_allowed(
                409,
                "System generated branches cannot be modified.",
            ));
        }
        let mut all = if append { found.versions.clone() } else { Vec::new() };
        for version in versions {
            if !is_addressable(version) {
                return Err(unnameable(version));
            }
            let id = self.global_id(key, version).ok().filter(|id| !all.contains(id));
            all.push(
                id.ok_or_else(|| Refusal::storage("RuntimeSqlException", "constraint violation: BRANCH_VERSIONS"))?,
            );
        }
        let now = self.now;
        if let Some(branch) = self.artifact_mut(key)?.branches.get_mut(branch) {
            branch.versions = all;
            branch.modified_on = now;
        }
        Ok(())
    }

    /// Makes a branch that anybody may change.
    pub fn make_branch(&mut self, key: &Key, branch: &str, versions: &[String]) -> Result<(), Refusal> {
        self.writable()?;
        let now = self.now;
        if self.artifact(key)?.branches.contains_key(branch) {
            let message = format!("Branch '{branch}' already exists.");
            return Err(Refusal::new(409, "BranchAlreadyExistsException", message));
        }
        let made = Branch {
            owner: Some(String::new()),
            created_on: now,
            modified_by: Some(String::new()),
            ..Branch::default()
        };
        self.artifact_mut(key)?.branches.insert(branch.to_owned(), made);
        self.put_branch(key, branch, versions, false)
    }

    /// Deletes a branch that is not protected.
    pub fn delete_branch(&mut self, key: &Key, branch: &str) -> Result<(), Refusal> {
        self.writable()?;
        if self.branch(key, branch)?.system_defined {
            return Err(Refusal::not_allowed(
                409,
                "System generated branches cannot be deleted.",
            ));
        }
        let artifact = self.artifacts.get_mut(key).ok_or_else(|| missing(key))?;
        artifact.branches.remove(branch);
        Ok(())
    }
}

fn no_branch(key: &Key, branch: &str) -> Refusal {
    let group = key.group.as_deref().unwrap_or("default");
    let message = format!("No branch '{branch}' was found in {group}/{}.", key.artifact);
    Refusal::new(404, "BranchNotFoundException", message)
}
