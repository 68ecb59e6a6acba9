use std::path::Path;

use reqwest::{Method, Url, header};
use serde::Deserialize;

use super::{
    super::{Act, SystemError, http::Http},
    RegistryReader, ServerVersion,
    api::{Answer, Api, CONTENT, ONE, Patience, query},
    client::address,
    reader::{V2, V3, version_of},
};
use crate::model::SystemName;

/// A registry's API as its clients reach it: by one public address, often a load balancer's, with 2.6's API.
///
/// It can write, so only who may write makes one.
pub struct PublicApi {
    api: Api,
}

/// What 2.6's API answers to a create.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublicArtifact {
    /// The artifact.
    pub id: String,
    /// Its version string.
    pub version: String,
    /// Its globalId.
    pub global_id: u64,
    /// Its contentId.
    pub content_id: u64,
}

/// A read of content by one of its ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentBy<'a> {
    /// `ids/globalIds/{id}`.
    GlobalId(u64),
    /// `ids/contentIds/{id}/`.
    ContentId(u64),
    /// `ids/contentHashes/{sha256}/`.
    Hash(&'a str),
    /// Group, artifact and version.
    Coordinates(&'a str, &'a str, &'a str),
}

impl PublicApi {
    /// At that address, without a login. TLS is verified, `ca` holds certificates trusted besides the platform's; a proxy is never asked for an address on this machine.
    ///
    /// # Errors
    /// When it is no address.
    pub fn at(_may_write: &Act, system: &SystemName, url: &str, ca: Option<&Path>) -> Result<Self, SystemError> {
        let base = address(url).map_err(|reason| SystemError::Setup {
            system: system.clone(),
            reason,
        })?;
        let http = Http::open(system, std::slice::from_ref(&base), ca)?;
        Ok(Self {
            api: Api {
                system: system.clone(),
                base,
                http,
                login: None,
                tenant: None,
                patience: Patience::Normal,
            },
        })
    }

    /// The registry's own first address, with its login.
    ///
    /// # Errors
    /// When it has none.
    pub fn of(_may_write: &Act, registry: &RegistryReader<'_>) -> Result<Self, SystemError> {
        Ok(Self {
            api: registry.main()?.clone(),
        })
    }

    /// The same address with the login of a registry behind it, and its tenant.
    ///
    /// # Errors
    /// When the registry has no address.
    pub fn with_login_of(mut self, registry: &RegistryReader<'_>) -> Result<Self, SystemError> {
        let behind = registry.main()?;
        self.api.login.clone_from(&behind.login);
        self.api.tenant.clone_from(&behind.tenant);
        Ok(self)
    }

    /// The version that serves the address.
    ///
    /// # Errors
    /// When nobody answers, or not as a registry.
    pub async fn version(&self) -> Result<ServerVersion, SystemError> {
        version_of(&self.api).await
    }

    /// Whether 3.x's own API answers and says the same version.
    ///
    /// # Errors
    /// When it does not.
    pub async fn v3_version(&self) -> Result<String, SystemError> {
        #[derive(Deserialize)]
        struct Info {
            version: String,
        }
        let info: Info = self.api.json(self.url(&V3, &["system", "info"])?, ONE).await?;
        Ok(info.version)
    }

    /// How many artifacts a search finds, and one of them.
    ///
    /// # Errors
    /// When nobody answers, or not as documented.
    pub async fn search(&self) -> Result<(u64, Option<(String, String)>), SystemError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Row {
            id: String,
            group_id: Option<String>,
        }
        #[derive(Deserialize)]
        struct Page {
            count: u64,
            artifacts: Vec<Row>,
        }
        let url = query(self.url(&V2, &["search", "artifacts"])?, &[("limit", "1")]);
        let page: Page = self.api.json(url, ONE).await?;
        let first = page.artifacts.into_iter().next();
        Ok((
            page.count,
            first.map(|row| {
                (
                    row.group_id
                        .filter(|group| !group.is_empty())
                        .unwrap_or_else(|| "default".to_owned()),
                    row.id,
                )
            }),
        ))
    }

    /// What the latest version of an artifact is, by 2.6's API; `None` when it has none.
    ///
    /// # Errors
    /// When nobody answers, or not as documented.
    pub async fn meta(&self, group: &str, artifact: &str) -> Result<Option<PublicArtifact>, SystemError> {
        let url = self.url(&V2, &["groups", group, "artifacts", artifact, "meta"])?;
        self.api.json_if_there(url, ONE).await
    }

    /// The bytes of a content.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn content(&self, by: ContentBy<'_>) -> Result<Vec<u8>, SystemError> {
        let url = match by {
            ContentBy::GlobalId(id) => self.url(&V2, &["ids", "globalIds", &id.to_string()])?,
            ContentBy::ContentId(id) => with_slash(self.url(&V2, &["ids", "contentIds", &id.to_string()])?),
            ContentBy::Hash(hash) => with_slash(self.url(&V2, &["ids", "contentHashes", hash])?),
            ContentBy::Coordinates(group, artifact, version) => {
                self.url(&V2, &["groups", group, "artifacts", artifact, "versions", version])?
            }
        };
        let answer = self.api.get(url.clone(), CONTENT).await?;
        Ok(self.api.expect("GET", &url, answer)?.body.to_vec())
    }

    /// Creates an artifact of type JSON by 2.6's API, as its clients do.
    ///
    /// # Errors
    /// When it is refused, or the answer is lost.
    pub async fn create(&self, group: &str, artifact: &str, content: String) -> Result<PublicArtifact, SystemError> {
        let url = self.url(&V2, &["groups", group, "artifacts"])?;
        let request = self.api.http.quick.post(url.clone());
        let request = request
            .header(header::CONTENT_TYPE, "application/json")
            .header("X-Registry-ArtifactId", artifact)
            .header("X-Registry-ArtifactType", "JSON")
            .body(content);
        let response = self.api.sent(request).await?;
        let status = response.status();
        let body = self.api.read("POST", &url, response, ONE).await?;
        let answer = self.api.expect("POST", &url, Answer { status, body })?;
        serde_json::from_slice(&answer.body).map_err(|error| self.api.unusable("POST", &url, error.to_string()))
    }

    /// Deletes an artifact by 2.6's API: `false` when this registry does not let clients delete (405), as 3.x by default.
    ///
    /// # Errors
    /// When it is refused for another reason.
    pub async fn delete(&self, group: &str, artifact: &str) -> Result<bool, SystemError> {
        let url = self.url(&V2, &["groups", group, "artifacts", artifact])?;
        self.delete_at(url).await
    }

    /// Deletes a group by 2.6's API: `false` when this registry does not let clients delete (405).
    ///
    /// # Errors
    /// When it is refused for another reason.
    pub async fn delete_group(&self, group: &str) -> Result<bool, SystemError> {
        self.delete_at(self.url(&V2, &["groups", group])?).await
    }

    async fn delete_at(&self, url: Url) -> Result<bool, SystemError> {
        let answer = self.api.send(Method::DELETE, url.clone(), None).await?;
        match answer.status.as_u16() {
            404 => Ok(true),
            405 => Ok(false),
            _ => self.api.expect("DELETE", &url, answer).map(|_| true),
        }
    }

    fn url(&self, core: &[&str], path: &[&str]) -> Result<Url, SystemError> {
        self.api.url(&[core, path].concat())
    }
}

/// 2.6's documented form of these paths ends with a slash (`reference/apicurio.md` §10.3 P4, P5).
fn with_slash(mut url: Url) -> Url {
    let path = format!("{}/", url.path());
    url.set_path(&path);
    url
}
