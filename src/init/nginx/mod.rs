//! What nginx's files say of the registry: read, never run, and not guessed about.

mod files;
mod found;
mod site;
mod syntax;

pub use files::{Disk, Dump, Files};
pub use found::Found;
pub use site::{Site, find};
pub use syntax::{Config, NotRead, Place, read};
