use serde_json::Value;

use crate::{
    journal::StepState,
    kind::{Behaviour, Undo},
    model::{Phase, Standing, WayBack},
};

/// How a step would be undone: by its phase's list, by its kind's own undo to the state before its first intent, or not.
pub(super) fn way_back(
    phase: &Phase,
    behaviour: Option<&Behaviour>,
    known: Option<&StepState>,
    standing: &Standing,
    now: Option<&Value>,
) -> WayBack {
    let Some(Behaviour::Effect(effect)) = behaviour else {
        return WayBack::Nothing;
    };
    let intent = known.and_then(StepState::intent);
    match standing {
        Standing::AlreadySo
        | Standing::Skipped
        | Standing::Regress { .. }
        | Standing::Unreachable { .. }
        | Standing::NotSupported
        | Standing::Takes
        | Standing::Checks
        | Standing::Waits => return WayBack::Nothing,
        // It found the world so and moved nothing.
        Standing::Done | Standing::Superseded | Standing::Closed if intent.is_none() => return WayBack::Nothing,
        Standing::Done
        | Standing::Superseded
        | Standing::Closed
        | Standing::Drift { .. }
        | Standing::InDoubt { .. }
        | Standing::Pending { .. }
        | Standing::Unknown { .. } => {}
    }
    if phase.rollback.is_some() {
        return WayBack::Listed;
    }
    match intent.and_then(|intent| intent.before.as_ref()).or(now) {
        Some(before) => match effect.undo(before) {
            Ok(Undo::Same { what, .. }) => WayBack::Derived { what },
            Ok(Undo::Left(reason)) => WayBack::Left { reason },
            Ok(Undo::Nothing) => WayBack::Nothing,
            Err(error) => WayBack::Left {
                reason: error.to_string(),
            },
        },
        None => {
            if let Standing::Unknown { after } = standing {
                WayBack::Derived {
                    what: format!("known after {after}"),
                }
            } else {
                WayBack::Left {
                    reason: "the state before it is not known".to_owned(),
                }
            }
        }
    }
}
