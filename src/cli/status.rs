use std::{
    fs::{File, TryLockError},
    path::Path,
};

use jiff::Timestamp;

use super::{Exit, args::Status, error::CliError, project::Project, terminal::Terminal};
use crate::report::{self, Live};

/// `status`: where a run stands by its journal, and what to type next; asks no system and writes nothing.
pub(super) fn run(arguments: &Status, terminal: &Terminal) -> Result<Exit, CliError> {
    let project = Project::new(&arguments.plan, Some(&arguments.state))?;
    let program = project.load(terminal)?.program;
    let known = project.known(&program)?;
    let live = Live {
        now: Timestamp::now(),
        runner: runner(&project.lock_path()),
        plan_command: project.command("plan"),
        apply_command: project.command("apply"),
    };
    let status = report::Status::of(&project.shape(&program), known.state.as_ref(), &live);
    let text = if arguments.format.is_json() {
        report::json::status(&status)?
    } else {
        status.human(&terminal.look())
    };
    terminal.data(&text)?;
    Ok(Exit::Done)
}

/// Who holds the lock, as it wrote itself down; `None` when nobody does.
///
/// A shared lock is tried for a moment and never waited for; `apply` waits longer than that moment for its own.
fn runner(path: &Path) -> Option<String> {
    let file = File::open(path).ok()?;
    match file.try_lock_shared() {
        Ok(()) | Err(TryLockError::Error(_)) => None,
        Err(TryLockError::WouldBlock) => {
            let holder = std::fs::read_to_string(path).unwrap_or_default();
            let holder = holder.trim();
            Some(if holder.is_empty() {
                "another regplan".to_owned()
            } else {
                holder.to_owned()
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_lock_that_nobody_holds_names_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        assert_eq!(runner(&path), None);
        File::create(&path).unwrap();
        assert_eq!(runner(&path), None);
    }

    #[test]
    fn a_held_lock_names_its_holder() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"host pid 42\n").unwrap();
        file.lock().unwrap();
        assert_eq!(runner(&path).as_deref(), Some("host pid 42"));
    }
}
