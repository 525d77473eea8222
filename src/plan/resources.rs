//! Networks and volumes: what is missing is created, what differs is rebuilt around its users.

use std::collections::{BTreeMap, BTreeSet};

use super::fates::{Fate, Fates};
use super::observed::{self, Container};
use super::request::World;
use super::up::Up;
use super::{Action, Cause, StepId, Target, When};
use crate::convert::label;
use crate::diagnostic::Diagnostic;
use crate::name::ContainerId;
use crate::project::{MountType, Network, Service, Volume};

/// What a plan does for networks and volumes.
#[derive(Debug, Default)]
pub(super) struct Resources {
    /// The step that creates a network, by key.
    networks: BTreeMap<String, StepId>,
    /// The step that creates a volume, by key.
    volumes: BTreeMap<String, StepId>,
    /// The networks, by key, that a container is detached from and has to be attached to again.
    reconnect: BTreeMap<ContainerId, Vec<String>>,
    /// Containers that are removed before their replacement is created.
    gone: BTreeSet<ContainerId>,
}

impl Resources {
    /// The steps after which everything is there that a container of the service is made with.
    pub(super) fn of(&self, service: &Service) -> Vec<StepId> {
        let networks = service
            .networks
            .keys()
            .filter_map(|key| self.networks.get(key));
        let volumes = service
            .volumes
            .iter()
            .filter(|mount| mount.r#type == MountType::Volume)
            .filter_map(|mount| self.volumes.get(&mount.source));
        networks.chain(volumes).copied().collect()
    }

    /// The step that creates a network, if one does.
    pub(super) fn network(&self, key: &str) -> Option<StepId> {
        self.networks.get(key).copied()
    }

    /// The networks a container has to be attached to again.
    pub(super) fn reconnect(&self, container: &Container) -> &[String] {
        self.reconnect.get(&container.id).map_or(&[], Vec::as_slice)
    }

    /// Whether a container is removed before its replacement is created.
    pub(super) fn is_gone(&self, container: &Container) -> bool {
        self.gone.contains(&container.id)
    }
}

/// Adds the steps for networks and volumes.
///
/// # Errors
/// An external network or volume that is not there.
pub(super) fn add(up: &mut Up<'_>, fates: &Fates<'_>) -> Result<(), Diagnostic> {
    let world = up.world;
    for (key, network) in &world.project.networks {
        match find_network(world, key, network) {
            Found::Fine => {}
            Found::Missing if network.external => return Err(missing("network", &network.name)),
            Found::Missing => {
                let id = create_network(up, (key, network), Cause::Missing, None);
                up.resources.networks.insert(key.clone(), id);
            }
            Found::Diverged(there) => rebuild_network(up, (key, network), there, fates),
        }
    }
    for (key, volume) in &world.project.volumes {
        match find_volume(world, volume) {
            Found::Missing if volume.external => return Err(missing("volume", &volume.name)),
            Found::Missing => {
                let id = create_volume(up, (key, volume), Cause::Missing, None);
                up.resources.volumes.insert(key.clone(), id);
            }
            Found::Diverged(_) if up.policy.rebuild_volumes.contains(key) => {
                rebuild_volume(up, (key, volume));
            }
            Found::Fine | Found::Diverged(_) => {}
        }
    }
    Ok(())
}

enum Found<'a, T> {
    Missing,
    Fine,
    Diverged(&'a T),
}

fn missing(kind: &str, name: &str) -> Diagnostic {
    Diagnostic::error(match kind {
        "volume" => format!("external volume \"{name}\" not found"),
        _ => format!("{kind} {name} declared as external, but could not be found"),
    })
    .hint(format!(
        "create it with `docker {kind} create {name}`, or remove `external: true`"
    ))
}

fn find_network<'a>(
    world: &World<'a>,
    key: &str,
    network: &Network,
) -> Found<'a, observed::Network> {
    let mut named = world.observed.networks.iter().filter(|there| {
        there.name == network.name || (network.external && there.id.as_str() == network.name)
    });
    if network.external {
        return named.next().map_or(Found::Missing, |_| Found::Fine);
    }
    let ours = |there: &&observed::Network| {
        there.labels.get(label::PROJECT) == Some(&world.project.name)
            && there.labels.get(label::NETWORK).map(String::as_str) == Some(key)
    };
    let Some(there) = named.clone().find(ours) else {
        return named.next().map_or(Found::Missing, |_| Found::Fine);
    };
    match there.labels.get(label::CONFIG_HASH) {
        Some(hash) if !hash.is_empty() && !world.hashes.network(network, hash) => {
            Found::Diverged(there)
        }
        _ => Found::Fine,
    }
}

fn find_volume<'a>(world: &World<'a>, volume: &Volume) -> Found<'a, observed::Volume> {
    let named = |there: &&observed::Volume| there.name == volume.name;
    let Some(there) = world.observed.volumes.iter().find(named) else {
        return Found::Missing;
    };
    let ours = there.labels.get(label::PROJECT) == Some(&world.project.name);
    match there.labels.get(label::CONFIG_HASH) {
        Some(hash)
            if ours
                && !volume.external
                && !hash.is_empty()
                && !world.hashes.volume(volume, hash) =>
        {
            Found::Diverged(there)
        }
        _ => Found::Fine,
    }
}

/// The volumes of the project, key and name, that hold data and are not what the file asks for.
pub fn diverged_volumes(world: &World<'_>) -> Vec<(String, String)> {
    world
        .project
        .volumes
        .iter()
        .filter(|(_, volume)| matches!(find_volume(world, volume), Found::Diverged(_)))
        .map(|(key, volume)| (key.clone(), volume.name.clone()))
        .collect()
}

fn create_network(
    up: &mut Up<'_>,
    (key, network): (&str, &Network),
    cause: Cause,
    after: Option<StepId>,
) -> StepId {
    let action = Action::CreateNetwork {
        key: key.to_owned(),
        name: network.name.clone(),
    };
    up.steps.step(action, cause).after(after).add()
}

fn create_volume(
    up: &mut Up<'_>,
    (key, volume): (&str, &Volume),
    cause: Cause,
    after: Option<StepId>,
) -> StepId {
    let action = Action::CreateVolume {
        key: key.to_owned(),
        name: volume.name.clone(),
    };
    up.steps.step(action, cause).after(after).add()
}

/// Stops and detaches whoever is attached, makes the network anew, and remembers to attach them
/// again with their aliases and addresses.
fn rebuild_network(
    up: &mut Up<'_>,
    (key, network): (&str, &Network),
    there: &observed::Network,
    fates: &Fates<'_>,
) {
    let cause = || Cause::ResourceRebuilt(format!("network {key}"));
    let replaced = replaced(fates);
    let mut detached: Vec<StepId> = Vec::new();
    for container in &up.world.observed.containers {
        if !container.is_on(there) {
            continue;
        }
        let stop = up.stop(container, cause(), [], When::Always);
        let action = Action::Disconnect {
            container: Target::of(container),
            network: there.name.clone(),
        };
        let after = stop.or(up.barrier());
        let id = up.steps.step(action, cause()).after(after).add();
        detached.push(id);
        up.stopped.insert(container.id.clone(), id);
        if !replaced.contains(&container.id) {
            let keys = up.resources.reconnect.entry(container.id.clone());
            keys.or_default().push(key.to_owned());
        }
    }
    if detached.is_empty() {
        detached.extend(up.barrier());
    }
    let action = Action::RemoveNetwork {
        id: there.id.to_string(),
        name: there.name.clone(),
    };
    let changed = || Cause::ConfigChanged(Vec::new());
    let removed = up.steps.step(action, changed()).after(detached).add();
    let id = create_network(up, (key, network), changed(), Some(removed));
    up.resources.networks.insert(key.to_owned(), id);
}

/// Removes whoever mounts the volume, and makes it anew; the containers are created again later.
fn rebuild_volume(up: &mut Up<'_>, (key, volume): (&str, &Volume)) {
    let cause = || Cause::ResourceRebuilt(format!("volume {key}"));
    let mut removed: Vec<StepId> = Vec::new();
    for container in &up.world.observed.containers {
        let mounts = |name: &str| container.mounts.iter().any(|mount| mount.name == name);
        if !mounts(&volume.name) {
            continue;
        }
        let stop = up.stop(container, cause(), [], When::Always);
        removed.push(up.remove(container, cause(), stop));
        up.resources.gone.insert(container.id.clone());
    }
    if removed.is_empty() {
        removed.extend(up.barrier());
    }
    let action = Action::RemoveVolume {
        name: volume.name.clone(),
    };
    let changed = || Cause::ConfigChanged(Vec::new());
    let gone = up.steps.step(action, changed()).after(removed).add();
    let id = create_volume(up, (key, volume), changed(), Some(gone));
    up.resources.volumes.insert(key.to_owned(), id);
}

/// The containers that are replaced for certain.
fn replaced(fates: &Fates<'_>) -> BTreeSet<ContainerId> {
    use super::fates::Trigger;
    let replicas = fates.values().flat_map(|fate| &fate.replicas);
    let old = replicas.filter_map(|one| match &one.fate {
        Fate::Replace(old, _, Trigger::Always) => Some(old.id.clone()),
        _ => None,
    });
    let surplus = fates.values().flat_map(|fate| &fate.surplus);
    old.chain(surplus.map(|(container, _)| container.id.clone()))
        .collect()
}
