use std::collections::BTreeMap;

use super::{Refusal, Store};

impl Store {
    /// All mappings; refused for everybody while roles come from tokens (reference: apicurio.md §1.8).
    pub fn roles(&self) -> Result<&BTreeMap<String, (Option<String>, String)>, Refusal> {
        let none = || Refusal::new(403, "ForbiddenException", "Application RBAC not enabled.");
        self.roles.as_ref().ok_or_else(none)
    }

    /// Makes one.
    pub fn add_role(&mut self, principal: &str, name: Option<String>, role: &str) -> Result<(), Refusal> {
        if self.roles()?.contains_key(principal) {
            let message = format!("A mapping for principal '{principal}' and role '{role}' already exists.");
            return Err(Refusal::new(409, "RoleMappingAlreadyExistsException", message));
        }
        self.writable()?;
        let roles = self.roles.get_or_insert_default();
        roles.insert(principal.to_owned(), (name, role.to_owned()));
        Ok(())
    }

    /// Gives a principal another role, or with `None` none.
    pub fn set_role(&mut self, principal: &str, role: Option<&str>) -> Result<(), Refusal> {
        if !self.roles()?.contains_key(principal) {
            let message = format!("No role mapping for principal '{principal}' was found.");
            return Err(Refusal::new(404, "RoleMappingNotFoundException", message));
        }
        self.writable()?;
        let roles = self.roles.get_or_insert_default();
        match role {
            Some(role) => roles.entry(principal.to_owned()).or_default().1 = role.to_owned(),
            None => {
                roles.remove(principal);
            }
        }
        Ok(())
    }
}
