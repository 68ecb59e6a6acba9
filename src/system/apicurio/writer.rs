use std::collections::BTreeMap;

use reqwest::{Method, Url};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    super::{Snapshots, SystemError},
    ArtifactId, RegistryReader, ServerVersion,
    api::{Api, ONE},
    listing::comments_url,
    reader::{READ_ONLY, core_url},
};

/// Writes to a registry.
pub struct RegistryWriter<'a> {
    reader: RegistryReader<'a>,
    /// Where it is noted that looks from before a write do not count any more.
    snapshots: Option<&'a Snapshots>,
}

/// A rule with its configuration: `VALIDITY`, `FULL`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// The type, as both versions write it.
    pub kind: String,
    /// The configuration.
    pub config: String,
}

/// What a group holds besides artifacts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct GroupMeta {
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    labels: Option<BTreeMap<String, Option<String>>>,
}

impl<'a> RegistryWriter<'a> {
    /// On top of a reader.
    pub(in crate::system) fn new(reader: RegistryReader<'a>) -> Self {
        Self {
            reader,
            snapshots: None,
        }
    }

    /// Notes its writes there.
    pub(in crate::system) fn noting(self, snapshots: &'a Snapshots) -> Self {
        Self {
            snapshots: Some(snapshots),
            ..self
        }
    }

    /// The reader below.
    pub fn reader(&self) -> &RegistryReader<'a> {
        &self.reader
    }

    /// To write with: whoever asks for it is about to.
    pub(super) fn api(&self) -> Result<&'a Api, SystemError> {
        if let Some(snapshots) = self.snapshots {
            snapshots.wrote(self.reader.name());
        }
        self.reader.main()
    }

    /// Sets a dynamic property. In force on the replica that is spoken with when this returns, on others within a minute
    /// (`reference/apicurio.md` §2.8). There is no method that deletes one: replicas disagree after that.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn set_property(&self, version: &ServerVersion, name: &str, value: &str) -> Result<(), SystemError> {
        let api = self.api()?;
        let url = core_url(api, version, &["admin", "config", "properties", name])?;
        api.act(Method::PUT, url, Some(json!({"value": value}))).await?;
        Ok(())
    }

    /// Makes a 3.x refuse writes, or take them again; in force everywhere when every replica says so.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn set_read_only(&self, version: &ServerVersion, enabled: bool) -> Result<(), SystemError> {
        self.set_property(version, READ_ONLY, if enabled { "true" } else { "false" })
            .await
    }

    /// Gives a group of a 3.x this description and these labels, and makes it when it is not there. Nothing is sent when it
    /// has them already.
    ///
    /// 3.x drops the properties of an imported group (§4.3), and a group that is there already is skipped by the import.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn put_group(
        &self,
        version: &ServerVersion,
        group: &str,
        description: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<bool, SystemError> {
        let api = self.api()?;
        let url = core_url(api, version, &["groups", group])?;
        let found: Option<GroupMeta> = api.json_if_there(url.clone(), ONE).await?;
        let Some(found) = found else {
            let all = core_url(api, version, &["groups"])?;
            let body = json!({"groupId": group, "description": description, "labels": labels});
            api.act(Method::POST, all, Some(body)).await?;
            return Ok(true);
        };
        if found.description.as_deref().unwrap_or_default() == description && same_labels(&found, labels) {
            return Ok(false);
        }
        let body = json!({"description": description, "labels": labels});
        api.act(Method::PUT, url, Some(body)).await?;
        Ok(true)
    }

    /// Sets a rule of an artifact, or a global one; replaces what is there.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn put_rule(
        &self,
        version: &ServerVersion,
        of: Option<&ArtifactId>,
        rule: &Rule,
    ) -> Result<(), SystemError> {
        let api = self.api()?;
        // The v2 API says `type`, v3's `ruleType`.
        let key = if version.is_v2() { "type" } else { "ruleType" };
        let body = json!({key: rule.kind, "config": rule.config});
        let one = rule_url(api, version, of, Some(&rule.kind))?;
        let answer = api.send(Method::PUT, one.clone(), Some(body.clone())).await?;
        if answer.status.as_u16() != 404 {
            api.expect("PUT", &one, answer)?;
            return Ok(());
        }
        api.act(Method::POST, rule_url(api, version, of, None)?, Some(body))
            .await?;
        Ok(())
    }

    /// Removes a rule of an artifact, or a global one; it is fine when there is none.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn delete_rule(
        &self,
        version: &ServerVersion,
        of: Option<&ArtifactId>,
        kind: &str,
    ) -> Result<(), SystemError> {
        let api = self.api()?;
        delete(api, rule_url(api, version, of, Some(kind))?).await
    }

    /// Removes a rule of a group of a 3.x; it is fine when there is none.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn delete_group_rule(&self, version: &ServerVersion, group: &str, kind: &str) -> Result<(), SystemError> {
        let api = self.api()?;
        delete(api, core_url(api, version, &["groups", group, "rules", kind])?).await
    }

    /// Gives an artifact this owner; false when it is not there. 2.6 takes it also for an artifact whose versions are all
    /// disabled (seen on 2.6.13). None takes an empty one (`reference/apicurio.md` §4.6).
    ///
    /// # Errors
    /// When it is refused.
    pub async fn put_owner(&self, version: &ServerVersion, of: &ArtifactId, owner: &str) -> Result<bool, SystemError> {
        let api = self.api()?;
        let mut path = vec!["groups", of.group_in_path(), "artifacts", &of.artifact];
        if version.is_v2() {
            path.push("owner");
        }
        let url = core_url(api, version, &path)?;
        let body = json!({"owner": owner});
        let answer = api.send(Method::PUT, url.clone(), Some(body)).await?;
        if answer.status.as_u16() == 404 {
            return Ok(false);
        }
        api.expect("PUT", &url, answer)?;
        Ok(true)
    }

    /// Removes a comment; it is fine when there is none.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn delete_comment(
        &self,
        version: &ServerVersion,
        of: &ArtifactId,
        of_version: &str,
        comment: &str,
    ) -> Result<(), SystemError> {
        let api = self.api()?;
        delete(api, comments_url(api, version, of, of_version, Some(comment))?).await
    }
}

/// An absent label value and an empty one are equal (`reference/apicurio.md` §5.1).
fn same_labels(found: &GroupMeta, wanted: &BTreeMap<String, String>) -> bool {
    let empty = BTreeMap::new();
    let found = found.labels.as_ref().unwrap_or(&empty);
    found.len() == wanted.len()
        && found.iter().all(|(key, value)| {
            wanted
                .get(key)
                .is_some_and(|wanted| wanted == value.as_deref().unwrap_or_default())
        })
}

fn rule_url(
    api: &Api,
    version: &ServerVersion,
    of: Option<&ArtifactId>,
    kind: Option<&str>,
) -> Result<Url, SystemError> {
    let mut path = match of {
        Some(id) => vec!["groups", id.group_in_path(), "artifacts", &id.artifact, "rules"],
        None => vec!["admin", "rules"],
    };
    path.extend(kind);
    core_url(api, version, &path)
}

/// Deletes what may be gone already.
pub(super) async fn delete(api: &Api, url: Url) -> Result<(), SystemError> {
    let answer = api.send(Method::DELETE, url.clone(), None::<Value>).await?;
    if answer.status.as_u16() != 404 {
        api.expect("DELETE", &url, answer)?;
    }
    Ok(())
}
