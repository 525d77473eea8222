//! `dco down`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Result, bail};

use super::work::{Manner, Work, grace};
use super::{Context, foreign};
use crate::diagnostic::Diagnostic;
use crate::engine::built_for;
use crate::gate::Waits;
use crate::plan::{self, DownImages, DownPolicy, DownVolumes, Orphans};

/// Stop and remove containers and networks
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:\n  dco down\n  dco down --volumes")]
pub struct Args {
    /// Services; what depends on them goes down too
    services: Vec<String>,

    /// Remove containers whose service is not in the file
    #[arg(long)]
    remove_orphans: bool,

    /// Remove images: local for those that were built for services, all for all that services use
    #[arg(long, value_name = "WHICH")]
    rmi: Option<String>,

    /// Seconds that a container has to stop
    #[arg(short, long, value_name = "SECONDS", allow_negative_numbers = true)]
    timeout: Option<i64>,

    /// Remove named volumes, and the anonymous ones of the containers
    #[arg(short, long, alias = "volume")]
    volumes: bool,
}

impl Args {
    /// Everything of the project but its volumes, also what is not in the file any more.
    pub(super) fn with_orphans() -> Self {
        Self {
            remove_orphans: true,
            ..Self::default()
        }
    }
}

/// Takes the environment down.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let images = match args.rmi.as_deref() {
        None | Some("") => DownImages::Keep,
        Some("local") => DownImages::Local,
        Some("all") => DownImages::All,
        Some(other) => bail!("invalid value for --rmi: \"{other}\""),
    };
    let remove = args.remove_orphans || cx.env.is_on("COMPOSE_REMOVE_ORPHANS");
    let source = cx.project_or_name(&args.services)?;
    let work = match images {
        DownImages::Keep => Work::open_to_end(cx, source).await?,
        DownImages::Local | DownImages::All => Work::open(cx, source, Waits::Compose).await?,
    };
    let built = match images {
        DownImages::Keep => BTreeMap::new(),
        _ => built_for(&work.engine, &work.project.name).await?,
    };
    let policy = DownPolicy {
        built,
        services: work.named(&args.services)?,
        orphans: match remove {
            true => Orphans::Remove,
            false => Orphans::Keep,
        },
        volumes: match args.volumes {
            true => DownVolumes::Remove,
            false => DownVolumes::Keep,
        },
        images,
        grace: grace(args.timeout)?,
    };
    let plan = work.plan(|world| plan::down(world, &policy));
    if cx.globals.dry_run {
        return super::plan::show(&plan);
    }
    if plan.is_empty() {
        cx.reporter().show(&Diagnostic::warning(format!(
            "no resource found to remove for project `{}`",
            work.project.name
        )));
    }
    if args.services.is_empty() {
        super::watch::end_watcher(cx, &work.project)?;
    }
    work.execute(&plan, Manner::default()).await?;
    let services = work.graph.with_dependents(&policy.services);
    foreign::end(cx, &work.project, (foreign::Ask::Down, &services)).await?;
    Ok(ExitCode::SUCCESS)
}
