//! `dco kill`.

use std::process::ExitCode;

use anyhow::Result;

use super::Context;
use super::work::{Manner, Work};
use crate::event::Event;
use crate::plan::{self, Plan, Signal};

/// Send a signal to running containers
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Example:\n  dco kill -s SIGHUP web")]
pub struct Args {
    /// Services, all of them by default
    services: Vec<String>,

    /// Also containers whose service is not in the file
    #[arg(long)]
    remove_orphans: bool,

    /// Signal, by name or number
    #[arg(short, long, default_value = "SIGKILL")]
    signal: String,
}

/// Sends a signal to every running container.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let work = Work::open_to_end(cx, cx.project_or_name(&args.services)?).await?;
    let Some(services) = work.named_or_gone(&args.services)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let signal = Signal::Kill(args.signal.clone());
    let plan = work.plan(|world| plan::signal(world, &services, &signal));
    let orphans = match args.remove_orphans || cx.env.is_on("COMPOSE_REMOVE_ORPHANS") {
        true => work.plan(|world| plan::signal_orphans(world, &signal)),
        false => Plan::default(),
    };
    if cx.globals.dry_run {
        super::plan::show(&plan)?;
        return super::plan::show(&orphans);
    }
    if plan.is_empty() && orphans.is_empty() {
        cx.events().emit(Event::Note("no container to kill".into()));
        return Ok(ExitCode::SUCCESS);
    }
    work.execute(&plan, Manner::default()).await?;
    if !orphans.is_empty() {
        work.execute(&orphans, Manner::default()).await?;
    }
    Ok(ExitCode::SUCCESS)
}
