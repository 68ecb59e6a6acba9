use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::Order;
use crate::{
    model::{BackendName, Plan, RunId, SystemName},
    rehearse::recorded,
    resource::{RouteState, RouteWrites},
    system::{BalancerDouble, CommandLine, Doubles, Ended, Progress, SystemError, Visit, Visitor, nginx::RouteTarget},
};

/// Longer than any drain of the balancer of a rehearsal (130 s).
const LIMIT: Duration = Duration::from_secs(150);

/// What a runner asks of the process that keeps its balancer and stand-ins.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub(super) enum Ask {
    Route {
        balancer: SystemName,
    },
    Switch {
        balancer: SystemName,
        to: Option<BackendName>,
        writes: RouteWrites,
        expect: Option<String>,
        run: RunId,
    },
    Run {
        command: CommandLine,
    },
    Guard {
        command: CommandLine,
    },
    Created {
        path: String,
    },
}

impl Ask {
    /// In a word or two.
    pub fn what(&self) -> String {
        match self {
            Self::Route { balancer } => format!("route of {balancer}"),
            Self::Switch { balancer, writes, .. } => format!("switch of {balancer} to writes {}", writes.word()),
            Self::Run { command } => format!("command {}", command.shown()),
            Self::Guard { command } => format!("guard {}", command.shown()),
            Self::Created { path } => format!("file {path}"),
        }
    }
}

/// What it is answered.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Told {
    Route(Box<RouteState>),
    Switched,
    Ended {
        code: Option<i32>,
        stdout: String,
        stderr: String,
    },
    Created(bool),
    Refused {
        foreign: bool,
        reason: String,
    },
}

/// Balancers and stand-ins in another process.
pub(super) struct RemoteDoubles {
    balancers: BTreeMap<SystemName, RemoteBalancer>,
    /// What systems without a twin say: the same in every process.
    recorded: BTreeMap<SystemName, Value>,
    line: Line,
}

struct RemoteBalancer {
    name: SystemName,
    url: String,
    line: Line,
}

/// The way to the other process.
#[derive(Clone)]
struct Line {
    visitor: Visitor,
    endpoint: String,
    token: String,
}

impl RemoteDoubles {
    /// As the order says, for the systems of that plan.
    pub fn new(order: &Order, plan: &Plan) -> Result<Self, SystemError> {
        let line = Line {
            visitor: Visitor::new(&SystemName::new("rehearsal"), &order.control, None, LIMIT)?,
            endpoint: order.control.clone(),
            token: format!("Bearer {}", order.token),
        };
        let balancers = order.balancers.iter().map(|(name, url)| {
            let balancer = RemoteBalancer {
                name: name.clone(),
                url: url.clone(),
                line: line.clone(),
            };
            (name.clone(), balancer)
        });
        Ok(Self {
            balancers: balancers.collect(),
            recorded: (plan.systems.iter())
                .filter_map(|(name, declared)| Some((name.clone(), recorded::facts(&declared.kind, &declared.spec)?)))
                .collect(),
            line,
        })
    }
}

impl Line {
    async fn ask(&self, ask: &Ask) -> Result<Told, SystemError> {
        let body = serde_json::to_vec(ask).map_err(|error| self.unusable(ask, &error.to_string()))?;
        let headers = [
            ("authorization", self.token.as_str()),
            ("content-type", "application/json"),
        ];
        let answer = self.visitor.post("/", &headers, body).await;
        match answer {
            Ok(Visit { status: 200, body }) => self.parsed(ask, &body),
            Ok(Visit { status, .. }) => Err(self.unusable(ask, &format!("status {status}"))),
            Err(error) => Err(SystemError::Unreachable {
                system: SystemName::new("rehearsal"),
                endpoint: self.endpoint.clone(),
                source: error.into(),
            }),
        }
    }

    fn parsed<T: DeserializeOwned>(&self, ask: &Ask, body: &[u8]) -> Result<T, SystemError> {
        serde_json::from_slice(body).map_err(|error| self.unusable(ask, &error.to_string()))
    }

    fn unusable(&self, ask: &Ask, reason: &str) -> SystemError {
        SystemError::Answer {
            system: SystemName::new("rehearsal"),
            request: ask.what(),
            reason: format!("{reason} ({})", self.endpoint),
        }
    }

    /// For answers that belong to another question.
    fn odd(&self, ask: &Ask) -> SystemError {
        self.unusable(ask, "it answers another question")
    }

    async fn command(&self, ask: &Ask) -> Result<Ended, SystemError> {
        match self.ask(ask).await? {
            Told::Ended { code, stdout, stderr } => Ok(Ended { code, stdout, stderr }),
            Told::Refused { reason, .. } => Err(self.unusable(ask, &reason)),
            Told::Route(_) | Told::Switched | Told::Created(_) => Err(self.odd(ask)),
        }
    }
}

#[async_trait]
impl Doubles for RemoteDoubles {
    fn balancer(&self, system: &SystemName) -> Option<&dyn BalancerDouble> {
        self.balancers
            .get(system)
            .map(|balancer| balancer as &dyn BalancerDouble)
    }

    fn facts(&self, system: &SystemName) -> Option<&Value> {
        self.recorded.get(system)
    }

    async fn run(&self, command: &CommandLine) -> Result<Ended, SystemError> {
        let command = command.clone();
        self.line.command(&Ask::Run { command }).await
    }

    async fn guard(&self, command: &CommandLine) -> Result<Ended, SystemError> {
        let command = command.clone();
        self.line.command(&Ask::Guard { command }).await
    }

    async fn created(&self, path: &str) -> Result<bool, SystemError> {
        let ask = Ask::Created { path: path.to_owned() };
        match self.line.ask(&ask).await? {
            Told::Created(created) => Ok(created),
            Told::Route(_) | Told::Switched | Told::Ended { .. } | Told::Refused { .. } => Err(self.line.odd(&ask)),
        }
    }
}

#[async_trait]
impl BalancerDouble for RemoteBalancer {
    fn url(&self) -> &str {
        &self.url
    }

    async fn route(&self) -> Result<RouteState, SystemError> {
        let ask = Ask::Route {
            balancer: self.name.clone(),
        };
        match self.line.ask(&ask).await? {
            Told::Route(state) => Ok(*state),
            Told::Switched | Told::Ended { .. } | Told::Created(_) | Told::Refused { .. } => Err(self.line.odd(&ask)),
        }
    }

    async fn switch(
        &self,
        target: &RouteTarget,
        expect: Option<&str>,
        run: &RunId,
        _log: &Progress,
    ) -> Result<(), SystemError> {
        let ask = Ask::Switch {
            balancer: self.name.clone(),
            to: target.to.clone(),
            writes: target.writes,
            expect: expect.map(str::to_owned),
            run: run.clone(),
        };
        let system = self.name.clone();
        match self.line.ask(&ask).await? {
            Told::Switched => Ok(()),
            Told::Refused { foreign: true, reason } => Err(SystemError::Foreign { system, reason }),
            Told::Refused { foreign: false, reason } => Err(SystemError::NotInForce { system, reason }),
            Told::Route(_) | Told::Ended { .. } | Told::Created(_) => Err(self.line.odd(&ask)),
        }
    }
}
