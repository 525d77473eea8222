//! Moments as docker's command lines take them: `10m` ago, a date, a time, seconds since 1970.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Turns a moment into what the engine's API takes: seconds since 1970, with a fraction where the
/// moment has one. Follows docker's `GetTimestamp`; `now` is what durations count back from, and
/// times without a zone are in `zone`.
///
/// # Errors
///
/// A text that is none of the forms.
pub fn parse(text: &str, now: Timestamp, zone: &TimeZone) -> Result<String, String> {
    if text != "0"
        && let Some(ago) = go_duration(text)
    {
        let then = now.checked_sub(ago).map_err(|error| error.to_string())?;
        return Ok(then.as_second().to_string());
    }
    if is_seconds(text) {
        return Ok(text.to_owned());
    }
    let time = timestamp(text, zone)
        .ok_or_else(|| format!("failed to parse value as time or duration: {text:?}"))?;
    Ok(seconds(time))
}

/// A moment as the engine's API takes it: seconds since 1970 with nine digits of a fraction.
pub fn seconds(time: Timestamp) -> String {
    format!("{}.{:09}", time.as_second(), time.subsec_nanosecond())
}

/// `12` or `12.5`.
fn is_seconds(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(fraction)
}

/// Go's own durations, which know no days and need a unit.
fn go_duration(text: &str) -> Option<SignedDuration> {
    if text.contains(['d', 'w']) {
        return None;
    }
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let nanoseconds = super::duration::parse(rest).ok()?;
    rest.ends_with(|c: char| c.is_ascii_alphabetic())
        .then(|| SignedDuration::from_nanos(sign * nanoseconds))
}

/// RFC 3339, and its beginnings: a date, with hours, with minutes; with a zone or without.
fn timestamp(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    let (local, zone) = match text.strip_suffix(['Z', 'z']) {
        Some(local) => (local, &TimeZone::UTC),
        None => (text, zone),
    };
    let date_time = match local.split_once('T') {
        None => local
            .parse::<Date>()
            .ok()?
            .to_datetime(jiff::civil::Time::midnight()),
        Some((date, time)) => {
            let time = match time.matches(':').count() {
                0 => format!("{time}:00"),
                _ => time.to_owned(),
            };
            format!("{date}T{time}").parse::<DateTime>().ok()?
        }
    };
    Some(date_time.to_zoned(zone.clone()).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        parse(text, now, &zone).unwrap_or_else(|error| error)
    }

    #[test]
    fn durations_count_back_from_now() {
        assert_eq!(parsed("10m"), "1699999400");
        assert_eq!(parsed("1h30m"), "1699994600");
        assert_eq!(parsed("1.5s"), "1699999998");
        assert_eq!(parsed("-1m"), "1700000060");
    }

    #[test]
    fn times_are_local_unless_they_have_a_zone() {
        assert_eq!(parsed("2024-01-01T00:00:00Z"), "1704067200.000000000");
        assert_eq!(
            parsed("2024-01-01T00:00:00.5+02:00"),
            "1704060000.500000000"
        );
        assert_eq!(parsed("2024-01-01T00:00:00"), "1704063600.000000000");
        assert_eq!(parsed("2024-01-01T00:00"), "1704063600.000000000");
        assert_eq!(parsed("2024-01-01T01"), "1704067200.000000000");
        assert_eq!(parsed("2024-01-01"), "1704063600.000000000");
        assert_eq!(parsed("2024-01-01Z"), "1704067200.000000000");
    }

    #[test]
    fn seconds_are_taken_as_they_are_and_nonsense_is_named() {
        assert_eq!(parsed("0"), "0");
        assert_eq!(parsed("1136073600.000000001"), "1136073600.000000001");
        assert_eq!(
            parsed("yesterday"),
            "failed to parse value as time or duration: \"yesterday\""
        );
        assert_eq!(
            parsed("3d"),
            "failed to parse value as time or duration: \"3d\""
        );
    }
}
