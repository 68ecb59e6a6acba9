//! Codes of rows. They are stable: plans accept by them.

/// A version is not on the right.
pub const VERSION_MISSING: &str = "version_missing";
/// A version is only on the right.
pub const VERSION_EXTRA: &str = "version_extra";
/// One globalId is two different versions.
pub const VERSION_ADDRESS: &str = "version_address";
/// `versionId` or `versionOrder`; the Confluent API's numbers follow it.
pub const VERSION_ORDER: &str = "version_order";
/// One version with two contentIds.
pub const VERSION_CONTENT: &str = "version_content";
/// State.
pub const VERSION_STATE: &str = "version_state";
/// Name.
pub const VERSION_NAME: &str = "version_name";
/// Description.
pub const VERSION_DESCRIPTION: &str = "version_description";
/// Owner.
pub const VERSION_OWNER: &str = "version_owner";
/// Time of creation, in milliseconds.
pub const VERSION_CREATED: &str = "version_created";
/// Labels and properties.
pub const VERSION_LABELS: &str = "version_labels";
/// Expected: somebody changed the version on the right later; what was changed has rows of its own when it matters.
pub const VERSION_MODIFIED: &str = "version_modified_later";

/// A content that a version uses is not on the right.
pub const CONTENT_MISSING: &str = "content_missing";
/// An export names a content and does not hold it.
pub const CONTENT_HOLE: &str = "content_hole";
/// Bytes.
pub const CONTENT_BYTES: &str = "content_bytes";
/// The hash that the registry stores.
pub const CONTENT_HASH: &str = "content_hash";
/// The stored hash is not that of the bytes and references.
pub const CONTENT_HASH_WRONG: &str = "content_hash_wrong";
/// References, in their order.
pub const CONTENT_REFERENCES: &str = "content_references";
/// Media type; only when both sides have one.
pub const CONTENT_TYPE: &str = "content_type";

/// An artifact is not on the right.
pub const ARTIFACT_MISSING: &str = "artifact_missing";
/// An artifact is only on the right.
pub const ARTIFACT_EXTRA: &str = "artifact_extra";
/// Type.
pub const ARTIFACT_TYPE: &str = "artifact_type";
/// Name.
pub const ARTIFACT_NAME: &str = "artifact_name";
/// Description.
pub const ARTIFACT_DESCRIPTION: &str = "artifact_description";
/// Labels.
pub const ARTIFACT_LABELS: &str = "artifact_labels";
/// Owner.
pub const ARTIFACT_OWNER: &str = "artifact_owner";
/// Expected: nobody owns it on the left, and an owner can be changed, never taken away.
pub const ARTIFACT_OWNER_STAYS: &str = "artifact_owner_stays";
/// Expected: an export of 2.6 does not say who owns an artifact, and its API was not asked; an import made it another one's.
pub const ARTIFACT_OWNER_UNKNOWN: &str = "artifact_owner_unknown";
/// Time of creation, in milliseconds.
pub const ARTIFACT_CREATED: &str = "artifact_created";

/// The version that is served as the latest.
pub const LATEST: &str = "latest";
/// The versions on the branch `latest`.
pub const LATEST_BRANCH: &str = "latest_branch";
/// Expected: version strings that 3.x cannot address are on no branch.
pub const LATEST_UNADDRESSABLE: &str = "latest_unaddressable";
/// A branch is not on the right.
pub const BRANCH_MISSING: &str = "branch_missing";
/// A branch is only on the right.
pub const BRANCH_EXTRA: &str = "branch_extra";
/// Expected: a branch is protected on one side only.
pub const BRANCH_SYSTEM: &str = "branch_system_defined";

/// A group is not on the right.
pub const GROUP_MISSING: &str = "group_missing";
/// A group is only on the right.
pub const GROUP_EXTRA: &str = "group_extra";
/// Expected: 3.x makes a row for a group that 2.6 has only through its artifacts.
pub const GROUP_IMPLICIT: &str = "group_implicit";
/// Description.
pub const GROUP_DESCRIPTION: &str = "group_description";
/// Owner.
pub const GROUP_OWNER: &str = "group_owner";
/// Time of creation, in milliseconds.
pub const GROUP_CREATED: &str = "group_created";
/// Type that its artifacts must have.
pub const GROUP_TYPE: &str = "group_type";
/// Labels.
pub const GROUP_LABELS: &str = "group_labels";
/// Expected: 3.x's importer drops a group's properties.
pub const GROUP_PROPERTIES: &str = "group_properties";

/// A rule is not on the right.
pub const RULE_MISSING: &str = "rule_missing";
/// A rule is only on the right.
pub const RULE_EXTRA: &str = "rule_extra";
/// A rule's configuration.
pub const RULE_CONFIGURATION: &str = "rule_configuration";

/// A comment is not on the right.
pub const COMMENT_MISSING: &str = "comment_missing";
/// A comment is only on the right.
pub const COMMENT_EXTRA: &str = "comment_extra";
/// Text.
pub const COMMENT_VALUE: &str = "comment_value";
/// Owner.
pub const COMMENT_OWNER: &str = "comment_owner";
/// Time of creation, in milliseconds.
pub const COMMENT_CREATED: &str = "comment_created";
/// Expected: 2.6 leaves a comment out of its export when its entry's name is that of another one.
pub const COMMENT_NOT_EXPORTED: &str = "comment_not_exported";

/// An export holds another number of artifacts than the API counts.
pub const COUNT_ARTIFACTS: &str = "count_artifacts";
/// An export holds another number of versions than the API counts.
pub const COUNT_VERSIONS: &str = "count_versions";

/// A replica holds something else than the first one of its side, or does not answer.
pub const REPLICA: &str = "replica";

/// Residue: a version that is not published; 2.6 has no drafts, it stays behind.
pub const RESIDUE_DRAFT: &str = "residue_draft";
/// Residue: a version that is SUNSET; it arrives as DEPRECATED.
pub const RESIDUE_SUNSET: &str = "residue_sunset";
/// Residue: an artifact of a type that 2.6 does not know; it stays behind.
pub const RESIDUE_TYPE: &str = "residue_type";
/// Residue: an artifact without versions, or without published ones.
pub const RESIDUE_EMPTY: &str = "residue_empty_artifact";
/// Residue: a branch that somebody made.
pub const RESIDUE_BRANCH: &str = "residue_branch";
/// Residue: a rule of a group.
pub const RESIDUE_GROUP_RULE: &str = "residue_group_rule";
/// Residue: a rule of a type that 2.6 does not know.
pub const RESIDUE_RULE: &str = "residue_rule";
/// Residue: a name, description or label of an artifact that none of its versions has.
pub const RESIDUE_ARTIFACT: &str = "residue_artifact_metadata";
