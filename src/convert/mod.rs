//! Service → engine request bodies: what Docker Compose sends, from the typed model.
//!
//! Pure: every value from outside (ids of other containers, files, proxy settings, the engine's
//! API version) is passed in. Who calls: `plan` asks [`resolve`] for the service whose hash it
//! compares, `execute` asks for a body and hands it to `engine`.
//!
//! The facts are those of Docker Compose 2.40.3 (`pkg/compose/create.go`) and of the Docker Engine
//! API 1.41 to 1.53.

mod bake;
mod build;
mod files;
mod hook;
mod host;
mod labels;
mod mounts;
mod network;
mod platforms;
mod reference;
mod resources;
mod surroundings;

pub use bake::{Bake, Output, bake};
pub use build::{
    BuildOptions, BuildSurroundings, Builder, Cache, Dockerfile, ImageBuild, Pull, SecretSource,
    Source, image_build, is_remote,
};
pub use files::{Injected, archive, files};
pub use hook::pre_start;
pub use labels::{Stamp, image_volumes, label};
pub use mounts::{Carried, volume};
pub use network::{Connect, NetworkBody, endpoint, network};
pub use platforms::{Platforms, build_platforms};
pub use reference::{Peer, Peers, resolve};
pub use surroundings::{Surroundings, api_socket, proxy_variables};

use bollard::models::ContainerCreateBody;
use serde::Serialize;

use crate::diagnostic::Diagnostic;
use crate::name::{ContainerId, ImageId, ServiceName};
use crate::project::{Project, Service};

/// Everything that one container is made from.
#[derive(Clone, Copy)]
pub struct ContainerRequest<'a> {
    /// The project.
    pub project: &'a Project,
    /// The service's key.
    pub service_name: &'a ServiceName,
    /// The service, after [`resolve`].
    pub service: &'a Service,
    /// The container's final name.
    pub container_name: &'a str,
    /// A replica or a one-off.
    pub role: Role<'a>,
    /// The image as the engine holds it; none where it is not known.
    pub image: Option<Image<'a>>,
    /// The images that it mounts: see [`image_volumes`].
    pub image_volumes: Option<&'a str>,
    /// The container that this one takes the place of.
    pub replaces: Option<Replaced<'a>>,
    /// The containers that the project's services have by now.
    pub peers: &'a Peers,
    /// What the config-hash and version labels say.
    pub stamp: &'a Stamp,
    /// What is the same for every container of a command.
    pub surroundings: &'a Surroundings<'a>,
}

/// Which of a service's containers it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role<'a> {
    /// One of those that `up` keeps.
    Replica {
        /// Its number, from 1.
        number: u32,
    },
    /// Made by `run`.
    OneOff {
        /// 64 hex digits that no other container has.
        slug: &'a str,
        /// Whether the engine removes it when it ends (`--rm`).
        afterwards: Afterwards,
        /// Whether its standard input is attached (`-i`).
        stdin: Stdin,
        /// Whether it answers to the service's name (`--use-aliases`).
        aliases: Aliases,
    },
}

/// What becomes of a container that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    /// It stays.
    Keep,
    /// The engine removes it.
    Remove,
}

/// Whether a container's standard input is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdin {
    /// Nobody is there.
    Closed,
    /// Attached, and closed when the one who is attached leaves.
    Attached,
}

/// Which names a container has on its networks beside its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aliases {
    /// The service's name and its aliases.
    Service,
    /// None.
    Own,
}

/// What the engine knows of the image.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    /// Its id.
    pub id: &'a ImageId,
    /// The paths it declares as volumes.
    pub volumes: &'a [String],
}

/// The container that a new one takes the place of.
#[derive(Clone, Copy, Debug)]
pub struct Replaced<'a> {
    /// Its id.
    pub id: &'a ContainerId,
    /// Its anonymous volumes, which the new one takes over; none with `--renew-anon-volumes`.
    pub volumes: Option<&'a [Carried]>,
}

/// What is sent to the engine to make one container.
#[derive(Clone, Debug, PartialEq)]
pub struct NewContainer {
    /// The name it is created under: a temporary one while the one it replaces is still there.
    pub name: String,
    /// The platform, as `os/arch[/variant]`; none for the engine's own.
    pub platform: Option<String>,
    /// The body of the request.
    pub body: ContainerBody,
    /// The networks to connect it to after it is created and before it is started.
    pub connect: Vec<Connect>,
}

/// The body of a request to create a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ContainerBody {
    /// Config, HostConfig and NetworkingConfig.
    #[serde(flatten)]
    pub config: ContainerCreateBody,
    /// The container-wide hardware address of engines before API 1.44.
    #[serde(rename = "MacAddress", skip_serializing_if = "Option::is_none")]
    pub mac_address: Option<String>,
}

/// Converts a service into the request for one of its containers.
///
/// # Errors
/// What the model cannot rule out and the engine cannot do: an address, a mount or an option that
/// this engine's API does not have, a security profile that cannot be read.
pub fn container(request: &ContainerRequest<'_>) -> Result<NewContainer, Diagnostic> {
    let links = reference::links(request);
    let wiring = network::wire(request, &links)?;
    let mut config = host::config(request)?;
    config.host_config = Some(host::host_config(request, &wiring, links)?);
    config.networking_config = wiring.networking;
    Ok(NewContainer {
        name: created_name(request),
        platform: platform(request.project, request.service),
        body: ContainerBody {
            config,
            mac_address: wiring.mac_address,
        },
        connect: wiring.connect,
    })
}

/// The name of the image of a service: its own, or the one that its build is tagged with.
pub fn image_name(project: &Project, name: &ServiceName, service: &Service) -> String {
    match service.image.is_empty() {
        true => project.naming.join(&[&project.name, name]),
        false => service.image.clone(),
    }
}

/// The name a container is created under: Compose's temporary one where it replaces another.
fn created_name(request: &ContainerRequest<'_>) -> String {
    match request.replaces {
        Some(old) => format!(
            "{}_{}",
            old.id.get(..12).unwrap_or(old.id),
            request.container_name
        ),
        None => request.container_name.to_owned(),
    }
}

fn platform(project: &Project, service: &Service) -> Option<String> {
    let default = || project.environment.get("DOCKER_DEFAULT_PLATFORM").cloned();
    text(&service.platform)
        .or_else(default)
        .filter(|platform| !platform.is_empty())
}

/// A text that is sent only where it is not empty.
fn text(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

/// A list that is sent only where it is not empty.
fn list<T: Clone>(values: &[T]) -> Option<Vec<T>> {
    (!values.is_empty()).then(|| values.to_vec())
}

/// A map that is sent only where it is not empty.
fn map(values: &crate::project::Mapping) -> Option<std::collections::HashMap<String, String>> {
    (!values.is_empty()).then(|| values.clone().into_iter().collect())
}

#[cfg(test)]
mod tests;
