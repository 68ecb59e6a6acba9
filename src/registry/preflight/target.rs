use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A release of the registry, by its three numbers.
pub(super) type Release = [u32; 3];

/// What the content shall be moved to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its version.
    pub version: TargetVersion,
    /// What it stores its data in; absent: not known, and findings that hold only on some storages are warnings.
    pub storage: Option<Storage>,
}

/// The releases that a version names: `3.3.3` one, `3.3` all of that line, `3` all of 3.x.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetVersion {
    text: Box<str>,
    low: Release,
    high: Release,
}

/// What a registry stores its data in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Storage {
    /// An SQL database, no matter which.
    Sql,
    /// H2, in memory or in a file.
    H2,
    /// PostgreSQL.
    Postgresql,
    /// MySQL or MariaDB.
    Mysql,
    /// Microsoft SQL Server.
    Mssql,
    /// Kafka topics, read into an embedded database.
    Kafkasql,
}

/// What is no version of a registry that content could be moved to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no version to move to: write 3.3.3, 3.3 or 2.6.13")]
pub struct NoTarget(String);

impl TargetVersion {
    /// Whether it is 2.x: the way back.
    pub fn is_v2(&self) -> bool {
        self.low[0] == 2
    }

    /// Whether one of its releases is `since` or later, and before `fixed`.
    pub(super) fn touches(&self, since: Release, fixed: Option<Release>) -> bool {
        self.high >= since && fixed.is_none_or(|fixed| self.low < fixed)
    }
}

impl fmt::Display for TargetVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for TargetVersion {
    type Err = NoTarget;

    /// From `3.3.3`, `2.6.13.Final`, `3.3.2-SNAPSHOT`, `3.3` or `3`.
    fn from_str(text: &str) -> Result<Self, NoTarget> {
        let refused = || NoTarget(text.chars().take(40).collect());
        let (mut low, mut high) = ([0; 3], [u32::MAX; 3]);
        let mut parts = text.split(['.', '-']);
        for (place, (from, to)) in low.iter_mut().zip(&mut high).enumerate() {
            match parts.next().map(str::parse) {
                Some(Ok(number)) => (*from, *to) = (number, number),
                None if place > 0 => break,
                Some(Err(_)) | None => return Err(refused()),
            }
        }
        match low {
            [2 | 3, ..] => Ok(Self {
                text: text.into(),
                low,
                high,
            }),
            _ => Err(refused()),
        }
    }
}

impl Storage {
    /// Every one, for `--help`.
    pub const ALL: [Self; 6] = [
        Self::Sql,
        Self::H2,
        Self::Postgresql,
        Self::Mysql,
        Self::Mssql,
        Self::Kafkasql,
    ];

    /// As plans and flags write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::H2 => "h2",
            Self::Postgresql => "postgresql",
            Self::Mysql => "mysql",
            Self::Mssql => "mssql",
            Self::Kafkasql => "kafkasql",
        }
    }
}

/// Whether something that holds on some storages holds on this one; `None`: it may.
pub(super) fn holds_on(only: &[Storage], storage: Option<Storage>) -> Option<bool> {
    let is_sql = |one: &Storage| *one != Storage::Kafkasql;
    match storage {
        None => None,
        Some(Storage::Sql) if only.iter().any(is_sql) => None,
        Some(storage) => Some(only.contains(&storage)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> TargetVersion {
        text.parse().unwrap()
    }

    #[test]
    fn a_line_of_releases_is_touched_by_what_touches_one_of_them() {
        for (text, since, fixed, touched) in [
            ("3.3.3", [3, 3, 0], None, true),
            ("3.0.9", [3, 1, 3], None, false),
            ("3.1", [3, 1, 3], None, true),
            ("3.0", [3, 0, 0], Some([3, 0, 7]), true),
            ("3.0.7", [3, 0, 0], Some([3, 0, 7]), false),
            ("3", [3, 3, 1], None, true),
            ("3.3.2-SNAPSHOT", [3, 3, 3], None, false),
        ] {
            assert_eq!(
                version(text).touches(since, fixed),
                touched,
                "{text} {since:?} {fixed:?}"
            );
        }
        assert!(version("2.6.13.Final").is_v2());
    }

    #[test]
    fn what_is_no_target_is_refused() {
        for text in ["", "x", "3.x", "1.3.2", "4.0.0", "3..1"] {
            assert!(text.parse::<TargetVersion>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_holds_on_some_storages_may_hold_where_the_storage_is_not_known() {
        assert_eq!(holds_on(&[Storage::Kafkasql], None), None);
        assert_eq!(holds_on(&[Storage::Kafkasql], Some(Storage::Sql)), Some(false));
        assert_eq!(holds_on(&[Storage::Mysql], Some(Storage::Sql)), None);
        assert_eq!(holds_on(&[Storage::Mysql], Some(Storage::Postgresql)), Some(false));
        assert_eq!(holds_on(&[Storage::Mysql], Some(Storage::Mysql)), Some(true));
    }
}
