//! The entries of a log as the engine sends them, each with its time: in frames, or as a terminal's
//! bytes.

use bytes::{Buf, Bytes, BytesMut};

use super::demux::{Channel, Framing};
use super::joiner::Joiner;
use super::line::{Entry, LogLine};
use crate::engine::error::{Error, Result};

/// The engine cuts longer lines into pieces of this size.
const PIECE: usize = 16 * 1024;

/// Finds the lines in what the engine sends.
pub(super) struct Entries {
    framing: Framing,
    buffer: BytesMut,
    /// How far the buffer was searched for a newline.
    searched: usize,
    joiner: Joiner,
}

impl Entries {
    pub(super) fn new(framing: Framing) -> Self {
        Self {
            framing,
            buffer: BytesMut::new(),
            searched: 0,
            joiner: Joiner::default(),
        }
    }

    pub(super) fn framing(&self) -> Framing {
        self.framing
    }

    pub(super) fn push(&mut self, piece: &[u8]) {
        self.buffer.extend_from_slice(piece);
    }

    pub(super) fn next(&mut self) -> Option<Result<LogLine>> {
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
            if let Some(line) = self.joiner.next() {
                return Some(Ok(line));
            }
            let [channel, _, _, _, a, b, c, d] = *self.buffer.first_chunk()?;
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            if self.buffer.len() < 8 + length {
                self.buffer.reserve(8 + length - self.buffer.len());
                return None;
            }
            self.buffer.advance(8);
            let mut text = self.buffer.split_to(length).freeze();
            let channel = match channel {
                3 => {
                    let text = String::from_utf8_lossy(&text).trim().to_owned();
                    return Some(Err(Error::Failed(text)));
                }
                2 => Channel::Stderr,
                _ => Channel::Stdout,
            };
            let time = take_time(&mut text);
            let ended = text.last() == Some(&b'\n');
            if ended {
                text.truncate(text.len() - 1);
            }
            let line = LogLine {
                time,
                channel,
                text,
            };
            if let Some(line) = self.joiner.add(Entry { line, ended }) {
                return Some(Ok(line));
            }
        }
    }

    /// What is left at the end: a last line without its newline.
    pub(super) fn finish(&mut self) -> Option<LogLine> {
        if self.framing == Framing::Raw {
            self.searched = 0;
            let rest = std::mem::take(&mut self.buffer).freeze();
            return (!rest.is_empty()).then(|| raw_line(rest));
        }
        self.joiner.finish()
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
}
