//! `dco bridge`: an answer for whoever looks for Docker Compose's conversion.

use std::process::ExitCode;

use anyhow::Result;

use super::Context;
use crate::diagnostic::Diagnostic;

/// Convert compose files for another platform (not there)
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  docker compose bridge convert")]
pub struct Args {
    /// What Docker Compose takes here
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    words: Vec<String>,
}

/// Says that there is nothing.
pub async fn run(args: &Args, _cx: &Context) -> Result<ExitCode> {
    let words = args.words.join(" ");
    let line = format!("bridge {words}");
    Err(Diagnostic::error(format!(
        "`{}` is not there: dco converts nothing to Kubernetes",
        line.trim()
    ))
    .hint(
        "`docker compose bridge` does, and kompose; `dco config` prints the whole project for them",
    )
    .into())
}
