//! `dco plan`: what `up` would do, and nothing done.

use std::process::ExitCode;

use anyhow::Result;

use crate::plan::Plan;
use crate::report;

/// Prints a plan; its exit code says whether there is anything to do.
pub(super) fn show(plan: &Plan) -> Result<ExitCode> {
    report::print(&plan.to_string())?;
    Ok(ExitCode::SUCCESS)
}
