//! `dco ls`: the projects that the engine holds.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Result, bail};
use bollard::models::ContainerSummary;
use regex::Regex;
use serde_json::{Value, json};

use super::Context;
use super::containers::{Facts, label};
use crate::diagnostic::Diagnostic;
use crate::engine::{Which, labelled};
use crate::report::{self, go, table};

/// List running compose projects
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dco ls --all\n  dco ls --filter name=shop --format json")]
pub struct Args {
    /// Show stopped projects too
    #[arg(short, long)]
    all: bool,

    /// Only projects that match, such as name=REGEX
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Vec<String>,

    /// Format of the output: table or json
    #[arg(long, default_value = "table", hide_default_value = true)]
    format: String,

    /// Show only the names
    #[arg(short, long)]
    quiet: bool,
}

/// Prints the projects.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let filters = args
        .filter
        .iter()
        .map(|text| name_filter(text))
        .collect::<Result<Vec<_>>>()?;
    let mut by = labelled(label::PROJECT);
    by.entry("label".to_owned())
        .or_default()
        .push(label::CONFIG_HASH.to_owned());
    let which = if args.all { Which::All } else { Which::Running };
    let containers = cx.engine()?.list_containers(which, &by).await?;
    let mut projects = group(&containers);
    projects.retain(|project| {
        filters.is_empty() || filters.iter().any(|filter| filter.matches(&project.name))
    });
    report::print(&print(&projects, args)?)?;
    Ok(ExitCode::SUCCESS)
}

/// One project, as its containers tell of it.
#[derive(Debug, PartialEq, Eq)]
struct Listed {
    name: String,
    status: String,
    files: String,
}

fn group(containers: &[ContainerSummary]) -> Vec<Listed> {
    let mut by_name: BTreeMap<&str, Vec<&ContainerSummary>> = BTreeMap::new();
    for container in containers {
        by_name
            .entry(container.label(label::PROJECT))
            .or_default()
            .push(container);
    }
    let listed = |(name, containers): (&str, Vec<&ContainerSummary>)| {
        let mut states: BTreeMap<String, usize> = BTreeMap::new();
        let mut files: Vec<&str> = Vec::new();
        let mut all_known = true;
        for container in containers {
            *states.entry(container.state_word()).or_default() += 1;
            let labels = container.labels.as_ref();
            all_known &= labels.is_some_and(|labels| labels.contains_key(label::CONFIG_FILES));
            for file in container.label(label::CONFIG_FILES).split(',') {
                if !files.contains(&file) {
                    files.push(file);
                }
            }
        }
        let states: Vec<String> = states
            .iter()
            .map(|(state, count)| format!("{state}({count})"))
            .collect();
        Listed {
            name: name.to_owned(),
            status: states.join(", "),
            files: if all_known {
                files.join(",")
            } else {
                "N/A".to_owned()
            },
        }
    };
    by_name.into_iter().map(listed).collect()
}

fn print(projects: &[Listed], args: &Args) -> Result<String> {
    if args.quiet {
        return Ok(projects
            .iter()
            .map(|project| format!("{}\n", project.name))
            .collect());
    }
    let object = |project: &Listed| json!({"Name": project.name, "Status": project.status, "ConfigFiles": project.files});
    Ok(match args.format.to_lowercase().as_str() {
        "json" => format!(
            "{}\n",
            go::json(&Value::Array(projects.iter().map(object).collect()))
        ),
        "{{json.}}" => projects
            .iter()
            .map(|project| format!("{}\n", go::json(&object(project))))
            .collect(),
        "" | "table" | "pretty" => table::section(
            &["NAME", "STATUS", "CONFIG FILES"],
            projects.iter().map(|project| {
                vec![
                    project.name.clone(),
                    project.status.clone(),
                    project.files.clone(),
                ]
            }),
        ),
        _ => return Err(unknown_format(&args.format)),
    })
}

/// What is said where only table and json are known.
pub fn unknown_format(format: &str) -> anyhow::Error {
    Diagnostic::error(format!(
        "format value {format:?} could not be parsed: parsing failed"
    ))
    .hint("the formats are `table` and `json`")
    .into()
}

/// `name=REGEX`: the text itself, or a pattern that matches anywhere.
#[derive(Debug)]
struct NameFilter {
    text: String,
    pattern: Option<Regex>,
}

impl NameFilter {
    fn matches(&self, name: &str) -> bool {
        self.text == name
            || self
                .pattern
                .as_ref()
                .is_some_and(|pattern| pattern.is_match(name))
    }
}

fn name_filter(text: &str) -> Result<NameFilter> {
    match text.split_once('=') {
        None => bail!(
            "invalid argument {text:?} for \"--filter\" flag: bad format of filter (expected name=value)"
        ),
        Some((key, value)) if key.trim().eq_ignore_ascii_case("name") => Ok(NameFilter {
            text: value.trim().to_owned(),
            pattern: Regex::new(value.trim()).ok(),
        }),
        Some((key, _)) => bail!("invalid filter '{}'", key.trim().to_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::models::ContainerSummaryStateEnum as State;

    fn container(project: &str, state: State, files: &str) -> ContainerSummary {
        let labels = [(label::PROJECT, project), (label::CONFIG_FILES, files)];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
        ContainerSummary {
            state: Some(state),
            labels: Some(labels.into()),
            ..ContainerSummary::default()
        }
    }

    #[test]
    fn a_projects_states_are_counted_and_its_files_named_once() {
        let found = group(&[
            container("shop", State::RUNNING, "/a/compose.yaml"),
            container("shop", State::EXITED, "/a/compose.yaml,/a/dev.yaml"),
            container("shop", State::RUNNING, "/a/compose.yaml"),
            container("blog", State::RUNNING, "/b/compose.yaml"),
        ]);
        let text: Vec<String> = found
            .iter()
            .map(|found| format!("{} {} {}", found.name, found.status, found.files))
            .collect();
        assert_eq!(
            text,
            [
                "blog running(1) /b/compose.yaml",
                "shop exited(1), running(2) /a/compose.yaml,/a/dev.yaml",
            ]
        );
    }

    #[test]
    fn names_are_filtered_by_patterns_and_nothing_else_is_a_filter() {
        assert!(name_filter("name=^sh").unwrap().matches("shop"));
        assert!(!name_filter("name=^op").unwrap().matches("shop"));
        assert_eq!(
            name_filter("a=b").unwrap_err().to_string(),
            "invalid filter 'a'"
        );
    }
}
