//! The `com.docker.compose.*` labels: the user's own come first, Compose's win.

use std::collections::HashMap;

use super::{ContainerRequest, Role};
use crate::name::ImageId;
use crate::project::{Condition, Mapping, MountType, Project, Service};

/// The names of the labels.
pub mod label {
    /// The project's name.
    pub const PROJECT: &str = "com.docker.compose.project";
    /// The service's key.
    pub const SERVICE: &str = "com.docker.compose.service";
    /// The version of Compose whose hash form is written.
    pub const VERSION: &str = "com.docker.compose.version";
    /// Where relative paths start from.
    pub const WORKING_DIR: &str = "com.docker.compose.project.working_dir";
    /// The compose files, separated by commas.
    pub const CONFIG_FILES: &str = "com.docker.compose.project.config_files";
    /// The files of `--env-file`, separated by commas.
    pub const ENVIRONMENT_FILE: &str = "com.docker.compose.project.environment_file";
    /// `True` for what `run` made.
    pub const ONE_OFF: &str = "com.docker.compose.oneoff";
    /// What tells the one-offs of a service apart.
    pub const SLUG: &str = "com.docker.compose.slug";
    /// The hash of the configuration.
    pub const CONFIG_HASH: &str = "com.docker.compose.config-hash";
    /// The replica's number.
    pub const NUMBER: &str = "com.docker.compose.container-number";
    /// The dependencies: `service:condition:restart`, separated by commas.
    pub const DEPENDS_ON: &str = "com.docker.compose.depends_on";
    /// The id of the image.
    pub const IMAGE: &str = "com.docker.compose.image";
    /// The ids of the images that are mounted, `target=id`, separated by commas.
    pub const IMAGE_VOLUMES: &str = "com.docker.compose.image-volume-digest";
    /// What a container took the place of.
    pub const REPLACE: &str = "com.docker.compose.replace";
    /// A network's key.
    pub const NETWORK: &str = "com.docker.compose.network";
    /// A volume's key.
    pub const VOLUME: &str = "com.docker.compose.volume";
}

/// What the hash and version labels of a container, network or volume say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// The config hash: 64 hex digits.
    pub hash: String,
    /// The Compose version whose form of the hash it is.
    pub version: String,
}

/// All labels of a container.
pub(super) fn container(request: &ContainerRequest<'_>) -> HashMap<String, String> {
    let (project, service) = (request.project, request.service);
    let mut labels: HashMap<String, String> = service.labels.clone().into_iter().collect();
    let mut set = |key: &str, value: String| labels.insert(key.to_owned(), value);
    set(label::PROJECT, project.name.clone());
    set(label::SERVICE, request.service_name.to_string());
    set(label::VERSION, request.stamp.version.clone());
    set(
        label::WORKING_DIR,
        project.working_dir.display().to_string(),
    );
    set(label::CONFIG_FILES, project.compose_files.join(","));
    if !project.env_files.is_empty() {
        set(label::ENVIRONMENT_FILE, project.env_files.join(","));
    }
    set(label::CONFIG_HASH, request.stamp.hash.clone());
    set(label::DEPENDS_ON, dependencies(project, service));
    if let Some(image) = request.image {
        set(label::IMAGE, image.id.to_string());
    }
    if let Some(digests) = request.image_volumes {
        set(label::IMAGE_VOLUMES, digests.to_owned());
    }
    match request.role {
        Role::Replica { number } => {
            set(label::ONE_OFF, "False".into());
            set(label::NUMBER, number.to_string());
            if request.replaces.is_some() {
                set(label::REPLACE, replaced(request, number));
            }
        }
        Role::OneOff { slug, .. } => {
            set(label::ONE_OFF, "True".into());
            set(label::SLUG, slug.to_owned());
        }
    }
    labels
}

/// Which images a service's containers mount, as their label tells it; none without any. `id` knows
/// the ids of images.
pub fn image_volumes(service: &Service, id: impl Fn(&str) -> Option<ImageId>) -> Option<String> {
    let mounts = service.volumes.iter();
    let mounts = mounts.filter(|mount| mount.r#type == MountType::Image);
    let mut digests: Vec<String> = mounts
        .filter_map(|mount| Some(format!("{}={}", mount.target, id(&mount.source)?)))
        .collect();
    digests.sort();
    (!digests.is_empty()).then(|| digests.join(","))
}

/// Those that are on: an optional one whose profile is off is none.
fn dependencies(project: &Project, service: &Service) -> String {
    let entries: Vec<String> = service
        .depends_on
        .iter()
        .filter(|(name, _)| project.services.contains_key(*name))
        .map(|(name, dependency)| {
            let condition = match dependency.condition {
                Condition::Started => "service_started",
                Condition::Healthy => "service_healthy",
                Condition::CompletedSuccessfully => "service_completed_successfully",
            };
            format!("{name}:{condition}:{}", dependency.restart)
        })
        .collect();
    entries.join(",")
}

fn replaced(request: &ContainerRequest<'_>, number: u32) -> String {
    match request.service.container_name.is_empty() {
        true => {
            let number = number.to_string();
            request
                .project
                .naming
                .join(&[request.service_name, &number])
        }
        false => request.service.container_name.clone(),
    }
}

/// All labels of a network or volume; `key` is [`label::NETWORK`] or [`label::VOLUME`].
pub(super) fn resource(
    own: &Mapping,
    project: &Project,
    key: (&str, &str),
    stamp: &Stamp,
) -> HashMap<String, String> {
    let mut labels: HashMap<String, String> = own.clone().into_iter().collect();
    for (name, value) in [
        key,
        (label::PROJECT, &project.name),
        (label::VERSION, &stamp.version),
        (label::CONFIG_HASH, &stamp.hash),
    ] {
        labels.insert(name.to_owned(), value.to_owned());
    }
    labels
}
