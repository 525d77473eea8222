//! `dco pause`.

use std::process::ExitCode;

use anyhow::Result;

use super::Context;
use super::work::{Manner, Work};
use crate::plan::{self, Signal};

/// Freeze running containers
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Example:\n  dco pause web")]
pub struct Args {
    /// Services, all of them by default
    services: Vec<String>,
}

/// Freeze running containers.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let work = Work::open_to_end(cx, cx.project_or_name(&args.services)?).await?;
    let Some(services) = work.named_or_gone(&args.services)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let plan = work.plan(|world| plan::signal(world, &services, &Signal::Pause));
    if cx.globals.dry_run {
        return super::plan::show(&plan);
    }
    work.execute(&plan, Manner::default()).await?;
    Ok(ExitCode::SUCCESS)
}
