//! Desired and observed state go in, a [`Plan`] comes out. Pure: decides everything, does nothing.
//!
//! Every step is one engine call or one gate, with its cause and the steps it comes after. What
//! cannot be known yet (the id of an image that is still to be built, say) is a condition on an
//! earlier step's result, written in the plan as data: [`When`].

pub mod observed;

pub use observed::Observed;

use std::fmt;

use crate::diagnostic::Place;
use crate::gate::{Because, Gate};
use crate::name::{ContainerId, ImageId, ServiceName};
use crate::project::Duration;

/// The steps of one command, in an order in which each comes after those it waits for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The steps; `StepId(n)` is `steps[n - 1]`.
    pub steps: Vec<Step>,
}

/// The number of a step, from 1, as the plan prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepId(pub u32);

/// One engine call or one gate.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its number.
    pub id: StepId,
    /// What it does.
    pub action: Action,
    /// Why.
    pub cause: Cause,
    /// The steps that have to be done before; sorted.
    pub after: Vec<StepId>,
    /// Whether it is done at all.
    pub when: When,
}

/// A condition that is known only when earlier steps are done.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum When {
    /// Always.
    #[default]
    Always,
    /// Only if the build or pull of `step` left another image than `was` under the reference.
    ImageChanged {
        /// The build or pull.
        step: StepId,
        /// The image the container was made from.
        was: ImageId,
    },
    /// Only if that step was done (it had a condition itself).
    Done(StepId),
    /// Only if that step's own condition was not met.
    NotDone(StepId),
    /// Only if one of these steps failed: the way back, or another way to the same end.
    Failed(Vec<StepId>),
}

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

/// Why a step is in the plan.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// It is not there.
    Missing,
    /// It is there and does not run.
    NotRunning,
    /// The command asked for it.
    Requested,
    /// `--force-recreate` or `-V`.
    Forced,
    /// The configuration is another; the fields that differ, where they are known.
    ConfigChanged(Vec<FieldChange>),
    /// The configuration is another, and which fields is not known; the tool that made it.
    ConfigChangedUnknown {
        /// `Compose 2.40.3`.
        made_by: String,
    },
    /// The image is another.
    ImageChanged,
    /// What the image is built from changed.
    BuildInputChanged {
        /// The file that did it, or `args`, `target`, `Dockerfile`.
        input: String,
    },
    /// The image policy asks for it (`always`, `build`, a refresh that is due).
    Policy(String),
    /// A network it has to be on is missing from it.
    NetworkMissing(String),
    /// A volume it has to mount is missing from it.
    MountMissing(String),
    /// A network or volume it uses is rebuilt.
    ResourceRebuilt(String),
    /// A service it shares a namespace or volumes with is replaced, or `restart: true` says so.
    Cascade(ServiceName),
    /// There are more replicas than wanted.
    ScaledDown,
    /// Its service is not in the file any more.
    Orphan,
    /// An interrupted command left it.
    Leftover,
    /// Another container takes its place.
    Replaced,
    /// An earlier step failed: this is the way back.
    Rollback,
    /// The service says so: a hook.
    Hook,
    /// A gate: why the dependent waits.
    Edge(Because),
}

/// One field of a service that is not what the container was made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChange {
    /// `environment.DEBUG`.
    pub field: String,
    /// What it was, masked where it looks secret; none where it was absent.
    pub old: Option<String>,
    /// What it is, masked where it looks secret; none where it is absent.
    pub new: Option<String>,
    /// Where the new one is written.
    pub place: Option<Place>,
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl Target {
    /// The container's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Existing { name, .. } | Self::Planned { name, .. } => name,
        }
    }
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}
