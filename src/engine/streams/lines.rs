//! A container's log as lines, each with the time at which the engine got it.
//!
//! The time is always asked for: it puts the lines of several containers in order, tells where a
//! log goes on after a restart, and finds the last line without a newline, which the follower of
//! some engines loses when the container ends.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bollard::models::ContainerInspectResponse;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{Stream, TryStreamExt, stream};
use tokio::time::timeout;

use super::demux::Framing;
use super::entries::Entries;
use super::gathered::Gathered;
use super::line::LogLine;
use super::log_file::{LogFile, Torn};
use super::{Bytes as Body, LogRange};
use crate::engine::Engine;
use crate::engine::error::Result;
use crate::engine::transport::Call;
use crate::text::moment::seconds;

/// An engine that knows better than a log answers within this.
const PROMPT: Duration = Duration::from_millis(300);

/// The lines of one container's log.
pub struct LogLines(Source);

/// Where they are from.
enum Source {
    Engine(Box<SentLines>),
    File(Box<LogFile>),
}

/// Lines as the engine sends them.
struct SentLines {
    body: Gathered,
    entries: Entries,
    follow: bool,
    rest: Rest,
    /// The time of the newest line.
    newest: Bytes,
    /// What was told when the end of the log began to be read again.
    told: Bytes,
}

/// What is still to be done when the log ends.
enum Rest {
    /// Asks once more for what the follower may have lost.
    Ask(Arc<Missing>),
    /// Being asked.
    Asking(BoxFuture<'static, Result<Body>>),
    /// Nothing.
    Done,
}

/// How to ask again.
struct Missing {
    engine: Engine,
    id: String,
    framing: Framing,
    range: LogRange,
}

impl Engine {
    /// The log of a container in lines, with their times: from its file where that is here and not
    /// followed, else as [`Engine::logs`].
    pub async fn log_lines(
        &self,
        details: &ContainerInspectResponse,
        range: &LogRange,
    ) -> Result<LogLines> {
        let file = match self.endpoint().is_local() {
            true => LogFile::open(details, range).await,
            false => None,
        };
        let source = match file {
            Some(file) => Source::File(Box::new(file)),
            None => Source::Engine(Box::new(self.sent_lines(details, range).await?)),
        };
        Ok(LogLines(source))
    }

    async fn sent_lines(
        &self,
        details: &ContainerInspectResponse,
        range: &LogRange,
    ) -> Result<SentLines> {
        let id = details.id.clone().unwrap_or_default();
        let tty = details.config.as_ref().and_then(|config| config.tty);
        let framing = Framing::of_tty(tty.unwrap_or_default());
        let (engine, call) = (self.clone(), logs_call(&id, range));
        let mut asked: BoxFuture<'static, Result<Body>> =
            Box::pin(async move { engine.bytes(call).await });
        let body = match timeout(PROMPT, &mut asked).await {
            Ok(body) => Gathered::new(body?),
            // Podman answers with the first line, and others have something to say meanwhile.
            Err(_) => Gathered::new(Box::pin(stream::once(asked).try_flatten())),
        };
        Ok(SentLines {
            body,
            entries: Entries::new(framing),
            follow: range.follow,
            rest: Rest::Ask(Arc::new(Missing {
                engine: self.clone(),
                id,
                framing,
                range: range.clone(),
            })),
            newest: Bytes::new(),
            told: Bytes::new(),
        })
    }
}

fn logs_call(id: &str, range: &LogRange) -> Call {
    super::logs_call(
        id,
        &LogRange {
            timestamps: true,
            ..range.clone()
        },
    )
}

impl Missing {
    /// What the log holds from the newest line on.
    async fn ask(self: Arc<Self>, newest: Bytes) -> Result<Body> {
        let since = since(&newest).or_else(|| self.range.since.clone());
        let range = LogRange {
            follow: false,
            // Whoever wanted the last lines only has them.
            tail: (newest.is_empty()).then_some(self.range.tail).flatten(),
            since,
            ..self.range.clone()
        };
        let call = logs_call(&self.id, &range);
        self.engine.bytes(call).await
    }
}

/// An RFC 3339 time as the engine's `since` wants it: seconds and nanoseconds since 1970.
fn since(time: &[u8]) -> Option<String> {
    let time: jiff::Timestamp = std::str::from_utf8(time).ok()?.parse().ok()?;
    Some(seconds(time))
}

impl LogLines {
    /// What could not be read of what was told so far, as far as that is known.
    pub fn torn(&self) -> Option<Torn> {
        match &self.0 {
            Source::Engine(_) => None,
            Source::File(lines) => lines.torn(),
        }
    }

    /// Where a log that is followed goes on after the newest line so far, as `since` takes it.
    pub fn resume(&self) -> Option<String> {
        let Source::Engine(lines) = &self.0 else {
            return None;
        };
        let newest: jiff::Timestamp = std::str::from_utf8(&lines.newest).ok()?.parse().ok()?;
        let next = newest
            .checked_add(jiff::SignedDuration::from_nanos(1))
            .ok()?;
        Some(seconds(next))
    }
}

impl Stream for LogLines {
    type Item = Result<LogLine>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match &mut self.0 {
            Source::Engine(lines) => lines.poll_next(cx),
            Source::File(lines) => Poll::Ready(lines.next()),
        }
    }
}

impl SentLines {
    /// Whether a line was told already; only while the end of the log is read again.
    fn is_told(&self, line: &LogLine) -> bool {
        matches!(self.rest, Rest::Done) && self.follow && line.time <= self.told
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<LogLine>>> {
        let this = self;
        loop {
            while let Some(line) = this.entries.next() {
                let line = match line {
                    Ok(line) if this.is_told(&line) => continue,
                    Ok(line) => line,
                    Err(error) => return Poll::Ready(Some(Err(error))),
                };
                this.newest.clone_from(&line.time);
                return Poll::Ready(Some(Ok(line)));
            }
            if let Rest::Asking(asking) = &mut this.rest {
                let answer = ready!(asking.as_mut().poll(cx));
                this.rest = Rest::Done;
                match answer {
                    Ok(body) => {
                        this.entries = Entries::new(this.entries.framing());
                        this.body = Gathered::new(body);
                    }
                    // The container is removed: there is nothing more to be had.
                    Err(_) => return Poll::Ready(None),
                }
            }
            match ready!(Pin::new(&mut this.body).poll_next(cx)) {
                Some(Ok(piece)) => this.entries.push(&piece),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    if let Some(line) = this.entries.finish() {
                        if !this.is_told(&line) {
                            this.newest.clone_from(&line.time);
                            return Poll::Ready(Some(Ok(line)));
                        }
                        continue;
                    }
                    let Rest::Ask(missing) = std::mem::replace(&mut this.rest, Rest::Done) else {
                        return Poll::Ready(None);
                    };
                    if !this.follow {
                        return Poll::Ready(None);
                    }
                    this.told.clone_from(&this.newest);
                    let asking = missing.clone().ask(this.newest.clone());
                    debug_assert!(missing.framing == this.entries.framing());
                    this.rest = Rest::Asking(Box::pin(asking));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_become_what_since_takes() {
        let time = "2024-01-01T00:00:00.000000002Z";
        assert_eq!(
            since(time.as_bytes()).as_deref(),
            Some("1704067200.000000002")
        );
        assert_eq!(since(b""), None);
    }
}
