//! What a reaction does to a service's containers, through the engine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use bollard::models::ExecConfig;
use bytes::Bytes;
use futures_util::future::try_join_all;
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;

use super::archive::{self, Pieces};
use super::inside::Inside;
use super::program::Process;
use crate::engine::{Engine, Unpack, Which, labelled};

use crate::name::{ContainerId, ServiceName};
use crate::project::Hook;

/// How many pieces of an archive wait for a container that takes them slowly.
const PIECES_AHEAD: usize = 4;

/// How many paths one `rm` takes: below any kernel's limit of a command line.
const PATHS_PER_REMOVAL: usize = 500;

/// A running container of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: ContainerId,
    /// Its name.
    pub name: String,
}

/// The running replicas of a service: one-offs and what has ended are left alone.
pub async fn members(engine: &Engine, project: &str, service: &ServiceName) -> Result<Vec<Member>> {
    let mut by = labelled(format!("com.docker.compose.project={project}"));
    by.entry("label".to_owned()).or_default().extend([
        format!("com.docker.compose.service={service}"),
        "com.docker.compose.oneoff=False".to_owned(),
    ]);
    let found = engine.list_containers(Which::Running, &by).await?;
    let mut members: Vec<Member> = found
        .into_iter()
        .filter_map(|container| {
            let name = container.names?.into_iter().next()?;
            Some(Member {
                id: container.id?.into(),
                name: name.trim_start_matches('/').to_owned(),
            })
        })
        .collect();
    members.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(members)
}

/// Brings paths (container path → host path) of all members to the host's state.
///
/// # Errors
/// The first member that could not take them, with what the engine or the container said.
pub async fn sync(
    engine: &Engine,
    members: &[Member],
    paths: BTreeMap<PathBuf, PathBuf>,
) -> Result<()> {
    let is_there = |outside: &PathBuf| outside.symlink_metadata().is_ok();
    let (copied, removed): (BTreeMap<_, _>, BTreeMap<_, _>) = paths
        .into_iter()
        .partition(|(_, outside)| is_there(outside));
    let removed: Vec<PathBuf> = removed.into_keys().collect();
    try_join_all(
        members
            .iter()
            .map(|member| remove(engine, member, &removed)),
    )
    .await?;
    if copied.is_empty() || members.is_empty() {
        return Ok(());
    }
    let vanished = copy(engine, members, copied).await?;
    try_join_all(
        members
            .iter()
            .map(|member| remove(engine, member, &vanished)),
    )
    .await?;
    Ok(())
}

/// One tar stream into each member; what vanished from the host meanwhile comes back.
async fn copy(
    engine: &Engine,
    members: &[Member],
    paths: BTreeMap<PathBuf, PathBuf>,
) -> Result<Vec<PathBuf>> {
    let (senders, receivers): (Vec<_>, Vec<_>) = members
        .iter()
        .map(|_| mpsc::channel::<Bytes>(PIECES_AHEAD))
        .unzip();
    let writing = tokio::task::spawn_blocking(move || archive::write(&paths, Pieces::new(senders)));
    let sending = members
        .iter()
        .zip(receivers)
        .map(|(member, mut receiver)| async move {
            let pieces = stream::poll_fn(move |cx| receiver.poll_recv(cx)).map(Ok);
            // The owner becomes the container's user, as Docker Compose has it.
            let how = Unpack {
                keep_kinds: false,
                keep_owners: true,
            };
            let sent = engine.put_archive(&member.id, "/", pieces, how).await;
            sent.with_context(|| format!("cannot copy into {}", member.name))
        });
    let sent = try_join_all(sending).await;
    let written = writing.await?;
    // The engine's word says more than a broken pipe does.
    sent?;
    Ok(written?.removed)
}

/// Removes paths in a container: directly where we may, else by its own `rm`.
async fn remove(engine: &Engine, member: &Member, paths: &[PathBuf]) -> Result<()> {
    if paths.is_empty() {
        return Ok(());
    }
    if let Some(inside) = inside(engine, member).await {
        let left: Vec<PathBuf> = paths
            .iter()
            .filter(|path| inside.remove(path).is_err())
            .cloned()
            .collect();
        if left.is_empty() {
            return Ok(());
        }
    }
    for paths in paths.chunks(PATHS_PER_REMOVAL) {
        let words = ["rm", "-rf", "--"].map(str::to_owned).into_iter();
        let paths = paths.iter().map(|path| path.to_string_lossy().into_owned());
        let hook = Hook {
            command: crate::project::ShellCommand(Some(words.chain(paths).collect())),
            user: "0".to_owned(),
            ..Hook::default()
        };
        run(engine, member, &hook).await?;
    }
    Ok(())
}

/// The container's files, where its processes are ours to see.
pub async fn inside(engine: &Engine, member: &Member) -> Option<Inside> {
    if !engine.endpoint().is_local() {
        return None;
    }
    let pid = engine
        .inspect_container(&member.id)
        .await
        .ok()?
        .state?
        .pid?;
    // With a remote engine behind a local socket, the pid is somebody else's process here.
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    groups
        .contains(member.id.as_str())
        .then(|| Inside::of(pid).ok())?
}

/// Runs a hook's command in a container and waits for its end.
///
/// # Errors
/// It could not be run, or ended with another code than 0: with what it said.
pub async fn run(engine: &Engine, member: &Member, hook: &Hook) -> Result<()> {
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
    let mut streams = engine.start_exec(&exec, false).await?;
    let mut said = Vec::new();
    while let Some(chunk) = streams.output.next().await {
        let chunk = chunk?;
        if said.len() < SAID_MOST {
            said.extend_from_slice(&chunk.bytes);
        }
    }
    match engine.inspect_exec(&exec).await?.exit_code {
        Some(0) => Ok(()),
        code => {
            let said = String::from_utf8_lossy(&said);
            let program = hook
                .command
                .words()
                .and_then(<[_]>::first)
                .map_or("", String::as_str);
            bail!(
                "`{program}` ended with {} in {}: {}",
                code.unwrap_or(-1),
                member.name,
                said.trim()
            )
        }
    }
}

/// How much of a failed command's output is kept, in bytes.
const SAID_MOST: usize = 4096;

/// The processes of a container, the main one first.
pub async fn processes(engine: &Engine, member: &Member) -> Result<Vec<Process>> {
    let top = engine.top(&member.id).await?;
    let titles = top.titles.unwrap_or_default();
    let column = |name: &str| titles.iter().position(|title| title == name);
    let (Some(pid), Some(parent), Some(command)) = (column("PID"), column("PPID"), column("CMD"))
    else {
        bail!("the engine lists processes without PID, PPID and CMD");
    };
    let process = |row: Vec<String>| {
        Some(Process {
            pid: row.get(pid)?.parse().ok()?,
            parent: row.get(parent)?.parse().ok()?,
            argv: words_of(row.get(pid)?, row.get(command)?),
        })
    };
    Ok(top
        .processes
        .unwrap_or_default()
        .into_iter()
        .filter_map(process)
        .collect())
}

/// The words of a process: the kernel's own list where it is ours to see, else split at blanks.
fn words_of(pid: &str, command: &str) -> Vec<String> {
    let by_blanks = || command.split(' ').map(str::to_owned).collect();
    let Ok(bytes) = std::fs::read(Path::new("/proc").join(pid).join("cmdline")) else {
        return by_blanks();
    };
    let words: Vec<String> = bytes
        .split(|b| *b == 0)
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    // A program may rewrite its title, and with a remote engine the pid is another process here.
    match words.join(" ").trim_end() == command.trim_end() {
        true => words.into_iter().filter(|word| !word.is_empty()).collect(),
        false => by_blanks(),
    }
}
