//! `--debug` and `--log-level`: what dco does, line by line, on standard error.

use anyhow::{Result, bail};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Begins to log, where that is asked for; only dco's own words, not those of its libraries.
///
/// # Errors
/// A level that is none of docker's.
pub fn log(debug: bool, level: Option<&str>) -> Result<()> {
    let level = match (debug, level) {
        (true, _) | (false, Some("debug" | "trace")) => LevelFilter::DEBUG,
        (false, None) => return Ok(()),
        (false, Some("info")) => LevelFilter::INFO,
        (false, Some("warn" | "warning")) => LevelFilter::WARN,
        (false, Some("error" | "fatal" | "panic")) => LevelFilter::ERROR,
        (false, Some(other)) => bail!("unable to parse logging level: {other}"),
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .without_time();
    let own = Targets::new().with_target("dco", level);
    // A second call in one process changes nothing.
    let _ = tracing_subscriber::registry()
        .with(lines)
        .with(own)
        .try_init();
    Ok(())
}
