//! The suite `write_round_trip`: an artifact is created in the scratch group as 2.6's clients do it, read back by all its ids,
//! and removed.
//!
//! It takes a globalId and a contentId. So it belongs behind the import, which reserves the ids of the source: before that,
//! a version of the source would lose its id to it (`reference/apicurio.md` §0 row 21).

use super::session::Session;
use crate::{
    registry::SCRATCH_GROUP,
    system::{
        Act, Spool, SystemError,
        apicurio::{ArtifactId, ContentBy, Deletions, PublicArtifact, RegistryReader, RegistryWriter},
        causes, hash_bytes,
    },
};

/// Runs it.
pub(super) async fn run(session: &mut Session<'_>, world: &Act) {
    let artifact = format!("probe-{}", unique());
    // Content of its own, so that it gets an id of its own.
    let content = format!(r#"{{"type":"object","title":"{artifact}"}}"#);
    let created = session.api.create(SCRATCH_GROUP, &artifact, content.clone()).await;
    let lost = created.is_err();
    if let Some(created) = session.judge("create an artifact", created) {
        read_back(session, &created, &artifact, content.as_bytes()).await;
    }
    // Also when the answer was lost: it may be there.
    let removed = remove(session, &artifact, world).await;
    match removed {
        Ok(true) => session.must(true, String::new),
        Ok(false) if lost => {}
        Ok(false) => session.notes.push(format!(
            "{SCRATCH_GROUP}/{artifact} stays: this registry does not let clients delete; name `registry:` to have it removed"
        )),
        Err(error) if lost => session.notes.push(format!("{SCRATCH_GROUP}/{artifact} may be there: {}", causes(&error))),
        Err(error) => session.failures.push(format!("remove {SCRATCH_GROUP}/{artifact}: {}", causes(&error))),
    }
}

async fn read_back(session: &mut Session<'_>, created: &PublicArtifact, artifact: &str, content: &[u8]) {
    let hash = hash_bytes(content);
    for (what, by) in [
        ("globalId", ContentBy::GlobalId(created.global_id)),
        ("contentId", ContentBy::ContentId(created.content_id)),
        ("hash", ContentBy::Hash(hash.as_str())),
        (
            "group, artifact and version",
            ContentBy::Coordinates(SCRATCH_GROUP, artifact, &created.version),
        ),
    ] {
        let read = session.api.content(by).await;
        let read = session.judge(&format!("what was just written, by its {what}"), read);
        if read.is_some_and(|read| read != content) {
            session
                .failures
                .push(format!("what was just written has other bytes by its {what}"));
        }
    }
    let meta = session.api.meta(SCRATCH_GROUP, artifact).await;
    let meta = session.judge("its metadata", meta);
    session.must(meta.flatten().as_ref() == Some(created), || {
        "the metadata of what was just written are not those of the create".to_owned()
    });
}

/// `false`: it is still there, because this registry does not let clients delete and nobody was named who can allow it.
async fn remove(session: &Session<'_>, artifact: &str, world: &Act) -> Result<bool, SystemError> {
    if session.api.delete(SCRATCH_GROUP, artifact).await? {
        return session.api.delete_group(SCRATCH_GROUP).await;
    }
    match session.registry {
        Some(registry) => remove_as_admin(registry, artifact, world).await,
        None => Ok(false),
    }
}

async fn remove_as_admin(registry: RegistryReader<'_>, artifact: &str, world: &Act) -> Result<bool, SystemError> {
    let writer: RegistryWriter<'_> = world.registry_mut(registry.name())?;
    let version = registry.version().await?;
    let spool: &Spool = world.spool();
    let deletions = Deletions::begin(&writer, &version, spool).await?;
    let gone = async {
        deletions
            .artifact(&ArtifactId::new(Some(SCRATCH_GROUP), artifact))
            .await?;
        deletions.group(SCRATCH_GROUP).await
    };
    let gone = gone.await;
    deletions.end().await?;
    gone.map(|()| true)
}

/// Different for every call on every machine.
fn unique() -> String {
    let seed = format!(
        "{:?} {} {:?}",
        std::time::SystemTime::now(),
        std::process::id(),
        std::thread::current().id()
    );
    hash_bytes(seed.as_bytes()).as_str().chars().take(16).collect()
}
