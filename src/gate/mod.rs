//! Readiness gates: which ones a dependency needs, and what an observation says about them. Pure.

use crate::diagnostic::Place;
use crate::name::ServiceName;

/// One thing that a dependent waits for before it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// The service that is waited for.
    pub dependency: ServiceName,
    /// What it has to show.
    pub condition: Condition,
    /// What happens when it does not.
    pub strength: Strength,
    /// Why there is a gate.
    pub because: Because,
}

/// What a dependency has to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Its containers run.
    Running,
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
    /// dco inferred it: a warning, and the dependent is started.
    Soft,
}

/// What makes an edge between two services, for `waits for db:5432 (DJANGO_DB_HOST, compose.yaml:14)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Because {
    /// `depends_on`, or the variable the edge was inferred from.
    pub what: String,
    /// Where it is written.
    pub place: Option<Place>,
}
