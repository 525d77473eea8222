//! The runs of one container, as the engine tells of them: how each ended, and what comes after.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bollard::models::ContainerState;
use jiff::Timestamp;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::Again;
use crate::engine::EngineEvent;
use crate::name::ContainerId;
use crate::text::moment;

/// Docker waits 100 ms at least before it starts a container again, and Podman cleans up after the
/// last run for longer; within this, the lines that it wrote at its end are logged.
const LEAST_WAIT: Duration = Duration::from_millis(90);

/// How one run of a container ended.
pub(super) struct End {
    pub(super) status: i64,
    pub(super) at: Timestamp,
    pub(super) then: Then,
    /// A moment after its last line and before the first of the next run, where it is known.
    pub(super) next: Option<String>,
}

/// What comes after the end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Nothing: it has ended for good.
    Nothing,
    /// The engine will start it again.
    Waiting,
    /// It has been started again.
    Running,
}

impl End {
    pub(super) fn again(&self) -> Again {
        match self.then {
            Then::Nothing => Again::No,
            Then::Waiting | Then::Running => Again::Yes,
        }
    }
}

/// The end of a run as its event tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Death {
    pub(super) status: i64,
    pub(super) at: Timestamp,
}

/// What the engine has told of one container.
pub(super) struct Runs {
    id: ContainerId,
    events: Option<Receiver<Arc<EngineEvent>>>,
    /// Ends that nobody has taken up.
    deaths: VecDeque<Death>,
    started: Timestamp,
    /// When it was stopped or removed.
    given_up: Timestamp,
    /// Ends up to here have been taken up.
    taken: Timestamp,
}

impl Runs {
    /// From now on.
    pub(super) fn new(id: &ContainerId, events: Option<Receiver<Arc<EngineEvent>>>) -> Self {
        Self {
            id: id.clone(),
            events,
            deaths: VecDeque::new(),
            started: Timestamp::MIN,
            given_up: Timestamp::MIN,
            taken: Timestamp::MIN,
        }
    }

    /// Waits until the engine tells something of the container; `None` where it tells no more.
    pub(super) async fn hear(&mut self) -> Option<()> {
        loop {
            match self.events.as_mut()?.recv().await {
                Ok(event) if event.actor.id == self.id.as_str() => {
                    self.note(&event);
                    return Some(());
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => self.events = None,
            }
        }
    }

    fn note(&mut self, event: &EngineEvent) {
        let at = event.at();
        match event.action.as_str() {
            "die" if at > self.taken => self.deaths.push_back(Death {
                status: event.exit_code().unwrap_or_default(),
                at,
            }),
            "start" => self.started = at,
            "stop" | "destroy" => self.given_up = at,
            _ => {}
        }
    }

    /// The end of a run after which the container has been started again.
    pub(super) fn passed(&mut self) -> Option<Death> {
        let death = *self.deaths.front()?;
        (self.started > death.at).then(|| self.take(death))
    }

    fn take(&mut self, death: Death) -> Death {
        self.taken = self.taken.max(death.at);
        self.deaths.retain(|other| other.at > death.at);
        death
    }

    /// The end of a run whose log has ended, the container being in `state` since. None where no
    /// run has ended that was not taken up: the engine only ended the log.
    pub(super) fn end(&mut self, state: &ContainerState) -> Option<End> {
        while let Some(Ok(event)) = self.events.as_mut().map(Receiver::try_recv) {
            if event.actor.id == self.id.as_str() {
                self.note(&event);
            }
        }
        let is = |flag: Option<bool>| flag.unwrap_or(false);
        // A container that waits for its restart is running, too, in the engine's words.
        let then = match (is(state.restarting), is(state.running)) {
            (true, _) => Then::Waiting,
            (false, false) => Then::Nothing,
            // Its state is that of the next run by now, if any has ended.
            (false, true) => {
                let first = *self.deaths.front()?;
                let Death { status, at } = self.take(first);
                return Some(End {
                    status,
                    at,
                    then: Then::Running,
                    next: Some(moment::seconds(at)),
                });
            }
        };
        let finished = state.finished_at.as_deref().map(str::parse);
        let at: Timestamp = finished.and_then(Result::ok).unwrap_or_default();
        let next = match then {
            Then::Nothing => self.deaths.back().map(|death| death.at),
            _ => Some(at + LEAST_WAIT),
        };
        let status = state.exit_code.unwrap_or_default();
        let upto = next.unwrap_or(at);
        self.take(Death { status, at: upto });
        Some(End {
            status,
            at,
            then,
            next: next.map(moment::seconds),
        })
    }

    /// Waits until the container is started again after the end of a run, or will not be.
    pub(super) async fn moved_on(&mut self, ended: Timestamp) -> Option<()> {
        while self.started.max(self.given_up) <= ended {
            self.hear().await?;
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn event(action: &str, second: i64) -> Arc<EngineEvent> {
        let mut event = EngineEvent {
            action: action.to_owned(),
            time: second,
            ..EngineEvent::default()
        };
        event.actor.id = "c".to_owned();
        let code = ("exitCode".to_owned(), second.to_string());
        event.actor.attributes.extend([code]);
        Arc::new(event)
    }

    /// The end that is made out of a state, after these events.
    fn end(events: &[(&str, i64)], state: (bool, bool), finished: i64) -> Option<(i64, Then)> {
        let (sender, receiver) = broadcast::channel(16);
        let mut runs = Runs::new(&ContainerId::from("c"), Some(receiver));
        for (action, second) in events {
            sender.send(event(action, *second)).unwrap();
        }
        let state = ContainerState {
            restarting: Some(state.0),
            running: Some(state.1),
            exit_code: Some(7),
            finished_at: Some(at(finished).to_string()),
            ..ContainerState::default()
        };
        let end = runs.end(&state)?;
        Some((end.status, end.then))
    }

    #[test]
    fn a_run_that_is_over_ended_as_the_state_says() {
        let over = (false, false);
        assert_eq!(end(&[], over, 10), Some((7, Then::Nothing)));
        assert_eq!(end(&[("die", 10)], over, 10), Some((7, Then::Nothing)));
    }

    #[test]
    fn a_run_that_will_be_followed_by_another_ended_as_the_state_says() {
        assert_eq!(
            end(&[("die", 10)], (true, true), 10),
            Some((7, Then::Waiting))
        );
    }

    #[test]
    fn a_run_that_another_followed_ended_as_its_event_says() {
        let running = (false, true);
        let again = [("die", 10), ("start", 11)];
        assert_eq!(end(&again, running, 10), Some((10, Then::Running)));
        // Each of two is told.
        let twice = [("die", 10), ("start", 11), ("die", 12), ("start", 13)];
        assert_eq!(end(&twice, running, 12), Some((10, Then::Running)));
        // A start that is older than the end says nothing of it.
        let older = [("start", 9), ("die", 10), ("start", 11)];
        assert_eq!(end(&older, running, 10), Some((10, Then::Running)));
    }

    #[test]
    fn a_log_that_ends_alone_is_no_end() {
        assert_eq!(end(&[], (false, true), 10), None);
        assert_eq!(end(&[("start", 11)], (false, true), 10), None);
    }

    #[test]
    fn an_end_is_passed_once_the_next_run_has_started() {
        let mut runs = Runs::new(&ContainerId::from("c"), None);
        runs.note(&event("die", 10));
        assert_eq!(runs.passed(), None);
        runs.note(&event("start", 11));
        let death = Death {
            status: 10,
            at: at(10),
        };
        assert_eq!(runs.passed(), Some(death));
        assert_eq!(runs.passed(), None);
    }
}
