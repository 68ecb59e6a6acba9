use std::collections::BTreeMap;

use super::{ArtifactKey, Delta, Snapshot};

/// Lines of a list of moves: more than a screen of them nobody reads, and all of it must fit a record (64 KiB).
const MOST: usize = 40;

/// Characters of a line: an id may have 512.
const LINE: usize = 120;

/// What a delta sends, artifact by artifact, group by group: `payments/orders: 3 of 5 versions`. At most forty lines, the
/// artifacts with the most versions first; the last line counts the rest, so that the numbers add up.
pub fn moves(source: &Snapshot, delta: &Delta) -> Vec<String> {
    let (mut sent, mut all) = (
        BTreeMap::<&ArtifactKey, usize>::new(),
        BTreeMap::<&ArtifactKey, usize>::new(),
    );
    for (id, version) in source.own_versions() {
        *all.entry(&version.artifact).or_default() += 1;
        if delta.versions.contains(&id) {
            *sent.entry(&version.artifact).or_default() += 1;
        }
    }
    let mut by_size: Vec<(&ArtifactKey, usize)> = sent.into_iter().collect();
    by_size.sort_by_key(|(key, versions)| (std::cmp::Reverse(*versions), *key));
    let rest = by_size.split_off(by_size.len().min(MOST - 1));
    by_size.sort_by_key(|(key, _)| *key);
    let line = |(key, versions): (&ArtifactKey, usize)| {
        let of = all.get(key).copied().unwrap_or_default();
        let how = match delta.recreate.contains(key) {
            true => ", brought again whole",
            false if versions == of => ", new",
            false => "",
        };
        short(&format!("{key}: {versions} of {of} versions{how}"))
    };
    let mut lines: Vec<String> = by_size.into_iter().map(line).collect();
    if !rest.is_empty() {
        let versions: usize = rest.iter().map(|(_, versions)| versions).sum();
        lines.push(format!("{} more artifacts: {versions} versions", rest.len()));
    }
    lines
}

fn short(text: &str) -> String {
    if text.chars().count() <= LINE {
        return text.to_owned();
    }
    // What is counted stands at the end.
    let end: String = text
        .chars()
        .rev()
        .take(LINE / 2)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect();
    let start: String = text.chars().take(LINE / 2 - 1).collect();
    format!("{start}…{end}")
}
