//! Completion in the shell: the commands as they are completed, and the names that only the
//! project and the engine know.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use clap::builder::ValueHint;
use clap::{Arg, Args as _, Command, FromArgMatches};
use clap_complete::CompleteEnv;
use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, ValueCompleter, complete,
};

use super::containers::{Facts, label};
use super::{Context, Globals, Group, Identity, VERBS, parse};
use crate::engine::{Which, labelled};
use crate::report;

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

/// The words by which the docker CLI asks its plugins for candidates, with and without descriptions;
/// they are cobra's.
const REQUESTS: [&str; 2] = ["__complete", "__completeNoDesc"];

/// The words that the docker CLI wants completed, the last of them being typed; none where it does
/// not ask.
fn words_of_docker(args: &[OsString]) -> Option<&[OsString]> {
    let (request, words) = args.get(1..)?.split_first()?;
    REQUESTS.iter().find(|known| **known == *request)?;
    match words.split_first() {
        // As a plugin dco gets its own name first.
        Some((first, words)) if first == "compose" && !words.is_empty() => Some(words),
        _ => Some(words),
    }
}

/// Answers the docker CLI as it is answered by its other plugins: a candidate on each line with a
/// tab before its description, and in the end how the shell is to take them.
pub fn answer_docker(args: &[OsString]) -> Option<anyhow::Result<()>> {
    let words = words_of_docker(args)?;
    let described = args[1] == REQUESTS[0];
    let line = [&[OsString::from("dco")], words].concat();
    let current = std::env::current_dir().ok();
    let at = line.len().saturating_sub(1).max(1);
    let found = complete(&mut commands(), line, at, current.as_deref());
    // Flags are for who begins one.
    let of_flag = |word: &OsStr| word.to_string_lossy().starts_with('-');
    let wants_flags = words.last().is_some_and(|word| of_flag(word));
    let found = found.unwrap_or_default().into_iter();
    let mut text = String::new();
    for candidate in found.filter(|one| wants_flags || !of_flag(one.get_value())) {
        text.push_str(&candidate.get_value().to_string_lossy());
        let help = candidate.get_help().map(ToString::to_string);
        if let Some(first) = help.as_ref().and_then(|help| help.lines().next())
            && described
        {
            text.push('\t');
            text.push_str(first);
        }
        text.push('\n');
    }
    text.push_str(NO_FILES);
    Some(report::print(&text))
}

/// Cobra's `ShellCompDirectiveNoFileComp`: paths are among the candidates where they are meant.
const NO_FILES: &str = ":4\n";

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

/// What the command line that is being completed says of the project; its words follow `--`, or the
/// docker CLI's request.
fn context() -> Option<Context> {
    let args: Vec<OsString> = std::env::args_os().collect();
    let words: Vec<OsString> = match words_of_docker(&args) {
        Some(words) => words.to_vec(),
        None => args
            .into_iter()
            .skip_while(|word| word != "--")
            .skip(2)
            .collect(),
    };
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
