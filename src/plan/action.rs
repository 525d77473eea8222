//! What a step does: one engine call, or one gate.

use std::time::Duration;

use super::StepId;
use super::observed::Container;
use super::temporary::temporary_name;
use crate::gate::Gate;
use crate::name::{ContainerId, ServiceName};

/// A container that a step is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// One that the engine holds.
    Existing {
        /// Its id.
        id: ContainerId,
        /// Its name.
        name: String,
    },
    /// The one that an earlier step creates.
    Planned {
        /// The step.
        step: StepId,
        /// The name it will bear.
        name: String,
    },
}

/// One of a service's containers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// The service.
    pub service: ServiceName,
    /// Its number, from 1.
    pub number: u32,
    /// Its name: `project-service-1`, or `container_name`.
    pub name: String,
}

/// What a step does: one engine call, or one gate.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Pulls an image; services that share it share the step.
    Pull {
        /// The reference.
        image: String,
        /// Who uses it.
        services: Vec<ServiceName>,
    },
    /// Builds a service's image.
    Build {
        /// The service.
        service: ServiceName,
        /// The reference it is tagged with.
        image: String,
    },
    /// Creates the network of this key.
    CreateNetwork {
        /// Its key in the project.
        key: String,
        /// Its name.
        name: String,
    },
    /// Removes a network.
    RemoveNetwork {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
    },
    /// Attaches a container to a network of the project, with the service's aliases and addresses.
    Connect {
        /// The container.
        container: Target,
        /// The service, for its aliases and addresses.
        service: ServiceName,
        /// The network's key.
        network: String,
    },
    /// Detaches a container from a network.
    Disconnect {
        /// The container.
        container: Target,
        /// The network's name.
        network: String,
    },
    /// Creates the volume of this key.
    CreateVolume {
        /// Its key in the project.
        key: String,
        /// Its name.
        name: String,
    },
    /// Removes a volume.
    RemoveVolume {
        /// Its name.
        name: String,
    },
    /// Removes an image.
    RemoveImage {
        /// Its reference.
        image: String,
    },
    /// Creates a container (and attaches it to further networks, where the engine wants that apart).
    Create {
        /// Which replica it is.
        replica: Replica,
        /// The container it takes the place of: it bears a temporary name until that one is gone,
        /// and takes over its anonymous volumes.
        replaces: Option<ContainerId>,
    },
    /// Starts a container.
    Start {
        /// The container.
        container: Target,
        /// Its service.
        service: ServiceName,
    },
    /// Stops a container, with the grace given or its own.
    Stop {
        /// The container.
        container: Target,
        /// Its service.
        service: ServiceName,
        /// How long it may take; none for the container's own.
        grace: Option<Duration>,
    },
    /// Restarts a container in place.
    Restart {
        /// The container.
        container: Target,
        /// Its service.
        service: ServiceName,
        /// How long the stop may take; none for the container's own.
        grace: Option<Duration>,
    },
    /// Removes a container that does not run.
    Remove {
        /// The container.
        container: Target,
        /// Whether its anonymous volumes go with it.
        volumes: Volumes,
    },
    /// Gives a container its final name.
    Rename {
        /// The container.
        container: Target,
        /// The new name.
        to: String,
    },
    /// Sends a signal to a running container.
    Kill {
        /// The container.
        container: Target,
        /// The signal's name or number, as the engine takes it.
        signal: String,
    },
    /// Freezes a running container.
    Pause {
        /// The container.
        container: Target,
    },
    /// Thaws a paused container.
    Unpause {
        /// The container.
        container: Target,
    },
    /// Nothing by itself: every build and pull of the plan has succeeded when it is passed, and
    /// from here on containers that exist may be stopped.
    ImagesReady,
    /// Waits until a gate opens.
    Await(Gate),
    /// Runs one of a service's `pre_start` hooks, in a container of its own.
    PreStart {
        /// The service.
        service: ServiceName,
        /// Which of its hooks, from 0.
        index: usize,
        /// The container it takes volumes from.
        container: Target,
    },
    /// Runs one of a service's hooks in its container.
    Hook {
        /// The container.
        container: Target,
        /// The service.
        service: ServiceName,
        /// Which kind.
        kind: HookKind,
        /// Which of its hooks, from 0.
        index: usize,
    },
}

/// Whether a container's anonymous volumes are kept when it is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volumes {
    /// They stay.
    Keep,
    /// They go.
    Remove,
}

/// When a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookKind {
    /// After the container started.
    PostStart,
    /// Before it is stopped.
    PreStop,
}

impl Target {
    /// A container that the engine holds.
    pub fn of(container: &Container) -> Self {
        Self::Existing {
            id: container.id.clone(),
            name: container.name.clone(),
        }
    }

    /// The container's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Existing { name, .. } | Self::Planned { name, .. } => name,
        }
    }
}

impl Action {
    /// The service that it is about, where it is about one.
    pub fn service(&self) -> Option<&ServiceName> {
        match self {
            Self::Build { service, .. }
            | Self::Connect { service, .. }
            | Self::Start { service, .. }
            | Self::Stop { service, .. }
            | Self::Restart { service, .. }
            | Self::PreStart { service, .. }
            | Self::Hook { service, .. } => Some(service),
            Self::Create { replica, .. } => Some(&replica.service),
            Self::Await(gate) => Some(&gate.dependency),
            _ => None,
        }
    }

    /// The container that it is about, where it is about one that is there by then.
    pub fn container(&self) -> Option<&Target> {
        match self {
            Self::Connect { container, .. }
            | Self::Disconnect { container, .. }
            | Self::Start { container, .. }
            | Self::Stop { container, .. }
            | Self::Restart { container, .. }
            | Self::Remove { container, .. }
            | Self::Rename { container, .. }
            | Self::Kill { container, .. }
            | Self::Pause { container }
            | Self::Unpause { container }
            | Self::PreStart { container, .. }
            | Self::Hook { container, .. } => Some(container),
            _ => None,
        }
    }
}

impl Replica {
    /// The name it is created under: a temporary one, Compose's, while the container it takes the
    /// place of is still there.
    pub fn created_name(&self, replaces: Option<&ContainerId>) -> String {
        match replaces {
            Some(old) => temporary_name(old, &self.name),
            None => self.name.clone(),
        }
    }
}
