//! `--wait` and `--wait-timeout`, which `up` and `start` share.

use anyhow::{Result, bail};

use crate::plan::Wait;

/// Whether it is waited for what runs, and how long.
#[derive(Debug, Default, clap::Args)]
pub struct WaitFlags {
    /// Wait until services are running or healthy
    #[arg(long)]
    pub(super) wait: bool,

    /// Seconds to wait at most
    #[arg(
        long,
        value_name = "SECONDS",
        requires = "wait",
        allow_negative_numbers = true
    )]
    wait_timeout: Option<i64>,
}

impl WaitFlags {
    /// How long is waited, where that is asked for; 0 seconds are as long as it takes.
    ///
    /// # Errors
    /// Less than that.
    pub(super) fn limit(&self) -> Result<Option<Wait>> {
        if !self.wait {
            return Ok(None);
        }
        match self.wait_timeout.unwrap_or_default() {
            seconds if seconds < 0 => bail!("--wait-timeout must be a non-negative integer"),
            0 => Ok(Some(Wait(None))),
            seconds => Ok(Some(Wait(Some(crate::project::Duration(
                seconds.saturating_mul(1_000_000_000),
            ))))),
        }
    }
}
