//! JSON as Go's `encoding/json` writes it: HTML-safe, and indented by two blanks or compact.

use std::fmt::{self, Write};

use super::Tree;
use crate::text::float;

/// The text of a tree as `config --format json` prints it; no newline at the end.
pub fn json(tree: &Tree) -> String {
    let mut out = String::new();
    // Writing to a `String` cannot fail.
    let _ = write(tree, Some(0), &mut out);
    out
}

/// Writes a tree without any blank, as it is hashed.
///
/// # Errors
/// Those of the writer.
pub fn write_compact(tree: &Tree, out: &mut impl Write) -> fmt::Result {
    write(tree, None, out)
}

/// `depth` is the indentation of the line that the value begins on, where lines are broken at all.
fn write(tree: &Tree, depth: Option<usize>, out: &mut impl Write) -> fmt::Result {
    match tree {
        Tree::Null => out.write_str("null"),
        Tree::Bool(value) => write!(out, "{value}"),
        Tree::Int(value) => write!(out, "{value}"),
        Tree::Uint(value) => write!(out, "{value}"),
        Tree::Float32(value) => out.write_str(&float::json(*value)),
        Tree::Float(value) => out.write_str(&float::json(*value)),
        Tree::Text(value) => write_text(value, out),
        Tree::List(items) => {
            let inner = depth.map(|depth| depth + 1);
            out.write_char('[')?;
            for (index, item) in items.iter().enumerate() {
                separate(index, inner, out)?;
                write(item, inner, out)?;
            }
            close(items.len(), depth, out)?;
            out.write_char(']')
        }
        Tree::Map(entries) | Tree::Fields(entries) => {
            let inner = depth.map(|depth| depth + 1);
            out.write_char('{')?;
            for (index, (key, value)) in entries.iter().enumerate() {
                separate(index, inner, out)?;
                write_text(key, out)?;
                out.write_str(if depth.is_some() { ": " } else { ":" })?;
                write(value, inner, out)?;
            }
            close(entries.len(), depth, out)?;
            out.write_char('}')
        }
    }
}

fn separate(index: usize, depth: Option<usize>, out: &mut impl Write) -> fmt::Result {
    if index > 0 {
        out.write_char(',')?;
    }
    break_line(depth, out)
}

fn close(items: usize, depth: Option<usize>, out: &mut impl Write) -> fmt::Result {
    match items {
        0 => Ok(()),
        _ => break_line(depth, out),
    }
}

fn break_line(depth: Option<usize>, out: &mut impl Write) -> fmt::Result {
    match depth {
        Some(depth) => write!(out, "\n{:width$}", "", width = depth * 2),
        None => Ok(()),
    }
}

/// A text in quotes; `<`, `>`, `&` and the two Unicode line separators are escaped, as Go does.
fn write_text(text: &str, out: &mut impl Write) -> fmt::Result {
    out.write_char('"')?;
    let mut done = 0;
    for (at, c) in text.char_indices() {
        let short = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\x08' => "\\b",
            '\x0c' => "\\f",
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\x1f' => "",
            _ => continue,
        };
        out.write_str(&text[done..at])?;
        match short {
            "" => write!(out, "\\u{:04x}", u32::from(c))?,
            short => out.write_str(short)?,
        }
        done = at + c.len_utf8();
    }
    out.write_str(&text[done..])?;
    out.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        Tree::Fields(vec![
            ("command".into(), Tree::Null),
            ("cpus".into(), Tree::Float32(0.7)),
            ("empty".into(), Tree::Map(Vec::new())),
            ("none".into(), Tree::List(Vec::new())),
            (
                "list".into(),
                Tree::List(vec![Tree::Int(-1), Tree::Bool(true), Tree::Uint(u64::MAX)]),
            ),
            (
                "text".into(),
                Tree::Text("a<b> & \"c\"\\\n\t\u{1}\x08\x7f é 😀 \u{2028}".into()),
            ),
            ("big".into(), Tree::Float(1e21)),
        ])
    }

    #[test]
    fn json_is_written_as_go_writes_it() {
        assert_eq!(
            json(&tree()),
            "{
  \"command\": null,
  \"cpus\": 0.7,
  \"empty\": {},
  \"none\": [],
  \"list\": [
    -1,
    true,
    18446744073709551615
  ],
  \"text\": \"a\\u003cb\\u003e \\u0026 \\\"c\\\"\\\\\\n\\t\\u0001\\b\x7f é 😀 \\u2028\",
  \"big\": 1e+21
}"
        );
        let mut compact = String::new();
        write_compact(&tree(), &mut compact).unwrap();
        assert!(compact.starts_with(
            "{\"command\":null,\"cpus\":0.7,\"empty\":{},\"none\":[],\"list\":[-1,true,"
        ));
    }
}
