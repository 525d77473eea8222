//! One file per verb: its clap `Args` and one async `run` that reads top to bottom.
//!
//! A verb is one line of [`VERBS`]. Its file holds
//!
//! ```text
//! /// (doc comment: what the help says above the options)
//! #[derive(Debug, clap::Args)]
//! #[command(after_help = "Example:\n  dco ps --format json")]
//! pub struct Args { … }
//!
//! pub async fn run(args: &Args, cx: &Context) -> anyhow::Result<ExitCode> { … }
//! ```
//!
//! A verb that takes a command line (`exec`, `run`) takes its positionals as [`Words`].
//! Flags are written as clap derives them. What Docker Compose's own parser takes besides
//! (`--rm=true`, unambiguous prefixes of long flags) is added to every verb by [`parse`].

mod alpha;
mod argv;
mod artifact;
mod attach;
mod attached;
mod bake;
mod bridge;
mod build;
mod builds;
mod commit;
mod complete;
mod completion;
mod config;
mod consent;
mod containers;
mod context;
mod cp;
mod create;
mod digests;
mod doctor;
mod down;
mod env;
mod events;
mod exec;
mod export;
mod foreign;
mod global;
mod graph;
mod help;
mod identity;
mod image_run;
mod images;
mod interactive;
mod kill;
mod logs;
mod ls;
mod parse;
mod pause;
mod plan;
mod port;
mod preferences;
mod process;
mod project;
mod ps;
mod publish;
mod pull;
mod push;
mod readiness;
mod ready;
mod remote;
mod restart;
mod rm;
mod run;
mod scale;
mod schema;
mod settle;
mod shape;
mod shell_init;
mod start;
mod stats;
mod stop;
mod style;
mod target;
mod timeline;
mod top;
mod unpause;
mod up;
mod usage;
mod version;
mod volumes;
mod wait;
mod wait_flags;
mod watch;
mod why;
mod work;

pub use context::Context;
pub use global::Globals;
pub use help::TOPICS;
pub use identity::Identity;
pub use parse::Words;
pub use process::{Environment, Terminal};

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{ArgMatches, Command, FromArgMatches};
use futures_util::future::LocalBoxFuture;

use crate::report;

/// One verb: how it is found, parsed and run.
pub struct Verb {
    name: &'static str,
    about: &'static str,
    arguments: fn(Command) -> Command,
    run: for<'a> fn(&'a ArgMatches, &'a Context) -> LocalBoxFuture<'a, Result<ExitCode>>,
    group: Group,
    on_interrupt: OnInterrupt,
}

/// Where the help lists a verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    /// Docker Compose has it too.
    Compose,
    /// Only dco has it.
    Own,
    /// Nowhere: plumbing.
    Hidden,
}

/// What the first SIGINT or SIGTERM does while a verb runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnInterrupt {
    /// The verb ends where it is, with 130.
    Leave,
    /// The verb listens itself and winds down.
    WindDown,
}

impl OnInterrupt {
    fn of(verb: &str) -> Option<Self> {
        let verb = VERBS.iter().find(|known| known.name == verb)?;
        Some(verb.on_interrupt)
    }
}

impl Verb {
    /// Lists it among dco's own.
    const fn own(mut self) -> Self {
        self.group = Group::Own;
        self
    }

    /// Keeps it out of the help.
    #[allow(dead_code)]
    const fn hidden(mut self) -> Self {
        self.group = Group::Hidden;
        self
    }

    /// Leaves signals to the verb.
    #[allow(dead_code)]
    const fn winds_down(mut self) -> Self {
        self.on_interrupt = OnInterrupt::WindDown;
        self
    }

    /// The verb's clap command, as its help shows it.
    fn command(&self) -> Command {
        (self.arguments)(Command::new(self.name).about(self.about))
    }
}

macro_rules! verb {
    ($module:ident, $about:literal) => {
        verb!(stringify!($module), $module, $about)
    };
    ($name:expr, $module:ident, $about:literal) => {{
        fn run<'a>(
            matches: &'a ArgMatches,
            cx: &'a Context,
        ) -> LocalBoxFuture<'a, Result<ExitCode>> {
            Box::pin(async move {
                let args = $module::Args::from_arg_matches(matches)?;
                $module::run(&args, cx).await
            })
        }
        Verb {
            name: $name,
            about: $about,
            arguments: <$module::Args as clap::Args>::augment_args,
            run,
            group: Group::Compose,
            on_interrupt: OnInterrupt::Leave,
        }
    }};
}

/// Every verb, in the order of the help.
const VERBS: &[Verb] = &[
    verb!(alpha, "Experimental commands").hidden(),
    verb!(attach, "Stand in front of a container's main process").winds_down(),
    verb!(
        bridge,
        "Convert compose files for another platform (not there)"
    )
    .hidden(),
    verb!(build, "Build the images of services"),
    verb!(commit, "Create an image from what a container has become"),
    verb!(completion, "Print the completion script of a shell").own(),
    verb!(config, "Show the project as dco understands it"),
    verb!(
        cp,
        "Copy files between a container and the local file system"
    ),
    verb!(create, "Create containers, and do not start them").winds_down(),
    verb!(doctor, "Say what stands in the way on this machine").own(),
    verb!(down, "Stop and remove containers and networks").winds_down(),
    verb!(
        env,
        "Show the environment of a service and where it comes from"
    )
    .own(),
    verb!(events, "Receive real time events from containers"),
    verb!(exec, "Run a command in a running container"),
    verb!(export, "Export a container's file system as a tar"),
    verb!(graph, "Show the services and what they wait for").own(),
    verb!(help, "Show the help of a command, or explain a topic").own(),
    verb!(images, "List images used by the created containers"),
    verb!(kill, "Send a signal to running containers").winds_down(),
    verb!(logs, "View output from containers"),
    verb!(ls, "List running compose projects"),
    verb!(pause, "Freeze running containers").winds_down(),
    verb!(plan, "Show what `up` would do").own(),
    verb!(port, "Print the public port for a port binding"),
    verb!(ps, "List containers"),
    verb!(publish, "Publish the project to a registry"),
    verb!(pull, "Pull the images of services"),
    verb!(push, "Push the images of services"),
    verb!(ready, "Wait until services, addresses and URLs are ready").own(),
    verb!(restart, "Restart containers").winds_down(),
    verb!(rm, "Remove containers that do not run").winds_down(),
    verb!(run, "Run a command in a container of its own").winds_down(),
    verb!(scale, "Set the number of containers of services").winds_down(),
    verb!(schema, "Print the JSON schema of compose files").own(),
    verb!(
        "shell-init",
        shell_init,
        "Print short forms and completion for a shell"
    )
    .own(),
    verb!(start, "Start containers that are there").winds_down(),
    verb!(stats, "Show what containers use, live"),
    verb!(stop, "Stop containers").winds_down(),
    verb!(timeline, "Show what the last `up` did when").own(),
    verb!(top, "Display the running processes"),
    verb!(unpause, "Thaw paused containers").winds_down(),
    verb!(up, "Create and start containers").winds_down(),
    verb!(version, "Show the version"),
    verb!(volumes, "List volumes"),
    verb!(watch, "Watch files and refresh containers when they change").winds_down(),
    verb!(wait, "Block until containers of services stop"),
    verb!(why, "Show why a service runs the way it does").own(),
];

/// The commands with the long names of their flags, hidden ones too; the flags before the verb under
/// an empty name. What the table of compatibility is held against.
pub fn flags() -> Vec<(&'static str, Vec<String>)> {
    let of = |command: Command| -> Vec<String> {
        let long = command.get_arguments().filter_map(|arg| arg.get_long());
        let mut names: Vec<String> = long.map(str::to_owned).collect();
        names.sort();
        names
    };
    let verbs = VERBS.iter().map(|verb| (verb.name, of(verb.command())));
    std::iter::once(("", of(parse::plain_root(Identity::Dco))))
        .chain(verbs)
        .collect()
}

/// The program with its commands, each with its flags, for who describes them elsewhere.
pub fn manual() -> Command {
    let verbs = VERBS.iter().filter(|verb| verb.group != Group::Hidden);
    let root = parse::plain_root(Identity::Dco).long_about(None::<&str>);
    root.subcommands(verbs.map(|verb| verb.command()))
}

/// Parses, dispatches, reports, and picks the exit code.
pub fn main(args: Vec<OsString>) -> ExitCode {
    interactive::restore_on_panic();
    match complete::answer(&args) {
        Ok(false) => {}
        Ok(true) => return ExitCode::SUCCESS,
        // A shell that asks for candidates has no use for an error.
        Err(_) => return ExitCode::FAILURE,
    }
    if let Some(answered) = complete::answer_docker(&args) {
        return report::exit_code(answered);
    }
    let invocation = argv::Invocation::of(args);
    if invocation.asks_for_plugin_metadata() {
        return report::exit_code(report::print(version::PLUGIN_METADATA));
    }
    let matches = match invocation.parse() {
        Ok(matches) => matches,
        Err(error) => return usage::answer(&error, &invocation),
    };
    let verb = matches.subcommand_name().unwrap_or_default();
    let result = Globals::from_arg_matches(&matches)
        .map_err(anyhow::Error::from)
        .map(|globals| build::with_progress(globals, &matches))
        .and_then(|globals| Context::new(globals, invocation.identity, verb));
    let cx = match result {
        Ok(cx) => cx,
        Err(error) => return report::exit_code(Err(error)),
    };
    cx.reporter().exit_code(dispatch(&matches, &cx))
}

fn dispatch(matches: &ArgMatches, cx: &Context) -> Result<ExitCode> {
    let Some((name, matches)) = matches.subcommand() else {
        if cx.globals.version {
            return version::print(&version::Args::default(), cx);
        }
        report::print(&usage::root_help(cx.identity))?;
        return Ok(ExitCode::SUCCESS);
    };
    let verb = VERBS.iter().find(|verb| verb.name == name);
    let verb = verb.expect("clap knows only the verbs of the table");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(async {
        match verb.on_interrupt {
            OnInterrupt::WindDown => (verb.run)(matches, cx).await,
            OnInterrupt::Leave => tokio::select! {
                result = (verb.run)(matches, cx) => result,
                () = interrupted() => Err(report::Exit::interrupted().into()),
            },
        }
    });
    // What still runs on other threads (a read of standard input, say) ends with the process.
    runtime.shutdown_background();
    match result {
        Err(_) if cx.remotes().is_interrupted() => Err(report::Exit::interrupted().into()),
        result => result,
    }
}

/// Ends when SIGINT, SIGTERM or SIGHUP arrives.
pub async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let on = |kind| async move {
        match signal(kind) {
            Ok(mut stream) => drop(stream.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = on(SignalKind::interrupt()) => {}
        () = on(SignalKind::terminate()) => {}
        () = on(SignalKind::hangup()) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_a_sound_clap_command() {
        parse::root(Identity::Dco).debug_assert();
        for verb in VERBS {
            parse::lenient(verb.command()).debug_assert();
        }
    }

    #[test]
    fn a_switch_that_is_on_by_default_can_be_turned_off() {
        for verb in VERBS {
            let command = verb.command();
            let switches = command
                .get_arguments()
                .filter(|arg| matches!(arg.get_action(), clap::ArgAction::SetTrue));
            for switch in switches {
                let on = switch.get_default_values().iter().any(|it| it == "true");
                assert!(!on, "`{} {switch}` takes no value", verb.name);
            }
        }
    }

    #[test]
    fn every_verb_has_a_summary_and_an_example() {
        for verb in VERBS.iter().filter(|verb| verb.group != Group::Hidden) {
            let help = verb.command().render_long_help().to_string();
            assert!(help.contains("Example"), "`{}` shows no example", verb.name);
            assert!(!verb.about.ends_with('.'), "`{}`", verb.name);
        }
    }
}
