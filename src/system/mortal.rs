use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::process::ExitStatusExt as _,
    },
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, PoisonError},
};

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, getpid, kill_process, pidfd_open, pidfd_send_signal, waitid,
};

/// A program in a process of its own that may be killed at any moment; it dies with this value.
///
/// It is held by a pidfd (`pidfd_open(2)`, Linux 5.3): a number that was given to another process meanwhile is never hit.
pub struct Mortal {
    handle: OwnedFd,
    child: Mutex<Child>,
}

/// How such a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// By itself, with this code.
    Ended(i32),
    /// By this signal.
    Signal(i32),
}

impl Death {
    /// Killed as by `kill -9`.
    pub const KILLED: Self = Self::Signal(9);

    fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Ended(code),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }
}

impl Mortal {
    /// Starts it with the environment of this process and some more; what it says goes to a file.
    ///
    /// # Errors
    /// When it cannot be started, or the kernel gives no handle on it.
    pub fn start(
        program: &Path,
        arguments: &[OsString],
        more: &[(&str, &OsStr)],
        says: &Path,
    ) -> Result<Self, io::Error> {
        let said = File::create(says)?;
        let mut child = Command::new(program)
            .args(arguments)
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said)
            .spawn()?;
        let handle = Pid::from_raw(i32::try_from(child.id()).unwrap_or_default())
            .ok_or(rustix::io::Errno::SRCH)
            .and_then(|pid| pidfd_open(pid, PidfdFlags::empty()));
        match handle {
            Ok(handle) => Ok(Self {
                handle,
                child: Mutex::new(child),
            }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error.into())
            }
        }
    }

    /// Kills it, and returns when none of its threads runs any more; nothing when it has ended already.
    ///
    /// Blocks the thread for the microseconds that takes.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn kill(&self) -> Result<(), io::Error> {
        match pidfd_send_signal(&self.handle, Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => return Err(error.into()),
        }
        until_dead(&self.handle)
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub async fn ended(&self) -> Result<Death, io::Error> {
        let handle = self.handle.try_clone()?;
        tokio::task::spawn_blocking(move || until_dead(&handle))
            .await
            .map_err(io::Error::other)??;
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        child.wait().map(Death::of)
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        let killed = self.kill();
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = killed.and_then(|()| child.wait()) {
            tracing::debug!(%error, "a program that was left could not be ended");
        }
    }
}

/// Blocks until the process has ended, and leaves it to be reaped.
fn until_dead(handle: &OwnedFd) -> Result<(), io::Error> {
    match waitid(
        WaitId::PidFd(handle.as_fd()),
        WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
    ) {
        // No child any more: it was reaped.
        Ok(_) | Err(rustix::io::Errno::CHILD) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Ends this process as `kill -9` does: nothing is flushed, closed or said.
pub fn die() -> ! {
    loop {
        if let Err(error) = kill_process(getpid(), Signal::KILL) {
            tracing::error!(%error, "this process cannot kill itself");
            std::process::abort();
        }
        // The signal is on its way to this very thread or another one of this process.
        std::thread::park();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn shell(script: &str) -> (tempfile::TempDir, Mortal) {
        let directory = tempfile::tempdir().unwrap();
        let arguments = ["-c".into(), script.into()];
        let says = directory.path().join("says");
        let mortal = Mortal::start(Path::new("/bin/sh"), &arguments, &[("WORD", OsStr::new("said"))], &says).unwrap();
        (directory, mortal)
    }

    #[tokio::test]
    async fn a_program_that_ends_by_itself_is_told_from_one_that_was_killed() {
        let (directory, mortal) = shell("echo $WORD >&2; exit 7");
        assert_eq!(mortal.ended().await.unwrap(), Death::Ended(7));
        assert_eq!(
            std::fs::read_to_string(directory.path().join("says")).unwrap(),
            "said\n"
        );
        let (_directory, mortal) = shell("exec sleep 60");
        mortal.kill().unwrap();
        assert_eq!(mortal.ended().await.unwrap(), Death::KILLED);
        mortal.kill().unwrap();
        assert_eq!(mortal.ended().await.unwrap(), Death::KILLED, "it stays so");
    }

    #[tokio::test]
    async fn whoever_waits_learns_of_a_kill() {
        let (_directory, mortal) = shell("exec sleep 60");
        let kill = async {
            tokio::task::yield_now().await;
            mortal.kill().unwrap();
        };
        let (death, ()) = tokio::time::timeout(Duration::from_secs(30), async { tokio::join!(mortal.ended(), kill) })
            .await
            .unwrap();
        assert_eq!(death.unwrap(), Death::KILLED);
    }
}
