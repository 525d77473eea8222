//! `dco watch`, and the watcher that `up --watch` leaves behind.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;

use super::work::{Manner, Source as From, Work, waits};
use super::{Context, interrupted};
use crate::diagnostic::Diagnostic;
use crate::engine::{Engine, Which, labelled};
use crate::name::ServiceName;
use crate::plan::{self, BuildPolicy, Dependents, Recreate, RestartPolicy, UpPolicy};
use crate::project::{Along, Project};
use crate::watch::act;
use crate::watch::rules::{Rules, Wanted};
use crate::watch::seat::Seat;
use crate::watch::session::{Hands, Line, Session};
use crate::watch::source::Source;

/// Watch build context for service and rebuild/refresh containers when files are updated
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:\n  dco watch\n  dco watch --no-up web\n  dco watch --status")]
pub struct Args {
    /// Services, all of them by default
    pub(super) services: Vec<String>,

    /// Do not build and start services before watching
    #[arg(long)]
    pub(super) no_up: bool,

    /// Remove images that a rebuild leaves without a name
    #[arg(long, default_value_t = true, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub(super) prune: bool,

    /// Do not show what builds say
    #[arg(long)]
    pub(super) quiet: bool,

    /// Say whether a watcher runs for this project
    #[arg(long, conflicts_with_all = ["stop", "no_up"], help_heading = "Detached")]
    status: bool,

    /// End the watcher that runs for this project
    #[arg(long, conflicts_with = "no_up", help_heading = "Detached")]
    stop: bool,

    /// Leave the watcher running and return
    #[arg(short, long, conflicts_with_all = ["status", "stop"], help_heading = "Detached")]
    pub(super) detach: bool,

    /// End with the project's last container: for the watcher that `--detach` leaves
    #[arg(long, hide = true)]
    with_project: bool,
}

impl Args {
    /// The watch that `up --watch` ends in.
    pub(super) fn after_up(services: &[String], detach: bool) -> Self {
        Self {
            services: services.to_vec(),
            no_up: true,
            prune: true,
            detach,
            ..Self::default()
        }
    }
}

/// Watches until it is interrupted.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    if args.status || args.stop {
        return answer(args, cx);
    }
    if args.with_project {
        // A session of its own: no hangup and no Ctrl-C of the terminal it was started from reaches
        // it. It fails only for one that leads a session already.
        let _ = rustix::process::setsid();
    }
    let project = cx.load_project(&args.services, Along::Nothing)?;
    let seat = seat(cx, &project)?;
    if !args.no_up {
        Box::pin(super::up::run(
            &super::up::Args::before_watch(&args.services),
            cx,
        ))
        .await?;
    }
    if args.detach {
        return detach(args, cx, &project, &seat);
    }
    let Some(_held) = seat
        .take()
        .with_context(|| format!("cannot write `{}`", seat.log().display()))?
    else {
        let holder = seat.holder()?.unwrap_or_default();
        return Err(Diagnostic::error(format!(
            "project `{}` is watched already, by process {holder}",
            project.name
        ))
        .hint("`dco watch --stop` ends it")
        .into());
    };
    watch(args, cx, &project).await
}

/// Watches while an attached `up` shows its logs; how that one ends is how both end.
pub(super) async fn beside(
    services: &[String],
    cx: &Context,
    logs: impl Future<Output = Result<ExitCode>>,
) -> Result<ExitCode> {
    let args = Args::after_up(services, false);
    let mut logs = std::pin::pin!(logs);
    tokio::select! {
        ended = &mut logs => ended,
        watch = Box::pin(run(&args, cx)) => match watch {
            Err(error) if error.downcast_ref::<crate::report::Exit>().is_none() => Err(error),
            _ => logs.await,
        },
    }
}

/// `--status` and `--stop`.
fn answer(args: &Args, cx: &Context) -> Result<ExitCode> {
    let project = cx.load_model()?;
    let seat = seat(cx, &project)?;
    if args.stop {
        let text = match seat.stop()? {
            Some(pid) => format!("ended the watcher of `{}`, process {pid}\n", project.name),
            None => format!("no watcher runs for `{}`\n", project.name),
        };
        crate::report::print(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    match seat.holder()? {
        Some(pid) => {
            crate::report::print(&format!(
                "`{}` is watched by process {pid}; what it does is in {}\n",
                project.name,
                seat.log().display()
            ))?;
            Ok(ExitCode::SUCCESS)
        }
        None => {
            crate::report::print(&format!("no watcher runs for `{}`\n", project.name))?;
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Ends a project's watcher, where one runs: with `down` and `stop` goes what they end.
pub(super) fn end_watcher(cx: &Context, project: &Project) -> Result<()> {
    if cx.state_dir().is_some() && !project.working_dir.as_os_str().is_empty() {
        seat(cx, project)?.stop()?;
    }
    Ok(())
}

fn seat(cx: &Context, project: &Project) -> Result<Seat> {
    let state = cx.state_dir().ok_or_else(|| {
        Diagnostic::error("there is no folder for dco's state").hint("set HOME or XDG_STATE_HOME")
    })?;
    Ok(Seat::of(&state, &project.name, &project.working_dir))
}

/// Starts this program again as the project's watcher, which outlives the terminal.
fn detach(args: &Args, cx: &Context, project: &Project, seat: &Seat) -> Result<ExitCode> {
    if let Some(pid) = seat.holder()? {
        crate::report::print(&format!(
            "`{}` is watched already, by process {pid}\n",
            project.name
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    let log = seat.log();
    std::fs::create_dir_all(log.parent().unwrap_or(Path::new("/")))?;
    let file =
        std::fs::File::create(&log).with_context(|| format!("cannot write `{}`", log.display()))?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(globals_again(cx, project))
        .args(["watch", "--no-up", "--with-project"])
        .args(&args.services);
    command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file);
    command.current_dir(&project.working_dir);
    let child = command.spawn().context("cannot start the watcher")?;
    crate::report::print(&format!(
        "watching `{}` in the background (process {}); `dco watch --stop` ends it\n",
        project.name,
        child.id()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// The global flags that make the same project again, whatever the folder.
fn globals_again(cx: &Context, project: &Project) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut add = |flag: &str, value: &str| words.extend([flag.to_owned(), value.to_owned()]);
    add("--project-name", &project.name);
    add(
        "--project-directory",
        &project.working_dir.to_string_lossy(),
    );
    for file in &project.compose_files {
        add("--file", file);
    }
    for file in &project.env_files {
        add("--env-file", file);
    }
    for profile in &project.profiles {
        add("--profile", profile);
    }
    for host in &cx.globals.host {
        add("--host", host);
    }
    if let Some(context) = &cx.globals.context {
        add("--context", context);
    }
    words
}

async fn watch(args: &Args, cx: &Context, project: &Project) -> Result<ExitCode> {
    let engine = cx.engine()?;
    let volumes = image_volumes(&engine, project).await;
    let rules = Rules::of(project, Wanted::BindMounts, &|name| volumes(name))?;
    for note in &rules.notes {
        cx.reporter().show(note);
    }
    if rules.is_empty() {
        bail!(
            "none of the selected services is configured for watch, consider setting a 'develop' section"
        );
    }
    let mut source = Source::new(rules.roots.clone()).context("cannot watch files")?;
    if source.is_polling() {
        cx.reporter().show(
            &Diagnostic::warning(
                "the system's limit of file watches is reached: files are compared once a second",
            )
            .hint("raise it: `sysctl fs.inotify.max_user_watches=524288`"),
        );
    }
    initial_sync(&engine, project).await?;
    say(cx, "Watch enabled")?;
    let session = Session {
        engine: &engine,
        project: &project.name,
        folder: &project.working_dir,
        hands: &Plans { cx, args, project },
        say: &|line| tell(cx, &line),
    };
    let gone = async {
        match args.with_project {
            true => project_gone(&engine, &project.name).await,
            false => std::future::pending().await,
        }
    };
    let until = async {
        tokio::select! {
            () = interrupted() => {}
            () = gone => {}
        }
    };
    session.run(&rules, &mut source, until).await;
    say(cx, "Watch disabled")?;
    match args.with_project {
        true => Ok(ExitCode::SUCCESS),
        false => Err(crate::report::Exit::interrupted().into()),
    }
}

/// The volumes that the images of services declare.
async fn image_volumes(engine: &Engine, project: &Project) -> impl Fn(&ServiceName) -> Vec<String> {
    let mut volumes = std::collections::BTreeMap::new();
    for (name, service) in &project.services {
        let image = crate::convert::image_name(project, name, service);
        // An image that is not there declares nothing yet.
        if let Ok(found) = engine.inspect_image(&image).await {
            volumes.insert(name.clone(), crate::engine::image(found).volumes);
        }
    }
    move |name| volumes.get(name).cloned().unwrap_or_default()
}

/// Copies what is newer than the image, for rules that ask for it.
async fn initial_sync(engine: &Engine, project: &Project) -> Result<()> {
    for (name, service) in &project.services {
        let triggers = service.develop.iter().flat_map(|develop| &develop.watch);
        if !triggers.clone().any(|trigger| trigger.initial_sync) {
            continue;
        }
        let image = crate::convert::image_name(project, name, service);
        let created = engine.inspect_image(&image).await?.created;
        let created = created.and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let mut wanted = project.clone();
        wanted.services.retain(|other, _| other == name);
        for service in wanted.services.values_mut() {
            if let Some(develop) = &mut service.develop {
                develop
                    .watch
                    .retain(|trigger| trigger.initial_sync && trigger.action.starts_with("sync"));
            }
        }
        let rules = Rules::of(&wanted, Wanted::Declared, &|_| Vec::new())?;
        let newer = |path: &Path| {
            let modified = path
                .symlink_metadata()
                .and_then(|found| found.modified())
                .ok();
            let modified = modified.and_then(|time| jiff::Timestamp::try_from(time).ok());
            created.is_none() || modified >= created
        };
        let paths = rules
            .roots
            .iter()
            .flat_map(|root| files_below(root, &newer))
            .collect();
        let reactions = crate::watch::rule::reactions(&rules.rules, &paths);
        let members = act::members(engine, &project.name, name).await?;
        for reaction in reactions.into_values() {
            act::sync(engine, &members, reaction.sync).await?;
        }
    }
    Ok(())
}

/// The files at or below a root that are wanted.
fn files_below(root: &crate::watch::source::Root, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![root.path.clone()];
    while let Some(path) = pending.pop() {
        let Ok(kind) = path.symlink_metadata() else {
            continue;
        };
        if !kind.is_dir() {
            found.extend(Some(path).filter(|path| wanted(path)));
        } else if path == root.path || !(root.prune)(&path) {
            let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
            pending.extend(entries.map(|entry| entry.path()));
        }
    }
    found
}

/// Ends when the project has no container any more; an engine that restarts is waited for.
async fn project_gone(engine: &Engine, project: &str) {
    /// How long an engine that went away is left alone before it is asked again.
    const RECONNECT: std::time::Duration = std::time::Duration::from_millis(500);
    let label = labelled(format!("com.docker.compose.project={project}"));
    loop {
        let events = crate::engine::watch_project(engine, project).await;
        let remaining = engine.list_containers(Which::All, &label).await;
        if remaining.is_ok_and(|found| found.is_empty()) {
            return;
        }
        if let Ok(mut events) = events {
            while let Some(Ok(event)) = events.next().await {
                let is_last = event.action == "destroy"
                    && engine
                        .list_containers(Which::All, &label)
                        .await
                        .is_ok_and(|found| found.is_empty());
                if is_last {
                    return;
                }
            }
        }
        tokio::time::sleep(RECONNECT).await;
    }
}

fn say(cx: &Context, text: &str) -> Result<()> {
    cx.reporter()
        .write_out(format!("        ⦿ {text}\n").as_bytes())
}

/// One line a reaction: the time, the service, what changed, what was done, how long it took.
fn tell(cx: &Context, line: &Line) {
    let time = jiff::Zoned::now().strftime("%H:%M:%S");
    let took = line
        .took
        .map_or(String::new(), |took| format!(" in {} ms", took.as_millis()));
    let text = match &line.error {
        None => format!(
            "{time} {}  {} → {}{took}",
            line.service, line.changed, line.did
        ),
        Some(error) => format!(
            "{time} {}  {} → {}: {error:#}",
            line.service, line.changed, line.did
        ),
    };
    // A reader that is gone has stopped looking; the watch itself goes on.
    let _ = say(cx, &text);
}

/// Carries plans out for the watch.
struct Plans<'a> {
    cx: &'a Context,
    args: &'a Args,
    project: &'a Project,
}

impl Plans<'_> {
    async fn open(&self) -> Result<Work<'_>> {
        Work::open(
            self.cx,
            From::Loaded(Box::new(self.project.clone())),
            waits(self.cx, false),
        )
        .await
    }
}

impl Hands for Plans<'_> {
    fn rebuild<'a>(&'a self, service: &'a ServiceName) -> LocalBoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let work = self.open().await?;
            let policy = UpPolicy {
                targets: [service.clone()].into(),
                recreate: Recreate::Force,
                recreate_dependencies: Recreate::Never,
                build: BuildPolicy::Always,
                ..UpPolicy::default()
            };
            let plan = work.plan(|world| plan::up(world, &policy))?;
            work.execute(&plan, Manner::default()).await?;
            if self.args.prune {
                prune(&work.engine, &self.project.name).await;
            }
            Ok(())
        })
    }

    fn restart<'a>(&'a self, service: &'a ServiceName) -> LocalBoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let work = self.open().await?;
            let policy = RestartPolicy {
                services: [service.clone()].into(),
                dependents: Dependents::Restart,
                grace: None,
            };
            let plan = work.plan(|world| plan::restart(world, &policy));
            work.execute(&plan, Manner::default()).await?;
            Ok(())
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
