//! `dco up`.

use std::process::ExitCode;
use std::rc::Rc;

use anyhow::{Result, bail};

use super::Context;
use super::attached::{Company, Ending, Hooks, Show, Watched, beside, follow};
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
use crate::report::log::LogStyle;
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
    watch: Watch,

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

/// What an attached `up` shows, and how it ends.
#[derive(Debug, Default, clap::Args)]
struct Watch {
    /// Stop everything as soon as a container ends
    #[arg(long, conflicts_with = "detach")]
    abort_on_container_exit: bool,

    /// Stop everything as soon as a container fails
    #[arg(long, conflicts_with_all = ["detach", "abort_on_container_exit"])]
    abort_on_container_failure: bool,

    /// Show the logs of these services only
    #[arg(long, value_name = "SERVICE", conflicts_with = "detach")]
    attach: Vec<String>,

    /// Show the logs of dependencies too
    #[arg(long, conflicts_with_all = ["detach", "attach"])]
    attach_dependencies: bool,

    /// Exit with the code of this service's container; stops everything when one ends
    #[arg(long, value_name = "SERVICE", conflicts_with = "detach")]
    exit_code_from: Option<String>,

    /// Do not show the logs of these services
    #[arg(long, value_name = "SERVICE")]
    no_attach: Vec<String>,

    /// Show logs without colours
    #[arg(long)]
    no_color: bool,

    /// Show logs without the containers' names
    #[arg(long)]
    no_log_prefix: bool,

    /// Keys at the terminal: w turns the watch on and off, d detaches (default: true, or COMPOSE_MENU)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    menu: Option<bool>,

    /// Show when each line was said
    #[arg(long)]
    timestamps: bool,
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
        return Box::pin(beside(&after, cx, (company, args.watch.menu), logs)).await;
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
    args.knows_what_to_show(&project)?;
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

    /// Refuses to show the logs of what is not brought up.
    fn knows_what_to_show(&self, project: &Project) -> Result<()> {
        let is_unknown = |name: &&String| !project.services.contains_key(name.as_str());
        let unknown: Vec<&str> = self
            .watch
            .attach
            .iter()
            .filter(is_unknown)
            .map(|it| &**it)
            .collect();
        match unknown.is_empty() {
            true => Ok(()),
            false => bail!(
                "cannot attach to services not included in up: {}",
                unknown.join(", ")
            ),
        }
    }

    /// Whether the logs of a service are shown: of those that are wanted, and of all where none is.
    fn shows(&self, project: &Project, name: &str) -> bool {
        let mut services = project.services.keys();
        self.wants(project, name) || !services.any(|one| self.wants(project, one))
    }

    /// Whether a service's logs are asked for: those that are named, else all.
    fn wants(&self, project: &Project, name: &str) -> bool {
        let watch = &self.watch;
        let named = |list: &[String]| list.iter().any(|one| one == name);
        let attach = project.services.get(name).map(|one| one.attach);
        let wanted = match watch.attach.is_empty() {
            false => named(&watch.attach),
            true => {
                let targets = self.services.is_empty() || watch.attach_dependencies;
                attach.is_some_and(|attach| attach != Some(false))
                    && (targets || named(&self.services))
            }
        };
        wanted && !named(&watch.no_attach)
    }

    /// The containers whose logs are shown.
    fn watched(&self, work: &Work<'_>, report: &Report) -> Vec<Watched> {
        let peers = work.peers(report);
        let all = peers
            .into_iter()
            .flat_map(|(service, own)| own.into_iter().map(move |peer| (service.clone(), peer)));
        let shown = all.filter(|(service, _)| self.shows(&work.project, service.as_str()));
        let prefix = format!("{}-", work.project.name);
        shown
            .map(|(service, peer)| Watched {
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
        let watch = &self.watch;
        let from = watch.exit_code_from.as_deref().map(ServiceName::from);
        Show {
            wanted: Box::new(|service| self.shows(&work.project, service)),
            style: LogStyle {
                colours: cx.style().stdout_colours && !watch.no_color,
                prefixes: !watch.no_log_prefix,
            },
            timestamps: watch.timestamps,
            busy: Rc::default(),
            company: Rc::default(),
            ending: match (from, watch.abort_on_container_exit) {
                _ if watch.abort_on_container_failure => Ending::FirstFailure,
                (Some(service), _) => Ending::First(Some(service)),
                (None, true) => Ending::First(None),
                (None, false) => Ending::Last,
            },
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
