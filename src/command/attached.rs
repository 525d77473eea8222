//! What an attached `up` does once everything runs: shows the logs, and stops what it watches when
//! it is interrupted or when a container ends that ends it all.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

use super::Context;
use super::work::{Manner, Source as From, Work};
use crate::engine::{Channel, Chunk, Framing, LogRange};
use crate::event::Event;
use crate::execute::Interrupts;
use crate::gate::Waits;
use crate::name::{ContainerId, ServiceName};
use crate::plan::{self, Signal};
use crate::report::Exit;
use crate::report::log::{LogStyle, Logs, Source};

/// A container whose log is shown.
#[derive(Clone)]
pub(super) struct Watched {
    pub(super) id: ContainerId,
    pub(super) service: ServiceName,
    /// Its name before its lines.
    pub(super) label: String,
    /// Whether it has a terminal.
    pub(super) tty: bool,
}

/// What the end of one container means for the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Ending {
    /// Nothing: it ends when all have ended.
    #[default]
    Last,
    /// The first to end ends all, with its code or that of this service.
    First(Option<ServiceName>),
    /// The first to fail ends all.
    FirstFailure,
}

/// Whether containers may be replaced while their logs are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Company {
    /// Nobody does.
    Alone,
    /// A watch over files does.
    Watch,
}

/// How long a watch may have no container at all while it replaces the last one.
const REPLACING: Duration = Duration::from_secs(5);

/// What is shown and how it ends.
pub(super) struct Show {
    pub(super) company: Company,
    /// Whether a reaction to a saved file is under way.
    pub(super) busy: Rc<Cell<bool>>,
    pub(super) style: LogStyle,
    pub(super) timestamps: bool,
    pub(super) ending: Ending,
    /// Only what was said since then: seconds since 1970.
    pub(super) since: String,
}

enum News {
    Said(usize, Chunk),
    Ended(usize, i64, Again),
}

/// Whether a container that ended starts again by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    Yes,
    No,
}

/// Follows the logs until all have ended, one ends all, or the user does.
pub(super) async fn follow(
    cx: &Context,
    work: &Work<'_>,
    watched: &[Watched],
    show: Show,
) -> Result<ExitCode> {
    cx.reporter().settle()?;
    let labels: Vec<&str> = watched.iter().map(|one| one.label.as_str()).collect();
    cx.reporter()
        .write_out(format!("Attaching to {}\n", labels.join(", ")).as_bytes())?;
    let mut watched = watched.to_vec();
    let mut screen = Screen::new(cx, &watched, show.style);
    let mut interrupts = Interrupts::listen()?;
    let (say, mut news) = mpsc::channel(256);
    let mut followers: FuturesUnordered<_> = watched
        .iter()
        .enumerate()
        .map(|(index, one)| {
            follow_one(
                work,
                one.clone(),
                (index, &show, show.since.clone()),
                say.clone(),
            )
        })
        .collect();
    let mut events = match show.company {
        Company::Watch => work.prober.as_ref().map(|prober| prober.events()),
        Company::Alone => None,
    };
    // Held only where more containers may come.
    let mut say = events.is_some().then_some(say);
    let mut following: BTreeSet<ContainerId> = watched.iter().map(|one| one.id.clone()).collect();
    let mut ends: BTreeMap<ContainerId, String> = BTreeMap::new();
    let mut last_end: Option<Instant> = None;
    let mut code: Option<u8> = None;
    let mut stopping = None;
    loop {
        let over = last_end
            .filter(|_| followers.is_empty())
            .map(|at| at + REPLACING);
        tokio::select! {
            biased;
            _ = interrupts.next(), if stopping.is_none() => {
                cx.events().emit(Event::Note("Gracefully Stopping... press Ctrl+C again to force".into()));
                code = Some(130);
                stopping = Some(Box::pin(stop(cx, work)));
            }
            heard = news.recv() => match heard {
                Some(News::Said(index, chunk)) => screen.say(index, &chunk)?,
                Some(News::Ended(index, status, again)) => {
                    screen.ended(index, status, again)?;
                    let ended = &watched[index].service;
                    if let Some(status) = show.ending.code(ended, status, again) {
                        code = code.or(Some(status));
                    }
                    if show.ending.ends_all(status, again) && stopping.is_none() {
                        stopping = Some(Box::pin(stop(cx, work)));
                    }
                    if again == Again::No {
                        let id = &watched[index].id;
                        following.remove(id);
                        ends.insert(id.clone(), now());
                        // One that failed by itself waits for the next save.
                        last_end = is_by_will(status).then(Instant::now);
                    }
                }
                None => break,
            },
            Some(()) = followers.next() => {}
            stopped = async { stopping.as_mut().expect("guarded").await }, if stopping.is_some() => {
                stopped?;
                break;
            }
            event = heard_of(&mut events) => match (event, &say) {
                (Ok(event), Some(say)) => {
                    let again = started(&event, &watched, work);
                    if let Some(one) = again.filter(|one| following.insert(one.id.clone())) {
                        let index = screen.add(&one);
                        watched.push(one.clone());
                        // One that is new says its first words before its start is told.
                        let since = ends.remove(&one.id).unwrap_or_default();
                        followers.push(follow_one(work, one, (index, &show, since), say.clone()));
                        last_end = None;
                    }
                }
                (Err(RecvError::Lagged(_)), _) => {}
                _ => {
                    events = None;
                    say = None;
                }
            },
            () = tokio::time::sleep_until(over.unwrap_or_else(Instant::now).into()), if over.is_some() => {
                if !show.busy.get() {
                    break;
                }
                // What it replaces may take its time.
                last_end = Some(Instant::now());
            }
        }
    }
    // What the containers said at their end is still on its way.
    while let Ok(News::Said(index, chunk)) = news.try_recv() {
        screen.say(index, &chunk)?;
    }
    if let Some(stopping) = stopping.filter(|_| code.is_none()) {
        stopping.await?;
    }
    match code {
        Some(130) => Err(Exit::interrupted().into()),
        Some(code) => Ok(ExitCode::from(code)),
        None => Ok(ExitCode::SUCCESS),
    }
}

impl Ending {
    fn ends_all(&self, status: i64, again: Again) -> bool {
        again == Again::No
            && match self {
                Self::Last => false,
                Self::First(_) => true,
                Self::FirstFailure => status != 0,
            }
    }

    /// The command's exit code, where this container decides it.
    fn code(&self, service: &ServiceName, status: i64, again: Again) -> Option<u8> {
        let decides = match self {
            Self::First(Some(wanted)) => wanted == service,
            _ => self.ends_all(status, again),
        };
        (decides && again == Again::No).then(|| u8::try_from(status & 0xff).unwrap_or(1))
    }
}

/// Whether an exit code is that of a program that is done, or was told to end.
fn is_by_will(status: i64) -> bool {
    matches!(status, 0 | 130 | 137 | 143)
}

type Events = tokio::sync::broadcast::Receiver<Arc<crate::engine::EngineEvent>>;

async fn heard_of(
    events: &mut Option<Events>,
) -> Result<Arc<crate::engine::EngineEvent>, RecvError> {
    match events {
        Some(events) => events.recv().await,
        None => std::future::pending().await,
    }
}

/// Now, as the engine takes it.
fn now() -> String {
    let now = jiff::Timestamp::now();
    format!("{}.{:09}", now.as_second(), now.subsec_nanosecond())
}

/// The container that an event says has started, where it is one of a service that is shown.
fn started(
    event: &crate::engine::EngineEvent,
    watched: &[Watched],
    work: &Work<'_>,
) -> Option<Watched> {
    let is_one_off = event.attribute("com.docker.compose.oneoff") == Some("True");
    let service = event.attribute("com.docker.compose.service")?;
    let like = watched.iter().find(|one| one.service.as_str() == service)?;
    if event.action != "start" || is_one_off {
        return None;
    }
    // A container that replaces another starts under its own name.
    let name = event.attribute("name")?;
    let prefix = format!("{}-", work.project.name);
    Some(Watched {
        id: ContainerId::from(event.actor.id.clone()),
        label: name.strip_prefix(&prefix).unwrap_or(name).to_owned(),
        ..like.clone()
    })
}

async fn follow_one(
    work: &Work<'_>,
    one: Watched,
    (index, show, mut since): (usize, &Show, String),
    say: mpsc::Sender<News>,
) {
    let mut events = work.prober.as_ref().map(|prober| prober.events());
    loop {
        let range = LogRange {
            follow: true,
            since: Some(since.clone()).filter(|since| !since.is_empty()),
            timestamps: show.timestamps,
            ..LogRange::default()
        };
        if let Ok(mut log) = work
            .engine
            .logs(&one.id, Framing::of_tty(one.tty), &range)
            .await
        {
            while let Some(Ok(chunk)) = log.next().await {
                if say.send(News::Said(index, chunk)).await.is_err() {
                    return;
                }
            }
        }
        let Ok(found) = work.engine.inspect_container(&one.id).await else {
            return;
        };
        let state = found.state.unwrap_or_default();
        let again = match state.restarting.unwrap_or(false) || state.running.unwrap_or(false) {
            true => Again::Yes,
            false => Again::No,
        };
        let ended = News::Ended(index, state.exit_code.unwrap_or_default(), again);
        if say.send(ended).await.is_err() || again == Again::No {
            return;
        }
        since = state.finished_at.unwrap_or(since);
        while !state.running.unwrap_or(false) {
            let Some(events) = events.as_mut() else {
                return;
            };
            match events.recv().await {
                Ok(event) if event.action == "start" && event.actor.id == one.id.as_str() => break,
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }
}

/// Stops everything, each before what it depends on; a further interrupt kills.
async fn stop(cx: &Context, work: &Work<'_>) -> Result<()> {
    let open = || {
        Work::open(
            cx,
            From::Loaded(Box::new(work.project.clone())),
            Waits::Compose,
        )
    };
    let now = open().await?;
    let all = std::collections::BTreeSet::new();
    let plan = now.plan(|world| plan::stop(world, &all, None));
    match now.execute(&plan, Manner::default()).await {
        Err(error) if error.is::<Exit>() => {
            let now = open().await?;
            let kill = Signal::Kill("SIGKILL".into());
            let plan = now.plan(|world| plan::signal(world, &all, &kill));
            now.execute(&plan, Manner::default()).await.map(drop)
        }
        other => other.map(drop),
    }
}

/// Turns chunks into lines and prints them.
struct Screen<'c> {
    cx: &'c Context,
    logs: Logs,
    sources: Vec<Source>,
    /// What is left of each container's streams after their last whole line.
    rest: BTreeMap<(usize, bool), Vec<u8>>,
}

impl<'c> Screen<'c> {
    fn new(cx: &'c Context, watched: &[Watched], style: LogStyle) -> Self {
        let mut logs = Logs::new(style);
        let sources = watched.iter().map(|one| logs.source(&one.label)).collect();
        Self {
            cx,
            logs,
            sources,
            rest: BTreeMap::new(),
        }
    }

    /// Adds a container, and gives its index; one that replaces another keeps its colour.
    fn add(&mut self, one: &Watched) -> usize {
        let source = self.logs.source(&one.label);
        self.sources.push(source);
        self.sources.len() - 1
    }

    fn say(&mut self, index: usize, chunk: &Chunk) -> Result<()> {
        let rest = self
            .rest
            .entry((index, chunk.channel == Channel::Stderr))
            .or_default();
        rest.extend_from_slice(&chunk.bytes);
        let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else {
            return Ok(());
        };
        let whole: Vec<u8> = rest.drain(..=end).collect();
        let mut out = Vec::new();
        for line in whole[..end].split(|byte| *byte == b'\n') {
            self.logs.line(self.sources[index], line, &mut out);
        }
        self.cx.reporter().write_out(&out)
    }

    /// Shows what is left without its newline, and that the container ended.
    fn ended(&mut self, index: usize, status: i64, again: Again) -> Result<()> {
        let mut out = Vec::new();
        for channel in [false, true] {
            if let Some(rest) = self
                .rest
                .remove(&(index, channel))
                .filter(|rest| !rest.is_empty())
            {
                self.logs.line(self.sources[index], &rest, &mut out);
            }
        }
        let text = match again {
            Again::Yes => format!("exited with code {status} (restarting)"),
            Again::No => format!("exited with code {status}"),
        };
        self.logs.status(self.sources[index], &text, &mut out);
        self.cx.reporter().write_out(&out)
    }
}
