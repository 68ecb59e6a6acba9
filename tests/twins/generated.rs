//! What clients of a 2.6 write, a twin keeps as the real one did.

use regplan::{
    registry::{RestFacts, compare},
    rehearse::twin::TwinVersion::{V2_6_13, V3_3_3},
};

use super::{
    registry::Registry,
    rich::fill_with_rich_data,
    support::{empty, export, missing, read, send_all, snapshot},
};

/// The calls that once made `v2-rich.zip` on a real 2.6.13 give the same ids, contents, names, labels, rules and comments;
/// only the dates are others.
#[tokio::test]
async fn the_rich_data_set_is_the_same_when_it_is_written_by_clients() {
    let v2 = empty(V2_6_13).await;
    fill_with_rich_data(&mut Registry::at(v2.url().trim_start_matches("http://"))).await;
    let zip = export(&v2).await;
    let comparison = compare(&snapshot("v2-rich"), &read(zip.clone()), &RestFacts::default(), &[]);
    let rows = comparison.differences.iter().chain(&comparison.expected);
    let rows: Vec<String> = rows
        .filter(|row| !row.code.ends_with("_created"))
        .map(ToString::to_string)
        .collect();
    assert_eq!(rows, [""; 0]);

    // And it moves on, in chunks, without a difference.
    let v3 = empty(V3_3_3).await;
    let source = read(zip.clone());
    let delta = regplan::registry::delta(&source, &read(export(&v3).await));
    send_all(&v3, &source, zip, &delta, 10).await;
    assert!(compare(&source, &read(export(&v3).await), &RestFacts::default(), &[]).is_equal());
    assert!(missing("v2-rich", &read(export(&v3).await)).conflicts.is_empty());
    v2.stop().await;
    v3.stop().await;
}
