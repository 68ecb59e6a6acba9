//! The first plan of a site: what is known of it (flags, nginx's files, the 2.6's environment, the live 2.6) becomes a
//! commented plan.
//!
//! ```text
//! flags ─┐
//! nginx ─┼─► draft ─► look (asks the 2.6) ─► Answers ─► render ─► text
//! env  ──┘                                             pure      pure
//! ```
//!
//! Nothing is guessed about a file that is not understood, and no secret is copied: the plan names its variable.

mod address;
mod answers;
mod draft;
mod env_file;
mod error;
mod login;
mod look;
pub mod nginx;
mod questions;
mod remaining;
mod render;
#[cfg(test)]
mod tests;

pub use answers::{Answers, Balancer, Commands, Login, Registries};
pub use draft::{Draft, Given, draft};
pub use env_file::{EnvFile, EnvFileError};
pub use error::InitError;
pub use login::late_login;
pub use look::{Seen, fits, look};
pub use questions::{Ask, Lacking};
pub use remaining::remaining;
pub use render::render;
