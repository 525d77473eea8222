//! What a reaction does to a service's containers, through the engine.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use bollard::models::ExecConfig;
use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;

use super::archive::{self, Pieces};
use super::direct;
use super::look::Look;
use super::owner;
use crate::engine::{Console, Engine, Unpack, Which, labelled};
use crate::name::{ContainerId, ServiceName};
use crate::plan::observed::State;
use crate::project::Hook;

/// How many pieces of an archive wait for a container that takes them slowly.
const PIECES_AHEAD: usize = 4;

/// How many paths one `rm` takes: below any kernel's limit of a command line.
const PATHS_PER_REMOVAL: usize = 500;

/// A container of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: ContainerId,
    /// Its name.
    pub name: String,
    /// Whether it runs.
    pub life: Life,
}

/// Whether a container runs, and if not, by whose will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It runs, or its restart policy brings it back.
    Running,
    /// It failed by itself.
    Failed,
    /// It came to its end.
    Done,
    /// Somebody stopped it, or nobody started it.
    Stopped,
}

impl Life {
    fn of(state: State, exit_code: Option<i64>) -> Self {
        match (state, exit_code) {
            (State::Running | State::Paused | State::Restarting, _) => Self::Running,
            (State::Exited, Some(0)) => Self::Done,
            // What `stop`, `kill` and Ctrl-C leave: 128 and the signal's number.
            (State::Exited, None | Some(130 | 137 | 143)) => Self::Stopped,
            (State::Exited, Some(_)) => Self::Failed,
            (State::Created | State::Removing | State::Dead, _) => Self::Stopped,
        }
    }
}

/// The containers of a service, but for one-offs.
///
/// # Errors
/// The engine's.
pub async fn members(engine: &Engine, project: &str, service: &ServiceName) -> Result<Vec<Member>> {
    let mut by = labelled(format!("com.docker.compose.project={project}"));
    by.entry("label".to_owned()).or_default().extend([
        format!("com.docker.compose.service={service}"),
        "com.docker.compose.oneoff=False".to_owned(),
    ]);
    let found = engine.list_containers(Which::All, &by).await?;
    let mut members: Vec<Member> = found
        .into_iter()
        .map(crate::engine::container)
        .map(|container| Member {
            life: Life::of(container.state, container.exit_code),
            id: container.id,
            name: container.name,
        })
        .collect();
    members.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(members)
}

/// What a sync came to.
#[derive(Debug, Default)]
pub struct Synced {
    /// The containers that could not take it, with what the engine or the container said.
    pub failed: Vec<(ContainerId, anyhow::Error)>,
    /// Host paths that we may not read: they were left out.
    pub unreadable: Vec<PathBuf>,
}

/// Brings paths (container path → host path) of containers to the host's state. In one that does
/// not run nothing can be removed.
pub async fn sync(
    engine: &Engine,
    members: &[&Member],
    paths: BTreeMap<PathBuf, PathBuf>,
) -> Synced {
    let (direct, by_engine) = within_reach(engine, members).await;
    let paths = Arc::new(paths);
    let each = direct.into_iter().map(|(member, place)| {
        let paths = Arc::clone(&paths);
        async move {
            let written = tokio::task::spawn_blocking(move || place.bring(&paths)).await;
            (member, written)
        }
    });
    let mut synced = Synced::default();
    let mut left = by_engine;
    for (member, written) in join_all(each).await {
        match written {
            Ok(Ok(unreadable)) => synced.unreadable = unreadable,
            // The engine tries once more, and has the words for what is wrong.
            _ => left.push(member),
        }
    }
    let paths = Arc::unwrap_or_clone(paths);
    if !left.is_empty() {
        sync_by_engine(engine, &left, paths, &mut synced).await;
    }
    synced
}

/// The members whose files we may write ourselves, and the others.
async fn within_reach<'m>(
    engine: &Engine,
    members: &[&'m Member],
) -> (Vec<(&'m Member, direct::Place)>, Vec<&'m Member>) {
    let looks = members.iter().map(|member| async {
        match member.life {
            Life::Running => Look::at(engine, member).await.ok()?.place(),
            _ => None,
        }
    });
    let looks = join_all(looks).await;
    let (mut direct, mut others) = (Vec::new(), Vec::new());
    for (member, place) in members.iter().copied().zip(looks) {
        match place {
            Some(place) => direct.push((member, place)),
            None => others.push(member),
        }
    }
    (direct, others)
}

async fn sync_by_engine(
    engine: &Engine,
    members: &[&Member],
    paths: BTreeMap<PathBuf, PathBuf>,
    synced: &mut Synced,
) {
    let is_there = |outside: &PathBuf| outside.symlink_metadata().is_ok();
    let (copied, gone): (BTreeMap<_, _>, BTreeMap<_, _>) = paths
        .into_iter()
        .partition(|(_, outside)| is_there(outside));
    let removed: Vec<PathBuf> = gone.keys().cloned().collect();
    // Before the copy, which may need the room; once more after it where a file stood in the way
    // that only the copy takes away.
    let undone = removal(engine, members, &removed).await;
    let mut later = Vec::new();
    if !copied.is_empty() {
        match copy(engine, members, copied).await {
            Ok((written, failed)) => {
                synced.failed.extend(failed);
                synced.unreadable = written.unreadable;
                later = written.removed;
            }
            Err(error) => {
                let said = format!("{error:#}");
                let each = members.iter();
                let each = each.map(|one| (one.id.clone(), anyhow!(said.clone())));
                synced.failed.extend(each);
            }
        }
    }
    let is_among = |failures: &Failures, one: &Member| failures.iter().any(|(id, _)| *id == one.id);
    let able = members.iter().copied();
    let able = able.filter(|one| !is_among(&synced.failed, one));
    let (again, others): (Vec<_>, Vec<_>) = able.partition(|one| is_among(&undone, one));
    synced.failed.extend(removal(engine, &others, &later).await);
    // Where a file stands now in its folder's place, the folder's content went with it.
    let is_below_file = |outside: &PathBuf| {
        let found = outside.symlink_metadata();
        found.is_err_and(|error| error.kind() == ErrorKind::NotADirectory)
    };
    let still = gone.into_iter();
    let still = still.filter(|(_, outside)| !is_below_file(outside));
    later.extend(still.map(|(inside, _)| inside));
    synced.failed.extend(removal(engine, &again, &later).await);
}

/// Removes paths in members that run; those where that failed.
async fn removal(engine: &Engine, members: &[&Member], paths: &[PathBuf]) -> Failures {
    let running = members.iter().filter(|one| one.life == Life::Running);
    let each = running.map(|member| async move {
        let removed = remove(engine, member, paths).await;
        removed.err().map(|error| (member.id.clone(), error))
    });
    join_all(each).await.into_iter().flatten().collect()
}

/// The containers that failed, with why.
type Failures = Vec<(ContainerId, anyhow::Error)>;

/// One tar stream into each member.
async fn copy(
    engine: &Engine,
    members: &[&Member],
    paths: BTreeMap<PathBuf, PathBuf>,
) -> Result<(archive::Written, Failures)> {
    let Some(first) = members.first() else {
        return Ok(Default::default());
    };
    // The owner becomes the container's user, as Docker Compose has it.
    let owner = owner::of(engine, &first.id).await;
    let how = Unpack {
        keep_kinds: false,
        keep_owners: owner.is_none(),
    };
    let (senders, receivers): (Vec<_>, Vec<_>) = members
        .iter()
        .map(|_| mpsc::channel::<Bytes>(PIECES_AHEAD))
        .unzip();
    let writing = tokio::task::spawn_blocking(move || {
        archive::write(&paths, owner.unwrap_or_default(), Pieces::new(senders))
    });
    let sending = members
        .iter()
        .zip(receivers)
        .map(|(member, mut receiver)| async move {
            let pieces = stream::poll_fn(move |cx| receiver.poll_recv(cx)).map(Ok);
            let sent = engine.put_archive(&member.id, "/", pieces, how).await;
            let sent = sent.with_context(|| format!("cannot copy into {}", member.name));
            sent.err().map(|error| (member.id.clone(), error))
        });
    let failed: Failures = join_all(sending).await.into_iter().flatten().collect();
    match writing.await? {
        Ok(written) => Ok((written, failed)),
        // The engine's word says more than a broken pipe does.
        Err(_) if failed.len() == members.len() => Ok((archive::Written::default(), failed)),
        Err(error) => Err(error.into()),
    }
}

/// Removes paths in a container: directly where we may, else by its own `rm`. Never its root.
async fn remove(engine: &Engine, member: &Member, paths: &[PathBuf]) -> Result<()> {
    let mut left: Vec<&PathBuf> = paths
        .iter()
        .filter(|path| path.file_name().is_some())
        .collect();
    if left.is_empty() {
        return Ok(());
    }
    if let Some(inside) = Look::at(engine, member)
        .await
        .ok()
        .and_then(|look| look.inside())
    {
        left.retain(|path| inside.remove(path).is_err());
    }
    let mut result = Ok(());
    for paths in left.chunks(PATHS_PER_REMOVAL) {
        let words = ["rm", "-rf", "--"].map(str::to_owned).into_iter();
        let paths = paths.iter().map(|path| path.to_string_lossy().into_owned());
        let hook = Hook {
            command: crate::project::ShellCommand(Some(words.chain(paths).collect())),
            user: "0".to_owned(),
            ..Hook::default()
        };
        // One that cannot be removed is no reason to leave the others.
        result = result.and(run(engine, member, &hook, &|_| {}).await);
    }
    result
}

/// Runs a hook's command in a container and waits for its end; `said` is told each line that it says.
///
/// # Errors
/// It could not be run, or ended with another code than 0: with what it said.
pub async fn run(engine: &Engine, member: &Member, hook: &Hook, said: &dyn Fn(&str)) -> Result<()> {
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    let config = ExecConfig {
        cmd: hook.command.0.clone(),
        user: some(&hook.user),
        working_dir: some(&hook.working_dir),
        privileged: Some(hook.privileged),
        env: Some(
            hook.environment
                .iter()
                .filter_map(|(key, value)| Some(format!("{key}={}", value.as_ref()?)))
                .collect(),
        ),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..ExecConfig::default()
    };
    let exec = engine.create_exec(&member.id, &config).await?;
    let mut streams = engine.start_exec(&exec, Console::None).await?;
    let mut kept = Vec::new();
    let mut rest = Vec::new();
    while let Some(chunk) = streams.output.next().await {
        let chunk = chunk?;
        if kept.len() < SAID_MOST {
            kept.extend_from_slice(&chunk.bytes);
        }
        rest.extend_from_slice(&chunk.bytes);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            said(String::from_utf8_lossy(&line).trim_end());
        }
    }
    if !rest.is_empty() {
        said(&String::from_utf8_lossy(&rest));
    }
    match engine.inspect_exec(&exec).await?.exit_code {
        Some(0) => Ok(()),
        code => {
            let kept = String::from_utf8_lossy(&kept);
            bail!(
                "`{}` ended with {} in {}: {}",
                program_of(hook),
                code.unwrap_or(-1),
                member.name,
                kept.trim()
            )
        }
    }
}

/// The program that a hook runs, for messages.
pub fn program_of(hook: &Hook) -> &str {
    let words = hook.command.words();
    words.and_then(<[_]>::first).map_or("", String::as_str)
}

/// How much of a failed command's output is kept, in bytes.
const SAID_MOST: usize = 4096;
