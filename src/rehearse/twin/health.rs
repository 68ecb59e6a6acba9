use serde_json::{Value, json};

/// Failures until a check goes down: the shipped profile allows five (reference: apicurio.md §1.9).
const ALLOWED: u32 = 5;
/// Without a failure for so long the counter starts again; milliseconds.
const FORGET: i64 = 30_000;
/// A check that is down stays so for this time after the last failure; milliseconds.
const DOWN: i64 = 60_000;

/// The counters behind liveness (reference: apicurio.md §0 row 8, §1.9).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Health {
    storage: Counter,
    answers: Counter,
}

/// Counts failures; resets lazily, when somebody asks.
#[derive(Debug, Clone, Copy, Default)]
struct Counter {
    failures: u32,
    last: i64,
    is_down: bool,
}

impl Counter {
    fn count(&mut self, now: i64) {
        self.failures += 1;
        self.last = now;
        self.is_down |= self.failures > ALLOWED;
    }

    fn look(&mut self, now: i64) -> (bool, u32) {
        let quiet = now - self.last;
        if quiet > FORGET {
            self.failures = 0;
        }
        if quiet > DOWN {
            self.is_down = false;
        }
        (!self.is_down, self.failures)
    }
}

impl Health {
    /// An error that left the storage.
    pub fn storage_failed(&mut self, now: i64) {
        self.storage.count(now);
    }

    /// An answer that nobody mapped to a status.
    pub fn answer_failed(&mut self, now: i64) {
        self.answers.count(now);
    }

    /// Status and body of `/health/live`.
    pub fn live(&mut self, now: i64) -> (u16, Value) {
        let (storage, answers) = (self.storage.look(now), self.answers.look(now));
        let check = |name: &str, (up, failures): (bool, u32)| json!({"name": name, "status": status(up), "data": {"errorCount": failures}});
        let checks = [
            check("PersistenceExceptionLivenessCheck", storage),
            check("ResponseErrorLivenessCheck", answers),
        ];
        report(storage.0 && answers.0, &checks)
    }

    /// Status and body of `/health/ready`, which a twin that answers at all always is.
    pub fn ready() -> (u16, Value) {
        report(
            true,
            &[json!({"name": "PersistenceSimpleReadinessCheck", "status": "UP"})],
        )
    }
}

fn status(up: bool) -> &'static str {
    if up { "UP" } else { "DOWN" }
}

fn report(up: bool, checks: &[Value]) -> (u16, Value) {
    let code = if up { 200 } else { 503 };
    (code, json!({"status": status(up), "checks": checks}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_failure_brings_liveness_down_for_a_minute() {
        let mut health = Health::default();
        for _ in 0..5 {
            health.storage_failed(1_000);
        }
        assert_eq!(health.live(1_000).0, 200);
        health.storage_failed(2_000);
        assert_eq!(health.live(2_000).0, 503);
        assert_eq!(health.live(61_000).0, 503);
        assert_eq!(health.live(62_001).0, 200);
    }

    #[test]
    fn half_a_minute_without_a_failure_is_forgiven() {
        let mut health = Health::default();
        for _ in 0..5 {
            health.answer_failed(0);
        }
        assert_eq!(health.live(30_001).0, 200);
        health.answer_failed(30_002);
        assert_eq!(health.live(30_002).0, 200);
    }
}
