//! The suite `traffic`: the address answers reads, as 2.6's clients send them.

use super::session::Session;
use crate::system::apicurio::ContentBy;

/// Runs it.
pub(super) async fn run(session: &mut Session<'_>) {
    let version = session.api.version().await;
    let Some(version) = session.judge("system/info", version) else {
        return;
    };
    session.version = version.to_string();
    if version.is_v3() {
        let native = session.api.v3_version().await;
        if let Some(native) = session.judge("system/info of v3's API", native) {
            session.must(native == version.as_str(), || {
                format!("v3's API says version {native} and v2's API {version}: two servers answer")
            });
        }
    }
    let found = session.api.search().await;
    let Some((_, Some((group, artifact)))) = session.judge("search/artifacts", found) else {
        return;
    };
    let meta = session.api.meta(&group, &artifact).await;
    // An artifact whose versions are all disabled has none.
    let Some(Some(meta)) = session.judge("metadata of an artifact", meta) else {
        return;
    };
    let content = session.api.content(ContentBy::GlobalId(meta.global_id)).await;
    session.judge("a content by its globalId", content);
}
