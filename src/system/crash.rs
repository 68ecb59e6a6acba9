//! Named points at which a test can end or hold the process; they do nothing without the feature `crash-points`.

/// A named point of an act.
///
/// `REGPLAN_CRASH_AT=NAME:N` aborts the process at the N-th hit (from 1). `REGPLAN_PAUSE_AT=NAME:FILE` or `NAME:N:FILE`
/// makes the file and then sleeps, so that a test can end the process from outside while it stands there; other threads
/// go on, a request that is under way is not disturbed.
#[cfg(not(feature = "crash-points"))]
pub fn crash_point(_name: &str) {}

/// A named point of an act; see the variant without the feature.
#[cfg(feature = "crash-points")]
pub fn crash_point(name: &str) {
    let hit = armed::count(name);
    if armed::crashes(name, hit) {
        std::process::abort();
    }
    if let Some(file) = armed::pauses(name, hit) {
        armed::hold(&file);
    }
}

/// Whether points are built in: what is needed only to make them exact can be left out otherwise.
pub(in crate::system) const fn crash_points_built_in() -> bool {
    cfg!(feature = "crash-points")
}

#[cfg(feature = "crash-points")]
mod armed {
    use std::{
        collections::BTreeMap,
        path::PathBuf,
        sync::{Mutex, PoisonError},
        time::Duration,
    };

    static HITS: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());

    pub(super) fn count(name: &str) -> u32 {
        let mut hits = HITS.lock().unwrap_or_else(PoisonError::into_inner);
        let hit = hits.entry(name.to_owned()).or_insert(0);
        *hit += 1;
        *hit
    }

    pub(super) fn crashes(name: &str, hit: u32) -> bool {
        let Ok(wanted) = std::env::var("REGPLAN_CRASH_AT") else {
            return false;
        };
        let (wanted, n) = wanted.rsplit_once(':').unwrap_or((&wanted, "1"));
        wanted == name && n.parse() == Ok(hit)
    }

    pub(super) fn pauses(name: &str, hit: u32) -> Option<PathBuf> {
        let wanted = std::env::var("REGPLAN_PAUSE_AT").ok()?;
        let (wanted, rest) = wanted.split_once(':')?;
        let numbered = rest
            .split_once(':')
            .and_then(|(n, file)| Some((n.parse::<u32>().ok()?, file)));
        let (n, file) = numbered.unwrap_or((1, rest));
        (wanted == name && n == hit).then(|| PathBuf::from(file))
    }

    pub(super) fn hold(file: &std::path::Path) {
        // The file is the signal to the test; without it nobody knows, so going on would be wrong too.
        if std::fs::File::create(file).is_err() {
            std::process::abort();
        }
        // Longer than any test waits.
        std::thread::sleep(Duration::from_secs(3_600));
    }
}
