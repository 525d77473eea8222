//! `dco restart`.

use std::process::ExitCode;

use anyhow::Result;

use super::Context;
use super::settle::{Firmness, settle};
use super::work::{Manner, Work, grace, is_strict, waits};
use crate::plan::{self, Dependents, RestartPolicy};

/// Restart containers
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Example:\n  dco restart web")]
pub struct Args {
    /// Services, all of them by default
    services: Vec<String>,

    /// Leave the services alone that depend on the named ones
    #[arg(long)]
    no_deps: bool,

    /// Seconds that a container has to stop
    #[arg(short, long, value_name = "SECONDS", allow_negative_numbers = true)]
    timeout: Option<i64>,
}

/// Restarts containers in place, in the order of their dependencies.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let project = cx.project_or_name(&args.services)?;
    let work = Work::open_to_restart(cx, &cx.engine()?, project, waits(cx, false)).await?;
    let policy = RestartPolicy {
        services: work.named(&args.services)?,
        dependents: match args.no_deps {
            true => Dependents::Leave,
            false => Dependents::Restart,
        },
        grace: grace(args.timeout)?,
    };
    let plan = work.plan(|world| plan::restart(world, &policy));
    if cx.globals.dry_run {
        return super::plan::show(&plan);
    }
    let report = work.execute(&plan, Manner::default()).await?;
    if !is_strict(cx) {
        settle(&work, &report, Firmness::Loose).await?;
    }
    Ok(ExitCode::SUCCESS)
}
