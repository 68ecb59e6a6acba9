use tracing_subscriber::{EnvFilter, Layer as _, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use super::args::{Global, LogFormat};

/// Sends what the program says about itself to stderr, when somebody asked for it; stdout carries data only.
///
/// `REGPLAN_LOG` (a filter such as `regplan=debug`) wins over `-v`.
pub(super) fn start(global: &Global) {
    let asked = std::env::var("REGPLAN_LOG").ok();
    let filter = match (asked, global.verbose) {
        (Some(filter), _) => filter,
        (None, 0 | 1) => return,
        (None, 2) => "regplan=debug".to_owned(),
        (None, _) => "debug".to_owned(),
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let layer = match global.log_format {
        LogFormat::Text => layer.with_ansi(false).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(EnvFilter::new(filter)));
    // A second call in one process (tests) finds the first one's subscriber, which is as good.
    if subscriber.try_init().is_err() {
        tracing::debug!("logging was started before");
    }
}
