//! What became of a plan: of each step, and of the whole.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::diagnostic::{Diagnostic, Kind};
use crate::name::{ContainerId, ImageId, ServiceName};
use crate::plan::{Action, Cause, Plan, StepId, with_final_names};

/// What became of one step.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// Its condition was not met.
    NotNeeded,
    /// It failed, and another step stands in for it.
    Tolerated(Diagnostic),
    /// It failed.
    Failed(Diagnostic),
    /// It was not tried, because this one failed.
    Skipped {
        /// The step that failed.
        because_of: StepId,
    },
    /// It was not tried, or was given up, because the command was interrupted.
    Cancelled,
}

impl Outcome {
    /// Whether what comes after it may be done.
    pub(super) fn lets_on(&self) -> bool {
        matches!(self, Self::Done | Self::NotNeeded | Self::Tolerated(_))
    }
}

/// One step and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    /// The step.
    pub id: StepId,
    /// What became of it.
    pub outcome: Outcome,
    /// When it began, counted from the start of the execution.
    pub began: Duration,
    /// When it ended.
    pub ended: Duration,
}

/// What became of a plan.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Every step, in the plan's order.
    pub steps: Vec<StepReport>,
    /// How often the command was interrupted.
    pub interrupts: usize,
    /// The containers that were created, by the step that did it.
    pub created: Vec<(StepId, ContainerId)>,
    /// The containers that were started, in the order they were.
    pub started: Vec<Started>,
    /// The images as they were in the end, by reference.
    pub images: BTreeMap<String, ImageId>,
    /// The containers of which a card was shown.
    pub explained: BTreeSet<ContainerId>,
    /// Containers that were created, never started, and removed again because something failed.
    pub cleaned_up: Vec<String>,
}

/// A container that was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// Its service.
    pub service: crate::name::ServiceName,
    /// Its id.
    pub id: ContainerId,
    /// Its final name.
    pub name: String,
    /// When, counted from the start of the execution.
    pub at: Duration,
}

impl Report {
    /// What became of a step.
    pub fn outcome(&self, id: StepId) -> &Outcome {
        &self.steps[id.0 as usize - 1].outcome
    }

    /// When the last container was started, counted from the start of the execution.
    pub fn started_at(&self) -> Duration {
        self.started
            .iter()
            .map(|one| one.at)
            .max()
            .unwrap_or_default()
    }

    /// Whether every step was done or needed not be.
    pub fn succeeded(&self) -> bool {
        self.interrupts == 0 && self.steps.iter().all(|step| step.outcome.lets_on())
    }

    /// Whether a call was made whose end nobody saw.
    pub fn has_lost_the_engine(&self) -> bool {
        self.failures().any(|(_, one)| one.kind == Kind::EngineLost)
    }

    /// The failures, in the plan's order.
    pub fn failures(&self) -> impl Iterator<Item = (StepId, &Diagnostic)> {
        self.steps.iter().filter_map(|step| match &step.outcome {
            Outcome::Failed(diagnostic) => Some((step.id, diagnostic)),
            _ => None,
        })
    }

    /// The failures as they are told: each with what was skipped because of it; a lost engine once,
    /// and a way back that failed with what it was the way back from.
    pub fn diagnostics(&self, plan: &Plan) -> Vec<Diagnostic> {
        let mut told: Vec<Diagnostic> = Vec::new();
        let mut stay_down: Vec<String> = Vec::new();
        for (id, diagnostic) in self.failures() {
            let step = &plan.steps[id.0 as usize - 1];
            if step.cause == Cause::Rollback {
                stay_down.extend(match &step.action {
                    Action::Start { container, .. } => Some(with_final_names(container.name())),
                    _ => None,
                });
                continue;
            }
            let skipped = self.skipped(plan, id);
            let known = told.iter().any(|told| {
                let lost = [told.kind, diagnostic.kind] == [Kind::EngineLost; 2];
                lost || told.message == diagnostic.message
            });
            if known {
                continue;
            }
            told.push(match skipped.is_empty() {
                true => diagnostic.clone(),
                false => diagnostic
                    .clone()
                    .hint(format!("because of this, not done: {skipped}")),
            });
        }
        if let (Some(first), false) = (told.first_mut(), stay_down.is_empty()) {
            first.hints.push(format!(
                "not running again: {}; the next `dco up` goes on from here",
                stay_down.join(", ")
            ));
        }
        told
    }

    /// The starts that did not happen because of a failure: `start app-web-1, start app-api-1`.
    fn skipped(&self, plan: &Plan, failed: StepId) -> String {
        let own: &[ServiceName] = match &plan.steps[failed.0 as usize - 1].action {
            Action::Create { replica, .. } => std::slice::from_ref(&replica.service),
            Action::Build { service, .. } => std::slice::from_ref(service),
            Action::Pull { services, .. } => services,
            _ => &[],
        };
        let starts = self.steps.iter().filter_map(|step| {
            let because =
                matches!(step.outcome, Outcome::Skipped { because_of } if because_of == failed);
            let action = &plan.steps[step.id.0 as usize - 1].action;
            match action {
                // That its own containers do not start goes without saying.
                Action::Start { container, service } if because && !own.contains(service) => {
                    Some(format!("start {}", with_final_names(container.name())))
                }
                _ => None,
            }
        });
        starts.collect::<Vec<_>>().join(", ")
    }
}
