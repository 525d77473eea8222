//! Images: one method per call of the engine's API. What travels to and from a registry comes back
//! as a stream of messages.

use bollard::models::{
    ImageDeleteResponseItem, ImageHistoryResponseItem, ImageInspect, ImageSummary,
};
use bollard::query_parameters as query;
use hyper::Method;
use serde::Deserialize;

use super::Engine;
use super::error::Result;
use super::filters::{Filters, filters};
use super::podman;
use super::streams::{Message, Messages};
use super::transport::Call;

/// One message of a pull, a push or a build of the classic builder.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// A layer's short id, or the tag that is pulled.
    pub id: Option<String>,
    /// What happens to it: `Downloading`, `Pull complete` …
    pub status: Option<String>,
    /// How far it is.
    #[serde(rename = "progressDetail")]
    pub transfer: Option<ProgressTransfer>,
    /// A piece of a build's output.
    pub stream: Option<String>,
    /// What went wrong, which ends the stream.
    pub error: Option<String>,
    /// The same with its exit code.
    #[serde(rename = "errorDetail")]
    pub error_detail: Option<ProgressError>,
    /// What a finished push or build says of its result, or a piece of BuildKit's own protocol.
    pub aux: Option<serde_json::Value>,
}

impl Message for Progress {
    fn failure(&self) -> Option<&str> {
        let detail = self.error_detail.as_ref();
        let detail = detail.and_then(|detail| detail.message.as_deref());
        detail.or(self.error.as_deref())
    }
}

/// Bytes of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ProgressTransfer {
    /// Bytes so far.
    pub current: Option<i64>,
    /// Bytes in all.
    pub total: Option<i64>,
}

/// An error with the exit code of the build's step, where one failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ProgressError {
    /// The exit code.
    pub code: Option<i64>,
    /// The text.
    pub message: Option<String>,
}

/// `repository`, `tag` of a reference; a port is no tag, and a digest none either.
pub(super) fn split_tag(reference: &str) -> (&str, Option<&str>) {
    match reference.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') && !reference.contains('@') => {
            (repository, Some(tag))
        }
        _ => (reference, None),
    }
}

/// Calls about images. Each takes a reference or an id and gives the engine's own errors.
impl Engine {
    /// Lists images.
    pub async fn list_images(&self, by: &Filters) -> Result<Vec<ImageSummary>> {
        let options = query::ListImagesOptionsBuilder::default().filters(&filters(by));
        let options = options.build();
        podman::again(async || Ok(self.docker.list_images(Some(options.clone())).await?)).await
    }

    /// Everything about one image.
    pub async fn inspect_image(&self, reference: &str) -> Result<ImageInspect> {
        Ok(self.docker.inspect_image(reference).await?)
    }

    /// The layers of an image.
    pub async fn image_history(&self, reference: &str) -> Result<Vec<ImageHistoryResponseItem>> {
        let call = Call::get(format!("/images/{reference}/history"));
        self.transport.json(call).await
    }

    /// Gives an image a further name.
    pub async fn tag_image(&self, reference: &str, to: &str) -> Result<()> {
        let (repository, tag) = split_tag(to);
        let call = Call::post(format!("/images/{reference}/tag"))
            .query("repo", repository)
            .query_if("tag", tag);
        self.transport.done(call).await
    }

    /// Removes an image's name, and the image with its last name.
    pub async fn remove_image(&self, reference: &str) -> Result<Vec<ImageDeleteResponseItem>> {
        let options = None::<query::RemoveImageOptions>;
        Ok(self.docker.remove_image(reference, options, None).await?)
    }

    /// Pulls an image, as whoever is logged in to its registry. A message with an error ends the
    /// stream as [`super::Error::Failed`].
    pub async fn pull_image(
        &self,
        reference: &str,
        platform: Option<&str>,
    ) -> Result<Messages<Progress>> {
        // With a tag or a digest in `fromImage` the engine pulls just that; without either it would
        // pull every tag of the repository.
        let tag = match split_tag(reference).1.is_some() || reference.contains('@') {
            true => None,
            false => Some("latest"),
        };
        let call = Call::post("/images/create")
            .query("fromImage", reference)
            .query_if("tag", tag)
            .query_if("platform", platform)
            .credentials(self.logins.header(reference).await.as_deref());
        self.messages(call).await
    }

    /// Pushes an image; as [`Engine::pull_image`].
    pub async fn push_image(&self, reference: &str) -> Result<Messages<Progress>> {
        let (repository, tag) = split_tag(reference);
        // The engine refuses a push without the header, even where nobody is logged in.
        let auth = self.logins.header(reference).await;
        let call = Call::post(format!("/images/{repository}/push"))
            .query("tag", tag.unwrap_or("latest"))
            .credentials(Some(auth.as_deref().unwrap_or("e30=")));
        self.messages(call).await
    }

    /// What a registry says of an image, without pulling it.
    pub async fn inspect_registry(
        &self,
        reference: &str,
    ) -> Result<bollard::models::DistributionInspect> {
        let call = Call::new(Method::GET, format!("/distribution/{reference}/json"));
        let auth = self.logins.header(reference).await;
        self.transport.json(call.credentials(auth.as_deref())).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_and_a_digest_are_no_tags() {
        assert_eq!(split_tag("app"), ("app", None));
        assert_eq!(split_tag("app:1"), ("app", Some("1")));
        assert_eq!(
            split_tag("localhost:5000/app"),
            ("localhost:5000/app", None)
        );
        assert_eq!(
            split_tag("localhost:5000/app:1"),
            ("localhost:5000/app", Some("1"))
        );
        assert_eq!(split_tag("app@sha256:ab"), ("app@sha256:ab", None));
    }
}
