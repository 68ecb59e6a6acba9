//! What can go wrong in a rehearsal by order: which requests, entities and moments is decided from the seed alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    balancer::Hand,
    data::Numbers,
    late_twin::LateTwin,
    load::GROUP,
    twin::{Faults, Outcome, Seen, Turn, TwinVersion},
};

/// The usual delay of [`Fault::Slow`], below this; milliseconds.
const SLOW: u64 = 15;
/// Once in so many answers [`Fault::Slow`] takes [`VERY_SLOW`].
const SELDOM: u64 = 32;
/// Long for a registry on loopback, short against every limit of the runner; milliseconds.
const VERY_SLOW: u64 = 200;
/// Requests for the same that share one decision: a burst is at its beginning.
const WINDOW: u64 = 16;
/// One in so many windows has a burst.
const BURSTS: u64 = 6;
/// One in so many entities is lost by a lying import.
const LIES: u64 = 24;

/// Something that goes wrong by order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Answers of registries come late.
    Slow,
    /// While writes are frozen, connections of the runner end before, after or in an answer, that of an import too.
    Cut,
    /// While writes are frozen, the runner gets bursts of 500, 502 and 503.
    Burst,
    /// An import answers 204 and has dropped versions.
    LyingImport,
    /// While writes are frozen, somebody else opens them on the balancer.
    ForeignThaw,
    /// While writes are frozen, a writer goes to the old registry past the balancer.
    Bypass,
}

/// A name that is no fault's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no fault is named `{0}`")]
pub struct NoFault(pub String);

impl Fault {
    /// Every one of them, in the order in which `all` rehearses them.
    pub const ALL: [Self; 6] = [
        Self::Slow,
        Self::Cut,
        Self::Burst,
        Self::LyingImport,
        Self::ForeignThaw,
        Self::Bypass,
    ];

    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Cut => "cut",
            Self::Burst => "5xx",
            Self::LyingImport => "lying-import",
            Self::ForeignThaw => "foreign-thaw",
            Self::Bypass => "bypass",
        }
    }

    /// What regplan must do about it, for people.
    pub fn must(self) -> &'static str {
        match self {
            Self::Slow => "wait and succeed",
            Self::Cut | Self::Burst => "ask again and succeed, or go back",
            Self::LyingImport => "see that the copy is not whole, and stop or go back",
            Self::ForeignThaw => "see that the route is not its own any more, and go back",
            Self::Bypass => "see that the old registry moved, and go back",
        }
    }

    /// Whether the run may succeed all the same.
    pub fn may_succeed(self) -> bool {
        matches!(self, Self::Slow | Self::Cut | Self::Burst)
    }

    /// Whether the run may go back.
    pub fn may_go_back(self) -> bool {
        self != Self::Slow
    }

    /// Whether the run may stop where it is: a copy before the freeze has nothing to go back to.
    pub fn may_stop(self) -> bool {
        self == Self::LyingImport
    }
}

/// How a rehearsal with faults ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultyEnd {
    /// All phases are closed.
    Succeeded,
    /// It went back.
    WentBack,
    /// It stopped before anything had to go back.
    Stopped,
    /// Anything else.
    Other,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Fault {
    type Err = NoFault;

    fn from_str(text: &str) -> Result<Self, NoFault> {
        let found = Self::ALL.into_iter().find(|fault| fault.name() == text);
        found.ok_or_else(|| NoFault(text.to_owned()))
    }
}

/// What is wrong with how a rehearsal with these faults ended, one line each: an end that they do not excuse, and a fault that
/// never came, so that nothing was shown.
pub fn unexpected(came: &BTreeMap<Fault, u64>, ended: FaultyEnd) -> Vec<String> {
    let fits = match ended {
        FaultyEnd::Succeeded => came.keys().all(|fault| fault.may_succeed()),
        FaultyEnd::WentBack => came.keys().any(|fault| fault.may_go_back()),
        FaultyEnd::Stopped => came.keys().any(|fault| fault.may_stop()),
        FaultyEnd::Other => false,
    };
    let mut wrong: Vec<String> = (came.iter())
        .filter(|(_, times)| **times == 0)
        .map(|(fault, _)| format!("the fault {fault} never came, so that nothing is shown"))
        .collect();
    if wrong.is_empty() && !came.is_empty() && !fits {
        let must: Vec<String> = came.keys().map(|fault| format!("{fault}: {}", fault.must())).collect();
        wrong.push(format!("it must end otherwise ({})", must.join("; ")));
    }
    wrong
}

/// The faults of one rehearsal, at work; the twins ask it about each request.
pub struct Play {
    faults: BTreeSet<Fault>,
    seed: u64,
    /// How often each came.
    came: Mutex<BTreeMap<Fault, u64>>,
    progress: Mutex<Progress>,
    /// Names the writes of the writer who goes past the balancer.
    bypassing: AtomicU64,
    written: Mutex<Vec<String>>,
    balancer: OnceLock<Hand>,
    /// Weak: the twin holds this in turn.
    old: OnceLock<Weak<LateTwin>>,
}

/// How far the runner is, as its requests show.
#[derive(Debug, Default)]
struct Progress {
    /// How often it asked each thing while writes were frozen.
    asked: BTreeMap<(TwinVersion, String), u64>,
    imports: u64,
    /// The old registry was exported after the first import: a comparison began.
    compared: bool,
    /// The moment came for what happens once.
    over: bool,
}

/// When what happens once does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// With the first import.
    Import,
    /// When a comparison has seen the old registry to its end, and looks at the new one.
    Comparison,
}

impl Play {
    /// These faults, from this seed.
    pub fn new(faults: BTreeSet<Fault>, seed: u64) -> Self {
        Self {
            faults,
            seed,
            came: Mutex::default(),
            progress: Mutex::default(),
            bypassing: AtomicU64::new(0),
            written: Mutex::default(),
            balancer: OnceLock::new(),
            old: OnceLock::new(),
        }
    }

    /// Whose hand opens writes, and who is written to past it. The first call counts.
    pub(super) fn reach(&self, balancer: Option<Hand>, old: Option<&Arc<LateTwin>>) {
        if let Some(balancer) = balancer {
            self.balancer.get_or_init(|| balancer);
        }
        if let Some(old) = old {
            self.old.get_or_init(|| Arc::downgrade(old));
        }
    }

    /// How often each fault came.
    pub fn came(&self) -> BTreeMap<Fault, u64> {
        let came = locked(&self.came);
        self.faults
            .iter()
            .map(|fault| (*fault, came.get(fault).copied().unwrap_or_default()))
            .collect()
    }

    /// Acknowledged writes past the balancer, in the group of the clients.
    pub fn written_past(&self) -> Vec<String> {
        locked(&self.written).clone()
    }

    fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    fn note(&self, fault: Fault) {
        *locked(&self.came).entry(fault).or_default() += 1;
    }

    fn numbers(&self, salt: Fault, about: &str, number: u64) -> Numbers {
        numbers(self.seed, salt, about, number)
    }

    fn delay(&self, seen: &Seen<'_>, nth: u64) -> Duration {
        let mut numbers = self.numbers(Fault::Slow, seen.path, nth);
        self.note(Fault::Slow);
        Duration::from_millis(match numbers.below(SELDOM) {
            0 => VERY_SLOW,
            _ => numbers.below(SLOW),
        })
    }

    /// What becomes of the n-th request for the same while writes are frozen.
    fn fate(&self, seen: &Seen<'_>, nth: u64) -> Outcome {
        for fault in [Fault::Cut, Fault::Burst] {
            if !self.has(fault) {
                continue;
            }
            let mut numbers = self.numbers(fault, &format!("{} {}", seen.method, seen.path), nth / WINDOW);
            // One or two in a row: whoever asks a third time is served.
            let length = 1 + numbers.below(2);
            if numbers.below(BURSTS) != 0 || nth % WINDOW >= length {
                continue;
            }
            self.note(fault);
            return match (fault, numbers.below(3)) {
                (Fault::Cut, 0) => Outcome::CutBefore,
                (Fault::Cut, 1) => Outcome::CutAfter,
                (Fault::Cut, _) => Outcome::CutInBody,
                (_, 0) => Outcome::Refuse(500),
                (_, 1) => Outcome::Refuse(502),
                (_, _) => Outcome::Refuse(503),
            };
        }
        Outcome::Serve
    }

    /// Whether the moment has come for what happens once; `true` once.
    fn moment(&self, seen: &Seen<'_>) -> bool {
        let mut progress = locked(&self.progress);
        let import = seen.method == "POST" && seen.path.ends_with("/admin/import");
        let export = seen.method == "GET" && seen.path.ends_with("/admin/export");
        progress.imports += u64::from(import);
        let counted = seen.method == "GET" && seen.path.ends_with("/search/versions");
        match seen.version {
            TwinVersion::V2_6_13 => {}
            TwinVersion::V3_3_3 => {
                // A frozen side is exported once, so a comparison shows in its count after the export that follows the imports.
                let now = match self.when() {
                    Moment::Import => import,
                    Moment::Comparison => counted && progress.compared,
                };
                progress.compared |= export && progress.imports > 0;
                let first = now && !progress.over;
                progress.over |= now;
                return first;
            }
        }
        false
    }

    fn when(&self) -> Moment {
        match Numbers::new(self.seed).below(2) {
            0 => Moment::Import,
            _ => Moment::Comparison,
        }
    }

    /// What happens once.
    fn happen(&self) {
        if self.has(Fault::ForeignThaw) && self.balancer.get().is_some_and(Hand::open_writes) {
            self.note(Fault::ForeignThaw);
        }
        if self.has(Fault::Bypass)
            && let Some(old) = self.old.get().and_then(Weak::upgrade)
        {
            let artifact = format!("bypass-{:06}", self.bypassing.fetch_add(1, Ordering::Relaxed));
            if old.write_past(GROUP, &artifact) {
                locked(&self.written).push(artifact);
                self.note(Fault::Bypass);
            }
        }
    }

    fn is_frozen(&self) -> bool {
        self.balancer.get().is_some_and(Hand::is_frozen)
    }
}

impl Faults for Play {
    fn request(&self, seen: &Seen<'_>) -> Turn {
        if self.faults.is_empty() || seen.by_balancer {
            // Clients meet the balancer as it is.
            return Turn::default();
        }
        let frozen = self.is_frozen();
        if frozen && self.moment(seen) {
            self.happen();
        }
        let nth = {
            let mut progress = locked(&self.progress);
            let key = (seen.version, format!("{} {} {frozen}", seen.method, seen.path));
            let asked = progress.asked.entry(key).or_default();
            *asked += 1;
            *asked - 1
        };
        Turn {
            delay: if self.has(Fault::Slow) {
                self.delay(seen, nth)
            } else {
                Duration::ZERO
            },
            outcome: if frozen { self.fate(seen, nth) } else { Outcome::Serve },
        }
    }

    fn loses(&self, kind: &str, id: &str) -> bool {
        let loses = self.has(Fault::LyingImport)
            && kind == "ArtifactVersion"
            && self.numbers(Fault::LyingImport, id, 0).below(LIES) == 0;
        if loses {
            self.note(Fault::LyingImport);
        }
        loses
    }
}

/// The numbers of one decision: they depend on the seed and on what is decided, never on when.
fn numbers(seed: u64, salt: Fault, about: &str, number: u64) -> Numbers {
    let mut state = Numbers::new(seed ^ number).draw();
    for byte in salt.name().bytes().chain(about.bytes()) {
        state = Numbers::new(state ^ u64::from(byte)).draw();
    }
    Numbers::new(state)
}

/// Every note is whole by itself, so one left by a thread that panicked is fine.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen<'r>(method: &'r str, path: &'r str, by_balancer: bool) -> Seen<'r> {
        Seen {
            version: TwinVersion::V3_3_3,
            method,
            path,
            number: 0,
            by_balancer,
        }
    }

    fn play(fault: Fault, seed: u64) -> Play {
        Play::new([fault].into(), seed)
    }

    /// What the first requests for some paths get while writes are frozen.
    fn fates(fault: Fault, seed: u64) -> Vec<Outcome> {
        let play = play(fault, seed);
        let paths: Vec<String> = (0..40).map(|n| format!("/apis/{n}")).collect();
        let all = paths.iter().flat_map(|path| (0..4).map(move |nth| (path, nth)));
        all.map(|(path, nth)| play.fate(&seen("GET", path, false), nth))
            .collect()
    }

    #[test]
    fn the_same_seed_makes_the_same_faults_and_another_one_others() {
        for fault in [Fault::Cut, Fault::Burst] {
            assert_eq!(fates(fault, 7), fates(fault, 7));
            assert_ne!(fates(fault, 7), fates(fault, 8));
            assert!(fates(fault, 7).iter().any(|fate| *fate != Outcome::Serve), "{fault}");
        }
        let lost = |seed| {
            let play = play(Fault::LyingImport, seed);
            (0..200)
                .filter(|id| play.loses("ArtifactVersion", &id.to_string()))
                .collect::<Vec<_>>()
        };
        assert_eq!(lost(7), lost(7));
        assert_ne!(lost(7), lost(8));
        assert!(!lost(7).is_empty());
    }

    #[test]
    fn whoever_asks_a_third_time_is_served() {
        for seed in 0..20 {
            for four in [fates(Fault::Cut, seed), fates(Fault::Burst, seed)]
                .iter()
                .flat_map(|fates| fates.chunks(4))
            {
                assert_eq!(&four[2..], [Outcome::Serve, Outcome::Serve]);
            }
        }
    }

    #[test]
    fn clients_meet_no_fault_and_nothing_is_cut_before_the_freeze() {
        let slow = play(Fault::Slow, 1);
        assert_eq!(slow.request(&seen("GET", "/a", true)), Turn::default());
        let cut = play(Fault::Cut, 1);
        for n in 0..100 {
            let path = format!("/{n}");
            assert_eq!(cut.request(&seen("GET", &path, false)).outcome, Outcome::Serve);
        }
        assert_eq!(cut.came(), BTreeMap::from([(Fault::Cut, 0)]));
    }

    #[test]
    fn what_happens_once_happens_at_the_moment_of_its_seed() {
        let v2 = |method, path| Seen {
            version: TwinVersion::V2_6_13,
            ..seen(method, path, false)
        };
        let story = [
            v2("GET", "/apis/registry/v2/admin/export"),
            seen("GET", "/apis/registry/v3/admin/export", false),
            seen("POST", "/apis/registry/v3/admin/import", false),
            seen("POST", "/apis/registry/v3/admin/import", false),
            v2("GET", "/apis/registry/v2/admin/export"),
            seen("GET", "/apis/registry/v3/admin/export", false),
            seen("GET", "/apis/registry/v3/search/versions", false),
        ];
        let mut moments = BTreeSet::new();
        for seed in 0..8 {
            let play = play(Fault::Bypass, seed);
            let at: Vec<usize> = (0..story.len()).filter(|n| play.moment(&story[*n])).collect();
            assert_eq!(at.len(), 1, "{seed}: {at:?}");
            moments.extend(at);
        }
        assert_eq!(moments, BTreeSet::from([2, 6]));
    }

    #[test]
    fn an_end_that_no_fault_excuses_is_said() {
        let came = |faults: &[(Fault, u64)]| faults.iter().copied().collect::<BTreeMap<_, _>>();
        let fine = |faults: &[(Fault, u64)], succeeded, back| {
            let ended = match (succeeded, back) {
                (true, _) => FaultyEnd::Succeeded,
                (false, true) => FaultyEnd::WentBack,
                (false, false) => FaultyEnd::Other,
            };
            unexpected(&came(faults), ended).is_empty()
        };
        let stopped = |fault| unexpected(&came(&[(fault, 1)]), FaultyEnd::Stopped).is_empty();
        assert!(stopped(Fault::LyingImport) && !stopped(Fault::Bypass) && !stopped(Fault::Slow));
        assert!(fine(&[], false, false));
        assert!(fine(&[(Fault::Slow, 3)], true, false) && !fine(&[(Fault::Slow, 3)], false, true));
        assert!(fine(&[(Fault::Cut, 3)], true, false) && fine(&[(Fault::Cut, 3)], false, true));
        assert!(!fine(&[(Fault::Cut, 3)], false, false));
        for fault in [Fault::LyingImport, Fault::ForeignThaw, Fault::Bypass] {
            assert!(
                fine(&[(fault, 1)], false, true) && !fine(&[(fault, 1)], true, false),
                "{fault}"
            );
            assert!(!fine(&[(fault, 0)], false, true), "{fault}");
            assert!(!fine(&[(Fault::Slow, 9), (fault, 1)], true, false), "{fault}");
        }
    }

    #[test]
    fn every_fault_has_its_name() {
        for fault in Fault::ALL {
            assert_eq!(fault.name().parse(), Ok(fault));
            assert!(fault.may_succeed() || fault.may_go_back());
        }
        assert_eq!("nothing".parse::<Fault>(), Err(NoFault("nothing".to_owned())));
    }
}
