//! What clients of a 2.6 write, a twin keeps as the real one did.

use std::collections::BTreeMap;

use regplan::{
    registry::{RestFacts, Snapshot, Version, compare},
    rehearse::twin::TwinVersion::{V2_6_13, V3_3_3},
};

use super::{
    registry::Registry,
    rich::fill_with_rich_data,
    support::{empty, export, read, send_all, snapshot},
};

/// The calls that once made `v2-rich.zip` on a real 2.6.13 give the same versions, ids, names, labels, rules and comments.
/// The dates are others, and so are contentIds: that one was on PostgreSQL, while in memory each try of a create takes a
/// contentId, also when the content is there (the suite holds twins to that).
#[tokio::test]
async fn the_rich_data_set_is_the_same_when_it_is_written_by_clients() {
    let v2 = empty(V2_6_13).await;
    fill_with_rich_data(&mut Registry::at(v2.url().trim_start_matches("http://"))).await;
    let zip = export(&v2).await;
    let (real, ours) = (snapshot("v2-rich"), read(zip.clone()));
    let comparison = compare(&real, &ours, &RestFacts::default(), &[]);
    let other = |code: &str| code.ends_with("_created") || code.starts_with("content_") || code == "version_content";
    let rows = comparison.differences.iter().chain(&comparison.expected);
    let rows: Vec<String> = rows.filter(|row| !other(row.code)).map(ToString::to_string).collect();
    assert_eq!(rows, [""; 0]);
    let hashes = |of: &Snapshot| -> BTreeMap<u64, String> {
        let hash = |version: &Version| of.contents[&version.content_id].hash.to_string();
        of.versions.iter().map(|(id, version)| (*id, hash(version))).collect()
    };
    assert_eq!(hashes(&real), hashes(&ours));

    // And it moves on, in chunks, without a difference.
    let v3 = empty(V3_3_3).await;
    let source = read(zip.clone());
    let delta = regplan::registry::delta(&source, &read(export(&v3).await));
    send_all(&v3, &source, zip, &delta, 10).await;
    assert!(compare(&source, &read(export(&v3).await), &RestFacts::default(), &[]).is_equal());
    v2.stop().await;
    v3.stop().await;
}
