//! The loop: changes come in, service by service they are gathered, and each service reacts on
//! its own while the others go on.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};

use super::act::{self, Member};
use super::batch::Batch;
use super::program::{self, Reloading};
use super::rule::{Changed, LoopGuard, Reaction, Reload, Rule, reactions};
use super::rules::{DEBOUNCE, Rules};
use super::source::Source;
use crate::engine::Engine;
use crate::name::ServiceName;

/// What a reaction needs a plan for.
pub trait Hands {
    /// Builds a service's image and replaces its containers.
    fn rebuild<'a>(&'a self, service: &'a ServiceName) -> LocalBoxFuture<'a, Result<()>>;
    /// Restarts a service, gated, and after it its dependents with `restart: true`.
    fn restart<'a>(&'a self, service: &'a ServiceName) -> LocalBoxFuture<'a, Result<()>>;
}

/// What was done about a batch of changes.
#[derive(Debug)]
pub struct Line {
    /// The service.
    pub service: ServiceName,
    /// `views.py and 3 more`.
    pub changed: String,
    /// `synced`, `restarted`; or why nothing was done.
    pub did: String,
    /// How long it took, from the change's arrival; none where nothing was done.
    pub took: Option<Duration>,
    /// What went wrong.
    pub error: Option<anyhow::Error>,
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
    pub say: &'a dyn Fn(Line),
}

/// What is on its way for one service.
struct Queue {
    batch: Batch,
    busy: bool,
    arrived: Option<Instant>,
}

/// A reaction that ended.
struct Done(ServiceName);

impl Session<'_> {
    /// Watches until `until` ends, or the platform's watcher is gone.
    pub async fn run(&self, rules: &Rules, source: &mut Source, until: impl Future<Output = ()>) {
        let start = Instant::now();
        let mut queues: BTreeMap<ServiceName, Queue> = BTreeMap::new();
        let guard = RefCell::new(LoopGuard::default());
        let mut told: BTreeSet<ServiceName> = BTreeSet::new();
        let mut running: FuturesUnordered<LocalBoxFuture<'_, Done>> = FuturesUnordered::new();
        let mut until = std::pin::pin!(until);
        loop {
            let due = queues
                .values()
                .filter(|queue| !queue.busy)
                .filter_map(|queue| queue.batch.due())
                .min();
            tokio::select! {
                () = &mut until => return,
                changes = source.next() => {
                    let Some(changes) = changes else { return };
                    self.take(rules, &changes, &mut queues);
                }
                Some(done) = running.next() => {
                    let now = Instant::now();
                    if let Some(queue) = queues.get_mut(&done.0) {
                        queue.busy = false;
                        queue.batch.reacted(now);
                    }
                }
                () = sleep_until(due), if due.is_some() => {}
            }
            let now = Instant::now();
            for (service, queue) in &mut queues {
                if queue.busy {
                    continue;
                }
                let Some(paths) = queue.batch.take(now) else {
                    continue;
                };
                let Some(reaction) = reactions(&rules.rules, &paths).remove(service) else {
                    continue;
                };
                let first_word = told.insert(service.clone());
                queue.busy = true;
                let turn = Turn {
                    session: self,
                    service: service.clone(),
                    paths,
                    arrived: queue.arrived.take().unwrap_or(now),
                    guard: &guard,
                    start,
                    first_word,
                };
                running.push(turn.react(reaction).boxed_local());
            }
        }
    }

    fn take(
        &self,
        rules: &Rules,
        changes: &BTreeSet<PathBuf>,
        queues: &mut BTreeMap<ServiceName, Queue>,
    ) {
        let now = Instant::now();
        for path in changes {
            for service in concerned(&rules.rules, path) {
                let queue = queues.entry(service.clone()).or_insert_with(|| {
                    let own = rules.debounce.iter().find(|(name, _)| name == service);
                    Queue {
                        batch: Batch::new(own.map_or(DEBOUNCE, |(_, debounce)| *debounce)),
                        busy: false,
                        arrived: None,
                    }
                });
                queue.arrived.get_or_insert(now);
                queue.batch.add(path.clone(), now);
            }
        }
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

/// One reaction of one service.
struct Turn<'a> {
    session: &'a Session<'a>,
    service: ServiceName,
    paths: BTreeSet<PathBuf>,
    arrived: Instant,
    guard: &'a RefCell<LoopGuard>,
    start: Instant,
    first_word: bool,
}

impl Turn<'_> {
    async fn react(self, reaction: Reaction) -> Done {
        let result = self.carry_out(&reaction).await;
        let (did, error) = match result {
            Ok(did) => (did, None),
            Err(error) => (Some("failed".to_owned()), Some(error)),
        };
        if let Some(did) = did {
            (self.session.say)(Line {
                service: self.service.clone(),
                changed: Changed(&self.paths, self.session.folder).to_string(),
                did,
                took: Some(self.arrived.elapsed()),
                error,
            });
        }
        Done(self.service)
    }

    /// What was done, in words; none where there is nothing to tell.
    async fn carry_out(&self, reaction: &Reaction) -> Result<Option<String>> {
        let Session {
            engine,
            project,
            hands,
            ..
        } = *self.session;
        let mut did = Vec::new();
        if reaction.rebuild.is_some() {
            hands.rebuild(&self.service).await?;
            did.push("rebuilt".to_owned());
        }
        let members = act::members(engine, project, &self.service).await?;
        if members.is_empty() {
            return Ok(None);
        }
        if !reaction.sync.is_empty() {
            act::sync(engine, &members, reaction.sync.clone()).await?;
            did.push(match members.len() {
                1 => "synced".to_owned(),
                n => format!("synced to {n} containers"),
            });
        }
        if reaction.restart {
            hands.restart(&self.service).await?;
            did.push("restarted".to_owned());
        }
        for hook in &reaction.exec {
            for member in &members {
                act::run(engine, member, hook).await?;
            }
            let program = hook
                .command
                .words()
                .and_then(<[_]>::first)
                .map_or("", String::as_str);
            did.push(format!("ran `{program}`"));
        }
        if !reaction.reload.is_empty() && reaction.rebuild.is_none() && !reaction.restart {
            did.extend(self.reload(reaction, &members).await?);
        }
        Ok((!did.is_empty()).then(|| did.join(", ")))
    }

    /// Tells a program whose source is mounted that it changed.
    async fn reload(&self, reaction: &Reaction, members: &[Member]) -> Result<Option<String>> {
        let engine = self.session.engine;
        Ok(match &reaction.how {
            Reload::Nothing => None,
            Reload::Rebuild => {
                self.session.hands.rebuild(&self.service).await?;
                Some("rebuilt".to_owned())
            }
            Reload::Restart => self.restart("").await?,
            Reload::Signal(signal) => {
                for member in members {
                    engine.kill_container(&member.id, signal).await?;
                }
                Some(format!("sent {signal}"))
            }
            Reload::Exec(hook) => {
                for member in members {
                    act::run(engine, member, hook).await?;
                }
                Some("ran its reload command".to_owned())
            }
            Reload::Poke => self.poke(reaction, members).await,
            Reload::Infer => self.infer(reaction, members).await?,
        })
    }

    async fn infer(&self, reaction: &Reaction, members: &[Member]) -> Result<Option<String>> {
        let Some(member) = members.first() else {
            return Ok(None);
        };
        let processes = act::processes(self.session.engine, member).await?;
        let mounts: Vec<&Path> = reaction
            .reload
            .values()
            .filter_map(|path| path.parent())
            .collect();
        Ok(match program::reloading(&processes, &mounts) {
            Reloading::Itself(_) => self.poke(reaction, members).await,
            Reloading::Once(name) if self.is_in_use(member).await? => Some(format!(
                "not restarted: `{name}` read it once, but a command runs in the container"
            )),
            Reloading::Once(name) => self.restart(&name).await?,
            Reloading::Unknown if self.first_word => Some(
                "left alone: what runs is not known; `x-dco: {reload: restart}` restarts it"
                    .to_owned(),
            ),
            Reloading::Unknown => None,
        })
    }

    async fn restart(&self, name: &str) -> Result<Option<String>> {
        let allowed =
            (self.guard.borrow_mut()).allows(&self.service, &self.paths, self.start.elapsed());
        if !allowed {
            return Ok(Some(
                "not restarted again: it writes this file itself; `x-dco: {ignore: [...]}` leaves the file out".to_owned(),
            ));
        }
        self.session.hands.restart(&self.service).await?;
        (self.guard.borrow_mut()).restarted(&self.service, self.start.elapsed());
        Ok(Some(match name {
            "" => "restarted".to_owned(),
            name => format!("restarted `{name}`"),
        }))
    }

    /// Whether somebody works in the container: an exec that runs.
    async fn is_in_use(&self, member: &Member) -> Result<bool> {
        let engine = self.session.engine;
        for exec in engine
            .inspect_container(&member.id)
            .await?
            .exec_ids
            .unwrap_or_default()
        {
            // One that ended meanwhile is gone from the engine.
            if engine
                .inspect_exec(&exec)
                .await
                .is_ok_and(|exec| exec.running == Some(true))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Touches what changed where the container's own watcher cannot have seen it: the file there
    /// is another inode than the host's, as on overlay, network and shared file systems.
    async fn poke(&self, reaction: &Reaction, members: &[Member]) -> Option<String> {
        let mut poked = 0;
        for member in members {
            let Some(inside) = act::inside(self.session.engine, member).await else {
                continue;
            };
            for (outside, path) in &reaction.reload {
                let is_shared = || {
                    use std::os::unix::fs::MetadataExt;
                    let here = outside.symlink_metadata().ok()?;
                    Some(inside.identity(path).ok()? == (here.dev(), here.ino()))
                };
                let is_asked = reaction.how == Reload::Poke;
                if is_asked || is_shared() == Some(false) {
                    poked += usize::from(inside.poke(path).is_ok());
                }
            }
        }
        (poked > 0).then(|| "poked: its own watcher reloads".to_owned())
    }
}
