//! Design §3: the plan is a trajectory. One walk over the order, with a simulated state for each resource.

use std::{borrow::Cow, collections::BTreeMap, collections::BTreeSet};

use serde_json::Value;

use super::{
    Observations,
    digests::{Digests, system_seen},
    facts::{FactsOf, facts},
    simulation::{Now, World, Written},
    way_back::way_back,
};
use crate::{
    expr::Expression,
    journal::{Attempt, Intent, PhaseState, RunState, StepState},
    kind::{Behaviour, DynEffect, Inputs, KindError, Program},
    model::{
        Action, Change, ChangeSet, Class, Counts, OnFailure, Phase, PhaseChange, PhaseId, ResourceKey, Standing, Step,
        StepChange, StepId, SystemName, Touches,
    },
};

/// The format of `plan --json`: raised when a field changes its meaning or goes.
pub const CHANGE_SET_FORMAT: u32 = 1;

/// What the planner is given: values, not handles.
#[derive(Clone, Copy)]
pub struct PlanInput<'a> {
    /// The plan with its behaviours.
    pub program: &'a Program,
    /// What the journal says; `None` before the first apply.
    pub state: Option<&'a RunState>,
    /// What was seen outside.
    pub observations: &'a Observations,
    /// The environment.
    pub environment: &'a str,
    /// Whether drift of closed phases is reported (`plan --drift`); it is never repaired. The observations must hold them.
    pub drift: bool,
}

/// What `apply` would do now, in order. Pure, and linear in the steps.
pub fn plan(input: &PlanInput<'_>) -> ChangeSet {
    let placed = place(input.program, input.state);
    let mut walk = Walk::new(input, &placed);
    let mut changes: BTreeMap<&PhaseId, Vec<StepChange>> = BTreeMap::new();
    for at in &placed {
        changes.entry(&at.phase.id).or_default().push(walk.step(at));
    }
    let digests = Digests::of(input);
    let phases: Vec<PhaseChange> = (input.program.plan.phases.iter())
        .map(|phase| PhaseChange {
            steps: changes.remove(&phase.id).unwrap_or_default(),
            checkpoint: checkpoint(input, phase, &walk),
            digest: digests.phase(&phase.id),
            ..phase_change(input, phase)
        })
        .collect();
    ChangeSet {
        format_version: CHANGE_SET_FORMAT,
        plan: input.program.plan.name.clone(),
        environment: input.environment.to_owned(),
        run: input.state.map(|state| state.run.clone()),
        journal_records: input.state.map_or(0, |state| state.records),
        observed_at: input.observations.at.to_string(),
        observed_in_ms: u64::try_from(input.observations.took.as_millis()).unwrap_or(u64::MAX),
        systems: system_seen(input),
        regions: input.program.regions.clone(),
        counts: count(&phases),
        digest: digests.all(input, &phases),
        phases,
    }
}

/// The done checks whose verdict no longer counts, because a step before them wrote what they read after they had judged.
/// What a step *after* a check writes is the trajectory going on, and voids nothing.
pub fn void_checks(program: &Program, state: &RunState) -> BTreeSet<StepId> {
    let mut before = Written::default();
    let placed = place(program, Some(state));
    let mut void = BTreeSet::new();
    for at in &placed {
        if let Some(StepState::Done { sequence, .. }) = at.known
            && at.class() == Some(Class::Check)
            && at.touches.reads.iter().any(|key| before.settled_after(key, *sequence))
        {
            void.insert(at.step.id.clone());
        }
        at.write_into(&mut before);
    }
    void
}

/// A forward step, its place, and all that does not depend on the world.
pub(super) struct Placed<'a> {
    index: usize,
    phase: &'a Phase,
    pub(super) step: &'a Step,
    behaviour: Option<&'a Behaviour>,
    touches: Touches,
    address: Option<ResourceKey>,
    closed: bool,
    pub(super) known: Option<&'a StepState>,
}

impl Placed<'_> {
    fn class(&self) -> Option<Class> {
        self.behaviour.map(Behaviour::class)
    }

    /// Whether the plan says something else than what was done.
    fn edited(&self) -> bool {
        matches!(self.known, Some(StepState::Done { digest, .. }) if *digest != self.step.digest)
    }
}

impl<'a> Placed<'a> {
    /// Notes what this step has written; only effects move resources, the scratch that a check writes is its own.
    fn write_into(&'a self, written: &mut Written<'a>) {
        if let Some(known) = self.known
            && matches!(self.class(), Some(Class::Effect | Class::Capture))
        {
            written.forward(known, self.address.as_ref(), &self.touches.writes);
        }
    }
}

/// All forward steps in order; each touches its kind once.
fn place<'a>(program: &'a Program, state: Option<&'a RunState>) -> Vec<Placed<'a>> {
    let mut homes: BTreeMap<&StepId, (&Phase, &Step, Option<&Attempt>)> = BTreeMap::new();
    for phase in &program.plan.phases {
        let attempt = state.and_then(|state| state.attempt(&phase.id));
        homes.extend(phase.steps.iter().map(|step| (&step.id, (phase, step, attempt))));
    }
    let ordered = program.order.iter().filter_map(|id| homes.get(id)).enumerate();
    ordered
        .map(|(index, (phase, step, attempt))| {
            let behaviour = program.behaviour(&step.id);
            Placed {
                index,
                phase,
                step,
                behaviour,
                touches: behaviour.map(Behaviour::touches).unwrap_or_default(),
                address: match behaviour {
                    Some(Behaviour::Effect(effect)) => Some(effect.address()),
                    Some(Behaviour::Check(_) | Behaviour::Capture(_) | Behaviour::Wait(_)) | None => None,
                },
                closed: attempt.is_some_and(|attempt| attempt.closed),
                known: attempt.and_then(|attempt| attempt.steps.get(&step.id)),
            }
        })
        .collect()
}

/// What was decided about one step.
struct Decided<'a> {
    standing: Standing,
    /// The resource before the step, as far as it is known.
    before: Option<Cow<'a, Value>>,
    notes: Vec<String>,
}

impl Decided<'_> {
    fn new(standing: Standing) -> Self {
        Self {
            standing,
            before: None,
            notes: Vec::new(),
        }
    }

    fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

fn unplannable(reason: impl Into<String>) -> Decided<'static> {
    Decided::new(Standing::Unreachable { reason: reason.into() })
}

/// The walk over the order: what the steps so far will have left.
struct Walk<'a> {
    input: &'a PlanInput<'a>,
    world: World<'a>,
    /// Over the whole journal: a done step is superseded by a later one.
    written: Written<'a>,
    /// By the steps walked so far: their later writes void a check.
    before: Written<'a>,
    /// Places of the steps walked so far that are not done.
    open: BTreeMap<&'a StepId, usize>,
    /// What those steps will write.
    to_write: BTreeSet<&'a ResourceKey>,
    /// The last of them that brings up a system.
    providers: BTreeMap<&'a SystemName, &'a StepId>,
    /// Recorded outputs that still count.
    outputs: BTreeMap<&'a StepId, &'a Value>,
}

impl<'a> Walk<'a> {
    fn new(input: &'a PlanInput<'a>, placed: &'a [Placed<'a>]) -> Self {
        let mut written = Written::default();
        for at in placed {
            at.write_into(&mut written);
        }
        if let Some(state) = input.state {
            written.backward(state);
        }
        Self {
            input,
            world: World::new(input.observations),
            written,
            before: Written::default(),
            open: BTreeMap::new(),
            to_write: BTreeSet::new(),
            providers: BTreeMap::new(),
            outputs: BTreeMap::new(),
        }
    }

    fn step(&mut self, at: &'a Placed<'a>) -> StepChange {
        let mut decided = self.decide(at);
        if !decided.standing.is_settled() {
            annotate(at, &mut decided.notes);
        }
        self.go_on(at, &decided.standing);
        StepChange {
            id: at.step.id.clone(),
            uses: at.step.uses.clone(),
            class: at.class(),
            resource: at.address.clone(),
            provides: at.step.provides.iter().cloned().collect(),
            way_back: way_back(
                at.phase,
                at.behaviour,
                at.known,
                &decided.standing,
                decided.before.as_deref(),
            ),
            standing: decided.standing,
            notes: decided.notes,
            point_of_no_return: at.step.point_of_no_return,
        }
    }

    fn decide(&mut self, at: &'a Placed<'a>) -> Decided<'a> {
        if at.closed {
            return self.closed(at);
        }
        let Some(behaviour) = at.behaviour else {
            return Decided::new(Standing::NotSupported);
        };
        if matches!(at.known, Some(StepState::Skipped { .. })) {
            return Decided::new(Standing::Skipped);
        }
        match behaviour {
            Behaviour::Effect(effect) => self.effect(at, effect.as_ref()),
            Behaviour::Check(_) => self.check(at),
            Behaviour::Capture(_) => self.once(at, Standing::Takes),
            Behaviour::Wait(_) => self.once(at, Standing::Waits),
        }
    }

    /// What later steps need to know about this one.
    fn go_on(&mut self, at: &'a Placed<'a>, standing: &Standing) {
        at.write_into(&mut self.before);
        if standing.is_settled() {
            if let Some(outputs) = at.known.and_then(StepState::outputs) {
                self.outputs.insert(&at.step.id, outputs);
            }
            return;
        }
        self.open.insert(&at.step.id, at.index);
        self.providers
            .extend(at.step.provides.iter().map(|system| (system, &at.step.id)));
        let idle = matches!(standing, Standing::AlreadySo | Standing::Regress { .. });
        if idle || !matches!(at.class(), Some(Class::Effect | Class::Capture)) {
            return;
        }
        self.to_write.extend(at.touches.writes.iter().chain(&at.address));
        for key in at.touches.writes.iter().filter(|key| at.address.as_ref() != Some(*key)) {
            self.world.leave(key.clone(), Now::After(at.step.id.clone()));
        }
    }

    /// A closed phase is never diffed; `plan --drift` reports what its last writers no longer find.
    fn closed(&self, at: &Placed<'a>) -> Decided<'a> {
        let decided = Decided::new(Standing::Closed);
        let (Some(Behaviour::Effect(effect)), Some(key)) = (at.behaviour, &at.address) else {
            return decided;
        };
        let Some(StepState::Done { sequence, intent, .. }) = at.known else {
            return decided;
        };
        if !self.input.drift || !effect.observable() || self.written.intended_after(key, *sequence) {
            return decided;
        }
        if self.written.settled_after(key, *sequence) {
            return decided;
        }
        let inputs = self.pinned(at, intent.as_ref());
        match self.world.live(key) {
            Now::Known(now) => match effect.diff(&now, &inputs) {
                Ok(change) if !change.is_none() => decided.note(format!("drift: {}", in_words(&change))),
                Ok(_) => decided,
                Err(error) => decided.note(format!("drift is not known: {error}")),
            },
            Now::Unreachable(reason) | Now::NotLooked(reason) | Now::Failed(reason) => {
                decided.note(format!("drift is not known: {reason}"))
            }
            Now::After(_) => decided,
        }
    }

    fn effect(&mut self, at: &'a Placed<'a>, effect: &dyn DynEffect) -> Decided<'a> {
        let Some(key) = &at.address else {
            return unplannable("it has no address");
        };
        if let Some(reason) = self.foreign(effect, key) {
            return unplannable(reason);
        }
        match at.known {
            Some(StepState::Done { intent, sequence, .. }) if !at.edited() => {
                self.done(at, effect, key, intent.as_ref(), *sequence)
            }
            Some(
                StepState::Intended(intent)
                | StepState::Failed {
                    intent: Some(intent),
                    in_doubt: true,
                    ..
                },
            ) => self.in_doubt(at, effect, key, intent),
            Some(StepState::Done { .. } | StepState::Failed { .. } | StepState::Skipped { .. }) | None => {
                self.pending(at, effect, key)
            }
        }
    }

    /// Why the resource is another run's, as far as it can be seen now.
    fn foreign(&self, effect: &dyn DynEffect, key: &ResourceKey) -> Option<String> {
        let Now::Known(now) = self.world.live(key) else {
            return None;
        };
        let ours = self.input.state.map(|state| &state.run);
        effect.foreign(&now, ours).ok().flatten()
    }

    /// Done in this attempt, phase open: the last writer of a resource must still find its target.
    fn done(
        &mut self,
        at: &'a Placed<'a>,
        effect: &dyn DynEffect,
        key: &ResourceKey,
        intent: Option<&Intent>,
        sequence: u64,
    ) -> Decided<'a> {
        if self.written.settled_after(key, sequence) {
            return Decided::new(Standing::Superseded);
        }
        if !effect.observable() {
            return Decided::new(Standing::Done);
        }
        if self.belongs_to_clients(key) {
            return Decided::new(Standing::Done).note("its content belongs to its clients now");
        }
        let now = match self.world.live(key) {
            Now::Known(now) => now,
            Now::NotLooked(reason) => return Decided::new(Standing::Done).note(reason),
            Now::Unreachable(reason) => return self.unreachable(at, key, reason),
            Now::Failed(reason) => return unplannable(reason),
            Now::After(after) => return Decided::new(Standing::Unknown { after }),
        };
        let inputs = self.pinned(at, intent);
        match effect.diff(&now, &inputs) {
            Err(error) => self.no_answer(at, &error),
            Ok(change) if change.is_none() => Decided::new(Standing::Done),
            // A later step that is in doubt or failed may have moved it: the resource is that step's now.
            Ok(_) if self.written.intended_after(key, sequence) => Decided::new(Standing::Superseded),
            Ok(change) => self.decided_on(at, effect, key, now, &inputs, |now| {
                Standing::Drift { change }.unless_regress(effect.regresses(now))
            }),
        }
    }

    /// Once a route let writes through to a backend, the content of the system of that name is no longer ours to compare.
    fn belongs_to_clients(&self, key: &ResourceKey) -> bool {
        match (key.as_str().split_once('/'), self.input.state) {
            (Some((system, "content")), Some(state)) => state.written(&system.into()),
            _ => false,
        }
    }

    /// Intended without an end: the probe decides.
    fn in_doubt(
        &mut self,
        at: &'a Placed<'a>,
        effect: &dyn DynEffect,
        key: &ResourceKey,
        intent: &Intent,
    ) -> Decided<'a> {
        let inputs = self.pinned(at, Some(intent));
        let unknown = |note: String| Decided::new(Standing::InDoubt { change: None }).note(note);
        let (now, note) = match self.world.take(key) {
            Now::Known(now) if effect.observable() => match effect.regresses(&now) {
                Ok(Some(reason)) => (Some(now), reason),
                Ok(None) => match effect.diff(&now, &inputs) {
                    Ok(change) => {
                        return self.decided_on(at, effect, key, now, &inputs, |_| Standing::InDoubt {
                            change: Some(change),
                        });
                    }
                    Err(error) => (Some(now), error.to_string()),
                },
                Err(error) => (Some(now), error.to_string()),
            },
            Now::Known(now) => (Some(now), "only a person can tell whether it was done".to_owned()),
            Now::After(step) => (None, format!("known after {step}")),
            Now::Unreachable(reason) | Now::NotLooked(reason) | Now::Failed(reason) => (None, reason.to_owned()),
        };
        self.world.leave(key.clone(), Now::After(at.step.id.clone()));
        Decided {
            before: now,
            ..unknown(note)
        }
    }

    /// Never done in this attempt: against the state that the steps before will have left.
    fn pending(&mut self, at: &'a Placed<'a>, effect: &dyn DynEffect, key: &ResourceKey) -> Decided<'a> {
        let decided = match self.waits_for(at) {
            Err(reason) => Err(unplannable(reason)),
            Ok(needed) => self.against_now(at, effect, key, needed),
        };
        decided.unwrap_or_else(|without_change| {
            if let Standing::Unknown { .. } = without_change.standing {
                self.world.leave(key.clone(), Now::After(at.step.id.clone()));
            }
            without_change
        })
    }

    /// The change of a pending step, or (`Err`) why there is none yet.
    #[expect(
        clippy::result_large_err,
        reason = "both sides are decisions, and neither is an error"
    )]
    fn against_now(
        &mut self,
        at: &'a Placed<'a>,
        effect: &dyn DynEffect,
        key: &ResourceKey,
        needed: Option<&'a StepId>,
    ) -> Result<Decided<'a>, Decided<'a>> {
        let after = |step: &StepId| Decided::new(Standing::Unknown { after: step.clone() });
        let now = match (self.world.take(key), needed) {
            (Now::Failed(reason), _) => return Err(unplannable(reason)),
            (Now::Unreachable(reason), None) => return Err(self.unreachable(at, key, reason)),
            (Now::After(step), None) => return Err(after(&step)),
            (Now::After(step), Some(needed)) => return Err(after(self.later_of(&step, needed))),
            (Now::Unreachable(_) | Now::Known(_) | Now::NotLooked(_), Some(needed)) => return Err(after(needed)),
            (Now::NotLooked(reason), None) => {
                let change = Change::new(Action::Create).summary("unless it is done already");
                return Ok(Decided::new(Standing::Pending { change }).note(reason));
            }
            (Now::Known(now), None) => now,
        };
        let inputs = self.inputs(at);
        match effect.diff(&now, &inputs) {
            Err(error) => {
                let decided = self.no_answer(at, &error);
                self.world.leave(key.clone(), Now::Known(now));
                Err(decided)
            }
            Ok(change) => Ok(self.decided_on(at, effect, key, now, &inputs, |now| {
                if change.is_none() {
                    return Standing::AlreadySo;
                }
                Standing::Pending { change }.unless_regress(effect.regresses(now))
            })),
        }
    }

    /// Leaves the resource as the step will: moved by `after`, or as it is when the step does nothing or is refused.
    fn decided_on(
        &mut self,
        at: &Placed<'a>,
        effect: &dyn DynEffect,
        key: &ResourceKey,
        now: Cow<'a, Value>,
        inputs: &Inputs,
        standing: impl FnOnce(&Value) -> Standing,
    ) -> Decided<'a> {
        let standing = standing(&now);
        let stays = matches!(
            standing,
            Standing::AlreadySo | Standing::Regress { .. } | Standing::Unreachable { .. }
        );
        let left = if stays {
            Now::Known(now.clone())
        } else {
            match effect.after(&now, inputs) {
                Ok(state) => Now::Known(Cow::Owned(state)),
                Err(_) => Now::After(at.step.id.clone()),
            }
        };
        self.world.leave(key.clone(), left);
        Decided {
            before: Some(now),
            ..Decided::new(standing)
        }
    }

    /// A pure function of the kind has no answer: it waits for a step, or it says why.
    fn no_answer(&self, at: &Placed<'a>, error: &KindError) -> Decided<'a> {
        if let KindError::MissingInput { step } = error
            && self.open.contains_key(step)
        {
            return Decided::new(Standing::Unknown { after: step.clone() });
        }
        unplannable(crate::system::causes(error)).note(format!("`{}` has no diff", at.step.uses))
    }

    /// The last step that must be done before this one can be decided: an input's, or the one that brings up a system.
    fn waits_for(&self, at: &Placed<'a>) -> Result<Option<&'a StepId>, String> {
        let mut last: Option<(usize, &'a StepId)> = None;
        for input in &at.touches.inputs {
            if let Some((id, index)) = self.open.get_key_value(input) {
                last = last.max(Some((*index, id)));
            } else if !self.outputs.contains_key(input) {
                return Err(format!(
                    "step `{input}` was skipped or is not before it: it has no outputs"
                ));
            }
        }
        for system in at.touches.systems.iter().filter(|system| self.is_down(system)) {
            let Some(provider) = self.providers.get(system) else {
                return Err(format!(
                    "system `{system}` does not answer, and no step before brings it up"
                ));
            };
            last = last.max(Some((self.open.get(provider).copied().unwrap_or(0), provider)));
        }
        Ok(last.map(|(_, step)| step))
    }

    fn is_down(&self, system: &SystemName) -> bool {
        let facts = self.input.observations.systems.get(system);
        facts.and_then(|facts| facts.get("reachable")) == Some(&Value::Bool(false))
    }

    fn later_of<'s>(&self, one: &'s StepId, other: &'s StepId) -> &'s StepId {
        if self.open.get(one) > self.open.get(other) {
            one
        } else {
            other
        }
    }

    /// The resource cannot be seen: excused only by a step before that is not done and brings up its system.
    fn unreachable(&self, at: &Placed<'a>, key: &ResourceKey, reason: &str) -> Decided<'a> {
        let own = key.as_str().split('/').next().map(SystemName::from);
        let mut systems = at.touches.systems.iter().chain(&own);
        match systems.find_map(|system| self.providers.get(system)) {
            Some(provider) => Decided::new(Standing::Unknown {
                after: (*provider).clone(),
            }),
            None => unplannable(reason),
        }
    }

    /// The recorded outputs that a pending step works from.
    fn inputs(&self, at: &Placed<'a>) -> Inputs {
        let recorded = at.touches.inputs.iter().filter_map(|step| {
            let outputs = self.outputs.get(step)?;
            Some((step.clone(), (*outputs).clone()))
        });
        Inputs(recorded.collect())
    }

    /// What a step worked from when it was intended: the target of a content step is the snapshot pinned there.
    fn pinned(&self, at: &Placed<'a>, intent: Option<&Intent>) -> Inputs {
        match intent {
            Some(intent) => Inputs(intent.inputs.clone()),
            None => self.inputs(at),
        }
    }

    /// A check is done once, and again when a step before it wrote or will write what it reads.
    fn check(&self, at: &Placed<'a>) -> Decided<'a> {
        let Some(StepState::Done { sequence, .. }) = at.known.filter(|_| !at.edited()) else {
            return self.once(at, Standing::Checks);
        };
        let written = |key| self.before.settled_after(key, *sequence) || self.to_write.contains(key);
        let redone = at.touches.inputs.iter().any(|step| self.open.contains_key(step));
        if redone || at.touches.reads.iter().any(written) {
            return Decided::new(Standing::Checks).note("what it reads is written again");
        }
        Decided::new(Standing::Done)
    }

    /// Captures and waits are done once per attempt; so is a check that has not judged yet.
    fn once(&self, at: &Placed<'a>, to_do: Standing) -> Decided<'a> {
        if matches!(at.known, Some(StepState::Done { .. })) && !at.edited() {
            return Decided::new(Standing::Done);
        }
        match self.waits_for(at) {
            Ok(_) => Decided::new(to_do),
            Err(reason) => unplannable(reason),
        }
    }
}

impl Standing {
    /// Refused when the kind says that it would move the resource backwards.
    fn unless_regress(self, regresses: Result<Option<String>, KindError>) -> Self {
        match regresses {
            Ok(Some(reason)) => Standing::Regress { reason },
            Ok(None) => self,
            Err(error) => Standing::Unreachable {
                reason: crate::system::causes(&error),
            },
        }
    }
}

/// What the journal adds for the reviewer.
fn annotate(at: &Placed<'_>, notes: &mut Vec<String>) {
    if let Some(condition) = &at.step.condition {
        notes.push(format!("if: {condition}"));
    }
    match at.known {
        Some(StepState::Failed { error, .. }) => notes.push(format!("failed before: {error}")),
        Some(StepState::Intended(intent)) if matches!(intent.class, Class::Check | Class::Capture) => {
            notes.push("was interrupted".to_owned());
        }
        Some(StepState::Done { .. }) if at.edited() => notes.push("edited since it was done".to_owned()),
        Some(_) | None => {}
    }
}

fn in_words(change: &Change) -> String {
    let deltas = change
        .deltas
        .iter()
        .map(|delta| format!("{}: {} → {}", delta.field, delta.before, delta.after));
    let words: Vec<String> = change.summary.iter().cloned().chain(deltas).collect();
    if words.is_empty() {
        "its target no longer holds".to_owned()
    } else {
        words.join(" · ")
    }
}

fn phase_change(input: &PlanInput<'_>, phase: &Phase) -> PhaseChange {
    let known = input.state.and_then(|state| state.phase(&phase.id));
    let in_region = input
        .program
        .regions
        .iter()
        .any(|region| region.phases.contains(&phase.id));
    PhaseChange {
        id: phase.id.clone(),
        attempt: known.map_or(1, PhaseState::attempt),
        closed: known.is_some_and(PhaseState::is_closed),
        gates: gates(phase),
        rollback: phase.rollback.iter().flatten().map(|step| step.id.clone()).collect(),
        rolls_back: in_region || phase.on_failure == OnFailure::Rollback,
        steps: Vec::new(),
        checkpoint: Vec::new(),
        digest: crate::model::Digest::from(""),
    }
}

/// The gates of a phase in a few words each.
fn gates(phase: &Phase) -> Vec<String> {
    let window = phase.gates.window.iter().map(|name| format!("window {name}"));
    let approval = phase.gates.approval.iter().map(|gate| {
        let count = gate.get("count").and_then(Value::as_u64).unwrap_or(1);
        format!("{count} approval{}", if count == 1 { "" } else { "s" })
    });
    let not_before = phase.gates.not_before.iter().map(|gate| match gate.as_str() {
        Some(time) => format!("not before {time}"),
        None => format!("not before {gate}"),
    });
    window.chain(approval).chain(not_before).collect()
}

/// Which assertions hold now; one that needs a fact that is not there yet, or that will be made anew, is unknown.
fn checkpoint(input: &PlanInput<'_>, phase: &Phase, walk: &Walk<'_>) -> Vec<(String, Option<bool>)> {
    let closed = input
        .state
        .and_then(|state| state.phase(&phase.id))
        .is_some_and(PhaseState::is_closed);
    let of = FactsOf {
        program: input.program,
        state: input.state,
        systems: &input.observations.systems,
        environment: input.environment,
        phase: &phase.id,
    };
    let holds = |text: &str| {
        let expression = Expression::parse(text).ok()?;
        let open_step = |path: &[String]| match path {
            [root, step, ..] => root == "steps" && walk.open.contains_key(&StepId::from(step.as_str())),
            _ => false,
        };
        if expression.names().iter().any(|(path, _)| open_step(path)) {
            return None;
        }
        expression
            .judge(&facts(of, &expression))
            .ok()
            .map(|judged| judged.holds)
    };
    let assertions = phase.checkpoint.iter().map(|assertion| &assertion.expression);
    assertions
        .map(|text| (text.clone(), if closed { Some(true) } else { holds(text) }))
        .collect()
}

fn count(phases: &[PhaseChange]) -> Counts {
    let mut counts = Counts::default();
    for change in phases.iter().flat_map(|phase| &phase.steps) {
        counts.steps += 1;
        match &change.standing {
            Standing::Closed | Standing::Superseded | Standing::Done | Standing::Skipped | Standing::AlreadySo => {
                counts.already_so += 1;
            }
            Standing::Pending { change } | Standing::Drift { change } => {
                counts.to_do += 1;
                counts.to_destroy += usize::from(change.action == Action::Delete);
            }
            Standing::InDoubt { .. } | Standing::Takes | Standing::Checks | Standing::Waits => counts.to_do += 1,
            Standing::Unknown { .. } => counts.decided_later += 1,
            Standing::Regress { .. } | Standing::Unreachable { .. } | Standing::NotSupported => counts.refused += 1,
        }
    }
    counts
}
