//! Byte sizes as Compose reads them: every unit is a power of 1024.

use std::fmt;

use serde::Deserializer;
use serde::de::{Error, Visitor};

/// Reads `64m`, `1.5 GiB`, `100kb` or a plain number into bytes.
///
/// # Errors
/// A text that is not a number with one of the units b, k, m, g, t, p (with or without `b`, `ib`).
pub fn parse(text: &str) -> Result<i64, String> {
    let bad = || format!("`{text}` is not a size");
    let split = text
        .rfind(|c: char| c.is_ascii_digit() || c == '.')
        .map(|at| at + 1)
        .ok_or_else(bad)?;
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().map_err(|_| bad())?;
    let unit = unit.strip_prefix(' ').unwrap_or(unit).to_ascii_lowercase();
    let power = match unit.as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        "p" | "pb" | "pib" => 5,
        _ => return Err(bad()),
    };
    Ok((number * 1024_f64.powi(power)) as i64)
}

/// For serde: a text as [`parse`] takes it, or a number of bytes.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    struct Bytes;
    impl Visitor<'_> for Bytes {
        type Value = i64;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a size such as `64m`")
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<i64, E> {
            parse(text).map_err(E::custom)
        }
        fn visit_i64<E: Error>(self, bytes: i64) -> Result<i64, E> {
            Ok(bytes)
        }
        fn visit_u64<E: Error>(self, bytes: u64) -> Result<i64, E> {
            i64::try_from(bytes).map_err(E::custom)
        }
        fn visit_f64<E: Error>(self, bytes: f64) -> Result<i64, E> {
            Ok(bytes as i64)
        }
    }
    deserializer.deserialize_any(Bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_a_power_of_1024() {
        assert_eq!(parse("64m"), Ok(64 << 20));
        assert_eq!(parse("1.5 GiB"), Ok(3 << 29));
        assert_eq!(parse("100"), Ok(100));
        assert!(parse("12x").is_err() && parse("m").is_err());
    }
}
