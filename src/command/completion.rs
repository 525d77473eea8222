//! `dco completion`: the script that makes a shell ask dco for candidates.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap_complete::env::Shells;

use super::{Context, complete};
use crate::report;

/// Print the completion script of a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  dco completion zsh > ~/.zfunc/_dco")]
pub struct Args {
    /// The shell: bash, zsh, fish, powershell or elvish
    shell: String,
}

/// Prints the script.
pub async fn run(args: &Args, _: &Context) -> Result<ExitCode> {
    report::print(&script(&args.shell)?)?;
    Ok(ExitCode::SUCCESS)
}

/// The script: it knows no command itself and stays right when dco is replaced.
pub fn script(shell: &str) -> Result<String> {
    let shells = Shells::builtins();
    let Some(writer) = shells.completer(shell) else {
        let known: Vec<&str> = shells.names().collect();
        bail!("unknown shell `{shell}`: it is one of {}", known.join(", "));
    };
    let mut script = Vec::new();
    writer.write_registration(complete::VARIABLE, "dco", "dco", "dco", &mut script)?;
    let script = String::from_utf8(script)?;
    // What the file in `fpath` is for is said in its first line.
    Ok(format!("{}\n", script.trim()))
}
