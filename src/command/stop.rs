//! `dco stop`.

use std::process::ExitCode;

use anyhow::Result;

use super::work::{Manner, Work, grace};
use super::{Context, foreign};
use crate::plan;

/// Stop containers
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Example:\n  dco stop web")]
pub struct Args {
    /// Services, all of them by default
    services: Vec<String>,

    /// Seconds that a container has to stop
    #[arg(short, long, value_name = "SECONDS", allow_negative_numbers = true)]
    timeout: Option<i64>,
}

/// Stops containers, each before what it depends on.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let work = Work::open_to_end(cx, cx.project_or_name(&args.services)?).await?;
    let Some(services) = work.named_or_gone(&args.services)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let grace = grace(args.timeout)?;
    let plan = work.plan(|world| plan::stop(world, &services, grace));
    if cx.globals.dry_run {
        return super::plan::show(&plan);
    }
    if args.services.is_empty() {
        super::watch::end_watcher(cx, &work.project)?;
    }
    work.execute(&plan, Manner::default()).await?;
    foreign::end(cx, &work.project, (foreign::Ask::Stop, &services)).await?;
    Ok(ExitCode::SUCCESS)
}
