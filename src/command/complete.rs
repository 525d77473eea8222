//! Completion in the shell: the commands as they are completed, and the names that only the
//! project and the engine know.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use clap::builder::ValueHint;
use clap::{Arg, Args as _, Command, FromArgMatches};
use clap_complete::CompleteEnv;
use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, ValueCompleter,
};

use super::containers::{Facts, label};
use super::{Context, Globals, Group, Identity, VERBS, parse};
use crate::engine::{Which, labelled};

/// The variable by which a shell asks for candidates.
pub const VARIABLE: &str = "DCO_COMPLETE";

/// A shell that asks for names does not wait longer for the engine.
const PATIENCE: Duration = Duration::from_millis(500);

/// Answers a shell that asks for candidates; false where none does.
pub fn answer(args: &[OsString]) -> Result<bool, clap::Error> {
    if std::env::var_os(VARIABLE).is_none() {
        return Ok(false);
    }
    let current = std::env::current_dir().ok();
    CompleteEnv::with_factory(commands)
        .var(VARIABLE)
        .try_complete(args.iter().cloned(), current.as_deref())
}

/// Every command with all its flags, and who knows their values.
pub fn commands() -> Command {
    let root = parse::plain_root(Identity::Dco).mut_args(with_values);
    let shown = VERBS.iter().filter(|verb| verb.group != Group::Hidden);
    root.subcommands(shown.map(|verb| verb.command().mut_args(with_values)))
}

/// Tells by an argument's value name who knows what it may be.
fn with_values(arg: Arg) -> Arg {
    let name = arg.get_value_names().and_then(|names| names.first());
    match (name.map(|name| name.as_str()), arg.get_id().as_str()) {
        (Some("SERVICE" | "SERVICES"), _) => arg.add(ArgValueCompleter::new(Services)),
        (Some("TOPIC"), _) => arg.add(ArgValueCandidates::new(topics)),
        (_, "profile") => arg.add(ArgValueCandidates::new(profiles)),
        (_, "project_name") => arg.add(ArgValueCandidates::new(projects)),
        (_, "file" | "env_file") => arg.value_hint(ValueHint::FilePath),
        (_, "project_directory") => arg.value_hint(ValueHint::DirPath),
        (_, "progress") => arg.value_parser(["auto", "tty", "plain", "json", "quiet"]),
        (_, "ansi") => arg.value_parser(["never", "always", "auto"]),
        _ => arg,
    }
}

/// The services of the project; of a command line (`exec SERVICE COMMAND`) only its first word.
struct Services;

impl ValueCompleter for Services {
    fn complete(&self, current: &OsStr) -> Vec<CompletionCandidate> {
        let current = current.to_string_lossy();
        let names = context().map(|cx| services(&cx)).unwrap_or_default();
        let names = names.into_iter().filter(|name| name.starts_with(&*current));
        names.map(CompletionCandidate::new).collect()
    }
}

fn services(cx: &Context) -> Vec<String> {
    if let Ok((Some(project), _)) = cx.named_project() {
        let all = project
            .services
            .keys()
            .chain(project.disabled_services.keys());
        return all.map(ToString::to_string).collect();
    }
    let Ok(project) = cx.project_name() else {
        return Vec::new();
    };
    of_engine(cx, &format!("{}={project}", label::PROJECT), label::SERVICE)
}

fn profiles() -> Vec<CompletionCandidate> {
    let Ok(Ok((Some(project), _))) = context().ok_or(()).map(|cx| cx.named_project()) else {
        return Vec::new();
    };
    let services = project
        .services
        .values()
        .chain(project.disabled_services.values());
    let mut names: Vec<&String> = services.flat_map(|service| &service.profiles).collect();
    names.sort();
    names.dedup();
    names.into_iter().map(CompletionCandidate::new).collect()
}

fn topics() -> Vec<CompletionCandidate> {
    let verbs = VERBS.iter().filter(|verb| verb.group != Group::Hidden);
    let names = super::help::topics().chain(verbs.map(|verb| verb.name));
    names.map(CompletionCandidate::new).collect()
}

fn projects() -> Vec<CompletionCandidate> {
    let names = context().map(|cx| of_engine(&cx, label::PROJECT, label::PROJECT));
    names
        .unwrap_or_default()
        .into_iter()
        .map(CompletionCandidate::new)
        .collect()
}

/// The values of a label among the containers that bear another; none where the engine is slow.
fn of_engine(cx: &Context, filter: &str, wanted: &str) -> Vec<String> {
    let listed = async {
        let engine = cx.engine().ok()?;
        let listing = engine.list_containers(Which::All, &labelled(filter)).await;
        listing.ok()
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return Vec::new();
    };
    let found = runtime.block_on(async { tokio::time::timeout(PATIENCE, listed).await });
    let mut names: Vec<String> = found
        .ok()
        .flatten()
        .unwrap_or_default()
        .iter()
        .map(|container| container.label(wanted).to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// What the command line that is being completed says of the project; the words follow `--`.
fn context() -> Option<Context> {
    let words = std::env::args_os().skip_while(|word| word != "--").skip(2);
    let root = Globals::augment_args(Command::new("dco")).disable_version_flag(true);
    let matches = root
        .no_binary_name(true)
        .ignore_errors(true)
        .allow_external_subcommands(true)
        .try_get_matches_from(words)
        .ok()?;
    let globals = Globals::from_arg_matches(&matches).ok()?;
    let quiet = Globals {
        ansi: None,
        progress: Some("quiet".to_owned()),
        no_ansi: false,
        ..globals
    };
    Context::new(quiet, Identity::Dco, "").ok()
}
