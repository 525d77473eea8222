//! What a service waits for before its containers start: images, the starts of others, and gates.

use super::fates::{Fate, Fates, ServiceFate, Trigger, linked};
use super::replicas::is_up;
use super::request::Wait;
use super::up::Up;
use super::wait;
use super::{Action, Cause, StepId, When};
use crate::gate::{Because, Condition, Gate, Reach, Strength};
use crate::graph::Edge;
use crate::name::ServiceName;

impl<'a> Up<'a> {
    /// What has to be done before a container of the service starts.
    pub(super) fn ready(&mut self, name: &ServiceName, fate: &ServiceFate<'a>) -> Vec<StepId> {
        let mut ready = Vec::new();
        if !self.may_start_early(name, fate) {
            ready.extend(self.barrier());
        }
        if !fate.service.ports.is_empty() {
            ready.extend(&self.freed_ports);
        }
        // A link is looked up by the container's name, which a new one has only in the end.
        let renames = linked(fate.service).filter_map(|other| self.renames.get(other));
        ready.extend(renames.flatten());
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
        for edge in self.world.edges_beside(name) {
            for gate in self.gates_between(name, &edge.dependency) {
                ready.push(self.await_gate(gate, when.clone()));
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
    pub(super) fn condition_of(&self, fate: &ServiceFate<'_>) -> When {
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
