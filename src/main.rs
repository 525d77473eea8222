//! The `dco` binary: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    dco::run(std::env::args_os().collect())
}
