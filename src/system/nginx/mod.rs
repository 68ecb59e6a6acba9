//! nginx in front of the registries: the freeze rules, the reload and its proof (`reference/lab.md` §1).

mod spec;

pub use spec::NginxSpec;

use std::path::Path;

use serde::Deserialize as _;
use serde_json::{Value, json};

use super::{Progress, SystemError};
use crate::{
    model::{BackendName, RunId, SystemName},
    resource::{Probed, RouteState, RouteWrites},
};

/// One nginx.
pub struct Nginx {
    name: SystemName,
    spec: NginxSpec,
}

/// Reads a balancer.
pub struct BalancerReader<'a> {
    client: &'a Nginx,
}

/// Writes to a balancer.
pub struct BalancerWriter<'a> {
    reader: BalancerReader<'a>,
    run: RunId,
}

/// The route that a balancer is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteTarget {
    /// Where requests go; where it is when absent.
    pub to: Option<BackendName>,
    /// What happens to writes.
    pub writes: RouteWrites,
}

impl Nginx {
    /// From the `systems:` entry; relative paths start at `base`.
    ///
    /// # Errors
    /// When the entry cannot be used.
    pub fn open(name: &SystemName, spec: &Value, _base: &Path) -> Result<Self, SystemError> {
        let spec = NginxSpec::deserialize(spec).map_err(|error| SystemError::Setup {
            system: name.clone(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            name: name.clone(),
            spec,
        })
    }

    /// To read.
    pub fn reader(&self) -> BalancerReader<'_> {
        BalancerReader { client: self }
    }
}

impl BalancerReader<'_> {
    /// The route now.
    ///
    /// # Errors
    /// When it answers, and not as it should.
    pub async fn route(&self) -> Result<Probed<RouteState>, SystemError> {
        Ok(Probed::Unreachable(format!("{} has no client yet", self.client.name)))
    }

    /// The public address, without a slash at its end.
    pub fn url(&self) -> &str {
        self.client.spec.url.trim_end_matches('/')
    }

    /// Facts for expressions.
    pub async fn facts(&self) -> Value {
        json!({"reachable": false})
    }
}

impl<'a> BalancerWriter<'a> {
    /// On top of a reader.
    pub(in crate::system) fn new(reader: BalancerReader<'a>, run: RunId) -> Self {
        Self { reader, run }
    }

    /// The reader below.
    pub fn reader(&self) -> &BalancerReader<'a> {
        &self.reader
    }

    /// Moves the route, compare-and-set on `expect`, and returns when no old worker can serve by the old one.
    ///
    /// # Errors
    /// When it is not in force; the files are then as they were before.
    pub async fn switch(
        &self,
        _target: &RouteTarget,
        _expect: Option<&str>,
        _log: &Progress,
    ) -> Result<(), SystemError> {
        let _run = &self.run;
        Err(SystemError::NotInForce {
            system: self.reader.client.name.clone(),
            reason: "no client yet".to_owned(),
        })
    }
}
