//! `up` and `create`: what is missing is made, what differs is replaced, what is down is started.
//!
//! A container is replaced so that an interruption between any two steps loses nothing: the new one
//! is created under a temporary name, the old one stopped, the new one started; only then the old
//! one is removed and the new one takes its name. Where starting fails, the old one runs again.

use std::collections::{BTreeMap, BTreeSet};

use super::builder::Builder;
use super::fates::{Fate, Fates, ServiceFate, Trigger, decide, linked, shares_with};
use super::images::{self, Images};
use super::observed::{Container, State};
use super::replicas::is_up;
use super::request::{Orphans, UpPolicy, World};
use super::resources::{self, Resources};
use super::{Action, Cause, HookKind, Plan, StepId, Target, Volumes, When};
use crate::diagnostic::Diagnostic;
use crate::gate::{self, Gate};
use crate::graph::one_shots;
use crate::name::{ContainerId, ServiceName};
use crate::project::Service;

/// Plans `up`, or `create` where the policy says so.
///
/// # Errors
/// What the project asks for cannot be: an external resource that is missing, a pull policy that
/// is none, several containers with one name.
pub fn up(world: &World<'_>, policy: &UpPolicy) -> Result<Plan, Diagnostic> {
    let mut steps = Builder::default();
    let images = images::add(&mut steps, world, policy)?;
    let fates = decide(world, policy, &images)?;
    let mut up = Up {
        world,
        policy,
        images,
        steps,
        resources: Resources::default(),
        created: BTreeMap::new(),
        stopped: BTreeMap::new(),
        freed_ports: Vec::new(),
        removed: BTreeMap::new(),
        renames: BTreeMap::new(),
        attached: BTreeMap::new(),
        disturbed: BTreeMap::new(),
        ends: BTreeMap::new(),
        gates: BTreeMap::new(),
        one_shots: one_shots(world.project),
        running: running(world),
        edges: world
            .edges
            .list
            .iter()
            .map(|edge| ((&edge.dependent, &edge.dependency), edge))
            .collect(),
    };
    up.orphans();
    resources::add(&mut up, &fates)?;
    up.leftovers(&fates);
    let order = world.graph.order();
    let order = || order.iter().filter_map(|name| fates.get_key_value(name));
    for (name, fate) in order() {
        up.creates(name, fate);
    }
    for (name, fate) in order() {
        up.service(name, fate, &fates);
    }
    up.leave_renamed();
    if let Some(wait) = policy.wait {
        up.waits(wait, &fates);
    }
    let mut plan = up.steps.finish();
    plan.unchanged = unchanged(&fates);
    Ok(plan)
}

/// The containers that run and need nothing.
fn unchanged(fates: &Fates<'_>) -> Vec<(String, &'static str)> {
    let replicas = fates.values().flat_map(|fate| &fate.replicas);
    let kept = replicas.filter(|one| matches!(one.fate, Fate::Keep(_)));
    kept.map(|one| (one.replica.name.clone(), "Running"))
        .collect()
}

/// A plan for `up` in the making.
pub(super) struct Up<'a> {
    pub(super) world: &'a World<'a>,
    pub(super) policy: &'a UpPolicy,
    pub(super) images: Images,
    pub(super) steps: Builder,
    pub(super) resources: Resources,
    /// The step that creates a replica, by service and number.
    pub(super) created: BTreeMap<(ServiceName, u32), StepId>,
    /// The last step of stopping a container that exists, where one is planned already.
    pub(super) stopped: BTreeMap<ContainerId, StepId>,
    /// The stops of orphans, which may hold ports that a service wants.
    pub(super) freed_ports: Vec<StepId>,
    /// The removal that frees a name.
    pub(super) removed: BTreeMap<String, StepId>,
    /// The steps that give a service's new containers their names.
    pub(super) renames: BTreeMap<ServiceName, Vec<StepId>>,
    /// The step that attaches a container that exists to the network of a key.
    pub(super) attached: BTreeMap<(ContainerId, String), StepId>,
    /// The step that is done if a service's container is replaced or restarted after all.
    pub(super) disturbed: BTreeMap<ServiceName, StepId>,
    /// The steps after which a service runs.
    pub(super) ends: BTreeMap<ServiceName, Vec<StepId>>,
    /// The gates so far that always stand, by what is waited for, with their steps.
    pub(super) gates: BTreeMap<ServiceName, Vec<(Gate, StepId)>>,
    /// The services that someone waits for to end with 0.
    pub(super) one_shots: BTreeSet<&'a ServiceName>,
    /// Whether a container of a service runs, for the services that have one.
    pub(super) running: BTreeMap<ServiceName, bool>,
    /// The edges by dependent and dependency.
    pub(super) edges: BTreeMap<(&'a ServiceName, &'a ServiceName), &'a gate::Edge>,
}

fn running(world: &World<'_>) -> BTreeMap<ServiceName, bool> {
    let mut running = BTreeMap::new();
    for container in world.observed.containers.iter().filter(|one| !one.one_off) {
        *running.entry(container.service.clone()).or_default() |= is_up(container.state);
    }
    running
}

impl<'a> Up<'a> {
    /// The barrier: nothing that exists is touched before.
    pub(super) fn barrier(&self) -> Option<StepId> {
        self.images.ready
    }

    /// Removes the containers whose service is not in the file, where that is asked for.
    fn orphans(&mut self) {
        for container in super::orphans(self.world) {
            if self.policy.orphans != Orphans::Remove {
                continue;
            }
            let stop = self.stop(container, Cause::Orphan, [], When::Always);
            self.freed_ports.extend(stop);
            self.remove(container, Cause::Orphan, stop);
        }
    }

    fn leftovers(&mut self, fates: &Fates<'_>) {
        for container in fates.values().flat_map(|fate| &fate.leftovers) {
            let stop = self.stop(container, Cause::Leftover, [], When::Always);
            let volumes = match container.state {
                State::Created => Volumes::Remove,
                _ => Volumes::Keep,
            };
            let after = stop.or(self.barrier());
            let id = self.steps.step(
                Action::Remove {
                    container: Target::of(container),
                    volumes,
                },
                Cause::Leftover,
            );
            let id = id.after(after).add();
            self.removed.insert(container.name.clone(), id);
        }
    }

    /// Stops a container that exists, its hooks first; none where it is down.
    pub(super) fn stop(
        &mut self,
        container: &Container,
        cause: Cause,
        after: impl IntoIterator<Item = StepId>,
        when: When,
    ) -> Option<StepId> {
        if let Some(done) = self.stopped.get(&container.id) {
            return Some(*done);
        }
        if !is_up(container.state) {
            return None;
        }
        let mut after: Vec<StepId> = self.barrier().into_iter().chain(after).collect();
        let service = &container.service;
        let hooks = match container.state {
            State::Running => self.pre_stop_hooks(service),
            _ => 0,
        };
        for index in 0..hooks {
            let hook = Action::Hook {
                container: Target::of(container),
                service: service.clone(),
                kind: HookKind::PreStop,
                index,
            };
            let step = self.steps.step(hook, Cause::Hook).after(after);
            after = vec![step.when(when.clone()).add()];
        }
        let stop = Action::Stop {
            container: Target::of(container),
            service: service.clone(),
            grace: self.policy.grace,
        };
        let id = self.steps.step(stop, cause).after(after).when(when).add();
        self.stopped.insert(container.id.clone(), id);
        Some(id)
    }

    fn pre_stop_hooks(&self, service: &ServiceName) -> usize {
        let service = self.world.project.services.get(service);
        service.map_or(0, |service| service.pre_stop.len())
    }

    /// Removes a container that exists and was stopped by `stop`.
    pub(super) fn remove(
        &mut self,
        container: &Container,
        cause: Cause,
        stop: Option<StepId>,
    ) -> StepId {
        let action = Action::Remove {
            container: Target::of(container),
            volumes: Volumes::Keep,
        };
        let after = stop.or(self.barrier());
        let id = self.steps.step(action, cause).after(after).add();
        self.removed.insert(container.name.clone(), id);
        id
    }

    /// Whether `run` makes one container of this service.
    pub(super) fn is_one_off(&self, name: &ServiceName) -> bool {
        matches!(&self.policy.one_off, Some((one, _)) if one == name)
    }

    /// What has to be there before a container of a service is created.
    pub(super) fn made_of(&self, name: &ServiceName, service: &Service) -> Vec<StepId> {
        let mut before: Vec<StepId> = Vec::new();
        before.extend(self.images.of.get(name).into_iter().flatten());
        let mounted = self.images.mounted.get(name).into_iter().flatten();
        before.extend(mounted.map(|(_, step)| *step));
        before.extend(self.resources.of(service));
        for other in shares_with(service).chain(linked(service)) {
            let of = (ServiceName::from(other), 0)..=(ServiceName::from(other), u32::MAX);
            before.extend(self.created.range(of).map(|(_, step)| *step));
        }
        before
    }

    /// Creates what a service lacks.
    fn creates(&mut self, name: &ServiceName, fate: &ServiceFate<'a>) {
        if self.is_one_off(name) {
            return;
        }
        let before = self.made_of(name, fate.service);
        for one in &fate.replicas {
            let (replaces, cause, trigger) = match &one.fate {
                Fate::Create => (None, Cause::Missing, &Trigger::Always),
                Fate::Replace(old, cause, trigger) => (Some(*old), cause.clone(), trigger),
                _ => continue,
            };
            let when = self.when(name, trigger, replaces);
            let mut after = before.clone();
            if replaces.is_some() {
                after.extend(self.barrier());
            }
            let action = Action::Create {
                replica: one.replica.clone(),
                replaces: replaces.map(|old| old.id.clone()),
            };
            let created = one.replica.created_name(replaces.map(|old| &old.id));
            after.extend(self.removed.get(&created));
            let id = self.steps.step(action, cause).after(after).when(when).add();
            self.created.insert((name.clone(), one.replica.number), id);
            if replaces.is_some() {
                self.disturbed.entry(name.clone()).or_insert(id);
            }
        }
    }

    pub(super) fn when(
        &self,
        name: &ServiceName,
        trigger: &Trigger,
        old: Option<&Container>,
    ) -> When {
        match trigger {
            Trigger::Always => When::Always,
            Trigger::Image => {
                let service = self.world.project.services.get(name);
                let renewals = service
                    .zip(old)
                    .map(|(service, old)| self.images.renewals(self.world, (name, service), old));
                renewals.map_or(When::Always, When::ImageChanged)
            }
            Trigger::Service(other) => self
                .disturbed
                .get(other)
                .map_or(When::Always, |step| When::Done(*step)),
        }
    }
}
