//! Plans and kinds for tests of the engine's pure parts.

use serde_json::Value;

use crate::model::{DocPath, PlanDuration, Retry, Step, digest_of};

/// A step of that name that needs nothing.
pub(crate) fn step(id: &str) -> Step {
    let second = PlanDuration::new(std::time::Duration::from_secs(1));
    Step {
        id: id.into(),
        uses: "test.effect".to_owned(),
        with: Value::Null,
        needs: Vec::new(),
        condition: None,
        retry: Retry {
            attempts: 1,
            backoff: second,
            max_backoff: second,
        },
        timeout: None,
        checkpoint: Vec::new(),
        provides: [].into(),
        estimate: None,
        point_of_no_return: false,
        reads: [].into(),
        writes: [].into(),
        digest: digest_of(&Value::from(id)),
        at: DocPath::root(),
    }
}
