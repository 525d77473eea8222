//! Walks a plan: ready steps run side by side, gates wait, outcomes come back. Decides nothing.
//!
//! A failed step skips what comes after it and lets calls in flight end. The first interrupt lets
//! calls in flight end too and begins nothing new; the second leaves at once. Everything runs on
//! the caller's task: dropping the future stops it.

mod autopsy;
mod check;
mod create;
mod gate;
mod hooks;
mod images;
mod interrupt;
mod outcome;
mod resources;
mod site;
mod start;
mod step;

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

pub use autopsy::Autopsy;
pub use hooks::run_hook;
pub use images::{BuildImage, Carrier, platform};
pub use interrupt::Interrupts;
pub use outcome::{Outcome, Report, Started, StepReport};
pub use site::{Checks, Cleanup, OneOff, Site, Stamps, Tools};

use crate::diagnostic::Diagnostic;
use crate::plan::{Action, Plan, Step, StepId, When};

/// As many creates, starts and removals run at once: the engine gains nothing beyond this on a few
/// cores, and with many more its locks cost.
const CALLS_AT_ONCE: usize = 16;

/// Does a plan.
pub async fn execute(plan: &Plan, site: &Site<'_>, interrupts: &mut Interrupts) -> Report {
    let mut walk = Walk::new(plan, site);
    let refused = site.check_all(plan);
    if !refused.is_empty() {
        return walk.refuse(refused);
    }
    walk.settle_ready();
    let mut running = FuturesUnordered::new();
    loop {
        while let Some(step) = walk.next() {
            let began = walk.start.elapsed();
            running.push(async move { (step, began, site.run(plan, step).await) });
        }
        if running.is_empty() {
            break;
        }
        tokio::select! {
            biased;
            seen = interrupts.next() => {
                walk.interrupt();
                if seen > 1 {
                    break;
                }
            }
            ended = running.next() => {
                let Some((step, began, result)) = ended else { break };
                walk.ended(step, began, result);
            }
        }
    }
    drop(running);
    let mut report = walk.finish();
    report.interrupts = interrupts.seen();
    if site.cleanup == Cleanup::NeverStarted && report.failures().next().is_some() {
        report.cleaned_up = site.remove_never_started(plan, &report).await;
    }
    site.hand_over(&mut report);
    report
}

/// Where the execution stands.
struct Walk<'p, 's, 't> {
    plan: &'p Plan,
    site: &'s Site<'t>,
    start: Instant,
    outcomes: Vec<Option<StepReport>>,
    /// For each step, how many it waits for; and who waits for it.
    waits: Vec<usize>,
    waiting: Vec<Vec<StepId>>,
    /// Steps that may run, in the plan's order.
    ready: std::collections::BTreeSet<StepId>,
    /// Steps whose turn it is to be looked at.
    due: Vec<StepId>,
    calls: usize,
    interrupted: bool,
}

impl<'p, 's, 't> Walk<'p, 's, 't> {
    fn new(plan: &'p Plan, site: &'s Site<'t>) -> Self {
        let count = plan.steps.len();
        let mut walk = Self {
            plan,
            site,
            start: Instant::now(),
            outcomes: vec![None; count],
            waits: vec![0; count],
            waiting: vec![Vec::new(); count],
            ready: std::collections::BTreeSet::new(),
            due: Vec::new(),
            calls: 0,
            interrupted: false,
        };
        for step in &plan.steps {
            let mut before = step.after.clone();
            if let When::Failed(steps) = &step.when {
                before.extend(steps);
            }
            before.sort_unstable();
            before.dedup();
            walk.waits[index(step.id)] = before.len();
            for earlier in before {
                walk.waiting[index(earlier)].push(step.id);
            }
        }
        walk.due = plan
            .steps
            .iter()
            .map(|step| step.id)
            .filter(|id| walk.waits[index(*id)] == 0)
            .collect();
        walk
    }

    fn step(&self, id: StepId) -> &'p Step {
        &self.plan.steps[index(id)]
    }

    fn outcome(&self, id: StepId) -> &Outcome {
        let report = self.outcomes[index(id)].as_ref();
        &report.expect("what a step waits for has ended").outcome
    }

    /// Looks at every step whose predecessors have ended.
    fn settle_ready(&mut self) {
        while let Some(id) = self.due.pop() {
            match self.decide(self.step(id)) {
                None => {
                    self.ready.insert(id);
                }
                Some(outcome) => {
                    let now = self.start.elapsed();
                    self.record(id, outcome, now);
                }
            }
        }
    }

    /// What becomes of a step without running it; none where it runs.
    fn decide(&self, step: &Step) -> Option<Outcome> {
        if let When::Failed(steps) = &step.when {
            let failed = |id: &StepId| {
                matches!(
                    self.outcome(*id),
                    Outcome::Failed(_) | Outcome::Tolerated(_)
                )
            };
            return match steps.iter().any(failed) {
                true => None,
                false => Some(Outcome::NotNeeded),
            };
        }
        if self.interrupted {
            return Some(Outcome::Cancelled);
        }
        let soft = matches!(&step.action, Action::Await(gate)
            if gate.strength != crate::gate::Strength::Declared);
        for &earlier in &step.after {
            match self.outcome(earlier) {
                outcome if outcome.lets_on() => {}
                // What never came up need not be waited for.
                _ if soft => return Some(Outcome::NotNeeded),
                Outcome::Skipped { because_of } => {
                    return Some(Outcome::Skipped {
                        because_of: *because_of,
                    });
                }
                Outcome::Cancelled => return Some(Outcome::Cancelled),
                _ => {
                    return Some(Outcome::Skipped {
                        because_of: earlier,
                    });
                }
            }
        }
        let needed = match &step.when {
            When::Always | When::Failed(_) => true,
            When::Done(id) => *self.outcome(*id) == Outcome::Done,
            When::NotDone(id) => *self.outcome(*id) == Outcome::NotNeeded,
            When::ImageChanged(renewals) => renewals.iter().any(|it| self.site.is_another(it)),
        };
        (!needed).then_some(Outcome::NotNeeded)
    }

    /// The next step to run, if one may.
    fn next(&mut self) -> Option<&'p Step> {
        let limit = self.site.tools.at_once;
        let free = self.calls < limit.unwrap_or(CALLS_AT_ONCE);
        let may = |id: &&StepId| free || !self.is_bounded(self.step(**id));
        let id = *self.ready.iter().find(may)?;
        self.ready.remove(&id);
        let step = self.step(id);
        self.calls += usize::from(self.is_bounded(step));
        Some(step)
    }

    /// Whether a step counts against the limit; pulls and builds only count against the user's own.
    fn is_bounded(&self, step: &Step) -> bool {
        match &step.action {
            Action::Pull { .. } | Action::Build { .. } => self.site.tools.at_once.is_some(),
            action => is_bounded(action),
        }
    }

    fn ended(&mut self, step: &Step, began: Duration, result: Result<(), Diagnostic>) {
        self.calls -= usize::from(self.is_bounded(step));
        let outcome = match result {
            Ok(()) => Outcome::Done,
            Err(_) if self.interrupted && matches!(step.action, Action::Await(_)) => {
                Outcome::Cancelled
            }
            Err(diagnostic) if self.has_alternative(step) => Outcome::Tolerated(diagnostic),
            Err(diagnostic) => Outcome::Failed(diagnostic),
        };
        self.record(step.id, outcome, began);
        self.settle_ready();
    }

    /// Whether another step brings about what this one failed to: a build in place of a pull.
    fn has_alternative(&self, step: &Step) -> bool {
        matches!(step.action, Action::Pull { .. })
            && self.waiting[index(step.id)].iter().any(|later| {
                matches!(&self.step(*later).when, When::Failed(steps) if steps.contains(&step.id))
            })
    }

    fn record(&mut self, id: StepId, outcome: Outcome, began: Duration) {
        self.outcomes[index(id)] = Some(StepReport {
            id,
            outcome,
            began,
            ended: self.start.elapsed(),
        });
        for later in self.waiting[index(id)].clone() {
            let left = &mut self.waits[index(later)];
            *left -= 1;
            if *left == 0 {
                self.due.push(later);
            }
        }
    }

    /// Begins nothing at all, because of what is known before.
    fn refuse(mut self, refused: Vec<(StepId, Diagnostic)>) -> Report {
        let because_of = refused[0].0;
        let now = self.start.elapsed();
        let mut refused: std::collections::BTreeMap<_, _> = refused.into_iter().collect();
        for step in &self.plan.steps {
            let outcome = match (refused.remove(&step.id), &step.when) {
                (Some(finding), _) => Outcome::Failed(finding),
                (None, When::Failed(_)) => Outcome::NotNeeded,
                (None, _) => Outcome::Skipped { because_of },
            };
            self.outcomes[index(step.id)] = Some(StepReport {
                id: step.id,
                outcome,
                began: now,
                ended: now,
            });
        }
        self.finish()
    }

    /// Begins nothing new, and ends the waits.
    fn interrupt(&mut self) {
        self.interrupted = true;
        self.site.cancel();
        for id in std::mem::take(&mut self.ready) {
            let now = self.start.elapsed();
            self.record(id, Outcome::Cancelled, now);
        }
        self.settle_ready();
    }

    fn finish(self) -> Report {
        let now = self.start.elapsed();
        let steps = self.outcomes.into_iter().zip(&self.plan.steps);
        let steps = steps.map(|(report, step)| {
            report.unwrap_or(StepReport {
                id: step.id,
                outcome: Outcome::Cancelled,
                began: now,
                ended: now,
            })
        });
        Report {
            steps: steps.collect(),
            ..Report::default()
        }
    }
}

fn index(id: StepId) -> usize {
    id.0 as usize - 1
}

/// Whether a step counts against [`CALLS_AT_ONCE`]: what may take long without the engine working
/// does not.
fn is_bounded(action: &Action) -> bool {
    !matches!(
        action,
        Action::Await(_)
            | Action::Stop { .. }
            | Action::Restart { .. }
            | Action::Hook { .. }
            | Action::PreStart { .. }
            | Action::Pull { .. }
            | Action::Build { .. }
            | Action::ImagesReady
    )
}
