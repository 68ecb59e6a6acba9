use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a name; whether it is well-formed is decided where it is read.
            pub fn new(name: impl Into<String>) -> Self {
                Self(name.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.to_owned())
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// Names a step, unique in its plan: `[a-z][a-z0-9_]*`.
    StepId
);
name!(
    /// Names a phase, unique in its plan: `[a-z][a-z0-9_]*`.
    PhaseId
);
name!(
    /// Names a system of the plan (`v2`, `lb`).
    SystemName
);
name!(
    /// Names a backend of a load balancer (`v2`, `v3`).
    BackendName
);
name!(
    /// Addresses a state outside: `lb/route`, `v3/content`, `file:backups/v2.zip`.
    ResourceKey
);
name!(
    /// Names one run of a plan in an environment; random, made at the first apply.
    RunId
);
name!(
    /// A lower-case hex SHA-256.
    Digest
);

impl ResourceKey {
    /// The key of a part of a system: `lb/route`.
    pub fn of(system: &SystemName, part: &str) -> Self {
        Self(format!("{system}/{part}"))
    }

    /// The key of a file, by its path as the plan says it.
    pub fn file(path: &str) -> Self {
        Self(format!("file:{path}"))
    }
}

/// The SHA-256 of a value's JSON, whose objects are sorted by key (serde_json without `preserve_order`).
pub fn digest_of(value: &serde_json::Value) -> Digest {
    let hash = Sha256::digest(value.to_string().as_bytes());
    let mut hex = String::with_capacity(64);
    for byte in hash {
        use fmt::Write as _;
        // Writing to a String cannot fail.
        let _infallible = write!(hex, "{byte:02x}");
    }
    Digest(hex)
}
