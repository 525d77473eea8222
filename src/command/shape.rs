//! How containers come to be as `up`, `create`, `plan` and `scale` make them: the flags that they
//! share, and what these say.

use anyhow::{Result, bail};

use super::Context;
use super::work::{Quiet, Work};
use crate::diagnostic::Diagnostic;
use crate::plan::{self, BuildPolicy, Orphans, PullPolicy, Recreate, UpPolicy};
use crate::project::Project;

/// What `up`, `create` and `plan` share.
#[derive(Debug, Default, clap::Args)]
pub struct Shape {
    /// Build images first
    #[arg(long, conflicts_with = "no_build")]
    pub(super) build: bool,

    /// Do not build images, even if they are missing
    #[arg(long)]
    pub(super) no_build: bool,

    /// Recreate containers even if nothing changed
    #[arg(long, conflicts_with = "no_recreate")]
    pub(super) force_recreate: bool,

    /// Leave containers that exist as they are
    #[arg(long)]
    pub(super) no_recreate: bool,

    /// When to pull images: always, missing, never or build
    #[arg(long, value_name = "POLICY")]
    pub(super) pull: Option<String>,

    /// Pull without showing progress
    #[arg(long)]
    pub(super) quiet_pull: bool,

    /// Build without showing the builder's output
    #[arg(long)]
    pub(super) quiet_build: bool,

    /// Remove containers whose service is not in the file
    #[arg(long)]
    pub(super) remove_orphans: bool,

    /// Number of containers of a service
    #[arg(long, value_name = "SERVICE=N")]
    pub(super) scale: Vec<String>,

    /// Answer yes to every question
    #[arg(short, long)]
    pub(super) yes: bool,
}

impl Shape {
    /// What is not shown.
    pub(super) fn quiet(&self) -> Quiet {
        Quiet {
            pulls: self.quiet_pull,
            builds: self.quiet_build,
        }
    }

    /// The policy as far as both commands share it.
    pub(super) fn policy(&self, cx: &Context) -> Result<UpPolicy> {
        let recreate = match (self.force_recreate, self.no_recreate) {
            (true, _) => Recreate::Force,
            (_, true) => Recreate::Never,
            _ => Recreate::Diverged,
        };
        let build = match (self.build, self.no_build) {
            (true, _) => BuildPolicy::Always,
            (_, true) => BuildPolicy::Never,
            _ => BuildPolicy::IfNeeded,
        };
        let ignore = cx.env.is_on("COMPOSE_IGNORE_ORPHANS");
        if self.remove_orphans && ignore {
            bail!("cannot combine COMPOSE_IGNORE_ORPHANS and --remove-orphans");
        }
        let orphans = match self.remove_orphans || cx.env.is_on("COMPOSE_REMOVE_ORPHANS") {
            true => Orphans::Remove,
            false => Orphans::Keep,
        };
        Ok(UpPolicy {
            recreate,
            recreate_dependencies: recreate,
            orphans,
            build,
            pull: self.pull.as_deref().map(pull_policy).transpose()?.flatten(),
            ..UpPolicy::default()
        })
    }
}

/// Compose's help calls the absent policy `policy`, and takes that word.
pub(super) fn pull_policy(text: &str) -> Result<Option<PullPolicy>> {
    if text == "policy" {
        return Ok(None);
    }
    match PullPolicy::parse(text).filter(|policy| !matches!(policy, PullPolicy::After(_))) {
        Some(policy) => Ok(Some(policy)),
        None => bail!("invalid --pull option \"{text}\""),
    }
}

/// Applies `--scale web=3`.
pub(super) fn scale(project: &mut Project, scales: &[String]) -> Result<()> {
    for text in scales {
        let (name, count) = text.split_once('=').ok_or_else(|| {
            Diagnostic::error(format!("invalid --scale option `{text}`"))
                .hint("write SERVICE=NUMBER")
        })?;
        let Ok(count) = count.parse::<u32>() else {
            bail!("invalid --scale option `{text}`: `{count}` is no number of containers");
        };
        let Some(service) = project.services.get_mut(name) else {
            return Err(Diagnostic::error(format!("no such service: {name}")).into());
        };
        service.scale = Some(i64::from(count));
        if let Some(deploy) = &mut service.deploy {
            deploy.replicas = Some(i64::from(count));
        }
    }
    Ok(())
}

/// Says which containers belong to no service, where they stay.
pub(super) fn warn_of_orphans(cx: &Context, work: &Work<'_>, orphans: Orphans) {
    if orphans == Orphans::Remove || cx.env.is_on("COMPOSE_IGNORE_ORPHANS") {
        return;
    }
    let names: Vec<String> = work.plan(|world| {
        plan::orphans(world)
            .iter()
            .map(|one| one.name.clone())
            .collect()
    });
    if !names.is_empty() {
        cx.reporter().show(
            &Diagnostic::warning(format!(
                "found orphan containers ({}) for this project",
                names.join(", ")
            ))
            .hint("if you removed or renamed their service, `--remove-orphans` removes them"),
        );
    }
}
