//! Images from one repository to another, without the engine.

use std::io;

use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::Method;
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH};
use serde_json::Value;

use super::{Ask, Manifest, Registry, Result};

impl Registry {
    /// Copies an image from another repository: every manifest below it, and every layer, which the
    /// same registry takes over without sending it.
    ///
    /// # Errors
    /// As [`Registry::push_blob`].
    pub async fn copy(&self, from: &Self, name: &str) -> Result<Manifest> {
        let manifest = from.manifest(name).await?;
        let document = manifest.document();
        let listed = |key: &str| document[key].as_array().cloned().unwrap_or_default();
        let digest = |descriptor: &Value| descriptor["digest"].as_str().map(str::to_owned);
        for child in listed("manifests").iter().filter_map(digest) {
            Box::pin(self.copy(from, &child)).await?;
        }
        let blobs = std::iter::once(document["config"].clone()).chain(listed("layers"));
        for blob in blobs.collect::<Vec<_>>().iter().filter_map(digest) {
            self.copy_blob(from, &blob).await?;
        }
        self.push_manifest(&manifest.digest, &manifest.kind, &manifest.bytes)
            .await?;
        Ok(manifest)
    }

    async fn copy_blob(&self, from: &Self, digest: &str) -> Result<()> {
        if self.has_blob(digest).await? {
            return Ok(());
        }
        let near = from.host() == self.host();
        let path = near.then_some(from.reference.path.as_str());
        let Some(url) = self.upload_of(digest, path).await? else {
            return Ok(());
        };
        let get = Ask::new(Method::GET, from.url(&format!("blobs/{digest}")).await?);
        let response = from.check(from.redirected(get).await?).await?;
        let length = response.headers().get(CONTENT_LENGTH).cloned();
        // Layers are large: what comes goes on.
        let body = response.into_body().map_err(io::Error::other);
        let mut put = Ask::new(Method::PUT, url);
        put.kind = Some("application/octet-stream".to_owned());
        let request = put
            .build()
            .map_err(|error| self.failed("is no host", error))?;
        let mut request = request.map(|_| UnsyncBoxBody::new(body));
        if let Some(length) = length {
            request.headers_mut().insert(CONTENT_LENGTH, length);
        }
        if let Some(grant) = self.granted() {
            request.headers_mut().insert(AUTHORIZATION, grant);
        }
        let answered = self.client.request(request).await;
        let answered = answered.map_err(|error| self.failed("cannot be reached", error))?;
        self.check(answered).await.map(drop)
    }
}
