//! Times of creation that a registry does not keep.

use super::{Comparison, RestFacts, Row, codes};

/// Differences in times of creation that a 3.x on KafkaSQL made by its last start are expected: its time is the later one.
pub(super) fn set_back(result: &mut Comparison, rest: &RestFacts) {
    let is_redated = |row: &mut Row| {
        let is_date = matches!(
            row.code,
            codes::VERSION_CREATED | codes::ARTIFACT_CREATED | codes::GROUP_CREATED | codes::COMMENT_CREATED
        );
        let (Ok(left), Ok(right)) = (row.left.parse::<i64>(), row.right.parse::<i64>()) else {
            return false;
        };
        is_date && (rest.left.redates && left > right || rest.right.redates && right > left)
    };
    let redated = result.differences.extract_if(.., is_redated);
    result.expected.extend(redated);
}
