//! The planner: one test for each row of design §3's table, the trajectory, digests, and what it costs.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::{Observed, testing::Lab, void_checks};
use crate::{
    journal::{
        Body, SettledBy,
        testing::{Log, Says, moves},
    },
    model::{Action, Change, Class, ClosedDrift, Delta, OnFailure, Region, ResourceKey, Standing, StepId, WayBack},
};

fn from_to(before: impl Into<Value>, after: impl Into<Value>) -> Change {
    Change::none().field("value", before, after)
}

/// One phase with a step `a` that moves `lb/route` to 2.
fn one() -> Lab {
    Lab::new().phase("one").effect("a", "lb/route", 2)
}

/// Its journal with `a` done.
fn a_done() -> Log {
    Log::new().phase("one", &["a"]).done("a", moves("lb/route", 1))
}

fn unknown(after: &str) -> Standing {
    Standing::Unknown { after: after.into() }
}

fn unreachable(reason: &str) -> Standing {
    Standing::Unreachable {
        reason: reason.to_owned(),
    }
}

// The rows of the table.

#[test]
fn a_step_of_a_closed_phase_is_closed_whatever_the_world_says() {
    let state = a_done().closed().state();
    for lab in [
        one().sees("lb/route", 1),
        one().observed("lb/route", Observed::Failed("x".to_owned())),
    ] {
        assert_eq!(lab.standing(Some(&state), "a"), Standing::Closed);
    }
}

#[test]
fn drift_of_a_closed_phase_is_reported_when_asked_and_never_repaired() {
    let state = a_done().closed().state();
    let mut lab = one().sees("lb/route", 1);
    lab.drift = true;
    let change = lab.change(Some(&state), "a");
    assert_eq!(
        (change.standing, change.drift),
        (
            Standing::Closed,
            Some(ClosedDrift::Changed {
                change: Change::none().field("value", 1, 2)
            })
        )
    );
}

#[test]
fn a_done_step_moved_on_by_a_later_done_step_is_superseded() {
    let lab = one().effect("b", "lb/route", 3).sees("lb/route", 3);
    let state = Log::new()
        .phase("one", &["a", "b"])
        .done("a", moves("lb/route", 1))
        .done("b", moves("lb/route", 2))
        .state();
    assert_eq!(lab.signs(Some(&state)), "✓ a, ✓ b");
    assert_eq!(lab.standing(Some(&state), "a"), Standing::Superseded);
    assert_eq!(lab.standing(Some(&state), "b"), Standing::Done);
}

#[test]
fn a_done_step_whose_target_holds_is_done() {
    assert_eq!(
        one().sees("lb/route", 2).standing(Some(&a_done().state()), "a"),
        Standing::Done
    );
}

#[test]
fn a_done_step_of_an_open_phase_whose_target_no_longer_holds_has_drifted() {
    let change = from_to(1, 2);
    assert_eq!(
        one().sees("lb/route", 1).standing(Some(&a_done().state()), "a"),
        Standing::Drift { change }
    );
}

#[test]
fn a_drift_whose_repair_would_be_a_regress_is_refused() {
    let reason = "3 is beyond it".to_owned();
    assert_eq!(
        one().sees("lb/route", 3).standing(Some(&a_done().state()), "a"),
        Standing::Regress { reason }
    );
}

#[test]
fn a_step_intended_without_an_end_is_in_doubt_and_the_probe_says_what_is_left() {
    let state = Log::new()
        .phase("one", &["a"])
        .intended("a", moves("lb/route", 1))
        .state();
    for (live, left) in [(1, from_to(1, 2)), (2, Change::none())] {
        let standing = one().sees("lb/route", live).standing(Some(&state), "a");
        assert_eq!(standing, Standing::InDoubt { change: Some(left) });
    }
    let lab = one().observed("lb/route", Observed::Unreachable("refused".to_owned()));
    let change = lab.change(Some(&state), "a");
    assert_eq!(
        (change.standing, change.notes),
        (Standing::InDoubt { change: None }, vec!["refused".to_owned()])
    );
}

#[test]
fn a_step_that_failed_with_an_unknown_outcome_is_in_doubt_too() {
    let log = Log::new()
        .phase("one", &["a"])
        .intended("a", moves("lb/route", 1))
        .failed("a", true);
    assert_eq!(one().sees("lb/route", 1).standing(Some(&log.state()), "a").sign(), '?');
}

#[test]
fn a_step_that_was_refused_before_is_pending_again() {
    let log = Log::new()
        .phase("one", &["a"])
        .intended("a", moves("lb/route", 1))
        .failed("a", false);
    let change = one().sees("lb/route", 1).change(Some(&log.state()), "a");
    let pending = Standing::Pending { change: from_to(1, 2) };
    assert_eq!(
        (change.standing, change.notes),
        (pending, vec!["failed before: it broke".to_owned()])
    );
}

#[test]
fn an_unobservable_step_in_doubt_needs_a_person() {
    let lab = Lab::new()
        .phase("one")
        .effect_with("a", "command:a", 2, |_, double| double.observable = false);
    let lab = lab.sees("command:a", 0);
    let state = Log::new()
        .phase("one", &["a"])
        .intended("a", moves("command:a", 0))
        .state();
    assert_eq!(lab.standing(Some(&state), "a"), Standing::InDoubt { change: None });
    let done = Log::new().phase("one", &["a"]).done("a", moves("command:a", 0)).state();
    assert_eq!(lab.standing(Some(&done), "a"), Standing::Done, "its receipt settled it");
}

#[test]
fn a_step_never_done_whose_target_holds_already_is_already_so() {
    assert_eq!(one().sees("lb/route", 2).standing(None, "a"), Standing::AlreadySo);
}

#[test]
fn a_step_never_done_is_applied_when_the_world_differs() {
    assert_eq!(
        one().sees("lb/route", 1).standing(None, "a"),
        Standing::Pending { change: from_to(1, 2) }
    );
}

#[test]
fn a_step_never_done_that_would_move_the_world_backwards_is_refused() {
    let lab = one().effect("b", "lb/route", 4).sees("lb/route", 3);
    let reason = "3 is beyond it".to_owned();
    assert_eq!(lab.standing(None, "a"), Standing::Regress { reason });
    let change = from_to(3, 4);
    assert_eq!(
        lab.standing(None, "b"),
        Standing::Pending { change },
        "the refused step moves nothing"
    );
}

#[test]
fn what_cannot_be_seen_yet_is_decided_after_the_step_that_brings_it_up() {
    let lab = Lab::new()
        .system("v3", json!({"reachable": false}))
        .phase("one")
        .effect_with("deploy", "command:deploy", 1, |step, _| {
            step.provides = ["v3".into()].into();
        })
        .effect_with("import", "v3/content", 9, |_, double| {
            double.touches.systems = ["v3".into()].into();
        })
        .check("verify", &["v3/content"])
        .effect("more", "v3/content", 10)
        .sees("command:deploy", 0)
        .observed("v3/content", Observed::Unreachable("connection refused".to_owned()));
    assert_eq!(lab.standing(None, "import"), unknown("deploy"));
    assert_eq!(
        lab.standing(None, "more"),
        unknown("import"),
        "its resource is left in an unknown state"
    );
    assert_eq!(
        lab.signs(None),
        "+ deploy, … import, ○ verify, … more".replace("+ deploy", "~ deploy")
    );
    let started = Log::new().phase("one", &["deploy", "import", "verify", "more"]);
    let up = started.done("deploy", moves("command:deploy", 0)).state();
    let up_lab = lab.sees("command:deploy", 1);
    let down = unreachable("system `v3` does not answer, and no step before brings it up");
    assert_eq!(
        up_lab.standing(Some(&up), "import"),
        down,
        "a provider that is done excuses nothing"
    );
}

#[test]
fn an_unreachable_system_that_no_step_brings_up_is_an_error_now() {
    let lab = one().observed("lb/route", Observed::Unreachable("connection refused".to_owned()));
    assert_eq!(lab.standing(None, "a"), unreachable("connection refused"));
    let lab = Lab::new().system("v2", json!({"reachable": false})).phase("one");
    let lab = lab.add("export", Class::Capture, |_, double| {
        double.touches.systems = ["v2".into()].into();
    });
    assert_eq!(lab.standing(None, "export").sign(), '!');
}

#[test]
fn a_step_that_works_from_the_outputs_of_another_is_decided_after_it() {
    let lab = || {
        Lab::new()
            .phase("one")
            .capture("export", &["v2/content"], "x.zip")
            .effect_with("import", "v3/content", 0, |_, double| {
                double.touches.inputs = ["export".into()].into();
            })
            .sees("v3/content", 0)
    };
    assert_eq!(lab().standing(None, "import"), unknown("export"));
    let log = || {
        Log::new()
            .phase("one", &["export", "import"])
            .done("export", Says::default())
    };
    let change = from_to(0, json!({"of": "export"}));
    assert_eq!(
        lab().standing(Some(&log().state()), "import"),
        Standing::Pending { change }
    );
    let skipped = Log::new().phase("one", &["export", "import"]).skipped("export").state();
    let reason = "step `export` was skipped or is not before it: it has no outputs";
    assert_eq!(lab().standing(Some(&skipped), "import"), unreachable(reason));
}

#[test]
fn the_target_of_a_done_content_step_is_the_snapshot_pinned_in_its_intent() {
    let lab = Lab::new()
        .phase("one")
        .capture("export", &[], "x.zip")
        .effect_with("import", "v3/content", 0, |_, double| {
            double.touches.inputs = ["export".into()].into();
        })
        .sees("v3/content", "pinned");
    let says = Says {
        inputs: vec![("export", json!("pinned"))],
        ..moves("v3/content", 0)
    };
    let log = Log::new()
        .phase("one", &["export", "import"])
        .done("export", Says::default());
    assert_eq!(
        lab.standing(Some(&log.done("import", says).state()), "import"),
        Standing::Done
    );
}

#[test]
fn captures_checks_and_waits_are_done_once() {
    let lab = Lab::new()
        .phase("one")
        .capture("c", &["x/y"], "f")
        .check("k", &["x/y"])
        .wait("w");
    assert_eq!(lab.signs(None), "● c, ○ k, ◷ w");
    let log = Log::new().phase("one", &["c", "k", "w"]);
    let done = log
        .done("c", Says::default())
        .done("k", Says::default())
        .done("w", Says::default())
        .state();
    assert_eq!(lab.signs(Some(&done)), "✓ c, ✓ k, ✓ w");
    let interrupted = Log::new().phase("one", &["c", "k", "w"]).intended(
        "c",
        Says {
            class: Some(Class::Capture),
            ..Says::default()
        },
    );
    let change = lab.change(Some(&interrupted.state()), "c");
    assert_eq!(
        (change.standing, change.notes),
        (Standing::Takes, vec!["was interrupted".to_owned()])
    );
}

#[test]
fn a_check_runs_again_when_a_step_before_it_wrote_or_will_write_what_it_reads() {
    let lab = |live: i32| {
        one()
            .check("k", &["lb/route"])
            .check("other", &["v2/content"])
            .sees("lb/route", live)
    };
    let log = || {
        let started = Log::new().phase("one", &["a", "k", "other"]);
        started
            .done("a", moves("lb/route", 1))
            .done("k", Says::default())
            .done("other", Says::default())
    };
    assert_eq!(lab(2).signs(Some(&log().state())), "✓ a, ✓ k, ✓ other");
    assert_eq!(
        lab(1).signs(Some(&log().state())),
        "~ a, ○ k, ✓ other",
        "the drift will be repaired"
    );
    let repaired = log().done("a", moves("lb/route", 1)).state();
    assert_eq!(
        lab(2).signs(Some(&repaired)),
        "✓ a, ○ k, ✓ other",
        "the drift was repaired"
    );
    assert_eq!(void_checks(&lab(2).program(), &repaired), [StepId::from("k")].into());
    assert_eq!(void_checks(&lab(2).program(), &log().state()), [].into());
}

#[test]
fn what_a_step_after_a_check_writes_voids_nothing() {
    let lab = Lab::new()
        .phase("one")
        .check("k", &["lb/route"])
        .effect("b", "lb/route", 2)
        .sees("lb/route", 1);
    let log = || Log::new().phase("one", &["k", "b"]).done("k", Says::default());
    assert_eq!(lab.signs(Some(&log().state())), "✓ k, ~ b");
    let state = log().done("b", moves("lb/route", 1)).state();
    assert_eq!(lab.sees("lb/route", 2).signs(Some(&state)), "✓ k, ✓ b");
}

#[test]
fn a_skipped_step_stays_skipped() {
    let state = Log::new().phase("one", &["a"]).skipped("a").state();
    assert_eq!(one().sees("lb/route", 1).standing(Some(&state), "a"), Standing::Skipped);
}

#[test]
fn a_kind_of_a_later_version_is_shown() {
    assert_eq!(
        Lab::new().phase("one").later_kind("w").standing(None, "w"),
        Standing::NotSupported
    );
}

// The trajectory.

#[test]
fn each_step_is_compared_with_what_the_steps_before_it_will_have_left() {
    let lab = Lab::new()
        .phase("prepare")
        .effect("route_v2", "lb/route", "v2 allow")
        .phase("freeze")
        .effect("read_only", "lb/route", "v2 deny")
        .phase("switch")
        .effect("to_v3", "lb/route", "v3 allow")
        .sees("lb/route", "v2 allow");
    let deltas = |id: &str| {
        let standing = lab.standing(None, id);
        let Standing::Pending { change } = standing else {
            panic!("{id}: {standing:?}")
        };
        change.deltas
    };
    let delta = |before: &str, after: &str| Delta {
        field: "value".to_owned(),
        before: before.into(),
        after: after.into(),
    };
    assert_eq!(lab.standing(None, "route_v2"), Standing::AlreadySo);
    assert_eq!(deltas("read_only"), [delta("v2 allow", "v2 deny")]);
    assert_eq!(deltas("to_v3"), [delta("v2 deny", "v3 allow")]);
}

#[test]
fn a_pending_command_leaves_what_it_says_it_writes_in_an_unknown_state() {
    let lab = Lab::new()
        .phase("one")
        .effect_with("damage", "command:damage", 1, |_, double| {
            double.touches.writes = ["v3/content".into()].into();
        })
        .effect("import", "v3/content", 5)
        .sees("command:damage", 0)
        .sees("v3/content", 0);
    assert_eq!(lab.standing(None, "import"), unknown("damage"));
    let done = lab.sees("command:damage", 1);
    assert_eq!(
        done.standing(None, "import"),
        Standing::Pending { change: from_to(0, 5) },
        "it has nothing to do"
    );
}

#[test]
fn a_later_step_in_doubt_owns_the_resource() {
    let lab = |live: i32| one().effect("b", "lb/route", 3).sees("lb/route", live);
    let log = Log::new().phase("one", &["a", "b"]).done("a", moves("lb/route", 1));
    let state = log.intended("b", moves("lb/route", 2)).state();
    assert_eq!(lab(3).standing(Some(&state), "a"), Standing::Superseded);
    assert_eq!(lab(2).standing(Some(&state), "a"), Standing::Done);
}

#[test]
fn a_guard_that_was_not_run_leaves_the_step_to_do() {
    let lab = one().observed(
        "lb/route",
        Observed::NotLooked("its guard was not run (--no-exec)".to_owned()),
    );
    let change = lab.change(None, "a");
    assert!(matches!(change.standing, Standing::Pending { change } if change.action == Action::Create));
    assert_eq!(change.notes, ["its guard was not run (--no-exec)"]);
}

#[test]
fn an_edited_step_of_an_open_phase_is_planned_again() {
    let mut lab = one().sees("lb/route", 1);
    lab.plan.phases[0].steps[0].digest = "edited".into();
    let change = lab.change(Some(&a_done().state()), "a");
    let pending = Standing::Pending { change: from_to(1, 2) };
    assert_eq!(
        (change.standing, change.notes),
        (pending, vec!["edited since it was done".to_owned()])
    );
}

#[test]
fn a_condition_is_shown() {
    let lab = Lab::new().phase("one").effect_with("a", "x/y", 2, |step, _| {
        step.condition = Some("run.written.v3".to_owned());
    });
    assert_eq!(lab.sees("x/y", 1).change(None, "a").notes, ["if: run.written.v3"]);
}

#[test]
fn a_second_attempt_plans_everything_again() {
    let log = a_done()
        .rollback(&["one"])
        .back("one", 1)
        .done("a", moves("lb/route", 2))
        .rolled_back();
    let state = log.body(Body::RollbackFinished { left: vec![] }).state();
    let set = one().sees("lb/route", 1).plan(Some(&state));
    assert_eq!(set.phases[0].attempt, 2);
    assert_eq!(
        set.phases[0].steps[0].standing,
        Standing::Pending { change: from_to(1, 2) }
    );
}

// The way back.

#[test]
fn the_way_back_leads_to_the_state_before_the_first_intent() {
    let back = |what: &str| WayBack::Derived { what: what.to_owned() };
    assert_eq!(one().sees("lb/route", 0).change(None, "a").way_back, back("back to 0"));
    assert_eq!(
        one().sees("lb/route", 2).change(Some(&a_done().state()), "a").way_back,
        back("back to 1")
    );
    assert_eq!(one().sees("lb/route", 2).change(None, "a").way_back, WayBack::Nothing);
    let found = Log::new()
        .phase("one", &["a"])
        .settled("a", SettledBy::AlreadySo, json!({}))
        .state();
    assert_eq!(
        one().sees("lb/route", 2).change(Some(&found), "a").way_back,
        WayBack::Nothing
    );
    let listed = one()
        .phase_with(|phase| phase.rollback = Some(Vec::new()))
        .sees("lb/route", 0);
    assert_eq!(listed.change(None, "a").way_back, WayBack::Listed);
    let check = Lab::new().phase("one").check("k", &[]);
    assert_eq!(check.change(None, "k").way_back, WayBack::Nothing);
}

// The whole.

/// A region over `freeze` and `switch`, with a phase before and one after it.
fn migration() -> Lab {
    let mut lab = Lab::new()
        .system(
            "v2",
            json!({"reachable": true, "version": "2.6.13", "counts": {"artifacts": 4}}),
        )
        .system(
            "lb",
            json!({"reachable": true, "route": {"to": "v2", "writes": "allow", "generation": "g1"}}),
        )
        .phase("prepare")
        .effect("route_v2", "lb/route", "v2 allow")
        .phase("freeze")
        .phase_with(|phase| {
            phase.gates.window = Some("weekend".to_owned());
            phase.gates.approval = Some(json!({"count": 2}));
            phase.on_failure = OnFailure::Rollback;
        })
        .effect("read_only", "lb/route", "v2 deny")
        .phase("switch")
        .capture("export", &["v2/content"], "x.zip")
        .effect_with("import", "v3/content", 0, |_, double| {
            double.touches.inputs = ["export".into()].into();
        })
        .effect("to_v3", "lb/route", "v3 allow")
        .phase("soak")
        .later_kind("watch")
        .sees("lb/route", "v2 allow")
        .sees("v3/content", 0);
    lab.regions = vec![Region {
        route: "lb/route".into(),
        first: "read_only".into(),
        last: "to_v3".into(),
        phases: vec!["freeze".into(), "switch".into()],
        steps: ["read_only", "export", "import", "to_v3"].map(StepId::from).to_vec(),
        estimate: None,
        limits: Default::default(),
    }];
    lab
}

#[test]
fn the_change_set_of_a_first_plan() {
    insta::assert_json_snapshot!("first_plan", migration().plan(None));
}

#[test]
fn the_change_set_in_the_middle_of_a_run() {
    let log = Log::new()
        .phase("prepare", &["route_v2"])
        .settled("route_v2", SettledBy::AlreadySo, json!({}))
        .closed()
        .phase("freeze", &["read_only"])
        .intended(
            "read_only",
            Says {
                freezes: Some(ResourceKey::from("lb/route")),
                ..moves("lb/route", "v2 allow")
            },
        );
    insta::assert_json_snapshot!("second_plan", migration().plan(Some(&log.state())));
}

fn phase_digest(lab: &Lab, state: Option<&crate::journal::RunState>, phase: &str) -> String {
    let set = lab.plan(state);
    let found = set.phases.iter().find(|known| known.id.as_str() == phase);
    found.unwrap().digest.to_string()
}

#[test]
fn a_phase_before_or_in_a_region_is_approved_with_all_phases_of_the_region() {
    let edited = |id: &str| {
        let mut lab = migration();
        let steps = lab.plan.phases.iter_mut().flat_map(|phase| &mut phase.steps);
        for step in steps.filter(|step| step.id.as_str() == id) {
            step.digest = "edited".into();
        }
        lab
    };
    let moved = |by: &str| -> Vec<&str> {
        let phases = ["prepare", "freeze", "switch", "soak"];
        let differs = |phase: &&str| phase_digest(&edited(by), None, phase) != phase_digest(&migration(), None, phase);
        phases.into_iter().filter(differs).collect()
    };
    assert_eq!(moved("to_v3"), ["prepare", "freeze", "switch"]);
    assert_eq!(moved("route_v2"), ["prepare"]);
    assert_eq!(moved("watch"), ["soak"]);
}

#[test]
fn progress_voids_no_approval_and_a_new_attempt_does() {
    let fresh = phase_digest(&migration(), None, "switch");
    let freeze = || {
        Log::new()
            .phase("freeze", &["read_only"])
            .done("read_only", moves("lb/route", "v2 allow"))
    };
    let mut frozen = migration();
    frozen.seen.systems.insert(
        "lb".into(),
        json!({"reachable": true, "route": {"to": "v2", "writes": "deny", "generation": "g2"}}),
    );
    assert_eq!(phase_digest(&frozen, Some(&freeze().closed().state()), "switch"), fresh);
    let rolled_back = freeze().rollback(&["freeze"]).back("freeze", 1).rolled_back();
    assert_ne!(phase_digest(&migration(), Some(&rolled_back.state()), "switch"), fresh);
}

#[test]
fn decisive_facts_move_the_digest_and_counts_do_not() {
    let with = |facts: Value| {
        let mut lab = migration();
        lab.seen.systems.insert("v2".into(), facts);
        lab.plan(None).digest
    };
    let base = migration().plan(None).digest;
    assert_eq!(
        with(json!({"reachable": true, "version": "2.6.13", "counts": {"artifacts": 5}})),
        base
    );
    assert_ne!(with(json!({"reachable": true, "version": "2.6.14"})), base);
    let mut later = migration();
    later.seen.took = std::time::Duration::from_secs(9);
    later.seen.at = jiff::Timestamp::from_second(1_900_000_000).unwrap();
    assert_eq!(later.plan(None).digest, base);
    let mut moved = migration();
    moved
        .seen
        .systems
        .insert("lb".into(), json!({"reachable": true, "route": {"to": "v3"}}));
    assert_ne!(moved.plan(None).digest, base);
}

#[test]
fn a_plan_costs_one_diff_for_each_step() {
    for steps in [10, 100, 1_000] {
        let mut lab = Lab::new().phase("one");
        for n in 0..steps {
            lab = lab.effect(&format!("s{n}"), &format!("r{}/x", n % 7), n);
        }
        for n in 0..7 {
            lab = lab.sees(&format!("r{n}/x"), -1);
        }
        assert_eq!(lab.plan(None).counts.to_do, steps);
        assert_eq!(lab.diffs.load(Ordering::Relaxed), steps);
    }
}

#[test]
fn content_that_clients_may_have_written_is_not_drift() {
    let lab = |route: &str| {
        Lab::new()
            .phase("one")
            .effect("import", "v3/content", 5)
            .effect("to_v3", "lb/route", "v3")
            .sees("v3/content", 7)
            .sees("lb/route", route)
    };
    let log = || {
        Log::new()
            .phase("one", &["import", "to_v3"])
            .done("import", moves("v3/content", 0))
    };
    assert_eq!(lab("v2").standing(Some(&log().state()), "import").sign(), '!');
    let opened = log().done(
        "to_v3",
        Says {
            opens: Some("v3".into()),
            thaws: Some("lb/route".into()),
            ..moves("lb/route", "v2")
        },
    );
    assert_eq!(lab("v3").signs(Some(&opened.state())), "✓ import, ✓ to_v3");
}
