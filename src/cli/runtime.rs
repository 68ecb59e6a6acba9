use super::error::CliError;

/// Threads that drive what waits: one for the run, one so that a signal or a heartbeat never waits for it.
const WORKERS: usize = 2;

/// Starts what drives network, programs and timers; only verbs that look outside need it.
///
/// # Errors
/// When the machine refuses threads.
pub(super) fn start() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .enable_all()
        .build()
        .map_err(|source| CliError::Io {
            doing: "start threads".to_owned(),
            source,
        })
}
