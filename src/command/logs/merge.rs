//! Lines of several logs in the order of their times, without waiting for a log that is silent.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{FutureExt, Stream};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::engine::{LogLine, Result};

/// How long a line waits for an older one from a log that just spoke. Long enough for the engine to
/// answer several requests at once, too short to be noticed.
const PATIENCE: Duration = Duration::from_millis(10);

/// What the logs say next.
#[derive(Debug)]
pub enum Next<L> {
    /// A line of the log with this key.
    Line(usize, LogLine),
    /// The log with this key ended; here it is back.
    End(usize, L),
}

/// Logs that are read side by side.
pub struct Merge<L> {
    slots: Vec<Slot<L>>,
    timer: Pin<Box<Sleep>>,
}

struct Slot<L> {
    key: usize,
    lines: L,
    head: Option<LogLine>,
    /// Since when it has nothing to say.
    silent: Option<Instant>,
}

impl<L> Slot<L> {
    /// What its line comes by: the time, then the place among the logs.
    fn turn(&self) -> (Option<&[u8]>, usize) {
        (self.head.as_ref().map(|line| &line.time[..]), self.key)
    }
}

impl<L: Stream<Item = Result<LogLine>> + Unpin> Merge<L> {
    pub fn new() -> Self {
        Self {
            slots: Vec::new(),
            timer: Box::pin(sleep_until(Instant::now())),
        }
    }

    /// Adds a log; its key comes back with its lines.
    pub fn add(&mut self, key: usize, lines: L) {
        self.slots.push(Slot {
            key,
            lines,
            head: None,
            silent: None,
        });
    }

    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// What comes next; waits for ever where there is no log. Cancel safe.
    ///
    /// # Errors
    ///
    /// A log's own.
    pub async fn next(&mut self) -> Result<Next<L>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// What is there already.
    pub fn ready(&mut self) -> Option<Result<Next<L>>> {
        self.next().now_or_never()
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Next<L>>> {
        // When the last of the silent ones has been silent for long enough; none where all speak:
        // the clock is not asked for each line.
        let mut settled = None;
        for at in 0..self.slots.len() {
            let slot = &mut self.slots[at];
            if slot.head.is_some() {
                continue;
            }
            match Pin::new(&mut slot.lines).poll_next(cx) {
                Poll::Ready(Some(Ok(line))) => {
                    slot.head = Some(line);
                    slot.silent = None;
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(None) => {
                    let slot = self.slots.remove(at);
                    return Poll::Ready(Ok(Next::End(slot.key, slot.lines)));
                }
                Poll::Pending => {
                    let silent = *slot.silent.get_or_insert_with(Instant::now);
                    settled = settled.max(Some(silent + PATIENCE));
                }
            }
        }
        let oldest = self
            .slots
            .iter_mut()
            .filter(|slot| slot.head.is_some())
            .min_by(|a, b| a.turn().cmp(&b.turn()));
        let Some(oldest) = oldest else {
            return Poll::Pending;
        };
        if let Some(settled) = settled.filter(|settled| *settled > Instant::now()) {
            self.timer.as_mut().reset(settled);
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        let key = oldest.key;
        match oldest.head.take() {
            Some(line) => Poll::Ready(Ok(Next::Line(key, line))),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream::{self, BoxStream, StreamExt};

    fn line(time: u32, text: &'static str) -> Result<LogLine> {
        Ok(LogLine {
            time: format!("2024-01-01T00:00:00.{time:09}Z").into(),
            text: text.into(),
            ..LogLine::default()
        })
    }

    fn told(logs: Vec<BoxStream<'static, Result<LogLine>>>) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut merge = Merge::new();
            for (key, log) in logs.into_iter().enumerate() {
                merge.add(key, log);
            }
            let mut told = Vec::new();
            while !merge.is_empty() {
                match merge.next().await.unwrap() {
                    Next::Line(key, line) => {
                        told.push(format!("{key} {}", String::from_utf8_lossy(&line.text)));
                    }
                    Next::End(key, _) => told.push(format!("{key} end")),
                }
            }
            told
        })
    }

    #[test]
    fn lines_come_in_the_order_of_their_times() {
        let first = stream::iter([line(1, "a"), line(4, "d")]).boxed();
        let second = stream::iter([line(2, "b"), line(3, "c")]).boxed();
        assert_eq!(
            told(vec![first, second]),
            ["0 a", "1 b", "1 c", "1 end", "0 d", "0 end"]
        );
    }

    #[test]
    fn a_silent_log_holds_nobody_up_and_a_late_one_is_waited_for() {
        let late = stream::once(async {
            tokio::time::sleep(Duration::from_millis(2)).await;
            line(1, "late but older")
        });
        let silent = stream::once(async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            line(1, "much too late")
        });
        let log = stream::iter([line(2, "newer")]);
        assert_eq!(
            told(vec![late.boxed(), silent.boxed(), log.boxed()])[..2],
            ["0 late but older", "0 end"]
        );
        let silent = stream::once(async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            line(1, "much too late")
        });
        let log = stream::iter([line(2, "newer")]);
        assert_eq!(
            told(vec![silent.boxed(), log.boxed()]),
            ["1 newer", "1 end", "0 much too late", "0 end"]
        );
    }
}
