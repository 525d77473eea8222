//! How one container takes the place of another, so that an interruption between any two steps
//! loses nothing, and how a name is given back that an interruption kept.

use super::fates::{Fate, ReplicaFate, Trigger};
use super::observed::Container;
use super::replicas::is_up;
use super::request::Extent;
use super::sections::Starting;
use super::up::Up;
use super::{Action, Cause, StepId, Target, Volumes, When};

impl<'a> Up<'a> {
    /// Lets the new container take the place of the old one.
    pub(super) fn replace(
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
        let renamed = self.rename(&new, &one.replica.name, (after, when));
        let service = one.replica.service.clone();
        self.renames.entry(service).or_default().push(renamed);
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

    fn rename(
        &mut self,
        container: &Target,
        to: &str,
        (after, when): (Vec<StepId>, When),
    ) -> StepId {
        let action = Action::Rename {
            container: container.clone(),
            to: to.to_owned(),
        };
        let freed = self.removed.get(to).copied();
        let step = self.steps.step(action, Cause::Replaced).after(after);
        step.after(freed).when(when).add()
    }

    /// Gives a container its final name that an interrupted command left with its temporary one.
    pub(super) fn rename_back(&mut self, one: &ReplicaFate<'_>) {
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
}
