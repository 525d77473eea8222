//! `dco scale`.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::{Result, bail};

use super::Context;
use super::work::{Manner, Quiet, Source, Work, look_again, waits};
use crate::execute::Cleanup;
use crate::name::ServiceName;
use crate::plan::UpPolicy;
use crate::project::Along;

/// Set the number of containers of services
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Example:\n  dco scale web=3")]
pub struct Args {
    /// What to set, as SERVICE=N
    #[arg(required = true, value_name = "SERVICE=N")]
    scales: Vec<String>,

    /// Do not start the services that the named ones depend on
    #[arg(long)]
    no_deps: bool,
}

/// Makes as many containers of each service as are asked for.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    look_again(cx, async || attempt(args, cx).await).await
}

async fn attempt(args: &Args, cx: &Context) -> Result<ExitCode> {
    let mut names = Vec::new();
    for text in &args.scales {
        match text.split_once('=') {
            Some((name, _)) => names.push(name.to_owned()),
            None => bail!("invalid scale specifier: {text}"),
        }
    }
    let along = match args.no_deps {
        true => Along::Nothing,
        false => Along::Dependencies,
    };
    let mut project = cx.load_project(&names, along)?;
    super::shape::scale(&mut project, &args.scales)?;
    super::foreign::bring_up(cx, &mut project, Quiet::default()).await?;
    let source = Source::Loaded(Box::new(project));
    let work = Work::open(cx, source, waits(cx, false)).await?;
    let mut policy = UpPolicy {
        targets: names
            .iter()
            .map(|name| ServiceName::from(name.as_str()))
            .collect::<BTreeSet<_>>(),
        ..UpPolicy::default()
    };
    let plan = work.plan_up(&mut policy).await?;
    if cx.globals.dry_run {
        return super::plan::show(&plan);
    }
    work.say_reasons(&plan);
    let manner = Manner {
        cleanup: Cleanup::NeverStarted,
        ..Manner::default()
    };
    work.execute(&plan, manner).await?;
    Ok(ExitCode::SUCCESS)
}
