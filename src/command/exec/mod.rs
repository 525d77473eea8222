//! `dco exec`: a program in a running container, with the terminal, the pipes and the exit code.

mod script;

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Result;
use bollard::models::ExecConfig;

use super::interactive::{DetachKeys, End, Session, Sized, Stdin};
use super::{Context, Words, target};
use crate::diagnostic::Diagnostic;
use crate::engine::{Console, Engine};
use crate::event::Event;
use script::{Place, Way};

/// Run a command in a running container
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  dco exec web sh
  dco exec -T db pg_dump app > app.sql
  dco exec django manage.py migrate")]
pub struct Args {
    /// Run the command in the background
    #[arg(short, long)]
    detach: bool,

    /// Set a variable; without a value, take it from this environment
    #[arg(short, long, value_name = "KEY=VALUE")]
    env: Vec<String>,

    /// Which of the service's containers, by number (default: the first)
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    index: u32,

    /// Pass standard input on
    #[arg(short, long, hide = true, action = clap::ArgAction::Set, num_args = 0..=1,
          require_equals = true, default_value = "true", default_missing_value = "true")]
    interactive: bool,

    /// Give the command no terminal (default: one, where this is one)
    #[arg(short = 'T', long, alias = "no-TTY")]
    no_tty: bool,

    /// Give the command all privileges
    #[arg(long)]
    privileged: bool,

    /// Give the command a terminal
    #[arg(short, long, hide = true)]
    tty: bool,

    /// Run as this user
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,

    /// Run in this directory of the container
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,

    #[command(flatten)]
    words: Words,
}

/// Finds the container, starts the program, stands in front of it, and ends as it ends.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    if args.words.command().is_empty() {
        let service = args.words.service();
        let program = cx.identity.program();
        return Err(
            Diagnostic::error("requires at least 2 arg(s), only received 1")
                .hint(format!(
                    "say what to run, for example `{program} exec {service} sh`"
                ))
                .into(),
        );
    }
    let (engine, container) = target::running(cx, args.words.service(), args.index).await?;
    let tty = !args.no_tty && !args.detach && cx.terminal.stdin && cx.terminal.stdout;
    let detach = cx.detach_keys(None)?;
    let config = args.config(cx, tty);
    let prepared = match prepare(&engine, &container.id, config).await? {
        Prepared::Exec { id, note } => {
            if let Some(note) = note {
                cx.events().emit(Event::Note(note));
            }
            id
        }
        Prepared::Refused(diagnostic) => {
            cx.reporter().show(&diagnostic);
            return Ok(ExitCode::from(script::CANNOT_EXECUTE));
        }
    };
    if args.detach {
        engine.start_exec_detached(&prepared, tty).await?;
        return Ok(ExitCode::SUCCESS);
    }
    cx.reporter().settle()?;
    let code = attend(&engine, &prepared, args, (tty, detach)).await?;
    if script::may_be_line_ends(code, &args.words.command()[0]) {
        let place = Place::of(&engine, &container.id, args.workdir.as_deref()).await?;
        if let Some(diagnostic) = place.line_ends_of(&args.words.command()[0]).await {
            cx.reporter().show(&diagnostic);
        }
    }
    Ok(ExitCode::from(code))
}

impl Args {
    /// The program as the engine wants it.
    fn config(&self, cx: &Context, tty: bool) -> ExecConfig {
        let attach = Some(!self.detach);
        let bare = self.env.iter().any(|pair| !pair.contains('='));
        let outer = match bare {
            true => project_environment(cx),
            false => BTreeMap::new(),
        };
        let env = self.env.iter().map(|pair| match outer.get(pair) {
            Some(value) => format!("{pair}={value}"),
            None => pair.clone(),
        });
        ExecConfig {
            attach_stdin: Some(!self.detach && self.interactive),
            attach_stdout: attach,
            attach_stderr: attach,
            tty: Some(tty),
            env: (!self.env.is_empty()).then(|| env.collect()),
            cmd: Some(self.words.command().to_vec()),
            privileged: Some(self.privileged),
            user: self.user.clone(),
            working_dir: self.workdir.clone(),
            ..ExecConfig::default()
        }
    }
}

/// The variables that the project's files are read with; those of the process where they cannot be.
fn project_environment(cx: &Context) -> BTreeMap<String, String> {
    let project = cx
        .load_request()
        .ok()
        .and_then(|request| crate::compose::load(&request).ok());
    match project {
        Some(project) => project.environment.into_iter().collect(),
        None => cx.env.all().clone(),
    }
}

/// What came of the preparation.
enum Prepared {
    /// An exec that can be started.
    Exec {
        /// Its id.
        id: String,
        /// What is to be said, where something else runs than was typed.
        note: Option<String>,
    },
    /// It could not work, and this is why.
    Refused(Diagnostic),
}

/// Prepares the program; a bare command that is no program but a file of the working directory
/// runs as that file. Looked up before anything starts, so that no failed attempt shows.
async fn prepare(engine: &Engine, container: &str, config: ExecConfig) -> Result<Prepared> {
    let typed = config.cmd.clone().unwrap_or_default();
    if typed.first().is_none_or(|name| name.contains('/')) {
        let id = engine.create_exec(container, &config).await?;
        return Ok(Prepared::Exec { id, note: None });
    }
    let workdir = config.working_dir.as_deref();
    let place = Place::of(engine, container, workdir).await?;
    // Mostly there is no such file: the exec as it was typed is prepared meanwhile.
    let (id, way) = tokio::join!(engine.create_exec(container, &config), place.way(&typed));
    match way {
        Way::AsTyped => Ok(Prepared::Exec {
            id: id?,
            note: None,
        }),
        Way::Refused(diagnostic) => Ok(Prepared::Refused(diagnostic)),
        Way::Instead { command, note } => {
            let config = ExecConfig {
                cmd: Some(command),
                ..config
            };
            Ok(Prepared::Exec {
                id: engine.create_exec(container, &config).await?,
                note: Some(note),
            })
        }
    }
}

/// Stands in front of the program until it ends, and gives its exit code.
async fn attend(
    engine: &Engine,
    exec: &str,
    args: &Args,
    (tty, detach): (bool, DetachKeys),
) -> Result<u8> {
    let console = match tty {
        true => Console::Terminal(super::interactive::size()),
        false => Console::None,
    };
    let session = Session {
        engine,
        streams: engine.start_exec(exec, console).await?,
        terminal: tty.then_some(Sized::Exec(exec)),
        stdin: match args.interactive {
            true => Stdin::Forward,
            false => Stdin::Nothing,
        },
        detach,
    };
    match session.run().await? {
        End::Detached => Err(super::attach::left()),
        End::Finished => {
            let state = engine.inspect_exec(exec).await?;
            // The engine counts in 32 bits, a process in 8.
            Ok(state.exit_code.unwrap_or_default() as u8)
        }
    }
}
