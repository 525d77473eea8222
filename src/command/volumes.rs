//! `dco volumes`: the volumes of the project.

use std::process::ExitCode;

use anyhow::Result;
use bollard::models::Volume;
use serde_json::{Map, Value, json};

use super::Context;
use super::containers::{Facts, label};
use super::ps::{check_services, joined_labels};
use crate::engine::{Which, labelled};
use crate::report;
use crate::report::table::{List, Row};

/// List volumes
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dco volumes --quiet")]
pub struct Args {
    /// Format of the output: table, json, `table TEMPLATE` or a Go template
    #[arg(long, default_value = "table", hide_default_value = true)]
    format: String,

    /// Show only the names
    #[arg(short, long)]
    quiet: bool,

    /// Only volumes that containers of these services mount
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Prints the volumes.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let (project, name) = cx.named_project()?;
    if let Some(project) = project {
        let declared: Vec<String> = project.services.keys().map(ToString::to_string).collect();
        check_services(&args.services, &declared)?;
    }
    let engine = &cx.engine()?;
    let by = labelled(format!("{}={name}", label::PROJECT));
    let mut volumes = engine.list_volumes(&by).await?;
    if !args.services.is_empty() {
        let containers = engine.list_containers(Which::Running, &by).await?;
        let of_service = containers.iter().filter(|container| {
            args.services
                .iter()
                .any(|service| service == container.label(label::SERVICE))
        });
        let mounted: Vec<&str> = of_service
            .flat_map(|container| container.mounts.iter().flatten())
            .filter_map(|mount| mount.name.as_deref())
            .collect();
        volumes.retain(|volume| mounted.contains(&volume.name.as_str()));
    }
    volumes.sort_by(|a, b| a.name.cmp(&b.name));
    report::print(&print(&volumes, args)?)?;
    Ok(ExitCode::SUCCESS)
}

fn print(volumes: &[Volume], args: &Args) -> Result<String> {
    if args.quiet {
        return Ok(volumes
            .iter()
            .map(|volume| format!("{}\n", volume.name))
            .collect());
    }
    let list = List {
        columns: "{{.Driver}}\t{{.Name}}",
        headers: &[
            ("Name", "VOLUME NAME"),
            ("Driver", "DRIVER"),
            ("Scope", "SCOPE"),
            ("Availability", "AVAILABILITY"),
            ("Mountpoint", "MOUNTPOINT"),
            ("Labels", "LABELS"),
            ("Links", "LINKS"),
            ("Size", "SIZE"),
            ("Group", "GROUP"),
            ("Status", "STATUS"),
        ],
        type_name: "*formatter.volumeContext",
    };
    let rows: Vec<Row> = volumes.iter().map(row).collect();
    Ok(list.print(&args.format, &rows)?)
}

fn row(volume: &Volume) -> Row {
    let labels = volume.labels.clone().into_iter().collect();
    let fields = json!({
        "Availability": "N/A",
        "Driver": volume.driver,
        "Group": "N/A",
        "Labels": joined_labels(&labels),
        "Links": "N/A",
        "Mountpoint": volume.mountpoint,
        "Name": volume.name,
        "Scope": volume.scope.map(|scope| scope.to_string()).unwrap_or_default(),
        "Size": "N/A",
        "Status": "N/A",
    });
    let fields = match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    Row { fields, labels }
}
