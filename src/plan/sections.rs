//! One service's part of `up`, from the first stop to the last hook: what of it is started, restarted
//! and stopped, in which order.

use super::fates::{Fate, Fates, ReplicaFate, ServiceFate, Trigger};
use super::replicas::is_up;
use super::request::Extent;
use super::up::Up;
use super::{Action, Cause, HookKind, StepId, Target, When};
use crate::graph::Edge;
use crate::name::ServiceName;

/// A container of a service that is about to start.
pub(super) struct Starting<'s> {
    pub(super) fate: &'s ServiceFate<'s>,
    /// What has to be done before.
    pub(super) ready: Vec<StepId>,
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
    pub(super) fn start(
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
    pub(super) fn start_steps(
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
    pub(super) fn dependents_stopped(&self, one: &ReplicaFate<'_>) -> Vec<StepId> {
        let dependents = self.world.graph.dependents(&one.replica.service);
        dependents
            .into_iter()
            .filter(|(_, edge)| matches!(edge, Edge::Declared(how) if how.restart))
            .filter_map(|(dependent, _)| self.disturbed.get(dependent).copied())
            .filter(|step| matches!(self.steps.get(*step).action, Action::Stop { .. }))
            .collect()
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

fn bounced(trigger: &Trigger) -> Cause {
    match trigger {
        Trigger::Service(other) => Cause::Cascade(other.clone()),
        _ => Cause::Requested,
    }
}
