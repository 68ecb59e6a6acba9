//! Kinds of the registries' content.

mod export;
mod import;
mod verify;

pub use export::RegistryExport;
pub use import::RegistryImport;
pub use verify::RegistryVerify;
