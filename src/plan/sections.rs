//! One service's part of `up`: what its containers wait for, and how each is started, replaced,
//! restarted or attached again.

use super::fates::{Fate, Fates, ReplicaFate, ServiceFate, Trigger};
use super::observed::Container;
use super::replicas::is_up;
use super::request::{Extent, Wait};
use super::up::Up;
use super::wait;
use super::{Action, Cause, HookKind, StepId, Target, Volumes, When};
use crate::gate::{Because, Condition, Gate, Reach, Strength};
use crate::graph::Edge;
use crate::name::ServiceName;

/// A container of a service that is about to start.
struct Starting<'s> {
    fate: &'s ServiceFate<'s>,
    /// What has to be done before.
    ready: Vec<StepId>,
}

impl<'a> Up<'a> {
    /// Everything of a service from the first stop to the last hook.
    pub(super) fn service(
        &mut self,
        name: &ServiceName,
        fate: &ServiceFate<'a>,
        fates: &Fates<'a>,
    ) {
        if self.is_one_off(name) {
            return self.one_off(name, fate);
        }
        for (container, cause) in &fate.surplus {
            if !self.resources.is_gone(container) {
                let stop = self.stop(container, cause.clone(), [], When::Always);
                self.remove(container, cause.clone(), stop);
            }
        }
        let mut starting = Starting {
            fate,
            ready: Vec::new(),
        };
        if self.policy.extent == Extent::Start && self.starts(fate) {
            starting.ready = self.ready(name, fate);
            let hooks = self.pre_start(name, &starting);
            starting.ready.extend(hooks);
        }
        let mut ends = Vec::new();
        for one in &fate.replicas {
            if matches!(one.fate, Fate::Replace(..) | Fate::Bounce(..)) {
                self.stop_dependents(name, fates);
            }
            let connected = self.connect(one);
            ends.extend(self.replica(&starting, one, connected));
            self.rename_back(one);
        }
        self.ends.insert(name.clone(), ends);
    }

    /// Creates the container of `run`, once what it depends on is ready: who asked for it attaches
    /// and starts it.
    fn one_off(&mut self, name: &ServiceName, fate: &ServiceFate<'a>) {
        let mut after = self.made_of(name, fate.service);
        after.extend(self.ready(name, fate));
        for one in &fate.replicas {
            let action = Action::Create {
                replica: one.replica.clone(),
                replaces: None,
            };
            let step = self.steps.step(action, Cause::Requested);
            step.after(after.iter().copied()).add();
        }
    }

    /// Whether a container of the service is started, for certain or perhaps.
    fn starts(&self, fate: &ServiceFate<'_>) -> bool {
        fate.replicas.iter().any(|one| match &one.fate {
            Fate::Keep(there) => self.stopped.contains_key(&there.id),
            Fate::Thaw(_) => false,
            _ => true,
        })
    }

    fn replica(
        &mut self,
        starting: &Starting<'_>,
        one: &ReplicaFate<'a>,
        connected: Vec<StepId>,
    ) -> Vec<StepId> {
        let create_only = self.policy.extent == Extent::Create;
        match &one.fate {
            Fate::Create if create_only => Vec::new(),
            Fate::Create => {
                let step = self.created[&(one.replica.service.clone(), one.replica.number)];
                let target = Target::Planned {
                    step,
                    name: one.replica.name.clone(),
                };
                self.start(starting, target, Cause::Missing, (vec![step], When::Always))
            }
            Fate::Replace(old, _, trigger) => {
                self.replace(starting, one, (old, trigger), connected)
            }
            Fate::Bounce(there, trigger) => {
                let when = self.when(&one.replica.service, trigger, None);
                let cause = bounced(trigger);
                let stop = self.stop(there, cause.clone(), connected, when.clone());
                if let Some(stop) = stop {
                    self.disturbed
                        .entry(one.replica.service.clone())
                        .or_insert(stop);
                }
                let after = stop.into_iter().collect();
                self.start(starting, Target::of(there), cause, (after, when))
            }
            Fate::Keep(there) => match self.stopped.get(&there.id).copied() {
                Some(stopped) => {
                    let after = connected.into_iter().chain([stopped]).collect();
                    let cause = Cause::ResourceRebuilt("network".into());
                    self.start(starting, Target::of(there), cause, (after, When::Always))
                }
                None => connected,
            },
            Fate::Start(_) if create_only => connected,
            Fate::Start(there) => {
                let after = connected.into_iter().chain(self.barrier()).collect();
                let target = Target::of(there);
                self.start(starting, target, Cause::NotRunning, (after, When::Always))
            }
            Fate::Thaw(there) => {
                let action = Action::Unpause {
                    container: Target::of(there),
                };
                let after = connected.into_iter().chain(self.barrier());
                vec![
                    self.steps
                        .step(action, Cause::NotRunning)
                        .after(after)
                        .add(),
                ]
            }
        }
    }

    /// Starts a container and runs its hooks; the last step of that.
    fn start(
        &mut self,
        starting: &Starting<'_>,
        container: Target,
        cause: Cause,
        (after, when): (Vec<StepId>, When),
    ) -> Vec<StepId> {
        self.start_steps(starting, container, cause, (after, when))
            .pop()
            .into_iter()
            .collect()
    }

    /// Starts a container and runs its hooks, one after the other.
    fn start_steps(
        &mut self,
        starting: &Starting<'_>,
        container: Target,
        cause: Cause,
        (after, when): (Vec<StepId>, When),
    ) -> Vec<StepId> {
        let service = service_of(starting.fate);
        let action = Action::Start {
            container: container.clone(),
            service: service.clone(),
        };
        let step = self.steps.step(action, cause);
        let start = step
            .after(after)
            .after(starting.ready.iter().copied())
            .when(when.clone())
            .add();
        let mut steps = vec![start];
        for index in 0..starting.fate.service.post_start.len() {
            let hook = Action::Hook {
                container: container.clone(),
                service: service.clone(),
                kind: HookKind::PostStart,
                index,
            };
            let step = self.steps.step(hook, Cause::Hook);
            let step = step.after(steps.last().copied()).when(when.clone()).add();
            steps.push(step);
        }
        steps
    }

    /// Lets the new container take the place of the old one.
    fn replace(
        &mut self,
        starting: &Starting<'_>,
        one: &ReplicaFate<'a>,
        (old, trigger): (&'a Container, &Trigger),
        connected: Vec<StepId>,
    ) -> Vec<StepId> {
        let created = self.created[&(one.replica.service.clone(), one.replica.number)];
        let when = match trigger {
            Trigger::Always => When::Always,
            _ => When::Done(created),
        };
        let new = Target::Planned {
            step: created,
            name: one.replica.created_name(Some(&old.id)),
        };
        // A container that is detached or removed before its replacement is made cannot run again.
        let lost = self.resources.is_gone(old) || !self.resources.reconnect(old).is_empty();
        let was_up = is_up(old.state) && !lost;
        let mut after = vec![created];
        let mut ends = Vec::new();
        let mut may_fail = Vec::new();
        if !self.resources.is_gone(old) {
            let before = starting.ready.iter().copied().chain([created]);
            let before: Vec<StepId> = before.chain(self.dependents_stopped(one)).collect();
            let stop = self.stop(old, Cause::Replaced, before, when.clone());
            if let Some(stop) = stop {
                after = vec![stop];
                may_fail.push(stop);
            }
        }
        if self.policy.extent == Extent::Start {
            let steps = self.start_steps(
                starting,
                new.clone(),
                Cause::Replaced,
                (after, when.clone()),
            );
            may_fail.extend(&steps);
            after = steps.last().copied().into_iter().collect();
            ends.extend(&after);
        }
        if !self.resources.is_gone(old) {
            let action = Action::Remove {
                container: Target::of(old),
                volumes: Volumes::Keep,
            };
            let step = self.steps.step(action, Cause::Replaced).after(after);
            let removed = step.when(when.clone()).add();
            self.removed.insert(old.name.clone(), removed);
            after = vec![removed];
        }
        self.rename(&new, &one.replica.name, (after, when));
        if was_up && self.policy.extent == Extent::Start {
            self.way_back(&new, old, may_fail);
        }
        if *trigger != Trigger::Always && !is_up(old.state) && self.policy.extent == Extent::Start {
            let when = When::NotDone(created);
            let target = Target::of(old);
            ends.extend(self.start(starting, target, Cause::NotRunning, (connected, when)));
        }
        ends
    }

    /// If one of these steps fails, the new container goes and the old one runs again.
    fn way_back(&mut self, new: &Target, old: &Container, may_fail: Vec<StepId>) {
        let when = When::Failed(may_fail);
        let action = Action::Remove {
            container: new.clone(),
            volumes: Volumes::Keep,
        };
        let step = self.steps.step(action, Cause::Rollback);
        let removed = step.when(when.clone()).add();
        let action = Action::Start {
            container: Target::of(old),
            service: old.service.clone(),
        };
        let step = self.steps.step(action, Cause::Rollback);
        step.after([removed]).when(when).add();
    }

    fn rename(&mut self, container: &Target, to: &str, (after, when): (Vec<StepId>, When)) {
        let action = Action::Rename {
            container: container.clone(),
            to: to.to_owned(),
        };
        let freed = self.removed.get(to).copied();
        let step = self.steps.step(action, Cause::Replaced).after(after);
        step.after(freed).when(when).add();
    }

    /// Gives a container its final name that an interrupted command left with its temporary one.
    fn rename_back(&mut self, one: &ReplicaFate<'_>) {
        let there = match &one.fate {
            Fate::Replace(..) | Fate::Create => return,
            _ if !one.misnamed => return,
            fate => fate.existing().expect("all but a new one are there"),
        };
        let to = &one.replica.name;
        let action = Action::Rename {
            container: Target::of(there),
            to: to.clone(),
        };
        let after: Vec<StepId> = self.removed.get(to).copied().into_iter().collect();
        let step = self.steps.step(action, Cause::Leftover);
        step.after(after).after(self.images.ready).add();
    }

    /// Stops what has to be restarted when this service is replaced, so that it comes first.
    fn stop_dependents(&mut self, name: &ServiceName, fates: &Fates<'a>) {
        for (dependent, edge) in self.world.graph.dependents(name) {
            let Edge::Declared(how) = edge else { continue };
            let Some(fate) = fates.get(dependent).filter(|_| how.restart) else {
                continue;
            };
            self.stop_dependents(dependent, fates);
            for one in &fate.replicas {
                let Fate::Bounce(there, trigger) = &one.fate else {
                    continue;
                };
                let when = self.when(dependent, trigger, None);
                let stop = self.stop(there, bounced(trigger), [], when);
                if let Some(stop) = stop {
                    self.disturbed.entry(dependent.clone()).or_insert(stop);
                }
            }
        }
    }

    /// The stops of those that are restarted with this service.
    fn dependents_stopped(&self, one: &ReplicaFate<'_>) -> Vec<StepId> {
        let dependents = self.world.graph.dependents(&one.replica.service);
        dependents
            .into_iter()
            .filter(|(_, edge)| matches!(edge, Edge::Declared(how) if how.restart))
            .filter_map(|(dependent, _)| self.disturbed.get(dependent).copied())
            .filter(|step| matches!(self.steps.get(*step).action, Action::Stop { .. }))
            .collect()
    }

    /// Attaches a container that stays to the networks it lacks.
    fn connect(&mut self, one: &ReplicaFate<'a>) -> Vec<StepId> {
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
            network: key,
        };
        self.steps.step(action, cause).after(after).add()
    }

    /// What has to be done before a container of the service starts.
    fn ready(&mut self, name: &ServiceName, fate: &ServiceFate<'a>) -> Vec<StepId> {
        let mut ready = Vec::new();
        if !self.may_start_early(name, fate) {
            ready.extend(self.barrier());
        }
        if !fate.service.ports.is_empty() {
            ready.extend(&self.freed_ports);
        }
        let when = self.condition_of(fate);
        for (dependency, edge) in self.world.graph.dependencies(name) {
            let gates: Vec<Gate> = self.gates_between(name, dependency);
            let starts = self.ends.get(dependency).map_or(&[][..], Vec::as_slice);
            match edge {
                _ if !gates.is_empty() => {
                    // A soft gate lets on whatever becomes of the dependency; but what the file
                    // asks for has at least to be started.
                    let soft = gates.iter().any(|gate| gate.strength == Strength::Soft);
                    if matches!(edge, Edge::Declared(how) if how.required.0 && soft) {
                        ready.extend(starts);
                    }
                    for gate in gates {
                        ready.push(self.await_gate(gate, when.clone()));
                    }
                }
                _ if starts.is_empty() => {}
                Edge::Declared(how) if how.required.0 => ready.extend(starts),
                _ => {
                    let known = self.edges.get(&(name, dependency));
                    let gate = running(dependency, known.map(|edge| &edge.because));
                    ready.push(self.await_gate(gate, when.clone()));
                }
            }
        }
        ready
    }

    /// Nothing can be hurt by a service that is new, is not built here and serves no purpose by
    /// ending: it starts while images of others are still built or pulled.
    fn may_start_early(&self, name: &ServiceName, fate: &ServiceFate<'_>) -> bool {
        fate.service.build.is_none()
            && fate
                .replicas
                .iter()
                .all(|one| matches!(one.fate, Fate::Create))
            && !self.one_shots.contains(name)
    }

    /// The condition under which a container of the service starts at all.
    fn condition_of(&self, fate: &ServiceFate<'_>) -> When {
        let mut whens = fate.replicas.iter().filter_map(|one| {
            let name = &one.replica.service;
            match &one.fate {
                Fate::Keep(_) | Fate::Thaw(_) => None,
                Fate::Replace(old, _, trigger)
                    if *trigger != Trigger::Always && is_up(old.state) =>
                {
                    let created = self.created.get(&(name.clone(), one.replica.number));
                    Some(created.map_or(When::Always, |step| When::Done(*step)))
                }
                Fate::Bounce(_, trigger) => Some(self.when(name, trigger, None)),
                _ => Some(When::Always),
            }
        });
        let first = whens.next().unwrap_or_default();
        match whens.any(|when| when == When::Always) {
            true => When::Always,
            false => first,
        }
    }

    /// The gates of this edge that can open: the dependency is there, or will be.
    fn gates_between(&self, name: &ServiceName, dependency: &ServiceName) -> Vec<Gate> {
        let started = self
            .ends
            .get(dependency)
            .is_some_and(|ends| !ends.is_empty());
        let there = |up_only: bool| {
            self.running
                .get(dependency)
                .is_some_and(|up| *up || !up_only)
        };
        let edge = self.edges.get(&(name, dependency));
        edge.map_or(&[][..], |edge| &edge.gates)
            .iter()
            .filter(|gate| started || there(gate.strength == Strength::Soft))
            .cloned()
            .collect()
    }

    /// The step that waits for a gate; those that always stand are shared.
    fn await_gate(&mut self, gate: Gate, when: When) -> StepId {
        let same = |other: &Gate| {
            (&other.condition, other.strength, other.reach, other.limit)
                == (&gate.condition, gate.strength, gate.reach, gate.limit)
        };
        let mut known = self.gates.get(&gate.dependency).into_iter().flatten();
        let known = known.find(|(other, _)| same(other));
        if let Some((_, step)) = known.filter(|_| when == When::Always) {
            return *step;
        }
        let after = self.ends.get(&gate.dependency).cloned().unwrap_or_default();
        let cause = Cause::Edge(gate.because.clone());
        let step = self.steps.step(Action::Await(gate.clone()), cause);
        let id = step.after(after).when(when.clone()).add();
        if when == When::Always {
            let known = self.gates.entry(gate.dependency.clone()).or_default();
            known.push((gate, id));
        }
        id
    }

    /// Waits in the end for every service that wants a container, as `--wait` asks.
    pub(super) fn waits(&mut self, limit: Wait, fates: &Fates<'a>) {
        for (name, fate) in fates.iter().filter(|(_, fate)| !fate.replicas.is_empty()) {
            let gate = wait::gate((name, fate.service), &self.one_shots, limit);
            self.await_gate(gate, When::Always);
        }
    }

    /// Runs the hooks before the first container of a service that has none running.
    fn pre_start(&mut self, name: &ServiceName, starting: &Starting<'_>) -> Vec<StepId> {
        let fate = starting.fate;
        let runs = fate.replicas.iter().any(|one| {
            one.fate
                .existing()
                .is_some_and(|there| is_up(there.state) && !matches!(one.fate, Fate::Replace(..)))
        });
        let Some(first) = fate.replicas.first().filter(|_| !runs) else {
            return Vec::new();
        };
        let container = match &first.fate {
            Fate::Create | Fate::Replace(..) => Target::Planned {
                step: self.created[&(name.clone(), first.replica.number)],
                name: first.replica.name.clone(),
            },
            fate => Target::of(fate.existing().expect("it is not new")),
        };
        let when = self.condition_of(fate);
        let mut after: Vec<StepId> = starting.ready.clone();
        if let Target::Planned { step, .. } = &container {
            after.push(*step);
        }
        let mut steps = Vec::new();
        for index in 0..fate.service.pre_start.len() {
            let action = Action::PreStart {
                service: name.clone(),
                index,
                container: container.clone(),
            };
            let step = self.steps.step(action, Cause::Hook).after(after);
            let id = step.when(when.clone()).add();
            after = vec![id];
            steps.push(id);
        }
        steps
    }
}

fn service_of<'s>(fate: &'s ServiceFate<'_>) -> &'s ServiceName {
    &fate.replicas[0].replica.service
}

/// Waits until the dependency runs, and goes on if it does not.
fn running(dependency: &ServiceName, because: Option<&Because>) -> Gate {
    let depends_on = || Because {
        what: "depends_on".into(),
        place: None,
    };
    Gate {
        dependency: dependency.clone(),
        condition: Condition::Running,
        strength: Strength::Soft,
        reach: Reach::default(),
        limit: None,
        because: because.cloned().unwrap_or_else(depends_on),
    }
}

fn bounced(trigger: &Trigger) -> Cause {
    match trigger {
        Trigger::Service(other) => Cause::Cascade(other.clone()),
        _ => Cause::Requested,
    }
}
