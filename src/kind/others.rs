/// Kinds of later versions: a plan may name them; `validate` warns, `plan` shows them, `apply` refuses before its first effect.
pub const KNOWN_LATER_KINDS: &[&str] = &[
    "kafka.coverage",
    "kafka.topic",
    "lb.bypass",
    "log.check",
    "metrics.baseline",
    "metrics.watch",
    "oidc.check",
    "postgres.backup",
    "postgres.database",
    "postgres.schema",
    "registry.preflight",
    "registry.settings",
    "tls.certificate",
];

/// Whether a later version has a kind of that name.
pub fn is_later_kind(name: &str) -> bool {
    KNOWN_LATER_KINDS.contains(&name)
}
