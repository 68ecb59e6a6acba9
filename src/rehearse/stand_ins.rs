use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use serde_json::Value;

use super::late_twin::LateTwin;
use crate::{
    model::{Plan, Step, SystemName},
    system::{BalancerDouble, CommandLine, Doubles, Ended, SystemError},
};

/// What stands in for balancers, systems without a twin, and commands while a plan is rehearsed. No command of the plan is ever run.
pub(super) struct StandIns {
    balancers: BTreeMap<SystemName, Box<dyn BalancerDouble>>,
    /// What systems without a twin say.
    recorded: BTreeMap<SystemName, Value>,
    /// The registries that a command brings up.
    brings_up: Vec<(CommandLine, Arc<LateTwin>)>,
    /// A guard, or a file that is created, with the command that makes it so.
    guarded: Vec<(Guarded, CommandLine)>,
    /// The command that an undo takes back.
    undoes: Vec<(CommandLine, CommandLine)>,
    done: Mutex<BTreeSet<Vec<String>>>,
}

/// How a plan tells that a command has done its work.
#[derive(PartialEq)]
enum Guarded {
    By(CommandLine),
    File(String),
}

/// What a stand-in says instead of the command's own words.
const SAID: &str = "rehearsed: this command was not run";

impl StandIns {
    /// Those of a plan.
    pub(super) fn new(
        plan: &Plan,
        balancers: BTreeMap<SystemName, Box<dyn BalancerDouble>>,
        recorded: BTreeMap<SystemName, Value>,
        late: &BTreeMap<SystemName, Arc<LateTwin>>,
    ) -> Self {
        let mut stand_ins = Self {
            balancers,
            recorded,
            brings_up: Vec::new(),
            guarded: Vec::new(),
            undoes: Vec::new(),
            done: Mutex::new(BTreeSet::new()),
        };
        for step in plan
            .phases
            .iter()
            .flat_map(|phase| phase.steps.iter().chain(phase.rollback.iter().flatten()))
        {
            stand_ins.learn(step, late);
        }
        stand_ins
    }

    /// What a step's commands are for.
    fn learn(&mut self, step: &Step, late: &BTreeMap<SystemName, Arc<LateTwin>>) {
        let line = |key: &str| -> Option<CommandLine> { serde_json::from_value(step.with.get(key)?.clone()).ok() };
        let Some(command) = line("command") else {
            return;
        };
        if let Some(unless) = line("unless") {
            self.guarded.push((Guarded::By(unless), command.clone()));
        }
        if let Some(file) = step.with.get("creates").and_then(|file| file.as_str()) {
            self.guarded.push((Guarded::File(file.to_owned()), command.clone()));
        }
        if let Some(undo) = line("undo") {
            self.undoes.push((undo, command.clone()));
        }
        for system in &step.provides {
            if let Some(twin) = late.get(system) {
                self.brings_up.push((command.clone(), Arc::clone(twin)));
            }
        }
    }

    fn done(&self) -> MutexGuard<'_, BTreeSet<Vec<String>>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_done(&self, guarded: &Guarded) -> bool {
        let done = self.done();
        self.guarded
            .iter()
            .any(|(known, command)| known == guarded && done.contains(&command.0))
    }
}

#[async_trait]
impl Doubles for StandIns {
    fn balancer(&self, system: &SystemName) -> Option<&dyn BalancerDouble> {
        self.balancers.get(system).map(AsRef::as_ref)
    }

    fn facts(&self, system: &SystemName) -> Option<&Value> {
        self.recorded.get(system)
    }

    async fn run(&self, command: &CommandLine) -> Result<Ended, SystemError> {
        for (_, twin) in self.brings_up.iter().filter(|(known, _)| known == command) {
            if let Err(error) = twin.start().await {
                return Ok(ended(1, String::new(), error.to_string()));
            }
        }
        let mut done = self.done();
        for (_, command) in self.undoes.iter().filter(|(undo, _)| undo == command) {
            done.remove(&command.0);
        }
        done.insert(command.0.clone());
        Ok(ended(0, SAID.to_owned(), String::new()))
    }

    async fn guard(&self, command: &CommandLine) -> Result<Ended, SystemError> {
        Ok(ended(
            i32::from(!self.is_done(&Guarded::By(command.clone()))),
            SAID.to_owned(),
            String::new(),
        ))
    }

    async fn created(&self, path: &str) -> Result<bool, SystemError> {
        Ok(self.is_done(&Guarded::File(path.to_owned())))
    }
}

fn ended(code: i32, stdout: String, stderr: String) -> Ended {
    Ended {
        code: Some(code),
        stdout,
        stderr,
    }
}
