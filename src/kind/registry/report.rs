//! Files that checks of registries leave for people and machines.

use serde::Serialize;

use crate::{
    kind::{ApplyError, KindError},
    system::{Act, SystemError, write_atomically},
};

/// Writes a value as JSON; `file` is relative to the plan file.
pub(super) fn write_json(file: &str, value: &impl Serialize, world: &Act) -> Result<(), ApplyError> {
    let mut text = serde_json::to_string_pretty(value).map_err(|source| KindError::Shape {
        what: file.to_owned(),
        source,
    })?;
    text.push('\n');
    Ok(write_text(file, &text, world)?)
}

/// Writes text; `file` is relative to the plan file.
pub(super) fn write_text(file: &str, text: &str, world: &Act) -> Result<(), SystemError> {
    write_atomically(&world.path(file), |out| std::io::Write::write_all(out, text.as_bytes()))
}
