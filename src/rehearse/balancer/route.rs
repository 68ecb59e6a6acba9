use std::collections::BTreeMap;

use serde_json::json;

use crate::{
    model::{BackendName, RunId, digest_of},
    resource::{RouteState, RouteTo, RouteWrites},
    system::{
        freeze_rules::is_write,
        nginx::{Generation, RouteTarget},
    },
};

/// The route in force, and the writes under way by it and by those before.
pub(super) struct Route {
    backends: Vec<BackendName>,
    to: BackendName,
    /// `None`: nothing of regplan is installed yet.
    generation: Option<Generation>,
    /// Counts changes: a route that comes back has the same generation, and its writes of before are still of before.
    epoch: u64,
    /// Writes under way, by the epoch that let them in.
    writing: BTreeMap<u64, u32>,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Admission {
    /// It only reads, and goes there.
    Read(BackendName),
    /// It goes there, and is counted in this epoch until it has ended.
    Write(BackendName, u64),
    /// It waits for another route.
    Hold,
    /// It gets the 405.
    Deny,
}

/// Whether a change has to wait for writes of before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drain {
    /// Those of epochs before this one.
    Before(u64),
    /// None: writes were held back before and are let through now, and new ones come anyway.
    Nothing,
}

impl Route {
    pub fn new(backends: Vec<BackendName>, to: BackendName) -> Self {
        Self {
            backends,
            to,
            generation: None,
            epoch: 0,
            writing: BTreeMap::new(),
        }
    }

    /// What happens to writes now.
    pub fn writes(&self) -> RouteWrites {
        // Without anything of ours nothing holds writes back, as on the real one.
        self.generation
            .as_ref()
            .map_or(RouteWrites::Allow, |generation| generation.writes)
    }

    /// Judges a request and counts it when it is a write that goes through.
    pub fn admit(&mut self, method: &str, raw_uri: &str) -> Admission {
        let later = self.backends.first() != Some(&self.to);
        if !is_write(method, raw_uri, later) {
            return Admission::Read(self.to.clone());
        }
        match self.writes() {
            RouteWrites::Allow => {
                *self.writing.entry(self.epoch).or_default() += 1;
                Admission::Write(self.to.clone(), self.epoch)
            }
            RouteWrites::Hold => Admission::Hold,
            RouteWrites::Deny | RouteWrites::Mixed => Admission::Deny,
        }
    }

    /// A write of that epoch has ended.
    pub fn ended(&mut self, epoch: u64) {
        if let Some(count) = self.writing.get_mut(&epoch) {
            *count -= 1;
            if *count == 0 {
                self.writing.remove(&epoch);
            }
        }
    }

    /// Writes under way that epochs before this one let in.
    pub fn writing_before(&self, epoch: u64) -> u32 {
        self.writing.range(..epoch).map(|(_, count)| count).sum()
    }

    /// Compares and sets, with the rules and words of the real one (`system/nginx/switch.rs`); the text says why not.
    pub fn set(&mut self, target: &RouteTarget, expect: Option<&str>, run: &RunId) -> Result<Drain, Refusal> {
        let before = self.generation.as_ref();
        let to = target
            .to
            .as_ref()
            .or_else(|| before.map(|before| &before.to))
            .ok_or(Refusal::NoTo)?;
        if !self.backends.contains(to) {
            return Err(Refusal::NoBackend(to.clone()));
        }
        if target.writes == RouteWrites::Mixed {
            return Err(Refusal::Mixed);
        }
        let new = generation(to, target.writes, run);
        if let Some(before) = before
            && before.run != *run
        {
            return Err(Refusal::OtherRun(before.clone()));
        }
        let found = before.map(ToString::to_string);
        if found.as_deref() != expect && before != Some(&new) {
            return Err(Refusal::Changed {
                found,
                expected: expect.map(str::to_owned),
            });
        }
        let opens = self.writes() != RouteWrites::Allow && new.writes == RouteWrites::Allow;
        if before != Some(&new) {
            self.epoch += 1;
            self.to = new.to.clone();
            self.generation = Some(new);
        }
        Ok(if opens {
            Drain::Nothing
        } else {
            Drain::Before(self.epoch)
        })
    }

    /// As if somebody had put the files of the open route back by hand; whether writes were denied until then.
    pub fn open_by_hand(&mut self) -> bool {
        let Some(before) = self.generation.clone().filter(|now| now.writes != RouteWrites::Allow) else {
            return false;
        };
        self.epoch += 1;
        self.generation = Some(generation(&before.to, RouteWrites::Allow, &before.run));
        true
    }

    pub fn state(&self) -> RouteState {
        let generation = self.generation.as_ref();
        RouteState {
            to: generation.map_or(RouteTo::None, |generation| RouteTo::Backend(generation.to.clone())),
            writes: self.writes(),
            generation: generation.map(ToString::to_string),
            draining: self.writing_before(self.epoch),
            reachable: true,
            run: generation.map(|generation| generation.run.clone()),
            backends: self.backends.clone(),
            stale: false,
            files: BTreeMap::new(),
        }
    }
}

/// Why a route is not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// The first step must say where.
    #[error("nothing of regplan is installed yet, so the step must say `to`")]
    NoTo,
    /// The plan has no such backend.
    #[error("no backend `{0}` is declared")]
    NoBackend(BackendName),
    /// That is something to see, not to ask for.
    #[error("writes cannot be set to mixed")]
    Mixed,
    /// The route of another run.
    #[error("the route in force ({0}) was set by run {run}, and the journal of that run is not here", run = .0.run)]
    OtherRun(Generation),
    /// The compare failed.
    #[error("its route was changed meanwhile: {} is in force, {} was expected", named(found.as_deref()), named(expected.as_deref()))]
    Changed {
        found: Option<String>,
        expected: Option<String>,
    },
}

fn named(generation: Option<&str>) -> String {
    generation.map_or("nothing of regplan".to_owned(), |text| format!("`{text}`"))
}

/// Equal routes of one run have equal generations, as with the files of the real one.
fn generation(to: &BackendName, writes: RouteWrites, run: &RunId) -> Generation {
    let digest = digest_of(&json!([to, writes]));
    Generation {
        to: to.clone(),
        writes,
        run: run.clone(),
        hash: digest.as_str().chars().take(Generation::HASH).collect(),
    }
}
