//! What is said about a command line that cannot be understood, and the help.

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command, Error};

use super::argv::Invocation;
use super::{Group, Identity, VERBS, Verb, parse};
use crate::diagnostic::Diagnostic;
use crate::report;

/// Answers what clap could not parse: the help, or an error with 1 as Docker Compose ends then.
pub fn answer(error: &Error, invocation: &Invocation) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp => report::exit_code(report::print(&help(invocation))),
        _ => report::exit_code(Err(explain(error, invocation).into())),
    }
}

/// The help of the verb, else of the program.
fn help(invocation: &Invocation) -> String {
    match invocation.verb() {
        Some(verb) => match below(verb, invocation) {
            Some(command) => brief(command),
            None => verb_help(verb, invocation.identity),
        },
        None => root_help(invocation.identity),
    }
}

/// The command of a verb's own (`alpha viz`) that is named behind it.
fn below(verb: &Verb, invocation: &Invocation) -> Option<Command> {
    let command = verb.command();
    let named = |one: &&Command| invocation.args.iter().any(|word| word == one.get_name());
    let found = command.get_subcommands().find(named)?.clone();
    let program = invocation.identity.program();
    let name = format!("{program} {} {}", verb.name, found.get_name());
    Some(found.bin_name(name))
}

/// A verb's help.
pub fn verb_help(verb: &Verb, identity: Identity) -> String {
    let name = format!("{} {}", identity.program(), verb.name);
    let command = verb.command().bin_name(name);
    let command = match command.get_long_about().cloned() {
        Some(about) => command.about(about),
        None => command,
    };
    brief(command)
}

/// The program's help: the verbs in the table's order, then the flags.
pub fn root_help(identity: Identity) -> String {
    let list = |group| {
        let verbs = VERBS.iter().filter(move |verb| verb.group == group);
        verbs
            .map(|verb| format!("  {:<12}{}\n", verb.name, verb.about))
            .collect::<String>()
    };
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\nCommands:\n{}\n{}{{options}}{{after-help}}",
        list(Group::Compose),
        match list(Group::Own) {
            own if own.is_empty() => own,
            own => format!("Beyond Docker Compose:\n{own}\n"),
        },
    );
    let name = identity.program();
    let root = parse::plain_root(identity)
        .bin_name(name)
        .override_usage(format!("{name} [OPTIONS] COMMAND"))
        .help_template(template)
        .after_help(format!(
            "Run `{name} COMMAND --help` for more on a command."
        ));
    brief(root)
}

/// The short form of a help, which is the only one: `--help` shows no more than `-h`.
fn brief(command: Command) -> String {
    let help = Arg::new("help")
        .short('h')
        .long("help")
        .action(ArgAction::Help)
        .help("Show this help");
    let mut command = command.disable_help_flag(true).arg(help);
    command.render_help().to_string()
}

/// clap's error in Docker Compose's words, with what was probably meant.
fn explain(error: &Error, invocation: &Invocation) -> Diagnostic {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => texts.first().cloned(),
        _ => None,
    };
    let arg = text(ContextKind::InvalidArg).unwrap_or_default();
    let flag = arg.split([' ', '=', '[']).next().unwrap_or_default();
    let value = text(ContextKind::InvalidValue).unwrap_or_default();
    let mut diagnostic = Diagnostic::error(match error.kind() {
        ErrorKind::UnknownArgument if flag.starts_with("--") => format!("unknown flag: {flag}"),
        ErrorKind::UnknownArgument if flag.starts_with('-') => {
            format!(
                "unknown shorthand flag: '{}' in {flag}",
                flag.trim_start_matches('-')
            )
        }
        ErrorKind::UnknownArgument => format!("unexpected argument `{arg}`"),
        ErrorKind::InvalidSubcommand => {
            let name = text(ContextKind::InvalidSubcommand).unwrap_or_default();
            format!("unknown docker command: \"compose {name}\"")
        }
        ErrorKind::InvalidValue if value.is_empty() => format!("flag needs an argument: {flag}"),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            format!("invalid argument \"{value}\" for \"{flag}\" flag")
        }
        ErrorKind::ArgumentConflict => {
            let other = text(ContextKind::PriorArg).unwrap_or_default();
            let other = other
                .split([' ', '=', '['])
                .next()
                .unwrap_or_default()
                .to_owned();
            format!("{flag} and {other} are incompatible")
        }
        ErrorKind::MissingRequiredArgument => {
            let name = arg.trim_start_matches('<').split(['>', '.', ' ']).next();
            format!("{} is missing", name.unwrap_or_default())
        }
        _ => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            first.trim_start_matches("error: ").to_owned()
        }
    });
    for kind in [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand] {
        if let Some(meant) = text(kind) {
            diagnostic = diagnostic.hint(format!("did you mean `{meant}`?"));
        }
    }
    let program = invocation.identity.program();
    diagnostic.hint(match invocation.verb() {
        Some(verb) => format!("`{program} {} --help` shows how", verb.name),
        None => format!("`{program} --help` lists what there is"),
    })
}
