//! One file per verb: its clap arguments and one async function that reads top to bottom.

use std::ffi::OsString;
use std::process::ExitCode;

/// Parses, dispatches, reports, and picks the exit code.
pub fn main(args: Vec<OsString>) -> ExitCode {
    drop(args);
    ExitCode::FAILURE
}
