//! `stop`, `start`, `restart`, `kill`, `pause` and `unpause`: containers that are there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::builder::Builder;
use super::fates::by_service;
use super::observed::{Container, State};
use super::replicas::is_up;
use super::request::{Wait, World};
use super::wait;
use super::{Action, Cause, HookKind, Plan, StepId, Target};
use crate::diagnostic::Diagnostic;
use crate::gate::{Gate, Strength};
use crate::graph::{Edge, one_shots};
use crate::name::ServiceName;

/// The services that are meant: those that are named, else all.
pub(super) fn selected(
    world: &World<'_>,
    services: &BTreeSet<ServiceName>,
) -> BTreeSet<ServiceName> {
    match services.is_empty() {
        true => world.project.services.keys().cloned().collect(),
        false => services.clone(),
    }
}

/// The containers of these services, dependents first; services that the graph does not know last.
pub(super) fn reverse<'a>(
    world: &World<'a>,
    services: &BTreeSet<ServiceName>,
) -> Vec<(ServiceName, Vec<&'a Container>)> {
    let mut containers = by_service(world.observed);
    let mut order = world.graph.order();
    order.reverse();
    let unknown = services.iter().filter(|name| !world.graph.contains(name));
    order.extend(unknown.cloned());
    order
        .into_iter()
        .filter(|name| services.contains(name))
        .filter_map(|name| {
            let own = containers.remove(name.as_str())?;
            Some((name, own))
        })
        .collect()
}

/// The stops of a plan, so that dependents stop before what they depend on.
#[derive(Debug, Default)]
pub(super) struct Stops {
    of: BTreeMap<ServiceName, Vec<StepId>>,
}

impl Stops {
    /// Stops a container after those of its dependents; its hooks first. None where it is down:
    /// then what has to come before is what its dependents' stops are.
    pub(super) fn stop(
        &mut self,
        steps: &mut Builder,
        world: &World<'_>,
        container: &Container,
        (cause, grace): (Cause, Option<Duration>),
    ) -> Vec<StepId> {
        if !is_up(container.state) {
            return Vec::new();
        }
        let service = &container.service;
        let mut after: Vec<StepId> = world
            .graph
            .dependents(service)
            .into_iter()
            .filter_map(|(dependent, _)| self.of.get(dependent))
            .flatten()
            .copied()
            .collect();
        let hooks = match world.project.services.get(service) {
            Some(service) if container.state == State::Running => service.pre_stop.len(),
            _ => 0,
        };
        for index in 0..hooks {
            after = vec![hook(steps, container, (HookKind::PreStop, index), after)];
        }
        let action = Action::Stop {
            container: Target::of(container),
            service: service.clone(),
            grace,
        };
        let id = steps.step(action, cause).after(after).add();
        self.of.entry(service.clone()).or_default().push(id);
        vec![id]
    }

    /// Lets a service that has nothing to stop stand for what its dependents stop.
    pub(super) fn pass_on(&mut self, world: &World<'_>, service: &ServiceName) {
        if self.of.contains_key(service) {
            return;
        }
        let dependents = world.graph.dependents(service);
        let passed: Vec<StepId> = dependents
            .into_iter()
            .filter_map(|(dependent, _)| self.of.get(dependent))
            .flatten()
            .copied()
            .collect();
        self.of.insert(service.clone(), passed);
    }
}

fn hook(
    steps: &mut Builder,
    container: &Container,
    (kind, index): (HookKind, usize),
    after: Vec<StepId>,
) -> StepId {
    let action = Action::Hook {
        container: Target::of(container),
        service: container.service.clone(),
        kind,
        index,
    };
    steps.step(action, Cause::Hook).after(after).add()
}

/// Plans `stop`.
pub fn stop(world: &World<'_>, services: &BTreeSet<ServiceName>, grace: Option<Duration>) -> Plan {
    let mut steps = Builder::default();
    let mut stops = Stops::default();
    let mut stopped = Vec::new();
    for (name, containers) in reverse(world, &selected(world, services)) {
        for container in containers {
            let stop = stops.stop(&mut steps, world, container, (Cause::Requested, grace));
            if stop.is_empty() {
                stopped.push((container.name.clone(), "Stopped"));
            }
        }
        stops.pass_on(world, &name);
    }
    let mut plan = steps.finish();
    plan.unchanged = stopped;
    plan
}

/// What a simple verb does to every container that is in the right state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Sends a signal to those that run.
    Kill(String),
    /// Freezes those that run.
    Pause,
    /// Thaws those that are frozen.
    Unpause,
}

/// Plans `kill`, `pause` and `unpause`: all at once, in no order.
pub fn signal(world: &World<'_>, services: &BTreeSet<ServiceName>, signal: &Signal) -> Plan {
    let mut steps = Builder::default();
    let mut containers = reverse(world, &selected(world, services));
    containers.sort_by(|a, b| a.0.cmp(&b.0));
    let containers = containers.into_iter().flat_map(|(_, own)| own);
    steps.signal(containers, signal, Cause::Requested);
    steps.finish()
}

/// Plans a signal for the containers whose service is gone.
pub fn signal_orphans(world: &World<'_>, signal: &Signal) -> Plan {
    let mut steps = Builder::default();
    steps.signal(super::orphans(world), signal, Cause::Orphan);
    steps.finish()
}

impl Builder {
    /// One step for each container that the signal means anything to.
    fn signal<'a>(
        &mut self,
        containers: impl IntoIterator<Item = &'a Container>,
        signal: &Signal,
        cause: Cause,
    ) {
        for container in containers {
            let target = Target::of(container);
            let action = match (signal, container.state) {
                (Signal::Kill(name), State::Running | State::Paused | State::Restarting) => {
                    Action::Kill {
                        container: target,
                        signal: name.clone(),
                    }
                }
                // The engine refuses to freeze what is frozen, as scripts expect.
                (Signal::Pause, State::Running | State::Paused) => {
                    Action::Pause { container: target }
                }
                (Signal::Unpause, State::Paused) => Action::Unpause { container: target },
                _ => continue,
            };
            self.step(action, cause.clone()).add();
        }
    }
}

/// Plans `start`: the containers of these services that are there, gates included; and with `wait`
/// until they run or are healthy.
///
/// # Errors
/// A service that wants a container and has none.
pub fn start(
    world: &World<'_>,
    services: &BTreeSet<ServiceName>,
    limit: Option<Wait>,
) -> Result<Plan, Diagnostic> {
    let chosen = selected(world, services);
    let containers = by_service(world.observed);
    for name in &chosen {
        let wanted = world.project.services.get(name).map_or(0, super::scale);
        if wanted > 0 && !containers.contains_key(name.as_str()) {
            return Err(
                Diagnostic::error(format!("service \"{name}\" has no container to start"))
                    .hint(format!("`dco up -d {name}` creates it")),
            );
        }
    }
    let mut starts = Starts::new(world);
    for name in world.graph.order() {
        if !chosen.contains(&name) {
            continue;
        }
        let own = containers.get(name.as_str()).map_or(&[][..], Vec::as_slice);
        starts.service(&name, own, |_| How::Start);
    }
    if let Some(limit) = limit {
        let one_shots = one_shots(world.project);
        for name in chosen
            .iter()
            .filter(|name| containers.contains_key(name.as_str()))
        {
            let Some(service) = world.project.services.get(name) else {
                continue;
            };
            let gate = wait::gate((name, service), &one_shots, limit);
            let after = starts.ends.get(name).cloned().unwrap_or_default();
            starts.await_gate(&gate, &after);
        }
    }
    Ok(starts.steps.finish())
}

/// What `restart` is asked for.
#[derive(Clone, Debug, Default)]
pub struct RestartPolicy {
    /// The services named on the command line; empty for all.
    pub services: BTreeSet<ServiceName>,
    /// Whether dependents with `restart: true` are restarted too.
    pub dependents: Dependents,
    /// How long a stop may take; none for each container's own grace.
    pub grace: Option<Duration>,
}

/// Whether dependents with `restart: true` are restarted with what they depend on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dependents {
    /// They are.
    #[default]
    Restart,
    /// They are left alone (`--no-deps`).
    Leave,
}

/// Plans `restart`: in place, in the order of dependencies, gates included.
pub fn restart(world: &World<'_>, policy: &RestartPolicy) -> Plan {
    let mut chosen = selected(world, &policy.services);
    let containers = by_service(world.observed);
    let mut starts = Starts::new(world);
    for name in world.graph.order() {
        let follows = policy.dependents == Dependents::Restart
            && world.graph.dependencies(&name).iter().any(|(on, edge)| {
                matches!(edge, Edge::Declared(how) if how.restart) && chosen.contains(*on)
            });
        if follows {
            chosen.insert(name.clone());
        }
        if !chosen.contains(&name) {
            continue;
        }
        let own = containers.get(name.as_str()).map_or(&[][..], Vec::as_slice);
        starts.service(&name, own, |_| How::Restart(policy.grace));
    }
    starts.steps.finish()
}

enum How {
    Start,
    Restart(Option<Duration>),
}

/// Starts of containers that are there, in the order of dependencies.
struct Starts<'a> {
    world: &'a World<'a>,
    steps: Builder,
    ends: BTreeMap<ServiceName, Vec<StepId>>,
    up: BTreeSet<&'a str>,
    gates: Vec<(Gate, StepId)>,
}

impl<'a> Starts<'a> {
    fn new(world: &'a World<'a>) -> Self {
        let containers = world.observed.containers.iter();
        let up = containers
            .filter(|one| !one.one_off && is_up(one.state))
            .map(|one| one.service.as_str())
            .collect();
        Self {
            world,
            steps: Builder::default(),
            ends: BTreeMap::new(),
            up,
            gates: Vec::new(),
        }
    }

    fn service(
        &mut self,
        name: &ServiceName,
        containers: &[&'a Container],
        how: impl Fn(&Container) -> How,
    ) {
        let project = self.world.project;
        let mut ready: Option<Vec<StepId>> = None;
        let mut ends = Vec::new();
        for &container in containers {
            let target = Target::of(container);
            let up = is_up(container.state);
            let action = match how(container) {
                How::Start if container.state == State::Paused => Action::Unpause {
                    container: target.clone(),
                },
                How::Start if up => continue,
                How::Start => Action::Start {
                    container: target.clone(),
                    service: name.clone(),
                },
                How::Restart(grace) => Action::Restart {
                    container: target.clone(),
                    service: name.clone(),
                    grace,
                },
            };
            let mut after = match &ready {
                Some(ready) => ready.clone(),
                None => ready.insert(self.ready(name)).clone(),
            };
            let own = project.services.get(name);
            let restarted = matches!(action, Action::Restart { .. }) && up;
            let pre_stop = own
                .filter(|_| restarted)
                .map_or(0, |own| own.pre_stop.len());
            for index in 0..pre_stop {
                after = vec![hook(
                    &mut self.steps,
                    container,
                    (HookKind::PreStop, index),
                    after,
                )];
            }
            let cause = match restarted {
                true => Cause::Requested,
                false => Cause::NotRunning,
            };
            let mut last = self.steps.step(action, cause).after(after).add();
            for index in 0..own.map_or(0, |own| own.post_start.len()) {
                let kind = (HookKind::PostStart, index);
                last = hook(&mut self.steps, container, kind, vec![last]);
            }
            ends.push(last);
        }
        self.ends.insert(name.clone(), ends);
    }

    /// What has to be done before a container of the service starts.
    fn ready(&mut self, name: &ServiceName) -> Vec<StepId> {
        let mut ready = Vec::new();
        for (dependency, edge) in self.world.graph.dependencies(name) {
            let starts = self.ends.get(dependency).cloned().unwrap_or_default();
            let there = !starts.is_empty() || self.up.contains(dependency.as_str());
            let gates: Vec<Gate> = self
                .world
                .edges
                .of(name)
                .filter(|edge| edge.dependency == *dependency)
                .flat_map(|edge| edge.gates.clone())
                .filter(|gate| there || gate.strength != Strength::Soft)
                .collect();
            for gate in &gates {
                ready.push(self.await_gate(gate, &starts));
            }
            if gates.is_empty() && matches!(edge, Edge::Declared(how) if how.required.0) {
                ready.extend(starts);
            }
        }
        for edge in self.world.edges_beside(name) {
            if self.up.contains(edge.dependency.as_str()) {
                let gates = edge.gates.iter();
                ready.extend(gates.map(|gate| self.await_gate(gate, &[])));
            }
        }
        ready
    }

    fn await_gate(&mut self, gate: &Gate, after: &[StepId]) -> StepId {
        let same = |other: &Gate| {
            Gate {
                because: gate.because.clone(),
                ..other.clone()
            } == *gate
        };
        if let Some((_, step)) = self.gates.iter().find(|(other, _)| same(other)) {
            return *step;
        }
        let cause = Cause::Edge(gate.because.clone());
        let step = self.steps.step(Action::Await(gate.clone()), cause);
        let id = step.after(after.iter().copied()).add();
        self.gates.push((gate.clone(), id));
        id
    }
}
