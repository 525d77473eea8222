//! What the engine sends as it goes: bytes, JSON messages, output of containers; and the logs that
//! it keeps in files which we may read.
//!
//! Nothing here is held back and nothing piles up: a piece is handed on as it arrives. Every stream
//! may be dropped at any point, and polling one is cancel safe.

mod demux;
mod entries;
mod gathered;
mod hijack;
mod joiner;
mod json_file;
mod line;
mod lines;
mod log_file;

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use hyper::body::{Body as _, Incoming};
use serde::de::DeserializeOwned;

use super::Engine;
use super::error::{Error, Result};
use super::transport::{Call, broken};

pub(super) use demux::Demux;
pub use demux::{Channel, Chunk, Framing};
pub use hijack::{Hijacked, HijackedOutput, Input};
pub use line::LogLine;
pub use lines::LogLines;
pub use log_file::Torn;

/// The bytes of an answer, as they come: a tar, say.
pub struct Bytes {
    call: String,
    body: Incoming,
}

impl Bytes {
    pub(super) fn new(call: String, body: Incoming) -> Self {
        Self { call, body }
    }
}

impl Stream for Bytes {
    type Item = Result<bytes::Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                None => return Poll::Ready(None),
                Some(Err(cause)) => return Poll::Ready(Some(Err(broken(&self.call, cause)))),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => return Poll::Ready(Some(Ok(data))),
                    _ => {}
                },
            }
        }
    }
}

/// A message that may say that the whole operation failed.
pub trait Message: DeserializeOwned {
    /// The engine's words, if this is the end.
    fn failure(&self) -> Option<&str>;
}

/// Usage of a container; its numbers are read where they are shown.
impl Message for serde_json::Value {
    fn failure(&self) -> Option<&str> {
        None
    }
}

/// JSON documents, one a line, as they come.
pub struct Messages<T> {
    bytes: Bytes,
    lines: Lines,
    done: bool,
    kind: PhantomData<fn() -> T>,
}

impl<T: Message> Stream for Messages<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(line) = self.lines.next() {
                let message = decode::<T>(&self.bytes.call, &line);
                self.done |= message.is_err();
                return Poll::Ready(Some(message));
            }
            if self.done {
                return Poll::Ready(None);
            }
            match ready!(Pin::new(&mut self.bytes).poll_next(cx)) {
                Some(Ok(piece)) => self.lines.push(&piece),
                Some(Err(error)) => {
                    self.done = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    self.done = true;
                    self.lines.finish();
                }
            }
        }
    }
}

/// Reads one document, and turns one that says so into a failure.
fn decode<T: Message>(call: &str, line: &[u8]) -> Result<T> {
    let message: T = serde_json::from_slice(line).map_err(|cause| Error::Unexpected {
        call: call.to_owned(),
        cause: Box::new(cause),
    })?;
    match message.failure() {
        Some(text) => Err(Error::Failed(text.to_owned())),
        None => Ok(message),
    }
}

/// Cuts bytes into lines that hold something; line ends may be LF or CRLF, in one piece or in two.
#[derive(Default)]
struct Lines {
    partial: Vec<u8>,
    whole: VecDeque<Vec<u8>>,
}

impl Lines {
    fn push(&mut self, mut piece: &[u8]) {
        while let Some(at) = piece.iter().position(|byte| *byte == b'\n') {
            self.partial.extend_from_slice(&piece[..at]);
            self.finish();
            piece = &piece[at + 1..];
        }
        self.partial.extend_from_slice(piece);
    }

    /// What there is now is a line, newline or not.
    fn finish(&mut self) {
        let line = std::mem::take(&mut self.partial);
        if !line.trim_ascii().is_empty() {
            self.whole.push_back(line);
        }
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        self.whole.pop_front()
    }
}

/// Output of a container, as it comes: from its log, or of what runs in it.
pub struct Output {
    bytes: Bytes,
    demux: Demux,
}

impl Stream for Output {
    type Item = Result<Chunk>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(chunk) = self.demux.next() {
                return Poll::Ready(Some(chunk));
            }
            match ready!(Pin::new(&mut self.bytes).poll_next(cx)) {
                Some(Ok(piece)) => self.demux.push(piece),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

/// Which lines of a container's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogRange {
    /// Goes on as long as the container runs.
    pub follow: bool,
    /// Not before: seconds since 1970, fractions allowed.
    pub since: Option<String>,
    /// Not after.
    pub until: Option<String>,
    /// The last lines only; none for all.
    pub tail: Option<u64>,
    /// Each line begins with the time at which the engine got it.
    pub timestamps: bool,
}

fn logs_call(id: &str, range: &LogRange) -> Call {
    let tail = range
        .tail
        .map_or("all".to_owned(), |lines| lines.to_string());
    Call::get(format!("/containers/{id}/logs"))
        .query("stdout", 1)
        .query("stderr", 1)
        .query("follow", u8::from(range.follow))
        .query("timestamps", u8::from(range.timestamps))
        .query("tail", tail)
        .query_if("since", range.since.as_deref())
        .query_if("until", range.until.as_deref())
}

impl Engine {
    /// The log of a container, stdout and stderr. `framing` follows from the container's terminal:
    /// with one, its output has no channels.
    pub async fn logs(&self, id: &str, framing: Framing, range: &LogRange) -> Result<Output> {
        let call = logs_call(id, range);
        let bytes = self.bytes(call).await?;
        Ok(Output {
            bytes,
            demux: Demux::new(framing),
        })
    }

    /// What a container uses, once a second, as the engine's own JSON; `once` for a single answer
    /// with the numbers of the last second beside it.
    pub async fn stats(&self, id: &str, once: bool) -> Result<Messages<serde_json::Value>> {
        let call = Call::get(format!("/containers/{id}/stats")).query("stream", u8::from(!once));
        self.messages(call).await
    }

    pub(super) async fn bytes(&self, call: Call) -> Result<Bytes> {
        let name = call.name();
        let response = self.transport.call(call).await?;
        Ok(Bytes::new(name, response.into_body()))
    }

    pub(super) async fn messages<T: Message>(&self, call: Call) -> Result<Messages<T>> {
        Ok(Messages {
            bytes: self.bytes(call).await?,
            lines: Lines::default(),
            done: false,
            kind: PhantomData,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Progress;

    fn lines(pieces: &[&str]) -> Vec<String> {
        let mut lines = Lines::default();
        for piece in pieces {
            lines.push(piece.as_bytes());
        }
        lines.finish();
        std::iter::from_fn(|| lines.next())
            .map(|line| String::from_utf8(line).unwrap())
            .collect()
    }

    #[test]
    fn a_line_end_that_comes_apart_is_one_line_end() {
        assert_eq!(
            lines(&["{\"a\":1}\r", "\n{\"b\"", ":2}\r\n"]),
            ["{\"a\":1}\r", "{\"b\":2}\r"]
        );
        assert_eq!(lines(&["{}\r\n", "\r", "\n"]), ["{}\r"]);
        assert_eq!(lines(&["{}", "\n", "{\"last\":0}"]), ["{}", "{\"last\":0}"]);
    }

    #[test]
    fn a_message_of_failure_is_an_error() {
        let line = br#"{"errorDetail":{"code":2,"message":"it broke"},"error":"broke"}"#;
        let error = decode::<Progress>("POST /build", line).unwrap_err();
        assert_eq!(error.to_string(), "it broke");
        let line =
            b"{\"status\":\"Downloading\",\"progressDetail\":{\"current\":1},\"id\":\"ab\"}\r";
        let progress = decode::<Progress>("POST /images/create", line).unwrap();
        assert_eq!(progress.transfer.unwrap().current, Some(1));
    }
}
