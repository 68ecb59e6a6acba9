use super::{codes, rows::Rows, rows::text};
use crate::registry::{Content, Snapshot, Version};

/// Versions and the contents they use.
pub(super) fn versions(left: &Snapshot, right: &Snapshot, rows: &mut Rows) {
    for (id, version) in left.own_versions() {
        rows.result.versions += 1;
        match right.versions.get(&id) {
            None => rows.differ(codes::VERSION_MISSING, version, format_args!("globalId {id}"), ""),
            Some(other) => {
                for row in version_differences(version, other) {
                    rows.differ(row.0, version, row.1, row.2);
                }
                modified(version, other, rows);
            }
        }
    }
    for (id, version) in right.own_versions() {
        let scratch = |other: &Version| other.artifact.group.is_scratch();
        if left.versions.get(&id).is_none_or(scratch) {
            rows.differ(codes::VERSION_EXTRA, version, "", format_args!("globalId {id}"));
        }
    }
}

/// All that must be equal of two versions with one globalId: code, left, right.
pub(in crate::registry) fn version_differences(left: &Version, right: &Version) -> Vec<(&'static str, String, String)> {
    let mut found = Vec::new();
    let mut note = |same: bool, code, left: &dyn std::fmt::Display, right: &dyn std::fmt::Display| {
        if !same {
            found.push((code, left.to_string(), right.to_string()));
        }
    };
    let address = left.artifact == right.artifact && left.version == right.version;
    note(address, codes::VERSION_ADDRESS, &left, &right);
    note(
        left.order == right.order,
        codes::VERSION_ORDER,
        &left.order,
        &right.order,
    );
    note(
        left.content_id == right.content_id,
        codes::VERSION_CONTENT,
        &left.content_id,
        &right.content_id,
    );
    note(
        left.state == right.state,
        codes::VERSION_STATE,
        &left.state,
        &right.state,
    );
    let mut texts = |code, left, right| note(left == right, code, &left, &right);
    texts(codes::VERSION_NAME, text(&left.name), text(&right.name));
    texts(
        codes::VERSION_DESCRIPTION,
        text(&left.description),
        text(&right.description),
    );
    texts(codes::VERSION_OWNER, text(&left.owner), text(&right.owner));
    note(
        left.created_on == right.created_on,
        codes::VERSION_CREATED,
        &left.created_on,
        &right.created_on,
    );
    note(
        left.labels.same(&right.labels),
        codes::VERSION_LABELS,
        &left.labels,
        &right.labels,
    );
    found
}

/// Right after an import a version's dates and people are those of its creation; between two 3.x they are the same.
fn modified(left: &Version, right: &Version, rows: &mut Rows) {
    let Some(right_on) = right.modified_on else { return };
    let left_on = left.modified_on.unwrap_or(right.created_on);
    let left_by = if left.modified_on.is_some() {
        text(&left.modified_by)
    } else {
        text(&right.owner)
    };
    if left_on != right_on {
        rows.expect(codes::VERSION_MODIFIED, left, left_on, right_on);
    } else if left_by != text(&right.modified_by) {
        rows.expect(codes::VERSION_MODIFIED, left, left_by, text(&right.modified_by));
    }
}

/// Contents that versions of the left side use, and the truth of the stored hashes on both sides.
pub(super) fn contents(left: &Snapshot, right: &Snapshot, rows: &mut Rows) {
    for (id, content) in left.used_contents() {
        rows.result.contents += 1;
        let what = format!("content {id}");
        wrong_hash(&what, content, rows, true);
        match right.contents.get(&id) {
            None => rows.differ(codes::CONTENT_MISSING, what, format_args!("{} bytes", content.size), ""),
            Some(other) => one_content(&what, content, other, rows),
        }
    }
    for (id, content) in right.used_contents() {
        wrong_hash(&format!("content {id}"), content, rows, false);
    }
    for (side, is_left) in [(left, true), (right, false)] {
        for (_, version) in side.own_versions() {
            if !side.contents.contains_key(&version.content_id) {
                let gone = format!("content {} is not in the export", version.content_id);
                let (l, r) = if is_left {
                    (gone.as_str(), "")
                } else {
                    ("", gone.as_str())
                };
                rows.differ(codes::CONTENT_HOLE, version, l, r);
            }
        }
    }
}

fn one_content(what: &str, left: &Content, right: &Content, rows: &mut Rows) {
    rows.same(codes::CONTENT_BYTES, what, left.sha256, right.sha256);
    rows.same(codes::CONTENT_HASH, what, &left.hash, &right.hash);
    rows.same(
        codes::CONTENT_REFERENCES,
        what,
        text(&left.references),
        text(&right.references),
    );
    if let (Some(left), Some(right)) = (&left.content_type, &right.content_type) {
        rows.same(codes::CONTENT_TYPE, what, left, right);
    }
}

fn wrong_hash(what: &str, content: &Content, rows: &mut Rows, is_left: bool) {
    if content.hash_is_right() {
        return;
    }
    let says = format!("stored {}, computed {}", content.hash, content.computed);
    let (left, right) = if is_left {
        (says.as_str(), "")
    } else {
        ("", says.as_str())
    };
    rows.differ(codes::CONTENT_HASH_WRONG, what, left, right);
}
