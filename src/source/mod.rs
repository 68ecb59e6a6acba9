//! The plan file: text → checked plan. Pure but for [`load`], which reads the files it is told to read.
//!
//! Guard and places first (`guard`, `spans`), then values, variables, shape, references, expressions; every finding carries a
//! path, and the edge turns it into a line ([`diagnostics`], [`findings_json`]).

mod build;
mod check;
mod diagnostic;
mod document;
mod explain;
mod file;
mod guard;
mod mistakes;
mod read;
mod schema;
mod shape;
mod spans;
mod substitute;
mod syntax;
mod template;
mod vars;

pub use check::NOT_SUPPORTED_YET;
pub use diagnostic::{diagnostics, findings_json};
pub use document::{Document, Location};
pub use explain::{Explained, SystemText, explain, run_facts, system_types};
pub use file::Fact;
pub use schema::plan_schema;

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use crate::{
    kind::Program,
    model::{Findings, RunId},
};

/// What a plan file does not say itself.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// `--var NAME=VALUE`, in order; the last one of a name counts.
    pub vars: Vec<(String, String)>,
    /// `--var-file`, in order; YAML mappings of names to values.
    pub var_files: Vec<PathBuf>,
    /// `--env`; `${run.environment}`.
    pub environment: String,
    /// The run that the journal knows; without one `${run.id}` is not known yet.
    pub run: Option<RunId>,
}

/// Why a plan could not even be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is larger than any plan.
    #[error("{} is larger than {limit} bytes, the most that is read", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// A file is no UTF-8 text.
    #[error("{} is not UTF-8 text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
}

/// A plan that was looked at.
pub struct Loaded {
    /// The plan, ready to be planned; `None` when a finding is an error.
    pub program: Option<Program>,
    /// Everything there is to say about it, in the order of the file.
    pub findings: Findings,
    /// The text and where everything stands in it.
    pub document: Document,
}

/// The largest file that is read, in bytes. A plan of 1,000 steps has about 200 kB.
pub const LARGEST_FILE: u64 = 4 << 20;

/// Reads a plan file of at most 4 MiB, its variables, and checks it.
///
/// # Errors
/// When a file cannot be read at all; everything else is a finding.
pub fn load(path: &Path, options: &LoadOptions) -> Result<Loaded, LoadError> {
    let text = text_of(path)?;
    let mut files = Vec::new();
    for file in &options.var_files {
        files.push((file.display().to_string(), text_of(file)?));
    }
    Ok(read::read(&path.display().to_string(), text, &files, options))
}

/// Checks the text of a plan; `options.var_files` are not read.
pub fn load_text(name: &str, text: String, options: &LoadOptions) -> Loaded {
    read::read(name, text, &[], options)
}

/// A file's text; the limit holds by what the file says of itself and by what is really read.
fn text_of(path: &Path) -> Result<String, LoadError> {
    let unreadable = |source| LoadError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let too_large = || LoadError::TooLarge {
        path: path.to_owned(),
        limit: LARGEST_FILE,
    };
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.len() > LARGEST_FILE {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(too_large());
    }
    String::from_utf8(bytes).map_err(|_| LoadError::NotText { path: path.to_owned() })
}

#[cfg(test)]
mod tests;
