//! What real registries were seen to do with an import, twins do too, to the last row.

use regplan::rehearse::twin::TwinVersion::{V2_6_13, V3_3_3};

use super::support::{bytes, empty, export, import, missing, of, read, rows, send, snapshot};

const NOTHING: [String; 0] = [];

#[tokio::test]
async fn a_2_6_exports_what_it_was_loaded_with() {
    for name in ["v2-rich", "v2-rich-after", "v2-lossy", "v2-after-rollback"] {
        let twin = of(V2_6_13, name).await;
        assert_eq!(rows(&snapshot(name), &read(export(&twin).await)), NOTHING, "{name}");
        twin.stop().await;
    }
}

#[tokio::test]
async fn a_3_3_exports_what_it_was_loaded_with() {
    for name in ["v3-rich", "v3-rich-after", "v3-after-cutover", "v3-lossy"] {
        let twin = of(V3_3_3, name).await;
        assert_eq!(rows(&snapshot(name), &read(export(&twin).await)), NOTHING, "{name}");
        twin.stop().await;
    }
}

/// Names, order and fields of the entries, without those of the manifest.
#[tokio::test]
async fn exports_look_like_the_real_ones() {
    for (version, name) in [(V2_6_13, "v2-rich"), (V3_3_3, "v3-rich")] {
        let twin = of(version, name).await;
        let mut real = names(&bytes(name));
        let mut ours = names(&export(&twin).await);
        assert_eq!(kinds(&real), kinds(&ours), "{name}");
        real.sort();
        ours.sort();
        assert_eq!(real, ours, "{name}");
        twin.stop().await;
    }
}

/// The names in the directory at the end, but not the manifest's, which holds a time.
fn names(zip: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in zip.windows(4).enumerate().filter(|(_, four)| *four == b"PK\x01\x02") {
        let length = usize::from(u16::from_le_bytes([zip[at + 28], zip[at + 29]]));
        let name = String::from_utf8_lossy(&zip[at + 46..at + 46 + length]).into_owned();
        if !name.starts_with("manifest-") {
            names.push(name);
        }
    }
    names
}

/// The kinds in their order, each run once.
fn kinds(names: &[String]) -> Vec<String> {
    let kind = |name: &String| name.rsplit('.').nth(1).unwrap().to_owned();
    let mut kinds: Vec<String> = names.iter().map(kind).collect();
    kinds.dedup();
    kinds
}

#[tokio::test]
async fn the_rich_data_set_arrives_as_it_did_on_a_real_3_3() {
    for versions in [500, 7] {
        let twin = empty(V3_3_3).await;
        let sent = send(
            &twin,
            "v2-rich",
            &missing("v2-rich", &read(export(&twin).await)),
            versions,
        )
        .await;
        assert_eq!(sent, if versions == 7 { 10 } else { 1 });
        assert_eq!(rows(&snapshot("v3-rich"), &read(export(&twin).await)), NOTHING);
        twin.stop().await;
    }
}

#[tokio::test]
async fn the_export_of_a_2_6_arrives_whole_too() {
    let twin = empty(V3_3_3).await;
    assert_eq!(import(&twin, bytes("v2-rich")).await, 204);
    assert_eq!(rows(&snapshot("v3-rich"), &read(export(&twin).await)), NOTHING);
    twin.stop().await;
}

#[tokio::test]
async fn awkward_data_is_lost_as_it_was_on_a_real_3_3() {
    let twin = empty(V3_3_3).await;
    assert_eq!(import(&twin, bytes("v2-lossy")).await, 204);
    let left = read(export(&twin).await);
    assert_eq!(rows(&snapshot("v3-lossy"), &left), NOTHING);
    assert_eq!(left.counts().versions, 18);
    twin.stop().await;
}

#[tokio::test]
async fn a_delta_arrives_as_it_did_on_a_real_3_3() {
    let twin = of(V3_3_3, "v3-rich").await;
    for _twice in 0..2 {
        assert_eq!(import(&twin, bytes("v2-rich-delta")).await, 204);
        assert_eq!(rows(&snapshot("v3-rich-after"), &read(export(&twin).await)), NOTHING);
    }
    twin.stop().await;
}

#[tokio::test]
async fn the_way_back_arrives_as_it_did_on_a_real_2_6() {
    let twin = of(V2_6_13, "v2-rich-after").await;
    let back = missing("v3-after-cutover", &snapshot("v2-rich-after"));
    send(&twin, "v3-after-cutover", &back, 500).await;
    assert_eq!(
        rows(&snapshot("v2-after-rollback"), &read(export(&twin).await)),
        NOTHING
    );
    twin.stop().await;
}
