use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
    sync::Arc,
};

use serde_json::{Value, json};

use super::{
    balancer::{BalancerTwin, Hand},
    late_twin::LateTwin,
    recorded,
    stand_ins::StandIns,
    twin::{Faults, TwinVersion},
};
use crate::{
    model::{BackendName, Plan, SystemName},
    system::{BalancerDouble, Doubles},
};

/// Twins of every system of a plan, and the same plan with their addresses.
pub(super) struct Stage {
    /// What stands in for balancers and commands.
    pub(super) stand_ins: Arc<dyn Doubles>,
    /// The first balancer's public address: where clients go.
    pub(super) public: Option<String>,
    /// The one that serves first, when the plan has one.
    pub(super) old: Option<SystemName>,
    /// The first other one by name, to which the plan moves.
    pub(super) new: Option<SystemName>,
    /// For who moves the first balancer past regplan.
    pub(super) hand: Option<Hand>,
    /// They go on answering as long as the stage stands.
    registries: BTreeMap<SystemName, Arc<LateTwin>>,
}

/// Why a stage cannot be set.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// Loopback has no port left.
    #[error("loopback has no free port")]
    Port(#[from] io::Error),
    /// A twin does not start.
    #[error("a twin does not start")]
    Twin(#[from] super::twin::TwinError),
    /// A system has neither a twin nor a stand-in.
    #[error("system `{system}`: a rehearsal has nothing that stands in for the type `{kind}`")]
    NoTwin {
        /// The system.
        system: SystemName,
        /// Its type.
        kind: String,
    },
}

impl Stage {
    /// Starts twins of what is up before the plan begins, and writes their addresses into the plan.
    ///
    /// A registry that a step `provides`, and every one but the first by name, is a 3.3.3; the first is a 2.6.13 with `data`.
    ///
    /// # Errors
    /// When a twin does not start, or nothing stands in for a system.
    pub(super) async fn set(
        plan: &mut Plan,
        data: Option<PathBuf>,
        faults: &Arc<dyn Faults>,
    ) -> Result<Self, StageError> {
        let provided: BTreeSet<SystemName> = (plan.phases.iter())
            .flat_map(|phase| &phase.steps)
            .flat_map(|step| step.provides.iter().cloned())
            .collect();
        let mut registries = BTreeMap::new();
        let mut old = None;
        for name in plan
            .systems
            .iter()
            .filter(|(_, declared)| declared.kind == "apicurio")
            .map(|(name, _)| name)
        {
            let first = registries.is_empty() && !provided.contains(name);
            let (version, data) = if first {
                old = Some(name.clone());
                (TwinVersion::V2_6_13, data.clone())
            } else {
                (TwinVersion::V3_3_3, None)
            };
            registries.insert(
                name.clone(),
                Arc::new(LateTwin::new(version, data, Arc::clone(faults))?),
            );
        }
        for (_, twin) in registries.iter().filter(|(name, _)| !provided.contains(*name)) {
            twin.start().await?;
        }
        let mut hand = None;
        let mut balancers: BTreeMap<SystemName, Box<dyn BalancerDouble>> = BTreeMap::new();
        let mut facts = BTreeMap::new();
        for (name, declared) in &mut plan.systems {
            match declared.kind.as_str() {
                "apicurio" => {}
                "nginx" | "haproxy" => {
                    let twin = balancer(&declared.spec, &registries).await?.named(name.clone());
                    hand.get_or_insert_with(|| twin.hand());
                    balancers.insert(name.clone(), Box::new(twin));
                    // A twin is here, wherever the real one is; the client of the real one is never asked.
                    if let Some(spec) = declared.spec.as_object_mut() {
                        spec.remove("hosts");
                    }
                }
                other => {
                    let recorded = recorded::facts(other, &declared.spec).ok_or_else(|| StageError::NoTwin {
                        system: name.clone(),
                        kind: other.to_owned(),
                    })?;
                    facts.insert(name.clone(), recorded);
                }
            }
        }
        for (name, twin) in &registries {
            if let Some(declared) = plan.systems.get_mut(name) {
                declared.spec = json!({ "urls": [twin.url()], "management": [twin.management()] });
            }
        }
        let public = balancers.values().next().map(|twin| twin.url().to_owned());
        Ok(Self {
            stand_ins: Arc::new(StandIns::new(plan, balancers, facts, &registries)),
            public,
            new: (registries.iter())
                .find(|(_, twin)| twin.version() == TwinVersion::V3_3_3)
                .map(|(name, _)| name.clone()),
            old,
            hand,
            registries,
        })
    }

    /// The twin of the old registry.
    pub(super) fn old_twin(&self) -> Option<&Arc<LateTwin>> {
        self.registries.get(self.old.as_ref()?)
    }

    /// What a registry holds now, as an export; `None` when it is not up.
    pub(super) async fn export(&self, name: &SystemName) -> Option<Vec<u8>> {
        self.registries.get(name)?.export().await
    }
}

/// A balancer whose backends are the twins of the registries of their names.
async fn balancer(spec: &Value, registries: &BTreeMap<SystemName, Arc<LateTwin>>) -> Result<BalancerTwin, StageError> {
    let names = spec
        .get("backends")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str());
    let backends: BTreeMap<BackendName, String> = names
        .filter_map(|name| Some((BackendName::from(name), registries.get(name)?.url())))
        .collect();
    let first = backends
        .keys()
        .next()
        .cloned()
        .unwrap_or_else(|| BackendName::from("none"));
    Ok(BalancerTwin::start(backends, first).await?)
}
