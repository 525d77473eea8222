//! Floating-point numbers as Go prints them.

use std::fmt::LowerExp;

/// Go's `%v`, `%g` and go-yaml: plain from 0.0001 up to a million, else `1.5e+06`.
///
/// The shortest text that reads back as the same number. Pass an `f32` where Go has a `float32`:
/// its shortest text is another one.
pub fn general(number: impl LowerExp) -> String {
    let digits = match Digits::of(number) {
        Ok(digits) => digits,
        Err(word) => return word.to_owned(),
    };
    match digits.exponent {
        -4..=5 => digits.plain(),
        _ => digits.scientific(2),
    }
}

/// Go's `encoding/json`: plain from a millionth up to 10²¹, else `1.5e-7`. JSON has no word for what
/// is no number; Go refuses to print it, here it is `null`.
pub fn json(number: impl LowerExp) -> String {
    let Ok(digits) = Digits::of(number) else {
        return "null".to_owned();
    };
    match digits.exponent {
        -6..=20 => digits.plain(),
        _ => digits.scientific(1),
    }
}

/// The shortest decimal digits of a number: `d.ddd × 10^exponent`.
struct Digits {
    negative: bool,
    digits: String,
    exponent: i32,
}

impl Digits {
    /// The digits; Go's word for what has none.
    fn of(number: impl LowerExp) -> Result<Self, &'static str> {
        let text = format!("{number:e}");
        // What has no exponent is no number.
        let Some((mantissa, exponent)) = text.split_once('e') else {
            return Err(match text.as_str() {
                "inf" => "+Inf",
                "-inf" => "-Inf",
                _ => "NaN",
            });
        };
        Ok(Self {
            negative: mantissa.starts_with('-'),
            digits: mantissa.replace(['.', '-'], ""),
            exponent: exponent.parse().unwrap_or(0),
        })
    }

    fn sign(&self) -> &'static str {
        if self.negative { "-" } else { "" }
    }

    fn plain(&self) -> String {
        let Self {
            digits, exponent, ..
        } = self;
        let sign = self.sign();
        match usize::try_from(*exponent) {
            Err(_) => {
                let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
                format!("{sign}0.{zeros}{digits}")
            }
            Ok(point) if digits.len() > point + 1 => {
                let (whole, fraction) = digits.split_at(point + 1);
                format!("{sign}{whole}.{fraction}")
            }
            Ok(point) => {
                let zeros = "0".repeat(point + 1 - digits.len());
                format!("{sign}{digits}{zeros}")
            }
        }
    }

    fn scientific(&self, width: usize) -> String {
        let Self {
            digits, exponent, ..
        } = self;
        let (first, rest) = digits.split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        let direction = if *exponent < 0 { '-' } else { '+' };
        let sign = self.sign();
        let power = exponent.unsigned_abs();
        format!("{sign}{first}{point}{rest}e{direction}{power:0width$}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_as_go_prints_them() {
        for (number, shown, in_json) in [
            (0.0, "0", "0"),
            (-0.0, "-0", "-0"),
            (1.0, "1", "1"),
            (1.10, "1.1", "1.1"),
            (-2.5, "-2.5", "-2.5"),
            (100_000.0, "100000", "100000"),
            (1e6, "1e+06", "1000000"),
            (12_345_678.9, "1.23456789e+07", "12345678.9"),
            (123_456.7, "123456.7", "123456.7"),
            (
                1.2345678901234568e20,
                "1.2345678901234568e+20",
                "123456789012345680000",
            ),
            (1e21, "1e+21", "1e+21"),
            (0.0001, "0.0001", "0.0001"),
            (0.00001, "1e-05", "0.00001"),
            (0.000_000_123, "1.23e-07", "1.23e-7"),
            (1e-300, "1e-300", "1e-300"),
            (f64::INFINITY, "+Inf", "null"),
            (f64::NEG_INFINITY, "-Inf", "null"),
            (f64::NAN, "NaN", "null"),
            (0.1 + 0.2, "0.30000000000000004", "0.30000000000000004"),
        ] {
            assert_eq!(general(number), shown);
            assert_eq!(json(number), in_json);
        }
        assert_eq!(general(0.1_f32), "0.1");
        assert_eq!(json(0.7_f32), "0.7");
        assert_eq!(general(f64::from(0.1_f32)), "0.10000000149011612");
    }
}
