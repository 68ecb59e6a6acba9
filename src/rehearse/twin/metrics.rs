use std::{collections::BTreeMap, fmt::Write as _};

use super::http::{Answer, Request};

/// What 2.6 counts of the requests to its APIs, as `/metrics` shows it (reference: seen on 2.6.13; it names templates of paths,
/// this twin the paths themselves).
#[derive(Debug, Clone, Default)]
pub(super) struct Metrics {
    /// When the process began, in milliseconds since 1970.
    pub started: i64,
    /// By method, path and class of the status.
    requests: BTreeMap<(String, String, u16), u64>,
}

impl Metrics {
    /// Counts a request that was answered.
    pub fn count(&mut self, request: &Request, answer: &Answer) {
        if request.path.first().is_some_and(|part| part == "apis") {
            let key = (request.method.clone(), request.raw_path.clone(), answer.status / 100);
            *self.requests.entry(key).or_default() += 1;
        }
    }

    /// The page.
    pub fn page(&self) -> Answer {
        let mut text = format!("process_start_time_seconds {}\n", self.started);
        for ((method, path, class), count) in &self.requests {
            // Writing to a String cannot fail.
            let _infallible = writeln!(
                text,
                r#"rest_requests_count_total{{method="{method}",path="{path}",status_code_group="{class}xx"}} {count}.0"#
            );
        }
        Answer::bytes(200, "text/plain", text.into_bytes())
    }
}
