//! `dco top`: the processes in the project's containers.

use std::process::ExitCode;

use anyhow::Result;
use bollard::models::ContainerTopResponse;
use futures_util::future::try_join_all;

use super::Context;
use super::containers::{self, Facts, OneOffs, Selection, label};
use crate::engine::Which;
use crate::report::{self, table};

/// Display the running processes
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dco top web")]
pub struct Args {
    /// Only processes of these services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Prints the processes.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let project = cx.project_name()?;
    let engine = &cx.engine()?;
    let wanted = Selection {
        project: &project,
        which: Which::Running,
        one_offs: OneOffs::With,
        services: &args.services,
    };
    let containers = containers::list(engine, wanted).await?;
    let tops = try_join_all(
        containers
            .iter()
            .map(|container| engine.top(container.id())),
    )
    .await?;
    let owners = containers.iter().map(|container| Owner {
        service: match container.label(label::SERVICE) {
            "" => container.canonical_name(),
            service => service.to_owned(),
        },
        number: container.label(label::NUMBER).to_owned(),
    });
    report::print(&print(&owners.zip(tops).collect::<Vec<_>>()))?;
    Ok(ExitCode::SUCCESS)
}

/// Whose processes they are.
struct Owner {
    service: String,
    number: String,
}

/// The columns as they are met, the command last; one row for every process.
fn print(tops: &[(Owner, ContainerTopResponse)]) -> String {
    let titles = |top: &ContainerTopResponse| top.titles.clone().unwrap_or_default();
    let processes = |top: &ContainerTopResponse| top.processes.clone().unwrap_or_default();
    let mut headers: Vec<String> = vec!["SERVICE".to_owned(), "#".to_owned()];
    for title in tops.iter().flat_map(|(_, top)| titles(top)) {
        if !headers.contains(&title) {
            headers.push(title);
        }
    }
    if let Some(at) = headers.iter().position(|title| title == "CMD") {
        let command = headers.remove(at);
        headers.push(command);
    }
    let mut text = format!("{}\n", headers.join("\t"));
    let mut any = false;
    for (owner, top) in tops {
        let titles = titles(top);
        for process in processes(top) {
            any = true;
            let cell = |header: &String| match header.as_str() {
                "SERVICE" => owner.service.clone(),
                "#" => owner.number.clone(),
                _ => {
                    let at = titles.iter().position(|title| title == header);
                    at.and_then(|at| process.get(at).cloned())
                        .unwrap_or_else(|| "-".to_owned())
                }
            };
            text.push_str(&headers.iter().map(cell).collect::<Vec<_>>().join("\t"));
            text.push('\n');
        }
    }
    const COLUMNS: table::Columns = table::Columns {
        least: 4,
        padding: 2,
    };
    match any {
        true => table::align(&text, COLUMNS),
        false => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn top(titles: &[&str], process: &[&str]) -> ContainerTopResponse {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        ContainerTopResponse {
            titles: Some(texts(titles)),
            processes: Some(vec![texts(process)]),
        }
    }

    #[test]
    fn columns_of_all_containers_are_joined_and_the_command_comes_last() {
        let owner = |service: &str| Owner {
            service: service.to_owned(),
            number: "1".to_owned(),
        };
        assert_eq!(
            print(&[
                (
                    owner("db"),
                    top(
                        &["UID", "PID", "CMD"],
                        &["999", "25382", "redis-server *:6379"]
                    )
                ),
                (owner("web"), top(&["PID", "TTY", "CMD"], &["1", "?", "sh"])),
            ]),
            "\
SERVICE  #   UID  PID    TTY  CMD
db       1   999  25382  -    redis-server *:6379
web      1   -    1      ?    sh
"
        );
        assert_eq!(print(&[]), "");
    }
}
