//! Puts the entries of a log together to lines: the engine cuts a long line into several, and the
//! last of a container that ends may lack its newline.

use bytes::{Bytes, BytesMut};

use super::demux::Channel;
use super::line::{Entry, LogLine};

/// Holds what has begun.
#[derive(Default)]
pub(super) struct Joiner {
    begun: [Option<Begun>; 2],
    /// A line that came whole while another of its channel had no end.
    behind: Option<LogLine>,
}

/// The beginning of a line.
struct Begun {
    time: Bytes,
    text: BytesMut,
}

impl Begun {
    fn line(self, channel: Channel) -> LogLine {
        LogLine {
            time: self.time,
            channel,
            text: self.text.freeze(),
        }
    }
}

impl Joiner {
    /// A line that is whole already; asked before anything is added.
    pub(super) fn next(&mut self) -> Option<LogLine> {
        self.behind.take()
    }

    /// Adds an entry; the line that is whole with it.
    pub(super) fn add(&mut self, Entry { line, ended }: Entry) -> Option<LogLine> {
        debug_assert!(self.behind.is_none());
        let begun = &mut self.begun[line.channel as usize];
        match begun.take() {
            None if ended => Some(line),
            // Pieces of a line bear one time; another time is another line, after one that never
            // got its newline.
            Some(unfinished) if unfinished.time != line.time => {
                let channel = line.channel;
                match ended {
                    true => self.behind = Some(line),
                    false => *begun = Some(begin(line)),
                }
                Some(unfinished.line(channel))
            }
            Some(mut known) => {
                known.text.extend_from_slice(&line.text);
                match ended {
                    true => Some(known.line(line.channel)),
                    false => {
                        *begun = Some(known);
                        None
                    }
                }
            }
            None => {
                *begun = Some(begin(line));
                None
            }
        }
    }

    /// What is left at the end of the log: lines without a newline.
    pub(super) fn finish(&mut self) -> Option<LogLine> {
        [Channel::Stdout, Channel::Stderr]
            .into_iter()
            .find_map(|channel| {
                let begun = self.begun[channel as usize].take()?;
                Some(begun.line(channel))
            })
    }
}

fn begin(line: LogLine) -> Begun {
    Begun {
        time: line.time,
        text: BytesMut::from(&line.text[..]),
    }
}
