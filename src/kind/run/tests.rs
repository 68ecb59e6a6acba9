//! What tests of small kinds need: a world without systems in a directory of its own.

use std::{path::Path, sync::Arc};

use crate::{
    kind::registry::any_step,
    model::{Limits, Plan, RunId, Step, Vars},
    system::{Act, NobodyThere, Observe, People, World as Systems, WorldOptions},
};

/// A world without systems.
pub struct World {
    directory: tempfile::TempDir,
    observe: Observe,
}

impl World {
    /// In a new directory; guards do not run when `no_exec`.
    pub fn new(no_exec: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let plan = Plan {
            name: "p".to_owned(),
            description: None,
            systems: std::collections::BTreeMap::new(),
            vars: Vars::default(),
            limits: Limits::default(),
            phases: Vec::new(),
        };
        let options = WorldOptions {
            base: directory.path().to_owned(),
            spool: directory.path().join("spool"),
            no_exec,
        };
        let observe = Observe::new(Arc::new(Systems::open(&plan, &options).unwrap()));
        Self { directory, observe }
    }

    /// The directory of the plan.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A handle that writes, with nobody to ask.
    pub fn act(&self) -> Act {
        self.act_with(Arc::new(NobodyThere))
    }

    /// A handle that writes.
    pub fn act_with(&self, people: Arc<dyn People>) -> Act {
        self.observe.allow_writes(RunId::new("run1"), people)
    }
}

/// A step for functions that need one.
pub fn step() -> Step {
    any_step()
}

/// A shell script as a command line.
pub fn line(script: &str) -> Vec<String> {
    ["sh", "-c", script].map(str::to_owned).into()
}
