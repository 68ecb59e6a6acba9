use std::collections::BTreeSet;

use super::Snapshot;

/// A character code that 2.6 adds to a number, by mistake.
const ADDED: u64 = 45;

impl Snapshot {
    /// Versions that may have a comment with the entry name of another one, which is then not in the export.
    ///
    /// 2.6 names a comment `<globalId + 45><commentId>`, as digits, so 55 with comment 12 and 956 with comment 2 are both
    /// `10012` (reference: apicurio.md §3.2). Comment ids are one counter for all, so an id that is in the export is not lost.
    pub fn comment_namesakes(&self) -> BTreeSet<u64> {
        let there: BTreeSet<&str> = self.comments.keys().map(|key| key.comment_id.as_ref()).collect();
        let mut versions = BTreeSet::new();
        for key in self.comments.keys() {
            let name = format!("{}{}", key.global_id + ADDED, key.comment_id);
            for (at, _) in name.char_indices().skip(1) {
                let (version, comment) = name.split_at(at);
                let version = version.parse::<u64>().ok().and_then(|id| id.checked_sub(ADDED));
                if let Some(id) = version.filter(|id| self.versions.contains_key(id))
                    && !comment.starts_with('0')
                    && !there.contains(comment)
                {
                    versions.insert(id);
                }
            }
        }
        versions
    }
}
