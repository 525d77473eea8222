//! `dco timeline`: what the last run did when, and which steps decided how long it took.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::history::{Run, Store, critical_path};
use crate::report::explain::timeline::{Canvas, timeline};
use crate::report::{self, Paint};

/// Show what the last `up` did when, as a bar for every step
///
/// Bars that are heavy are on the critical path: only where those get shorter, the whole does.
#[derive(Debug, Default, clap::Args)]
#[command(
    after_help = "Examples:\n  dco timeline\n  dco timeline down\n  dco timeline --format json"
)]
pub struct Args {
    /// The command whose last run is shown
    #[arg(value_name = "VERB", default_value = "up", hide_default_value = true)]
    verb: String,

    /// Format of the output: text or json
    #[arg(long, default_value = "text", hide_default_value = true, value_parser = ["text", "json"])]
    format: String,
}

/// Prints the last run of the verb.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let (_, project) = cx.named_project()?;
    let engine = cx.engine()?.endpoint().to_string();
    let store = cx
        .state_dir()
        .map(|state| Store::of(&state, &project, &engine));
    let history = store.map(|store| store.read()).unwrap_or_default();
    let Some(run) = history.last(&args.verb) else {
        let mut known: Vec<&str> = history.runs.iter().map(|run| run.verb.as_str()).collect();
        known.sort_unstable();
        known.dedup();
        let verb = &args.verb;
        let error = Diagnostic::error(format!("no `{verb}` of `{project}` is remembered"));
        return Err(error
            .hint(match known.is_empty() {
                true => "it is remembered from the next one on that does something".to_owned(),
                false => format!("there is one of: {}", known.join(", ")),
            })
            .into());
    };
    report::print(&match args.format.as_str() {
        "json" => format!(
            "{}\n",
            serde_json::to_string_pretty(&as_json(&project, run))?
        ),
        _ => timeline(
            &project,
            run,
            Canvas {
                width: report::width(cx.env.get("COLUMNS")),
                paint: Paint::new(cx.style().stdout_colours),
                now: jiff::Timestamp::now().as_millisecond(),
            },
        ),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Spans in microseconds since the run began.
fn as_json(project: &str, run: &Run) -> serde_json::Value {
    let path = critical_path(run);
    let steps = run.steps.iter().map(|step| {
        let mut step_json = serde_json::to_value(step).unwrap_or_default();
        step_json["critical"] = path.contains(&step.id).into();
        step_json
    });
    json!({
        "project": project,
        "verb": run.verb,
        "at": run.at,
        "took": run.took,
        "ending": run.ending,
        "steps": steps.collect::<Vec<_>>(),
    })
}
