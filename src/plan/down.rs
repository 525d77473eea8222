//! `down`, `rm`, and what of them other verbs share: dependents stop first, then all is removed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::builder::Builder;
use super::lifecycle::{Stops, reverse};
use super::observed::{Container, State};
use super::replicas::is_up;
use super::request::{Orphans, World};
use super::{Action, Cause, Plan, StepId, Target, Volumes};
use crate::convert::{image_name, label};
use crate::name::ServiceName;
use crate::project::Service;
use crate::text::reference::Reference;

/// What `down` is asked for.
#[derive(Clone, Debug, Default)]
pub struct DownPolicy {
    /// The services named on the command line, and what depends on them; empty for all.
    pub services: BTreeSet<ServiceName>,
    /// Containers whose service is gone.
    pub orphans: Orphans,
    /// What becomes of volumes.
    pub volumes: DownVolumes,
    /// What becomes of images.
    pub images: DownImages,
    /// The images that were built for the project, each with its service; looked up where they are
    /// to be removed.
    pub built: BTreeMap<String, ServiceName>,
    /// How long a stop may take; none for each container's own grace.
    pub grace: Option<Duration>,
}

/// Which volumes `down` removes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DownVolumes {
    /// None.
    #[default]
    Keep,
    /// The named ones that the file declares, and the anonymous ones of its containers.
    Remove,
}

/// Which images `down` removes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DownImages {
    /// None.
    #[default]
    Keep,
    /// Those that were built for the project.
    Local,
    /// Those, and all that services are made from.
    All,
}

/// Plans `down`: containers, then networks, volumes and images.
pub fn down(world: &World<'_>, policy: &DownPolicy) -> Plan {
    let mut down = Down {
        world,
        steps: Builder::default(),
        stops: Stops::default(),
        removed: Vec::new(),
    };
    let chosen = chosen(world, policy);
    let volumes = match policy.volumes {
        DownVolumes::Keep => Volumes::Keep,
        DownVolumes::Remove => Volumes::Remove,
    };
    for (_, containers) in reverse(world, &chosen) {
        for container in containers {
            down.container(container, policy.grace, (Cause::Requested, volumes));
        }
    }
    if policy.orphans == Orphans::Remove {
        // One-offs go with their service, even those that run still.
        let one_offs = world.observed.containers.iter().filter(|container| {
            container.one_off && (chosen.contains(&container.service)) && is_up(container.state)
        });
        for container in one_offs.chain(super::orphans(world)) {
            down.container(container, policy.grace, (Cause::Orphan, Volumes::Keep));
        }
    }
    down.networks();
    down.images(policy);
    if policy.volumes == DownVolumes::Remove {
        down.volumes();
    }
    down.steps.finish()
}

/// The services that go down: not those whose profile is off, as in Docker Compose.
fn chosen(world: &World<'_>, policy: &DownPolicy) -> BTreeSet<ServiceName> {
    let project = world.project;
    match policy.services.is_empty() {
        true => project.services.keys().cloned().collect(),
        false => world.graph.with_dependents(&policy.services),
    }
}

struct Down<'a> {
    world: &'a World<'a>,
    steps: Builder,
    stops: Stops,
    removed: Vec<(StepId, &'a Container)>,
}

impl<'a> Down<'a> {
    fn container(
        &mut self,
        container: &'a Container,
        grace: Option<Duration>,
        (cause, volumes): (Cause, Volumes),
    ) {
        let stop = self.stops.stop(
            &mut self.steps,
            self.world,
            container,
            (cause.clone(), grace),
        );
        let action = Action::Remove {
            container: Target::of(container),
            volumes,
        };
        let id = self.steps.step(action, cause).after(stop).add();
        self.removed.push((id, container));
    }

    /// The networks that the file declares and the engine holds, each after its last container.
    fn networks(&mut self) {
        let project = self.world.project;
        for (key, network) in project.networks.iter().filter(|(_, one)| !one.external) {
            let there = self.world.observed.networks.iter().filter(|there| {
                there.name == network.name
                    && there.labels.get(label::PROJECT) == Some(&project.name)
                    && there.labels.get(label::NETWORK) == Some(key)
            });
            for there in there {
                let after: Vec<StepId> = self
                    .removed
                    .iter()
                    .filter(|(_, container)| container.is_on(there))
                    .map(|(step, _)| *step)
                    .collect();
                let action = Action::RemoveNetwork {
                    id: there.id.to_string(),
                    name: there.name.clone(),
                };
                self.steps.step(action, Cause::Requested).after(after).add();
            }
        }
    }

    fn volumes(&mut self) {
        let project = self.world.project;
        for volume in project.volumes.values().filter(|one| !one.external) {
            let there = self.world.observed.volumes.iter();
            if !there.clone().any(|there| there.name == volume.name) {
                continue;
            }
            let mounts = |container: &Container| {
                container
                    .mounts
                    .iter()
                    .any(|mount| mount.name == volume.name)
            };
            let after: Vec<StepId> = self
                .removed
                .iter()
                .filter(|(_, container)| mounts(container))
                .map(|(step, _)| *step)
                .collect();
            let action = Action::RemoveVolume {
                name: volume.name.clone(),
            };
            self.steps.step(action, Cause::Requested).after(after).add();
        }
    }

    /// The images that services bear, and those whose labels say that they were built for one: also
    /// under a name of the file's own, as Docker Compose does. Built for a service that is gone are
    /// orphans.
    fn images(&mut self, policy: &DownPolicy) {
        if policy.images == DownImages::Keep {
            return;
        }
        let project = self.world.project;
        let own = project.services.iter().filter_map(|(name, service)| {
            let image = image_name(project, name, service);
            let wanted = policy.images == DownImages::All || self.is_nameless(name, service);
            (wanted && self.world.observed.images.contains_key(&image)).then_some((image, name))
        });
        let built = policy.built.iter().filter(|(_, service)| {
            policy.orphans == Orphans::Remove || project.services.contains_key(*service)
        });
        let mut images: BTreeMap<String, Vec<StepId>> = BTreeMap::new();
        for (image, name) in own.chain(built.map(|(image, name)| (image.clone(), name))) {
            let of = |container: &Container| container.service == *name;
            let after = self.removed.iter().filter(|(_, one)| of(one));
            images
                .entry(listed_name(&image))
                .or_default()
                .extend(after.map(|(step, _)| *step));
        }
        for (image, after) in images {
            let action = Action::RemoveImage { image };
            self.steps.step(action, Cause::Requested).after(after).add();
        }
    }

    /// Whether a service's image has no name but its own; one that is remembered bears that.
    fn is_nameless(&self, name: &ServiceName, service: &Service) -> bool {
        let nameless = Service::default();
        let own = || image_name(self.world.project, name, &nameless);
        service.image.is_empty() || listed_name(&service.image) == listed_name(&own())
    }
}

/// An image's name as Docker lists it: with its tag, and without what Podman adds to it.
fn listed_name(image: &str) -> String {
    let own = image.strip_prefix("localhost/").unwrap_or(image);
    match Reference::parse(own) {
        Ok(reference) => reference.with_default_tag().familiar(),
        Err(_) => image.to_owned(),
    }
}

/// What `rm` is asked for.
#[derive(Clone, Debug, Default)]
pub struct RemovePolicy {
    /// The services named on the command line; empty for all.
    pub services: BTreeSet<ServiceName>,
    /// Whether those that run are stopped first (`--stop`), else they are left alone.
    pub running: Running,
    /// What becomes of anonymous volumes.
    pub volumes: DownVolumes,
}

/// What `rm` does with a container that runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Running {
    /// Leaves it alone.
    #[default]
    Keep,
    /// Stops and removes it.
    Stop,
}

/// Plans `rm`: removes the containers that do not run.
pub fn remove(world: &World<'_>, policy: &RemovePolicy) -> Plan {
    let mut steps = Builder::default();
    let mut stops = Stops::default();
    let volumes = match policy.volumes {
        DownVolumes::Keep => Volumes::Keep,
        DownVolumes::Remove => Volumes::Remove,
    };
    for (_, containers) in reverse(world, &super::lifecycle::selected(world, &policy.services)) {
        for container in containers {
            let up = is_up(container.state);
            if up && policy.running == Running::Keep || container.state == State::Removing {
                continue;
            }
            let stop = stops.stop(&mut steps, world, container, (Cause::Requested, None));
            let action = Action::Remove {
                container: Target::of(container),
                volumes,
            };
            steps.step(action, Cause::Requested).after(stop).add();
        }
    }
    steps.finish()
}
