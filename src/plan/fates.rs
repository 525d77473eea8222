//! What becomes of each replica: decided service by service, dependencies first.

use std::collections::{BTreeMap, BTreeSet};

use super::diverge::{Comparison, recreate};
use super::images::Images;
use super::observed::{Container, Observed, State};
use super::replicas::{Replicas, has_temporary_name, is_up, sort_out};
use super::request::{Recreate, UpPolicy, World, container_name, scale};
use super::{Cause, Replica};
use crate::convert::{Peer, Peers};
use crate::diagnostic::Diagnostic;
use crate::graph::Edge;
use crate::name::ServiceName;
use crate::project::Service;

/// What becomes of one replica.
#[derive(Clone, Debug)]
pub(super) enum Fate<'a> {
    /// It runs, and is what the file asks for.
    Keep(&'a Container),
    /// It is what the file asks for, and does not run.
    Start(&'a Container),
    /// It is paused.
    Thaw(&'a Container),
    /// It is stopped and started, because a service it depends on is replaced.
    Bounce(&'a Container, Trigger),
    /// Another takes its place.
    Replace(&'a Container, Cause, Trigger),
    /// It is not there.
    Create,
}

/// Whether something happens, where an earlier step decides it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    /// It does.
    Always,
    /// If the service's image, or one that it mounts, is another after the pull or build.
    Image,
    /// If the first container of this service is replaced.
    Service(ServiceName),
}

/// One replica and what becomes of it.
#[derive(Clone, Debug)]
pub(super) struct ReplicaFate<'a> {
    pub(super) replica: Replica,
    pub(super) fate: Fate<'a>,
    /// It bears the temporary name that an interrupted command left it with.
    pub(super) misnamed: bool,
    /// The networks, by key, that it has to be attached to and is not.
    pub(super) missing_networks: Vec<&'a str>,
}

/// One service and what becomes of its containers.
#[derive(Clone, Debug)]
pub(super) struct ServiceFate<'a> {
    pub(super) service: &'a Service,
    pub(super) replicas: Vec<ReplicaFate<'a>>,
    /// Containers that are removed, and why.
    pub(super) surplus: Vec<(&'a Container, Cause)>,
    /// What an interruption left beside the replicas.
    pub(super) leftovers: Vec<&'a Container>,
}

/// What becomes of every service's containers.
pub(super) type Fates<'a> = BTreeMap<ServiceName, ServiceFate<'a>>;

/// The containers of each service, one-offs left out.
pub(super) fn by_service(observed: &Observed) -> BTreeMap<&str, Vec<&Container>> {
    let mut services: BTreeMap<&str, Vec<&Container>> = BTreeMap::new();
    for container in observed.containers.iter().filter(|one| !one.one_off) {
        services
            .entry(container.service.as_str())
            .or_default()
            .push(container);
    }
    services
}

/// Decides what becomes of every replica.
///
/// # Errors
/// More than one replica of a service with a `container_name`.
pub(super) fn decide<'a>(
    world: &'a World<'a>,
    policy: &UpPolicy,
    images: &Images,
) -> Result<Fates<'a>, Diagnostic> {
    let mut decider = Decider {
        world,
        policy,
        images,
        comparison: Comparison::new(world),
        peers: Peers::new(),
        replaced: BTreeMap::new(),
        disturbed: BTreeMap::new(),
    };
    let containers = by_service(world.observed);
    let mut fates = Fates::new();
    for name in world.graph.order() {
        let service = &world.project.services[&name];
        if service.provider.is_some() {
            continue;
        }
        if let Some((_, own)) = policy.one_off.as_ref().filter(|(one, _)| *one == name) {
            fates.insert(name.clone(), one_off(&name, service, own));
            continue;
        }
        let there = containers.get(name.as_str()).map_or(&[][..], Vec::as_slice);
        let fate = decider.service(&name, service, there)?;
        fates.insert(name, fate);
    }
    Ok(fates)
}

/// One container is made; those that the service has stay as they are.
fn one_off<'a>(name: &ServiceName, service: &'a Service, own: &str) -> ServiceFate<'a> {
    let replica = Replica {
        service: name.clone(),
        number: 0,
        name: own.to_owned(),
    };
    ServiceFate {
        service,
        replicas: vec![ReplicaFate {
            replica,
            fate: Fate::Create,
            misnamed: false,
            missing_networks: Vec::new(),
        }],
        surplus: Vec::new(),
        leftovers: Vec::new(),
    }
}

struct Decider<'a, 'p> {
    world: &'a World<'a>,
    policy: &'p UpPolicy,
    images: &'p Images,
    comparison: Comparison<'a>,
    /// The containers of the services decided so far, under their final names.
    peers: Peers,
    /// The services whose first container is replaced or new: what shares with it is made anew.
    replaced: BTreeMap<ServiceName, Trigger>,
    /// The services of which a container is replaced or restarted.
    disturbed: BTreeMap<ServiceName, Trigger>,
}

impl<'a> Decider<'a, '_> {
    fn service(
        &mut self,
        name: &ServiceName,
        service: &'a Service,
        containers: &[&'a Container],
    ) -> Result<ServiceFate<'a>, Diagnostic> {
        let wanted = scale(service) as usize;
        if wanted > 1 && !service.container_name.is_empty() {
            return Err(Diagnostic::error(format!(
                "service `{name}` has the container name `{}` and cannot have {wanted} replicas",
                service.container_name
            ))
            .hint("remove `container_name`, or scale it to 1"));
        }
        let final_name = |number| container_name(self.world.project, name, service, number);
        let Replicas { kept, leftovers } = sort_out(containers, final_name);
        let resolved = self.comparison.resolved(service, &self.peers);
        let shared = self.shared(service);
        let mut decided: Vec<(u32, Fate<'a>)> = kept
            .iter()
            .map(|(&number, &container)| {
                let fate = self.fate(name, &resolved, &shared, container);
                (number, fate)
            })
            .collect();
        let surplus = trim(&mut decided, wanted);
        let taken: BTreeSet<u32> = decided.iter().map(|(number, _)| *number).collect();
        let free = (1..).filter(|number| !taken.contains(number));
        let missing = wanted.saturating_sub(decided.len());
        decided.extend(free.take(missing).map(|number| (number, Fate::Create)));
        decided.sort_by_key(|(number, _)| *number);
        let replicas: Vec<ReplicaFate<'a>> = decided
            .into_iter()
            .map(|(number, fate)| self.replica(name, service, number, fate))
            .collect();
        self.remember(name, &replicas);
        Ok(ServiceFate {
            service,
            replicas,
            surplus,
            leftovers,
        })
    }

    fn replica(
        &self,
        name: &ServiceName,
        service: &'a Service,
        number: u32,
        fate: Fate<'a>,
    ) -> ReplicaFate<'a> {
        let replica = Replica {
            service: name.clone(),
            number,
            name: container_name(self.world.project, name, service, number),
        };
        let missing_networks = match &fate {
            Fate::Create | Fate::Replace(_, _, Trigger::Always) => Vec::new(),
            Fate::Keep(there)
            | Fate::Start(there)
            | Fate::Thaw(there)
            | Fate::Bounce(there, _)
            | Fate::Replace(there, ..) => self.comparison.missing_networks(service, there),
        };
        let misnamed = fate
            .existing()
            .is_some_and(|there| has_temporary_name(there, &replica.name));
        ReplicaFate {
            replica,
            fate,
            misnamed,
            missing_networks,
        }
    }

    /// What a container becomes that stands for a replica.
    fn fate(
        &self,
        name: &ServiceName,
        service: &Service,
        shared: &Option<(ServiceName, Trigger)>,
        container: &'a Container,
    ) -> Fate<'a> {
        if matches!(container.state, State::Dead | State::Removing) {
            return Fate::Replace(container, Cause::Leftover, Trigger::Always);
        }
        let policy = recreate(self.policy, name);
        if let Some((other, trigger)) = shared
            && (policy != Recreate::Never || *trigger == Trigger::Always)
        {
            let cause = Cause::Cascade(other.clone());
            return Fate::Replace(container, cause, trigger.clone());
        }
        match policy {
            Recreate::Force => {
                return Fate::Replace(container, Cause::Forced, Trigger::Always);
            }
            Recreate::Diverged => {
                let mounted = || self.rebuilt_volume(service);
                let cause = self
                    .comparison
                    .divergence(name, service, container)
                    .or_else(mounted);
                if let Some(cause) = cause {
                    return Fate::Replace(container, cause, Trigger::Always);
                }
                let images = self.images;
                let renewals = images.renewals(self.world, (name, service), container);
                if !renewals.is_empty() {
                    return Fate::Replace(container, Cause::ImageChanged, Trigger::Image);
                }
            }
            Recreate::Never => {}
        }
        let bounced_by = self.restarted_by(name);
        match (container.state, bounced_by) {
            (state, Some(trigger)) if is_up(state) => Fate::Bounce(container, trigger),
            (State::Running | State::Restarting, _) => Fate::Keep(container),
            (State::Paused, _) => Fate::Thaw(container),
            _ => Fate::Start(container),
        }
    }

    fn rebuilt_volume(&self, service: &Service) -> Option<Cause> {
        service
            .volumes
            .iter()
            .find(|mount| self.policy.rebuild_volumes.contains(&mount.source))
            .map(|mount| Cause::ResourceRebuilt(format!("volume {}", mount.source)))
    }

    /// The service whose container this one is made with, if that one will be another.
    fn shared(&self, service: &Service) -> Option<(ServiceName, Trigger)> {
        let mut found: Option<(ServiceName, Trigger)> = None;
        for other in shares_with(service) {
            match self.replaced.get_key_value(other) {
                Some((other, Trigger::Always)) => return Some((other.clone(), Trigger::Always)),
                Some((other, _)) => {
                    found.get_or_insert((other.clone(), Trigger::Service(other.clone())));
                }
                None => {}
            }
        }
        found
    }

    /// Whether a dependency with `restart: true` is replaced or restarted itself.
    fn restarted_by(&self, name: &ServiceName) -> Option<Trigger> {
        let mut found = None;
        for (dependency, edge) in self.world.graph.dependencies(name) {
            let Edge::Declared(how) = edge else { continue };
            match self.disturbed.get(dependency) {
                Some(Trigger::Always) if how.restart => return Some(Trigger::Always),
                Some(_) if how.restart => {
                    found.get_or_insert(Trigger::Service(dependency.clone()));
                }
                _ => {}
            }
        }
        found
    }

    fn remember(&mut self, name: &ServiceName, replicas: &[ReplicaFate<'a>]) {
        let peers = replicas
            .iter()
            .filter_map(|one| {
                Some(Peer {
                    id: one.fate.existing()?.id.clone(),
                    name: one.replica.name.clone(),
                })
            })
            .collect();
        self.peers.insert(name.clone(), peers);
        let first = replicas.first().and_then(|one| match &one.fate {
            Fate::Replace(_, _, trigger) => Some(trigger.clone()),
            Fate::Create => Some(Trigger::Always),
            _ => None,
        });
        if let Some(trigger) = first {
            self.replaced.insert(name.clone(), trigger);
        }
        let disturbed = replicas.iter().filter_map(|one| match &one.fate {
            Fate::Replace(_, _, trigger) | Fate::Bounce(_, trigger) => Some(trigger.clone()),
            _ => None,
        });
        if let Some(trigger) = disturbed.min_by_key(|trigger| *trigger != Trigger::Always) {
            self.disturbed.insert(name.clone(), trigger);
        }
    }
}

/// Takes away what is too many: what would be replaced first, then the highest numbers.
fn trim<'a>(decided: &mut Vec<(u32, Fate<'a>)>, wanted: usize) -> Vec<(&'a Container, Cause)> {
    if decided.len() <= wanted {
        return Vec::new();
    }
    let obsolete = |fate: &Fate<'_>| matches!(fate, Fate::Replace(_, _, Trigger::Always));
    decided.sort_by_key(|(number, fate)| (obsolete(fate), *number));
    let mut surplus = decided.split_off(wanted);
    surplus.sort_by_key(|(number, _)| *number);
    surplus
        .into_iter()
        .filter_map(|(_, fate)| Some((fate.existing()?, Cause::ScaledDown)))
        .collect()
}

impl<'a> Fate<'a> {
    /// The container there is.
    pub(super) fn existing(&self) -> Option<&'a Container> {
        match self {
            Self::Keep(there)
            | Self::Start(there)
            | Self::Thaw(there)
            | Self::Bounce(there, _)
            | Self::Replace(there, ..) => Some(there),
            Self::Create => None,
        }
    }
}

/// The services that a service knows under names of its own.
pub(super) fn linked(service: &Service) -> impl Iterator<Item = &str> {
    let links = service.links.iter();
    links.map(|link| link.split(':').next().unwrap_or(link))
}

/// The services whose containers a service's containers are made with.
pub(super) fn shares_with(service: &Service) -> impl Iterator<Item = &str> {
    let modes = [&service.network_mode, &service.ipc, &service.pid];
    let namespaces = modes
        .into_iter()
        .filter_map(|mode| mode.strip_prefix("service:"));
    let volumes = service.volumes_from.iter().filter_map(|entry| {
        let name = entry.split(':').next().unwrap_or_default();
        (name != "container").then_some(name)
    });
    namespaces.chain(volumes)
}
