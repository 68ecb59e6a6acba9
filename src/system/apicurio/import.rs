use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::TryStreamExt as _;
use reqwest::{Body, Response, Url};
use tokio::{fs::File, sync::Notify};
use tokio_util::io::ReaderStream;

use super::{
    super::{SystemError, causes, crash::crash_points_built_in, crash_point},
    RegistryWriter, ServerVersion,
    api::{Answer, Api, ONE, query, zip_headers},
    reader::core_url,
};

/// Bytes read from the file at a time.
const PIECE: usize = 256 << 10;
/// Between the last byte handed to the connection and the crash point behind it: on loopback it is sent by then.
const FLUSHED: Duration = Duration::from_millis(100);

impl RegistryWriter<'_> {
    /// Imports a ZIP into a registry that may hold something already, with all ids kept, and waits for the answer.
    ///
    /// The answer proves nothing: 204 comes also when entities were dropped (`reference/apicurio.md` §0 row 2). Whoever
    /// calls looks again.
    ///
    /// Crash points: `<point>.before`, `<point>.sent` (the registry has all of it and has not answered), `<point>.answered`.
    ///
    /// # Errors
    /// When it is refused, and when the answer is lost: the registry goes on to the end then (§2.3), so wait until it is
    /// quiet before anything else is sent.
    pub async fn import_zip(&self, version: &ServerVersion, file: &Path, point: &str) -> Result<(), SystemError> {
        let api = self.api()?;
        let url = core_url(api, version, &["admin", "import"])?;
        let url = query(url, &[("requireEmptyRegistry", "false")]);
        let (body, length, sent) = body(file).await?;
        let request = zip_headers(api.http.patient.post(url.clone()), length).body(body);
        let request = api.login(request).await?;
        crash_point(&format!("{point}.before"));
        let response = answer_to(request.send(), &sent, &format!("{point}.sent")).await;
        crash_point(&format!("{point}.answered"));
        match response {
            Ok(response) => judge(api, &url, response).await,
            Err(error) if error.is_connect() => Err(api.silent(error)),
            Err(error) => Err(api.unknown("POST", &url, &causes(&error.without_url()))),
        }
    }
}

/// The body, its length, and what is notified when its last byte was handed over.
async fn body(file: &Path) -> Result<(Body, u64, Arc<Notify>), SystemError> {
    let failed = |source| SystemError::File {
        verb: "read",
        path: file.to_owned(),
        source,
    };
    let open = File::open(file).await.map_err(failed)?;
    let length = open.metadata().await.map_err(failed)?.len();
    let sent = Arc::new(Notify::new());
    let (all, so_far) = (Arc::clone(&sent), AtomicU64::new(0));
    let stream = ReaderStream::with_capacity(open, PIECE).inspect_ok(move |piece| {
        let piece = piece.len() as u64;
        if so_far.fetch_add(piece, Ordering::Relaxed) + piece == length {
            all.notify_one();
        }
    });
    Ok((Body::wrap_stream(stream), length, sent))
}

/// Waits for the answer, past the point at which the registry has everything and has not answered.
async fn answer_to(
    request: impl Future<Output = reqwest::Result<Response>>,
    sent: &Notify,
    point: &str,
) -> reqwest::Result<Response> {
    tokio::pin!(request);
    tokio::select! {
        biased;
        () = sent.notified(), if crash_points_built_in() => {
            tokio::time::sleep(FLUSHED).await;
            crash_point(point);
            request.await
        }
        response = &mut request => response,
    }
}

async fn judge(api: &Api, url: &Url, response: Response) -> Result<(), SystemError> {
    let status = response.status();
    let body = api.read("POST", url, response, ONE).await;
    if status.is_success() {
        return Ok(());
    }
    let answer = Answer {
        status,
        body: body.unwrap_or_default(),
    };
    Err(api.status("POST", url, &answer))
}
