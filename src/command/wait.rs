//! `dco wait`: until the containers of services have ended.

use std::process::ExitCode;

use anyhow::{Result, bail};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::Context;
use super::containers::{self, Facts, OneOffs, Selection};
use crate::engine::{Until, Which};
use crate::report;

/// Block until containers of all (or specified) services stop
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dco wait migrate\n  dco wait --down-project tests")]
pub struct Args {
    /// Take the project down when they have stopped
    #[arg(long)]
    down_project: bool,

    /// The services
    #[arg(value_name = "SERVICE", required = true)]
    services: Vec<String>,
}

/// Waits, says how each container ended, and ends as the last of them did.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let (_, project) = cx.named_project()?;
    let engine = &cx.engine()?;
    let wanted = Selection {
        project: &project,
        which: Which::Running,
        one_offs: OneOffs::With,
        services: &args.services,
    };
    let containers = containers::list(engine, wanted).await?;
    if containers.is_empty() {
        bail!("no containers for project \"{project}\"");
    }
    let mut ends: FuturesUnordered<_> = containers
        .iter()
        .map(|container| async move {
            let waiting = engine
                .wait_container(container.id(), Until::NotRunning)
                .await?;
            anyhow::Ok((container.id(), waiting.exit_code().await?))
        })
        .collect();
    let mut last = 0;
    while let Some(end) = ends.next().await {
        let (id, code) = end?;
        report::print(&format!(
            "container \"{id}\" exited with status code {code}\n"
        ))?;
        last = code;
    }
    if args.down_project {
        let down = super::down::Args::with_orphans();
        super::down::run(&down, cx).await?;
    }
    // As the system does with what is no exit code.
    Ok(ExitCode::from((last & 0xff) as u8))
}
