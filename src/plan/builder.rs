//! Puts a plan together: numbers the steps and keeps their edges in order.

use super::{Action, Cause, Plan, Step, StepId, When};

/// A plan in the making.
#[derive(Debug, Default)]
pub(super) struct Builder {
    steps: Vec<Step>,
}

/// A step that is being described; [`Draft::add`] makes it part of the plan.
pub(super) struct Draft<'b> {
    builder: &'b mut Builder,
    action: Action,
    cause: Cause,
    after: Vec<StepId>,
    when: When,
}

impl Builder {
    /// Begins a step.
    pub(super) fn step(&mut self, action: Action, cause: Cause) -> Draft<'_> {
        Draft {
            builder: self,
            action,
            cause,
            after: Vec::new(),
            when: When::Always,
        }
    }

    /// The plan.
    pub(super) fn finish(self) -> Plan {
        Plan {
            steps: self.steps,
            unchanged: Vec::new(),
        }
    }

    /// A step that was added.
    pub(super) fn get(&self, id: StepId) -> &Step {
        &self.steps[id.0 as usize - 1]
    }
}

impl Draft<'_> {
    /// Adds steps that have to be done before.
    pub(super) fn after(mut self, steps: impl IntoIterator<Item = StepId>) -> Self {
        self.after.extend(steps);
        self
    }

    /// Sets the condition; a step it looks at comes before.
    pub(super) fn when(mut self, when: When) -> Self {
        match &when {
            // The way back does not come after what failed: it stands in for it.
            When::Always | When::Failed(_) => {}
            When::ImageChanged(renewals) => self.after.extend(renewals.iter().map(|it| it.step)),
            When::Done(step) | When::NotDone(step) => self.after.push(*step),
        }
        self.when = when;
        self
    }

    /// Makes it part of the plan.
    pub(super) fn add(mut self) -> StepId {
        self.after.sort_unstable();
        self.after.dedup();
        let id = StepId(self.builder.steps.len() as u32 + 1);
        debug_assert!(self.after.iter().all(|step| *step < id));
        self.builder.steps.push(Step {
            id,
            action: self.action,
            cause: self.cause,
            after: self.after,
            when: self.when,
        });
        id
    }
}
