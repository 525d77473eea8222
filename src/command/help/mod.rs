//! `dco help`: what `--help` says, and the topics that belong to no verb.

use std::process::ExitCode;

use anyhow::Result;

use super::{Context, parse, usage};
use crate::diagnostic::Diagnostic;
use crate::report;
use crate::text::nearest::nearest;

/// The topics: name, what it is about, text.
pub const TOPICS: [(&str, &str, &str); 4] = [
    (
        "gates",
        "what a service waits for before it starts",
        include_str!("gates.txt"),
    ),
    (
        "reload",
        "how a saved file reaches the container",
        include_str!("reload.txt"),
    ),
    (
        "env",
        "which variables dco reads, and in which order",
        include_str!("env.txt"),
    ),
    (
        "volumes",
        "what is kept and what goes, and when",
        include_str!("volumes.txt"),
    ),
];

/// Show the help of a command, or explain a topic
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dco help gates\n  dco help up")]
pub struct Args {
    /// A command, or one of the topics: gates, reload, env, volumes
    #[arg(value_name = "TOPIC")]
    topic: Option<String>,
}

/// The topics' names.
pub fn topics() -> impl Iterator<Item = &'static str> {
    TOPICS.iter().map(|topic| topic.0)
}

/// Prints the help.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let text = match args.topic.as_deref() {
        None => {
            let topics = TOPICS
                .iter()
                .map(|(name, about, _)| format!("  {name:<12}{about}\n"));
            format!(
                "{}\nTopics:\n{}",
                usage::root_help(cx.identity),
                topics.collect::<String>()
            )
        }
        Some(name) => match (
            TOPICS.iter().find(|topic| topic.0 == name),
            parse::find(name),
        ) {
            (Some((.., text)), None) => (*text).to_owned(),
            (Some((.., text)), Some(verb)) => {
                format!("{text}\n{}", usage::verb_help(verb, cx.identity))
            }
            (None, Some(verb)) => usage::verb_help(verb, cx.identity),
            (None, None) => return Err(unknown(name).into()),
        },
    };
    report::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn unknown(name: &str) -> Diagnostic {
    let error = Diagnostic::error(format!("there is no help on `{name}`"));
    match nearest(
        name,
        topics().chain(super::VERBS.iter().map(|verb| verb.name)),
    ) {
        Some(meant) => error.hint(format!("did you mean `{meant}`?")),
        None => error.hint(format!(
            "the topics are {}",
            topics().collect::<Vec<_>>().join(", ")
        )),
    }
}
