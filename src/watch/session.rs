//! The loop: changes come in, service by service they are gathered, and each service reacts on
//! its own while the others go on.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};

use super::batch::Batch;
use super::heart::{Heard, Heart};
use super::memory::Memory;
use super::news::News;
use super::rule::{Replace, Rule, reaction};
use super::rules::{DEBOUNCE, Rules};
use super::source::{Changes, Echoes, Source};
use super::turn::Turn;
use crate::diagnostic::Diagnostic;
use crate::engine::{Engine, Which, labelled};
use crate::name::ServiceName;

/// How long the project's own files have to be quiet before they are read again.
const FILES_QUIET: Duration = Duration::from_millis(60);

/// How long running reactions may take once the watch is to end: what is cut off is made good by
/// the next `up`.
const ENDING: Duration = Duration::from_secs(5);

/// What a reaction needs a plan for.
pub trait Hands {
    /// Builds a service's image, and those of running services that stand on it, and replaces their
    /// containers.
    fn rebuild<'a>(
        &'a self,
        service: &'a ServiceName,
        replace: Replace,
    ) -> LocalBoxFuture<'a, Result<()>>;
    /// Restarts a service, gated, and after it its dependents with `restart: true`.
    fn restart<'a>(&'a self, service: &'a ServiceName) -> LocalBoxFuture<'a, Result<()>>;
}

/// How long a watch lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Until somebody ends it.
    Own,
    /// Until the project has no container any more.
    Project,
}

/// Why a watch ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Somebody ended it.
    Interrupted,
    /// The project is gone.
    ProjectGone,
    /// The project's own files changed: these.
    Files(BTreeSet<PathBuf>),
}

/// A watch over a project.
pub struct Session<'a> {
    /// The engine.
    pub engine: &'a Engine,
    /// The project's name.
    pub project: &'a str,
    /// The folder that messages shorten paths by.
    pub folder: &'a Path,
    /// Who carries plans out.
    pub hands: &'a dyn Hands,
    /// Who is told.
    pub say: &'a dyn Fn(News),
    /// What is remembered, also over several sessions.
    pub memory: &'a RefCell<Memory>,
    /// How long it lasts.
    pub lifetime: Lifetime,
    /// Says whether a reaction is under way.
    pub busy: &'a Cell<bool>,
}

/// What is on its way for one service.
struct Queue {
    batch: Batch,
    silent: BTreeSet<PathBuf>,
    busy: bool,
    arrived: Option<Instant>,
    /// When it reacts even if nothing changed: something is owed to a container.
    wake: Option<Instant>,
}

impl Queue {
    fn due(&self) -> Option<Instant> {
        let due = [self.batch.due(), self.wake].into_iter().flatten().min();
        due.filter(|_| !self.busy)
    }
}

/// The end of a reaction: of which service, and when to try again.
pub(super) struct Done(pub(super) ServiceName, pub(super) Option<Duration>);

/// The state of the loop.
struct State<'r> {
    rules: &'r Rules,
    queues: BTreeMap<ServiceName, Queue>,
    /// The project's own files that changed, and since when they are quiet.
    files: BTreeSet<PathBuf>,
    files_due: Option<Instant>,
}

impl Session<'_> {
    /// Watches until `until` ends, the project is gone, or its files changed. What runs then is
    /// let finish.
    pub async fn run(
        &self,
        rules: &Rules,
        source: &mut Source,
        until: impl Future<Output = ()>,
    ) -> Ended {
        let start = Instant::now();
        let echoes = source.echoes();
        let mut state = State::new(rules);
        for service in self.memory.borrow().owing() {
            state.wake(&service);
        }
        let mut heart = Heart::listen(self.engine, self.project).await;
        let mut running: FuturesUnordered<LocalBoxFuture<'_, Done>> = FuturesUnordered::new();
        let mut until = std::pin::pin!(until);
        let ended = loop {
            if self.lifetime == Lifetime::Project && heart_stopped(self).await {
                break Ended::ProjectGone;
            }
            let ended = loop {
                for note in source.notes() {
                    (self.say)(News::Note(note));
                }
                let due = state.due();
                tokio::select! {
                    () = &mut until => break Some(Ended::Interrupted),
                    changes = source.next() => state.take(&changes),
                    heard = heart.next() => if self.hear(heard, &mut state) { break None },
                    Some(done) = running.next() => state.done(&done),
                    () = sleep_until(due), if due.is_some() => {}
                }
                if let Some(files) = state.files_if_quiet(running.is_empty()) {
                    break Some(Ended::Files(files));
                }
                for turn in state.turns(self, &echoes, start) {
                    running.push(turn.react().boxed_local());
                }
                self.busy.set(!running.is_empty());
            };
            if let Some(ended) = ended {
                break ended;
            }
        };
        let finish = async { while running.next().await.is_some() {} };
        // What does not end in that time is left where it is.
        let _ = tokio::time::timeout(ENDING, finish).await;
        ended
    }

    /// Whether the project may be gone.
    fn hear(&self, heard: Heard, state: &mut State<'_>) -> bool {
        match heard {
            Heard::Started(service, id) => {
                if self.memory.borrow().is_behind(&service, &id) {
                    state.wake(&service);
                }
                false
            }
            Heard::Signalled(service) => {
                // Not by us: whoever did it decides what becomes of it.
                if !state.queue(&service).busy {
                    self.memory.borrow_mut().of(&service).restarted = false;
                }
                false
            }
            Heard::Removed => true,
            Heard::Lost => {
                (self.say)(News::Note(Diagnostic::warning(
                    "the engine is gone: what changes now is synced when it is back",
                )));
                false
            }
            Heard::Back => {
                (self.say)(News::Note(Diagnostic::note("the engine is back")));
                for service in self.memory.borrow().synced() {
                    state.wake(service);
                }
                true
            }
        }
    }
}

/// Whether the project has no container any more.
async fn heart_stopped(session: &Session<'_>) -> bool {
    let label = labelled(format!("com.docker.compose.project={}", session.project));
    let remaining = session.engine.list_containers(Which::All, &label).await;
    remaining.is_ok_and(|found| found.is_empty())
}

impl<'r> State<'r> {
    fn new(rules: &'r Rules) -> Self {
        Self {
            rules,
            queues: BTreeMap::new(),
            files: BTreeSet::new(),
            files_due: None,
        }
    }

    fn queue(&mut self, service: &ServiceName) -> &mut Queue {
        let own = self.rules.debounce.get(service);
        let debounce = own.copied().unwrap_or(DEBOUNCE);
        self.queues.entry(service.clone()).or_insert_with(|| Queue {
            batch: Batch::new(debounce),
            silent: BTreeSet::new(),
            busy: false,
            arrived: None,
            wake: None,
        })
    }

    fn due(&self) -> Option<Instant> {
        let queues = self.queues.values().filter_map(Queue::due);
        queues.chain(self.files_due).min()
    }

    fn take(&mut self, changes: &Changes) {
        let now = Instant::now();
        for path in &changes.paths {
            if self.rules.files.contains(path) {
                self.files.insert(path.clone());
                self.files_due = Some(now + FILES_QUIET);
            }
            for service in concerned(&self.rules.rules, path) {
                let queue = self.queue(service);
                queue.arrived.get_or_insert(now);
                queue.batch.add(path.clone(), now);
                if changes.silent.contains(path) {
                    queue.silent.insert(path.clone());
                }
            }
        }
    }

    fn wake(&mut self, service: &ServiceName) {
        self.queue(service).wake = Some(Instant::now());
    }

    fn done(&mut self, Done(service, again): &Done) {
        let now = Instant::now();
        let queue = self.queue(service);
        queue.busy = false;
        queue.batch.reacted(now);
        // A container may have started while the reaction ran.
        let again = again.map(|pause| now + pause);
        queue.wake = queue.wake.into_iter().chain(again).min();
    }

    /// The project's own files that changed, once they are quiet and no reaction runs or waits.
    fn files_if_quiet(&mut self, idle: bool) -> Option<BTreeSet<PathBuf>> {
        let is_quiet = self.files_due.is_some_and(|due| due <= Instant::now());
        let waits = self
            .queues
            .values()
            .any(|queue| queue.batch.due().is_some());
        if !is_quiet || waits || !idle {
            // Looked at again when the reaction is done.
            self.files_due = self
                .files_due
                .map(|due| due.max(Instant::now() + FILES_QUIET / 4));
            return None;
        }
        self.files_due = None;
        Some(std::mem::take(&mut self.files))
    }

    /// The reactions that are due.
    fn turns<'s>(
        &mut self,
        session: &'s Session<'s>,
        echoes: &Echoes,
        start: Instant,
    ) -> Vec<Turn<'s>>
    where
        'r: 's,
    {
        let now = Instant::now();
        let mut turns = Vec::new();
        for (service, queue) in &mut self.queues {
            if queue.due().is_none_or(|due| due > now) {
                continue;
            }
            queue.wake = None;
            queue.busy = true;
            let paths = queue.batch.take(now).unwrap_or_default();
            turns.push(Turn {
                session,
                rules: self.rules,
                reaction: reaction(&self.rules.rules, service, &paths),
                service: service.clone(),
                paths,
                silent: std::mem::take(&mut queue.silent),
                arrived: queue.arrived.take().unwrap_or(now),
                start,
                echoes: echoes.clone(),
            });
        }
        turns
    }
}

/// The services with a rule that takes a path, each once.
fn concerned<'a>(rules: &'a [Rule], path: &Path) -> BTreeSet<&'a ServiceName> {
    rules
        .iter()
        .filter(|rule| rule.takes(path))
        .map(|rule| &rule.service)
        .collect()
}

async fn sleep_until(due: Option<Instant>) {
    if let Some(due) = due {
        tokio::time::sleep_until(due.into()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_owed_since_a_reaction_began_is_not_forgotten_with_its_end() {
        let (rules, web) = (Rules::default(), ServiceName::from("web"));
        let mut state = State::new(&rules);
        state.queue(&web).busy = true;
        state.wake(&web);
        assert_eq!(state.due(), None);
        state.done(&Done(web.clone(), None));
        assert!(state.due().is_some_and(|due| due <= Instant::now()));
    }
}
