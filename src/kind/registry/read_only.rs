use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::{
    kind::{ApplyError, Effect, Inputs, KindError, PlanView, Receipt, Undo},
    model::{Action, Change, Findings, ResourceKey, Step, SystemName, Touches},
    resource::{ReadOnly, ReadOnlyKey, ReadOnlyState},
    system::{Act, Progress},
};

/// Between two looks at the replicas.
const LOOK: Duration = Duration::from_secs(1);
/// Replicas were seen to follow after up to 60 s, as `apicurio.config.refresh.every` says (`reference/apicurio.md` §2.8, 3.3.3
/// on PostgreSQL and KafkaSQL); twice that is one that does not follow.
const FOLLOWED: Duration = Duration::from_secs(120);

/// Makes a 3.x refuse writes of itself, or take them again; proven on every replica.
pub struct RegistryReadOnly;

/// Which registry, and whether it is to refuse writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryReadOnlySpec {
    /// The registry, a 3.x. 2.6 has no such switch: deny its writes at the load balancer.
    pub registry: SystemName,
    /// `true`: writes get a 409, imports as well. `false`: writes are taken. The property is set and never deleted: replicas
    /// disagree after that.
    pub enabled: bool,
}

/// What the replicas do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RegistryReadOnlyOutput {
    /// Whether all refuse writes.
    pub enabled: bool,
    /// Replicas that were asked.
    pub replicas: u64,
}

impl Effect for RegistryReadOnly {
    const NAME: &'static str = "registry.read_only";
    const ABOUT: &'static str = "Makes a 3.x refuse writes of itself, or take them again; proven on every replica.";
    type Spec = RegistryReadOnlySpec;
    type On = ReadOnly;
    type Output = RegistryReadOnlyOutput;

    fn on(spec: &RegistryReadOnlySpec, _step: &Step) -> ReadOnlyKey {
        ReadOnlyKey {
            registry: spec.registry.clone(),
        }
    }

    fn touches(spec: &RegistryReadOnlySpec, _step: &Step) -> Touches {
        Touches {
            writes: [ResourceKey::of(&spec.registry, "read_only")].into(),
            // Whoever writes content needs an order with this: a read-only registry refuses imports.
            reads: [ResourceKey::of(&spec.registry, "content")].into(),
            systems: [spec.registry.clone()].into(),
            ..Touches::default()
        }
    }

    fn check(spec: &RegistryReadOnlySpec, _step: &Step, plan: &PlanView<'_>, out: &mut Findings) {
        super::needs_registry(plan, "registry", &spec.registry, out);
    }

    fn diff(spec: &RegistryReadOnlySpec, now: &ReadOnlyState, _inputs: &Inputs) -> Result<Change, KindError> {
        refuse_without_switch(now)?;
        let (all, want) = (now.replicas.len(), spec.enabled);
        if now.enabled() == Some(want) {
            return Ok(Change::none().summary(format!("{}, on {}", words(want), replicas(all))));
        }
        let there = now.replicas.iter().filter(|replica| replica.read_only == Some(want));
        Ok(Change::new(Action::Update)
            .field("read-only", now.enabled(), want)
            .field("replicas", there.count(), all))
    }

    fn after(spec: &RegistryReadOnlySpec, now: &ReadOnlyState, _inputs: &Inputs) -> Result<ReadOnlyState, KindError> {
        refuse_without_switch(now)?;
        let mut after = now.clone();
        for replica in &mut after.replicas {
            replica.read_only = Some(spec.enabled);
        }
        Ok(after)
    }

    async fn apply(
        spec: &RegistryReadOnlySpec,
        _step: &Step,
        _change: &Change,
        _inputs: &Inputs,
        world: &Act,
        log: &Progress,
    ) -> Result<Receipt, ApplyError> {
        let writer = world.registry_mut(&spec.registry)?;
        let registry = writer.reader();
        let version = registry.version().await?;
        writer.set_read_only(&version, spec.enabled).await?;
        let began = Instant::now();
        loop {
            let modes = registry.modes(&version).await;
            let late = modes.iter().filter(|replica| replica.read_only != Some(spec.enabled));
            let late: Vec<&str> = late.map(|replica| replica.url.as_str()).collect();
            if late.is_empty() {
                return Ok(Receipt::default());
            }
            if began.elapsed() > FOLLOWED {
                return Err(ApplyError::NotDone(format!(
                    "the switch is set, and after {} s not in force at {}",
                    FOLLOWED.as_secs(),
                    late.join(", ")
                )));
            }
            log.say(format!(
                "waiting for {} of {} to follow, which takes up to a minute",
                late.len(),
                replicas(modes.len())
            ));
            sleep(LOOK).await;
        }
    }

    fn output(
        spec: &RegistryReadOnlySpec,
        settled: &ReadOnlyState,
        _receipt: Option<&Receipt>,
    ) -> RegistryReadOnlyOutput {
        RegistryReadOnlyOutput {
            enabled: settled.enabled().unwrap_or(spec.enabled),
            replicas: u64::try_from(settled.replicas.len()).unwrap_or(u64::MAX),
        }
    }

    fn undo(spec: &RegistryReadOnlySpec, before: &ReadOnlyState) -> Undo {
        match before.enabled() {
            Some(before) if before == spec.enabled => Undo::Nothing,
            Some(before) => Undo::Same {
                with: json!({"registry": spec.registry, "enabled": before}),
                what: words(before).to_owned(),
            },
            None => Undo::Left(format!(
                "before, the replicas of {} did not agree: say in `rollback:` what they are to do",
                spec.registry
            )),
        }
    }
}

fn refuse_without_switch(now: &ReadOnlyState) -> Result<(), KindError> {
    if now.has_switch {
        return Ok(());
    }
    Err(KindError::Refused(format!(
        "it is {}, which cannot refuse writes of itself: deny them at the load balancer",
        now.version
    )))
}

fn words(enabled: bool) -> &'static str {
    if enabled { "read-only" } else { "takes writes" }
}

fn replicas(n: usize) -> String {
    if n == 1 {
        "1 replica".to_owned()
    } else {
        format!("{n} replicas")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::apicurio::ReplicaMode;

    fn state(modes: &[Option<bool>]) -> ReadOnlyState {
        let replica = |(n, read_only): (usize, &Option<bool>)| ReplicaMode {
            url: format!("http://{n}"),
            read_only: *read_only,
        };
        ReadOnlyState {
            version: "3.3.3".to_owned(),
            has_switch: true,
            replicas: modes.iter().enumerate().map(replica).collect(),
        }
    }

    fn spec(enabled: bool) -> RegistryReadOnlySpec {
        RegistryReadOnlySpec {
            registry: "v3".into(),
            enabled,
        }
    }

    fn is_settled(enabled: bool, modes: &[Option<bool>]) -> bool {
        RegistryReadOnly::diff(&spec(enabled), &state(modes), &Inputs::default())
            .unwrap()
            .is_none()
    }

    #[test]
    fn one_replica_that_does_not_follow_or_does_not_say_is_not_settled() {
        assert!(is_settled(true, &[Some(true), Some(true)]));
        assert!(!is_settled(true, &[Some(true), Some(false)]));
        assert!(!is_settled(true, &[Some(true), None]));
        assert!(!is_settled(false, &[Some(true)]));
        assert!(is_settled(false, &[Some(false)]));
        assert!(!is_settled(false, &[]));
    }

    #[test]
    fn after_it_there_is_no_change() {
        for modes in [&[Some(false), None][..], &[Some(true)]] {
            let after = RegistryReadOnly::after(&spec(true), &state(modes), &Inputs::default()).unwrap();
            assert!(
                RegistryReadOnly::diff(&spec(true), &after, &Inputs::default())
                    .unwrap()
                    .is_none()
            );
        }
    }

    #[test]
    fn the_way_back_is_what_it_was_and_never_a_guess() {
        let undo = |before| RegistryReadOnly::undo(&spec(true), &state(before));
        let Undo::Same { with, .. } = undo(&[Some(false)]) else {
            panic!("it was writable");
        };
        assert_eq!(with, json!({"registry": "v3", "enabled": false}));
        assert_eq!(undo(&[Some(true)]), Undo::Nothing);
        assert!(matches!(undo(&[Some(true), Some(false)]), Undo::Left(_)));
    }

    #[test]
    fn a_2_6_is_refused_with_what_to_do() {
        let v2 = ReadOnlyState {
            version: "2.6.13.Final".to_owned(),
            has_switch: false,
            replicas: Vec::new(),
        };
        let error = RegistryReadOnly::diff(&spec(true), &v2, &Inputs::default()).unwrap_err();
        assert!(error.to_string().contains("at the load balancer"), "{error}");
    }
}
