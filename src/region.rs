//! The frozen regions of a plan, computed from its routes. Pure.

use crate::{
    kind::Behaviour,
    model::{Plan, Region, StepId},
};
use std::collections::BTreeMap;

/// From each step that freezes a route to the next forward step that thaws it, in program order.
pub fn regions(_plan: &Plan, _order: &[StepId], _behaviours: &BTreeMap<StepId, Behaviour>) -> Vec<Region> {
    Vec::new()
}
