use std::fmt::Display;

use super::{Comparison, Row};

/// Where rows go while two snapshots are compared.
#[derive(Default)]
pub(super) struct Rows {
    pub result: Comparison,
}

impl Rows {
    /// A row that must not be.
    pub(super) fn differ(&mut self, code: &'static str, what: impl Display, left: impl Display, right: impl Display) {
        self.result.differences.push(row(code, what, left, right));
    }

    /// A row that the contract foresees.
    pub(super) fn expect(&mut self, code: &'static str, what: impl Display, left: impl Display, right: impl Display) {
        self.result.expected.push(row(code, what, left, right));
    }

    /// A difference, when there is one.
    pub(super) fn same<T: PartialEq + Display>(&mut self, code: &'static str, what: impl Display, left: T, right: T) {
        if left != right {
            self.differ(code, what, left, right);
        }
    }
}

fn row(code: &'static str, what: impl Display, left: impl Display, right: impl Display) -> Row {
    Row {
        code,
        what: what.to_string(),
        left: left.to_string(),
        right: right.to_string(),
    }
}

/// A text as the contract sees it: absent and empty are the same.
pub(in crate::registry) fn text<T: AsRef<str>>(value: &Option<T>) -> &str {
    value.as_ref().map_or("", AsRef::as_ref)
}
