use futures_util::StreamExt as _;
use reqwest::header;

use super::{
    super::{Spool, Spooled, SystemError},
    RegistryReader,
    api::repeated,
    reader::core_url,
};

/// More than any export that this program is made for: 100,000 versions are 146 MB (`reference/apicurio.md` §11.7 f); bytes.
const EXPORT_LIMIT: u64 = 8 << 30;

impl RegistryReader<'_> {
    /// Streams a whole export into the spool, hashed while it is written.
    ///
    /// It is not read here: a registry that fails on an entity still answers 200 (§1.3), and a cut stream shows only as a
    /// ZIP without its end. `registry::read_export` reads it to its end with all checksums.
    ///
    /// Asked for again when nobody answered to the end or a gateway did: it changes nothing.
    ///
    /// # Errors
    /// When nobody answers, the answer is no ZIP or too long, or the disk does not take it.
    pub async fn export(&self, spool: &Spool) -> Result<Spooled, SystemError> {
        repeated(|| self.export_once(spool)).await
    }

    async fn export_once(&self, spool: &Spool) -> Result<Spooled, SystemError> {
        let api = self.main()?;
        let version = self.version().await?;
        let url = core_url(api, &version, &["admin", "export"])?;
        // Any other `Accept`, and `forBrowser`, make it write a row and answer with a link.
        let request = api
            .http
            .quick
            .get(url.clone())
            .header(header::ACCEPT, "application/zip");
        let response = api.sent(request).await?;
        if !response.status().is_success() {
            let status = response.status();
            let body = api.read("GET", &url, response, super::api::ONE).await?;
            return Err(api.status("GET", &url, &super::api::Answer { status, body }));
        }
        let kind = response.headers().get(header::CONTENT_TYPE).cloned();
        if !kind
            .as_ref()
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/zip"))
        {
            return Err(api.unusable("GET", &url, format!("it is {kind:?} instead of application/zip")));
        }
        let mut writer = spool.begin()?;
        let mut body = response.bytes_stream();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| api.silent(error))?;
            writer.write(&chunk)?;
            if writer.bytes() > EXPORT_LIMIT {
                return Err(api.unusable("GET", &url, format!("it is longer than {EXPORT_LIMIT} bytes")));
            }
        }
        // The sync of a large file takes long enough to be in the way of everything else.
        tokio::task::spawn_blocking(move || writer.finish())
            .await
            .map_err(|error| api.unusable("GET", &url, error.to_string()))?
    }
}
