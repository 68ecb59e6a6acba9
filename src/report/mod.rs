//! What people and machines read: pure functions from change sets, events and journals to text.
//!
//! ```text
//! ChangeSet ─► human::plan, json::change_set      Event ─► events::Lines, json::event
//! RunState  ─► status::Status ─► human, json      Record ─► journal::table, json::record
//! ```
//!
//! Nothing here prints, reads a clock or knows the engine. The homes of `similar`'s diffs (`diff`, `texts`) and of `anstyle` (`paint`).

mod diff;
mod events;
pub mod explain;
mod fold;
mod graph;
mod human;
mod journal;
pub mod json;
mod layout;
mod paint;
mod preflight;
pub mod reference;
mod standing;
mod status;
mod status_page;
mod texts;
mod verify;
mod words;

pub use events::Lines;
pub use graph::{GraphFormat, graph};
pub use human::{Look, change_set};
pub use journal::table;
pub use paint::Paint;
pub use preflight::{page as preflight_page, preflight};
pub use status::{Live, NextStep, PlanShape, Status};
pub use texts::text_diffs;
pub use verify::{certificate, verify};
pub use words::{counted, safe as seen_lines};
