//! What `why`, `timeline`, `graph` and `alpha viz` print: data in, text out. Pure.

pub mod graph;
pub mod timeline;
pub mod viz;
pub mod why;

use std::time::Duration;

/// A span as it is read at a glance: `9 ms`, `412 ms`, `1.91 s`, `2 min 5 s`.
pub fn span(micros: u64) -> String {
    let span = Duration::from_micros(micros);
    match span.as_millis() {
        0 => "< 1 ms".to_owned(),
        ms @ 1..1000 => format!("{ms} ms"),
        1000..9995 => format!("{:.2} s", span.as_secs_f64()),
        9995..60_000 => format!("{:.1} s", span.as_secs_f64()),
        _ => format!("{} min {} s", span.as_secs() / 60, span.as_secs() % 60),
    }
}

/// A text with blanks up to a width that counts columns, not bytes.
fn padded(text: &str, width: usize) -> String {
    console::pad_str(text, width, console::Alignment::Left, None).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_at_a_glance() {
        let spans = [
            12,
            9_400,
            412_000,
            1_905_634,
            9_996_000,
            59_990_000,
            125_000_000,
        ];
        assert_eq!(
            spans.map(span).join(", "),
            "< 1 ms, 9 ms, 412 ms, 1.91 s, 10.0 s, 60.0 s, 2 min 5 s"
        );
    }
}
