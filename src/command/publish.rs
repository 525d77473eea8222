//! `dco publish`: an answer for whoever looks for Docker Compose's publication of whole projects.

use std::process::ExitCode;

use anyhow::Result;

use super::Context;
use crate::diagnostic::Diagnostic;

/// Publish the project to a registry (not there)
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  docker compose publish me/app:1")]
pub struct Args {
    #[arg(long, hide = true)]
    app: bool,

    #[arg(long, hide = true)]
    insecure_registry: bool,

    #[arg(long, hide = true, value_name = "VERSION")]
    oci_version: Option<String>,

    #[arg(long, hide = true)]
    resolve_image_digests: bool,

    #[arg(long, hide = true)]
    with_env: bool,

    #[arg(short, long, hide = true)]
    yes: bool,

    /// Where to
    #[arg(value_name = "REPOSITORY[:TAG]")]
    repository: String,
}

/// Says that there is nothing, and what comes near.
pub async fn run(args: &Args, _cx: &Context) -> Result<ExitCode> {
    let repository = &args.repository;
    Err(Diagnostic::error(format!(
        "cannot publish to `{repository}`: dco publishes no projects"
    ))
    .hint("`dco push` pushes the images; `docker compose publish` publishes the files")
    .into())
}
