//! What a look says that a replicate has to do, and what it must not do. Pure.

use serde_json::{Value, json};

use super::{
    back,
    carry::{Deletes, IntoV2, IntoV3, Target as _},
    replicate::RegistryReplicateSpec,
};
use crate::{
    kind::{Inputs, KindError},
    model::{Action, Change, SystemName},
    resource::{ContentState, Few, Pin, Settled, SideContent, Todo},
    system::apicurio::ServerVersion,
};

/// What has to be done, and what forbids it.
///
/// # Errors
/// When it must not be done, with the facts.
pub(super) fn change(spec: &RegistryReplicateSpec, now: &ContentState, inputs: &Inputs) -> Result<Change, KindError> {
    let side = side(spec, now)?;
    let way = way(spec, side, now)?;
    let change = match &side.pin {
        None => by_counts(now, side),
        Some(pin) => by_snapshot(spec, now, side, pin)?,
    };
    if way == Way::Back && !change.is_none() {
        return back::bounded(spec, now, inputs, change);
    }
    Ok(change)
}

fn side<'s>(spec: &RegistryReplicateSpec, now: &'s ContentState) -> Result<&'s SideContent, KindError> {
    let side = now.sides.get(&spec.from);
    side.ok_or_else(|| KindError::Refused(format!("{} was not looked at", spec.from)))
}

/// Which way it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// From a 2.6 into a 3.x.
    There,
    /// From a 3.x into a 2.6.
    Back,
}

fn way(spec: &RegistryReplicateSpec, side: &SideContent, now: &ContentState) -> Result<Way, KindError> {
    let version = |text: &str| {
        text.parse::<ServerVersion>()
            .map_err(|error| KindError::Refused(error.to_string()))
    };
    let (from, to) = (version(&side.version)?, version(&now.version)?);
    let (way, refused) = match (from.is_v2(), from.is_v3()) {
        (true, _) => (Way::There, IntoV3::refuses(&to)),
        (false, true) => (Way::Back, IntoV2::refuses(&to)),
        (false, false) => {
            let reason = format!("{} is {from}, neither a 2.6 nor a 3.x", spec.from);
            return Err(KindError::Refused(reason));
        }
    };
    match refused {
        None => Ok(way),
        Some(reason) => Err(KindError::Refused(format!("{} cannot be written: {reason}", spec.to))),
    }
}

/// A shallow look: 2.6 cannot count its versions, so artifacts say what they can.
fn by_counts(now: &ContentState, side: &SideContent) -> Change {
    let change = Change::none().field("artifacts", now.artifacts, side.artifacts);
    match side.versions {
        Some(versions) => change.field("versions", now.versions, versions),
        None if change.is_none() => {
            Change::new(Action::Update).summary("as many artifacts; by counts nothing more is known")
        }
        None => change,
    }
}

fn by_snapshot(
    spec: &RegistryReplicateSpec,
    now: &ContentState,
    side: &SideContent,
    pin: &Pin,
) -> Result<Change, KindError> {
    if let Some(settled) = &pin.settled {
        return Ok(since_settled(now, settled));
    }
    let Some(todo) = &pin.todo else {
        // The export is gone, so the target is what it should be or it is not: nothing finer is known.
        let digest = now.deep.as_ref().map(|deep| deep.digest.as_str());
        return Ok(Change::none().field("content", digest, pin.digest.as_str()));
    };
    refuse_void(spec, now, side)?;
    refuse_residue(spec, todo)?;
    if !spec.reset {
        refuse_todo(spec, todo)?;
    }
    refuse_many(spec, now, side, todo)?;
    Ok(change_of(spec, now, side, pin, todo))
}

/// Whether the target is as it was when the step was done.
fn since_settled(now: &ContentState, settled: &Settled) -> Change {
    match (&now.deep, &settled.digest) {
        (Some(deep), Some(digest)) => Change::none().field("content", deep.digest.as_str(), digest.as_str()),
        (Some(_) | None, _) => Change::none()
            .field("artifacts", now.artifacts, settled.artifacts)
            .field("versions", now.versions, settled.versions),
    }
}

/// A registry that holds nothing is more likely a broken one than one that is right: a restart without its storage looks so,
/// and the target may be the last that has everything.
fn refuse_void(spec: &RegistryReplicateSpec, now: &ContentState, side: &SideContent) -> Result<(), KindError> {
    let void = side.versions == Some(0) && now.versions.is_some_and(|versions| versions > 0);
    if !void || spec.max_changes.is_some() || (spec.deletes != Deletes::Mirror && !spec.reset) {
        return Ok(());
    }
    Err(KindError::Refused(format!(
        "{} holds nothing, so everything on {} would be deleted: look whether {} has lost its storage; if it is right, say how \
         much may go, `max_changes: …`",
        spec.from, spec.to, spec.from
    )))
}

/// What the target cannot hold and the plan does not accept.
fn refuse_residue(spec: &RegistryReplicateSpec, todo: &Todo) -> Result<(), KindError> {
    if todo.refused.count > 0 {
        return Err(KindError::Refused(format!(
            "{} cannot hold {} things of {}: {}; accept each by its code, `accept: [{{ code: …, reason: … }}]`, or change it on {} \
             first",
            spec.to,
            todo.refused.count,
            spec.from,
            todo.refused.in_words(),
            spec.from
        )));
    }
    Ok(())
}

/// Facts that forbid it, named before anything is written.
fn refuse_todo(spec: &RegistryReplicateSpec, todo: &Todo) -> Result<(), KindError> {
    if todo.conflicts.count > 0 {
        return Err(KindError::Refused(format!(
            "{} ids mean something else on {}: {}; give it an empty storage, or say `reset: true` to delete everything on it \
             first",
            todo.conflicts.count,
            spec.to,
            todo.conflicts.in_words()
        )));
    }
    let gone = [
        ("artifacts", &todo.extra_artifacts),
        ("versions", &todo.extra_versions),
        ("groups", &todo.extra_groups),
        ("rules of groups and branches", &todo.extra_parts),
    ];
    let gone: Vec<String> = gone
        .iter()
        .filter(|(_, few)| few.count > 0)
        .map(|(what, few): &(&str, &Few)| format!("{} {what} ({})", few.count, few.in_words()))
        .collect();
    if spec.deletes == Deletes::Refuse && !gone.is_empty() {
        return Err(KindError::Refused(format!(
            "{} holds what {} does not: {}; say `deletes: mirror` to delete it there, or `deletes: keep` to leave it",
            spec.to,
            spec.from,
            gone.join(", ")
        )));
    }
    if spec.deletes == Deletes::Keep && !todo.lost_parts.is_none() {
        return Err(KindError::Refused(format!(
            "what it belongs to has to be brought again whole, so it cannot stay on {}: {}; say `deletes: mirror`, or delete it there",
            spec.to,
            todo.lost_parts.in_words()
        )));
    }
    Ok(())
}

fn refuse_many(
    spec: &RegistryReplicateSpec,
    now: &ContentState,
    side: &SideContent,
    todo: &Todo,
) -> Result<(), KindError> {
    let needed = changes(spec, now, side, todo);
    match spec.max_changes {
        Some(most) if needed > most => Err(KindError::Refused(format!(
            "{needed} changes are needed and `max_changes` is {most}"
        ))),
        Some(_) | None => Ok(()),
    }
}

/// All that is changed on the target: content, and settings.
fn changes(spec: &RegistryReplicateSpec, now: &ContentState, side: &SideContent, todo: &Todo) -> u64 {
    if spec.reset && stands_in_the_way(todo) {
        // Everything goes, and everything comes.
        return now.artifacts + now.groups + side.versions.unwrap_or_default() + todo.settings.count;
    }
    let extra = match spec.deletes {
        Deletes::Mirror => todo.extra_artifacts.count + todo.extra_groups.count,
        Deletes::Keep | Deletes::Refuse => 0,
    };
    todo.versions + todo.recreate.count + todo.groups + todo.rules + todo.owners.count + todo.settings.count + extra
}

/// Whether the target holds something that a `reset` deletes everything for.
fn stands_in_the_way(todo: &Todo) -> bool {
    let extra = todo.extra_artifacts.count + todo.extra_groups.count + todo.extra_parts.count;
    extra + todo.conflicts.count > 0
}

fn change_of(spec: &RegistryReplicateSpec, now: &ContentState, side: &SideContent, pin: &Pin, todo: &Todo) -> Change {
    let extra = todo.extra_artifacts.count + todo.extra_groups.count;
    let deletes = extra > 0 && (spec.deletes == Deletes::Mirror || spec.reset);
    let reserve_left = now.deep.as_ref().is_some_and(|deep| deep.reserve_left);
    let versions = side.versions.unwrap_or_default();
    let emptied = spec.reset && stands_in_the_way(todo);
    if todo.is_done() && !deletes && !emptied && !reserve_left {
        return Change::none().summary(format!("{versions} versions, all equal"));
    }
    let action = if now.artifacts == 0 {
        Action::Create
    } else {
        Action::Update
    };
    let mut change = Change::new(action)
        .field("versions", now.versions, versions)
        .field("artifacts", now.artifacts, side.artifacts)
        .field("to send", 0, todo.versions)
        .field("to bring again whole", 0, todo.recreate.count)
        .field("groups", 0, todo.groups)
        .field("rules", 0, todo.rules)
        .field("what is sent", Value::Null, listed(&todo.moves))
        .pin("source", json!({"sha256": pin.spool, "bytes": pin.bytes}));
    if todo.reserve {
        change = change.field("ids reserved and proven", false, true);
    }
    if todo.owners.count > 0 {
        change = change.field("owners to set", 0, todo.owners.count);
    }
    if todo.settings.count > 0 {
        change = change.field("to set", Value::Null, todo.settings.in_words());
    }
    if deletes {
        change = change.field("to delete", 0, extra).risk(format!(
            "deleted on {}: {}",
            spec.to,
            [&todo.extra_artifacts, &todo.extra_groups]
                .map(Few::in_words)
                .join("; ")
        ));
    }
    if !todo.taken_back.is_none() {
        change = change.risk(format!(
            "somebody changed {} since the last copy, and this one takes it back: {}",
            spec.to,
            todo.taken_back.in_words()
        ));
    }
    if spec.deletes == Deletes::Mirror && !todo.extra_parts.is_none() {
        change = change.risk(format!("deleted on {}: {}", spec.to, todo.extra_parts.in_words()));
    }
    if emptied {
        change = change.risk(format!("everything on {} is deleted first, as `reset` says", spec.to));
    }
    if reserve_left {
        change = change.field("what an earlier attempt left", "there", Value::Null);
    }
    if todo.residue.count > 0 {
        change = change.risk(format!("stays behind, as accepted: {}", todo.residue.in_words()));
    }
    if spec.max_changes.is_none() && todo.recreate.count > 0 {
        change = change.risk(format!(
            "deleted there and brought again whole: {}",
            todo.recreate.in_words()
        ));
    }
    change
}

/// As lines, which the plan shows below the step; null when there are none.
fn listed(moves: &[String]) -> Value {
    match moves {
        [] => Value::Null,
        lines => lines.join("\n").into(),
    }
}

/// How far the source has gone on since.
pub(super) fn behind(from: &SystemName, now: &SideContent, then: &SideContent) -> Option<String> {
    let s = |n: u64| if n == 1 { "" } else { "s" };
    if let (Some(now), Some(then)) = (&now.pin, &then.pin)
        && now.digest == then.digest
    {
        return None;
    }
    match (now.versions, then.versions) {
        (Some(now), Some(then)) if now > then => {
            let n = now - then;
            return Some(format!("behind {from} by {n} version{}", s(n)));
        }
        (Some(_), Some(_)) if now.pin.is_some() => return Some(format!("{from} has changed since")),
        (Some(_) | None, _) => {}
    }
    let n = now.artifacts.saturating_sub(then.artifacts);
    (n > 0).then(|| format!("behind {from} by {n} artifact{} or more", s(n)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        kind::{Effect as _, registry::RegistryReplicate},
        model::Digest,
        resource::DeepContent,
    };

    fn spec(with: Value) -> RegistryReplicateSpec {
        let mut all = json!({"from": "v2", "to": "v3"});
        if let (Some(all), Value::Object(with)) = (all.as_object_mut(), with) {
            all.extend(with);
        }
        serde_json::from_value(all).unwrap()
    }

    fn pin(todo: Todo) -> Pin {
        Pin {
            spool: Digest::from("abc"),
            bytes: 7,
            digest: Digest::from("source"),
            max_global_id: 70,
            max_content_id: 60,
            todo: Some(todo),
            settled: None,
        }
    }

    fn state(version: &str, source: (&str, Option<u64>), pin: Option<Pin>) -> ContentState {
        let side = SideContent {
            version: source.0.to_owned(),
            artifacts: 40,
            versions: source.1,
            pin,
        };
        ContentState {
            version: version.to_owned(),
            groups: 3,
            artifacts: 36,
            versions: Some(68),
            max_global_id: Some(70),
            deep: side.pin.as_ref().map(|_| DeepContent {
                digest: Digest::from("target"),
                group_rows: Vec::new(),
                comments: 0,
                max_content_id: 0,
                reserve_left: false,
                spool: Digest::from("t"),
                written_since: None,
                reserved_above: None,
            }),
            files: Vec::new(),
            sides: BTreeMap::from([("v2".into(), side)]),
        }
    }

    fn few(names: &[&str]) -> Few {
        Few::of(names)
    }

    fn judged(with: Value, todo: Todo) -> Result<Change, String> {
        let now = state("3.3.3", ("2.6.13.Final", Some(72)), Some(pin(todo)));
        RegistryReplicate::diff(&spec(with), &now, &Inputs::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_deep_look_says_what_is_to_be_done_and_pins_the_snapshot() {
        let todo = Todo {
            versions: 5,
            recreate: few(&["g/a"]),
            ..Todo::default()
        };
        let change = judged(json!({}), todo).unwrap();
        let words = change.in_words();
        assert!(
            words.contains("to send: 0 → 5") && words.contains("again whole: 0 → 1"),
            "{words}"
        );
        assert_eq!(change.pins["source"], json!({"sha256": "abc", "bytes": 7}));
        assert!(change.risks[0].contains("g/a"), "{:?}", change.risks);
        assert!(judged(json!({}), Todo::default()).unwrap().is_none());
        let reserve = Todo {
            reserve: true,
            ..Todo::default()
        };
        let words = judged(json!({}), reserve).unwrap().in_words();
        assert!(words.contains("ids reserved and proven: false → true"), "{words}");
    }

    #[test]
    fn what_must_not_be_done_is_refused_with_its_facts() {
        let conflict = || Todo {
            conflicts: few(&["content 7 holds other bytes on the target"]),
            ..Todo::default()
        };
        let refused = judged(json!({"deletes": "mirror"}), conflict()).unwrap_err();
        assert!(
            refused.contains("content 7") && refused.contains("reset: true"),
            "{refused}"
        );
        assert!(judged(json!({"reset": true}), conflict()).is_ok());
        let extra = || Todo {
            extra_artifacts: few(&["g/theirs"]),
            extra_versions: few(&["g/a version 2"]),
            ..Todo::default()
        };
        let refused = judged(json!({}), extra()).unwrap_err();
        assert!(
            refused.contains("g/theirs") && refused.contains("g/a version 2"),
            "{refused}"
        );
        assert!(judged(json!({"deletes": "keep"}), extra()).unwrap().is_none());
        let mirrored = judged(json!({"deletes": "mirror"}), extra()).unwrap();
        assert!(
            mirrored.in_words().contains("to delete: 0 → 1"),
            "{}",
            mirrored.in_words()
        );
        let many = Todo {
            versions: 9,
            ..Todo::default()
        };
        let refused = judged(json!({"max_changes": 8}), many).unwrap_err();
        assert!(refused.contains('9') && refused.contains("is 8"), "{refused}");
    }

    #[test]
    fn other_versions_than_2_6_to_3_are_refused() {
        for (from, to) in [
            ("3.3.3", "3.3.3"),
            ("2.6.13.Final", "2.6.13.Final"),
            ("2.6.13.Final", "3.0.6"),
        ] {
            let now = state(to, (from, None), None);
            let judged = RegistryReplicate::diff(&spec(json!({})), &now, &Inputs::default());
            assert!(matches!(judged, Err(KindError::Refused(_))), "{from} {to}");
        }
    }

    #[test]
    fn a_shallow_look_never_says_that_nothing_is_to_be_done() {
        let mut now = state("3.3.3", ("2.6.13.Final", None), None);
        let diff = |now: &ContentState| RegistryReplicate::diff(&spec(json!({})), now, &Inputs::default()).unwrap();
        assert!(diff(&now).in_words().contains("artifacts: 36 → 40"));
        now.artifacts = 40;
        assert!(!diff(&now).is_none());
    }

    #[test]
    fn a_done_step_holds_whatever_the_source_did_since() {
        let spec = spec(json!({}));
        let settled = state("3.3.3", ("2.6.13.Final", Some(72)), Some(pin(Todo::default())));
        let moved_on = Todo {
            versions: 3,
            ..Todo::default()
        };
        let mut now = state("3.3.3", ("2.6.13.Final", Some(75)), Some(pin(moved_on)));
        now.sides.values_mut().for_each(|side| {
            side.pin.iter_mut().for_each(|pin| pin.digest = Digest::from("later"));
        });
        let pinned = RegistryReplicate::pinned(&spec, now.clone(), &settled);
        assert!(
            RegistryReplicate::diff(&spec, &pinned, &Inputs::default())
                .unwrap()
                .is_none()
        );
        assert_eq!(
            RegistryReplicate::since(&spec, &now, &settled).as_deref(),
            Some("behind v2 by 3 versions")
        );
        now.deep.as_mut().unwrap().digest = Digest::from("damaged");
        let pinned = RegistryReplicate::pinned(&spec, now, &settled);
        assert!(
            !RegistryReplicate::diff(&spec, &pinned, &Inputs::default())
                .unwrap()
                .is_none()
        );
    }
}
