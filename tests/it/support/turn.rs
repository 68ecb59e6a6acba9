use std::os::unix::fs::PermissionsExt as _;

use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};

use super::stack::Stack;

/// One scenario at a time: each has two JVMs or three, and its clients must not wait for another's.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Waits until no other scenario has its servers up; then a directory, and a stack in it.
///
/// To be dropped from the last to the first: servers, then their directory, then the turn.
pub async fn a_turn() -> (MutexGuard<'static, ()>, TempDir, Stack) {
    let turn = ONE_AT_A_TIME.lock().await;
    let directory = directory();
    let servers = directory.path().join("servers");
    std::fs::create_dir(&servers).unwrap();
    let stack = Stack::in_directory(&servers);
    (turn, directory, stack)
}

/// A directory that nginx's workers and PostgreSQL, which do not run as root, can reach.
fn directory() -> TempDir {
    let directory = tempfile::Builder::new().prefix("regplan-lab-").tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    directory
}
