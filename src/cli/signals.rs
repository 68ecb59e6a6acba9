use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use super::error::CliError;

/// Listens for SIGINT, SIGTERM and SIGHUP (a terminal that goes away counts as SIGTERM) and names each as it is heard.
///
/// SIGHUP stays ignored where it was ignored at the start: `nohup` and process managers mean it.
///
/// # Errors
/// When the machine refuses a handler.
pub(super) fn listen() -> Result<mpsc::UnboundedReceiver<&'static str>, CliError> {
    let refused = |source| CliError::Io {
        doing: "listen for signals".to_owned(),
        source,
    };
    let mut kinds = vec![
        (SignalKind::interrupt(), "SIGINT"),
        (SignalKind::terminate(), "SIGTERM"),
    ];
    if !hangup_is_ignored() {
        kinds.push((SignalKind::hangup(), "SIGTERM"));
    }
    let (send, heard) = mpsc::unbounded_channel();
    for (kind, name) in kinds {
        let mut stream = signal(kind).map_err(refused)?;
        let send = send.clone();
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                if send.send(name).is_err() {
                    return;
                }
            }
        });
    }
    Ok(heard)
}

/// Whether this process was started with SIGHUP ignored: bit 0 of `SigIgn` in `/proc/self/status` (proc(5)).
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignores_hangup(&status)
}

fn ignores_hangup(status: &str) -> bool {
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_under_nohup_keeps_ignoring_hangups() {
        assert!(ignores_hangup("Name:\tregplan\nSigIgn:\t0000000000001001\n"));
        assert!(!ignores_hangup("Name:\tregplan\nSigIgn:\t0000000000001000\n"));
        assert!(!ignores_hangup(""));
    }
}
