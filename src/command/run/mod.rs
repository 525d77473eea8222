//! `dco run`: a container of a service for one command, gated as `up` gates the service, with the
//! terminal, the pipes and the exit code.

mod options;

use std::io::Read;
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow};

use super::attach::needs_terminal;
use super::interactive::{DetachKeys, End, Session, Sized, Stdin, proxy_signals};
use super::shape::warn_of_orphans;
use super::work::{Manner, Source, Work, waits};
use super::{Context, Words};
use crate::convert::{Afterwards, Aliases, Stdin as Attached, label};
use crate::diagnostic::Diagnostic;
use crate::engine::{
    Attach, Engine, Framing, Removal, Result as EngineResult, Until, Which, container, labelled,
};
use crate::execute::{Interrupts, OneOff, Report, run_hook};
use crate::name::ServiceName;
use crate::plan::{self, Action, Plan};
use crate::project::{Along, Hook, Project};
use crate::report;

/// Run a command in a container of its own
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  dco run --rm web sh
  dco run --rm -T db pg_dump -h db app > app.sql
  dco run --rm --no-deps -e DEBUG=1 web manage.py test")]
pub struct Args {
    #[command(flatten)]
    change: options::Change,

    /// Run in the background and print the container's id
    #[arg(short, long)]
    detach: bool,

    /// Pass standard input on
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    interactive: Option<bool>,

    /// Name of the container
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Do not start the services it depends on
    #[arg(long)]
    no_deps: bool,

    /// Give the command no terminal (default: one, where this is one)
    #[arg(short = 'T', long, alias = "no-TTY", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", conflicts_with = "tty")]
    no_tty: Option<bool>,

    /// Give the command a terminal
    #[arg(short, long, hide = true, num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    tty: Option<bool>,

    /// Show no progress
    #[arg(short, long)]
    quiet: bool,

    /// Remove the container when it ends
    #[arg(long)]
    rm: bool,

    /// Let the container answer to the service's name
    #[arg(long)]
    use_aliases: bool,

    #[command(flatten)]
    images: options::Images,

    #[command(flatten)]
    words: Words,
}

/// Brings up what the service depends on, makes the container, and stands in front of it.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let along = match args.no_deps {
        true => Along::Nothing,
        false => Along::Dependencies,
    };
    if args.quiet {
        cx.reporter().hush();
    }
    let service = ServiceName::from(args.words.service());
    let mut project = cx.load_project(&[service.to_string()], along)?;
    super::remote::agree(cx, &project, false)?;
    super::foreign::bring_up(cx, &mut project, args.images.quiet()).await?;
    let terminal = args.terminal(cx);
    let stdin = args.interactive.unwrap_or(true);
    if stdin && !args.detach {
        needs_terminal(terminal, cx)?;
    }
    let slug = slug().context("cannot make a random name")?;
    let name = args.container_name(&project, &service, &slug);
    args.change
        .apply(&mut project, &service, args.words.command())?;
    let own = project.services.get_mut(&service);
    let own = own.ok_or_else(|| anyhow!("no such service: {service}"))?;
    own.container_name.clone_from(&name);
    own.tty = terminal;
    own.stdin_open = stdin;
    let work = Work::open(cx, Source::Loaded(Box::new(project)), waits(cx, false)).await?;
    let mut policy = args.images.policy(cx)?;
    policy.one_off = Some((service.clone(), name.clone()));
    let plan = work.plan_up(&mut policy).await?;
    if cx.globals.dry_run {
        return super::plan::show(&plan);
    }
    warn_of_orphans(cx, &work, policy.orphans);
    work.say_reasons(&plan);
    let one_off = OneOff {
        name,
        slug,
        afterwards: match args.rm {
            true => Afterwards::Remove,
            false => Afterwards::Keep,
        },
        stdin: match stdin {
            true => Attached::Attached,
            false => Attached::Closed,
        },
        aliases: match args.use_aliases {
            true => Aliases::Service,
            false => Aliases::Own,
        },
    };
    let manner = Manner {
        quiet: args.images.quiet(),
        one_off: Some(&one_off),
        ..Manner::default()
    };
    let id = match work.execute(&plan, manner).await {
        Ok(report) => created(&plan, &report, &one_off.name)?,
        Err(error) => {
            take_back(&work.engine, &one_off).await;
            return Err(error);
        }
    };
    let hooks = work.project.services.get(&service);
    let front = Front {
        service: &service,
        hooks: hooks.map_or(&[], |own| &own.post_start),
        engine: &work.engine,
        id: &id,
        terminal,
        stdin,
        rm: args.rm,
    };
    match args.detach {
        true => front.leave().await,
        false => front.stand(cx).await,
    }
}

impl Args {
    /// Whether the command gets a terminal: as asked for, else where this is one.
    fn terminal(&self, cx: &Context) -> bool {
        match (self.tty, self.no_tty) {
            (Some(tty), _) => tty,
            (None, Some(none)) => !none,
            (None, None) if self.interactive.is_none() && !cx.terminal.stdin => false,
            (None, None) => cx.terminal.stdout,
        }
    }

    /// `app-web-run-0123456789ab`, or the name that was given.
    fn container_name(&self, project: &Project, service: &ServiceName, slug: &str) -> String {
        match self.name.as_deref() {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => project
                .naming
                .join(&[&project.name, service, "run", &slug[..12]]),
        }
    }
}

/// 64 random hex digits, of which the first twelve are no number.
fn slug() -> std::io::Result<String> {
    loop {
        let mut bytes = [0_u8; 32];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        if text[..12].bytes().any(|byte| byte.is_ascii_alphabetic()) {
            return Ok(text);
        }
    }
}

/// The id of the container that the plan made.
fn created(plan: &Plan, report: &Report, name: &str) -> Result<String> {
    let is_it = |step: &&plan::Step| matches!(&step.action, Action::Create { replica, .. } if replica.name == name);
    let step = plan.steps.iter().find(is_it);
    let made = step.and_then(|step| report.created.iter().find(|(id, _)| *id == step.id));
    made.map(|(_, id)| id.to_string())
        .ok_or_else(|| anyhow!("container `{name}` was not created"))
}

/// Removes the container, where there is one already: nobody will start it.
async fn take_back(engine: &Engine, one_off: &OneOff) {
    let by = labelled(format!("{}={}", label::SLUG, one_off.slug));
    let Ok(found) = engine.list_containers(Which::All, &by).await else {
        return;
    };
    for found in found.into_iter().map(container) {
        remove(engine, &found.id).await;
    }
}

async fn remove(engine: &Engine, id: &str) {
    let how = Removal {
        force: true,
        volumes: true,
    };
    // The engine may have been faster.
    let _ = engine.remove_container(id, how).await;
}

/// The container, and who stands in front of it.
struct Front<'a> {
    service: &'a ServiceName,
    /// What runs in it once it has started.
    hooks: &'a [Hook],
    engine: &'a Engine,
    id: &'a str,
    terminal: bool,
    stdin: bool,
    rm: bool,
}

impl Front<'_> {
    /// Starts it and leaves it alone.
    async fn leave(&self) -> Result<ExitCode> {
        self.start().await?;
        self.hook().await?;
        report::print(&format!("{}\n", self.id))?;
        Ok(ExitCode::SUCCESS)
    }

    async fn start(&self) -> Result<()> {
        let started = self.engine.start_container(self.id).await;
        self.or_remove(started).await?;
        Ok(())
    }

    /// What came of a step before the start; where it failed, nobody else removes the container.
    /// Podman finds out at the attach already that a program is not there.
    async fn or_remove<T>(&self, result: EngineResult<T>) -> EngineResult<T> {
        if result.is_err() && self.rm {
            remove(self.engine, self.id).await;
        }
        result
    }

    /// Runs the service's `post_start` hooks.
    async fn hook(&self) -> Result<()> {
        for (index, hook) in self.hooks.iter().enumerate() {
            let code = match run_hook(self.engine, self.id, hook, &|_| {}).await {
                Ok(code) => code,
                // A short command may have ended before.
                Err(error) if error.is_conflict() || error.is_not_found() => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            if code != 0 {
                let service = self.service;
                return Err(
                    Diagnostic::error(format!("{service} hook exited with status {code}"))
                        .hint(format!(
                            "it is the post_start hook {} of `{service}`",
                            index + 1
                        ))
                        .into(),
                );
            }
        }
        Ok(())
    }

    /// Starts it, stands in front of it, and ends as it ends.
    async fn stand(&self, cx: &Context) -> Result<ExitCode> {
        let keys = cx.detach_key_text(None);
        let detach = DetachKeys::parse(keys.as_deref().unwrap_or(DetachKeys::DEFAULT))?;
        let how = Attach {
            stdin: self.stdin,
            logs: false,
            detach_keys: keys,
        };
        let framing = Framing::of_tty(self.terminal);
        let attached = self.engine.attach(self.id, framing, &how).await;
        let streams = self.or_remove(attached).await?;
        // Begun before the start, so that no end is too early to be seen.
        let until = match self.rm {
            true => Until::Removed,
            false => Until::NextExit,
        };
        let waiting = self.engine.wait_container(self.id, until).await?;
        cx.reporter().settle()?;
        self.start().await?;
        let session = Session {
            engine: self.engine,
            streams,
            terminal: self.terminal.then_some(Sized::Container(self.id)),
            stdin: match self.stdin {
                true => Stdin::Forward,
                false => Stdin::Nothing,
            },
            detach,
        };
        let attended = async {
            tokio::select! {
                end = session.run() => end,
                passed = proxy_signals(self.engine, self.id) => match passed {
                    Ok(()) => Err(report::Exit::interrupted().into()),
                    Err(error) => Err(error.into()),
                },
                () = self.insist() => Err(report::Exit::interrupted().into()),
            }
        };
        let (end, hooked) = tokio::join!(attended, self.hook());
        let end = hooked.and(end);
        match end {
            Ok(End::Detached) => Ok(ExitCode::SUCCESS),
            // The engine counts in 32 bits, a process in 8.
            Ok(End::Finished) => Ok(ExitCode::from((waiting.exit_code().await? & 0xff) as u8)),
            Err(error) => {
                // Nobody reads what it says any more.
                let _ = self.engine.kill_container(self.id, "SIGKILL").await;
                let _ = waiting.exit_code().await;
                Err(error)
            }
        }
    }

    /// Ends when the user interrupts for the third time: the process does not care for signals.
    async fn insist(&self) {
        const ENOUGH: usize = 3;
        let Ok(mut interrupts) = Interrupts::listen() else {
            return std::future::pending().await;
        };
        while interrupts.next().await < ENOUGH {}
    }
}
