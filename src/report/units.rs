//! Sizes and spans of time in the words of Docker's tools (docker/go-units). Pure.

use std::time::Duration;

/// Bytes in powers of 1000 with four significant digits: `24.12MB`.
pub fn human_size(bytes: f64) -> String {
    human_size_with(bytes, 4)
}

/// Bytes in powers of 1000 with that many significant digits.
pub fn human_size_with(bytes: f64, digits: usize) -> String {
    const UNITS: [&str; 9] = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
    scaled(bytes, 1000.0, &UNITS, digits)
}

/// Bytes in powers of 1024 with four significant digits: `864KiB`.
pub fn bytes_size(bytes: f64) -> String {
    const UNITS: [&str; 9] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];
    scaled(bytes, 1024.0, &UNITS, 4)
}

fn scaled(mut size: f64, base: f64, units: &[&str], digits: usize) -> String {
    let mut unit = 0;
    while size >= base && unit + 1 < units.len() {
        size /= base;
        unit += 1;
    }
    format!("{}{}", significant(size, digits), units[unit])
}

/// A number as C's `%.<digits>g` writes it, for what is between 0 and a few thousands.
fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let scientific = format!("{value:.*e}", digits.saturating_sub(1));
    let exponent: i32 = scientific
        .rsplit('e')
        .next()
        .and_then(|e| e.parse().ok())
        .unwrap_or(0);
    let digits = i32::try_from(digits).unwrap_or(i32::MAX);
    if exponent >= digits || exponent < -4 {
        let (mantissa, _) = scientific.split_once('e').unwrap_or((&scientific, ""));
        let mantissa = trim(mantissa);
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let decimals = usize::try_from(digits - 1 - exponent).unwrap_or_default();
    trim(&format!("{value:.decimals$}")).to_owned()
}

fn trim(number: &str) -> &str {
    match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    }
}

/// A span of time in its largest unit: `Less than a second`, `About an hour`, `3 weeks`.
pub fn human_duration(span: Duration) -> String {
    let seconds = span.as_secs();
    let minutes = seconds / 60;
    let hours = (span.as_secs_f64() / 3600.0).round() as u64;
    match () {
        () if seconds < 1 => "Less than a second".to_owned(),
        () if seconds == 1 => "1 second".to_owned(),
        () if seconds < 60 => format!("{seconds} seconds"),
        () if minutes == 1 => "About a minute".to_owned(),
        () if minutes < 60 => format!("{minutes} minutes"),
        () if hours == 1 => "About an hour".to_owned(),
        () if hours < 48 => format!("{hours} hours"),
        () if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        () if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        () if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        () => format!("{} years", seconds / 3600 / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_go_units() {
        let human: Vec<_> = [
            0.0,
            626.0,
            1100.0,
            1170.0,
            86_378_279.0,
            999_999.0,
            999_950.0,
        ]
        .map(human_size)
        .into();
        assert_eq!(
            human,
            [
                "0B", "626B", "1.1kB", "1.17kB", "86.38MB", "1000kB", "1000kB"
            ]
        );
        assert_eq!(human_size_with(86_378_279.0, 3), "86.4MB");
        assert_eq!(human_size_with(4_959_661.0, 3), "4.96MB");
        assert_eq!(human_size_with(324_000_000.0, 3), "324MB");
        assert_eq!(human_size_with(999_999.0, 3), "1e+03kB");
        assert_eq!(bytes_size(864.0 * 1024.0), "864KiB");
        assert_eq!(bytes_size(3.516 * 1024.0 * 1024.0), "3.516MiB");
        assert_eq!(bytes_size(23.54 * 1024.0 * 1024.0 * 1024.0), "23.54GiB");
    }

    #[test]
    fn spans_are_those_of_go_units() {
        let says = |seconds| human_duration(Duration::from_secs(seconds));
        let spans = [
            0, 1, 59, 60, 119, 120, 3599, 3600, 5400, 86_400, 172_800, 1_209_600,
        ];
        assert_eq!(
            spans.map(says).join("; "),
            "Less than a second; 1 second; 59 seconds; About a minute; About a minute; 2 minutes; \
             59 minutes; About an hour; 2 hours; 24 hours; 2 days; 2 weeks"
        );
        assert_eq!(says(5_184_000), "2 months");
        assert_eq!(says(63_072_000), "2 years");
    }
}
