//! `dco rm`.

use std::io::{BufRead, Write};
use std::process::ExitCode;

use anyhow::Result;

use super::Context;
use super::work::{Manner, Work};
use crate::event::Event;
use crate::plan::{self, DownVolumes, RemovePolicy, Running};

/// Remove containers that do not run
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Example:\n  dco rm --stop --force web")]
pub struct Args {
    /// Services, all of them by default
    services: Vec<String>,

    /// Nothing any more: every container counts
    #[arg(short, long, hide = true)]
    all: bool,

    /// Do not ask
    #[arg(short, long)]
    force: bool,

    /// Stop the containers first
    #[arg(short, long)]
    stop: bool,

    /// Remove their anonymous volumes too
    #[arg(short, long)]
    volumes: bool,
}

/// Removes the containers that do not run, after asking.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let work = Work::open_to_end(cx, cx.project_or_name(&args.services)?).await?;
    let policy = RemovePolicy {
        services: work.named(&args.services)?,
        running: match args.stop {
            true => Running::Stop,
            false => Running::Keep,
        },
        volumes: match args.volumes {
            true => DownVolumes::Remove,
            false => DownVolumes::Keep,
        },
    };
    let plan = work.plan(|world| plan::remove(world, &policy));
    if cx.globals.dry_run {
        return super::plan::show(&plan);
    }
    let names = plan.removed_containers();
    if names.is_empty() {
        cx.events()
            .emit(Event::Note("No stopped containers".into()));
        return Ok(ExitCode::SUCCESS);
    }
    let message = format!("Going to remove {}", names.join(", "));
    if args.force {
        cx.reporter().write_out(format!("{message}\n").as_bytes())?;
    } else if !agreed(cx, message)? {
        return Ok(ExitCode::SUCCESS);
    }
    work.execute(&plan, Manner::default()).await?;
    Ok(ExitCode::SUCCESS)
}

/// Asks; nobody's answer is no. A pipe is given the message alone, as Docker Compose has it.
fn agreed(cx: &Context, message: String) -> Result<bool> {
    let question = match cx.terminal.stdin && cx.terminal.stdout {
        true => format!("{message}\nAre you sure? [yN] "),
        false => message,
    };
    cx.reporter().write_out(question.as_bytes())?;
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
