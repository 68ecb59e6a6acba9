//! What every [`Store`] promises, as tests against `dyn Store`: a new store runs [`all`].

use super::{Body, Record, Store, StoreError};
use crate::model::{Digest, RunId};

/// A place where one journal lives; it goes when this value goes.
pub(super) struct Lab {
    open: Box<dyn Fn() -> Box<dyn Store>>,
    _keeps: Box<dyn std::any::Any>,
}

impl Lab {
    pub(super) fn new(keeps: impl std::any::Any, open: impl Fn() -> Box<dyn Store> + 'static) -> Self {
        Self {
            open: Box::new(open),
            _keeps: Box::new(keeps),
        }
    }

    /// A connection of its own on the same journal.
    fn open(&self) -> Box<dyn Store> {
        (self.open)()
    }
}

/// The first body of a run.
pub(super) fn run_started(plan: &str, environment: &str) -> Body {
    Body::RunStarted {
        plan: plan.to_owned(),
        environment: environment.to_owned(),
        identities: [("v2".into(), serde_json::json!({"floats": [0.1, 1e300, 2.0]}))].into(),
        program: "0.1.0".to_owned(),
    }
}

/// A body that is legal anywhere.
pub(super) fn interrupted(signal: &str) -> Body {
    Body::Interrupted {
        signal: signal.to_owned(),
    }
}

/// Runs the whole suite, each part on a fresh journal.
pub(super) fn all(fresh: &mut dyn FnMut() -> Lab) {
    what_is_appended_is_read_back(&fresh());
    a_run_is_made_by_its_first_record(&fresh());
    runs_of_one_store_do_not_mix(&fresh());
    fences_only_grow(&fresh());
    a_stopped_writer_is_fenced(&fresh());
    writers_of_many_threads_take_turns(&fresh());
}

fn what_is_appended_is_read_back(lab: &Lab) {
    let run = RunId::from("r");
    let mut store = lab.open();
    let fence = store.next_fence().unwrap();
    let mut written = vec![store.append(&run, fence, run_started("p", "e")).unwrap()];
    for n in 0..20 {
        written.push(
            store
                .append(&run, fence, interrupted(&format!("{n} ✓ \" \\ \n")))
                .unwrap(),
        );
    }
    assert_eq!(store.read(&run).unwrap(), written);
    drop(store);
    assert_eq!(lab.open().read(&run).unwrap(), written, "by another process");
    assert_eq!(written[0].previous, Digest::from(""));
    for (at, pair) in written.windows(2).enumerate() {
        assert_eq!(pair[1].previous, pair[0].hash);
        assert_eq!(pair[1].sequence, at as u64 + 2);
    }
}

fn a_run_is_made_by_its_first_record(lab: &Lab) {
    let (run, mut store) = (RunId::from("r"), lab.open());
    let fence = store.next_fence().unwrap();
    assert_eq!(store.find_run("p", "e").unwrap(), None);
    assert_eq!(store.read(&run).unwrap(), []);
    let early = store.append(&run, fence, interrupted("SIGINT")).unwrap_err();
    assert!(matches!(early, StoreError::NoRun { .. }), "{early}");
    store.append(&run, fence, run_started("p", "e")).unwrap();
    assert_eq!(store.find_run("p", "e").unwrap(), Some(run.clone()));
    assert_eq!(store.find_run("p", "other").unwrap(), None);
    let second = store
        .append(&RunId::from("s"), fence, run_started("p", "e"))
        .unwrap_err();
    assert!(matches!(second, StoreError::RunExists { run: there } if there == run));
    assert_eq!(store.read(&run).unwrap().len(), 1, "what is refused is not written");
}

fn runs_of_one_store_do_not_mix(lab: &Lab) {
    let mut store = lab.open();
    let fence = store.next_fence().unwrap();
    for (run, environment) in [("a", "one"), ("b", "two")] {
        store
            .append(&RunId::from(run), fence, run_started("p", environment))
            .unwrap();
        store.append(&RunId::from(run), fence, interrupted(run)).unwrap();
    }
    let sequences = |records: Vec<Record>| records.iter().map(|record| record.sequence).collect::<Vec<_>>();
    assert_eq!(sequences(store.read(&RunId::from("a")).unwrap()), [1, 2]);
    assert_eq!(sequences(store.read(&RunId::from("b")).unwrap()), [1, 2]);
}

fn fences_only_grow(lab: &Lab) {
    let (mut one, mut two) = (lab.open(), lab.open());
    let mut last = 0;
    for _ in 0..3 {
        for store in [&mut one, &mut two] {
            let next = store.next_fence().unwrap();
            assert!(next > last);
            last = next;
        }
    }
}

fn a_stopped_writer_is_fenced(lab: &Lab) {
    let (run, mut stopped, mut successor) = (RunId::from("r"), lab.open(), lab.open());
    let old = stopped.next_fence().unwrap();
    stopped.append(&run, old, run_started("p", "e")).unwrap();
    let new = successor.next_fence().unwrap();
    let error = stopped.append(&run, old, interrupted("late")).unwrap_err();
    assert!(
        matches!(error, StoreError::Fenced { ours, theirs } if ours == old && theirs == new),
        "{error}"
    );
    successor.append(&run, new, interrupted("mine")).unwrap();
    assert!(stopped.append(&run, old, interrupted("later")).is_err());
    assert_eq!(
        successor.read(&run).unwrap().len(),
        2,
        "nothing of the stopped one was written"
    );
}

fn writers_of_many_threads_take_turns(lab: &Lab) {
    let run = RunId::from("r");
    let mut first = lab.open();
    let fence = first.next_fence().unwrap();
    first.append(&run, fence, run_started("p", "e")).unwrap();
    let stores: Vec<_> = (0..4).map(|_| lab.open()).collect();
    std::thread::scope(|scope| {
        for mut store in stores {
            let run = &run;
            scope.spawn(move || {
                for _ in 0..5 {
                    store.append(run, fence, interrupted("x")).unwrap();
                }
            });
        }
    });
    assert_eq!(
        first.read(&run).unwrap().len(),
        21,
        "no turn is lost, and the chain holds"
    );
}
