//! What a plain scalar means: the rules of the YAML library that Docker Compose is built on.
//!
//! They are neither YAML 1.1's nor 1.2's: `0644` and `0o644` are octal, `yes` is a text, `1_000` is
//! a number, `08` is a float, and a date is a date.

use super::node::Value;

/// The value of a plain scalar without a tag.
pub fn resolve(text: &str) -> Value {
    let first = text.as_bytes().first().copied();
    let Some(first) = first else {
        return Value::Null;
    };
    if !matches!(
        first,
        b'+' | b'-' | b'.' | b'~' | b'0'..=b'9' | b'n' | b'N' | b't' | b'T' | b'f' | b'F'
    ) {
        return Value::Text(text.into());
    }
    if let Some(value) = word(text) {
        return value;
    }
    match first {
        b'.' => float(text).unwrap_or_else(|| Value::Text(text.into())),
        b'+' | b'-' | b'0'..=b'9' if is_time(text) => Value::Time(text.into()),
        b'+' | b'-' | b'0'..=b'9' => number(text).unwrap_or_else(|| Value::Text(text.into())),
        _ => Value::Text(text.into()),
    }
}

/// The words that stand for values.
fn word(text: &str) -> Option<Value> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Value::Float(f64::NEG_INFINITY),
        _ => return None,
    })
}

/// A number in any of its forms.
fn number(text: &str) -> Option<Value> {
    let plain = match text.contains('_') {
        true => &text.replace('_', ""),
        false => text,
    };
    let (sign, digits) = match plain.as_bytes().first()? {
        b'-' => (-1_i128, &plain[1..]),
        b'+' => (1, &plain[1..]),
        _ => (1, plain),
    };
    let lower = |a: &str, b: &str| digits.strip_prefix(a).or_else(|| digits.strip_prefix(b));
    let (radix, digits) = match digits {
        _ if lower("0x", "0X").is_some() => (16, &digits[2..]),
        _ if lower("0o", "0O").is_some() => (8, &digits[2..]),
        _ if lower("0b", "0B").is_some() => (2, &digits[2..]),
        _ if digits.len() > 1 && digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    if !digits.is_empty()
        && digits.bytes().all(|b| (b as char).is_digit(radix))
        && let Ok(magnitude) = i128::from_str_radix(digits, radix)
    {
        let value = sign * magnitude;
        if let Ok(value) = i64::try_from(value) {
            return Some(Value::Int(value));
        }
        if let (Ok(value), b'0'..=b'9') = (u64::try_from(value), plain.as_bytes()[0]) {
            return Some(Value::Uint(value));
        }
    }
    float(plain)
}

/// A decimal float: `1`, `1.`, `.5`, `1.5e3`, with a sign.
fn float(text: &str) -> Option<Value> {
    let rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let well_formed = digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !exponent.is_empty() && digits(exponent)
        });
    let value: f64 = well_formed.then(|| text.parse().ok()).flatten()?;
    value.is_finite().then_some(Value::Float(value))
}

/// `2001-01-01`, or such a date with a time.
fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || bytes[4] != b'-' || !bytes[..4].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some((text.as_bytes()[at], &text[at + 1..]))),
        None => (text, None),
    };
    let mut parts = date.split('-').skip(1);
    let month = parts.next().and_then(|part| field(part, 1, 12));
    let day = parts.next().and_then(|part| field(part, 1, 31));
    let (Some(month), Some(day), None) = (month, day, parts.next()) else {
        return false;
    };
    let year: u32 = text[..4].parse().unwrap_or_default();
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let longest = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    day <= longest && time.is_none_or(|(separator, time)| is_clock(time, separator != b' '))
}

/// `15:4:5.999`, with a zone after it or without one.
fn is_clock(text: &str, zoned: bool) -> bool {
    let (clock, zone) = match text.find(['Z', '+', '-']) {
        Some(at) => (&text[..at], Some(&text[at..])),
        None => (text, None),
    };
    let mut parts = clock.split(':');
    let hour = parts.next().and_then(|part| field(part, 0, 23));
    let minute = parts.next().and_then(|part| field(part, 0, 59));
    let Some((second, fraction)) = parts.next().map(|s| s.split_once('.').unwrap_or((s, "0")))
    else {
        return false;
    };
    let zone_fits = match zone {
        None => !zoned,
        Some("Z") => zoned,
        Some(zone) => zoned && zone.len() == 6 && zone.as_bytes()[3] == b':',
    };
    hour.is_some()
        && minute.is_some()
        && field(second, 0, 59).is_some()
        && fraction.bytes().all(|b| b.is_ascii_digit())
        && parts.next().is_none()
        && zone_fits
}

/// One or two digits within a range.
fn field(text: &str, low: u32, high: u32) -> Option<u32> {
    let digits = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let value = digits.then(|| text.parse().ok()).flatten()?;
    (low..=high).contains(&value).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_mean_what_docker_compose_takes_them_for() {
        for (text, printed) in [
            ("0644", "420"),
            ("0o644", "420"),
            ("0x1F", "31"),
            ("0b101", "5"),
            ("1_000", "1000"),
            ("+1", "1"),
            ("1.10", "1.1"),
            ("1.0", "1"),
            ("-0", "0"),
            ("08", "8"),
            ("12345678.9", "1.23456789e+07"),
            ("1e6", "1e+06"),
            ("1e3", "1000"),
            ("999999.5", "999999.5"),
            ("123456789012345678901", "1.2345678901234568e+20"),
        ] {
            assert_eq!(resolve(text).to_string(), printed, "{text}");
            assert!(!matches!(resolve(text), Value::Text(_)), "{text}");
        }
        for text in [
            "yes",
            "on",
            "22:22",
            "1.2.3",
            "0x",
            "1e",
            "-",
            "nullable",
            "2001-13-01",
        ] {
            assert!(matches!(resolve(text), Value::Text(_)), "{text}");
        }
        for text in ["2001-01-01", "2001-1-1 1:2:3", "2001-01-01T00:00:00Z"] {
            assert!(matches!(resolve(text), Value::Time(_)), "{text}");
        }
    }
}
