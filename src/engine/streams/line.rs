//! A line of a log, and the entry that a driver makes of a line or of a piece of one.

use bytes::Bytes;

use super::demux::Channel;

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

/// One entry of a log: a line, or a piece of one.
pub(super) struct Entry {
    /// What is there of the line, without its newline.
    pub line: LogLine,
    /// Whether the newline was there.
    pub ended: bool,
}
