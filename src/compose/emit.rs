//! Prints YAML as the library of Docker Compose writes it: what is printed reads back the same.
//!
//! Two blanks a level, lists indented below their key, no line folded. A text is plain where it
//! can be, a literal block where it has several lines, in double quotes where it would be read as
//! something else than a text, and in single quotes where an indicator stands in it.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write;

use crate::compose::node::Value;
use crate::compose::scalar;
use crate::project::Tree;
use crate::text::float;

/// A longer key does not stand on the line of its value.
const LONGEST_SIMPLE_KEY: usize = 128;

/// Notes stand behind their values from this column on, where the values leave room.
const NOTE_COLUMN: usize = 48;

/// The text of a tree, with a newline at the end.
pub fn yaml(tree: &Tree) -> String {
    Writer::write(tree, None)
}

/// The same with a comment behind every value that `note` has one for; it is asked with the keys
/// that lead to the value, list items by their index.
pub fn annotated(tree: &Tree, note: &dyn Fn(&[&str]) -> Option<String>) -> String {
    Writer::write(tree, Some(note))
}

type Note<'n> = &'n dyn Fn(&[&str]) -> Option<String>;

struct Writer<'n> {
    out: String,
    note: Option<Note<'n>>,
    /// The keys that lead to the value being written; empty without notes.
    path: Vec<String>,
}

impl<'n> Writer<'n> {
    fn write(tree: &Tree, note: Option<Note<'n>>) -> String {
        let mut writer = Self {
            out: String::new(),
            note,
            path: Vec::new(),
        };
        writer.node(tree, 0);
        if !writer.out.ends_with('\n') {
            writer.out.push('\n');
        }
        writer.out
    }

    /// Writes a value whose first line is already begun; `indent` is where its own lines begin.
    fn node(&mut self, tree: &Tree, indent: usize) {
        match tree {
            Tree::List(items) if !items.is_empty() => {
                for (index, item) in items.iter().enumerate() {
                    self.line(index, indent);
                    self.out.push_str("- ");
                    self.below(|| index.to_string(), |writer| writer.node(item, indent + 2));
                }
            }
            Tree::Fields(entries) if !entries.is_empty() => {
                for (index, entry) in entries.iter().enumerate() {
                    self.entry(index, entry, indent);
                }
            }
            Tree::Map(entries) if !entries.is_empty() => {
                let mut sorted: Vec<_> = entries.iter().collect();
                sorted.sort_by(|(a, _), (b, _)| key_order(a, b));
                for (index, entry) in sorted.into_iter().enumerate() {
                    self.entry(index, entry, indent);
                }
            }
            leaf => self.leaf(leaf, indent),
        }
    }

    fn leaf(&mut self, tree: &Tree, indent: usize) {
        let out = &mut self.out;
        match tree {
            Tree::Null => out.push_str("null"),
            Tree::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Tree::Int(value) => out.push_str(&value.to_string()),
            Tree::Uint(value) => out.push_str(&value.to_string()),
            Tree::Float32(value) => number(f64::from(*value), &float::general(*value), out),
            Tree::Float(value) => number(*value, &float::general(*value), out),
            Tree::List(_) => out.push_str("[]"),
            Tree::Map(_) | Tree::Fields(_) => out.push_str("{}"),
            Tree::Text(value) => {
                if let Some(rest) = text(value, indent, out) {
                    self.annotate();
                    return self.out.push_str(&rest);
                }
            }
        }
        self.annotate();
    }

    fn entry(&mut self, index: usize, (key, value): &(Cow<'_, str>, Tree), indent: usize) {
        self.line(index, indent);
        let inner = |writer: &mut Self| writer.node(value, indent + 2);
        let multiline = key.contains(is_break);
        if multiline || key.len() > LONGEST_SIMPLE_KEY {
            self.out.push_str("? ");
            if let Some(rest) = text(key, indent + 2, &mut self.out) {
                self.out.push_str(&rest);
            }
            self.line(1, indent);
            self.out.push_str(": ");
            return self.below(|| key.to_string(), inner);
        }
        // A key of one line is never a block.
        let _ = text(key, indent, &mut self.out);
        self.out.push(':');
        let filled = match value {
            Tree::List(items) => !items.is_empty(),
            Tree::Map(entries) | Tree::Fields(entries) => !entries.is_empty(),
            _ => false,
        };
        match filled {
            true => self.line(1, indent + 2),
            false => self.out.push(' '),
        }
        self.below(|| key.to_string(), inner);
    }

    /// Begins a line, but for the first item of a collection: its line is begun already.
    fn line(&mut self, index: usize, indent: usize) {
        if index == 0 {
            return;
        }
        if !self.out.ends_with('\n') {
            self.out.push('\n');
        }
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    fn below(&mut self, key: impl FnOnce() -> String, write: impl FnOnce(&mut Self)) {
        if self.note.is_none() {
            return write(self);
        }
        self.path.push(key());
        write(self);
        self.path.pop();
    }

    fn annotate(&mut self) {
        let Some(note) = self.note else { return };
        let path: Vec<&str> = self.path.iter().map(String::as_str).collect();
        let Some(note) = note(&path) else { return };
        let start = self.out.rfind('\n').map_or(0, |at| at + 1);
        let width = self.out[start..].chars().count();
        let blanks = NOTE_COLUMN.saturating_sub(width).max(2);
        self.out.extend(std::iter::repeat_n(' ', blanks));
        self.out.push_str("# ");
        self.out.push_str(&note.replace('\n', " "));
    }
}

fn number(value: f64, shown: &str, out: &mut String) {
    out.push_str(match value {
        v if v.is_nan() => ".nan",
        f64::INFINITY => ".inf",
        f64::NEG_INFINITY => "-.inf",
        _ => shown,
    });
}

/// What the characters of a text allow.
#[derive(Default)]
struct Traits {
    /// It cannot stand plain.
    indicators: bool,
    /// It has more than one line.
    lines: bool,
    /// A blank or a line break is at its start or its end.
    edges: bool,
    trailing_blank: bool,
    tabs: bool,
    /// Characters that need an escape.
    special: bool,
    /// A blank before a line break, which a block would lose.
    blank_before_break: bool,
}

impl Traits {
    fn of(text: &str) -> Self {
        let mut traits = Self {
            indicators: text.starts_with("---") || text.starts_with("..."),
            ..Self::default()
        };
        let mut previous = None;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let before_blank = matches!(chars.peek(), None | Some(' ' | '\t'));
            let first = previous.is_none();
            let last = chars.peek().is_none();
            traits.indicators |= match c {
                '#' => first || previous.is_some_and(|c| c == ' ' || c == '\t' || is_break(c)),
                ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
                | '@' | '`' => first,
                '?' | '-' => first && before_blank,
                ':' => before_blank,
                _ => false,
            };
            match c {
                '\t' => traits.tabs = true,
                ' ' => {
                    traits.edges |= first || last;
                    traits.trailing_blank |= last;
                }
                c if is_break(c) => {
                    traits.lines = true;
                    traits.edges |= first || last;
                    traits.blank_before_break |= previous == Some(' ');
                    traits.special |= c != '\n';
                }
                c => traits.special |= !is_printable(c),
            }
            previous = Some(c);
        }
        traits
    }
}

/// Writes a text in the style that its content asks for; of a block only the header is written, and
/// the lines are returned.
fn text(text: &str, indent: usize, out: &mut String) -> Option<String> {
    let traits = Traits::of(text);
    // A block that begins with a tab is what the library writes and cannot read.
    let in_block = traits.lines && !traits.trailing_blank && !text.starts_with('\t');
    if traits.special || traits.blank_before_break {
        double_quoted(text, out);
    } else if in_block {
        return Some(literal(text, indent, out));
    } else if traits.lines || traits.tabs || reads_as_something_else(text) {
        double_quoted(text, out);
    } else if traits.indicators || traits.edges {
        out.push('\'');
        out.push_str(&text.replace('\'', "''"));
        out.push('\'');
    } else {
        out.push_str(text);
    }
    None
}

/// Whether a plain text would be read as nothing, a truth value, a number or a date; by this
/// library, or by one that follows YAML 1.1.
fn reads_as_something_else(text: &str) -> bool {
    const OLD_BOOLEANS: [&str; 16] = [
        "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no", "No", "NO", "off", "Off",
        "OFF",
    ];
    !matches!(scalar::resolve(text), Value::Text(_))
        || OLD_BOOLEANS.contains(&text)
        || is_sexagesimal(text)
}

/// `22:22`, `+1:30:05.5`: a number of YAML 1.1, and a port mapping of Compose.
fn is_sexagesimal(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = match digits.rsplit_once(':') {
        Some((front, last)) => match last.split_once('.') {
            Some((last, fraction)) => (&digits[..front.len() + 1 + last.len()], fraction),
            None => (digits, ""),
        },
        None => return false,
    };
    let digit_or_line = |b: u8| b.is_ascii_digit() || b == b'_';
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or_default();
    first.starts_with(|c: char| c.is_ascii_digit())
        && first.bytes().all(digit_or_line)
        && fraction.bytes().all(digit_or_line)
        && parts.all(|part| {
            let bytes = part.as_bytes();
            match bytes.len() {
                1 => bytes[0].is_ascii_digit(),
                2 => (b'0'..=b'5').contains(&bytes[0]) && bytes[1].is_ascii_digit(),
                _ => false,
            }
        })
}

/// Writes the header of a block, and returns its lines.
fn literal(text: &str, indent: usize, header: &mut String) -> String {
    header.push('|');
    if text.starts_with([' ', '\n']) {
        header.push('2');
    }
    match text.strip_suffix('\n') {
        None => header.push('-'),
        Some(rest) if rest.is_empty() || rest.ends_with('\n') => header.push('+'),
        Some(_) => {}
    }
    let mut lines = String::new();
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        lines.push('\n');
        if !line.is_empty() {
            lines.extend(std::iter::repeat_n(' ', indent));
            lines.push_str(line);
        }
    }
    if text.ends_with('\n') {
        lines.push('\n');
    }
    lines
}

fn double_quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        let short = match c {
            '\0' => '0',
            '\x07' => 'a',
            '\x08' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\x0b' => 'v',
            '\x0c' => 'f',
            '\r' => 'r',
            '\x1b' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            c if is_printable(c) => {
                out.push(c);
                continue;
            }
            c => {
                let code = u32::from(c);
                // Writing to a `String` cannot fail.
                let _ = match code {
                    0..=0xff => write!(out, "\\x{code:02X}"),
                    0x100..=0xffff => write!(out, "\\u{code:04X}"),
                    _ => write!(out, "\\U{code:08X}"),
                };
                continue;
            }
        };
        out.push('\\');
        out.push(short);
    }
    out.push('"');
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What the library takes for printable; it leaves out what lies above the basic plane.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

/// The order of keys: numbers inside them count as numbers, letters come after everything else.
fn key_order(a: &str, b: &str) -> Ordering {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut after_digit = false;
    for at in 0..a.len().min(b.len()) {
        let (x, y) = (a[at], b[at]);
        if x == y {
            after_digit = x.is_numeric();
            continue;
        }
        return match (x.is_alphabetic(), y.is_alphabetic()) {
            (true, true) => x.cmp(&y),
            (true, false) if after_digit => Ordering::Less,
            (true, false) => Ordering::Greater,
            (false, true) if after_digit => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => digits_order(&a, &b, at),
        };
    }
    a.len().cmp(&b.len())
}

/// The order of two keys that differ first at `at`, where neither has a letter.
fn digits_order(a: &[char], b: &[char], at: usize) -> Ordering {
    // Behind other digits a zero is no leading zero: `100` comes after `20`, not before.
    let behind_digits = (a[at] == '0' || b[at] == '0')
        && a[..at]
            .iter()
            .rev()
            .take_while(|c| c.is_ascii_digit())
            .any(|&c| c != '0');
    let read = |key: &[char]| {
        key[at..].iter().map_while(|c| c.to_digit(10)).fold(
            (i64::from(behind_digits), 0),
            |(number, length), digit| {
                let number = number.wrapping_mul(10).wrapping_add(digit.into());
                (number, length + 1)
            },
        )
    };
    let (a_number, a_length): (i64, usize) = read(a);
    let (b_number, b_length) = read(b);
    a_number
        .cmp(&b_number)
        .then(a_length.cmp(&b_length))
        .then(a[at].cmp(&b[at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: Vec<(&str, Tree)>) -> Tree {
        Tree::Map(
            entries
                .into_iter()
                .map(|(key, value)| (key.to_owned().into(), value))
                .collect(),
        )
    }

    /// The right side is what `docker compose config` 2.40.3 printed.
    #[test]
    fn every_text_is_written_as_compose_writes_it() {
        for (text, written) in [
            ("plain", "plain"),
            ("", "\"\""),
            ("a b", "a b"),
            (" lead", "' lead'"),
            ("trail ", "'trail '"),
            ("yes", "\"yes\""),
            ("No", "\"No\""),
            ("on", "\"on\""),
            ("y", "\"y\""),
            ("true", "\"true\""),
            ("False", "\"False\""),
            ("null", "\"null\""),
            ("~", "\"~\""),
            ("Null", "\"Null\""),
            ("123", "\"123\""),
            ("0x1F", "\"0x1F\""),
            ("0o17", "\"0o17\""),
            ("1_000", "\"1_000\""),
            ("1.5", "\"1.5\""),
            ("1e3", "\"1e3\""),
            (".5", "\".5\""),
            (".inf", "\".inf\""),
            ("22:22", "\"22:22\""),
            ("1:30:05.5", "\"1:30:05.5\""),
            ("80:80", "80:80"),
            ("+12:34", "\"+12:34\""),
            ("8080:80", "8080:80"),
            ("12:99", "12:99"),
            ("2001-01-01", "\"2001-01-01\""),
            ("2001-01-01T10:00:00Z", "\"2001-01-01T10:00:00Z\""),
            ("2001-1-1 1:2:3", "\"2001-1-1 1:2:3\""),
            ("2001-13-01", "2001-13-01"),
            ("# c", "'# c'"),
            ("a #b", "'a #b'"),
            ("a# b", "a# b"),
            ("a: b", "'a: b'"),
            ("a:b", "a:b"),
            ("a:", "'a:'"),
            ("- a", "'- a'"),
            ("-a", "-a"),
            ("-", "'-'"),
            ("--- x", "'--- x'"),
            ("...", "'...'"),
            ("? a", "'? a'"),
            ("?a", "?a"),
            (":a", ":a"),
            (": a", "': a'"),
            ("[a]", "'[a]'"),
            ("{a}", "'{a}'"),
            ("&a", "'&a'"),
            ("*a", "'*a'"),
            ("!a", "'!a'"),
            ("|a", "'|a'"),
            (">a", "'>a'"),
            ("'a'", "'''a'''"),
            ("\"a\"", "'\"a\"'"),
            ("%a", "'%a'"),
            ("@a", "'@a'"),
            ("`a`", "'`a`'"),
            ("it's", "it's"),
            ("a'b: c", "'a''b: c'"),
            ("a, b", "a, b"),
            ("a\tb", "\"a\\tb\""),
            ("\ta", "\"\\ta\""),
            ("multi\nline", "|-\n  multi\n  line"),
            ("multi\nline\n", "|\n  multi\n  line"),
            ("multi\n\nline\n\n", "|+\n  multi\n\n  line\n"),
            ("\n", "|2+\n"),
            ("a\n", "|\n  a"),
            ("\nlead", "|2-\n\n  lead"),
            ("\n\nlead2\nx", "|2-\n\n\n  lead2\n  x"),
            (" lead\nx", "|2-\n   lead\n  x"),
            ("x\n y\n", "|\n  x\n   y"),
            ("x \ny", "\"x \\ny\""),
            ("x\n ", "\"x\\n \""),
            ("x\n\ty", "|-\n  x\n  \ty"),
            ("tab\tin\nblock", "|-\n  tab\tin\n  block"),
            ("é", "é"),
            ("日本", "日本"),
            ("\u{1f600}", "\"\\U0001F600\""),
            ("a\u{a0}b", "a\u{a0}b"),
            ("a\u{85}b", "\"a\\Nb\""),
            ("a\u{1}b", "\"a\\x01b\""),
            ("a\u{7f}b", "\"a\\x7Fb\""),
            ("a\rb", "\"a\\rb\""),
            ("a\r\nb", "\"a\\r\\nb\""),
            ("a\\b", "a\\b"),
            ("a\"b: ", "'a\"b: '"),
            ("<<", "<<"),
            ("=", "="),
            ("!!str", "'!!str'"),
            ("0", "\"0\""),
            ("-1", "\"-1\""),
            ("00", "\"00\""),
            ("08", "\"08\""),
            ("0.", "\"0.\""),
            ("1.", "\"1.\""),
            ("-.5", "\"-.5\""),
            ("+1", "\"+1\""),
            ("0b11", "\"0b11\""),
            ("1e", "1e"),
            ("0x", "0x"),
            ("_1", "_1"),
            ("1__0", "\"1__0\""),
            ("nan", "nan"),
            (".nan", "\".nan\""),
            ("-.inf", "\"-.inf\""),
            ("+.inf", "\"+.inf\""),
            ("1.0.0", "1.0.0"),
            ("1.2.3.4", "1.2.3.4"),
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("http://x:80/y?z#f", "http://x:80/y?z#f"),
            ("$$VAR", "$$VAR"),
            ("${X}", "${X}"),
            ("%Y", "'%Y'"),
            ("a\n#b\n", "|\n  a\n  #b"),
            ("#a\nb", "|-\n  #a\n  b"),
            ("- a\n- b\n", "|\n  - a\n  - b"),
            ("key: v\nk2: v2", "|-\n  key: v\n  k2: v2"),
            ("\"q\"\nx", "|-\n  \"q\"\n  x"),
            ("a\n\nb", "|-\n  a\n\n  b"),
            ("trail \nx", "\"trail \\nx\""),
            ("nbsp\u{a0}end\u{a0}", "nbsp\u{a0}end\u{a0}"),
            ("Y", "\"Y\""),
            ("N", "\"N\""),
            ("off", "\"off\""),
            ("OFF", "\"OFF\""),
            ("oFF", "oFF"),
            ("tRUE", "tRUE"),
            ("TRUE", "\"TRUE\""),
            ("0644", "\"0644\""),
            ("1,000", "1,000"),
            ("0777_1", "\"0777_1\""),
            ("--", "--"),
            ("-- x", "-- x"),
            ("---", "'---'"),
            ("..", ".."),
            ("....", "'....'"),
            ("a\n---\nb", "|-\n  a\n  ---\n  b"),
            ("\\n", "\\n"),
            ("x\n\n\n y", "|-\n  x\n\n\n   y"),
            ("\u{200b}", "\u{200b}"),
            ("\u{e000}", "\u{e000}"),
            ("\u{ffff}", "\"\\uFFFF\""),
            ("\u{fffd}", "\u{fffd}"),
            ("\u{ff11}\u{ff12}", "\u{ff11}\u{ff12}"),
            ("1e400", "1e400"),
            ("190:20:30", "\"190:20:30\""),
            ("190:20:30.15", "\"190:20:30.15\""),
            ("1:2:3_", "1:2:3_"),
            ("12e03", "\"12e03\""),
            ("-2E+05", "\"-2E+05\""),
            ("0.1e-5", "\"0.1e-5\""),
            ("0o8", "0o8"),
            ("0b2", "0b2"),
            ("0x_1", "\"0x_1\""),
            ("1_", "\"1_\""),
            ("_", "_"),
            ("-_1", "\"-_1\""),
            ("-0b1", "\"-0b1\""),
            ("-0o7", "\"-0o7\""),
            ("-0x1", "\"-0x1\""),
            ("+0x1", "\"+0x1\""),
            ("+0b1", "\"+0b1\""),
            ("2001-01-01t1:1:1.5+01:00", "\"2001-01-01t1:1:1.5+01:00\""),
            ("20010-01-01", "20010-01-01"),
            ("2001-02-30", "2001-02-30"),
            ("2000-02-29", "\"2000-02-29\""),
        ] {
            let tree = map(vec![("v", Tree::Text(text.to_owned()))]);
            assert_eq!(yaml(&tree), format!("v: {written}\n"), "{text:?}");
        }
    }

    #[test]
    fn keys_are_sorted_and_written_as_compose_sorts_and_writes_them() {
        let long = "long-key-".to_owned() + &"a".repeat(120);
        let sorted = [
            "#x", "_", "1", "01", "2", "10", "A", "a", "a-b", "a.b", "a: b", "a:b", "a_b", "a1b",
            "a9", "a10", "a20", "a020", "a100", "aB", "ab", "k 1", &long, "yes", "é",
        ];
        let mut entries: Vec<_> = sorted.map(|key| (key, Tree::Null)).into();
        entries.reverse();
        let expected: String = sorted
            .map(|key| match key {
                "#x" | "a: b" => format!("'{key}': null\n"),
                "1" | "01" | "2" | "10" | "yes" => format!("\"{key}\": null\n"),
                key if key == long => format!("? {key}\n: null\n"),
                key => format!("{key}: null\n"),
            })
            .concat();
        assert_eq!(yaml(&map(entries)), expected);
    }

    #[test]
    fn collections_nest_as_compose_nests_them() {
        let text = |text: &str| Tree::Text(text.into());
        let tree = map(vec![
            (
                "l",
                Tree::List(vec![
                    Tree::List(vec![
                        Tree::Int(1),
                        Tree::List(vec![
                            Tree::Int(2),
                            map(vec![("a", text("b")), ("c", Tree::List(vec![text("x")]))]),
                        ]),
                    ]),
                    Tree::List(Vec::new()),
                    map(Vec::new()),
                    map(vec![("e", map(Vec::new())), ("n", Tree::Null)]),
                    text("multi\nline"),
                    map(vec![("k", text("m\nl\n"))]),
                ]),
            ),
            ("m1", map(vec![("x\ny", map(vec![("a", text("b"))]))])),
            (
                "m2",
                map(vec![("x\ny", Tree::List(vec![text("a"), text("b")]))]),
            ),
            ("n", Tree::Float32(0.7)),
            ("o", Tree::Float(f64::NEG_INFINITY)),
            ("p", Tree::Float(12_345_678.9)),
        ]);
        assert_eq!(
            yaml(&tree),
            "\
l:
  - - 1
    - - 2
      - a: b
        c:
          - x
  - []
  - {}
  - e: {}
    \"n\": null
  - |-
    multi
    line
  - k: |
      m
      l
m1:
  ? |-
    x
    y
  : a: b
m2:
  ? |-
    x
    y
  : - a
    - b
\"n\": 0.7
o: -.inf
p: 1.23456789e+07
"
        );
    }

    #[test]
    fn notes_stand_behind_their_values() {
        let text = |text: &str| Tree::Text(text.into());
        let tree = map(vec![
            (
                "a",
                Tree::List(vec![text("x"), map(vec![("k", text("m\nl"))])]),
            ),
            ("b", map(Vec::new())),
            ("c", text(&"long".repeat(12))),
        ]);
        let note = |path: &[&str]| Some(path.join("/")).filter(|path| path != "a/0");
        let expected = format!(
            "a:\n  - x\n  - k: |-{:39}# a/1/k\n      m\n      l\nb: {{}}{:43}# b\nc: {}  # c\n",
            "",
            "",
            "long".repeat(12)
        );
        assert_eq!(annotated(&tree, &note), expected);
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_reads_back_the_same(
            texts in proptest::collection::btree_map("(?s).{0,12}", "(?s)[ -~\n\t]{0,20}|.{0,20}", 1..6)
        ) {
            let entries = texts.iter();
            let tree = map(entries.map(|(k, v)| (k.as_str(), Tree::Text(v.clone()))).collect());
            let nested = Tree::List(vec![tree.clone(), map(vec![("in", tree)])]);
            let read: serde_yaml::Value = serde_yaml::from_str(&yaml(&nested)).unwrap();
            let expected = serde_yaml::to_value(&nested).unwrap();
            proptest::prop_assert_eq!(read, expected);
        }
    }
}
