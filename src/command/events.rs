//! `dco events`: what happens to the project's containers.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Result, bail};
use futures_util::StreamExt;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::json;

use super::Context;
use super::containers::label;
use crate::engine::{EngineEvent, EventsSince, labelled};
use crate::report::{self, go};

/// Receive real time events from containers
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dco events --json web\n  dco events --since 10m --until 0s")]
pub struct Args {
    /// One JSON object for every event
    #[arg(long)]
    json: bool,

    /// From when: a time stamp, or how long ago
    #[arg(long, value_name = "TIME")]
    since: Option<String>,

    /// Until when: a time stamp, or how long ago
    #[arg(long, value_name = "TIME")]
    until: Option<String>,

    /// Only events of these services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Prints events until the engine ends, or until `--until`; either fails.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let project = cx.project_name()?;
    let now = Timestamp::now();
    let which = EventsSince {
        since: args.since.as_deref().map(|text| moment(text, now)),
        until: args.until.as_deref().map(|text| moment(text, now)),
        filters: labelled(format!("{}={project}", label::PROJECT)),
    };
    let mut events = cx.engine()?.events(&which).await?;
    let zone = TimeZone::system();
    while let Some(event) = events.next().await {
        let event = event?;
        let service = event.attribute(label::SERVICE).unwrap_or_default();
        let is_wanted =
            args.services.is_empty() || args.services.iter().any(|name| name == service);
        let one_off = event.attribute(label::ONE_OFF) == Some("True");
        if event.kind == "container" && !one_off && is_wanted {
            report::print(&line(&event, args, &zone))?;
        }
    }
    // Docker Compose's end, for whoever tests for it.
    bail!("EOF")
}

/// A moment as the engine takes it: what is a span is that long ago.
pub fn moment(text: &str, now: Timestamp) -> String {
    match crate::text::duration::parse(text) {
        Ok(nanos) if text.ends_with(|c: char| c.is_ascii_alphabetic()) => {
            let at = now.as_nanosecond() - i128::from(nanos);
            let (seconds, nanos) = (at.div_euclid(1_000_000_000), at.rem_euclid(1_000_000_000));
            format!("{seconds}.{nanos:09}")
        }
        _ => match text.parse::<Timestamp>() {
            Ok(at) => crate::text::moment::seconds(at),
            Err(_) => text.to_owned(),
        },
    }
}

fn line(event: &EngineEvent, args: &Args, zone: &TimeZone) -> String {
    let at = event.at().to_zoned(zone.clone());
    let attributes: BTreeMap<&str, &str> = event
        .actor
        .attributes
        .iter()
        .filter(|(key, _)| !key.starts_with("com.docker.compose."))
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    if args.json {
        let object = json!({
            "action": event.action,
            "attributes": attributes,
            "id": event.actor.id,
            "service": event.attribute(label::SERVICE).unwrap_or_default(),
            "time": rfc3339_nano(&at),
            "type": "container",
        });
        return format!("{}\n", go::json_escaped(&object));
    }
    let attributes: Vec<String> = attributes
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    // The empty line is Docker Compose's.
    format!(
        "{} container {} {} ({})\n\n",
        at.strftime("%Y-%m-%d %H:%M:%S.%6f"),
        event.action,
        event.actor.id,
        attributes.join(", ")
    )
}

/// Go's `time.RFC3339Nano`: as many digits as it takes, `Z` for UTC.
pub fn rfc3339_nano(at: &jiff::Zoned) -> String {
    let fraction = match at.subsec_nanosecond() {
        0 => String::new(),
        nanos => format!(".{nanos:09}").trim_end_matches('0').to_owned(),
    };
    let offset = match at.offset().is_zero() {
        true => "Z".to_owned(),
        false => at.strftime("%:z").to_string(),
    };
    format!("{}{fraction}{offset}", at.strftime("%Y-%m-%dT%H:%M:%S"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_so_long_ago_and_time_stamps_stay() {
        let now = Timestamp::from_second(1_000).unwrap();
        assert_eq!(moment("10m", now), "400.000000000");
        assert_eq!(moment("1s", now), "999.000000000");
        assert_eq!(moment("1970-01-01T00:00:05Z", now), "5.000000000");
        assert_eq!(moment("1234", now), "1234");
    }

    #[test]
    fn times_are_gos() {
        let at = Timestamp::from_nanosecond(1_500_000_000).unwrap();
        assert_eq!(
            rfc3339_nano(&at.to_zoned(TimeZone::UTC)),
            "1970-01-01T00:00:01.5Z"
        );
    }
}
