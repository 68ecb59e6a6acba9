use std::path::Path;

use serde_json::{Value, json};

use super::{
    BalancerDouble, Progress, SystemError,
    nginx::{self, RouteTarget},
};
use crate::{
    model::RunId,
    resource::{Probed, RouteState},
};

/// Reads a load balancer, or its stand-in in a rehearsal.
pub enum BalancerReader<'a> {
    /// A real nginx.
    Nginx(nginx::BalancerReader<'a>),
    /// A stand-in.
    Double(&'a dyn BalancerDouble),
}

/// Writes to a load balancer, or to its stand-in.
pub struct BalancerWriter<'a> {
    reader: BalancerReader<'a>,
    run: RunId,
}

impl<'a> BalancerReader<'a> {
    /// The route now.
    ///
    /// # Errors
    /// When it answers, and not as it should.
    pub async fn route(&self) -> Result<Probed<RouteState>, SystemError> {
        match self {
            Self::Nginx(nginx) => nginx.route().await,
            Self::Double(double) => Ok(Probed::Seen(double.route().await?)),
        }
    }

    /// The public address, without a slash at its end.
    pub fn url(&self) -> &'a str {
        match self {
            Self::Nginx(nginx) => nginx.url(),
            Self::Double(double) => double.url(),
        }
    }

    /// The authorities of the public certificate as a PEM file, where the plan names one.
    pub fn ca(&self) -> Option<&'a Path> {
        match self {
            Self::Nginx(nginx) => nginx.ca(),
            Self::Double(_) => None,
        }
    }

    /// Facts for expressions: `reachable`, `route.to`, `route.writes`, `route.generation`, `route.draining`.
    pub async fn facts(&self) -> Value {
        match self.route().await {
            Ok(Probed::Seen(state)) => json!({
                "reachable": state.reachable,
                "route": {
                    "to": state.to.word(),
                    "writes": state.writes.word(),
                    "generation": state.generation.unwrap_or_default(),
                    "draining": state.draining,
                },
            }),
            Ok(Probed::Unreachable(_) | Probed::NotLooked(_)) => json!({"reachable": false}),
            Err(error) => {
                tracing::debug!(error = %super::causes(&error), "no facts");
                json!({"reachable": false})
            }
        }
    }
}

impl<'a> BalancerWriter<'a> {
    /// On top of a reader.
    pub(super) fn new(reader: BalancerReader<'a>, run: RunId) -> Self {
        Self { reader, run }
    }

    /// The reader below.
    pub fn reader(&self) -> &BalancerReader<'a> {
        &self.reader
    }

    /// Moves the route, compare-and-set on `expect` (`None`: nothing of ours yet), and returns when no write can go by the
    /// old one any more.
    ///
    /// # Errors
    /// When it is not in force.
    pub async fn switch(&self, target: &RouteTarget, expect: Option<&str>, log: &Progress) -> Result<(), SystemError> {
        match &self.reader {
            BalancerReader::Nginx(nginx) => nginx.switch(&self.run, target, expect, log).await,
            BalancerReader::Double(double) => double.switch(target, expect, &self.run, log).await,
        }
    }
}
