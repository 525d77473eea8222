//! What an attached `up` prints: lines under their container's name, and how containers ended.

use std::collections::BTreeMap;

use anyhow::Result;

use super::{Again, Ended, Heed, Watched};
use crate::command::Context;
use crate::command::work::Work;
use crate::engine::{Channel, Chunk};
use crate::report::log::{LogStyle, Logs, Source};

/// Turns chunks into lines and prints them.
pub(super) struct Screen<'c> {
    cx: &'c Context,
    logs: Logs,
    /// The name of each, and its source once there is something to show of it.
    sources: Vec<(String, Option<Source>)>,
    /// What is left of each container's streams after their last whole line.
    rest: BTreeMap<(usize, bool), Vec<u8>>,
}

impl<'c> Screen<'c> {
    pub(super) fn new(cx: &'c Context, watched: &[Watched], style: LogStyle) -> Self {
        let mut screen = Self {
            cx,
            logs: Logs::new(style),
            sources: Vec::new(),
            rest: BTreeMap::new(),
        };
        for one in watched {
            screen.meet(one);
        }
        screen
    }

    /// One more, and its number.
    pub(super) fn meet(&mut self, one: &Watched) -> usize {
        let source = match one.heed {
            Heed::Log => Some(self.logs.source(&one.label)),
            Heed::End => None,
        };
        self.sources.push((one.label.clone(), source));
        self.sources.len() - 1
    }

    fn source(&mut self, index: usize) -> Source {
        let (label, source) = &mut self.sources[index];
        *source.get_or_insert_with(|| self.logs.source(label))
    }

    /// Shows what a hook said under its container's name.
    pub(super) fn hook(&mut self, work: &Work<'_>, container: &str, line: &str) -> Result<()> {
        let prefix = format!("{}-", work.project.name);
        let label = container.strip_prefix(&prefix).unwrap_or(container);
        let source = self.logs.source(&format!("{label} ->"));
        let mut out = Vec::new();
        self.logs.line(source, line.as_bytes(), &mut out);
        self.cx.reporter().write_out(&out)
    }

    pub(super) fn say(&mut self, index: usize, chunk: &Chunk) -> Result<()> {
        let rest = self
            .rest
            .entry((index, chunk.channel == Channel::Stderr))
            .or_default();
        rest.extend_from_slice(&chunk.bytes);
        let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else {
            return Ok(());
        };
        let whole: Vec<u8> = rest.drain(..=end).collect();
        let (source, mut out) = (self.source(index), Vec::new());
        for line in whole[..end].split(|byte| *byte == b'\n') {
            self.logs.line(source, line, &mut out);
        }
        self.write(chunk.channel, &out)
    }

    /// Lets lines go where the container wrote them.
    fn write(&self, channel: Channel, lines: &[u8]) -> Result<()> {
        match channel {
            Channel::Stdout => self.cx.reporter().write_out(lines),
            Channel::Stderr => self.cx.reporter().write_err(lines),
        }
    }

    /// Shows what is left without its newline, and that the container ended.
    pub(super) fn ended(&mut self, end: &Ended) -> Result<()> {
        let Ended { index, status, .. } = *end;
        let source = self.source(index);
        for channel in [Channel::Stdout, Channel::Stderr] {
            let rest = self.rest.remove(&(index, channel == Channel::Stderr));
            if let Some(rest) = rest.filter(|rest| !rest.is_empty()) {
                let mut line = Vec::new();
                self.logs.line(source, &rest, &mut line);
                self.write(channel, &line)?;
            }
        }
        let mut out = Vec::new();
        let text = match end.again {
            Again::Yes => format!("exited with code {status} (restarting)"),
            Again::No => format!("exited with code {status}"),
        };
        self.logs.status(source, &text, &mut out);
        self.cx.reporter().write_out(&out)
    }
}
