use super::{Comment, Key, Refusal, Store, Tags, create::cut};
use crate::registry::VersionState;

/// New metadata. 2.6 replaces all of it, 3.x only what is given (reference: apicurio.md §1.6, §4.6).
#[derive(Debug, Clone, Default)]
pub struct Edit {
    pub name: Option<String>,
    pub description: Option<String>,
    pub tags: Option<Tags>,
    pub owner: Option<String>,
}

/// Longest comment; characters.
const COMMENT: usize = 1024;

impl Store {
    pub fn edit_version(&mut self, global_id: u64, edit: &Edit) -> Result<(), Refusal> {
        self.writable()?;
        let (now, full) = (self.now, self.is_v2());
        self.fits(edit)?;
        let version = self.version_mut(global_id)?;
        replace(&mut version.name, cut(edit.name.as_deref(), 512), full);
        replace(&mut version.description, cut(edit.description.as_deref(), 1024), full);
        if let Some(tags) = edit.tags.clone().or_else(|| full.then(Tags::default)) {
            version.tags = tags;
        }
        version.modified_on = now;
        version.modified_by = Some(String::new());
        Ok(())
    }

    /// Of 3.x: an artifact's own metadata.
    pub fn edit_artifact(&mut self, key: &Key, edit: &Edit) -> Result<(), Refusal> {
        self.writable()?;
        if edit.owner.as_deref() == Some("") {
            let message = "Request is missing a required parameter: Owner cannot be empty";
            return Err(Refusal::new(400, "MissingRequiredParameterException", message));
        }
        self.fits(edit)?;
        let now = self.now;
        let artifact = self.artifact_mut(key)?;
        replace(&mut artifact.name, cut(edit.name.as_deref(), 512), false);
        replace(&mut artifact.description, cut(edit.description.as_deref(), 1024), false);
        replace(&mut artifact.owner, edit.owner.clone(), false);
        if let Some(tags) = &edit.tags {
            artifact.tags = tags.clone();
        }
        artifact.modified_on = now;
        artifact.modified_by = Some(String::new());
        Ok(())
    }

    /// By the v2 API, also of an artifact whose versions are all disabled; it cannot be nobody's (seen on 2.6.13 and 3.3.3).
    pub fn set_owner(&mut self, key: &Key, owner: &str) -> Result<(), Refusal> {
        if owner.is_empty() {
            let message = "Request is missing a required parameter: Missing required owner";
            return Err(Refusal::new(400, "MissingRequiredParameterException", message));
        }
        self.writable()?;
        self.artifact_mut(key)?.owner = Some(owner.to_owned());
        Ok(())
    }

    /// 3.3's label index breaks on keys that differ only by case; it takes long values by REST (reference: apicurio.md §4.6).
    fn fits(&self, edit: &Edit) -> Result<(), Refusal> {
        match &edit.tags {
            Some(tags) if !self.is_v2() && tags.clash() => Err(Refusal::storage(
                "RuntimeSqlException",
                "Unique index or primary key violation: VERSION_LABELS",
            )),
            _ => Ok(()),
        }
    }

    /// Any state to any other, but nothing goes to DRAFT; the same state again changes nothing (reference: apicurio.md §4.6).
    pub fn set_state(&mut self, global_id: u64, state: VersionState) -> Result<(), Refusal> {
        self.writable()?;
        if state == VersionState::Draft {
            return Err(Refusal::bad_request(
                "Illegal state transition: cannot transition to DRAFT state.",
            ));
        }
        let now = self.now;
        let version = self.version_mut(global_id)?;
        if version.state != state {
            version.state = state;
            version.modified_on = now;
        }
        Ok(())
    }

    /// Adds a comment. Its id is the counter's, which stands too low after an import of ten comments or more: then this fails
    /// until it has passed the highest id (reference: apicurio.md §4.8; H2's behaviour on 2.6).
    pub fn comment(&mut self, global_id: u64, value: &str) -> Result<String, Refusal> {
        self.writable()?;
        self.version(global_id)?;
        if value.chars().count() > COMMENT {
            return Err(self.comment_failed("Value too long for column CVALUE"));
        }
        self.ids.comment += 1;
        let id = self.ids.comment.to_string();
        if self.comments.contains_key(&id) {
            return Err(self.comment_failed("Unique index or primary key violation: COMMENTS"));
        }
        let comment = Comment {
            global_id,
            owner: Some(String::new()),
            created_on: self.now,
            value: value.to_owned(),
        };
        self.comments.insert(id.clone(), comment);
        Ok(id)
    }

    fn comment_failed(&self, message: &str) -> Refusal {
        let name = if self.is_v2() {
            "RegistryStorageException"
        } else {
            "RuntimeSqlException"
        };
        Refusal::storage(name, message)
    }

    /// The comment of a version.
    pub fn comment_mut(&mut self, global_id: u64, id: &str) -> Result<&mut Comment, Refusal> {
        self.writable()?;
        // 2.6 maps this one to no status (reference: apicurio.md §1.11).
        let status = if self.is_v2() { 500 } else { 404 };
        let comment = self
            .comments
            .get_mut(id)
            .filter(|comment| comment.global_id == global_id);
        comment.ok_or_else(|| {
            Refusal::new(
                status,
                "CommentNotFoundException",
                format!("No comment with ID '{id}' was found."),
            )
        })
    }

    pub fn delete_comment(&mut self, global_id: u64, id: &str) -> Result<(), Refusal> {
        self.comment_mut(global_id, id)?;
        self.comments.remove(id);
        Ok(())
    }

    /// The comments of a version, newest first.
    pub fn comments_of(&self, global_id: u64) -> Vec<(&String, &Comment)> {
        let mut all: Vec<_> = self
            .comments
            .iter()
            .filter(|(_, comment)| comment.global_id == global_id)
            .collect();
        all.sort_by_key(|(_, comment)| std::cmp::Reverse(comment.created_on));
        all
    }
}

fn replace(place: &mut Option<String>, value: Option<String>, full: bool) {
    if full || value.is_some() {
        *place = value;
    }
}
