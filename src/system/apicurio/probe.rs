//! The next ids of a registry: they can be read nowhere, only a version that it makes itself shows them (`reference/apicurio.md`
//! §4.9).

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::{
    super::SystemError,
    ArtifactId, RegistryReader, RegistryWriter, ServerVersion,
    api::{Api, ONE, query},
    reader::core_url,
};

/// The ids of a version that a registry made itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbeVersion {
    /// Its globalId: the greatest ever given out.
    pub global_id: u64,
    /// Its contentId, the greatest ever given out when the content is new.
    pub content_id: u64,
}

impl RegistryReader<'_> {
    /// The globalId of a version; `None` when there is none. Works for disabled ones too.
    ///
    /// # Errors
    /// When nobody answers, or not as documented.
    pub async fn global_id_of(
        &self,
        version: &ServerVersion,
        of: &ArtifactId,
        of_version: &str,
    ) -> Result<Option<u64>, SystemError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Meta {
            global_id: u64,
        }
        let api = self.main()?;
        let mut path = vec!["groups", of.group_in_path(), "artifacts", &of.artifact];
        path.extend(["versions", of_version]);
        if version.is_v2() {
            path.push("meta");
        }
        let meta: Option<Meta> = api.json_if_there(core_url(api, version, &path)?, ONE).await?;
        Ok(meta.map(|meta| meta.global_id))
    }
}

impl RegistryWriter<'_> {
    /// Makes a version of JSON in an artifact that is not there yet. A content that is there already keeps its old id.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn create_probe(
        &self,
        version: &ServerVersion,
        of: &ArtifactId,
        content: &str,
    ) -> Result<ProbeVersion, SystemError> {
        if version.is_v3() {
            return make_v3(self.api()?, version, of, content, false).await;
        }
        let api = self.api()?;
        let url = core_url(api, version, &["groups", of.group_in_path(), "artifacts"])?;
        let body = serde_json::from_str(content).map_err(|error| api.unusable("POST", &url, error.to_string()))?;
        let headers = [
            ("X-Registry-ArtifactId", of.artifact.as_str()),
            ("X-Registry-ArtifactType", "JSON"),
        ];
        let answer = api.send_with(Method::POST, url.clone(), Some(body), &headers).await?;
        let answer = api.expect("POST", &url, answer)?;
        serde_json::from_slice(&answer.body).map_err(|error| api.unusable("POST", &url, error.to_string()))
    }

    /// The ids that a 3.x would give out next, by a rehearsed create. It makes no version and uses up one globalId; a 3.3.3
    /// keeps the content, which no version uses, and the row of the group (seen). So the content must be one that nobody has.
    /// `None`: it takes no writes at the moment.
    ///
    /// # Errors
    /// When it is refused otherwise.
    pub async fn next_ids(
        &self,
        version: &ServerVersion,
        of: &ArtifactId,
        content: &str,
    ) -> Result<Option<ProbeVersion>, SystemError> {
        match make_v3(self.api()?, version, of, content, true).await {
            Ok(ids) => Ok(Some(ids)),
            Err(SystemError::Status { status: 409, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

async fn make_v3(
    api: &Api,
    version: &ServerVersion,
    of: &ArtifactId,
    content: &str,
    dry_run: bool,
) -> Result<ProbeVersion, SystemError> {
    #[derive(Deserialize)]
    struct Made {
        version: ProbeVersion,
    }
    let url = core_url(api, version, &["groups", of.group_in_path(), "artifacts"])?;
    let url = query(url, &[("dryRun", if dry_run { "true" } else { "false" })]);
    let body = json!({
        "artifactId": of.artifact,
        "artifactType": "JSON",
        "firstVersion": {"content": {"content": content, "contentType": "application/json"}},
    });
    let answer = api.act(Method::POST, url.clone(), Some(body)).await?;
    let made: Made =
        serde_json::from_slice(&answer.body).map_err(|error| api.unusable("POST", &url, error.to_string()))?;
    Ok(made.version)
}
