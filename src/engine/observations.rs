use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde_json::Value;

use crate::model::{ResourceKey, SystemName};

/// What was found outside, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Observations {
    /// Each resource that a step of an open phase moves, probed once.
    pub resources: BTreeMap<ResourceKey, Observed>,
    /// The facts of every system as expressions see them (`systems.<name>`).
    pub systems: BTreeMap<SystemName, Value>,
    /// When looking began.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq)]
pub enum Observed {
    /// Its state.
    Seen(Value),
    /// Its system did not answer; only a pending step that provides it excuses that.
    Unreachable(String),
    /// Not looked at on purpose (`--no-exec`), and why.
    NotLooked(String),
    /// It answered, and not as it should.
    Failed(String),
}
