//! What an attached `up` does once everything runs: shows the logs, and stops what it watches when
//! it is interrupted or when a container ends that ends it all.

mod beside;
mod ending;
mod expected;
mod flags;
mod follow;
mod menu;
mod runs;
mod screen;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

pub(super) use self::beside::beside;
pub(super) use self::ending::Ending;
use self::ending::{Again, is_by_will};
use self::expected::{Expected, Met};
pub(super) use self::flags::Flags;
use self::follow::{Followed, follow_one};
use self::screen::Screen;
use super::Context;
use super::containers::label;
use super::work::{HookSayings, Manner, Source as From, Work};
use crate::engine::{Chunk, EngineEvent, Framing, Which, container, labelled};
use crate::event::Event;
use crate::execute::Interrupts;
use crate::gate::Waits;
use crate::name::{ContainerId, ServiceName};
use crate::plan::{self, Signal};
use crate::report::Exit;
use crate::report::log::LogStyle;

/// What is shown of a service's containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heed {
    /// What they say, and how they end.
    Log,
    /// How they end: what was named counts for the end of it all, though its log is not wanted.
    End,
}

/// What is shown of a service by its name; none where it is left alone.
type HeedOf<'a> = Box<dyn Fn(&str) -> Option<Heed> + 'a>;

/// A container that is followed.
pub(super) struct Watched {
    pub(super) id: ContainerId,
    pub(super) service: ServiceName,
    /// Its name before its lines.
    pub(super) label: String,
    /// Whether it has a terminal.
    pub(super) tty: bool,
    pub(super) heed: Heed,
}

/// Whether containers may be replaced while their logs are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Company {
    /// Nobody does.
    #[default]
    Alone,
    /// A watch over files does.
    Watch,
}

/// How long a watch may have no container at all while it replaces the last one.
const REPLACING: Duration = Duration::from_secs(5);

/// How long what was stopped has for its last words.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What is shown and how it ends.
pub(super) struct Show<'a> {
    pub(super) company: Rc<Cell<Company>>,
    /// Whether a reaction to a saved file is under way.
    pub(super) busy: Rc<Cell<bool>>,
    /// Which containers of a service are followed that are started later.
    pub(super) heed: HeedOf<'a>,
    pub(super) style: LogStyle,
    pub(super) timestamps: bool,
    pub(super) ending: Ending,
    /// The services that were named: when they have ended all is over, and only they are stopped.
    /// None stands for all.
    pub(super) targets: BTreeSet<ServiceName>,
    /// Only what was said since then: seconds since 1970.
    pub(super) since: String,
}

impl Show<'_> {
    /// Whether the end of a service's containers counts.
    fn counts(&self, service: &ServiceName) -> bool {
        self.targets.is_empty() || self.targets.contains(service)
    }

    /// Whether what was named has ended; dependencies that are shown beside it go on.
    fn is_over(&self, watched: &[Watched], active: &BTreeSet<usize>) -> bool {
        let named = |index: &usize| self.targets.contains(&watched[*index].service);
        self.company.get() == Company::Alone
            && (0..watched.len()).any(|index| named(&index))
            && !active.iter().any(named)
    }
}

enum News {
    Said(usize, Chunk),
    Ended(Ended),
}

/// The end of one run of a container that is shown.
#[derive(Clone, Copy)]
struct Ended {
    index: usize,
    status: i64,
    at: Timestamp,
    again: Again,
}

/// What hooks say while logs are shown, and before.
pub(super) struct Hooks {
    /// What is handed to those who run hooks.
    pub(super) say: HookSayings,
    heard: mpsc::UnboundedReceiver<(String, String)>,
}

impl Hooks {
    pub(super) fn new() -> Self {
        let (say, heard) = mpsc::unbounded_channel();
        Self { say, heard }
    }
}

/// Follows the logs until all have ended, one ends all, or the user does.
pub(super) async fn follow(
    cx: &Context,
    work: &Work<'_>,
    mut watched: Vec<Watched>,
    show: Show<'_>,
    mut hooks: Hooks,
) -> Result<ExitCode> {
    cx.reporter().settle()?;
    // Subscribed before the list, so that no start falls between them.
    let mut events = work.prober.as_ref().map(|prober| prober.events());
    let missed = missed(work, &watched, &show).await?;
    watched.extend(missed);
    let shown = watched.iter().filter(|one| one.heed == Heed::Log);
    let labels: Vec<&str> = shown.map(|one| one.label.as_str()).collect();
    cx.reporter()
        .write_out(format!("Attaching to {}\n", labels.join(", ")).as_bytes())?;
    let mut screen = Screen::new(cx, &watched, show.style);
    let mut interrupts = Interrupts::listen()?;
    let (say, mut news) = mpsc::channel(256);
    let mut expected = Expected::default();
    let mut active: BTreeSet<usize> = (0..watched.len()).collect();
    let mut followers: FuturesUnordered<_> = watched
        .iter()
        .enumerate()
        .map(|(index, one)| {
            let followed = one.followed(index, show.since.clone());
            follow_one(work, followed, &show, say.clone())
        })
        .collect();
    let mut last_end: Option<Instant> = None;
    let mut code: Option<u8> = None;
    let mut stopping = None;
    let mut last_words: Option<Instant> = None;
    loop {
        // What a follower said last is taken up before its end counts.
        let idle = news.is_empty() && (followers.is_empty() || show.is_over(&watched, &active));
        let over = match show.company.get() {
            _ if idle && last_words.is_some() => break,
            Company::Alone if idle && (expected.is_empty() || stopping.is_some()) => break,
            Company::Alone => None,
            Company::Watch => last_end.filter(|_| idle).map(|at| at + REPLACING),
        };
        let winding_down = stopping.is_some() || last_words.is_some();
        tokio::select! {
            biased;
            _ = interrupts.next(), if !winding_down => {
                cx.reporter().end_footer();
                cx.events().emit(Event::Note("Gracefully Stopping... press Ctrl+C again to force".into()));
                code = Some(130);
                stopping = Some(Box::pin(stop(cx, work, (&show.targets, &hooks.say))));
            }
            Some((container, line)) = hooks.heard.recv() => screen.hook(work, &container, &line)?,
            Some(heard) = news.recv() => match heard {
                News::Said(index, chunk) => screen.say(index, &chunk)?,
                News::Ended(end @ Ended { index, status, at, again }) => {
                    screen.ended(&end)?;
                    if again == Again::No && expected.has_started_since(&watched[index].id, at) {
                        // Somebody was faster than its follower.
                        let since = expected.since(&watched[index].id, &show);
                        let followed = watched[index].followed(index, since);
                        followers.push(follow_one(work, followed, &show, say.clone()));
                    } else if again == Again::No {
                        active.remove(&index);
                        // One that failed by itself waits for the next save.
                        last_end = is_by_will(status).then(Instant::now);
                    }
                    let ended = &watched[index].service;
                    if !show.counts(ended) {
                        continue;
                    }
                    if let Some(status) = show.ending.code(ended, status, again) {
                        code = code.or(Some(status));
                    }
                    if show.ending.ends_all(status, again) && !winding_down {
                        stopping = Some(Box::pin(stop(cx, work, (&show.targets, &hooks.say))));
                    }
                }
            },
            Some(event) = next(&mut events) => {
                let Some(met) = expected.take(&event, &show) else {
                    continue;
                };
                let index = match watched.iter().position(|one| one.id == met.id) {
                    // Its follower sees to it, if it is there to see it.
                    Some(index) if active.contains(&index) => continue,
                    Some(index) => index,
                    None => {
                        let one = met.of(&work.project);
                        let index = screen.meet(&one);
                        watched.push(one);
                        index
                    }
                };
                active.insert(index);
                last_end = None;
                // Its first words may be older than the event of its start.
                let since = expected.since(&watched[index].id, &show);
                let followed = watched[index].followed(index, since);
                followers.push(follow_one(work, followed, &show, say.clone()));
            }
            Some(()) = followers.next() => {}
            () = tokio::time::sleep_until(over.unwrap_or_else(Instant::now).into()), if over.is_some() => {
                if !show.busy.get() {
                    break;
                }
                // What it replaces may take its time.
                last_end = Some(Instant::now());
            }
            stopped = async { stopping.as_mut().expect("guarded").await }, if stopping.is_some() => {
                stopping = None;
                stopped?;
                last_words = Some(Instant::now() + LAST_WORDS);
            }
            () = tokio::time::sleep_until(last_words.unwrap_or_else(Instant::now).into()), if last_words.is_some() => break,
        }
    }
    // What the containers said at their end is still on its way.
    while let Ok(heard) = news.try_recv() {
        match heard {
            News::Said(index, chunk) => screen.say(index, &chunk)?,
            News::Ended(end) => screen.ended(&end)?,
        }
    }
    // Those whose logs are not shown are still being stopped.
    if let Some(stopping) = stopping {
        let stopped = stopping.await;
        if code.is_none() {
            stopped?;
        }
    }
    while let Ok((container, line)) = hooks.heard.try_recv() {
        screen.hook(work, &container, &line)?;
    }
    match code {
        Some(130) => Err(Exit::interrupted().into()),
        Some(code) => Ok(ExitCode::from(code)),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// What another terminal started while this `up` was at work.
async fn missed(work: &Work<'_>, watched: &[Watched], show: &Show<'_>) -> Result<Vec<Watched>> {
    let by = labelled(format!("{}={}", label::PROJECT, work.project.name));
    let found = work.engine.list_containers(Which::Running, &by).await?;
    let found = found.into_iter().map(container).filter(|one| {
        let is_known = watched.iter().any(|known| known.id == one.id);
        !is_known && !one.one_off
    });
    let met = found.filter_map(|one| {
        Some(Met {
            heed: (show.heed)(&one.service)?,
            id: one.id,
            service: one.service,
            number: one.number.unwrap_or(1).to_string(),
            name: one.name,
        })
    });
    Ok(met.map(|met| met.of(&work.project)).collect())
}

/// The next event of the project; never, where nobody listens.
async fn next(events: &mut Option<Receiver<Arc<EngineEvent>>>) -> Option<Arc<EngineEvent>> {
    loop {
        match events.as_mut()?.recv().await {
            Ok(event) => return Some(event),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => *events = None,
        }
    }
}

impl Watched {
    fn followed(&self, index: usize, since: String) -> Followed {
        Followed {
            index,
            id: self.id.clone(),
            framing: Framing::of_tty(self.tty),
            since,
            heed: self.heed,
        }
    }
}

/// Stops what was named, else everything, each before what it depends on; a further interrupt kills.
async fn stop(
    cx: &Context,
    work: &Work<'_>,
    (targets, hooks): (&BTreeSet<ServiceName>, &HookSayings),
) -> Result<()> {
    let open = || {
        Work::open(
            cx,
            From::Loaded(Box::new(work.project.clone())),
            Waits::Compose,
        )
    };
    let now = open().await?;
    let plan = now.plan(|world| plan::stop(world, targets, None));
    let manner = Manner {
        hooks: Some(hooks),
        ..Manner::default()
    };
    match now.execute(&plan, manner).await {
        Err(error) if error.is::<Exit>() => {
            let now = open().await?;
            let kill = Signal::Kill("SIGKILL".into());
            let plan = now.plan(|world| plan::signal(world, targets, &kill));
            now.execute(&plan, Manner::default()).await.map(drop)
        }
        other => other.map(drop),
    }
}
