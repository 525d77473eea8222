//! One container's log, through its restarts, to its last byte.

use std::sync::Arc;
use std::time::Duration;

use bollard::models::ContainerState;
use bytes::Buf;
use futures_util::StreamExt;
use jiff::Timestamp;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use super::{Again, Heed, News, Show};
use crate::command::work::Work;
use crate::engine::{EngineEvent, Framing, LogRange, Until};
use crate::name::ContainerId;
use crate::text::moment;

/// Up to how many bytes a log is read once more for what the engine did not follow to the end.
const READ_AGAIN: usize = 1 << 20;

/// Docker waits 100 ms at least before it starts a container again; within this, lines that the
/// last run wrote at its end are logged.
const LEAST_WAIT: Duration = Duration::from_millis(90);

/// One container's log, from a moment on.
pub(super) struct Followed {
    pub(super) index: usize,
    pub(super) id: ContainerId,
    pub(super) framing: Framing,
    pub(super) since: String,
    pub(super) heed: Heed,
}

/// Sends what a container says, and its ends, until it has ended for good.
pub(super) async fn follow_one(
    work: &Work<'_>,
    mut followed: Followed,
    show: &Show<'_>,
    say: mpsc::Sender<News>,
) {
    let mut told = Told {
        id: followed.id.clone(),
        events: work.prober.as_ref().map(|prober| prober.events()),
    };
    loop {
        let Some(said) = followed.to_its_end(work, show, &say).await else {
            return;
        };
        let Ok(found) = work.engine.inspect_container(&followed.id).await else {
            return;
        };
        let Some(end) = End::of(&found.state.unwrap_or_default(), &mut told).await else {
            return;
        };
        // Docker 20.10 ends the stream with the container, at times before its last line.
        if followed.heed == Heed::Log && said <= READ_AGAIN {
            let rest = Part::Rest(said, end.before_the_next());
            if followed.send(work, show, rest, &say).await.is_none() {
                return;
            }
        }
        let ended = News::Ended(followed.index, end.status, end.again());
        if say.send(ended).await.is_err() {
            return;
        }
        match end.then {
            Then::Nothing => return,
            Then::Running => {}
            Then::Waiting => {
                if told.moved_on(end.at).await.is_none() {
                    return;
                }
            }
        }
        followed.since = end.before_the_next().unwrap_or(followed.since);
    }
}

/// How one run of a container ended.
struct End {
    status: i64,
    at: Timestamp,
    then: Then,
}

/// What comes after the end of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Nothing: it has ended for good.
    Nothing,
    /// The engine will start it again.
    Waiting,
    /// The engine has started it again.
    Running,
}

impl End {
    /// The end of the run whose log has ended; `None` where the engine tells no more.
    async fn of(state: &ContainerState, told: &mut Told) -> Option<Self> {
        let is = |flag: Option<bool>| flag.unwrap_or(false);
        let finished = || state.finished_at.as_deref()?.parse().ok();
        let seen = |then| Self {
            status: state.exit_code.unwrap_or_default(),
            at: finished().unwrap_or_default(),
            then,
        };
        // A container that waits for its restart is running, too, in the engine's words.
        match (is(state.restarting), is(state.running)) {
            (true, _) => Some(seen(Then::Waiting)),
            (false, false) => Some(seen(Then::Nothing)),
            // Its state is that of the next run by now: only the event knows how this one ended.
            (false, true) => told.died().await,
        }
    }

    fn again(&self) -> Again {
        match self.then {
            Then::Nothing => Again::No,
            Then::Waiting | Then::Running => Again::Yes,
        }
    }

    /// A moment after its last line and before the first of the next run, if there is one.
    fn before_the_next(&self) -> Option<String> {
        match self.then {
            Then::Nothing => None,
            Then::Waiting => Some(moment::seconds(self.at + LEAST_WAIT)),
            Then::Running => Some(moment::seconds(self.at)),
        }
    }
}

/// What the engine tells of one container.
struct Told {
    id: ContainerId,
    events: Option<Receiver<Arc<EngineEvent>>>,
}

impl Told {
    /// The next event of the container; `None` where there are no more.
    async fn next(&mut self) -> Option<Arc<EngineEvent>> {
        loop {
            match self.events.as_mut()?.recv().await {
                Ok(event) if event.actor.id == self.id.as_str() => return Some(event),
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// The end of a run after which the container was started again.
    async fn died(&mut self) -> Option<End> {
        loop {
            let event = self.next().await?;
            if event.action == "die" {
                return Some(End {
                    status: event.exit_code().unwrap_or_default(),
                    at: event.at(),
                    then: Then::Running,
                });
            }
        }
    }

    /// Waits until the container is started again after the end of a run, or will not be.
    async fn moved_on(&mut self, ended: Timestamp) -> Option<()> {
        loop {
            let event = self.next().await?;
            if matches!(event.action.as_str(), "start" | "stop" | "destroy") && event.at() > ended {
                return Some(());
            }
        }
    }
}

/// Which part of a log.
enum Part {
    /// As it grows, until the container ends.
    Live,
    /// What there is after so many bytes, until a moment.
    Rest(usize, Option<String>),
}

impl Followed {
    /// Waits until the container ends and sends what is wanted of its log; how many bytes that was.
    /// None where nobody listens any more.
    async fn to_its_end(
        &self,
        work: &Work<'_>,
        show: &Show<'_>,
        say: &mpsc::Sender<News>,
    ) -> Option<usize> {
        match self.heed {
            Heed::Log => self.send(work, show, Part::Live, say).await,
            Heed::End => {
                let waiting = work.engine.wait_container(&self.id, Until::NotRunning);
                waiting.await.ok()?.exit_code().await.ok()?;
                Some(0)
            }
        }
    }

    /// Sends a part of the log; how many bytes that was. None where nobody listens any more.
    async fn send(
        &self,
        work: &Work<'_>,
        show: &Show<'_>,
        part: Part,
        say: &mpsc::Sender<News>,
    ) -> Option<usize> {
        let (follow, mut skip, until) = match part {
            Part::Live => (true, 0, None),
            Part::Rest(known, until) => (false, known, until),
        };
        let range = LogRange {
            follow,
            since: Some(self.since.clone()),
            until,
            timestamps: show.timestamps,
            ..LogRange::default()
        };
        let mut sent = 0;
        let Ok(mut log) = work.engine.logs(&self.id, self.framing, &range).await else {
            return Some(sent);
        };
        while let Some(Ok(mut chunk)) = log.next().await {
            let known = skip.min(chunk.bytes.len());
            chunk.bytes.advance(known);
            skip -= known;
            if chunk.bytes.is_empty() {
                continue;
            }
            sent += chunk.bytes.len();
            say.send(News::Said(self.index, chunk)).await.ok()?;
        }
        Some(sent)
    }
}
