/// Why a registry does not do what it is asked for, with the words that the real one uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Of the answer.
    pub status: u16,
    /// The Java class that clients see as `name`.
    pub name: &'static str,
    /// What clients see as `message` or `title`.
    pub message: String,
    /// The class and words of `detail`, where they are not those of the refusal itself.
    pub detail: Option<String>,
    /// Of a rule violation: description and context of each cause.
    pub causes: Option<Vec<(String, String)>>,
    /// Whether it left the storage as an error that nobody maps to a status, which health counts (reference: apicurio.md §1.9).
    pub from_storage: bool,
}

impl Refusal {
    pub fn new(status: u16, name: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            name,
            message: message.into(),
            detail: None,
            causes: None,
            from_storage: false,
        }
    }

    /// `detail` as clients see it.
    pub fn detail(&self) -> String {
        match &self.detail {
            Some(detail) => detail.clone(),
            None => format!("{}: {}", self.name, self.message),
        }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequestException", message)
    }

    pub fn not_readable() -> Self {
        Self::bad_request("Not able to deserialize data provided.")
    }

    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(409, "ConflictException", message)
    }

    pub fn not_allowed(status: u16, message: impl Into<String>) -> Self {
        Self::new(status, "NotAllowedException", message)
    }

    /// An SQL error of a storage, which no status is mapped to.
    pub fn storage(name: &'static str, message: impl Into<String>) -> Self {
        Self {
            from_storage: true,
            ..Self::new(500, name, message)
        }
    }

    pub fn read_only() -> Self {
        let message = "Unsupported write operation. Storage is in read-only mode.";
        Self::new(409, "ReadOnlyStorageException", message)
    }

    pub fn no_artifact(group: Option<&str>, artifact: &str) -> Self {
        // The default group's name is null in these words, on both versions.
        let group = group.unwrap_or("null");
        let message = format!("No artifact with ID '{artifact}' in group '{group}' was found.");
        Self::new(404, "ArtifactNotFoundException", message)
    }

    pub fn no_version(group: Option<&str>, artifact: &str, version: &str) -> Self {
        let group = group.unwrap_or("null");
        let message = format!("No version '{version}' found for artifact with ID '{artifact}' in group '{group}'.");
        Self::new(404, "VersionNotFoundException", message)
    }

    pub fn no_group(group: &str) -> Self {
        Self::new(404, "GroupNotFoundException", format!("No group '{group}' was found."))
    }

    pub fn no_rule(rule: &str) -> Self {
        Self::new(
            404,
            "RuleNotFoundException",
            format!("No rule named '{rule}' was found."),
        )
    }

    pub fn rule_exists(rule: &str) -> Self {
        Self::new(
            409,
            "RuleAlreadyExistsException",
            format!("A rule named '{rule}' already exists."),
        )
    }

    pub fn no_property(name: &str) -> Self {
        let message = format!("No configuration property named '{name}' was found.");
        Self::new(404, "ConfigPropertyNotFoundException", message)
    }
}
