//! What happens between a freeze and its thaw, with a balancer in memory.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use regplan::{
    engine::Outcome,
    journal::Body,
    kind::{
        ApplyError, Behaviour, DecodeError, DynCapture, DynEffect, Inputs, KindError, PlanView, Program, Receipt, Undo,
        find,
    },
    model::{Change, Findings, ResourceKey, RunId, Touches},
    resource::{Depth, Probed},
    system::{Act, Observe, Progress, SystemError},
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::bed::{Bed, Went, lines};

/// The route of a balancer in memory.
#[derive(Clone)]
struct Balancer(Arc<Mutex<Inner>>);

struct Inner {
    to: &'static str,
    writes: &'static str,
    /// Whether it refuses to move to v3.
    broken: bool,
    /// Whether a look at it for the switch gets no answer.
    hangs: bool,
    /// What the side behind it holds, as somebody who goes past it may change.
    content: u32,
}

/// A copy of what the side behind it holds.
struct Copied(Balancer);

#[async_trait]
impl DynCapture for Copied {
    fn touches(&self) -> Touches {
        Touches::default()
    }

    fn check(&self, _plan: &PlanView<'_>, _out: &mut Findings) {}

    async fn take(&self, _attempt: u32, _: &Act, _: &Progress) -> Result<Value, ApplyError> {
        Ok(json!({"content": self.0.0.lock().unwrap().content}))
    }

    async fn intact(&self, _taken: &Value, _: &Observe) -> Result<bool, ApplyError> {
        Ok(true)
    }

    async fn moved(&self, taken: &Value, _: &Observe) -> Result<Option<String>, ApplyError> {
        let now = self.0.0.lock().unwrap().content;
        Ok((taken["content"] != now).then(|| "it holds something else".to_owned()))
    }
}

/// A step of it.
struct RouteStep {
    balancer: Balancer,
    to: &'static str,
    writes: &'static str,
    touches: Touches,
}

#[async_trait]
impl DynEffect for RouteStep {
    fn touches(&self) -> Touches {
        self.touches.clone()
    }

    fn check(&self, _plan: &PlanView<'_>, _out: &mut Findings) {}

    fn address(&self) -> ResourceKey {
        ResourceKey::of(&"lb".into(), "route")
    }

    async fn probe(&self, _world: &Observe, _depth: Depth) -> Result<Probed<Value>, SystemError> {
        if self.to == "v3" && self.balancer.0.lock().unwrap().hangs {
            std::future::pending::<()>().await;
        }
        let (to, writes) = self.balancer.route();
        Ok(Probed::Seen(json!({"to": to, "writes": writes})))
    }

    fn diff(&self, now: &Value, _inputs: &Inputs) -> Result<Change, KindError> {
        Ok(Change::none()
            .field("to", now["to"].clone(), self.to)
            .field("writes", now["writes"].clone(), self.writes))
    }

    fn after(&self, _now: &Value, _inputs: &Inputs) -> Result<Value, KindError> {
        Ok(json!({"to": self.to, "writes": self.writes}))
    }

    fn regresses(&self, now: &Value) -> Result<Option<String>, KindError> {
        Ok((now["to"] == "v3" && self.to == "v2").then(|| "backwards".to_owned()))
    }

    fn foreign(&self, _now: &Value, _ours: Option<&RunId>) -> Result<Option<String>, KindError> {
        Ok(None)
    }

    fn observable(&self) -> bool {
        true
    }

    async fn apply(&self, _: &Change, _: &Inputs, _: &Act, _: &Progress) -> Result<Receipt, ApplyError> {
        let mut inner = self.balancer.0.lock().unwrap();
        if inner.broken && self.to == "v3" {
            return Err(ApplyError::NotDone(
                "the configuration does not pass its test".to_owned(),
            ));
        }
        (inner.to, inner.writes) = (self.to, self.writes);
        Ok(Receipt::default())
    }

    fn output(&self, settled: &Value, _receipt: Option<&Receipt>) -> Result<Value, KindError> {
        Ok(settled.clone())
    }

    fn undo(&self, before: &Value) -> Result<Undo, KindError> {
        Ok(Undo::Same {
            with: before.clone(),
            what: "the route before".to_owned(),
        })
    }

    fn again(&self, with: Value) -> Result<Box<dyn DynEffect>, DecodeError> {
        let route = ResourceKey::of(&"lb".into(), "route");
        let allows = with["writes"] == "allow";
        Ok(Box::new(Self {
            balancer: self.balancer.clone(),
            to: if with["to"] == "v3" { "v3" } else { "v2" },
            writes: if allows { "allow" } else { "deny" },
            touches: Touches {
                freezes: (!allows).then(|| route.clone()),
                thaws: allows.then_some(route),
                ..self.touches.clone()
            },
        }))
    }
}

/// A plan of `deny` and `to_v3`, with `inside` in a phase between and `back` before the thaw of the way back.
fn plan(limit: &str, inside: &str, back: &str, switch: &str) -> String {
    let middle = if inside.is_empty() {
        String::new()
    } else {
        format!("  - id: middle\n    steps:\n{inside}    rollback: []\n")
    };
    format!(
        "regplan: v1\nname: cut\nlimits: {{ freeze: {limit} }}\nvars: {{ go: {{ type: boolean, default: true }} }}\nsystems:\n  lb: {{ type: nginx, url: \"http://127.0.0.1:1\", config: n.conf, directory: r, socket: s.sock, backends: {{ v2: [\"127.0.0.1:1\"], v3: [\"127.0.0.1:2\"] }} }}\nphases:\n  - id: freeze\n    steps:\n      - {{ id: deny, uses: lb.route, with: {{ lb: lb, to: v2, writes: deny }} }}\n    rollback:\n{back}      - {{ id: thaw, uses: lb.route, with: {{ lb: lb, to: v2, writes: allow }} }}\n{middle}  - id: switch\n    steps:\n      - {{ id: to_v3, uses: lb.route, {switch} with: {{ lb: lb, to: v3, writes: allow }} }}\n    rollback:\n      - {{ id: back, uses: lb.route, with: {{ lb: lb, to: v2, writes: deny }} }}\n"
    )
}

/// The program of a bed with its routes in memory.
fn program(bed: &Bed, balancer: &Balancer) -> Program {
    let Program {
        plan, order, regions, ..
    } = bed.program();
    let steps = plan
        .phases
        .iter()
        .flat_map(|phase| phase.steps.iter().chain(phase.rollback.iter().flatten()));
    let behaviours = steps
        .map(|step| {
            let real = (find(&step.uses).unwrap().decode)(step).unwrap();
            let word = |key: &str| match step.with[key].as_str() {
                Some("v3") => "v3",
                Some("allow") => "allow",
                Some("deny") => "deny",
                _ => "v2",
            };
            let behaviour = if step.id.as_str() == "copied" {
                Behaviour::Capture(Box::new(Copied(balancer.clone())))
            } else if step.uses == "lb.route" {
                Behaviour::Effect(Box::new(RouteStep {
                    balancer: balancer.clone(),
                    to: word("to"),
                    writes: word("writes"),
                    touches: real.touches(),
                }))
            } else {
                real
            };
            (step.id.clone(), behaviour)
        })
        .collect();
    Program::new(plan, order, regions, behaviours)
}

impl Balancer {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Inner {
            to: "v2",
            writes: "allow",
            broken: false,
            hangs: false,
            content: 1,
        })))
    }

    fn route(&self) -> (&'static str, &'static str) {
        let inner = self.0.lock().unwrap();
        (inner.to, inner.writes)
    }

    async fn apply(&self, bed: &Bed) -> Went {
        let (_send, signals) = mpsc::unbounded_channel();
        let run = bed.apply_program(program(bed, self), signals);
        tokio::time::timeout(Duration::from_secs(15), run)
            .await
            .unwrap_or_else(|_| panic!("it went on with the freeze: {:?}", self.route()))
    }
}

/// Records up to and with the intent of that step.
fn intent_of(records: &[regplan::journal::Record], id: &str) -> usize {
    1 + records
        .iter()
        .position(|record| matches!(&record.body, Body::StepIntended { step, .. } if step.as_str() == id))
        .unwrap()
}

#[tokio::test]
async fn a_freeze_and_a_switch_go_through() {
    let (bed, balancer) = (Bed::new(&plan("1m", "", "", "")), Balancer::new());
    assert_eq!(balancer.apply(&bed).await.outcome(), Outcome::Done);
    assert_eq!(balancer.route(), ("v3", "allow"));
}

/// Between the last step that looks and the switch nothing but the switch itself can see a writer who goes past the balancer.
#[tokio::test]
async fn a_source_that_moved_since_it_was_copied_is_not_left_for_another() {
    let inside = "      - { id: copied, uses: run.check, with: { command: [\"true\"] } }\n      - { id: gate, uses: run.check, with: { command: [test, -e, open] } }\n";
    for (written, ends_at) in [(false, ("v3", "allow")), (true, ("v2", "allow"))] {
        let text = plan("1h", inside, "", "");
        let whole = Bed::new(&text);
        whole.put("open", "");
        assert_eq!(Balancer::new().apply(&whole).await.outcome(), Outcome::Done);
        let (mut bed, balancer) = (Bed::new(&text), Balancer::new());
        bed.put("open", "");
        bed.cut_after(Some(intent_of(&whole.records(), "gate")));
        assert!(balancer.apply(&bed).await.outcome.is_err());
        balancer.0.lock().unwrap().content += u32::from(written);
        bed.cut_after(None);
        let outcome = balancer.apply(&bed).await.outcome();
        assert_eq!(balancer.route(), ends_at, "{outcome:?}");
        let went_back =
            matches!(&outcome, Outcome::RolledBack { reason, .. } if reason.contains("after step `copied`"));
        assert_eq!(went_back, written, "{outcome:?}");
    }
}

/// The switch was intended and did not happen; the runner died; a person let writes through to v2 again.
#[tokio::test]
async fn a_switch_in_doubt_is_not_done_after_somebody_thawed_in_between() {
    let whole = Bed::new(&plan("1h", "", "", ""));
    assert_eq!(Balancer::new().apply(&whole).await.outcome(), Outcome::Done);
    let (mut bed, balancer) = (Bed::new(&plan("1h", "", "", "")), Balancer::new());
    balancer.0.lock().unwrap().broken = true;
    bed.cut_after(Some(intent_of(&whole.records(), "to_v3")));
    assert!(balancer.apply(&bed).await.outcome.is_err());
    assert_eq!(balancer.route(), ("v2", "deny"));
    {
        let mut inner = balancer.0.lock().unwrap();
        (inner.writes, inner.broken) = ("allow", false);
    }
    bed.cut_after(None);
    let outcome = balancer.apply(&bed).await.outcome();
    assert_eq!(
        balancer.route(),
        ("v2", "allow"),
        "what v2 took in between is not on v3: {outcome:?}"
    );
}

/// A freeze that took its time rolls back; the checks and the retries of the way back have their own time.
#[tokio::test]
async fn the_clock_of_the_freeze_does_not_end_a_check_of_the_way_back() {
    let inside = "      - { id: slow, uses: run.command, with: { command: [sleep, \"30\"], creates: never } }\n";
    let back = "      - { id: alive, uses: run.check, with: { command: [sh, -c, \"sleep 0.2\"] } }\n";
    let (bed, balancer) = (Bed::new(&plan("1s", inside, back, "")), Balancer::new());
    let outcome = balancer.apply(&bed).await.outcome();
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert_eq!(balancer.route(), ("v2", "allow"));
}

#[tokio::test]
async fn the_clock_of_the_freeze_does_not_end_the_retries_of_the_way_back() {
    let inside = "      - { id: slow, uses: run.command, with: { command: [sleep, \"30\"], creates: never } }\n";
    let back = "      - { id: alive, uses: run.command, retry: { attempts: 3, backoff: 50ms, max_backoff: 50ms }, with: { command: [sh, -c, \"echo x >> log; test $(wc -l < log) -ge 2\"] } }\n";
    let (bed, balancer) = (Bed::new(&plan("1s", inside, back, "")), Balancer::new());
    let outcome = balancer.apply(&bed).await.outcome();
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert_eq!(balancer.route(), ("v2", "allow"));
}

/// A probe that never ends (a registry that takes the connection and is silent) is inside the clock like any act.
#[tokio::test]
async fn the_clock_of_the_freeze_ends_a_look_that_hangs() {
    let (bed, balancer) = (Bed::new(&plan("1s", "", "", "")), Balancer::new());
    balancer.0.lock().unwrap().hangs = true;
    let outcome = balancer.apply(&bed).await.outcome();
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
}

/// The switch is refused by the balancer again and again: writes must not stay denied beyond the limit.
#[tokio::test]
async fn the_clock_of_the_freeze_ends_the_retries_of_a_switch_that_did_not_happen() {
    let switch = "retry: { attempts: 5, backoff: 1h, max_backoff: 1h },";
    let (bed, balancer) = (Bed::new(&plan("1s", "", "", switch)), Balancer::new());
    balancer.0.lock().unwrap().broken = true;
    let outcome = balancer.apply(&bed).await.outcome();
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert_eq!(balancer.route(), ("v2", "allow"));
}

/// A thaw whose condition is false leaves writes denied; that is no good end. The check of a plan refuses such a thaw, so the
/// condition is put in behind it.
#[tokio::test]
async fn a_run_does_not_end_well_with_writes_denied() {
    let (bed, balancer) = (Bed::new(&plan("1m", "", "", "")), Balancer::new());
    let mut program = program(&bed, &balancer);
    program.plan.phases[1].steps[0].condition = Some("!vars.go".to_owned());
    let (_send, signals) = mpsc::unbounded_channel();
    let run = bed.apply_program(program, signals);
    let went = tokio::time::timeout(Duration::from_secs(15), run).await.unwrap();
    let outcome = went.outcome();
    assert_ne!(outcome, Outcome::Done, "writes are {:?}", balancer.route());
}

#[tokio::test]
async fn an_edit_of_a_closed_phase_is_refused_or_rolled_back_while_frozen() {
    let inside = "      - { id: gate, uses: run.check, with: { command: [test, -e, open] } }\n";
    let text = plan("1h", inside, "", "");
    let (mut bed, balancer) = (Bed::new(&text), Balancer::new());
    let whole = Bed::new(&text);
    whole.put("open", "");
    assert_eq!(Balancer::new().apply(&whole).await.outcome(), Outcome::Done);
    bed.cut_after(Some(intent_of(&whole.records(), "gate")));
    assert!(balancer.apply(&bed).await.outcome.is_err());
    bed.cut_after(None);
    bed.put("open", "");
    // The frozen route of the closed phase is another step now.
    bed.plan = text.replace("{ id: deny, uses: lb.route", "{ id: deny2, uses: lb.route");
    let outcome = balancer.apply(&bed).await.outcome();
    assert_ne!(outcome, Outcome::Done);
}

fn listed(back: &str) -> String {
    format!(
        "regplan: v1\nname: back\nvars: {{ go: {{ type: boolean, default: true }} }}\nphases:\n  - id: only\n    on_failure: rollback\n    steps:\n      - {{ id: gate, uses: run.check, with: {{ command: [\"false\"] }} }}\n    rollback:\n{back}"
    )
}

/// A condition of the way back is asked once: what was begun under it goes on, whatever it says later.
#[tokio::test]
async fn a_way_back_goes_on_when_the_condition_of_what_it_began_no_longer_holds() {
    let back = "      - { id: back, uses: run.command, if: vars.go, with: { command: [touch, x], creates: x } }\n";
    let whole = Bed::new(&listed(back));
    assert!(matches!(whole.apply().await.outcome(), Outcome::RolledBack { .. }));
    let mut bed = Bed::new(&listed(back));
    bed.cut_after(Some(intent_of(&whole.records(), "back")));
    assert!(bed.apply().await.outcome.is_err());
    bed.cut_after(None);
    // Stands for a fact that moved meanwhile.
    bed.plan = bed.plan.replace("default: true", "default: false");
    let went = bed.apply().await;
    assert!(
        matches!(went.outcome, Ok(Outcome::RolledBack { .. })),
        "{:?}",
        went.outcome
    );
}

#[tokio::test]
async fn a_command_of_the_way_back_without_a_guard_is_not_repeated_by_a_guess() {
    let back = "      - { id: back, uses: run.command, with: { command: [sh, -c, \"echo x >> log\"] } }\n";
    let whole = Bed::new(&listed(back));
    assert!(matches!(whole.apply().await.outcome(), Outcome::RolledBack { .. }));
    let mut bed = Bed::new(&listed(back));
    bed.cut_after(Some(intent_of(&whole.records(), "back")));
    assert!(bed.apply().await.outcome.is_err());
    bed.cut_after(None);
    let outcome = bed.apply().await.outcome();
    assert_eq!(lines(&bed.path("log")), 1, "{outcome:?}");
}

#[tokio::test]
async fn the_checkpoint_of_a_step_of_the_way_back_is_judged() {
    let back = "      - { id: back, uses: run.command, with: { command: [touch, x], creates: x }, checkpoint: [{ assert: \"!vars.go\" }] }\n";
    let outcome = Bed::new(&listed(back)).apply().await.outcome();
    assert!(matches!(outcome, Outcome::RollbackFailed { .. }), "{outcome:?}");
}

/// The freeze, a check and the switch in one phase; the runner dies before the switch, and a person lets writes through.
#[tokio::test]
async fn a_freeze_that_somebody_ended_is_not_taken_up_again() {
    let text = "regplan: v1\nname: one\nlimits: { freeze: 1h }\nsystems:\n  lb: { type: nginx, url: \"http://127.0.0.1:1\", config: n.conf, directory: r, socket: s.sock, backends: { v2: [\"127.0.0.1:1\"], v3: [\"127.0.0.1:2\"] } }\nphases:\n  - id: one\n    steps:\n      - { id: deny, uses: lb.route, with: { lb: lb, to: v2, writes: deny } }\n      - { id: compare, uses: run.check, with: { command: [\"true\"] } }\n      - { id: to_v3, uses: lb.route, with: { lb: lb, to: v3, writes: allow } }\n    rollback:\n      - { id: thaw, uses: lb.route, with: { lb: lb, to: v2, writes: allow } }\n";
    let whole = Bed::new(text);
    assert_eq!(Balancer::new().apply(&whole).await.outcome(), Outcome::Done);
    let (mut bed, balancer) = (Bed::new(text), Balancer::new());
    bed.cut_after(Some(intent_of(&whole.records(), "to_v3") - 1));
    assert!(balancer.apply(&bed).await.outcome.is_err());
    assert_eq!(balancer.route(), ("v2", "deny"));
    balancer.0.lock().unwrap().writes = "allow";
    bed.cut_after(None);
    let outcome = balancer.apply(&bed).await.outcome();
    assert_eq!(
        balancer.route(),
        ("v2", "allow"),
        "what v2 took in between is not on v3: {outcome:?}"
    );
}

/// A switch that a check after it takes back: v3 has taken writes, `port` brings them back between the two routes.
fn taken_back(port: &str) -> String {
    format!(
        "regplan: v1\nname: back\nlimits: {{ freeze: 1h }}\nsystems:\n  v2: {{ type: apicurio, urls: [\"http://127.0.0.1:1\"] }}\n  v3: {{ type: apicurio, urls: [\"http://127.0.0.1:2\"] }}\n  lb: {{ type: nginx, url: \"http://127.0.0.1:1\", config: n.conf, directory: r, socket: s.sock, backends: {{ v2: [\"127.0.0.1:1\"], v3: [\"127.0.0.1:2\"] }} }}\nphases:\n  - id: switch\n    on_failure: rollback\n    steps:\n      - {{ id: deny, uses: lb.route, with: {{ lb: lb, to: v2, writes: deny }} }}\n      - {{ id: to_v3, uses: lb.route, with: {{ lb: lb, to: v3, writes: allow }} }}\n      - {{ id: watch, uses: run.check, with: {{ command: [\"false\"] }} }}\n    rollback:\n      - {{ id: hold_v3, uses: lb.route, with: {{ lb: lb, to: v3, writes: deny }} }}\n{port}      - {{ id: to_v2, uses: lb.route, with: {{ lb: lb, to: v2, writes: allow }} }}\n"
    )
}

#[tokio::test]
async fn a_way_back_that_cannot_arrive_does_not_begin() {
    let port = "      - { id: port, uses: registry.import, with: { to: v2, file: v3.zip } }\n";
    let (bed, balancer) = (Bed::new(&taken_back(port)), Balancer::new());
    let outcome = balancer.apply(&bed).await.outcome();
    let Outcome::RollbackFailed { error, .. } = &outcome else {
        panic!("{outcome:?}")
    };
    assert!(error.starts_with("step `port` of the way back"), "{error}");
    assert_eq!(balancer.route(), ("v3", "allow"), "nobody lost a write for nothing");
    let held = |record: &regplan::journal::Record| matches!(&record.body, Body::StepIntended { step, .. } if step.as_str() == "hold_v3");
    assert!(!bed.records().iter().any(held));
}

#[tokio::test]
async fn a_way_back_whose_condition_is_false_needs_no_proof() {
    let port = "      - { id: port, uses: registry.import, if: \"!vars.go\", with: { to: v2, file: v3.zip } }\n";
    let text = taken_back(port).replace(
        "name: back\n",
        "name: back\nvars: { go: { type: boolean, default: true } }\n",
    );
    let (bed, balancer) = (Bed::new(&text), Balancer::new());
    let outcome = balancer.apply(&bed).await.outcome();
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert_eq!(balancer.route(), ("v2", "allow"));
}

#[tokio::test]
async fn what_a_failed_way_back_froze_is_open_again_and_the_next_try_freezes_it_again() {
    let port = "      - { id: port, uses: run.command, with: { command: [sh, -c, \"test -e fixed && touch ported\"], creates: ported } }\n";
    let (bed, balancer) = (Bed::new(&taken_back(port)), Balancer::new());
    let outcome = balancer.apply(&bed).await.outcome();
    let Outcome::RollbackFailed { error, .. } = &outcome else {
        panic!("{outcome:?}")
    };
    assert!(
        error.contains("writes are allowed again where step `hold_v3` froze them"),
        "{error}"
    );
    assert_eq!(balancer.route(), ("v3", "allow"));
    assert!(bed.state().unwrap().frozen.is_none());
    // Still broken: it fails the same way, and is open again.
    assert!(matches!(
        balancer.apply(&bed).await.outcome(),
        Outcome::RollbackFailed { .. }
    ));
    assert_eq!(balancer.route(), ("v3", "allow"));
    bed.put("fixed", "");
    let outcome = balancer.apply(&bed).await.outcome();
    assert!(matches!(outcome, Outcome::RolledBack { .. }), "{outcome:?}");
    assert_eq!(balancer.route(), ("v2", "allow"));
    let holds = bed.records().iter().filter(
        |record| matches!(&record.body, Body::StepIntended { step, freezes: Some(_), .. } if step.as_str() == "hold_v3"),
    ).count();
    assert_eq!(holds, 3, "it was held again before each try");
}

/// Killed anywhere on the way back that fails and opens again: the next one ends with writes on exactly one side.
#[tokio::test]
async fn every_prefix_of_a_way_back_that_opens_again_resumes() {
    let port = "      - { id: port, uses: run.command, with: { command: [sh, -c, \"test -e fixed && touch ported\"], creates: ported } }\n";
    let whole = Bed::new(&taken_back(port));
    let _failed = Balancer::new().apply(&whole).await;
    for length in intent_of(&whole.records(), "hold_v3")..whole.records().len() {
        let (mut bed, balancer) = (Bed::new(&taken_back(port)), Balancer::new());
        bed.cut_after(Some(length));
        let _killed = balancer.apply(&bed).await;
        bed.cut_after(None);
        bed.put("fixed", "");
        let outcome = balancer.apply(&bed).await.outcome();
        assert!(
            matches!(outcome, Outcome::RolledBack { .. }),
            "after {length}: {outcome:?}"
        );
        assert_eq!(balancer.route(), ("v2", "allow"), "after {length}");
        assert!(bed.has("ported"), "after {length}");
    }
}
