//! What an earlier command left under way in the engine: it is waited for, and looked at again.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use futures_util::future::join_all;

use super::super::Context;
use super::Work;
use crate::diagnostic::{Diagnostic, Diagnostics, Kind};
use crate::engine::{Ending, Engine, Until, Wanted, endings, observe, since_1970};
use crate::event::Event;
use crate::name::ContainerId;
use crate::plan::observed::{Container, State};
use crate::plan::{Observed, Plan};
use crate::project::Project;

/// What the engine gives a container to end where nobody says otherwise.
const GRACE: Duration = Duration::from_secs(10);

/// What the engine needs beyond a container's grace to end it by force.
const FORCE: Duration = Duration::from_secs(1);

/// How often a command looks anew because what it saw vanished.
const TRIES: usize = 3;

/// The sign that a command is at work on a project: a file that it holds locked. One that nobody
/// holds was left by a command that did not see its calls' ends.
pub(super) struct Sign {
    path: PathBuf,
    /// Let go of when this is dropped.
    _lock: File,
}

impl Sign {
    fn path(cx: &Context, project: &str) -> Option<PathBuf> {
        Some(cx.state_dir()?.join("under-way").join(project))
    }

    /// Whether a command was killed, and the engine may still do what it asked for.
    pub(super) fn is_left_behind(cx: &Context, project: &str) -> bool {
        let file = Self::path(cx, project).and_then(|path| File::open(path).ok());
        file.is_some_and(|file| file.try_lock_shared().is_ok())
    }

    /// Puts it up; none where another command has, or nothing can be remembered.
    pub(super) fn raise(cx: &Context, project: &str) -> Option<Self> {
        let path = Self::path(cx, project)?;
        std::fs::create_dir_all(path.parent()?).ok()?;
        let file = File::create(&path).ok()?;
        file.try_lock().ok()?;
        Some(Self { path, _lock: file })
    }

    /// Takes it down: every call has ended. Dropped without, it stays and tells of calls that may
    /// not have.
    pub(super) fn lower(self) {
        drop(std::fs::remove_file(&self.path));
    }
}

/// Observes a project after a command was killed: a container that is being stopped still runs,
/// and would be taken for one that stays.
pub(super) async fn observe_at_rest(
    cx: &Context,
    engine: &Engine,
    (project, wanted): (&Project, &Wanted),
) -> Result<Observed> {
    let graces = project.services.values();
    let graces = graces.filter_map(|service| service.stop_grace_period);
    let longest = graces.map(|grace| grace.to_std()).max();
    let longest = longest.unwrap_or_default().max(GRACE) + FORCE;
    let observed = observe(engine, wanted).await?;
    let running = observed.containers.iter();
    let running = running.filter(|one| one.state == State::Running);
    pass_locks(engine, running).await;
    let since = since_1970().saturating_sub(longest);
    let stops = endings(engine, &wanted.project, since).await?;
    await_stops(cx, engine, (project, &observed), &stops).await?;
    Ok(observe(engine, wanted).await?)
}

/// Inspects containers: the engine answers when it has sent the signal that it is about to send,
/// and told of it.
async fn pass_locks(engine: &Engine, containers: impl Iterator<Item = &Container>) {
    let calls = containers.map(|one| engine.inspect_container(&one.id));
    // What cannot be inspected shows in the next snapshot.
    drop(join_all(calls).await);
}

/// Waits for the stops under way, each as long as it may take.
async fn await_stops(
    cx: &Context,
    engine: &Engine,
    (project, observed): (&Project, &Observed),
    stops: &BTreeMap<ContainerId, Ending>,
) -> Result<()> {
    let left = |container: &Container| {
        let service = project.services.get(&container.service);
        let grace = service.and_then(|service| service.stop_grace_period);
        let grace = grace.map_or(GRACE, |grace| grace.to_std());
        let stop = stops.get(&container.id).filter(|stop| !stop.ended)?;
        (stop.at + grace + FORCE).checked_sub(since_1970())
    };
    let containers = observed.containers.iter();
    let running = containers.filter(|one| one.state == State::Running);
    for (container, left) in running.filter_map(|one| Some((one, left(one)?))) {
        cx.events().emit(Event::Note(format!(
            "waiting for container `{}`, which is being stopped",
            container.name
        )));
        let ended = async {
            let waiting = engine.wait_container(&container.id, Until::NotRunning);
            waiting.await?.exit_code().await
        };
        match tokio::time::timeout(left, ended).await {
            Ok(Err(error)) if !error.is_not_found() => return Err(error.into()),
            // Gone, ended, or it was no stop.
            _ => {}
        }
    }
    Ok(())
}

impl Work<'_> {
    /// Fails where, after a command was killed, a container that was to stay as it is was told to
    /// end since the snapshot.
    pub(super) async fn check_unchanged(&self, plan: &Plan) -> Result<()> {
        let Some(since) = self.left_behind else {
            return Ok(());
        };
        let kept = self.observed.containers.iter();
        let kept: Vec<&Container> = kept
            .filter(|one| plan.unchanged.iter().any(|(name, _)| *name == one.name))
            .collect();
        pass_locks(&self.engine, kept.iter().copied()).await;
        let stopped = endings(&self.engine, &self.project.name, since).await?;
        match kept.into_iter().find(|one| stopped.contains_key(&one.id)) {
            None => Ok(()),
            Some(one) => Err(Diagnostics::from(Diagnostic {
                kind: Kind::Vanished,
                ..Diagnostic::error(format!("container `{}` was stopped meanwhile", one.name))
            })
            .into()),
        }
    }
}

/// Makes an attempt again that failed only because something vanished that the engine still
/// showed: a command that was killed leaves removals under way.
pub(crate) async fn look_again<T>(
    cx: &Context,
    mut attempt: impl AsyncFnMut() -> Result<T>,
) -> Result<T> {
    for _ in 1..TRIES {
        match attempt().await {
            Err(error)
                if error
                    .downcast_ref::<Diagnostics>()
                    .is_some_and(Diagnostics::are_of_what_vanished) =>
            {
                cx.events().emit(Event::Note(
                    "something was stopped or removed meanwhile: looking again".to_owned(),
                ));
            }
            other => return other,
        }
    }
    attempt().await
}
