//! Prints log lines as they come, many at once where many are there.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::Stream;
use regex::bytes::Regex;
use serde_json::json;
use tokio::task::coop::consume_budget;
use tokio::time::sleep;

use super::merge::{Merge, Next};
use crate::command::Context;
use crate::engine::{Channel, EngineEvent, LogLine};
use crate::name::ContainerId;
use crate::plan::observed::Container;
use crate::report::Reporter;
use crate::report::log::{LogStyle, Logs, Source};

/// A container, as far as its lines say where they come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Its id.
    pub id: ContainerId,
    name: String,
    service: String,
    number: String,
    project: String,
}

impl Subject {
    /// From a list.
    pub fn listed(container: &Container) -> Self {
        let label = |name: &str| container.labels.get(&format!("com.docker.compose.{name}"));
        let label = |name: &str| label(name).cloned().unwrap_or_default();
        Self {
            id: container.id.clone(),
            name: container.name.clone(),
            service: label("service"),
            number: label("container-number"),
            project: label("project"),
        }
    }

    /// From what happened to it.
    pub fn of_event(event: &EngineEvent) -> Self {
        let label = |name: &str| event.attribute(&format!("com.docker.compose.{name}"));
        let label = |name: &str| label(name).unwrap_or_default().to_owned();
        Self {
            id: ContainerId::from(event.actor.id.as_str()),
            name: event.attribute("name").unwrap_or_default().to_owned(),
            service: label("service"),
            number: label("container-number"),
            project: label("project"),
        }
    }

    /// Its whole name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name that stands before its lines: without the project, unless the file gave the name.
    fn short_name(&self) -> &str {
        let made = |separator: char| {
            let short = self
                .name
                .strip_prefix(&self.project)?
                .strip_prefix(separator)?;
            let ours = format!("{}{separator}{}", self.service, self.number);
            (short == ours).then_some(short)
        };
        made('-').or_else(|| made('_')).unwrap_or(&self.name)
    }
}

/// What a line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// As Docker Compose prints it.
    Text {
        /// Colours and prefixes.
        style: LogStyle,
        /// Whether the time stands before the text.
        timestamps: bool,
    },
    /// A JSON object.
    Json,
}

/// Turns lines into output.
pub struct Printer<'a> {
    reporter: &'a Reporter,
    format: Format,
    pattern: Option<Regex>,
    logs: Logs,
    sources: Vec<Named>,
    out: Vec<u8>,
    /// When the last write was.
    written: Instant,
    line: Vec<u8>,
}

/// A container whose lines are printed.
struct Named {
    source: Source,
    subject: Subject,
}

/// As much as is written at once.
const FULL: usize = 64 * 1024;

/// How long the engine has to send more before what it sent is written: it sends line by line, and
/// a wake-up and a write for each would cost more than all the rest.
const GATHER: Duration = Duration::from_millis(1);

/// How long a line is held at most while more keep coming.
const HELD: Duration = Duration::from_millis(10);

impl<'a> Printer<'a> {
    pub fn new(cx: &'a Context, format: Format, pattern: Option<Regex>) -> Self {
        Self::to(cx.reporter(), format, pattern)
    }

    fn to(reporter: &'a Reporter, format: Format, pattern: Option<Regex>) -> Self {
        let style = match format {
            Format::Text { style, .. } => style,
            Format::Json => LogStyle::default(),
        };
        Self {
            reporter,
            format,
            pattern,
            logs: Logs::new(style),
            sources: Vec::new(),
            out: Vec::with_capacity(FULL),
            written: Instant::now(),
            line: Vec::new(),
        }
    }

    /// Makes a container known; its number goes with its lines.
    pub fn source(&mut self, subject: &Subject) -> usize {
        self.sources.push(Named {
            source: self.logs.source(subject.short_name()),
            subject: subject.clone(),
        });
        self.sources.len() - 1
    }

    /// What the logs say next; what is printed already shows before it waits. Cancel safe.
    pub async fn next<L>(&mut self, merge: &mut Merge<L>) -> Result<Next<L>>
    where
        L: Stream<Item = crate::engine::Result<LogLine>> + Unpin,
    {
        // What is there already is never waited for, and an interrupt is not to wait for all of it.
        consume_budget().await;
        if let Some(next) = merge.ready() {
            return Ok(next?);
        }
        if !self.out.is_empty() && self.written.elapsed() < HELD {
            sleep(GATHER).await;
            if let Some(next) = merge.ready() {
                return Ok(next?);
            }
        }
        self.flush()?;
        Ok(merge.next().await?)
    }

    /// Prints a line.
    pub fn line(&mut self, source: usize, line: &LogLine) -> Result<()> {
        if let Some(pattern) = &self.pattern
            && !pattern.is_match(&line.text)
        {
            return Ok(());
        }
        let named = &self.sources[source];
        match self.format {
            Format::Text {
                timestamps: true, ..
            } => {
                self.line.clear();
                self.line.extend_from_slice(&line.time);
                self.line.push(b' ');
                self.line.extend_from_slice(&line.text);
                self.logs.line(named.source, &self.line, &mut self.out);
            }
            Format::Text { .. } => self.logs.line(named.source, &line.text, &mut self.out),
            Format::Json => {
                let object = json!({
                    "time": String::from_utf8_lossy(&line.time),
                    "service": named.subject.service,
                    "container": named.subject.name,
                    "stream": match line.channel {
                        Channel::Stdout => "stdout",
                        Channel::Stderr => "stderr",
                    },
                    "line": String::from_utf8_lossy(&line.text),
                });
                self.out.extend_from_slice(object.to_string().as_bytes());
                self.out.push(b'\n');
            }
        }
        match self.out.len() >= FULL {
            true => self.flush(),
            false => Ok(()),
        }
    }

    /// Says something about a container itself.
    pub fn status(&mut self, source: usize, text: &str) {
        if let Format::Text { .. } = self.format {
            self.logs
                .status(self.sources[source].source, text, &mut self.out);
        }
    }

    /// Writes what is held.
    pub fn flush(&mut self) -> Result<()> {
        if !self.out.is_empty() {
            self.reporter.write_out(&self.out)?;
            self.out.clear();
            self.written = Instant::now();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Style;

    #[test]
    fn lines_that_are_all_there_leave_room_for_an_interrupt() {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_time().build().expect("a runtime");
        let reporter = Reporter::new(Style::default(), "");
        let mut printer = Printer::to(&reporter, Format::Json, None);
        let printed = runtime.block_on(async {
            let mut merge = Merge::new();
            let lines = std::iter::repeat_with(|| Ok(LogLine::default()));
            merge.add(0, futures_util::stream::iter(lines.take(10_000_000)));
            let all = async {
                while let Next::Line(..) = printer.next(&mut merge).await.expect("a line") {}
            };
            tokio::time::timeout(Duration::from_millis(1), all).await
        });
        assert!(printed.is_err(), "all of them first");
    }

    #[test]
    fn a_name_that_the_file_gave_is_kept_whole() {
        let mut subject = Subject {
            id: ContainerId::from("x"),
            name: "app-web-1".to_owned(),
            service: "web".to_owned(),
            number: "1".to_owned(),
            project: "app".to_owned(),
        };
        assert_eq!(subject.short_name(), "web-1");
        subject.name = "app_web_1".to_owned();
        assert_eq!(subject.short_name(), "web_1");
        subject.name = "app-mine".to_owned();
        assert_eq!(subject.short_name(), "app-mine");
    }
}
