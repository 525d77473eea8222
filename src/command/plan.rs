//! `dco plan`: what `up` would do, and nothing done.

use std::process::ExitCode;

use anyhow::Result;

use super::Context;
use super::shape::{Shape, scale};
use super::work::{Source, Work, waits};
use crate::plan::Plan;
use crate::project::Along;
use crate::report;

/// The exit code where there is something to do.
const CHANGES: u8 = 2;

/// Show what `up` would do; exit with 2 if that is anything
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:\n  dco plan\n  dco plan --build web || echo changes")]
pub struct Args {
    /// Services, all of them by default
    services: Vec<String>,

    #[command(flatten)]
    shape: Shape,

    /// Wait only for what the file declares
    #[arg(long)]
    no_infer: bool,
}

/// Plans `up` and prints the plan.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let mut project = cx.load_project(&args.services, Along::Dependencies)?;
    scale(&mut project, &args.shape.scale)?;
    super::foreign::look(cx, &mut project).await?;
    let source = Source::Loaded(Box::new(project));
    let work = Work::open(cx, source, waits(cx, args.no_infer)).await?;
    let mut policy = args.shape.policy(cx)?;
    policy.targets = work.named(&args.services)?;
    let plan = work.plan_up(&mut policy).await?;
    show(&plan)?;
    Ok(match plan.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(CHANGES),
    })
}

/// Prints a plan.
pub(super) fn show(plan: &Plan) -> Result<ExitCode> {
    report::print(&plan.to_string())?;
    Ok(ExitCode::SUCCESS)
}
