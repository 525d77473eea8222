//! `dco schema`: what a compose file may hold, for editors.

use std::process::ExitCode;

use anyhow::Result;

use super::Context;
use crate::compose::schema::schema;
use crate::report;

/// Print the JSON schema of compose files
///
/// An editor with the YAML language server completes and checks a compose file that has
/// `# yaml-language-server: $schema=compose.schema.json` as its first line.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Example:\n  dco schema > compose.schema.json")]
pub struct Args {}

/// Prints the schema.
pub async fn run(_args: &Args, _cx: &Context) -> Result<ExitCode> {
    report::print(&format!("{}\n", serde_json::to_string_pretty(&schema())?))?;
    Ok(ExitCode::SUCCESS)
}
