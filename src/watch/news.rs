//! What a watch has to tell, as data: the verb shows it.

use std::fmt;
use std::time::Duration;

use crate::diagnostic::Diagnostic;
use crate::name::ServiceName;

/// One thing to tell.
#[derive(Debug)]
pub enum News {
    /// A reaction.
    Line(Line),
    /// The image of a service is about to be rebuilt.
    Rebuilding(ServiceName),
    /// A line that a command said which a reaction ran.
    Said(ServiceName, String),
    /// Something about the watch itself.
    Note(Diagnostic),
    /// A batch is done with; for who looks closely.
    Batch {
        /// How many paths it had.
        paths: usize,
        /// How long it took, from its first change's arrival.
        took: Duration,
    },
}

/// What was done about a batch of changes.
#[derive(Debug)]
pub struct Line {
    /// The service.
    pub service: ServiceName,
    /// `views.py and 3 more`.
    pub changed: String,
    /// How many paths.
    pub paths: usize,
    /// What was done, in its order.
    pub did: Vec<Did>,
    /// How long it took, from the change's arrival.
    pub took: Duration,
    /// What went wrong after that.
    pub error: Option<anyhow::Error>,
}

/// One thing that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Did {
    /// The image was built, and the containers replaced.
    Rebuilt,
    /// Files were copied or removed, in so many containers.
    Synced(usize),
    /// Containers that lacked it got what was synced before: so many paths.
    CaughtUp(usize),
    /// The service was restarted; what runs in it, where that is why.
    Restarted(Option<String>),
    /// A command was run.
    Ran(String),
    /// A signal was sent.
    Sent(String),
    /// Files were touched in the container.
    Poked(usize),
    /// Nothing, for this reason.
    Left(String),
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rebuilt => f.write_str("rebuilt"),
            Self::Synced(1) => f.write_str("synced"),
            Self::Synced(n) => write!(f, "synced to {n} containers"),
            Self::CaughtUp(1) => f.write_str("synced 1 path"),
            Self::CaughtUp(n) => write!(f, "synced {n} paths"),
            Self::Restarted(None) => f.write_str("restarted"),
            Self::Restarted(Some(name)) => write!(f, "restarted `{name}`"),
            Self::Ran(program) => write!(f, "ran `{program}`"),
            Self::Sent(signal) => write!(f, "sent {signal}"),
            Self::Poked(1) => f.write_str("poked: its own watcher reloads"),
            Self::Poked(n) => write!(f, "poked {n} files: its own watcher reloads"),
            Self::Left(why) => f.write_str(why),
        }
    }
}

impl Line {
    /// `synced, restarted`.
    pub fn deeds(&self) -> String {
        let words: Vec<String> = self.did.iter().map(Did::to_string).collect();
        words.join(", ")
    }
}
