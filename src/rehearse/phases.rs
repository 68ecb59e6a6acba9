//! Times of a run, from what it said while it went on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::Event;

/// How long a phase took; milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseTime {
    /// Its id.
    pub id: String,
    /// From its first start to its close, or to the end of what was told when it was not closed.
    pub ms: u64,
    /// Whether its checkpoint passed.
    pub closed: bool,
}

/// What a stream of events tells about time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Phases {
    /// In the order in which they began.
    pub phases: Vec<PhaseTime>,
    /// All freezes together; `None` when nothing was frozen.
    pub freeze_ms: Option<u64>,
    /// Whether writes were still frozen at the end.
    pub still_frozen: bool,
    /// Whether going back began, and how it ended.
    pub way_back: WayBack,
}

/// What was seen of the way back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WayBack {
    /// It was not gone.
    #[default]
    NotTried,
    /// It began and had not ended.
    Begun,
    /// It ended well.
    Succeeded,
    /// It failed.
    Failed,
}

/// Times from events, each with its milliseconds since a moment of the caller's choice, in order.
///
/// A freeze ends with the event that tells so, even when its own measure differs: one clock for all of it.
pub fn phases_from(events: &[(u64, Event)]) -> Phases {
    let end = events.last().map_or(0, |(at, _)| *at);
    let mut found = Phases::default();
    let mut begun: BTreeMap<String, (usize, u64)> = BTreeMap::new();
    let mut frozen: Option<u64> = None;
    for (at, event) in events {
        note(*at, event, &mut found, &mut begun, &mut frozen);
    }
    for (index, since) in begun.into_values() {
        if let Some(phase) = found.phases.get_mut(index).filter(|phase| !phase.closed) {
            phase.ms = end.saturating_sub(since);
        }
    }
    if let Some(since) = frozen {
        found.still_frozen = true;
        *found.freeze_ms.get_or_insert(0) += end.saturating_sub(since);
    }
    found
}

fn note(
    at: u64,
    event: &Event,
    found: &mut Phases,
    begun: &mut BTreeMap<String, (usize, u64)>,
    frozen: &mut Option<u64>,
) {
    // Only what bears on time; all else is for other readers.
    #[expect(clippy::wildcard_enum_match_arm, reason = "most events say nothing about time")]
    match event {
        Event::PhaseStarted { phase, .. } => {
            begun.entry(phase.to_string()).or_insert_with(|| {
                found.phases.push(PhaseTime {
                    id: phase.to_string(),
                    ms: 0,
                    closed: false,
                });
                (found.phases.len() - 1, at)
            });
        }
        Event::PhaseClosed { phase } => {
            let started = begun.get(&phase.to_string());
            if let Some((index, since)) = started
                && let Some(phase) = found.phases.get_mut(*index)
            {
                phase.ms = at.saturating_sub(*since);
                phase.closed = true;
            }
        }
        Event::Frozen => {
            // A run that is resumed may tell it again.
            frozen.get_or_insert(at);
        }
        Event::Thawed { .. } => {
            if let Some(since) = frozen.take() {
                *found.freeze_ms.get_or_insert(0) += at.saturating_sub(since);
            }
        }
        Event::RollbackStarted { .. } => found.way_back = WayBack::Begun,
        Event::RolledBack { .. } => found.way_back = WayBack::Succeeded,
        Event::RollbackFailed { .. } => found.way_back = WayBack::Failed,
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn started(phase: &str) -> Event {
        Event::PhaseStarted {
            phase: phase.into(),
            attempt: 1,
        }
    }

    fn closed(phase: &str) -> Event {
        Event::PhaseClosed { phase: phase.into() }
    }

    fn time(id: &str, ms: u64, closed: bool) -> PhaseTime {
        PhaseTime {
            id: id.to_owned(),
            ms,
            closed,
        }
    }

    #[test]
    fn phases_come_in_the_order_of_their_starts_and_an_open_one_lasts_to_the_end() {
        let events = [
            (10, started("prepare")),
            (40, closed("prepare")),
            (41, started("copy")),
            (90, Event::Finished),
        ];
        let found = phases_from(&events);
        assert_eq!(found.phases, [time("prepare", 30, true), time("copy", 49, false)]);
        assert_eq!((found.freeze_ms, found.still_frozen), (None, false));
        assert_eq!(found.way_back, WayBack::NotTried);
        assert_eq!(phases_from(&[]), Phases::default());
    }

    #[test]
    fn a_second_attempt_counts_from_the_first_start() {
        let events = [(0, started("copy")), (50, started("copy")), (80, closed("copy"))];
        assert_eq!(phases_from(&events).phases, [time("copy", 80, true)]);
    }

    #[test]
    fn freezes_add_up_and_one_told_twice_counts_from_the_first() {
        let thawed = || Event::Thawed {
            after: Duration::from_secs(9),
        };
        let events = [
            (100, Event::Frozen),
            (120, Event::Frozen),
            (150, thawed()),
            (200, Event::Frozen),
            (205, thawed()),
        ];
        let found = phases_from(&events);
        assert_eq!((found.freeze_ms, found.still_frozen), (Some(55), false));
        let found = phases_from(events.get(..4).unwrap());
        assert_eq!((found.freeze_ms, found.still_frozen), (Some(50), true));
    }

    #[test]
    fn the_way_back_is_told_by_its_last_word() {
        let begun = Event::RollbackStarted {
            phases: vec!["copy".into()],
            reason: "because".to_owned(),
        };
        let well = Event::RolledBack { left: Vec::new() };
        let badly = Event::RollbackFailed {
            error: "no".to_owned(),
            commands: Vec::new(),
        };
        assert_eq!(phases_from(&[(1, begun.clone())]).way_back, WayBack::Begun);
        assert_eq!(
            phases_from(&[(1, begun.clone()), (2, well)]).way_back,
            WayBack::Succeeded
        );
        assert_eq!(phases_from(&[(1, begun), (2, badly)]).way_back, WayBack::Failed);
    }
}
