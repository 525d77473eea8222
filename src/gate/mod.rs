//! Readiness gates: which ones a dependency needs, and what an observation says about them. Pure.
//!
//! | module | what lives there |
//! |---|---|
//! | [`edges`] | from a project to its edges, each with the gates that stand on it |
//! | `dependent` | one service's part of them |
//! | `mentions`, `directory` | where a service names another one, and which one a name means |
//! | `hosts` | where a text names a host: URLs, `name:port`, keyword lists |
//! | `waiters` | where a command waits by itself: `wait-for-it db:5432 -- …` |
//! | `idle` | commands that listen on no port: `sleep infinity`, a queue's worker |
//! | `nginx` | where a mounted nginx configuration names its upstreams |
//! | `table` | every rule of the inference that is data: keys, schemes, ports, exclusions |
//! | [`verdict`] | (gate, observations, now) → [`Verdict`] |
//! | [`settle`] | when `up -d` may return |
//! | [`checks`] | what is wrong with a service before anything is started |
//! | [`card`] | why a container failed: its card, and the rules |

use std::fmt;

use crate::diagnostic::Place;
use crate::name::ServiceName;
use crate::project::Duration;

pub mod card;
pub mod checks;
mod dependent;
mod directory;
pub mod edges;
mod hosts;
mod idle;
mod mentions;
mod nginx;
pub mod settle;
mod table;
mod target;
pub mod verdict;
mod waiters;
mod wishes;

pub use edges::{Edge, Edges, Origin, Reading, Waits, edges, edges_from};
pub use table::choose_exposed;
pub use target::Target;
pub use verdict::{Failure, Verdict};

/// One thing that a dependent waits for before it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// The service that is waited for.
    pub dependency: ServiceName,
    /// What it has to show.
    pub condition: Condition,
    /// What happens when it does not.
    pub strength: Strength,
    /// From where the ports have to be reachable.
    pub reach: Reach,
    /// The longest wait; none for what the condition brings along (a healthcheck's own retries),
    /// and for the default of a soft gate.
    pub limit: Option<Duration>,
    /// Why there is a gate.
    pub because: Because,
}

/// What a dependency has to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Its containers run.
    Running,
    /// Its containers run, or ended with 0.
    RunningOrDone,
    /// Its healthcheck passes.
    Healthy,
    /// It ended with 0.
    Completed,
    /// It listens on one of these ports.
    Listening(Vec<PortTarget>),
    /// It listens on any port that its image declares; known when the image is there.
    ListeningOnExposed,
    /// It answers an HTTP request with a status below 400.
    Http(String),
}

/// A port in a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortTarget {
    /// Its number.
    pub number: u16,
    /// TCP listens; UDP is bound.
    pub protocol: Protocol,
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// What happens when a gate does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// The file says so: the dependent is not started.
    Declared,
    /// The file says so with `required: false`: a warning, and the dependent is started.
    Optional,
    /// dco inferred it: a warning, and the dependent is started.
    Soft,
}

/// From where a dependency's ports have to be reachable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// From another container: a listener on the loopback interface does not count.
    #[default]
    Network,
    /// From inside its own network namespace, which the dependent shares: every listener counts.
    Namespace,
}

/// What makes an edge between two services, for `waits for db:5432 (DJANGO_DB_HOST, compose.yaml:14)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Because {
    /// `depends_on`, or the variable the edge was inferred from.
    pub what: String,
    /// Where it is written.
    pub place: Option<Place>,
}

impl PortTarget {
    /// A TCP port.
    pub const fn tcp(number: u16) -> Self {
        Self {
            number,
            protocol: Protocol::Tcp,
        }
    }

    /// A UDP port.
    pub const fn udp(number: u16) -> Self {
        Self {
            number,
            protocol: Protocol::Udp,
        }
    }

    /// Reads `5432`, `5432/tcp` or `8125/udp`; another protocol has no gate.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let number = number.trim().parse().ok().filter(|port| *port != 0)?;
        match protocol {
            "tcp" => Some(Self::tcp(number)),
            "udp" => Some(Self::udp(number)),
            _ => None,
        }
    }
}

/// `5432`, or `8125/udp`.
impl fmt::Display for PortTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            Protocol::Tcp => write!(f, "{}", self.number),
            Protocol::Udp => write!(f, "{}/udp", self.number),
        }
    }
}

/// `port 5432`, `healthy`, `http://api:8000/health`: what follows the dependency's name in a plan.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running => f.write_str("running"),
            Self::RunningOrDone => f.write_str("running or done"),
            Self::Healthy => f.write_str("healthy"),
            Self::Completed => f.write_str("completed"),
            Self::Listening(ports) => {
                f.write_str("port ")?;
                for (index, port) in ports.iter().enumerate() {
                    let between = if index > 0 { " or " } else { "" };
                    write!(f, "{between}{port}")?;
                }
                Ok(())
            }
            Self::ListeningOnExposed => f.write_str("port of its image"),
            Self::Http(url) => f.write_str(url),
        }
    }
}

/// `db port 5432`.
impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.dependency, self.condition)
    }
}

impl Gate {
    /// `db:5432`, `db to be healthy`: what a sentence says is waited for.
    pub fn target(&self) -> String {
        let name = &self.dependency;
        match &self.condition {
            Condition::Running | Condition::RunningOrDone => format!("{name} to run"),
            Condition::Healthy => format!("{name} to be healthy"),
            Condition::Completed => format!("{name} to complete"),
            Condition::Listening(ports) => {
                let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
                format!("{name}:{}", ports.join("|"))
            }
            Condition::ListeningOnExposed => format!("{name} to listen"),
            Condition::Http(url) => url.clone(),
        }
    }
}

/// `DJANGO_DB_HOST, compose.yaml:14`.
impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{}, {place}", self.what),
            None => f.write_str(&self.what),
        }
    }
}
