use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    super::{SystemError, causes},
    Apicurio, ServerVersion,
    api::{Api, ONE, Patience, query, shown},
};
use crate::{model::SystemName, registry::preflight::Storage};

/// The core API of 2.6; 3.x serves it too, on the same data.
pub(super) const V2: [&str; 3] = ["apis", "registry", "v2"];
/// The core API of 3.x.
pub(super) const V3: [&str; 3] = ["apis", "registry", "v3"];
/// The switch that makes 3.x refuse writes (`reference/apicurio.md` §2.8).
pub(super) const READ_ONLY: &str = "apicurio.storage.read-only.enabled";

/// Reads a registry; has no method that writes.
#[derive(Clone, Copy)]
pub struct RegistryReader<'a> {
    client: &'a Apicurio,
    /// Which replica is spoken with, from 0.
    replica: usize,
}

/// How much there is, as the registry counts it itself; scratch groups included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts {
    /// Groups with a row of their own.
    pub groups: u64,
    /// Artifacts.
    pub artifacts: u64,
    /// Versions; 3.x only, 2.6 cannot count them in one request.
    pub versions: Option<u64>,
}

/// What a replica does with writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaMode {
    /// Its address, without a login.
    pub url: String,
    /// Whether it refuses them; absent when it does not say.
    pub read_only: Option<bool>,
}

#[derive(Deserialize)]
struct Info {
    version: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Count {
    count: u64,
}

impl<'a> RegistryReader<'a> {
    pub(super) fn new(client: &'a Apicurio) -> Self {
        Self { client, replica: 0 }
    }

    /// The same registry, spoken with at each replica beyond the first.
    pub fn other_replicas(&self) -> impl Iterator<Item = Self> {
        let client = self.client;
        (1..client.replicas.len()).map(move |replica| Self { client, replica })
    }

    /// The name in the plan.
    pub fn name(&self) -> &'a SystemName {
        self.client.name()
    }

    /// The address that is spoken with, without a login.
    pub fn url(&self) -> String {
        self.client.url_of(self.replica)
    }

    /// The replica that is spoken with.
    pub(super) fn main(&self) -> Result<&'a Api, SystemError> {
        self.client
            .replicas
            .get(self.replica)
            .ok_or_else(|| SystemError::Setup {
                system: self.name().clone(),
                reason: "it has no address".to_owned(),
            })
    }

    /// The registry, all its replicas.
    pub(super) fn client(&self) -> &'a Apicurio {
        self.client
    }

    /// The version that it says it is; told by `system/info`, which needs no login.
    ///
    /// # Errors
    /// When nobody answers, or not as a registry.
    pub async fn version(&self) -> Result<ServerVersion, SystemError> {
        let version = version_of(self.main()?)
            .await
            .map_err(|error| self.about_tenants(error))?;
        if self.client.tenant.is_some() && version.is_v3() {
            return Err(SystemError::Setup {
                system: self.name().clone(),
                reason: format!("it is {version}, which has no tenants: leave `tenant` out"),
            });
        }
        Ok(version)
    }

    /// A 2.6 of several tenants refuses who names none, or one that it does not know, with a 403; others answer everybody.
    fn about_tenants(&self, error: SystemError) -> SystemError {
        let SystemError::Status {
            system,
            request,
            status: 403,
            detail,
        } = error
        else {
            return error;
        };
        let advice = match &self.client.tenant {
            None => "a registry of several tenants wants to be told which: write `tenant`".to_owned(),
            Some(tenant) => format!(
                "it knows no tenant `{tenant}`, or does not take it by the header `X-Tenant-Id`: then leave `tenant` out, end \
                 `urls` with `/t/{tenant}`, and write what they were to `management`"
            ),
        };
        let said = [detail, advice].into_iter().filter(|part| !part.is_empty());
        SystemError::Status {
            system,
            request,
            status: 403,
            detail: said.collect::<Vec<_>>().join("; "),
        }
    }

    /// What it stores its data in, when the plan says it.
    pub fn storage(&self) -> Option<Storage> {
        self.client.storage
    }

    /// Whether a 3.x keeps a journal in Kafka: as the plan says, or as its name does. A 3.0.9 calls itself "In Memory" on every
    /// storage, 3.3.2 and 3.3.3 "KafkaSQL" (`reference/apicurio.md` §2.2, docs/matrix.md).
    ///
    /// # Errors
    /// When nobody answers, or not as a registry.
    pub async fn keeps_journal(&self, version: &ServerVersion) -> Result<bool, SystemError> {
        if self.client.storage == Some(Storage::Kafkasql) {
            return Ok(true);
        }
        let api = self.main()?;
        let info: Info = api.json(core_url(api, version, &["system", "info"])?, ONE).await?;
        Ok(info.name.to_ascii_lowercase().contains("kafka"))
    }

    /// How much there is.
    ///
    /// # Errors
    /// When nobody answers, or not as documented.
    pub async fn counts(&self, version: &ServerVersion) -> Result<Counts, SystemError> {
        counts_of(self.main()?, version).await
    }

    /// The greatest globalId alive; 3.x only (2.6 cannot sort by it), 0 when there is none.
    ///
    /// # Errors
    /// When nobody answers, or not as documented.
    pub async fn max_global_id(&self, version: &ServerVersion) -> Result<Option<u64>, SystemError> {
        max_global_id_of(self.main()?, version).await
    }

    /// Whether every replica says that it is ready; `None` when nobody answers that question.
    ///
    /// The management address is asked when there is one, else the main one: 3.2 and later answer 404 there
    /// (`reference/apicurio.md` §1.9).
    pub async fn ready(&self) -> Option<bool> {
        let mut all = true;
        for api in &self.client.health {
            all &= is_ready(api).await?;
        }
        Some(all)
    }

    /// Whether every replica takes writes; `None` when that cannot be seen.
    ///
    /// 2.6 has no switch, so it always does. 3.2 and later say it per replica at `ccompat/v7/mode`; before, only the
    /// dynamic property can be read, and replicas follow it within a minute.
    pub async fn writable(&self, version: &ServerVersion) -> Option<bool> {
        if version.is_v2() {
            return Some(true);
        }
        let modes = self.modes(version).await;
        let writable: Option<Vec<bool>> = modes.iter().map(|mode| mode.read_only.map(|is| !is)).collect();
        Some(writable?.into_iter().all(|is| is))
    }

    /// What each replica of a 3.x does with writes, asked as [`Self::writable`] asks.
    pub async fn modes(&self, version: &ServerVersion) -> Vec<ReplicaMode> {
        let ask = async |api: &Api| ReplicaMode {
            url: shown(&api.base),
            read_only: is_writable(&hurried(api), version).await.map(|writable| !writable),
        };
        join_all(self.client.replicas.iter().map(ask)).await
    }

    /// Facts for expressions: cheap and live; what cannot be had is absent, and `reachable` says whether every replica
    /// answered.
    pub async fn facts(&self) -> Value {
        let replicas: Vec<Api> = self.client.replicas.iter().map(hurried).collect();
        let versions = join_all(replicas.iter().map(version_of)).await;
        // A replica that is down is one that the balancer may still send clients to.
        let versions: Result<Vec<ServerVersion>, SystemError> = versions.into_iter().collect();
        let versions = match versions {
            Ok(versions) => versions,
            // Nobody there needs no words; a refused login or a strange answer does.
            Err(SystemError::Unreachable { .. }) => return json!({"reachable": false}),
            Err(error) => return json!({"reachable": false, "reason": causes(&error)}),
        };
        let Some(api) = replicas.first() else {
            return json!({"reachable": false});
        };
        let Some(version) = versions.into_iter().next() else {
            return json!({"reachable": false});
        };
        let (ready, writable, counts, max) = tokio::join!(
            self.ready(),
            self.writable(&version),
            counts_of(api, &version),
            max_global_id_of(api, &version)
        );
        let mut facts = Map::new();
        facts.insert("reachable".to_owned(), true.into());
        facts.insert("version".to_owned(), version.as_str().into());
        let mut add = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                facts.insert(name.to_owned(), value);
            }
        };
        add("ready", ready.map(Value::from));
        add("writable", writable.map(Value::from));
        add("max_global_id", max.ok().flatten().map(Value::from));
        if let Ok(counts) = counts {
            add("empty", Some(counts.is_empty().into()));
            add("counts", Some(counts.to_json()));
        }
        Value::Object(facts)
    }

    /// The types of the global rules that are switched on: `VALIDITY`, `COMPATIBILITY` (`reference/apicurio.md` §1.7).
    ///
    /// # Errors
    /// When nobody answers or the login may not read them.
    pub async fn global_rules(&self, version: &ServerVersion) -> Result<Vec<String>, SystemError> {
        let api = self.main()?;
        api.json(core_url(api, version, &["admin", "rules"])?, ONE).await
    }

    /// The value of a dynamic property; `None` when this registry has no such property.
    ///
    /// # Errors
    /// When nobody answers or the login may not read it.
    pub async fn property(&self, version: &ServerVersion, name: &str) -> Result<Option<String>, SystemError> {
        property_of(self.main()?, version, name).await
    }
}

impl Counts {
    /// Whether nothing was ever put there, as far as counts tell.
    pub fn is_empty(&self) -> bool {
        self.groups == 0 && self.artifacts == 0 && self.versions.unwrap_or_default() == 0
    }

    fn to_json(&self) -> Value {
        let mut counts = json!({"groups": self.groups, "artifacts": self.artifacts});
        if let (Some(versions), Some(object)) = (self.versions, counts.as_object_mut()) {
            object.insert("versions".to_owned(), versions.into());
        }
        counts
    }
}

/// The same address, asked once and quickly.
pub(super) fn hurried(api: &Api) -> Api {
    Api {
        patience: Patience::Fact,
        ..api.clone()
    }
}

/// The core API's prefix.
pub(super) fn core(version: &ServerVersion) -> &'static [&'static str] {
    if version.is_v2() { &V2 } else { &V3 }
}

/// An address below the core API.
pub(super) fn core_url(api: &Api, version: &ServerVersion, path: &[&str]) -> Result<reqwest::Url, SystemError> {
    api.url(&[core(version), path].concat())
}

pub(super) async fn version_of(api: &Api) -> Result<ServerVersion, SystemError> {
    // 3.x answers at 2.6's path as well, so one request tells both; only a 3.x without that layer needs another.
    let v2 = api.url(&[&V2[..], &["system", "info"]].concat())?;
    let info: Info = match api.json_if_there(v2.clone(), ONE).await? {
        Some(info) => info,
        None => {
            api.json(api.url(&[&V3[..], &["system", "info"]].concat())?, ONE)
                .await?
        }
    };
    info.version
        .parse()
        .map_err(|error: super::version::NoVersion| api.unusable("GET", &v2, error.to_string()))
}

async fn counts_of(api: &Api, version: &ServerVersion) -> Result<Counts, SystemError> {
    let count = async |path: &[&str]| {
        let url = query(core_url(api, version, path)?, &[("limit", "1")]);
        api.json::<Count>(url, ONE).await.map(|answer| answer.count)
    };
    if version.is_v2() {
        let (groups, artifacts) = tokio::try_join!(count(&["groups"]), count(&["search", "artifacts"]))?;
        return Ok(Counts {
            groups,
            artifacts,
            versions: None,
        });
    }
    let (groups, artifacts, versions) = tokio::try_join!(
        count(&["search", "groups"]),
        count(&["search", "artifacts"]),
        count(&["search", "versions"])
    )?;
    Ok(Counts {
        groups,
        artifacts,
        versions: Some(versions),
    })
}

async fn max_global_id_of(api: &Api, version: &ServerVersion) -> Result<Option<u64>, SystemError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Row {
        global_id: u64,
    }
    #[derive(Deserialize)]
    struct Page {
        versions: Vec<Row>,
    }
    if version.is_v2() {
        return Ok(None);
    }
    let url = query(
        core_url(api, version, &["search", "versions"])?,
        &[("orderby", "globalId"), ("order", "desc"), ("limit", "1")],
    );
    let page: Page = api.json(url, ONE).await?;
    Ok(Some(page.versions.first().map_or(0, |row| row.global_id)))
}

async fn is_ready(api: &Api) -> Option<bool> {
    let api = hurried(api);
    let url = api.url(&["health", "ready"]).ok()?;
    match api.get(url, ONE).await {
        Ok(answer) if answer.status.is_success() => Some(true),
        Ok(_) => None,
        // A gateway or the registry itself: it is there and not ready.
        Err(SystemError::Status { status: 502..=504, .. }) => Some(false),
        Err(_) => None,
    }
}

async fn is_writable(api: &Api, version: &ServerVersion) -> Option<bool> {
    #[derive(Deserialize)]
    struct Mode {
        mode: String,
    }
    if version.at_least(3, 2, 0) {
        let url = api.url(&["apis", "ccompat", "v7", "mode"]).ok()?;
        let mode: Mode = api.json(url, ONE).await.ok()?;
        return Some(mode.mode == "READWRITE");
    }
    let value = property_of(api, version, READ_ONLY).await.ok()??;
    Some(value != "true")
}

async fn property_of(api: &Api, version: &ServerVersion, name: &str) -> Result<Option<String>, SystemError> {
    #[derive(Deserialize)]
    struct Property {
        value: String,
    }
    let url = core_url(api, version, &["admin", "config", "properties", name])?;
    let property: Option<Property> = api.json_if_there(url, ONE).await?;
    Ok(property.map(|property| property.value))
}
