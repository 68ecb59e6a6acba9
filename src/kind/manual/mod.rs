//! Kinds that a person does.

mod confirm;

pub use confirm::ManualConfirm;
