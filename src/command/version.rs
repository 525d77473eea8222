//! `dco version`.

use std::process::ExitCode;

use anyhow::Result;

use super::{Context, Identity};
use crate::report;

/// The version of Docker Compose that dco is compatible with, which it gives when called as it.
pub const COMPOSE_VERSION: &str = "2.40.3";

/// What the docker CLI asks a plugin for.
pub const PLUGIN_METADATA: &str = r#"{
     "SchemaVersion": "0.1.0",
     "Vendor": "dco",
     "Version": "2.40.3",
     "ShortDescription": "Docker Compose"
}
"#;

/// Show the version
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Example:\n  dco version --format json")]
pub struct Args {
    /// Format of the output: pretty or json
    #[arg(short, long)]
    format: Option<String>,

    /// Show only the version number
    #[arg(long)]
    short: bool,
}

/// Prints the version.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    print(args, cx)
}

/// Prints the version without a runtime.
pub fn print(args: &Args, cx: &Context) -> Result<ExitCode> {
    let (name, version) = match cx.identity {
        Identity::Dco => ("dco", env!("CARGO_PKG_VERSION")),
        Identity::Compose => ("Docker Compose", COMPOSE_VERSION),
    };
    report::print(&text(args, name, version))?;
    Ok(ExitCode::SUCCESS)
}

fn text(args: &Args, name: &str, version: &str) -> String {
    match args.format.as_deref() {
        _ if args.short => format!("{version}\n"),
        Some("json") => format!("{{\"version\":\"{version}\"}}\n"),
        _ if name == "dco" => {
            format!("dco version {version} (compatible with Docker Compose {COMPOSE_VERSION})\n")
        }
        _ => format!("{name} version {version}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(format: Option<&str>, short: bool) -> Args {
        let format = format.map(str::to_owned);
        Args { format, short }
    }

    #[test]
    fn each_format_is_docker_composes() {
        let compose = |args| text(&args, "Docker Compose", COMPOSE_VERSION);
        assert_eq!(
            compose(args(None, false)),
            "Docker Compose version 2.40.3\n"
        );
        assert_eq!(
            compose(args(Some("pretty"), false)),
            "Docker Compose version 2.40.3\n"
        );
        assert_eq!(
            compose(args(Some("json"), false)),
            "{\"version\":\"2.40.3\"}\n"
        );
        assert_eq!(compose(args(Some("json"), true)), "2.40.3\n");
    }

    #[test]
    fn the_plugin_metadata_names_the_same_version() {
        assert!(PLUGIN_METADATA.contains(&format!("\"Version\": \"{COMPOSE_VERSION}\"")));
    }
}
