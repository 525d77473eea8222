//! A container's log as lines, each with the time at which the engine got it.
//!
//! The time is always asked for: it puts the lines of several containers in order, tells where a
//! log goes on after a restart, and finds the last line without a newline, which the follower of
//! some engines loses when the container ends.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::future::BoxFuture;
use futures_util::{Stream, TryStreamExt, stream};
use tokio::time::timeout;

use super::demux::{Channel, Framing};
use super::gathered::Gathered;
use super::{Bytes as Body, LogRange};
use crate::engine::Engine;
use crate::engine::error::{Error, Result};
use crate::engine::transport::Call;
use crate::text::moment::seconds;

/// One line of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogLine {
    /// When the engine got it, as the engine writes it (RFC 3339 with nanoseconds); texts of equal
    /// length sort as their times do. Empty where the engine gave none.
    pub time: Bytes,
    /// Where it was written to.
    pub channel: Channel,
    /// The line without its newline.
    pub text: Bytes,
}

/// The engine cuts longer lines into pieces of this size.
const PIECE: usize = 16 * 1024;

/// An engine that knows better than a log answers within this.
const PROMPT: Duration = Duration::from_millis(300);

/// The lines of one container's log.
pub struct LogLines {
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
    /// The log of a container in lines, with their times. As [`Engine::logs`] otherwise.
    pub async fn log_lines(
        &self,
        id: &str,
        framing: Framing,
        range: &LogRange,
    ) -> Result<LogLines> {
        let (engine, call) = (self.clone(), logs_call(id, range));
        let mut asked: BoxFuture<'static, Result<Body>> =
            Box::pin(async move { engine.bytes(call).await });
        let body = match timeout(PROMPT, &mut asked).await {
            Ok(body) => Gathered::new(body?),
            // Podman answers with the first line, and others have something to say meanwhile.
            Err(_) => Gathered::new(Box::pin(stream::once(asked).try_flatten())),
        };
        Ok(LogLines {
            body,
            entries: Entries::new(framing),
            follow: range.follow,
            rest: Rest::Ask(Arc::new(Missing {
                engine: self.clone(),
                id: id.to_owned(),
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
    /// Where the log goes on after the newest line so far, as `since` takes it.
    pub fn resume(&self) -> Option<String> {
        let newest: jiff::Timestamp = std::str::from_utf8(&self.newest).ok()?.parse().ok()?;
        let next = newest
            .checked_add(jiff::SignedDuration::from_nanos(1))
            .ok()?;
        Some(seconds(next))
    }

    /// Whether a line was told already; only while the end of the log is read again.
    fn is_told(&self, line: &LogLine) -> bool {
        matches!(self.rest, Rest::Done) && self.follow && line.time <= self.told
    }
}

impl Stream for LogLines {
    type Item = Result<LogLine>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
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
                        this.entries = Entries::new(this.entries.framing);
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
                    debug_assert!(missing.framing == this.entries.framing);
                    this.rest = Rest::Asking(Box::pin(asking));
                }
            }
        }
    }
}

/// Finds the lines in what the engine sends.
struct Entries {
    framing: Framing,
    buffer: BytesMut,
    /// How far the buffer was searched for a newline.
    searched: usize,
    /// Lines that have begun, by channel.
    begun: [Option<Begun>; 2],
}

/// The beginning of a line.
struct Begun {
    time: Bytes,
    text: BytesMut,
}

impl Entries {
    fn new(framing: Framing) -> Self {
        Self {
            framing,
            buffer: BytesMut::new(),
            searched: 0,
            begun: [None, None],
        }
    }

    fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    fn next(&mut self) -> Option<Result<LogLine>> {
        match self.framing {
            Framing::Raw => self.next_raw().map(Ok),
            Framing::Multiplexed => self.next_framed(),
        }
    }

    /// A terminal's log has no frames: a line ends with its newline.
    fn next_raw(&mut self) -> Option<LogLine> {
        let found = self.buffer[self.searched..]
            .iter()
            .position(|byte| *byte == b'\n');
        let Some(at) = found.map(|at| at + self.searched) else {
            self.searched = self.buffer.len();
            return None;
        };
        self.searched = 0;
        let mut line = self.buffer.split_to(at + 1).freeze();
        line.truncate(at);
        Some(raw_line(line))
    }

    /// A frame is one entry of the log: its time, then a line or a piece of one.
    fn next_framed(&mut self) -> Option<Result<LogLine>> {
        loop {
            let [channel, _, _, _, a, b, c, d] = *self.buffer.first_chunk()?;
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            if self.buffer.len() < 8 + length {
                self.buffer.reserve(8 + length - self.buffer.len());
                return None;
            }
            self.buffer.advance(8);
            let mut entry = self.buffer.split_to(length).freeze();
            let channel = match channel {
                3 => {
                    let text = String::from_utf8_lossy(&entry).trim().to_owned();
                    return Some(Err(Error::Failed(text)));
                }
                2 => Channel::Stderr,
                _ => Channel::Stdout,
            };
            let time = take_time(&mut entry);
            let ended = entry.last() == Some(&b'\n');
            if ended {
                entry.truncate(entry.len() - 1);
            }
            let begun = &mut self.begun[channel as usize];
            match (begun.take(), ended) {
                (None, true) => {
                    return Some(Ok(LogLine {
                        time,
                        channel,
                        text: entry,
                    }));
                }
                // Pieces of a line bear one time; another time is another line, after one that
                // never got its newline.
                (Some(line), _) if line.time != time => {
                    let unfinished = LogLine {
                        time: line.time,
                        channel,
                        text: line.text.freeze(),
                    };
                    let mut text = BytesMut::from(&entry[..]);
                    if ended {
                        // It is told next: as an entry of its own.
                        text.extend_from_slice(b"\n");
                        self.unread(channel, &time, &text);
                    } else {
                        *begun = Some(Begun { time, text });
                    }
                    return Some(Ok(unfinished));
                }
                (line, ended) => {
                    let mut line = line.unwrap_or(Begun {
                        time,
                        text: BytesMut::new(),
                    });
                    line.text.extend_from_slice(&entry);
                    if ended {
                        return Some(Ok(LogLine {
                            time: line.time,
                            channel,
                            text: line.text.freeze(),
                        }));
                    }
                    *begun = Some(line);
                }
            }
        }
    }

    /// Puts an entry back in front of the buffer.
    fn unread(&mut self, channel: Channel, time: &[u8], text: &[u8]) {
        let mut buffer = BytesMut::new();
        let space: &[u8] = if time.is_empty() { b"" } else { b" " };
        let length = (time.len() + space.len() + text.len()) as u32;
        buffer.extend_from_slice(&[channel as u8 + 1, 0, 0, 0]);
        buffer.extend_from_slice(&length.to_be_bytes());
        for part in [time, space, text, &self.buffer] {
            buffer.extend_from_slice(part);
        }
        self.buffer = buffer;
    }

    /// What is left at the end: a last line without its newline.
    fn finish(&mut self) -> Option<LogLine> {
        if self.framing == Framing::Raw {
            self.searched = 0;
            let rest = std::mem::take(&mut self.buffer).freeze();
            return (!rest.is_empty()).then(|| raw_line(rest));
        }
        for channel in [Channel::Stdout, Channel::Stderr] {
            if let Some(begun) = self.begun[channel as usize].take() {
                return Some(LogLine {
                    time: begun.time,
                    channel,
                    text: begun.text.freeze(),
                });
            }
        }
        None
    }
}

/// Takes the time off the front of an entry.
fn take_time(entry: &mut Bytes) -> Bytes {
    /// The longest form: nanoseconds and an offset.
    const LONGEST: usize = 35;
    let head = &entry[..entry.len().min(LONGEST + 1)];
    let looks_so = head.len() > 20 && head[4] == b'-' && head[10] == b'T' && head[13] == b':';
    match head.iter().position(|byte| *byte == b' ') {
        Some(at) if looks_so => {
            let time = entry.split_to(at);
            entry.advance(1);
            time
        }
        _ => Bytes::new(),
    }
}

/// A line of a terminal's log. The engine writes the time before each piece of a long one.
fn raw_line(mut line: Bytes) -> LogLine {
    let time = take_time(&mut line);
    if line.len() > PIECE && !time.is_empty() {
        let mut whole = BytesMut::with_capacity(line.len());
        while line.len() > PIECE {
            whole.extend_from_slice(&line.split_to(PIECE));
            if line.starts_with(&time) && line.get(time.len()) == Some(&b' ') {
                line.advance(time.len() + 1);
            }
        }
        whole.extend_from_slice(&line);
        line = whole.freeze();
    }
    LogLine {
        time,
        channel: Channel::Stdout,
        text: line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "2024-01-01T00:00:00.000000001Z";
    const TWO: &str = "2024-01-01T00:00:00.000000002Z";

    fn frame(channel: u8, time: &str, text: &str) -> Vec<u8> {
        let payload = format!("{time} {text}");
        let mut bytes = vec![channel, 0, 0, 0];
        bytes.extend((payload.len() as u32).to_be_bytes());
        bytes.extend(payload.as_bytes());
        bytes
    }

    fn lines(framing: Framing, bytes: &[u8], cut: usize) -> Vec<String> {
        let mut entries = Entries::new(framing);
        let mut found = Vec::new();
        let mut tell = |line: LogLine| {
            let text = String::from_utf8(line.text.to_vec()).unwrap();
            let time = String::from_utf8(line.time.to_vec()).unwrap();
            let time = time.trim_end_matches('Z');
            let time = time.chars().last().unwrap_or('-');
            found.push(format!("{time}{:?} {text}", line.channel));
        };
        for piece in bytes.chunks(cut) {
            entries.push(piece);
            while let Some(line) = entries.next() {
                tell(line.unwrap());
            }
        }
        while let Some(line) = entries.finish() {
            tell(line);
        }
        found
    }

    #[test]
    fn lines_are_put_together_by_channel_and_time() {
        let mut bytes = frame(1, ONE, "long ");
        bytes.extend(frame(2, ONE, "error\n"));
        bytes.extend(frame(1, ONE, "line\n"));
        bytes.extend(frame(1, ONE, "\n"));
        // A container that ended without a newline and was started again.
        bytes.extend(frame(1, ONE, "unfinished"));
        bytes.extend(frame(1, TWO, "next\n"));
        bytes.extend(frame(1, TWO, "last"));
        let expected = [
            "1Stderr error",
            "1Stdout long line",
            "1Stdout ",
            "1Stdout unfinished",
            "2Stdout next",
            "2Stdout last",
        ];
        for cut in [1, 7, 64, 10_000] {
            assert_eq!(
                lines(Framing::Multiplexed, &bytes, cut),
                expected,
                "cut {cut}"
            );
        }
    }

    #[test]
    fn a_terminals_long_line_loses_the_times_in_its_middle() {
        let long = "x".repeat(PIECE);
        let text = format!("{ONE} {long}{ONE} {long}{ONE} end\r\n{TWO} short");
        let found = lines(Framing::Raw, text.as_bytes(), 1000);
        assert_eq!(found[0], format!("1Stdout {long}{long}end\r"));
        assert_eq!(found[1], "2Stdout short");
    }

    #[test]
    fn a_line_without_a_time_is_kept_whole() {
        assert_eq!(
            lines(Framing::Raw, b"plain text of a driver\n", 5),
            ["-Stdout plain text of a driver"]
        );
    }

    #[test]
    fn times_become_what_since_takes() {
        assert_eq!(
            since(TWO.as_bytes()).as_deref(),
            Some("1704067200.000000002")
        );
        assert_eq!(since(b""), None);
    }
}
