//! `dco attach`: in front of a container's main process, with its terminal, its pipes and its exit
//! code.

use std::process::ExitCode;

use anyhow::{Result, bail};
use bollard::models::ContainerInspectResponse;

use super::interactive::{DetachKeys, End, Session, Sized, Stdin, proxy_signals};
use super::{Context, target};
use crate::diagnostic::Diagnostic;
use crate::engine::{Attach, Engine, Framing, Until};
use crate::report::Exit;

/// Stand in front of a running container's main process
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  dco attach web
  dco attach --no-stdin --index 2 worker")]
pub struct Args {
    /// The keys that leave the container alone (default: ctrl-p,ctrl-q)
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<String>,

    /// Which of the service's containers, by number (default: the first)
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    index: u32,

    /// Do not pass standard input on
    #[arg(long)]
    no_stdin: bool,

    /// Pass signals on to the process
    #[arg(long, action = clap::ArgAction::Set, num_args = 0..=1, require_equals = true,
          default_value = "true", default_missing_value = "true", hide_default_value = true)]
    sig_proxy: bool,

    /// The service
    #[arg(value_name = "SERVICE")]
    service: String,
}

/// Finds the container, attaches, and ends as its process ends.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let (engine, container) = target::running(cx, &args.service, args.index).await?;
    let engine = &engine;
    let details = engine.inspect_container(&container.id).await?;
    refuse_what_does_not_run(&details)?;
    let config = details.config.unwrap_or_default();
    let tty = config.tty.unwrap_or_default();
    let stdin = match args.no_stdin || !config.open_stdin.unwrap_or_default() {
        true => Stdin::Nothing,
        false => Stdin::Forward,
    };
    if stdin == Stdin::Forward {
        needs_terminal(tty, cx)?;
    }
    let keys = cx.detach_key_text(args.detach_keys.as_deref());
    let detach = DetachKeys::parse(keys.as_deref().unwrap_or(DetachKeys::DEFAULT))?;
    // Begun before anything is shown, so that an end that comes meanwhile is not missed.
    let waiting = engine
        .wait_container(&container.id, Until::NotRunning)
        .await?;
    let how = Attach {
        stdin: stdin == Stdin::Forward,
        logs: false,
        detach_keys: keys,
    };
    let streams = engine
        .attach(&container.id, Framing::of_tty(tty), &how)
        .await?;
    cx.reporter().settle()?;
    if tty && cx.terminal.stdout {
        redraw(engine, &container.id).await;
    }
    let session = Session {
        engine,
        streams,
        terminal: (tty && cx.terminal.stdout).then_some(Sized::Container(&container.id)),
        stdin,
        detach,
    };
    let end = tokio::select! {
        end = session.run() => end?,
        // With a terminal, keys are keys; a signal from elsewhere means dco.
        () = super::interrupted(), if tty || !args.sig_proxy => {
            return Err(Exit::interrupted().into());
        }
        passed = proxy_signals(engine, &container.id), if !tty && args.sig_proxy => {
            passed?;
            return Err(Exit::interrupted().into());
        }
    };
    match end {
        End::Detached => Err(left()),
        // The engine counts in 32 bits, a process in 8.
        End::Finished => Ok(ExitCode::from((waiting.exit_code().await? & 0xff) as u8)),
    }
}

/// The user left with the detach keys: docker's words, and its code.
pub(super) fn left() -> anyhow::Error {
    Diagnostic::error("read escape sequence").into()
}

/// A program with a terminal cannot be typed at through a pipe.
pub(super) fn needs_terminal(tty: bool, cx: &Context) -> Result<()> {
    match tty && !cx.terminal.stdin {
        true => Err(Diagnostic::error("the input device is not a TTY")
            .hint("cannot attach stdin to a TTY-enabled container because stdin is not a terminal")
            .into()),
        false => Ok(()),
    }
}

fn refuse_what_does_not_run(details: &ContainerInspectResponse) -> Result<()> {
    let state = details.state.clone().unwrap_or_default();
    if !state.running.unwrap_or_default() {
        bail!("cannot attach to a stopped container, start it first");
    }
    if state.paused.unwrap_or_default() {
        bail!("cannot attach to a paused container, unpause it first");
    }
    if state.restarting.unwrap_or_default() {
        bail!("cannot attach to a restarting container, wait until it is running");
    }
    Ok(())
}

/// Makes a program that draws the whole terminal draw it again: it does so when the size changes.
async fn redraw(engine: &Engine, container: &str) {
    if let Some((columns, rows)) = super::interactive::size() {
        let other = (columns.saturating_add(1), rows.saturating_add(1));
        // A program that ended meanwhile draws nothing.
        let _ = engine.resize_container(container, other).await;
    }
}
