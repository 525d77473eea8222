//! What happens while a command runs, as data: `execute/` and `engine/` say it, `report/` shows it.

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
    /// An image, by reference; in building, the service's image.
    Image(String),
    /// A layer of an image that is pulled or pushed.
    Layer {
        /// The image's reference.
        image: String,
        /// The layer's short id.
        id: String,
    },
    /// A gate: what is waited for, and by whom.
    Gate(String),
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
