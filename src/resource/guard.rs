use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Depth, Probed, Resource};
use crate::{
    model::{ResourceKey, StepId},
    system::{CommandLine, Observe, SystemError},
};

/// Whether a command has already done what it is for, as its guard says.
pub struct Guard;

/// The guard of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardKey {
    /// The step: each has a guard of its own.
    pub step: StepId,
    /// `unless`: rc 0 means done.
    pub unless: Option<CommandLine>,
    /// `creates`: a file whose existence means done; relative to the plan file.
    pub creates: Option<String>,
}

/// What the guard said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardState {
    /// `None` without a guard: nobody can tell from outside.
    pub done: Option<bool>,
}

impl Resource for Guard {
    type Key = GuardKey;
    type State = GuardState;

    fn address(key: &GuardKey) -> ResourceKey {
        ResourceKey::new(format!("command:{}", key.step))
    }

    async fn probe(key: &GuardKey, world: &Observe, _depth: Depth) -> Result<Probed<GuardState>, SystemError> {
        if let Some(path) = &key.creates
            && match world.doubles() {
                Some(doubles) => doubles.created(path).await?,
                None => exists(&world.path(path))?,
            }
        {
            return Ok(Probed::Seen(GuardState { done: Some(true) }));
        }
        let Some(unless) = &key.unless else {
            let done = key.creates.as_ref().map(|_| false);
            return Ok(Probed::Seen(GuardState { done }));
        };
        if world.no_exec() {
            return Ok(Probed::NotLooked("its guard was not run (--no-exec)".to_owned()));
        }
        let ended = world.run_guard(unless).await?;
        if ended.code.is_none() {
            // A guard that was killed has said neither yes nor no.
            return Err(SystemError::Program {
                program: unless.shown(),
                how: ended.how(),
                output: ended.stderr,
            });
        }
        Ok(Probed::Seen(GuardState {
            done: Some(ended.success()),
        }))
    }
}

/// Whether a path exists; a path that may not be looked at is an error, not a no.
fn exists(path: &Path) -> Result<bool, SystemError> {
    path.try_exists().map_err(|source| SystemError::File {
        verb: "look at",
        path: path.to_owned(),
        source,
    })
}
