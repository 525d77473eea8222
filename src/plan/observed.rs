//! What the engine holds of a project, as plain data: one snapshot, taken once.

use std::collections::BTreeMap;

use crate::name::{ContainerId, ImageId, NetworkId, ServiceName};

/// One snapshot of the engine: everything that carries the project's label, and what else the
/// plan has to know (images and external resources by the names the project gives them).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// Containers with the project's label, one-offs too, sorted by service, number and name.
    pub containers: Vec<Container>,
    /// Networks of the project by label, and those that bear a name it wants.
    pub networks: Vec<Network>,
    /// Volumes of the project by label, and those that bear a name it wants.
    pub volumes: Vec<Volume>,
    /// Images by the reference the project uses; absent where the engine has none.
    pub images: BTreeMap<String, Image>,
    /// The engine's API version, as (major, minor).
    pub api: (u32, u32),
    /// Whether it mounts images.
    pub mounts_images: bool,
}

/// A container of the project.
#[derive(Clone, Debug, PartialEq)]
pub struct Container {
    /// Its id.
    pub id: ContainerId,
    /// Its name, without the slash.
    pub name: String,
    /// The service it is a replica of, by its label.
    pub service: ServiceName,
    /// Its number, by its label; one-offs have none.
    pub number: Option<u32>,
    /// Made by `run`.
    pub one_off: bool,
    /// What it does.
    pub state: State,
    /// The exit code, where it ended (from the list's status text).
    pub exit_code: Option<i64>,
    /// Its health, where it has a healthcheck.
    pub health: Option<Health>,
    /// The image it was made from.
    pub image: ImageId,
    /// The image as whoever made it named it; its id once that name is another's.
    pub image_name: String,
    /// All its labels.
    pub labels: BTreeMap<String, String>,
    /// The network it was made with, or another mode (`host`).
    pub network_mode: String,
    /// The networks it is attached to.
    pub networks: Vec<Attachment>,
    /// Its mounts.
    pub mounts: Vec<ObservedMount>,
    /// When it was created: seconds since 1970.
    pub created: i64,
}

impl Container {
    /// Whether it is attached to a network; one that never ran may know it only by its name.
    pub fn is_on(&self, network: &Network) -> bool {
        let mut own = self.networks.iter();
        own.any(|one| one.id == network.id || (one.id.is_empty() && one.name == network.name))
    }
}

/// The engine's word for what a container does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Made and never started.
    #[default]
    Created,
    /// Runs.
    Running,
    /// Frozen.
    Paused,
    /// Between an exit and the engine's next try.
    Restarting,
    /// Being removed.
    Removing,
    /// Ended.
    Exited,
    /// Beyond use: a removal failed half way.
    Dead,
}

/// What a healthcheck says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// No verdict yet.
    Starting,
    /// Passes.
    Healthy,
    /// Fails.
    Unhealthy,
}

/// A container's place on one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The network's name.
    pub name: String,
    /// The network's id; empty for a container that never started on some engines.
    pub id: NetworkId,
}

/// One mount of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedMount {
    /// `bind`, `volume`, `tmpfs` …
    pub kind: String,
    /// The volume's name; empty for a bind.
    pub name: String,
    /// The path on the host.
    pub source: String,
    /// The path in the container.
    pub destination: String,
}

/// A network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its id.
    pub id: NetworkId,
    /// Its name.
    pub name: String,
    /// All its labels.
    pub labels: BTreeMap<String, String>,
}

/// A volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// All its labels.
    pub labels: BTreeMap<String, String>,
}

/// An image, as far as plans and gates ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// Its id.
    pub id: Option<ImageId>,
    /// Ports it declares, such as `5432/tcp`.
    pub exposed: Vec<String>,
    /// Paths it declares as volumes.
    pub volumes: Vec<String>,
    /// Its entrypoint.
    pub entrypoint: Vec<String>,
    /// Its command.
    pub command: Vec<String>,
    /// Its environment, as `KEY=value`.
    pub environment: Vec<String>,
    /// When it was last tagged here: seconds since 1970, for refresh policies.
    pub last_tagged: Option<i64>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}
