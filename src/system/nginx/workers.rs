//! nginx's processes, as `/proc` shows them (`reference/lab.md` §1.7).

use std::{fs, io};

/// Clock ticks a second of `/proc/*/stat` on every Linux that has user space (`USER_HZ`).
const TICKS: u64 = 100;

/// nginx starts new workers and tells the old ones to stop 100 ms later; within this time after a reload an older worker
/// counts as draining although its title does not say so yet. 1 s covers a busy machine.
const HANDOVER: u64 = TICKS;

/// A process, told apart from a later one with the same number by its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Worker {
    pid: i32,
    start: u64,
}

/// The fields of `/proc/P/stat` that matter here.
struct Stat {
    state: char,
    parent: i32,
    start: u64,
}

fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, even parentheses: what counts begins after the last one.
    let (_, rest) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        // Field 22 of the line, counted from 1; the rest begins with field 3.
        start: fields.get(19)?.parse().ok()?,
    })
}

/// The title a process gave itself.
fn title(pid: i32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim_end_matches(['\0', ' ']).to_owned()
}

/// Whether that process is the master of an nginx.
pub(super) fn is_master(pid: i32) -> bool {
    title(pid).starts_with("nginx: master process") && stat(pid).is_some_and(|stat| stat.state != 'Z')
}

/// The master of a worker; `None` when there is no such worker any more.
pub(super) fn master_of(worker: i32) -> Option<i32> {
    let parent = stat(worker)?.parent;
    is_master(parent).then_some(parent)
}

/// The living workers of a master, old and new; its cache helpers serve nobody and are left out.
///
/// # Errors
/// When `/proc` does not show them (another PID namespace, no such process).
pub(super) fn workers(master: i32) -> io::Result<Vec<Worker>> {
    let children = fs::read_to_string(format!("/proc/{master}/task/{master}/children"))?;
    Ok(children
        .split_ascii_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .filter(|pid| !title(*pid).starts_with("nginx: cache"))
        .filter_map(|pid| {
            let stat = stat(pid)?;
            (stat.state != 'Z').then_some(Worker { pid, start: stat.start })
        })
        .collect())
}

impl Worker {
    /// Whether it is gone: no such process, a zombie (PID 1 of a container may not reap), or another one by that number.
    pub fn is_gone(self) -> bool {
        stat(self.pid).is_none_or(|stat| stat.state == 'Z' || stat.start != self.start)
    }

    /// Whether it takes no new connection any more and ends what it has.
    pub fn is_shutting_down(self) -> bool {
        title(self.pid).contains("shutting down")
    }
}

/// How many workers still serve requests of an earlier generation.
///
/// # Errors
/// As [`workers`].
pub(super) fn draining(master: i32) -> io::Result<u32> {
    let all = workers(master)?;
    let newest = all.iter().map(|worker| worker.start).max().unwrap_or(0);
    let fresh = uptime().is_some_and(|now| now.saturating_sub(newest) < HANDOVER);
    // Workers of one reload start within a few ticks of each other.
    let older = |worker: &Worker| fresh && worker.start + TICKS / 10 < newest;
    let count = all
        .iter()
        .filter(|worker| worker.is_shutting_down() || older(worker))
        .count();
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// Ticks since the machine started.
fn uptime() -> Option<u64> {
    let text = fs::read_to_string("/proc/uptime").ok()?;
    let (seconds, hundredths) = text.split(' ').next()?.split_once('.')?;
    let seconds: u64 = seconds.parse().ok()?;
    let hundredths: u64 = hundredths.parse().ok()?;
    Some(seconds * TICKS + hundredths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_process_is_not_gone_and_another_start_is() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let here = Worker {
            pid,
            start: stat(pid).unwrap().start,
        };
        assert!(!here.is_gone());
        assert!(
            Worker {
                start: here.start + 1,
                ..here
            }
            .is_gone()
        );
    }

    #[test]
    fn a_process_that_was_not_waited_for_is_gone() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let worker = Worker {
            pid,
            start: stat(pid).unwrap().start,
        };
        while !worker.is_gone() {
            std::thread::yield_now();
        }
        assert_eq!(stat(pid).unwrap().state, 'Z');
        child.wait().unwrap();
    }

    #[test]
    fn this_process_is_no_nginx() {
        assert!(!is_master(i32::try_from(std::process::id()).unwrap()));
    }
}
