//! One container's log, through its restarts, to its last byte.

use std::time::Duration;

use bytes::Buf;
use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::runs::{Death, Runs, Then};
use super::{Again, Ended, Heed, News, Show};
use crate::command::work::Work;
use crate::engine::{Chunk, Framing, LogRange, Output, Result, Until};
use crate::name::ContainerId;

/// Up to how many bytes a log is read once more for what the engine did not follow to the end.
const READ_AGAIN: usize = 1 << 20;

/// How long it waits before it opens a log again that ended while its container runs; longer each
/// time that it says nothing more.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

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
    let events = work.prober.as_ref().map(|prober| prober.events());
    let mut runs = Runs::new(&followed.id, events);
    let (mut said, mut pause) = (0, PAUSE);
    loop {
        let heard = match followed.heed {
            Heed::Log => followed.live(work, show, (said, &mut runs), &say).await,
            Heed::End => followed.over(work).await,
        };
        let Some(sent) = heard else {
            return;
        };
        let Ok(found) = work.engine.inspect_container(&followed.id).await else {
            return;
        };
        let Some(end) = runs.end(&found.state.unwrap_or_default()) else {
            pause = if sent > said {
                PAUSE
            } else {
                LONGEST_PAUSE.min(pause * 2)
            };
            said = sent;
            let _ = tokio::time::timeout(pause, runs.hear()).await;
            continue;
        };
        // Docker 20.10 ends the stream with the container, at times before its last line.
        let mut had = sent;
        if followed.heed == Heed::Log && sent <= READ_AGAIN {
            let rest = (sent, end.next.clone());
            match followed.rest(work, show, rest, &say).await {
                Some(read) => had = read.unwrap_or(sent),
                None => return,
            }
        }
        let (status, at) = (end.status, end.at);
        let ended = followed.ended(Death { status, at }, end.again());
        if say.send(ended).await.is_err() {
            return;
        }
        match end.then {
            Then::Nothing => return,
            Then::Running => {}
            Then::Waiting => {
                if runs.moved_on(end.at).await.is_none() {
                    return;
                }
            }
        }
        followed.since = end.next.unwrap_or(followed.since);
        // Podman's stream goes on into the next run.
        (said, pause) = (sent.saturating_sub(had), PAUSE);
    }
}

impl Followed {
    fn ended(&self, Death { status, at }: Death, again: Again) -> News {
        News::Ended(Ended {
            index: self.index,
            status,
            at,
            again,
        })
    }

    /// Waits until the container ends, of whose log nothing is wanted: no bytes. `None` where it is
    /// not there any more.
    async fn over(&self, work: &Work<'_>) -> Option<usize> {
        let waiting = work.engine.wait_container(&self.id, Until::NotRunning);
        waiting.await.ok()?.exit_code().await.ok()?;
        Some(0)
    }

    /// Sends the log as it grows, after so many bytes, until the engine ends it: with a run, or with
    /// one after that. How many bytes it had; `None` where nobody listens any more.
    async fn live(
        &self,
        work: &Work<'_>,
        show: &Show<'_>,
        (known, runs): (usize, &mut Runs),
        say: &mpsc::Sender<News>,
    ) -> Option<usize> {
        let Ok(mut log) = self.log(work, show, None).await else {
            return Some(known);
        };
        let mut sent = 0;
        loop {
            tokio::select! {
                biased;
                chunk = log.next() => {
                    let Some(Ok(chunk)) = chunk else {
                        return Some(sent.max(known));
                    };
                    let skipped = known.saturating_sub(sent);
                    sent += chunk.bytes.len();
                    self.say(chunk, skipped, say).await?;
                }
                Some(()) = runs.hear() => while let Some(death) = runs.passed() {
                    say.send(self.ended(death, Again::Yes)).await.ok()?;
                },
            }
        }
    }

    /// Sends what a log holds after so many bytes, until a moment. How many bytes it had, as far as
    /// it could be read; `None` where nobody listens any more.
    async fn rest(
        &self,
        work: &Work<'_>,
        show: &Show<'_>,
        (known, until): (usize, Option<String>),
        say: &mpsc::Sender<News>,
    ) -> Option<Option<usize>> {
        let Ok(mut log) = self.log(work, show, Some(until)).await else {
            return Some(None);
        };
        let mut read = 0;
        while let Some(Ok(chunk)) = log.next().await {
            let skipped = known.saturating_sub(read);
            read += chunk.bytes.len();
            self.say(chunk, skipped, say).await?;
        }
        Some(Some(read))
    }

    /// Sends a chunk but for its first bytes, which are known.
    async fn say(&self, mut chunk: Chunk, skipped: usize, say: &mpsc::Sender<News>) -> Option<()> {
        chunk.bytes.advance(skipped.min(chunk.bytes.len()));
        match chunk.bytes.is_empty() {
            true => Some(()),
            false => say.send(News::Said(self.index, chunk)).await.ok(),
        }
    }

    /// The log as it grows, or what there is of it until a moment.
    async fn log(
        &self,
        work: &Work<'_>,
        show: &Show<'_>,
        until: Option<Option<String>>,
    ) -> Result<Output> {
        let range = LogRange {
            follow: until.is_none(),
            since: Some(self.since.clone()),
            until: until.flatten(),
            timestamps: show.timestamps,
            ..LogRange::default()
        };
        work.engine.logs(&self.id, self.framing, &range).await
    }
}
