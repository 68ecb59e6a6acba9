use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Spooled, apicurio::Mark};
use crate::{model::SystemName, registry::Snapshot};

/// A registry's export in the spool, and what it holds.
#[derive(Debug, Clone)]
pub struct Held {
    /// The file.
    pub spooled: Spooled,
    /// What is in it.
    pub snapshot: Arc<Snapshot>,
}

/// How new a look must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// Taken while writes were frozen, and nothing was written by us since; without a freeze there is none.
    Frozen,
    /// Also one from before the freeze. It may say that something is to be done, never that nothing is: for that, look.
    Earlier,
}

/// The last look at each registry, so that a frozen one is exported once and not by every step that asks.
///
/// Nothing is believed longer than it can be known: a look is shared only while the engine says that writes are frozen, and a
/// write of ours ends it.
#[derive(Debug, Default)]
pub struct Snapshots(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Which freeze is in force: each has its own number.
    freeze: Option<u64>,
    freezes: u64,
    /// How often we wrote to each.
    writes: BTreeMap<SystemName, u64>,
    /// How often all looks lost their worth at once.
    forgotten: u64,
    looks: BTreeMap<SystemName, Look>,
}

#[derive(Debug)]
struct Look {
    /// The freeze in which it was taken.
    freeze: Option<u64>,
    /// What the registry bore just before.
    mark: Option<Mark>,
    /// Whether it counts only if the registry still bears that mark.
    doubted: bool,
    held: Held,
}

impl Inner {
    /// How often what was seen of a registry lost its worth.
    fn written(&self, registry: &SystemName) -> u64 {
        self.writes.get(registry).copied().unwrap_or_default() + self.forgotten
    }
}

impl Snapshots {
    /// Says whether writes are frozen now; the end of a freeze forgets everything.
    pub fn frozen(&self, now: bool) {
        let mut inner = self.inner();
        match (now, inner.freeze) {
            (true, None) => {
                inner.freezes += 1;
                inner.freeze = Some(inner.freezes);
            }
            (false, Some(_)) => {
                inner.freeze = None;
                inner.looks.clear();
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// Says that we write to it: no look from before counts any more.
    pub fn wrote(&self, registry: &SystemName) {
        let mut inner = self.inner();
        *inner.writes.entry(registry.clone()).or_default() += 1;
        inner.looks.remove(registry);
    }

    /// Says that anybody may have written anywhere: no look from before counts any more, nor one that is under way.
    pub fn forget(&self) {
        let mut inner = self.inner();
        inner.forgotten += 1;
        inner.looks.clear();
    }

    /// Says that a look from before this moment counts only for a registry that still bears its mark, nor does one that is under
    /// way.
    pub fn doubt(&self) {
        let mut inner = self.inner();
        inner.forgotten += 1;
        inner.looks.values_mut().for_each(|look| look.doubted = true);
    }

    /// The look in this freeze that counts again when the registry bears this mark; and what [`Snapshots::confirm`] wants to know
    /// of the time before the mark is asked for.
    pub fn doubted(&self, registry: &SystemName) -> Option<(Mark, Held, u64)> {
        let inner = self.inner();
        let freeze = inner.freeze?;
        let look = inner.looks.get(registry)?;
        let mark = look.mark.clone()?;
        (look.doubted && look.freeze == Some(freeze)).then(|| (mark, look.held.clone(), inner.written(registry)))
    }

    /// Ends the doubt in a look, because the registry bears the same mark; says no when somebody doubts it again, or wrote, since
    /// [`Snapshots::doubted`].
    pub fn confirm(&self, registry: &SystemName, begun: u64) -> bool {
        let mut inner = self.inner();
        if inner.written(registry) != begun {
            return false;
        }
        let look = inner.looks.get_mut(registry);
        look.is_some_and(|look| {
            look.doubted = false;
            true
        })
    }

    /// What [`Snapshots::put`] wants to know of the time before a look.
    pub fn writes(&self, registry: &SystemName) -> (Option<u64>, u64) {
        let inner = self.inner();
        (inner.freeze, inner.written(registry))
    }

    /// Keeps a look that was begun when [`Snapshots::writes`] said `begun`; one that we wrote into is not kept.
    pub fn put(&self, registry: &SystemName, begun: (Option<u64>, u64), mark: Option<Mark>, held: &Held) {
        let mut inner = self.inner();
        if begun.1 == inner.written(registry) {
            let look = Look {
                freeze: begun.0.filter(|freeze| inner.freeze == Some(*freeze)),
                mark,
                doubted: false,
                held: held.clone(),
            };
            inner.looks.insert(registry.clone(), look);
        }
    }

    /// The last look, if it is new enough.
    pub fn get(&self, registry: &SystemName, age: Age) -> Option<Held> {
        let inner = self.inner();
        let freeze = inner.freeze?;
        let look = inner.looks.get(registry)?;
        let is_new = look.freeze == Some(freeze) && !look.doubted;
        (age == Age::Earlier || is_new).then(|| look.held.clone())
    }

    /// What is known of an export that lies in the spool.
    pub fn by_file(&self, sha256: &crate::model::Digest) -> Option<Held> {
        let inner = self.inner();
        let mut all = inner.looks.values().map(|look| &look.held);
        all.find(|held| held.spooled.sha256 == *sha256).cloned()
    }

    /// Whether writes are frozen.
    pub fn is_frozen(&self) -> bool {
        self.inner().freeze.is_some()
    }

    /// A panic while it was held leaves nothing half-done that matters: at worst a look is taken again.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{ReadLimits, read_export};

    fn held(sha256: &str) -> Held {
        let path = format!("{}/tests/data/v2-rich-delta.zip", env!("CARGO_MANIFEST_DIR"));
        let file = std::fs::File::open(path).unwrap();
        Held {
            spooled: Spooled {
                sha256: sha256.into(),
                bytes: 1,
                path: "x".into(),
            },
            snapshot: Arc::new(read_export(file, &ReadLimits::default()).unwrap()),
        }
    }

    fn found(snapshots: &Snapshots, age: Age) -> Option<String> {
        let held = snapshots.get(&"v3".into(), age)?;
        Some(held.spooled.sha256.to_string())
    }

    #[test]
    fn a_look_is_shared_only_while_writes_are_frozen() {
        let (snapshots, v3) = (Snapshots::default(), SystemName::from("v3"));
        snapshots.put(&v3, snapshots.writes(&v3), None, &held("before"));
        assert_eq!(found(&snapshots, Age::Earlier), None);
        snapshots.frozen(true);
        assert_eq!(found(&snapshots, Age::Earlier).as_deref(), Some("before"));
        assert_eq!(found(&snapshots, Age::Frozen), None, "it is from before the freeze");
        snapshots.put(&v3, snapshots.writes(&v3), None, &held("in"));
        assert_eq!(found(&snapshots, Age::Frozen).as_deref(), Some("in"));
        snapshots.frozen(false);
        snapshots.frozen(true);
        assert_eq!(
            found(&snapshots, Age::Earlier),
            None,
            "the freeze it was taken in is over"
        );
    }

    #[test]
    fn what_anybody_may_have_written_ends_every_look_also_one_under_way() {
        let (snapshots, v3) = (Snapshots::default(), SystemName::from("v3"));
        snapshots.frozen(true);
        // Nothing is known of it yet, and a look at it is under way.
        let begun = snapshots.writes(&v3);
        snapshots.forget();
        snapshots.put(&v3, begun, None, &held("torn"));
        assert_eq!(found(&snapshots, Age::Earlier), None);
        snapshots.put(&v3, snapshots.writes(&v3), None, &held("after"));
        assert_eq!(found(&snapshots, Age::Frozen).as_deref(), Some("after"));
        snapshots.forget();
        assert_eq!(found(&snapshots, Age::Earlier), None);
        assert!(snapshots.is_frozen());
    }

    #[test]
    fn a_write_of_ours_ends_it_also_while_a_look_is_under_way() {
        let (snapshots, v3) = (Snapshots::default(), SystemName::from("v3"));
        snapshots.frozen(true);
        snapshots.put(&v3, snapshots.writes(&v3), None, &held("a"));
        let begun = snapshots.writes(&v3);
        snapshots.wrote(&v3);
        assert_eq!(found(&snapshots, Age::Earlier), None);
        snapshots.put(&v3, begun, None, &held("b"));
        assert_eq!(found(&snapshots, Age::Earlier), None, "we wrote while it was taken");
    }
}
