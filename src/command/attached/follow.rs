//! One container's log, through its restarts, to its last byte.

use bytes::Buf;
use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::{Again, News, Show};
use crate::command::work::Work;
use crate::engine::{Framing, LogRange};
use crate::name::ContainerId;

/// Up to how many bytes a log is read once more for what the engine did not follow to the end.
const READ_AGAIN: usize = 1 << 20;

/// One container's log, from a moment on.
pub(super) struct Followed {
    pub(super) index: usize,
    pub(super) id: ContainerId,
    pub(super) framing: Framing,
    pub(super) since: String,
}

/// Sends what a container says, and its ends, until it has ended for good.
pub(super) async fn follow_one(
    work: &Work<'_>,
    mut followed: Followed,
    show: &Show<'_>,
    say: mpsc::Sender<News>,
) {
    let mut events = work.prober.as_ref().map(|prober| prober.events());
    loop {
        let Some(said) = followed.send(work, show, Part::Live, &say).await else {
            return;
        };
        let Ok(found) = work.engine.inspect_container(&followed.id).await else {
            return;
        };
        let state = found.state.unwrap_or_default();
        let again = match state.restarting.unwrap_or(false) || state.running.unwrap_or(false) {
            true => Again::Yes,
            false => Again::No,
        };
        // Docker 20.10 ends the stream with the container, at times before its last line.
        if again == Again::No && said <= READ_AGAIN {
            let rest = Part::After(said);
            if followed.send(work, show, rest, &say).await.is_none() {
                return;
            }
        }
        let ended = News::Ended(followed.index, state.exit_code.unwrap_or_default(), again);
        if say.send(ended).await.is_err() || again == Again::No {
            return;
        }
        followed.since = state.finished_at.unwrap_or(followed.since);
        while !state.running.unwrap_or(false) {
            let Some(events) = events.as_mut() else {
                return;
            };
            match events.recv().await {
                Ok(event) if event.action == "start" && event.actor.id == followed.id.as_str() => {
                    break;
                }
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }
}

/// Which part of a log.
#[derive(Clone, Copy)]
enum Part {
    /// As it grows, until the container ends.
    Live,
    /// What there is after so many bytes.
    After(usize),
}

impl Followed {
    /// Sends a part of the log; how many bytes that was. None where nobody listens any more.
    async fn send(
        &self,
        work: &Work<'_>,
        show: &Show<'_>,
        part: Part,
        say: &mpsc::Sender<News>,
    ) -> Option<usize> {
        let range = LogRange {
            follow: matches!(part, Part::Live),
            since: Some(self.since.clone()),
            timestamps: show.timestamps,
            ..LogRange::default()
        };
        let mut skip = match part {
            Part::Live => 0,
            Part::After(known) => known,
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
