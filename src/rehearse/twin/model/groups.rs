use super::{Edit, Group, Refusal, Store, create::cut, group_id};

impl Store {
    pub fn group(&self, group: &str) -> Result<&Group, Refusal> {
        self.groups.get(group).ok_or_else(|| Refusal::no_group(group))
    }

    /// Makes a group's row. 2.6 leaves it unmodified, and its refusal of one that is there is mapped to no status
    /// (reference: apicurio.md §1.5).
    pub fn create_group(&mut self, group: &str, edit: &Edit) -> Result<(), Refusal> {
        self.writable()?;
        let Some(id) = group_id(Some(group)) else {
            let message = format!("The group name '{group}' is reserved and cannot be used.");
            return Err(Refusal::bad_request(message));
        };
        if self.groups.contains_key(&id) {
            let (status, message) = match self.is_v2() {
                true => (500, format!("The group '{id}' already exists.")),
                false => (409, format!("Group '{id}' already exists.")),
            };
            return Err(Refusal::new(status, "GroupAlreadyExistsException", message));
        }
        let is_v2 = self.is_v2();
        let row = Group {
            description: cut(edit.description.as_deref(), 1024),
            owner: Some(String::new()),
            created_on: self.now,
            modified_by: (!is_v2).then(String::new),
            modified_on: if is_v2 { 0 } else { self.now },
            tags: edit.tags.clone().unwrap_or_default(),
            ..Group::default()
        };
        self.groups.insert(id, row);
        Ok(())
    }

    /// Of 3.x: changes what is given.
    pub fn edit_group(&mut self, group: &str, edit: &Edit) -> Result<(), Refusal> {
        self.writable()?;
        let now = self.now;
        let id = group_id(Some(group));
        let shown = id.as_deref().unwrap_or("null");
        let row = self.groups.get_mut(shown).ok_or_else(|| Refusal::no_group(shown))?;
        if let Some(description) = &edit.description {
            row.description = cut(Some(description), 1024);
        }
        if let Some(tags) = &edit.tags {
            row.tags = tags.clone();
        }
        if let Some(owner) = &edit.owner {
            row.owner = Some(owner.clone());
        }
        row.modified_by = Some(String::new());
        row.modified_on = now;
        Ok(())
    }
}
