//! `dco create`.

use std::process::ExitCode;

use anyhow::Result;

use super::Context;
use super::consent::volumes_to_rebuild;
use super::shape::{Shape, scale, warn_of_orphans};
use super::work::{Manner, Source, Work};
use crate::execute::Cleanup;
use crate::gate::Waits;
use crate::plan::Extent;
use crate::project::Along;

/// Create containers, and do not start them
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Example:\n  dco create web")]
pub struct Args {
    /// Services, all of them by default
    services: Vec<String>,

    #[command(flatten)]
    shape: Shape,
}

/// Creates what is missing, and replaces what differs.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let mut project = cx.load_project(&args.services, Along::Dependencies)?;
    crate::compose::container_names(&project)?;
    scale(&mut project, &args.shape.scale)?;
    super::foreign::bring_up(cx, &mut project, args.shape.quiet()).await?;
    let source = Source::Loaded(Box::new(project));
    let work = Work::open(cx, source, Waits::Compose).await?;
    let mut policy = args.shape.policy(cx)?;
    policy.targets = work.named(&args.services)?;
    policy.extent = Extent::Create;
    policy.rebuild_volumes = volumes_to_rebuild(cx, &work, args.shape.yes)?;
    let plan = work.plan_up(&mut policy).await?;
    if cx.globals.dry_run {
        return super::plan::show(&plan);
    }
    warn_of_orphans(cx, &work, policy.orphans);
    work.say_reasons(&plan);
    let manner = Manner {
        cleanup: Cleanup::Keep,
        quiet: args.shape.quiet(),
        ..Manner::default()
    };
    work.execute(&plan, manner).await?;
    Ok(ExitCode::SUCCESS)
}
