//! Durations as Compose reads and prints them.

use std::fmt;

use serde::Deserializer;
use serde::de::{Error, Visitor};

/// Reads a duration such as `1m30s`, `2d`, `1w2d3h4m5s6ms7us8ns` into nanoseconds.
///
/// # Errors
/// A text that is not numbers with the units w, d, h, m, s, ms, us (µs), ns.
pub fn parse(text: &str) -> Result<i64, String> {
    let bad = || format!("`{text}` is not a duration");
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(bad());
    }
    let mut total = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(bad)?;
        let number: f64 = rest[..digits].parse().map_err(|_| bad())?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(rest.len());
        let factor = match &rest[..unit] {
            "w" => 604_800e9,
            "d" => 86_400e9,
            "h" => 3_600e9,
            "m" => 60e9,
            "s" => 1e9,
            "ms" => 1e6,
            "us" | "µs" | "μs" => 1e3,
            "ns" => 1.0,
            _ => return Err(bad()),
        };
        total += number * factor;
        rest = &rest[unit..];
    }
    Ok((sign * total).round() as i64)
}

/// A number of nanoseconds, displayed as Go's `time.Duration` prints itself.
#[derive(Clone, Copy, Debug)]
pub struct Go(pub i64);

impl fmt::Display for Go {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        if nanos == 0 {
            return f.write_str("0s");
        }
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let fraction = |value: u64, unit: u64| {
            let rest = value % unit;
            if rest == 0 {
                return format!("{}", value / unit);
            }
            let width = unit.ilog10() as usize;
            let digits = format!("{rest:0width$}");
            format!("{}.{}", value / unit, digits.trim_end_matches('0'))
        };
        match nanos {
            n if n < 1_000 => write!(f, "{n}ns"),
            n if n < 1_000_000 => write!(f, "{}µs", fraction(n, 1_000)),
            n if n < 1_000_000_000 => write!(f, "{}ms", fraction(n, 1_000_000)),
            n => {
                let (hours, minutes) = (n / 3_600_000_000_000, n / 60_000_000_000 % 60);
                if hours > 0 {
                    write!(f, "{hours}h")?;
                }
                if hours > 0 || minutes > 0 {
                    write!(f, "{minutes}m")?;
                }
                write!(f, "{}s", fraction(n % 60_000_000_000, 1_000_000_000))
            }
        }
    }
}

/// For serde: a text as [`parse`] takes it, or a number of nanoseconds.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    struct Nanos;
    impl Visitor<'_> for Nanos {
        type Value = i64;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a duration such as `1m30s`")
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<i64, E> {
            parse(text).map_err(E::custom)
        }
        fn visit_i64<E: Error>(self, nanos: i64) -> Result<i64, E> {
            Ok(nanos)
        }
        fn visit_u64<E: Error>(self, nanos: u64) -> Result<i64, E> {
            i64::try_from(nanos).map_err(E::custom)
        }
    }
    deserializer.deserialize_any(Nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_printed_as_go_prints_them() {
        for (text, printed) in [
            ("90s", "1m30s"),
            ("1h", "1h0m0s"),
            ("2d", "48h0m0s"),
            ("1.5s", "1.5s"),
            ("1500us", "1.5ms"),
            ("250ms", "250ms"),
            ("7ns", "7ns"),
            ("0", "0s"),
            ("-5s", "-5s"),
        ] {
            assert_eq!(Go(parse(text).unwrap()).to_string(), printed, "{text}");
        }
        assert!(parse("5").is_err() && parse("1 s").is_err() && parse("").is_err());
    }
}
