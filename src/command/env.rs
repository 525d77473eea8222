//! `dco env`: the environment of a service, and where each value comes from.

use std::process::ExitCode;

use anyhow::Result;

use super::Context;
use crate::compose::explain::{Explained, Given, explain};
use crate::diagnostic::Diagnostic;
use crate::name::ServiceName;
use crate::project::{Along, Origin};
use crate::report;
use crate::text::nearest::nearest;
use crate::text::secret;

/// Show the environment of a service and where each value comes from
///
/// The first line of a variable is the value that the container gets; those below it are hidden
/// by it. Values that look secret are masked.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:\n  dco env web\n  dco env web DATABASE_URL --show")]
pub struct Args {
    /// The service
    #[arg(value_name = "SERVICE")]
    service: String,

    /// Only this variable
    #[arg(value_name = "KEY")]
    key: Option<String>,

    /// Show secrets as they are
    #[arg(long)]
    show: bool,
}

/// Prints one line for each value that somebody gives.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let request = cx.load_request()?;
    let names = [args.service.clone()];
    let project = cx.load_with(&request)?.select(&names, Along::Nothing)?;
    let service = ServiceName::from(args.service.as_str());
    let mut all = explain(&project, &service, &request.cwd)?;
    if let Some(key) = &args.key {
        let known: Vec<String> = all.iter().map(|one| one.key.clone()).collect();
        all.retain(|one| one.key == *key);
        if all.is_empty() {
            return Err(unknown(&args.service, key, &known).into());
        }
    }
    let rows = all.iter().flat_map(|one| rows(one, args.show));
    report::print(&report::table::section(
        &["VARIABLE", "VALUE", "FROM"],
        rows,
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn unknown(service: &str, key: &str, known: &[String]) -> Diagnostic {
    let error = Diagnostic::error(format!("service `{service}` has no variable `{key}`"));
    match nearest(key, known.iter().map(String::as_str)) {
        Some(meant) => error.hint(format!("did you mean `{meant}`?")),
        None => error.hint("what only the image sets is not known before the container runs"),
    }
}

fn rows(one: &Explained, show: bool) -> impl Iterator<Item = Vec<String>> + '_ {
    one.sources.iter().enumerate().map(move |(index, given)| {
        let hidden = if index == 0 { "" } else { "hidden: " };
        let name = if index == 0 { one.key.as_str() } else { "" };
        let from = format!("{hidden}{}", describe(&given.origin));
        vec![name.to_owned(), shown(&one.key, given, show), from]
    })
}

/// The value on one line, as it may be shown.
fn shown(key: &str, given: &Given, show: bool) -> String {
    let Some(value) = &given.value else {
        return "(not set)".to_owned();
    };
    let value = match show {
        true => value.as_str().into(),
        false => secret::masked(key, value),
    };
    value
        .replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('\t', "\\t")
}

/// `compose.yaml:12, TAG from .env:3`.
pub fn describe(origin: &Origin) -> String {
    let place = origin.place.as_ref().map(|place| place.to_string());
    let variables = origin
        .variables
        .iter()
        .map(|variable| match &variable.source {
            crate::project::VariableSource::Default => format!("default of {}", variable.name),
            crate::project::VariableSource::Unset => format!("{} is not set", variable.name),
            source => format!("{} from {source}", variable.name),
        });
    let parts: Vec<String> = place.into_iter().chain(variables).collect();
    match parts.is_empty() {
        true => "default".to_owned(),
        false => parts.join(", "),
    }
}
