//! What a plan is made from: the desired state, the observed one, and what the command asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::bases::Bases;
use super::{FieldChange, Observed};
use crate::gate::{self, Edges};
use crate::graph::ServiceGraph;
use crate::name::ServiceName;
use crate::project::{Network, Project, Service, Volume};

/// Desired and observed state, and what helps to compare them.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// What is wanted.
    pub project: &'a Project,
    /// Its order, soft edges included.
    pub graph: &'a ServiceGraph,
    /// What is there.
    pub observed: &'a Observed,
    /// Its edges, with what stands on them.
    pub edges: &'a Edges,
    /// How a configuration is compared with a label.
    pub hashes: &'a dyn Hashes,
    /// Seconds since 1970, for refresh policies.
    pub now: i64,
}

impl<'a> World<'a> {
    /// The edges from a service to others that are not selected, and run.
    pub(super) fn edges_beside(
        &self,
        dependent: &ServiceName,
    ) -> impl Iterator<Item = &'a gate::Edge> {
        let (edges, graph) = (self.edges, self.graph);
        let own = edges.of(dependent);
        own.filter(move |edge| !graph.contains(&edge.dependency))
    }
}

/// How a configuration is compared with the hash that a container, network or volume is labelled
/// with: every form that dco knows is as good as the other.
pub trait Hashes {
    /// Whether `label` is a hash of this service, its references to others resolved.
    fn service(&self, name: &ServiceName, service: &Service, label: &str) -> bool;
    /// Whether `label` is a hash of this network.
    fn network(&self, network: &Network, label: &str) -> bool;
    /// Whether `label` is a hash of this volume.
    fn volume(&self, volume: &Volume, label: &str) -> bool;
    /// The fields that differ from what dco itself made last, where it remembers.
    fn changes(&self, name: &ServiceName, service: &Service, label: &str) -> Vec<FieldChange> {
        let _ = (name, service, label);
        Vec::new()
    }
}

/// What `up` and `create` are asked for.
#[derive(Clone, Debug, Default)]
pub struct UpPolicy {
    /// The services named on the command line; empty for all.
    pub targets: BTreeSet<ServiceName>,
    /// When the containers of targets are replaced.
    pub recreate: Recreate,
    /// When those of the others are.
    pub recreate_dependencies: Recreate,
    /// How far it goes.
    pub extent: Extent,
    /// What becomes of anonymous volumes.
    pub anonymous: Anonymous,
    /// What becomes of containers whose service is gone.
    pub orphans: Orphans,
    /// When images are built.
    pub build: BuildPolicy,
    /// When images are pulled; none for each service's own policy.
    pub pull: Option<PullPolicy>,
    /// What changed in a service's build input since its image was built.
    pub stale: BTreeMap<ServiceName, String>,
    /// The services whose images each build takes.
    pub bases: Bases,
    /// Those of them that are beyond the plan's services and have no image yet.
    pub absent_bases: BTreeSet<ServiceName>,
    /// How long a stop may take; none for the container's own grace.
    pub grace: Option<Duration>,
    /// The service of which one container is made beside those it has, and its name (`run`).
    pub one_off: Option<(ServiceName, String)>,
    /// The volumes, by key, that are removed and made anew although they hold data.
    pub rebuild_volumes: BTreeSet<String>,
    /// Whether it ends only when every service is up, healthy or completed (`--wait`).
    pub wait: Option<Wait>,
}

/// How long `--wait` waits; none for no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wait(pub Option<crate::project::Duration>);

/// When a container is replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recreate {
    /// When it is not what the file asks for.
    #[default]
    Diverged,
    /// Always.
    Force,
    /// Never.
    Never,
}

/// How far `up` goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// Containers are started.
    #[default]
    Start,
    /// They are only created.
    Create,
}

/// What becomes of the anonymous volumes of a container that is replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Anonymous {
    /// The new one takes them over.
    #[default]
    Inherit,
    /// The new one gets new ones.
    Renew,
}

/// What becomes of containers whose service is not in the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Orphans {
    /// They stay.
    #[default]
    Keep,
    /// They are stopped and removed.
    Remove,
}

/// When the images of services with `build` are built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BuildPolicy {
    /// When they are missing, stale, or the service's policy says so.
    #[default]
    IfNeeded,
    /// Always.
    Always,
    /// Never: what is missing is pulled.
    Never,
}

/// When an image is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullPolicy {
    /// When it is missing.
    Missing,
    /// Always.
    Always,
    /// Never.
    Never,
    /// Never: it is built.
    Build,
    /// When it was pulled longer ago than this many seconds.
    After(i64),
}

impl PullPolicy {
    /// Reads a service's `pull_policy` or the value of `--pull`; none for what is no policy.
    pub fn parse(text: &str) -> Option<Self> {
        const DAY: i64 = 24 * 3600;
        Some(match text {
            "" | "missing" | "if_not_present" => Self::Missing,
            "always" => Self::Always,
            "never" => Self::Never,
            "build" => Self::Build,
            "daily" => Self::After(DAY),
            "weekly" => Self::After(7 * DAY),
            other => {
                let period = other.strip_prefix("every_")?;
                Self::After(crate::text::duration::parse(period).ok()? / 1_000_000_000)
            }
        })
    }
}

/// How many replicas a service wants: `scale`, else `deploy.replicas`, else one.
pub fn scale(service: &Service) -> u32 {
    let replicas = || service.deploy.as_ref().and_then(|deploy| deploy.replicas);
    let wanted = service.scale.or_else(replicas).unwrap_or(1);
    u32::try_from(wanted.max(0)).unwrap_or(u32::MAX)
}

/// `app-web-1`, or the service's `container_name`.
pub fn container_name(
    project: &Project,
    name: &ServiceName,
    service: &Service,
    number: u32,
) -> String {
    match service.container_name.is_empty() {
        true => replica_name(project, name, number),
        false => service.container_name.clone(),
    }
}

/// `app-web-1`.
pub(super) fn replica_name(project: &Project, name: &ServiceName, number: u32) -> String {
    let number = number.to_string();
    project.naming.join(&[&project.name, name, &number])
}
