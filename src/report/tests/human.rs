use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::*;
use crate::model::{
    Change, Class, Counts, Digest, Limits, PhaseId, ResourceKey, RunId, StepId, SystemName, SystemSeen,
};

fn look() -> Look {
    Look {
        width: 100,
        paint: Paint::new(false),
        zone: TimeZone::UTC,
        verbose: false,
    }
}

fn step(id: &str, uses: &str, standing: Standing) -> StepChange {
    StepChange {
        id: StepId::new(id),
        uses: uses.to_owned(),
        class: Some(Class::Effect),
        resource: None,
        standing,
        provides: Vec::new(),
        notes: Vec::new(),
        drift: None,
        texts: None,
        way_back: WayBack::Nothing,
        point_of_no_return: false,
    }
}

fn pending(change: Change) -> Standing {
    Standing::Pending { change }
}

fn phase(id: &str, steps: Vec<StepChange>) -> PhaseChange {
    PhaseChange {
        id: PhaseId::new(id),
        attempt: 1,
        closed: false,
        gates: Vec::new(),
        rolls_back: false,
        steps,
        rollback: Vec::new(),
        checkpoint: Vec::new(),
        digest: Digest::new("d1"),
    }
}

fn set(phases: Vec<PhaseChange>, regions: Vec<Region>, counts: Counts) -> ChangeSet {
    ChangeSet {
        format_version: 1,
        plan: "registry_2_to_3".to_owned(),
        environment: "prod".to_owned(),
        run: None,
        journal_records: 0,
        observed_at: "2026-11-25T14:02:11Z".to_owned(),
        observed_in_ms: 412,
        systems: BTreeMap::new(),
        refusals: Vec::new(),
        phases,
        regions,
        counts,
        digest: Digest::new("d0"),
    }
}

fn freeze_and_switch() -> (Vec<PhaseChange>, Vec<Region>) {
    let mut deploy = step(
        "deploy_v3",
        "run.command",
        pending(Change::new(crate::model::Action::Create)),
    );
    deploy.provides = vec![SystemName::new("v3")];
    deploy.notes = vec!["ready and empty within 5m".to_owned()];
    let after = StepId::new("deploy_v3");
    let mut copy = step("pre_copy", "registry.replicate", Standing::Unknown { after });
    copy.notes = vec!["v2 holds 412 artifacts, 3,918 versions".to_owned()];
    let mut freeze = phase(
        "freeze",
        vec![step(
            "read_only",
            "lb.route",
            pending(Change::none().field("writes", "allow", "deny")),
        )],
    );
    freeze.gates = vec!["window weekend".to_owned(), "2 approvals".to_owned()];
    freeze.rolls_back = true;
    freeze.steps[0].way_back = WayBack::Derived {
        what: "writes: deny → allow".to_owned(),
    };
    let change = Change::none().field("to", "v2", "v3").field("writes", "deny", "allow");
    let mut switch = phase("switch", vec![step("to_v3", "lb.route", pending(change))]);
    switch.rolls_back = true;
    switch.steps[0].way_back = WayBack::Listed;
    switch.rollback = ["hold_v3", "back_port", "to_v2"].map(StepId::from).to_vec();
    let mut stop = step(
        "stop_v2",
        "run.command",
        pending(Change::new(crate::model::Action::Create)),
    );
    stop.point_of_no_return = true;
    let region = Region {
        route: ResourceKey::new("lb/route"),
        first: StepId::new("read_only"),
        last: StepId::new("to_v3"),
        phases: vec![PhaseId::new("freeze"), PhaseId::new("switch")],
        steps: vec![StepId::new("read_only"), StepId::new("to_v3")],
        estimate: None,
        limits: Limits {
            freeze: Some("2m".parse().unwrap()),
            read_gap: None,
        },
    };
    let phases = vec![
        phase("warm_copy", vec![deploy, copy]),
        freeze,
        switch,
        phase("decommission", vec![stop]),
    ];
    (phases, vec![region])
}

#[test]
fn a_plan_of_a_migration_shows_the_trajectory_the_region_and_the_way_back() {
    let (phases, regions) = freeze_and_switch();
    let counts = Counts {
        steps: 5,
        to_do: 4,
        decided_later: 1,
        ..Counts::default()
    };
    insta::assert_snapshot!(change_set(
        &set(phases, regions, counts),
        Some("regplan apply plans/guide.yaml"),
        &look()
    ));
}

#[test]
fn every_standing_has_its_sign_and_words() {
    let change = || Change::none().field("writes", "deny", "allow");
    let after = StepId::new("deploy_v3");
    let steps = vec![
        step("closed", "lb.route", Standing::Closed),
        step("superseded", "lb.route", Standing::Superseded),
        step("done", "lb.route", Standing::Done),
        step("skipped", "lb.route", Standing::Skipped),
        step("drift", "lb.route", Standing::Drift { change: change() }),
        step("doubt", "lb.route", Standing::InDoubt { change: Some(change()) }),
        step(
            "doubt_done",
            "lb.route",
            Standing::InDoubt {
                change: Some(Change::none()),
            },
        ),
        step("doubt_blind", "run.command", Standing::InDoubt { change: None }),
        step("already", "lb.route", Standing::AlreadySo),
        step(
            "create",
            "run.command",
            pending(Change::new(crate::model::Action::Create).summary("starts `v3`")),
        ),
        step(
            "delete",
            "registry.import",
            pending(Change::new(crate::model::Action::Delete)),
        ),
        step(
            "regress",
            "lb.route",
            Standing::Regress {
                reason: "v3 takes writes".to_owned(),
            },
        ),
        step("later", "registry.import", Standing::Unknown { after }),
        step("takes", "registry.export", Standing::Takes),
        step("checks", "registry.verify", Standing::Checks),
        step("waits", "manual.confirm", Standing::Waits),
        step(
            "unreachable",
            "lb.route",
            Standing::Unreachable {
                reason: "lb does not answer at 127.0.0.1".to_owned(),
            },
        ),
        step("unsupported", "metrics.watch", Standing::NotSupported),
    ];
    let counts = Counts {
        steps: 18,
        to_do: 9,
        decided_later: 1,
        already_so: 5,
        to_destroy: 1,
        refused: 3,
        drifted: 0,
    };
    let text = change_set(
        &set(vec![phase("all", steps)], Vec::new(), counts),
        Some("regplan apply"),
        &look(),
    );
    insta::assert_snapshot!(text);
}

#[test]
fn a_text_of_several_lines_is_a_unified_diff_below_its_step() {
    let before = "worker_processes 1;\nevents {}\nhttp {\n  server v2;\n}\n";
    let after = "worker_processes 1;\nevents {}\nhttp {\n  server v3;\n  deny all;\n}\n";
    let change = Change::none()
        .field("file", before, after)
        .field("mode", 420, 384)
        .risk("readers see a reload");
    let set = set(
        vec![phase("files", vec![step("config", "file.text", pending(change))])],
        Vec::new(),
        Counts {
            steps: 1,
            to_do: 1,
            ..Counts::default()
        },
    );
    insta::assert_snapshot!(change_set(&set, Some("regplan apply"), &look()));
}

#[test]
fn a_run_that_goes_on_shows_its_journal_systems_checkpoints_and_attempts() {
    let (mut phases, regions) = freeze_and_switch();
    phases[0].closed = true;
    for step in &mut phases[0].steps {
        step.standing = Standing::Closed;
    }
    phases[1].attempt = 2;
    phases[1].steps[0].standing = Standing::Done;
    phases[2].checkpoint = vec![
        ("systems.lb.route.to == \"v3\"".to_owned(), Some(false)),
        ("systems.v2.reachable".to_owned(), Some(true)),
        ("steps.traffic.failed == 0".to_owned(), None),
    ];
    let mut set = set(
        phases,
        regions,
        Counts {
            steps: 5,
            to_do: 2,
            already_so: 3,
            ..Counts::default()
        },
    );
    set.run = Some(RunId::new("r20261125t1402abcd"));
    set.journal_records = 1_234;
    let seen = |reachable, version: Option<&str>| SystemSeen {
        reachable,
        version: version.map(str::to_owned),
        note: None,
    };
    set.systems
        .insert(SystemName::new("v2"), seen(true, Some("2.6.13.Final")));
    set.systems.insert(SystemName::new("v3"), seen(false, None));
    insta::assert_snapshot!(change_set(&set, Some("regplan apply p.yaml --env prod"), &look()));
}

#[test]
fn on_a_narrow_terminal_words_wrap_and_nothing_is_cut() {
    let (phases, regions) = freeze_and_switch();
    let counts = Counts {
        steps: 5,
        to_do: 4,
        decided_later: 1,
        ..Counts::default()
    };
    let narrow = Look { width: 72, ..look() };
    insta::assert_snapshot!(change_set(
        &set(phases, regions, counts),
        Some("regplan apply p.yaml"),
        &narrow
    ));
}

#[test]
fn colours_change_no_letter_and_no_column() {
    let (phases, regions) = freeze_and_switch();
    let set = set(phases, regions, Counts::default());
    let plain = change_set(&set, Some("regplan apply"), &look());
    let coloured = change_set(
        &set,
        Some("regplan apply"),
        &Look {
            paint: Paint::new(true),
            ..look()
        },
    );
    assert_ne!(plain, coloured);
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
}

#[test]
fn values_from_outside_cannot_speak_to_the_terminal() {
    let change = Change::none().field("owner\u{1b}[31m", "a\u{7}", "b\nc\u{1b}]0;x\u{7}");
    let mut bad = step("s", "x.y", pending(change));
    bad.notes = vec!["\u{1b}[2J".to_owned()];
    let text = change_set(
        &set(vec![phase("p", vec![bad])], Vec::new(), Counts::default()),
        Some("regplan apply"),
        &look(),
    );
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}

#[test]
fn equal_change_sets_make_equal_text_and_json_has_all_of_it() {
    let (phases, regions) = freeze_and_switch();
    let set = set(phases, regions, Counts::default());
    let json: serde_json::Value = serde_json::from_str(&crate::report::json::change_set(&set).unwrap()).unwrap();
    assert_eq!(json["format_version"], json!(1));
    assert_eq!(json["digest"], json!("d0"));
    assert_eq!(
        json["phases"][1]["steps"][0]["change"]["deltas"][0]["after"],
        json!("deny")
    );
    let ids: BTreeSet<&str> = json["regions"][0]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|v| v.as_str())
        .collect();
    assert_eq!(ids, BTreeSet::from(["read_only", "to_v3"]));
}
