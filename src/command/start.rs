//! `dco start`.

use std::process::ExitCode;

use anyhow::Result;

use super::Context;
use super::settle::{Firmness, settle};
use super::wait_flags::WaitFlags;
use super::work::{Manner, Work, is_strict, waits};
use crate::plan;

/// Start containers that are there
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Example:\n  dco start web\n  dco start --wait --wait-timeout 30")]
pub struct Args {
    /// Services, all of them by default
    services: Vec<String>,

    #[command(flatten)]
    waiting: WaitFlags,
}

/// Starts containers, each after what it depends on is ready.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let work = Work::open(cx, cx.project_or_name(&args.services)?, waits(cx, false)).await?;
    let services = work.graph.with_dependencies(&work.named(&args.services)?);
    let wait = args.waiting.limit()?;
    let plan = work.plan(|world| plan::start(world, &services, wait))?;
    if cx.globals.dry_run {
        return super::plan::show(&plan);
    }
    let report = work.execute(&plan, Manner::default()).await?;
    if let Some(wait) = wait
        && !is_strict(cx)
    {
        settle(&work, &report, Firmness::firm(wait, &report)).await?;
    }
    Ok(ExitCode::SUCCESS)
}
