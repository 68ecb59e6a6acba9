//! Kinds that run programs of the plan's author.

mod check;
mod command;

pub use check::RunCheck;
pub use command::RunCommand;
