//! nginx in front of the registries: the freeze rules, the reload and its proof (`reference/lab.md` §1).

mod generation;
mod live;
mod mark;
mod owned;
mod program;
mod public;
mod render;
mod spec;
mod switch;
mod workers;

#[cfg(test)]
mod tests;

pub use generation::Generation;
pub use spec::NginxSpec;

use std::{path::Path, sync::OnceLock};

use serde::Deserialize as _;
use serde_json::Value;

use self::{
    live::Answer,
    owned::{Bytes, Owned},
    program::Program,
    public::Public,
    spec::Places,
    switch::Switch,
};
use super::{Progress, SystemError};
use crate::{
    model::{BackendName, RunId, SystemName},
    resource::{Probed, RouteState, RouteTo, RouteWrites},
};

/// One nginx on this host.
pub struct Nginx {
    name: SystemName,
    spec: Box<NginxSpec>,
    places: Box<Places>,
    ca: Option<std::path::PathBuf>,
    public: OnceLock<Public>,
}

/// Reads a balancer.
pub struct BalancerReader<'a> {
    client: &'a Nginx,
}

/// The route that a balancer is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTarget {
    /// Where requests go; where it is when absent.
    pub to: Option<BackendName>,
    /// What happens to writes.
    pub writes: RouteWrites,
}

/// What the workers of an nginx say about the route in force.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Live {
    /// Each different generation once; one when all agree, none when nobody listens at the socket.
    generations: Vec<Generation>,
    /// The master of the workers that answered.
    master: Option<i32>,
}

impl Nginx {
    /// From the `systems:` entry; relative paths start at `base`. Connects to nothing.
    ///
    /// # Errors
    /// When the entry cannot be used.
    pub fn open(name: &SystemName, spec: &Value, base: &Path) -> Result<Self, SystemError> {
        let setup = |reason: String| SystemError::Setup {
            system: name.clone(),
            reason,
        };
        let spec = NginxSpec::deserialize(spec).map_err(|error| setup(error.to_string()))?;
        spec.check().map_err(setup)?;
        let places = spec.places(base);
        places.check().map_err(setup)?;
        Ok(Self {
            name: name.clone(),
            ca: spec.ca.as_ref().map(|ca| base.join(ca)),
            spec: Box::new(spec),
            places: Box::new(places),
            public: OnceLock::new(),
        })
    }

    /// To read.
    pub fn reader(&self) -> BalancerReader<'_> {
        BalancerReader { client: self }
    }

    fn url(&self) -> &str {
        self.spec.url.trim_end_matches('/')
    }

    fn owned(&self) -> Owned<'_> {
        Owned::new(&self.places.directory)
    }

    fn program(&self) -> Program<'_> {
        Program {
            system: &self.name,
            binary: &self.spec.binary,
            places: &self.places,
        }
    }

    fn unreachable(&self, endpoint: &str, source: Box<dyn std::error::Error + Send + Sync>) -> SystemError {
        SystemError::Unreachable {
            system: self.name.clone(),
            endpoint: endpoint.to_owned(),
            source,
        }
    }

    fn public(&self) -> Result<&Public, SystemError> {
        if let Some(public) = self.public.get() {
            return Ok(public);
        }
        let public = Public::new(&self.name, self.url(), self.ca.as_deref())?;
        Ok(self.public.get_or_init(|| public))
    }

    /// Asks the workers over several fresh connections.
    async fn live(&self) -> Result<Live, SystemError> {
        let socket = &self.places.socket;
        let answers = live::ask_all(socket)
            .await
            .map_err(|error| self.unreachable(&socket.display().to_string(), error.into()))?;
        if answers.is_empty() && live::listens_without_file(socket) {
            return Err(self.odd("somebody listens there, and the file of the socket is gone: restart nginx"));
        }
        let mut generations: Vec<Generation> = Vec::new();
        for answer in &answers {
            let generation = self.read(answer)?;
            if !generations.contains(&generation) {
                generations.push(generation);
            }
        }
        // A worker that answered may be gone a moment later, but not all of them.
        let master = answers
            .iter()
            .rev()
            .find_map(|answer| workers::master_of(answer.worker));
        if master.is_none() && !answers.is_empty() {
            return Err(self.odd("the workers that answer are no processes that can be seen from here"));
        }
        Ok(Live { generations, master })
    }

    fn read(&self, answer: &Answer) -> Result<Generation, SystemError> {
        Generation::parse(&answer.generation, self.spec.backends.keys()).ok_or_else(|| {
            self.odd(&format!(
                "generation `{}` names no backend of this plan, or regplan did not write it",
                answer.generation
            ))
        })
    }

    fn odd(&self, reason: &str) -> SystemError {
        SystemError::Answer {
            system: self.name.clone(),
            request: self.places.socket.display().to_string(),
            reason: reason.to_owned(),
        }
    }

    /// How many old workers still serve; an error when that cannot be seen, as then a freeze cannot be proven.
    fn draining(&self, master: i32) -> Result<u32, SystemError> {
        workers::draining(master).map_err(|source| SystemError::File {
            verb: "read",
            path: format!("/proc/{master}/task/{master}/children").into(),
            source,
        })
    }

    /// Whether the plan as it is now would render other files for this very route, or others than those in force lie on
    /// disk: then the next reload, by whomever, would move the route.
    fn is_stale(&self, live: &Generation, on_disk: &Bytes) -> bool {
        render::render(&self.spec, &self.places, &live.to, live.writes, &live.run)
            .is_ok_and(|rendered| rendered.generation != *live || Bytes::of(&rendered) != *on_disk)
    }
}

impl<'a> BalancerReader<'a> {
    /// The route now, as several fresh connections to the workers agree on it.
    ///
    /// Runs no program: `nginx -t` creates files (`reference/lab.md` §1.2).
    ///
    /// # Errors
    /// When it answers, and not as it should.
    pub async fn route(&self) -> Result<Probed<RouteState>, SystemError> {
        let nginx = self.client;
        let live = nginx.live().await?;
        let read = nginx.public()?.glance().await;
        if let Err(error) = &read
            && live.generations.is_empty()
        {
            return Ok(Probed::Unreachable(format!(
                "{} does not answer at {}: {}",
                nginx.name,
                self.url(),
                super::causes(error)
            )));
        }
        let on_disk = nginx.owned().read()?;
        let mut draining = match live.master {
            Some(master) => nginx.draining(master)?,
            None => 0,
        };
        let writes = writes_of(&live.generations);
        // A drain that was not seen to end is none: the step that asked for it says so again.
        if writes == RouteWrites::Deny && nginx.owned().drain_mark()?.is_some() {
            draining = draining.max(1);
        }
        Ok(Probed::Seen(RouteState {
            to: to_of(&live.generations),
            writes,
            generation: match live.generations.as_slice() {
                [] => None,
                [one] => Some(one.to_string()),
                _ => Some("mixed".to_owned()),
            },
            draining,
            reachable: read.is_ok_and(public::Seen::is_a_read),
            run: one(live.generations.iter().map(|generation| &generation.run)).cloned(),
            backends: nginx.spec.backends.keys().cloned().collect(),
            stale: live
                .generations
                .iter()
                .any(|generation| nginx.is_stale(generation, &on_disk)),
            files: on_disk.recorded(),
        }))
    }

    /// The public address, without a slash at its end.
    pub fn url(&self) -> &'a str {
        self.client.url()
    }

    /// The authorities of the public certificate as a PEM file, where the plan names one.
    pub fn ca(&self) -> Option<&'a Path> {
        self.client.ca.as_deref()
    }

    /// Moves the route for a run, compare-and-set on `expect` (`None`: nothing of ours yet), and returns when the new one is in
    /// force for everybody: every worker that may write by the old one is gone (one that denied writes only reads, and is not
    /// waited for), several fresh connections answer the new generation, and probes through the public address see it. Nothing
    /// is cut by it.
    ///
    /// A target that is in force already is only proven again, whatever `expect` says.
    ///
    /// # Errors
    /// When it is not in force. Until the workers answer the new generation, the files are put back as they were before;
    /// later they stay, and the way back of the plan moves the route.
    pub async fn switch(
        &self,
        run: &RunId,
        target: &RouteTarget,
        expect: Option<&str>,
        log: &Progress,
    ) -> Result<(), SystemError> {
        let switch = Switch {
            nginx: self.client,
            run,
            log,
        };
        // Its state is large, and callers keep their own futures small.
        Box::pin(switch.run(target, expect)).await
    }
}

/// The value that all have in common; `None` when they differ or there are none.
fn one<'a, T: PartialEq>(mut values: impl Iterator<Item = &'a T>) -> Option<&'a T> {
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

fn to_of(generations: &[Generation]) -> RouteTo {
    if generations.is_empty() {
        return RouteTo::None;
    }
    one(generations.iter().map(|generation| &generation.to)).map_or(RouteTo::Mixed, |to| RouteTo::Backend(to.clone()))
}

/// Without anything of ours nothing holds writes back.
fn writes_of(generations: &[Generation]) -> RouteWrites {
    if generations.is_empty() {
        return RouteWrites::Allow;
    }
    one(generations.iter().map(|generation| &generation.writes)).map_or(RouteWrites::Mixed, |writes| *writes)
}
