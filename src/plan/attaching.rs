//! The networks of containers that stay: what they lack they are attached to, and what the file
//! calls something else by now they leave.

use super::fates::{Fate, ReplicaFate, Trigger};
use super::observed::{self, Container};
use super::request::World;
use super::up::Up;
use super::{Action, Cause, StepId, Target};
use crate::convert::label;

impl<'a> Up<'a> {
    /// Attaches a container that stays to the networks it lacks.
    pub(super) fn connect(&mut self, one: &ReplicaFate<'a>) -> Vec<StepId> {
        let Some(there) = one.fate.existing() else {
            return Vec::new();
        };
        if matches!(one.fate, Fate::Replace(_, _, Trigger::Always)) {
            return Vec::new();
        }
        let detached: Vec<String> = self.resources.reconnect(there).to_vec();
        let missing = one.missing_networks.iter().map(|key| (*key).to_owned());
        let mut keys: Vec<String> = missing.chain(detached).collect();
        keys.sort();
        keys.dedup();
        keys.into_iter()
            .map(|key| self.attach(there, key))
            .collect()
    }

    fn attach(&mut self, there: &Container, key: String) -> StepId {
        let mut after: Vec<StepId> = self.resources.network(&key).into_iter().collect();
        after.extend(self.stopped.get(&there.id));
        after.extend(self.barrier());
        let name = self.world.project.networks[&key].name.clone();
        let rebuilt = !self.resources.reconnect(there).is_empty();
        let stale = there.networks.iter().any(|one| one.name == name) && !rebuilt;
        if stale {
            let action = Action::Disconnect {
                container: Target::of(there),
                network: name,
            };
            let cause = Cause::NetworkMissing(key.clone());
            after.push(self.steps.step(action, cause).after(after.clone()).add());
        }
        let cause = match rebuilt {
            true => Cause::ResourceRebuilt(format!("network {key}")),
            false => Cause::NetworkMissing(key.clone()),
        };
        let action = Action::Connect {
            container: Target::of(there),
            service: there.service.clone(),
            network: key.clone(),
        };
        let id = self.steps.step(action, cause).after(after).add();
        self.attached.insert((there.id.clone(), key), id);
        id
    }

    /// Takes containers off the networks that have another name in the file by now, and removes
    /// those that nobody is left on.
    pub(super) fn leave_renamed(&mut self) {
        let world = self.world;
        for (key, there) in renamed(world) {
            let cause = || Cause::NetworkRenamed(key.to_owned());
            let mut left: Vec<StepId> = Vec::new();
            let mut is_used = false;
            for container in world
                .observed
                .containers
                .iter()
                .filter(|one| one.is_on(there))
            {
                let attached = self.attached.get(&(container.id.clone(), key.to_owned()));
                let removed = self.removed.get(&container.name);
                is_used |= attached.is_none() && removed.is_none();
                left.extend(removed);
                if let Some(attached) = attached.copied() {
                    let action = Action::Disconnect {
                        container: Target::of(container),
                        network: there.name.clone(),
                    };
                    left.push(self.steps.step(action, cause()).after([attached]).add());
                }
            }
            if !is_used {
                let action = Action::RemoveNetwork {
                    id: there.id.to_string(),
                    name: there.name.clone(),
                };
                left.extend(self.barrier());
                self.steps.step(action, cause()).after(left).add();
            }
        }
    }
}

/// The project's networks that bear a name which the file gives to none of them, by their keys.
pub(super) fn renamed<'a>(
    world: &'a World<'a>,
) -> impl Iterator<Item = (&'a str, &'a observed::Network)> {
    let project = world.project;
    let ours = |there: &&observed::Network| there.labels.get(label::PROJECT) == Some(&project.name);
    let there = world.observed.networks.iter().filter(ours);
    there.filter_map(|there| {
        let key = there.labels.get(label::NETWORK)?;
        let mut names = project.networks.values().map(|one| &one.name);
        let is_known = project.networks.contains_key(key);
        (is_known && names.all(|name| *name != there.name)).then_some((key.as_str(), there))
    })
}
