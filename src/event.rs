//! What happens while a command runs, as data: `execute/` and `engine/` say it, `report/` shows it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::Diagnostic;
use crate::name::ServiceName;

/// A resource that a progress line is about, shown as Compose names it: `Container app-db-1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// A container, by name.
    Container(String),
    /// A network, by name.
    Network(String),
    /// A volume, by name.
    Volume(String),
    /// An image, by reference, where no service is spoken of: one that is removed, say.
    Image(String),
    /// A service whose image is pulled, built or pushed: Compose names the service then. Of
    /// services that share an image, each has its own events (`Pulled`).
    Service {
        /// The service.
        name: ServiceName,
        /// The image's reference; the layers below it bear the same one.
        image: String,
    },
    /// A layer of an image that is pulled or pushed.
    Layer {
        /// The image's reference.
        image: String,
        /// The layer's short id.
        id: String,
    },
    /// A project's files in a registry, by their reference there.
    Artifact(String),
    /// A model, by its name in the file.
    Model(String),
    /// A gate: what is waited for, and by whom.
    Gate(String),
}

/// Compose's name for it: `Container app-db-1`; a service, a layer and a model go by their own names.
impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container(name) => write!(f, "Container {name}"),
            Self::Network(name) => write!(f, "Network {name}"),
            Self::Volume(name) => write!(f, "Volume {name}"),
            Self::Image(name) => write!(f, "Image {name}"),
            Self::Service { name, .. } => write!(f, "{name}"),
            Self::Layer { id, .. } => write!(f, "{id}"),
            Self::Model(name) | Self::Artifact(name) => write!(f, "{name}"),
            Self::Gate(what) => write!(f, "Gate {what}"),
        }
    }
}

/// Where a resource stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Under way.
    Working,
    /// Finished.
    Done,
    /// Finished, with something to look at.
    Warning,
    /// Failed.
    Error,
}

/// How far a transfer is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Bytes so far.
    pub current: u64,
    /// Bytes in all; 0 where unknown.
    pub total: u64,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A resource's state changed; `text` is Compose's word (`Starting`, `Started`).
    Progress {
        /// Which resource.
        resource: Resource,
        /// Where it stands.
        status: Status,
        /// Compose's word for it.
        text: String,
        /// What follows the word: an error's text, a reason.
        details: String,
        /// Bytes, for layers.
        transfer: Option<Transfer>,
    },
    /// A line of a build's output.
    BuildOutput {
        /// The service that is built.
        service: ServiceName,
        /// One line, without its newline.
        line: String,
    },
    /// What BuildKit says of a build, as a line of JSON.
    BuildStatus(String),
    /// A line of the output of a hook that runs in a container of its own.
    HookOutput {
        /// The service whose hook it is.
        service: ServiceName,
        /// One line, the hook's name before it, without its newline.
        line: String,
    },
    /// A line that a hook said inside a container; only who shows that container's log shows it.
    HookSaid {
        /// The container's name.
        container: String,
        /// One line, without its newline.
        line: String,
    },
    /// A line worth knowing, shown dim and once.
    Note(String),
    /// A warning, error or note with its place.
    Diagnostic(Diagnostic),
    /// A gate still waits after a while.
    StillWaiting {
        /// Who waits.
        dependent: ServiceName,
        /// For what.
        target: String,
        /// How long so far.
        elapsed: Duration,
    },
}

/// Where events go: cheap to clone, never blocks.
#[derive(Clone)]
pub struct Events(Arc<dyn Fn(Event) + Send + Sync>);

impl Events {
    /// Sends every event to `sink`, on the thread that says it.
    pub fn new(sink: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }

    /// Says that something happened.
    pub fn emit(&self, event: Event) {
        (self.0)(event);
    }
}
