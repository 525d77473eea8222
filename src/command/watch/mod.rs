//! `dco watch`, and the watcher that `up --watch` leaves behind.

mod detached;
mod edited;
mod hands;
mod voice;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::{Context as _, Result, bail};
use tokio::sync::{Notify, oneshot};

use self::hands::Plans;
use self::voice::{Manner, Voice};
use super::attached::Company;
use super::work::is_strict;
use super::{Context, interrupted};
use crate::compose;
use crate::diagnostic::Diagnostic;
use crate::engine::Engine;
use crate::name::ServiceName;
use crate::project::{Along, Project};
use crate::watch::memory::Memory;
use crate::watch::rules::{Rules, Wanted};
use crate::watch::session::{Ended, Lifetime, Session};
use crate::watch::source::Source;
use crate::watch::{files, initial};

pub(super) use detached::end_watcher;

/// Watch build context for service and rebuild/refresh containers when files are updated
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:\n  dco watch\n  dco watch --no-up web\n  dco watch --status")]
pub struct Args {
    /// Services, all of them by default
    pub(super) services: Vec<String>,

    /// Do not build and start services before watching
    #[arg(long)]
    pub(super) no_up: bool,

    /// Remove images that a rebuild leaves without a name (default: true)
    #[arg(long, value_name = "BOOL", action = clap::ArgAction::Set, default_value_t = true, hide_default_value = true, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
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

    /// Apply what changes in the project's own files: compose files, .env, env_file
    #[arg(long, conflicts_with_all = ["status", "stop"])]
    pub(super) auto: bool,

    /// End with the project's last container: for the watcher that `--detach` leaves
    #[arg(long, hide = true)]
    with_project: bool,

    /// Whether an attached `up` shows logs beside it.
    #[arg(skip)]
    beside_logs: bool,

    /// Whether a reaction is under way: the logs beside it have to wait for it.
    #[arg(skip)]
    pub(super) busy: Rc<Cell<bool>>,

    /// Whether it, or another in its place, may replace containers whose logs are shown.
    #[arg(skip)]
    pub(super) company: Rc<Cell<Company>>,

    /// Ends it as Ctrl-C would.
    #[arg(skip)]
    pub(super) off: Rc<Notify>,

    #[arg(skip)]
    enabled: Enabled,
}

/// Whoever waits for the watch to see every change from then on.
#[derive(Debug, Default)]
struct Enabled(RefCell<Option<oneshot::Sender<()>>>);

impl Enabled {
    async fn tell(&self) {
        let waiting = self.0.borrow_mut().take();
        if let Some(waiting) = waiting {
            // One that is gone waits no more.
            let _ = waiting.send(());
            tokio::task::yield_now().await;
        }
    }
}

impl Args {
    /// The watch that `up --watch` ends in.
    pub(super) fn after_up(services: &[String], detach: bool, quiet: bool) -> Self {
        Self {
            services: services.to_vec(),
            no_up: true,
            prune: true,
            detach,
            quiet,
            beside_logs: !detach,
            ..Self::default()
        }
    }

    /// Resolves once the watch sees every change from then on.
    pub(super) fn tells_when_enabled(&self) -> oneshot::Receiver<()> {
        let (waiting, enabled) = oneshot::channel();
        self.enabled.0.replace(Some(waiting));
        enabled
    }

    /// Lets go of whoever still waits for a watch that has ended.
    pub(super) fn forget_who_waits(&self) {
        self.enabled.0.take();
    }

    /// In whose company it speaks.
    fn manner(&self) -> Manner {
        match (self.with_project, self.beside_logs) {
            (true, _) => Manner::Log,
            (_, true) => Manner::BesideLogs,
            _ => Manner::Alone,
        }
    }
}

/// Watches until it is interrupted.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    if args.status || args.stop {
        return detached::answer(args, cx);
    }
    if args.with_project {
        // A session of its own: no hangup and no Ctrl-C of the terminal it was started from reaches
        // it. It fails only for one that leads a session already.
        let _ = rustix::process::setsid();
    }
    let project = cx.load_project(&args.services, Along::Nothing)?;
    let seat = detached::seat(cx, &project)?;
    if !args.no_up {
        let up = super::up::Args::before_watch(&args.services, args.quiet);
        Box::pin(super::up::run(&up, cx)).await?;
        cx.reporter().settle()?;
    }
    if args.detach {
        return detached::start(args, cx, &project, &seat).await;
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
    watch(args, cx, project).await
}

async fn watch(args: &Args, cx: &Context, project: Project) -> Result<ExitCode> {
    let engine = cx.engine()?;
    let mut project = project;
    let voice = Voice::new(cx, args.manner(), &project);
    let mut rules = rules(cx, &engine, &project).await?;
    warn_of_old_names(cx, &project);
    for note in &rules.notes {
        cx.reporter().show(note);
    }
    if rules.rules.is_empty() {
        bail!(
            "none of the selected services is configured for watch, consider setting a 'develop' section"
        );
    }
    let mut source = Source::new(rules.roots.clone());
    let memory = RefCell::new(Memory::default());
    initial::sync(&engine, &project, &memory).await?;
    args.enabled.tell().await;
    voice.say("Watch enabled");
    let lifetime = match args.with_project {
        true => Lifetime::Project,
        false => Lifetime::Own,
    };
    // One for all sessions: what is told between two of them counts, too.
    let mut ended = std::pin::pin!(ended(args));
    loop {
        let session = Session {
            engine: &engine,
            project: &project.name,
            folder: &project.working_dir,
            hands: &Plans {
                cx,
                engine: &engine,
                args,
                project: &project,
            },
            say: &|news| voice.tell(news),
            memory: &memory,
            lifetime,
            busy: &args.busy,
        };
        let changed = match session.run(&rules, &mut source, ended.as_mut()).await {
            Ended::Interrupted | Ended::ProjectGone => break,
            Ended::Files(changed) => changed,
        };
        args.busy.set(true);
        let now = edited::take(args, cx, &voice, (&project, &changed)).await;
        args.busy.set(false);
        if let Some(now) = now {
            match self::rules(cx, &engine, &now).await {
                Ok(found) => {
                    rules = found;
                    source.set_roots(rules.roots.clone());
                    project = now;
                }
                Err(error) => voice.fail(&error),
            }
        }
    }
    voice.say("Watch disabled");
    match args.with_project {
        true => Ok(ExitCode::SUCCESS),
        false => Err(crate::report::Exit::interrupted().into()),
    }
}

/// Ends when the user does.
async fn ended(args: &Args) {
    tokio::select! {
        () = interrupted() => {}
        () = args.off.notified() => {}
    }
}

/// What is watched for a project: for its services, and the files that it is read from.
async fn rules(cx: &Context, engine: &Engine, project: &Project) -> Result<Rules> {
    if is_strict(cx) {
        return Ok(Rules::of(project, Wanted::Declared, &|_| Vec::new())?);
    }
    let volumes = image_volumes(engine, project).await;
    let mut rules = Rules::of(project, Wanted::BindMounts, &|name| volumes(name))?;
    let model = compose::load(&cx.load_request()?)?;
    rules.add_files(files::of_project(&model));
    Ok(rules)
}

/// Says which names of keys are going out of use.
fn warn_of_old_names(cx: &Context, project: &Project) {
    let services = project.services.values();
    let mut triggers = services.flat_map(|one| one.develop.iter().flat_map(|it| &it.watch));
    if triggers.any(|trigger| trigger.extensions.get("x-initialSync") == Some(&true.into())) {
        cx.reporter().show(&Diagnostic::warning(
            "x-initialSync is DEPRECATED, please use the official `initial_sync` attribute",
        ));
    }
}

/// The volumes that the images of services declare.
async fn image_volumes(engine: &Engine, project: &Project) -> impl Fn(&ServiceName) -> Vec<String> {
    let each = project.services.iter().map(|(name, service)| async move {
        let image = crate::convert::image_name(project, name, service);
        // An image that is not there declares nothing yet.
        let found = engine.inspect_image(&image).await.ok()?;
        Some((name.clone(), crate::engine::image(found).volumes))
    });
    let found = futures_util::future::join_all(each).await;
    let volumes: BTreeMap<_, _> = found.into_iter().flatten().collect();
    move |name| volumes.get(name).cloned().unwrap_or_default()
}
