//! `dco images`: the images that the project's containers were made from.

use std::process::ExitCode;

use anyhow::Result;
use bollard::models::{ContainerSummary, ImageInspect};
use futures_util::future::try_join_all;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Context;
use super::containers::{Facts, label};
use super::ls::unknown_format;
use crate::engine::{Engine, Which, labelled};
use crate::report::{self, go, table, units};
use crate::text::reference::Reference;

/// List images used by the created containers
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dco images --format json")]
pub struct Args {
    /// Format of the output: table or json
    #[arg(long, default_value = "table", hide_default_value = true)]
    format: String,

    /// Show only the ids
    #[arg(short, long)]
    quiet: bool,

    /// Only images of these services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Prints the images.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let name = cx.project_name()?;
    let engine = &cx.engine()?;
    let by = labelled(format!("{}={}", label::PROJECT, name.to_lowercase()));
    let mut containers = engine.list_containers(Which::All, &by).await?;
    containers.retain(|container| {
        let service = container.label(label::SERVICE);
        args.services.is_empty() || args.services.iter().any(|wanted| wanted == service)
    });
    containers.sort_by_cached_key(Facts::canonical_name);
    let listed = try_join_all(
        containers
            .iter()
            .map(|container| inspect(engine, container)),
    )
    .await?;
    report::print(&print(&listed, args)?)?;
    Ok(ExitCode::SUCCESS)
}

/// A container's image.
struct Listed {
    container: String,
    repository: String,
    tag: String,
    image: ImageInspect,
}

async fn inspect(engine: &Engine, container: &ContainerSummary) -> Result<Listed> {
    let named = container.image.clone().unwrap_or_default();
    let image = engine.inspect_image(&named).await?;
    let reference = Reference::parse(&named)
        .ok()
        .map(Reference::with_default_tag);
    Ok(Listed {
        container: container.canonical_name(),
        repository: reference
            .as_ref()
            .map(Reference::familiar_name)
            .unwrap_or_default(),
        tag: reference
            .and_then(|reference| reference.tag)
            .unwrap_or_default(),
        image,
    })
}

impl Listed {
    fn id(&self) -> &str {
        self.image.id.as_deref().unwrap_or_default()
    }

    fn bare_id(&self) -> &str {
        self.id().rsplit(':').next().unwrap_or_default()
    }

    fn platform(&self) -> String {
        let parts = [
            &self.image.os,
            &self.image.architecture,
            &self.image.variant,
        ];
        let parts = parts.into_iter().flatten().map(String::as_str);
        parts
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("/")
    }

    fn size(&self) -> i64 {
        self.image.size.unwrap_or_default()
    }

    /// When it was last tagged here; `0001-…` is the engine's word for never.
    fn last_tagged(&self) -> Option<&str> {
        let metadata = self.image.metadata.as_ref()?;
        metadata
            .last_tag_time
            .as_deref()
            .filter(|time| !time.starts_with("0001-"))
    }
}

fn print(listed: &[Listed], args: &Args) -> Result<String> {
    if args.quiet {
        let mut ids: Vec<&str> = Vec::new();
        for image in listed {
            if !ids.contains(&image.bare_id()) {
                ids.push(image.bare_id());
            }
        }
        return Ok(ids.iter().map(|id| format!("{id}\n")).collect());
    }
    match args.format.to_lowercase().as_str() {
        // A list without entries is `null` there, and an empty line follows.
        "json" if listed.is_empty() => Ok("null\n\n".to_owned()),
        "json" => {
            let list = Value::Array(listed.iter().map(object).collect());
            Ok(format!("{}\n\n", go::json(&list)))
        }
        "" | "table" | "pretty" => Ok(table::section(
            &[
                "CONTAINER",
                "REPOSITORY",
                "TAG",
                "PLATFORM",
                "IMAGE ID",
                "SIZE",
                "CREATED",
            ],
            listed.iter().map(|image| row(image, Timestamp::now())),
        )),
        _ => Err(unknown_format(&args.format)),
    }
}

fn object(image: &Listed) -> Value {
    let created = image.image.created.as_deref();
    json!({
        "ID": image.id(),
        "ContainerName": image.container,
        "Repository": image.repository,
        "Tag": image.tag,
        "Platform": image.platform(),
        "Size": image.size(),
        "LastTagTime": image.last_tagged().or(created).unwrap_or("0001-01-01T00:00:00Z"),
    })
}

fn row(image: &Listed, now: Timestamp) -> Vec<String> {
    let or_none = |text: &str| if text.is_empty() { "<none>" } else { text }.to_owned();
    let tagged = image.last_tagged().unwrap_or("0001-01-01T00:00:00Z");
    let tagged: Timestamp = tagged.parse().unwrap_or(Timestamp::MIN);
    let age = now.duration_since(tagged).unsigned_abs();
    vec![
        image.container.clone(),
        or_none(&image.repository),
        or_none(&image.tag),
        image.platform(),
        image.bare_id().chars().take(12).collect(),
        units::human_size_with(image.size() as f64, 3),
        format!("{} ago", units::human_duration(age)),
    ]
}
