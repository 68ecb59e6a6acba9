use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What of a registry is carried by the API because no export holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Repair {
    /// From a 2.6 to a 3.x: role mappings, where both sides take roles from them. What only the 3.x has stays.
    Roles,
    /// From a 2.6 to a 3.x: dynamic configuration properties that 3.x has under another name. Switches of deletions and of
    /// read-only are left alone.
    Properties,
    /// Both ways: who owns each artifact. An owner can be changed, never taken away.
    Owners,
}

impl Repair {
    /// All that there is.
    pub fn all() -> BTreeSet<Self> {
        BTreeSet::from([Self::Roles, Self::Properties, Self::Owners])
    }
}

/// Who has which role, when roles are kept in the registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleMapping {
    /// The key.
    pub principal_id: String,
    /// For people; it cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_name: Option<String>,
    /// `READ_ONLY`, `DEVELOPER` or `ADMIN`, on both versions.
    pub role: String,
}

/// What a registry keeps besides its content, and leaves out of its exports (reference: apicurio.md §3.5).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Role mappings by principal; `None`: roles come from elsewhere, so it has none and takes none.
    pub roles: Option<BTreeMap<String, RoleMapping>>,
    /// Dynamic properties with the values that are in force.
    pub properties: BTreeMap<String, String>,
}

/// What is to be set on a 3.x so that it behaves as the 2.6.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingsDelta {
    /// Mappings to make, and whether the principal has another role now.
    pub roles: Vec<(RoleMapping, bool)>,
    /// Values to set, by 3.x's names.
    pub properties: BTreeMap<String, String>,
    /// What is not carried, for people.
    pub left: Vec<String>,
}

/// How a dynamic property of 2.6 is called on 3.x.
enum Counterpart {
    /// So, with the same values.
    Named(&'static str),
    /// So, and moving it is not ours: it lets clients delete.
    Switch(&'static str),
    /// Not as a dynamic property; what to do instead.
    ByHand(&'static str),
}

/// All that 2.6.13 lists (reference: apicurio.md §1.8, §6.2, §6.3).
fn counterpart(name: &str) -> Option<Counterpart> {
    Some(match name {
        "registry.auth.anonymous-read-access.enabled" => {
            Counterpart::Named("apicurio.auth.anonymous-read-access.enabled")
        }
        "registry.auth.owner-only-authorization" => Counterpart::Named("apicurio.auth.owner-only-authorization"),
        "registry.ccompat.legacy-id-mode.enabled" => Counterpart::Named("apicurio.ccompat.legacy-id-mode.enabled"),
        "registry.download.href.ttl" => Counterpart::Named("apicurio.download.href.ttl.seconds"),
        "registry.rest.artifact.deletion.enabled" => {
            Counterpart::Switch("apicurio.rest.deletion.artifact-version.enabled")
        }
        "registry.auth.basic-auth-client-credentials.enabled" => {
            Counterpart::ByHand("set APICURIO_AUTHN_BASIC_CLIENT_CREDENTIALS_ENABLED in its environment")
        }
        "registry.ui.features.readOnly" => Counterpart::ByHand("3.x has no such switch for its UI"),
        _ => return None,
    })
}

impl SettingsDelta {
    /// From a 2.6 to a 3.x, of what may be repaired. What only the 3.x has stays: its first administrator must.
    pub fn between(source: &Settings, target: &Settings, repair: &BTreeSet<Repair>) -> Self {
        let mut delta = Self::default();
        if repair.contains(&Repair::Roles) {
            delta.compare_roles(source, target);
        }
        if repair.contains(&Repair::Properties) {
            for (name, value) in &source.properties {
                delta.compare_property(name, value, target);
            }
        }
        delta
    }

    fn compare_roles(&mut self, source: &Settings, target: &Settings) {
        let Some(ours) = source.roles.as_ref().filter(|ours| !ours.is_empty()) else {
            return;
        };
        let Some(theirs) = &target.roles else {
            self.left.push(format!(
                "{} role mappings: the target takes roles from elsewhere; set APICURIO_AUTH_ROLE_SOURCE=application there",
                ours.len()
            ));
            return;
        };
        for (principal, mapping) in ours {
            match theirs.get(principal) {
                Some(there) if there.role == mapping.role => {}
                there => self.roles.push((mapping.clone(), there.is_some())),
            }
        }
    }

    fn compare_property(&mut self, name: &str, value: &str, target: &Settings) {
        let there = |name: &str| target.properties.get(name).map(String::as_str);
        match counterpart(name) {
            Some(Counterpart::Named(called)) => match there(called) {
                Some(there) if there == value => {}
                Some(_) => {
                    self.properties.insert(called.to_owned(), value.to_owned());
                }
                None => self
                    .left
                    .push(format!("property {name} is {value}: the target lists no {called}")),
            },
            Some(Counterpart::Switch(called)) if there(called) != Some(value) => self.left.push(format!(
                "property {name} is {value}: switches of deletions are left alone; {called} is yours to set"
            )),
            Some(Counterpart::ByHand(what)) if value != "false" => {
                self.left.push(format!("property {name} is {value}: {what}"));
            }
            Some(Counterpart::Switch(_) | Counterpart::ByHand(_)) => {}
            None => self
                .left
                .push(format!("property {name}: no property of 3.x is known for it")),
        }
    }

    /// Whether nothing is to be set.
    pub fn is_empty(&self) -> bool {
        self.roles.is_empty() && self.properties.is_empty()
    }

    /// One line for each thing to set.
    pub fn lines(&self) -> Vec<String> {
        let roles = self.roles.iter().map(|(mapping, _)| mapping.to_string());
        let properties = self.properties.iter();
        let properties = properties.map(|(name, value)| format!("property {name} = {value}"));
        roles.chain(properties).collect()
    }
}

impl fmt::Display for RoleMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "role {} for {}", self.role, self.principal_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(roles: Option<&[(&str, &str)]>, properties: &[(&str, &str)]) -> Settings {
        let mapping = |(id, role): &(&str, &str)| {
            let mapping = RoleMapping {
                principal_id: (*id).to_owned(),
                principal_name: None,
                role: (*role).to_owned(),
            };
            ((*id).to_owned(), mapping)
        };
        let properties = properties.iter();
        Settings {
            roles: roles.map(|roles| roles.iter().map(mapping).collect()),
            properties: properties.map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        }
    }

    #[test]
    fn roles_are_made_or_changed_and_those_of_the_target_stay() {
        let v2 = settings(
            Some(&[("alice", "ADMIN"), ("bob", "DEVELOPER"), ("eve", "READ_ONLY")]),
            &[],
        );
        let v3 = settings(Some(&[("alice", "ADMIN"), ("bob", "ADMIN"), ("root", "ADMIN")]), &[]);
        let delta = SettingsDelta::between(&v2, &v3, &Repair::all());
        assert_eq!(delta.lines(), ["role DEVELOPER for bob", "role READ_ONLY for eve"]);
        assert_eq!(
            delta.roles.iter().map(|(_, there)| *there).collect::<Vec<_>>(),
            [true, false]
        );
        assert!(SettingsDelta::between(&v2, &v3, &BTreeSet::from([Repair::Properties])).is_empty());
    }

    #[test]
    fn roles_that_the_target_cannot_keep_are_said() {
        let with = settings(Some(&[("alice", "ADMIN")]), &[]);
        let without = settings(None, &[]);
        let delta = SettingsDelta::between(&with, &without, &Repair::all());
        assert!(
            delta.is_empty() && delta.left[0].contains("ROLE_SOURCE"),
            "{:?}",
            delta.left
        );
        let delta = SettingsDelta::between(&without, &with, &Repair::all());
        assert_eq!(delta, SettingsDelta::default());
    }

    #[test]
    fn properties_are_carried_by_their_new_names_and_switches_of_deletions_are_not() {
        let v2 = settings(
            None,
            &[
                ("registry.ccompat.legacy-id-mode.enabled", "true"),
                ("registry.download.href.ttl", "30"),
                ("registry.rest.artifact.deletion.enabled", "true"),
                ("registry.ui.features.readOnly", "false"),
                ("registry.of.a.later.release", "x"),
            ],
        );
        let v3 = settings(
            None,
            &[
                ("apicurio.ccompat.legacy-id-mode.enabled", "false"),
                ("apicurio.download.href.ttl.seconds", "30"),
                ("apicurio.rest.deletion.artifact-version.enabled", "false"),
                ("apicurio.storage.read-only.enabled", "false"),
            ],
        );
        let delta = SettingsDelta::between(&v2, &v3, &Repair::all());
        assert_eq!(
            delta.lines(),
            ["property apicurio.ccompat.legacy-id-mode.enabled = true"]
        );
        let left = delta.left.join("\n");
        assert!(left.contains("artifact-version.enabled is yours to set"), "{left}");
        assert!(
            left.contains("later.release") && !left.contains("ui.features"),
            "{left}"
        );
    }
}
