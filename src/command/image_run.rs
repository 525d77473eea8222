//! What `build` and `pull` do, as a run that is remembered: `why` tells from it where an image came
//! from, and `timeline` what took how long.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use super::Context;
use crate::engine::Engine;
use crate::history::{Ending, Run, StepOutcome, StepRecord, Store};
use crate::name::{ImageId, ServiceName};
use crate::plan::Cause;

/// A run in the making.
pub(super) struct ImageRun {
    verb: &'static str,
    at: i64,
    begun: Instant,
    steps: RefCell<Vec<StepRecord>>,
}

impl ImageRun {
    /// Begins one of a verb, whose steps are of that kind.
    pub(super) fn begin(verb: &'static str) -> Self {
        Self {
            verb,
            at: jiff::Timestamp::now().as_millisecond(),
            begun: Instant::now(),
            steps: RefCell::default(),
        }
    }

    /// How long it goes on.
    pub(super) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Takes a service's image in that is done since then, or failed where it has no id.
    pub(super) fn ended(
        &self,
        service: &ServiceName,
        since: Duration,
        (reference, id): (&str, Option<&ImageId>),
    ) {
        let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        let mut steps = self.steps.borrow_mut();
        let number = u32::try_from(steps.len()).unwrap_or(u32::MAX);
        steps.push(StepRecord {
            id: number.saturating_add(1),
            what: format!("{} {service}", self.verb),
            kind: self.verb.to_owned(),
            service: Some(service.to_string()),
            image: id.map(|id| (reference.to_owned(), id.to_string())),
            cause: Cause::Requested.to_string(),
            began: micros(since),
            ended: micros(self.elapsed()),
            outcome: match id {
                Some(_) => StepOutcome::Done,
                None => StepOutcome::Failed,
            },
            ..StepRecord::default()
        });
    }

    /// Remembers it with the project, where it did something.
    pub(super) fn remember(self, cx: &Context, engine: &Engine, project: &str) {
        let steps = self.steps.into_inner();
        let Some(state) = cx.state_dir().filter(|_| !steps.is_empty()) else {
            return;
        };
        let failed = steps.iter().any(|step| step.outcome == StepOutcome::Failed);
        let run = Run {
            verb: self.verb.to_owned(),
            at: self.at,
            took: steps.iter().map(|step| step.ended).max().unwrap_or(0),
            ending: match failed {
                true => Ending::Failed,
                false => Ending::Done,
            },
            steps,
        };
        let store = Store::of(&state, project, &engine.endpoint().to_string());
        if let Err(error) = store.update(|history| history.add(run)) {
            tracing::warn!(target: "dco::history", %error, "what was done is not remembered");
        }
    }
}
