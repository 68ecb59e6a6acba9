use std::{io::Write as _, path::Path};

use crate::{
    model::{Plan, SecretSource},
    system::{SystemError, write_atomically},
};

/// What every secret is in a rehearsal.
const DUMMY: &[u8] = b"not-a-secret";

/// Lets every secret of a plan be read from a dummy in that directory: a rehearsal needs none, and none may get into it.
///
/// # Errors
/// When the dummy cannot be written.
pub(super) fn replace(plan: &mut Plan, directory: &Path) -> Result<(), SystemError> {
    if plan.vars.secrets.is_empty() {
        return Ok(());
    }
    let path = directory.join("dummy-secret");
    write_atomically(&path, |file| file.write_all(DUMMY))?;
    for source in plan.vars.secrets.values_mut() {
        *source = SecretSource {
            env: None,
            file: Some(path.display().to_string()),
            command: None,
        };
    }
    Ok(())
}
