//! Carries out what a reaction needs a plan for: a rebuild, a restart.

use std::collections::BTreeMap;

use anyhow::Result;
use futures_util::future::LocalBoxFuture;

use super::Args;
use crate::command::Context;
use crate::command::builds::Builds;
use crate::command::work::{Manner, Quiet, Source as From, Work, waits};
use crate::convert::BuildOptions;
use crate::engine::{Engine, labelled};
use crate::name::ServiceName;
use crate::plan::bases::standing_on;
use crate::plan::{self, Dependents, Recreate, RestartPolicy, UpPolicy};
use crate::project::Project;
use crate::watch::rule::Replace;
use crate::watch::session::Hands;

/// Carries plans out for the watch.
pub(super) struct Plans<'a> {
    pub(super) cx: &'a Context,
    /// The watch's own, whose connections are open.
    pub(super) engine: &'a Engine,
    pub(super) args: &'a Args,
    pub(super) project: &'a Project,
}

impl Plans<'_> {
    fn loaded(&self) -> From {
        From::Loaded(Box::new(self.project.clone()))
    }
}

impl Hands for Plans<'_> {
    fn rebuild<'a>(
        &'a self,
        service: &'a ServiceName,
        replace: Replace,
    ) -> LocalBoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let work = Work::open(self.cx, self.loaded(), waits(self.cx, false)).await?;
            let options = BuildOptions::default();
            let builds = Builds::open(self.cx, &work.engine, &work.project, options).await?;
            let bases = builds.bases();
            let mut due: BTreeMap<ServiceName, String> = standing_on(&bases, service)
                .into_iter()
                .filter(|name| work.runs(name))
                .map(|name| (name.clone(), format!("image of {service}")))
                .collect();
            due.insert(service.clone(), "what is watched".to_owned());
            let absent_bases = builds.absent(&bases, due.keys()).await?;
            drop(builds);
            let targets = due.keys().cloned().collect();
            let work = work.around(&targets)?;
            let policy = UpPolicy {
                targets,
                recreate: match replace {
                    Replace::Always => Recreate::Force,
                    Replace::IfChanged => Recreate::Diverged,
                },
                recreate_dependencies: Recreate::Never,
                absent_bases,
                bases,
                // These images and no others.
                stale: due,
                ..UpPolicy::default()
            };
            let plan = work.plan(|world| plan::up(world, &policy))?;
            let quiet = Quiet {
                builds: self.args.quiet,
                pulls: self.args.quiet,
            };
            let manner = Manner {
                quiet,
                ..Manner::default()
            };
            let done = work.execute(&plan, manner).await;
            self.cx.reporter().settle()?;
            done?;
            if self.args.prune {
                prune(&work.engine, &self.project.name).await;
            }
            Ok(())
        })
    }

    fn restart<'a>(&'a self, service: &'a ServiceName) -> LocalBoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let waits = waits(self.cx, false);
            let work = Work::open_to_restart(self.cx, self.engine, self.loaded(), waits).await?;
            let policy = RestartPolicy {
                services: [service.clone()].into(),
                dependents: Dependents::Restart,
                grace: None,
            };
            let plan = work.plan(|world| plan::restart(world, &policy));
            let done = work.execute(&plan, Manner::default()).await;
            self.cx.reporter().settle()?;
            done.map(drop)
        })
    }
}

/// Removes the project's images that lost their name to a newer build.
async fn prune(engine: &Engine, project: &str) {
    let mut by = labelled(format!("com.docker.compose.project={project}"));
    by.insert("dangling".to_owned(), vec!["true".to_owned()]);
    for image in engine.list_images(&by).await.unwrap_or_default() {
        // One that a container still uses stays until the next time.
        let _ = engine.remove_image(&image.id).await;
    }
}
