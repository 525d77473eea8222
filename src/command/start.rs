//! `dco start`.

use std::process::ExitCode;

use anyhow::Result;

use super::Context;
use super::work::{Manner, Work, waits};
use crate::plan;

/// Start containers that are there
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Example:\n  dco start web")]
pub struct Args {
    /// Services, all of them by default
    services: Vec<String>,
}

/// Starts containers, each after what it depends on is ready.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let work = Work::open(cx, cx.project_or_name()?, waits(cx, false)).await?;
    let services = work.graph.with_dependencies(&work.named(&args.services)?);
    let plan = work.plan(|world| plan::start(world, &services))?;
    if cx.globals.dry_run {
        return super::plan::show(&plan);
    }
    work.execute(&plan, Manner::default()).await?;
    Ok(ExitCode::SUCCESS)
}
