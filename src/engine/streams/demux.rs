//! Takes the engine's multiplexed output apart: stdout and stderr in frames of eight header bytes.

use bytes::{Buf, Bytes};

use crate::engine::error::{Error, Result};

/// Whether output comes in frames. It does unless the container or the exec has a terminal; the
/// bytes themselves never tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Frames with their channel.
    Multiplexed,
    /// The bytes of a terminal as they are.
    Raw,
}

impl Framing {
    /// From the `Tty` flag of a container or an exec.
    pub fn of_tty(tty: bool) -> Self {
        match tty {
            true => Self::Raw,
            false => Self::Multiplexed,
        }
    }
}

/// Where output was written to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Standard output; everything a terminal shows.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
}

/// A piece of output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Where it was written to.
    pub channel: Channel,
    /// The bytes; a line may come in several pieces.
    pub bytes: Bytes,
}

/// Takes frames apart without holding their payload back.
pub(in crate::engine) struct Demux {
    framing: Framing,
    header: [u8; 8],
    /// Bytes of the header that are there.
    have: usize,
    /// Bytes of the frame's payload that are still to come.
    remaining: usize,
    input: Bytes,
    /// A message of the engine itself, being collected.
    complaint: Vec<u8>,
}

/// The channel number of the engine's own error messages.
const SYSTEM: u8 = 3;

impl Demux {
    pub(in crate::engine) fn new(framing: Framing) -> Self {
        Self {
            framing,
            header: [0; 8],
            have: 0,
            remaining: 0,
            input: Bytes::new(),
            complaint: Vec::new(),
        }
    }

    /// Takes the next piece; the one before has to be used up.
    pub(in crate::engine) fn push(&mut self, piece: Bytes) {
        debug_assert!(self.input.is_empty());
        self.input = piece;
    }

    /// The next piece of output in what was pushed.
    pub(in crate::engine) fn next(&mut self) -> Option<Result<Chunk>> {
        if self.framing == Framing::Raw {
            let bytes = std::mem::take(&mut self.input);
            return (!bytes.is_empty()).then_some(Ok(Chunk {
                channel: Channel::Stdout,
                bytes,
            }));
        }
        while !self.input.is_empty() {
            if self.remaining == 0 {
                self.read_header();
                continue;
            }
            let take = self.remaining.min(self.input.len());
            let bytes = self.input.split_to(take);
            self.remaining -= take;
            if self.header[0] == SYSTEM {
                self.complaint.extend_from_slice(&bytes);
                if self.remaining == 0 {
                    let text = String::from_utf8_lossy(&std::mem::take(&mut self.complaint))
                        .trim()
                        .to_owned();
                    return Some(Err(Error::Failed(text)));
                }
                continue;
            }
            let channel = match self.header[0] {
                2 => Channel::Stderr,
                _ => Channel::Stdout,
            };
            return Some(Ok(Chunk { channel, bytes }));
        }
        None
    }

    fn read_header(&mut self) {
        let take = (self.header.len() - self.have).min(self.input.len());
        self.input
            .copy_to_slice(&mut self.header[self.have..self.have + take]);
        self.have += take;
        if self.have == self.header.len() {
            let [.., a, b, c, d] = self.header;
            self.remaining = u32::from_be_bytes([a, b, c, d]) as usize;
            self.have = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(channel: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![channel, 0, 0, 0];
        bytes.extend((payload.len() as u32).to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    /// Everything that was said, in pieces joined as long as the channel stays.
    fn said(framing: Framing, pieces: &[&[u8]]) -> Vec<(Channel, Vec<u8>)> {
        let mut demux = Demux::new(framing);
        let mut said: Vec<(Channel, Vec<u8>)> = Vec::new();
        for piece in pieces {
            demux.push(Bytes::copy_from_slice(piece));
            while let Some(chunk) = demux.next() {
                let chunk = chunk.unwrap();
                match said.last_mut() {
                    Some((channel, bytes)) if *channel == chunk.channel => {
                        bytes.extend(&chunk.bytes);
                    }
                    _ => said.push((chunk.channel, chunk.bytes.to_vec())),
                }
            }
        }
        said
    }

    #[test]
    fn frames_are_found_however_the_bytes_are_cut() {
        let mut bytes = frame(1, b"out");
        bytes.extend(frame(2, b""));
        bytes.extend(frame(2, b"err\n"));
        bytes.extend(frame(0, b"\0\x01\x02"));
        let whole = vec![
            (Channel::Stdout, b"out".to_vec()),
            (Channel::Stderr, b"err\n".to_vec()),
            (Channel::Stdout, b"\0\x01\x02".to_vec()),
        ];
        for size in 1..bytes.len() {
            let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
            assert_eq!(
                said(Framing::Multiplexed, &pieces),
                whole,
                "cut every {size}"
            );
        }
    }

    #[test]
    fn a_terminals_bytes_are_never_taken_for_a_header() {
        let bytes = b"\x01\x02\0\0\0\0\0\x05hello";
        assert_eq!(
            said(Framing::Raw, &[bytes]),
            [(Channel::Stdout, bytes.to_vec())]
        );
    }

    #[test]
    fn the_engines_own_complaint_is_an_error() {
        let mut demux = Demux::new(Framing::Multiplexed);
        demux.push(frame(3, b"disk is gone\n").into());
        let error = demux.next().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "disk is gone");
    }
}
