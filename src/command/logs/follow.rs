//! Goes on with the logs through ends, restarts, and containers that are made meanwhile.

use std::collections::BTreeSet;

use anyhow::Result;
use futures_util::StreamExt;

use super::merge::{Merge, Next};
use super::print::{Printer, Subject};
use super::{Chosen, Log, Opened, open};
use crate::engine::{Engine, EngineEvent, LogLines, LogRange, Messages};
use crate::name::ContainerId;

/// Knows what runs, and how far each log was read.
pub struct Follower<'a> {
    engine: &'a Engine,
    chosen: Chosen<'a>,
    range: LogRange,
    known: Vec<Known>,
    /// Those that something more may come from.
    awaited: BTreeSet<ContainerId>,
}

/// A container whose log is followed.
struct Known {
    subject: Subject,
    source: usize,
    /// Whether its log is being read; those of some logging drivers never are.
    open: bool,
    /// Where its log goes on.
    resume: Option<String>,
    /// It was started again while its log was still open.
    restarted: bool,
    /// What is said of its end when its last line is printed.
    ended: Option<String>,
}

/// Whether there is anything left to wait for.
#[derive(PartialEq, Eq)]
enum Left {
    Something,
    Nothing,
}

impl<'a> Follower<'a> {
    pub fn new(engine: &'a Engine, chosen: Chosen<'a>, range: LogRange) -> Self {
        Self {
            engine,
            chosen,
            known: Vec::new(),
            awaited: BTreeSet::new(),
            range,
        }
    }

    /// A container that is there from the start.
    pub fn know(&mut self, opened: &Opened) {
        self.awaited.insert(opened.subject.id.clone());
        self.known.push(Known {
            subject: opened.subject.clone(),
            source: opened.source,
            open: matches!(opened.log, Log::Lines(_)),
            resume: self.range.since.clone(),
            restarted: false,
            ended: None,
        });
    }

    /// Prints until nothing more can come.
    pub async fn run(
        mut self,
        mut events: Messages<EngineEvent>,
        mut merge: Merge<LogLines>,
        printer: &mut Printer<'_>,
    ) -> Result<()> {
        while self.left(&merge) == Left::Something {
            tokio::select! {
                next = printer.next(&mut merge) => match next? {
                    Next::Line(source, line) => printer.line(source, &line)?,
                    Next::End(source, lines) => {
                        self.ended(source, &lines, printer);
                        self.reopen(&mut merge).await?;
                    }
                },
                event = events.next() => match event {
                    Some(event) => {
                        self.happened(&event?, printer).await?;
                        self.reopen(&mut merge).await?;
                    }
                    None => break,
                },
            }
        }
        Ok(())
    }

    fn left(&self, merge: &Merge<LogLines>) -> Left {
        match self.awaited.is_empty() && merge.is_empty() {
            true => Left::Nothing,
            false => Left::Something,
        }
    }

    /// A log was read to its end.
    fn ended(&mut self, source: usize, lines: &LogLines, printer: &mut Printer<'_>) {
        let Some(known) = self.known.iter_mut().find(|known| known.source == source) else {
            return;
        };
        known.open = false;
        known.resume = lines.resume().or(known.resume.take());
        if let Some(text) = known.ended.take() {
            printer.status(source, &text);
        }
    }

    /// Opens the logs of what was started again.
    async fn reopen(&mut self, merge: &mut Merge<LogLines>) -> Result<()> {
        for known in &mut self.known {
            if !known.restarted || known.open {
                continue;
            }
            let range = LogRange {
                since: known.resume.clone(),
                tail: None,
                ..self.range.clone()
            };
            known.restarted = false;
            if let Log::Lines(lines) = open(self.engine, &known.subject.id, &range).await? {
                known.open = true;
                merge.add(known.source, *lines);
            }
        }
        Ok(())
    }

    async fn happened(&mut self, event: &EngineEvent, printer: &mut Printer<'_>) -> Result<()> {
        if !self.concerns(event) {
            return Ok(());
        }
        let id = ContainerId::from(event.actor.id.as_str());
        match event.action.as_str() {
            "create" => {
                self.awaited.insert(id);
            }
            "start" => {
                self.awaited.insert(id.clone());
                let known = match self.find(&id) {
                    Some(at) => &mut self.known[at],
                    None => self.meet(event, printer),
                };
                known.restarted = true;
            }
            "die" => self.died(&id, event, printer).await?,
            "destroy" => {
                self.awaited.remove(&id);
            }
            _ => {}
        }
        Ok(())
    }

    fn concerns(&self, event: &EngineEvent) -> bool {
        let label = |name: &str| event.attribute(&format!("com.docker.compose.{name}"));
        let service = label("service").unwrap_or_default();
        let number = label("container-number").and_then(|it| it.parse().ok());
        label("config-hash").is_some()
            && label("oneoff") != Some("True")
            && self.chosen.takes(service)
            && (self.chosen.index == 0 || number == Some(self.chosen.index))
    }

    fn find(&self, id: &ContainerId) -> Option<usize> {
        self.known.iter().position(|known| known.subject.id == *id)
    }

    /// A container that was not there before.
    fn meet(&mut self, event: &EngineEvent, printer: &mut Printer<'_>) -> &mut Known {
        let subject = Subject::of_event(event);
        let source = printer.source(&subject);
        self.known.push(Known {
            subject,
            source,
            open: false,
            resume: self.range.since.clone(),
            restarted: false,
            ended: None,
        });
        let last = self.known.len() - 1;
        &mut self.known[last]
    }

    /// Says how a container ended, after its last line; one that is restarted goes on.
    async fn died(
        &mut self,
        id: &ContainerId,
        event: &EngineEvent,
        printer: &mut Printer<'_>,
    ) -> Result<()> {
        let state = match self.engine.inspect_container(id).await {
            Ok(details) => details.state.unwrap_or_default(),
            Err(error) if error.is_not_found() => Default::default(),
            Err(error) => return Err(error.into()),
        };
        // While the engine restarts it on demand, it counts as running.
        let restarts = state.restarting == Some(true) || state.running == Some(true);
        let code = event.exit_code().unwrap_or_default();
        let text = match restarts {
            true => format!("exited with code {code} (restarting)"),
            false => format!("exited with code {code}"),
        };
        if !restarts {
            self.awaited.remove(id);
        }
        let Some(at) = self.find(id) else {
            return Ok(());
        };
        match self.known[at].open {
            true => self.known[at].ended = Some(text),
            false => printer.status(self.known[at].source, &text),
        }
        Ok(())
    }
}
