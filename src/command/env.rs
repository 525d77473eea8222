//! `dco env`: the environment of a service, and where each value comes from.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use super::Context;
use super::work::text_files;
use crate::compose;
use crate::compose::explain::{Explained, Given, explain};
use crate::diagnostic::Diagnostic;
use crate::gate::{Reading, Waits, edges};
use crate::lint::lint;
use crate::name::ServiceName;
use crate::project::{Along, Project};
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
    let whole = cx.load_with(&request)?;
    let project = whole.clone().select(&names, Along::Nothing)?;
    let service = ServiceName::from(args.service.as_str());
    let mut all = explain(&project, &service, &request.cwd)?;
    if let Some(key) = &args.key {
        let known: Vec<String> = all.iter().map(|one| one.key.clone()).collect();
        all.retain(|one| one.key == *key);
        if all.is_empty() {
            return Err(unknown(&args.service, key, &known).into());
        }
    }
    let mut resolved = project.clone();
    compose::resolve_files(&mut resolved, &request.cwd)?;
    for warning in &resolved.warnings[project.warnings.len()..] {
        cx.reporter().show(warning);
    }
    warn(cx, whole, &service, &request.cwd);
    let rows = all.iter().flat_map(|one| rows(one, args.show));
    report::print(&report::table::section(
        &["VARIABLE", "VALUE", "FROM"],
        rows,
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Says what is odd about the variables of the service, and about those that they have to fit.
fn warn(cx: &Context, mut project: Project, service: &ServiceName, cwd: &Path) {
    // Another service's env file that is not there is not asked about here.
    if compose::resolve_files(&mut project, cwd).is_err() {
        return;
    }
    let reading = Reading {
        waits: Waits::Inferred,
        files: &text_files,
    };
    let findings = lint(&project, &edges(&project, &reading));
    for finding in findings.iter().filter(|one| one.services.contains(service)) {
        cx.reporter().show(&finding.warning);
    }
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
        let from = format!("{hidden}{}", given.origin);
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
