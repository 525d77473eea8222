//! How Go prints: JSON, quoted texts, `printf`. Pure.

use serde_json::Value;

/// JSON on one line, as Go's encoder writes it without escaping for HTML.
pub fn json(value: &Value) -> String {
    escape_separators(&value.to_string())
}

/// JSON on one line, as Go's `json.Marshal` writes it: safe inside HTML.
pub fn json_escaped(value: &Value) -> String {
    let text = escape_separators(&value.to_string());
    text.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

fn escape_separators(text: &str) -> String {
    text.replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

/// A text in double quotes, as `strconv.Quote` writes it.
pub fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if u32::from(c) < 0x20 || u32::from(c) == 0x7f => {
                out.push_str(&format!("\\x{:02x}", u32::from(c)));
            }
            c if c.is_control() || (c.is_whitespace() && c != ' ') => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// `fmt.Sprintf`, for the verbs s, v, d, q, t, f, x and %, with width, `-`, `0` and precision.
pub fn sprintf(format: &str, arguments: &[&Value]) -> String {
    let mut out = String::new();
    let mut next = arguments.iter();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut flags = String::new();
        while let Some(flag) = chars.next_if(|c| "-0+ #".contains(*c)) {
            flags.push(flag);
        }
        let mut number = || {
            let mut digits = String::new();
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
            digits.parse::<usize>().ok()
        };
        let width = number().unwrap_or(0);
        let precision = match chars.next_if_eq(&'.') {
            None => None,
            Some(_) => {
                let mut digits = String::new();
                while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                    digits.push(digit);
                }
                Some(digits.parse::<usize>().unwrap_or(0))
            }
        };
        let Some(verb) = chars.next() else {
            out.push_str("%!(NOVERB)");
            break;
        };
        if verb == '%' {
            out.push('%');
            continue;
        }
        let Some(value) = next.next() else {
            out.push_str(&format!("%!{verb}(MISSING)"));
            continue;
        };
        let text = one(verb, value, precision);
        let fill = width.saturating_sub(text.chars().count());
        match () {
            () if flags.contains('-') => out.push_str(&format!("{text}{}", " ".repeat(fill))),
            () if flags.contains('0') => out.push_str(&format!("{}{text}", "0".repeat(fill))),
            () => out.push_str(&format!("{}{text}", " ".repeat(fill))),
        }
    }
    out
}

fn one(verb: char, value: &Value, precision: Option<usize>) -> String {
    let text = super::template::print(value);
    match (verb, value) {
        ('q', Value::String(text)) => quote(text),
        ('x', Value::Number(number)) => format!("{:x}", number.as_i64().unwrap_or_default()),
        ('f', Value::Number(number)) => {
            format!(
                "{:.*}",
                precision.unwrap_or(6),
                number.as_f64().unwrap_or_default()
            )
        }
        ('s', Value::String(_)) | ('v', Value::String(_)) => match precision {
            Some(most) => text.chars().take(most).collect(),
            None => text,
        },
        ('d', Value::Number(_)) | ('t', Value::Bool(_)) | ('v', _) => text,
        ('s', Value::Array(_) | Value::Object(_)) => text,
        (verb, value) => {
            let kind = match value {
                Value::String(_) => "string",
                Value::Bool(_) => "bool",
                _ => "int",
            };
            format!("%!{verb}({kind}={text})")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_as_go_does() {
        assert_eq!(quote("sh -c \"a\"\n…\u{1}"), "\"sh -c \\\"a\\\"\\n…\\x01\"");
    }

    #[test]
    fn json_is_safe_in_html_only_where_go_makes_it_so() {
        let value = Value::from("a->b & c");
        assert_eq!(json(&value), "\"a->b & c\"");
        assert_eq!(json_escaped(&value), "\"a-\\u003eb \\u0026 c\"");
    }
}
