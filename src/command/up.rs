//! `dco up`.

use std::process::ExitCode;
use std::rc::Rc;

use anyhow::{Result, bail};

use super::Context;
use super::attached::{self, Company, Hooks, Show, Watched, beside, follow};
use super::consent::volumes_to_rebuild;
use super::settle::{Firmness, settle};
use super::shape::{Shape, scale, warn_of_orphans};
use super::wait_flags::WaitFlags;
use super::work::{Manner, Source, Work, grace, is_strict, look_again, waits};
use super::{foreign, remote};
use crate::compose;
use crate::execute::{Cleanup, Report};
use crate::lint::lint;
use crate::name::ServiceName;
use crate::plan::{Anonymous, Extent, Recreate, UpPolicy, Wait};
use crate::project::{Along, Project};
use crate::text::moment;

/// Create and start containers
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:\n  dco up -d\n  dco up -d --build web\n  dco up --dry-run")]
pub struct Args {
    /// Services, all of them by default
    services: Vec<String>,

    #[command(flatten)]
    pub(super) shape: Shape,

    /// Return when everything is started, and leave it running
    #[arg(short, long)]
    detach: bool,

    #[command(flatten)]
    attached: attached::Flags,

    /// Watch files and refresh containers when they change; with -d, in the background
    #[arg(short = 'w', long = "watch", conflicts_with = "no_build")]
    live: bool,

    /// While it watches, apply what changes in compose files, .env and env_file
    #[arg(long, requires = "live")]
    auto: bool,

    /// Recreate dependencies too
    #[arg(long, conflicts_with = "no_recreate")]
    always_recreate_deps: bool,

    /// Do not start the services that the named ones depend on
    #[arg(long)]
    no_deps: bool,

    /// Create, and do not start
    #[arg(long)]
    no_start: bool,

    /// Give new containers new anonymous volumes
    #[arg(short = 'V', long, conflicts_with = "no_recreate")]
    renew_anon_volumes: bool,

    /// Seconds that a container has to stop
    #[arg(short, long, value_name = "SECONDS", allow_negative_numbers = true)]
    timeout: Option<i64>,

    #[command(flatten)]
    waiting: WaitFlags,

    /// Return without waiting for published ports
    #[arg(long, help_heading = "Readiness")]
    no_wait: bool,

    /// Return without watching whether what was started stays up
    #[arg(long, help_heading = "Readiness")]
    no_settle: bool,

    /// Wait only for what the file declares
    #[arg(long, help_heading = "Readiness")]
    no_infer: bool,

    /// Whether this is what `watch` begins with.
    #[arg(skip)]
    before_watch: bool,
}

/// Makes the environment what the file asks for.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let up = look_again(cx, async || bring_up(args, cx).await).await?;
    let Some(Up {
        work,
        report,
        since,
        wait,
        hooks,
    }) = up
    else {
        return Ok(ExitCode::SUCCESS);
    };
    if args.no_start {
        return Ok(ExitCode::SUCCESS);
    }
    if !args.detach && !args.waiting.wait {
        let watched = args.watched(&work, &report);
        let after = args.after();
        let show = Show {
            company: Rc::clone(&after.company),
            busy: Rc::clone(&after.busy),
            ..args.show(cx, &work, since)
        };
        let company = after.company.get();
        let logs = follow(cx, &work, watched, show, hooks);
        return Box::pin(beside(&after, cx, (company, args.attached.menu), logs)).await;
    }
    if !args.no_wait && !args.no_settle && !is_strict(cx) {
        let firmness = match wait {
            Some(wait) => Firmness::firm(wait, &report),
            None => Firmness::Soft,
        };
        settle(&work, &report, firmness).await?;
    }
    if args.live {
        cx.reporter().settle()?;
        return Box::pin(super::watch::run(&args.after(), cx)).await;
    }
    Ok(ExitCode::SUCCESS)
}

/// What was brought up.
struct Up<'c> {
    work: Work<'c>,
    report: Report,
    /// When that began.
    since: jiff::Timestamp,
    /// `--wait`.
    wait: Option<Wait>,
    /// What hooks said.
    hooks: Hooks,
}

/// Loads, observes, plans and executes; nothing where only the plan is wanted.
async fn bring_up<'c>(args: &Args, cx: &'c Context) -> Result<Option<Up<'c>>> {
    let along = match args.no_deps {
        true => Along::Nothing,
        false => Along::Dependencies,
    };
    let mut project = cx.load_project(&args.services, along)?;
    if project.services.is_empty() && !cx.globals.all_resources {
        bail!("no service selected");
    }
    compose::container_names(&project)?;
    if args.live || args.before_watch {
        build_what_is_watched(&mut project);
    }
    scale(&mut project, &args.shape.scale)?;
    args.attached.check(&project)?;
    remote::agree(cx, &project, args.shape.yes)?;
    foreign::bring_up(cx, &mut project, args.shape.quiet()).await?;
    let source = Source::Loaded(Box::new(project));
    let work = Work::open(cx, source, waits(cx, args.no_infer)).await?;
    let mut policy = args.policy(cx, &work)?;
    policy.rebuild_volumes = volumes_to_rebuild(cx, &work, args.shape.yes)?;
    let plan = work.plan_up(&mut policy).await?;
    if cx.globals.dry_run {
        super::plan::show(&plan)?;
        return Ok(None);
    }
    warn_of_orphans(cx, &work, policy.orphans);
    if !is_strict(cx) {
        for finding in lint(&work.project, &work.edges) {
            cx.reporter().show(&finding.warning);
        }
    }
    work.say_reasons(&plan);
    let hooks = Hooks::new();
    let manner = Manner {
        anonymous: policy.anonymous,
        cleanup: Cleanup::NeverStarted,
        quiet: args.shape.quiet(),
        verb: Some("up"),
        hooks: Some(&hooks.say),
        ..Manner::default()
    };
    let since = jiff::Timestamp::now();
    let report = work.execute(&plan, manner).await?;
    Ok(Some(Up {
        work,
        report,
        since,
        wait: policy.wait,
        hooks,
    }))
}

impl Args {
    /// The `up` that `watch` begins with.
    pub(super) fn before_watch(services: &[String], quiet: bool) -> Self {
        Self {
            services: services.to_vec(),
            detach: true,
            shape: Shape {
                quiet_build: quiet,
                quiet_pull: quiet,
                ..Shape::default()
            },
            before_watch: true,
            ..Self::default()
        }
    }

    /// The watch that it ends in.
    fn after(&self) -> super::watch::Args {
        let quiet = self.shape.quiet_build;
        let mut args = super::watch::Args::after_up(&self.services, self.detach, quiet);
        args.auto = self.auto;
        if self.live {
            args.company.set(Company::Watch);
        }
        args
    }

    /// The containers that are followed.
    fn watched(&self, work: &Work<'_>, report: &Report) -> Vec<Watched> {
        let flags = &self.attached;
        let peers = work.peers(report);
        let all = peers
            .into_iter()
            .flat_map(|(service, own)| own.into_iter().map(move |peer| (service.clone(), peer)));
        let heeded = all.filter_map(|(service, peer)| {
            let heed = flags.heeds(&work.project, &self.services, service.as_str())?;
            Some((service, peer, heed))
        });
        let prefix = format!("{}-", work.project.name);
        heeded
            .map(|(service, peer, heed)| Watched {
                heed,
                label: peer
                    .name
                    .strip_prefix(&prefix)
                    .unwrap_or(&peer.name)
                    .to_owned(),
                tty: work
                    .project
                    .services
                    .get(&service)
                    .is_some_and(|one| one.tty),
                id: peer.id,
                service,
            })
            .collect()
    }

    fn show<'a>(&'a self, cx: &Context, work: &'a Work<'_>, since: jiff::Timestamp) -> Show<'a> {
        let flags = &self.attached;
        Show {
            heed: Box::new(|service| flags.heeds(&work.project, &self.services, service)),
            style: flags.style(cx),
            timestamps: flags.timestamps,
            busy: Rc::default(),
            company: Rc::default(),
            ending: flags.ending(),
            targets: self
                .services
                .iter()
                .map(|name| ServiceName::from(name.as_str()))
                .collect(),
            since: moment::seconds(since),
        }
    }

    fn policy(&self, cx: &Context, work: &Work<'_>) -> Result<UpPolicy> {
        let mut policy = self.shape.policy(cx)?;
        policy.targets = work.named(&self.services)?;
        policy.recreate_dependencies = match self.always_recreate_deps {
            true => Recreate::Force,
            false if policy.recreate == Recreate::Force => Recreate::Diverged,
            false => policy.recreate,
        };
        policy.grace = grace(self.timeout)?;
        policy.wait = self.waiting.limit()?;
        if self.no_start {
            policy.extent = Extent::Create;
        }
        if self.renew_anon_volumes {
            policy.anonymous = Anonymous::Renew;
            policy.recreate = Recreate::Force;
        }
        Ok(policy)
    }
}

/// Builds what a change rebuilds, as Docker Compose does: the watch begins with what the files say.
fn build_what_is_watched(project: &mut Project) {
    for service in project.services.values_mut() {
        let mut triggers = service.develop.iter().flat_map(|develop| &develop.watch);
        if service.build.is_some() && triggers.any(|trigger| trigger.action == "rebuild") {
            service.pull_policy = "build".to_owned();
        }
    }
}
