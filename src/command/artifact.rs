//! A compose project as a registry's artifact: the media types that `publish` writes and `oci://`
//! is told by, those of Docker Compose and of the OCI image specification.

/// A manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// An index of manifests.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The artifact type of a project.
pub const PROJECT: &str = "application/vnd.docker.compose.project";
/// The empty config of an artifact.
pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// The empty config that tells a project where manifests have no artifact type.
pub const EMPTY_PROJECT: &str = "application/vnd.docker.compose.config.empty.v1+json";
/// A layer that is a compose file.
pub const COMPOSE_FILE: &str = "application/vnd.docker.compose.file+yaml";
/// A layer that is an env file.
pub const ENV_FILE: &str = "application/vnd.docker.compose.envfile";
