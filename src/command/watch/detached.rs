//! The watcher that stays when the terminal is closed: how it is started, found and ended.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::Args;
use crate::command::Context;
use crate::diagnostic::Diagnostic;
use crate::project::Project;
use crate::watch::seat::Seat;

/// `--status` and `--stop`.
pub(super) fn answer(args: &Args, cx: &Context) -> Result<ExitCode> {
    let project = cx.load_model()?;
    let seat = seat(cx, &project)?;
    if args.stop {
        let text = match seat.stop()? {
            Some(pid) => format!("ended the watcher of `{}`, process {pid}\n", project.name),
            None => format!("no watcher runs for `{}`\n", project.name),
        };
        crate::report::print(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    match seat.holder()? {
        Some(pid) => {
            crate::report::print(&format!(
                "`{}` is watched by process {pid}; what it does is in {}\n",
                project.name,
                seat.log().display()
            ))?;
            Ok(ExitCode::SUCCESS)
        }
        None => {
            crate::report::print(&format!("no watcher runs for `{}`\n", project.name))?;
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Ends a project's watcher, where one runs: with `down` and `stop` goes what they end.
pub(in crate::command) fn end_watcher(cx: &Context, project: &Project) -> Result<()> {
    if cx.state_dir().is_some() && !project.working_dir.as_os_str().is_empty() {
        seat(cx, project)?.stop()?;
    }
    Ok(())
}

pub(super) fn seat(cx: &Context, project: &Project) -> Result<Seat> {
    let state = cx.state_dir().ok_or_else(|| {
        Diagnostic::error("there is no folder for dco's state").hint("set HOME or XDG_STATE_HOME")
    })?;
    Ok(Seat::of(&state, &project.name, &project.working_dir))
}

/// How long a watcher may take to begin.
const BEGINNING: Duration = Duration::from_secs(30);

/// How often it is looked whether it has begun: it is another process, and says so in a file.
const LOOK: Duration = Duration::from_millis(5);

/// Starts this program again as the project's watcher, which outlives the terminal, and waits until
/// it watches.
pub(super) async fn start(
    args: &Args,
    cx: &Context,
    project: &Project,
    seat: &Seat,
) -> Result<ExitCode> {
    if let Some(pid) = seat.holder()? {
        crate::report::print(&format!(
            "`{}` is watched already, by process {pid}\n",
            project.name
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    let log = seat.log();
    std::fs::create_dir_all(log.parent().unwrap_or(Path::new("/")))?;
    let file =
        std::fs::File::create(&log).with_context(|| format!("cannot write `{}`", log.display()))?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(globals_again(cx, project))
        .args(["watch", "--no-up", "--with-project"])
        .args(args.auto.then_some("--auto"))
        .args(args.quiet.then_some("--quiet"))
        .args((!args.prune).then_some("--prune=false"))
        .args(&args.services);
    command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file);
    command.current_dir(&project.working_dir);
    if project.home != project.working_dir {
        // The variables of fetched files come from where they were fetched to be used.
        command.envs(&project.environment);
        command.env("COMPOSE_DISABLE_ENV_FILE", "1");
    }
    let mut child = command.spawn().context("cannot start the watcher")?;
    let begun = Instant::now();
    loop {
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        if said.contains("Watch enabled") {
            break;
        }
        if let Some(status) = child.try_wait()? {
            // Another `up` may have been faster.
            if seat.holder()?.is_some() {
                break;
            }
            let said = said.trim();
            bail!(
                "{}",
                said.strip_prefix("error: ").map_or_else(
                    || format!("the watcher ended at once ({status})"),
                    str::to_owned,
                )
            );
        }
        if begun.elapsed() > BEGINNING {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    crate::report::print(&format!(
        "watching `{}` in the background (process {}); `dco watch --stop` ends it\n",
        project.name,
        child.id()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// The global flags that make the same project again, whatever the folder.
fn globals_again(cx: &Context, project: &Project) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut add = |flag: &str, value: &str| words.extend([flag.to_owned(), value.to_owned()]);
    add("--project-name", &project.name);
    add(
        "--project-directory",
        &project.working_dir.to_string_lossy(),
    );
    for file in &project.compose_files {
        add("--file", file);
    }
    for file in &project.env_files {
        add("--env-file", file);
    }
    for profile in &project.profiles {
        add("--profile", profile);
    }
    for host in &cx.globals.host {
        add("--host", host);
    }
    if let Some(context) = &cx.globals.context {
        add("--context", context);
    }
    words
}
