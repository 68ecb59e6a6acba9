//! Rows as they lie in an export.
