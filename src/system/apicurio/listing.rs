use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Url;
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    super::{Progress, SystemError},
    RegistryReader, ServerVersion,
    api::{Api, LIST, ONE, query},
    reader::core_url,
};

/// Requests at a time: enough to hide the round trips, few enough for a registry that serves its readers meanwhile.
const AT_ONCE: usize = 8;
/// How often a list is asked for again when somebody writes while it is read.
const LIST_TRIES: u32 = 5;

/// An artifact; the default group is `None`, whatever a server writes for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArtifactId {
    /// The group.
    pub group: Option<String>,
    /// The id within it.
    pub artifact: String,
}

/// What `latest` of an artifact is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latest {
    /// The version string.
    pub version: String,
    /// Its globalId.
    pub global_id: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    /// 2.6 calls it `id`.
    #[serde(alias = "id")]
    artifact_id: String,
    group_id: Option<String>,
    /// 2.6 calls it `createdBy`.
    #[serde(alias = "createdBy")]
    owner: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    count: u64,
    artifacts: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    version: String,
    global_id: u64,
}

#[derive(Deserialize)]
struct Count {
    count: u64,
}

impl ArtifactId {
    /// From what a server wrote: no group, an empty one and `default` are one.
    pub fn new(group: Option<&str>, artifact: impl Into<String>) -> Self {
        Self {
            group: group
                .filter(|group| !group.is_empty() && !group.eq_ignore_ascii_case("default"))
                .map(str::to_owned),
            artifact: artifact.into(),
        }
    }

    /// The group as a path names it.
    pub fn group_in_path(&self) -> &str {
        self.group.as_deref().unwrap_or("default")
    }
}

impl std::fmt::Display for ArtifactId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.group_in_path(), self.artifact)
    }
}

impl RegistryReader<'_> {
    /// All artifacts.
    ///
    /// One long list, because the sort keys are not unique and paging can repeat or skip rows (`reference/apicurio.md`
    /// §1.5, §2.4); checked against the registry's own count.
    ///
    /// # Errors
    /// When nobody answers, or the list does not agree with its count, also after some tries.
    pub async fn artifacts(&self, version: &ServerVersion) -> Result<BTreeSet<ArtifactId>, SystemError> {
        Ok(self.listed(version).await?.into_keys().collect())
    }

    /// Who owns each artifact of a 2.6; empty for nobody.
    ///
    /// From the list that [`RegistryReader::artifacts`] reads: its `createdBy` is what `…/owner` answers, also after a
    /// `PUT …/owner` and when the first or the latest version was deleted or disabled. It names the owner of an artifact whose
    /// versions are all disabled as well, for which `…/owner` answers 404 (seen on 2.6.13). 500 artifacts with 10,000 versions
    /// take it 10 to 30 ms, their export 0.8 s; both at once some 40 ms more than the export alone, on a busy machine.
    ///
    /// # Errors
    /// As [`RegistryReader::artifacts`].
    pub async fn owners(&self, version: &ServerVersion) -> Result<BTreeMap<ArtifactId, String>, SystemError> {
        self.listed(version).await
    }

    /// All artifacts and their owners.
    async fn listed(&self, version: &ServerVersion) -> Result<BTreeMap<ArtifactId, String>, SystemError> {
        let api = self.main()?;
        let base = core_url(api, version, &["search", "artifacts"])?;
        let mut limit = self.counts(version).await?.artifacts + 100;
        let mut seen = String::new();
        for _ in 0..LIST_TRIES {
            let page: Page = api
                .json(query(base.clone(), &[("limit", &limit.to_string())]), LIST)
                .await?;
            let found: BTreeMap<ArtifactId, String> = page
                .artifacts
                .into_iter()
                .map(|row| {
                    let id = ArtifactId::new(row.group_id.as_deref(), row.artifact_id);
                    (id, row.owner.unwrap_or_default())
                })
                .collect();
            if found.len() as u64 == page.count {
                return Ok(found);
            }
            seen = format!("it lists {} artifacts and counts {}", found.len(), page.count);
            limit = page.count + 100;
        }
        Err(api.unusable("GET", &base, seen))
    }

    /// How many versions each artifact has, by its own list.
    ///
    /// # Errors
    /// When nobody answers, or not as documented.
    pub async fn version_counts(
        &self,
        version: &ServerVersion,
        artifacts: &BTreeSet<ArtifactId>,
        log: &Progress,
    ) -> Result<BTreeMap<ArtifactId, u64>, SystemError> {
        let api = self.main()?;
        let count = |id: ArtifactId| async move {
            let url = core_url(
                api,
                version,
                &["groups", id.group_in_path(), "artifacts", &id.artifact, "versions"],
            )?;
            let counted: Option<Count> = api.json_if_there(query(url, &[("limit", "1")]), ONE).await?;
            Ok((id, counted.map_or(0, |counted| counted.count)))
        };
        each(artifacts, count, "versions counted", log).await
    }

    /// The ids of the comments of a version.
    ///
    /// # Errors
    /// When nobody answers, or not as documented.
    pub async fn comments(
        &self,
        version: &ServerVersion,
        of: &ArtifactId,
        of_version: &str,
    ) -> Result<BTreeSet<String>, SystemError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Comment {
            comment_id: String,
        }
        let api = self.main()?;
        let url = comments_url(api, version, of, of_version, None)?;
        let comments: Vec<Comment> = api.json(url, LIST).await?;
        Ok(comments.into_iter().map(|comment| comment.comment_id).collect())
    }

    /// What `latest` of every artifact is; `None` for an artifact that has none, because all its versions are disabled.
    ///
    /// # Errors
    /// When nobody answers, or not as documented.
    pub async fn latest(
        &self,
        version: &ServerVersion,
        artifacts: &BTreeSet<ArtifactId>,
        log: &Progress,
    ) -> Result<BTreeMap<ArtifactId, Option<Latest>>, SystemError> {
        let api = self.main()?;
        let latest = |id: ArtifactId| async move {
            let meta: Option<Meta> = meta_of_latest(api, version, &id).await?;
            let latest = meta.map(|meta| Latest {
                version: meta.version,
                global_id: meta.global_id,
            });
            Ok((id, latest))
        };
        each(artifacts, latest, "latest versions read", log).await
    }
}

async fn meta_of_latest<T: DeserializeOwned>(
    api: &Api,
    version: &ServerVersion,
    id: &ArtifactId,
) -> Result<Option<T>, SystemError> {
    let artifact = ["groups", id.group_in_path(), "artifacts", &id.artifact];
    let tail: &[&str] = if version.is_v2() {
        &["meta"]
    } else {
        &["versions", "branch=latest"]
    };
    api.json_if_there(core_url(api, version, &[&artifact, tail].concat())?, ONE)
        .await
}

/// Asks one thing of every artifact, a few at a time.
async fn each<T, F: Future<Output = Result<(ArtifactId, T), SystemError>>>(
    artifacts: &BTreeSet<ArtifactId>,
    ask: impl Fn(ArtifactId) -> F,
    text: &str,
    log: &Progress,
) -> Result<BTreeMap<ArtifactId, T>, SystemError> {
    let of = artifacts.len() as u64;
    // A line per artifact would drown the log.
    let every = (of / 20).max(50);
    let mut answers = stream::iter(artifacts.iter().cloned().map(ask)).buffer_unordered(AT_ONCE);
    let mut all = BTreeMap::new();
    while let Some((id, answer)) = answers.try_next().await? {
        all.insert(id, answer);
        let done = all.len() as u64;
        if done.is_multiple_of(every) {
            log.count(text, done, of);
        }
    }
    Ok(all)
}

/// The comments of a version, or one of them.
pub(super) fn comments_url(
    api: &Api,
    version: &ServerVersion,
    of: &ArtifactId,
    of_version: &str,
    comment: Option<&str>,
) -> Result<Url, SystemError> {
    let group = of.group_in_path();
    let mut path = vec![
        "groups",
        group,
        "artifacts",
        &of.artifact,
        "versions",
        of_version,
        "comments",
    ];
    path.extend(comment);
    core_url(api, version, &path)
}
