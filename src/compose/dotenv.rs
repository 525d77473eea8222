//! `.env` and `env_file` files: the dotenv grammar of Compose, and the `raw` format of Docker.
//!
//! The dotenv grammar is that of compose-go: `export`, `KEY=value`, `KEY: value`, a bare `KEY`
//! that is inherited, single quotes (literal), double quotes (escapes, then variables), values
//! over several lines, and variables in unquoted values.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use super::interpolate::{self, Budget, Lookup, Use, interpolate};

/// What values may grow to by the variables in them: a few lines that name each other twice double
/// with each line, and no program takes a variable above 128 KiB.
const LARGEST: usize = 8 << 20;

/// One line of a file that gives a variable a value. Of several for one key the last wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The variable.
    pub key: String,
    /// Its value, expanded.
    pub value: String,
    /// The bytes of the file that hold the key.
    pub at: Range<usize>,
    /// The line that the key stands on, from 1.
    pub line: usize,
    /// How the value came to be.
    pub origin: Origin,
}

/// How a value came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It is written in the file, with these variables in it.
    Written(Vec<Use>),
    /// The file names the variable only; its value comes from outside.
    Inherited,
}

/// Why a file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The bytes of the file it is about.
    pub at: Range<usize>,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub kind: ErrorKind,
}

/// The ways in which a file can be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A character that no name holds.
    Character(char),
    /// A blank inside a name.
    Blank,
    /// A quote that is never closed.
    Unterminated,
    /// A value whose variables cannot be replaced.
    Template(interpolate::ErrorKind),
    /// A line that begins with `=`.
    Nameless,
    /// Variables of variables grow past any sense.
    TooLarge,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Character(c) => write!(f, "unexpected character `{c}` in a variable's name"),
            Self::Blank => f.write_str("a variable's name cannot contain a space"),
            Self::Unterminated => f.write_str("quoted value is not terminated"),
            Self::Template(kind) => kind.fmt(f),
            Self::Nameless => f.write_str("no variable name before `=`"),
            Self::TooLarge => f.write_str("the values grow to more than 8 MiB"),
        }
    }
}

/// Reads a file in the dotenv grammar.
///
/// A variable in a value is looked for in `outer` first (the project's environment), then among
/// the lines above, then in `earlier` (the files before this one).
///
/// # Errors
/// The first thing that is wrong with the file.
pub fn parse<'e>(
    text: &str,
    outer: Lookup<'_, 'e>,
    earlier: Lookup<'_, 'e>,
) -> Result<Vec<Entry>, Error> {
    let mut reader = Reader {
        text,
        at: if text.starts_with('\u{feff}') { 3 } else { 0 },
        line: 1,
        entries: Vec::new(),
        newest: HashMap::new(),
        budget: Budget::new(LARGEST),
        outer,
        earlier,
    };
    while reader.next_statement() {
        reader.statement()?;
    }
    Ok(reader.entries)
}

struct Reader<'t, 'l, 'e> {
    text: &'t str,
    at: usize,
    line: usize,
    entries: Vec<Entry>,
    newest: HashMap<String, usize>,
    budget: Budget,
    outer: Lookup<'l, 'e>,
    earlier: Lookup<'l, 'e>,
}

impl<'t> Reader<'t, '_, '_> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn advance(&mut self, bytes: usize) {
        self.line += self.rest()[..bytes].matches('\n').count();
        self.at += bytes;
    }

    /// Goes on to the next statement, over blanks and comments; false at the end of the file.
    fn next_statement(&mut self) -> bool {
        loop {
            let rest = self.rest();
            self.advance(rest.len() - rest.trim_start().len());
            let rest = self.rest();
            if !rest.starts_with('#') {
                return !rest.is_empty();
            }
            self.advance(rest.find('\n').unwrap_or(rest.len()));
        }
    }

    fn statement(&mut self) -> Result<(), Error> {
        if let Some(after) = self.rest().strip_prefix("export")
            && after.starts_with([' ', '\t', '\n', '\r', '\x0c'])
        {
            self.at += "export".len();
            self.skip_blanks();
        }
        let start = self.at;
        let line = self.line;
        let (key, end) = self.key()?;
        let at = start..start + key.len();
        if key.contains(' ') {
            let kind = ErrorKind::Blank;
            return Err(Error { at, line, kind });
        }
        let (value, origin) = match end {
            KeyEnd::Separator => {
                let (value, uses) = self.value()?;
                (value, Origin::Written(uses))
            }
            KeyEnd::Line => match (self.outer)(key) {
                Some(value) => (value.to_owned(), Origin::Inherited),
                None => return Ok(()),
            },
        };
        self.newest.insert(key.to_owned(), self.entries.len());
        let key = key.to_owned();
        self.entries.push(Entry {
            key,
            value,
            at,
            line,
            origin,
        });
        Ok(())
    }

    /// Reads a name and what ends it.
    fn key(&mut self) -> Result<(&'t str, KeyEnd), Error> {
        let rest = self.rest();
        let (length, end) = 'found: {
            for (at, c) in rest.char_indices() {
                match c {
                    '=' | ':' => break 'found (at, KeyEnd::Separator),
                    '\n' => break 'found (at, KeyEnd::Line),
                    '_' | '.' | '-' | '[' | ']' => {}
                    c if is_blank(c) || c.is_alphanumeric() => {}
                    c => {
                        let at = self.at + at..self.at + at + c.len_utf8();
                        let kind = ErrorKind::Character(c);
                        let line = self.line;
                        return Err(Error { at, line, kind });
                    }
                }
            }
            (rest.len(), KeyEnd::Line)
        };
        self.advance(rest.len().min(length + 1));
        self.skip_blanks();
        Ok((rest[..length].trim_end(), end))
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(is_blank).len();
    }

    fn value(&mut self) -> Result<(String, Vec<Use>), Error> {
        let start = self.at;
        let line = self.line;
        let rest = self.rest();
        if let Some(quote @ ('"' | '\'')) = rest.chars().next() {
            let Some((value, length)) = unquote(rest, quote) else {
                let end = rest.find('\n').unwrap_or(rest.len());
                let at = start..start + rest[..end].trim_end().len();
                let kind = ErrorKind::Unterminated;
                return Err(Error { at, line, kind });
            };
            self.advance(length);
            return match quote {
                '"' => self.expand(&expand_escapes(&value), start..start + length, line),
                _ => Ok((value, Vec::new())),
            };
        }
        let end = rest.find('\n').unwrap_or(rest.len());
        let value = &rest[..end];
        let value = value.find(" #").map_or(value, |at| &value[..at]).trim_end();
        self.advance(rest.len().min(end + 1));
        self.expand(value, start..start + value.len(), line)
    }

    fn expand(
        &self,
        value: &str,
        at: Range<usize>,
        line: usize,
    ) -> Result<(String, Vec<Use>), Error> {
        let lookup = |name: &str| {
            let value = (self.outer)(name).or_else(|| {
                let entry = &self.entries[*self.newest.get(name)?];
                Some(entry.value.as_str())
            });
            let value = value.or_else(|| (self.earlier)(name));
            value.map(|value| self.budget.take(value))
        };
        let error = |kind| Error {
            at: at.clone(),
            line,
            kind,
        };
        let new = interpolate(value, &lookup)
            .map_err(|mut errors| error(ErrorKind::Template(errors.swap_remove(0).kind)))?;
        if self.budget.is_spent() {
            return Err(error(ErrorKind::TooLarge));
        }
        Ok((new.text.into_owned(), new.uses))
    }
}

#[derive(Clone, Copy)]
enum KeyEnd {
    /// `=` or `:`; a value follows.
    Separator,
    /// The end of the line or of the file: the value is inherited.
    Line,
}

/// A blank that is not the end of a line.
fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\x0b' | '\x0c' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}

/// The text between quotes, with `\<quote>` resolved only, and how many bytes it all takes.
fn unquote(text: &str, quote: char) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => return Some((value, at + 1)),
            '\\' => {
                let (_, next) = chars.next()?;
                if next != quote {
                    value.push('\\');
                }
                value.push(next);
            }
            c => value.push(c),
        }
    }
    None
}

/// Resolves `\a \b \f \n \r \t \v \" \\`, `\0` with three octal digits, and turns `\$` into `$$`.
///
/// A `\0` without such digits becomes a backslash, as in compose-go.
fn expand_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (length, plain) = match rest.as_bytes().get(1) {
            Some(b'a') => (2, '\x07'),
            Some(b'b') => (2, '\x08'),
            Some(b'f') => (2, '\x0c'),
            Some(b'n') => (2, '\n'),
            Some(b'r') => (2, '\r'),
            Some(b't') => (2, '\t'),
            Some(b'v') => (2, '\x0b'),
            Some(b'"') => (2, '"'),
            Some(b'\\') => (2, '\\'),
            Some(b'$') => {
                out.push('$');
                (2, '$')
            }
            Some(b'0') => {
                let octal = rest
                    .get(2..5)
                    .filter(|digits| digits.bytes().all(|b| (b'0'..=b'7').contains(&b)))
                    .and_then(|digits| u8::from_str_radix(digits, 8).ok());
                octal.map_or((2, '\\'), |code| (5, char::from(code)))
            }
            _ => (1, '\\'),
        };
        out.push(plain);
        rest = &rest[length..];
    }
    out + rest
}

/// Reads a file in the `raw` format, Docker's own: no quotes, no variables, values as they stand.
///
/// # Errors
/// A line without a name, or a name with a blank in it.
pub fn parse_raw(text: &str, outer: Lookup<'_, '_>) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    let mut start = if text.starts_with('\u{feff}') { 3 } else { 0 };
    for (index, whole) in text[start..].split('\n').enumerate() {
        let whole_start = start;
        start += whole.len() + 1;
        let content = whole.strip_suffix('\r').unwrap_or(whole);
        let content = content.trim_start();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let key_start = whole_start + whole.len() - whole.trim_start().len();
        let line = index + 1;
        let (key, value) = match content.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (content, None),
        };
        let at = key_start..key_start + key.len();
        let kind = match key {
            "" => Some(ErrorKind::Nameless),
            key if key.contains([' ', '\t']) => Some(ErrorKind::Blank),
            _ => None,
        };
        if let Some(kind) = kind {
            return Err(Error { at, line, kind });
        }
        let (value, origin) = match value {
            Some(value) => (value, Origin::Written(Vec::new())),
            None => match outer(key) {
                Some(value) => (value, Origin::Inherited),
                None => continue,
            },
        };
        entries.push(Entry {
            key: key.to_owned(),
            value: value.to_owned(),
            at,
            line,
            origin,
        });
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn shell(name: &str) -> Option<&'static str> {
        (name == "SHELLVAR").then_some("shell")
    }

    fn nothing(_: &str) -> Option<&'static str> {
        None
    }

    fn values(entries: &[Entry]) -> Vec<(&str, &str)> {
        let last: BTreeMap<_, _> = entries
            .iter()
            .map(|entry| (entry.key.as_str(), entry.value.as_str()))
            .collect();
        last.into_iter().collect()
    }

    /// The right side is what Docker Compose 2.40.3 made of the file, but for a bare name at the
    /// end of a file without a newline: it is inherited as anywhere else.
    #[test]
    fn every_file_becomes_what_compose_makes_of_it() {
        for (text, expected) in [
            ("FOO=bar", &[("FOO", "bar")][..]),
            ("FOO =bar", &[("FOO", "bar")][..]),
            ("FOO= bar", &[("FOO", "bar")][..]),
            ("FOO=\"bar\"", &[("FOO", "bar")][..]),
            ("FOO='bar'", &[("FOO", "bar")][..]),
            ("FOO=\"escaped\\\"bar\"", &[("FOO", "escaped\"bar")][..]),
            ("FOO=\"'d'\"", &[("FOO", "'d'")][..]),
            ("OPTION_A: 1", &[("OPTION_A", "1")][..]),
            ("OPTION_A: Foo=bar", &[("OPTION_A", "Foo=bar")][..]),
            ("OPTION_A=1:B", &[("OPTION_A", "1:B")][..]),
            ("export OPTION_A=2", &[("OPTION_A", "2")][..]),
            ("export OPTION_B='\\n'", &[("OPTION_B", "\\n")][..]),
            ("exportFoo=2", &[("exportFoo", "2")][..]),
            ("export_FOO =2", &[("export_FOO", "2")][..]),
            ("export.FOO= 2", &[("export.FOO", "2")][..]),
            ("export\tOPTION_A=2", &[("OPTION_A", "2")][..]),
            ("  export OPTION_A=2", &[("OPTION_A", "2")][..]),
            ("FOO=\"bar\\nbaz\"", &[("FOO", "bar\nbaz")][..]),
            ("FOO=a\\tb", &[("FOO", "a\\tb")][..]),
            (
                "KEY=\"Z\\aZ\\bZ\\fZ\\nZ\\rZ\\tZ\\vZ\\\\Z\\0123Z\"",
                &[("KEY", "Z\u{7}Z\u{8}Z\u{c}Z\nZ\rZ\tZ\u{b}Z\\ZSZ")][..],
            ),
            ("FOO=foobar=", &[("FOO", "foobar=")][..]),
            ("FOO=bar ", &[("FOO", "bar")][..]),
            ("FOO=bar # this is foo", &[("FOO", "bar")][..]),
            ("FOO=bar #", &[("FOO", "bar")][..]),
            ("FOO=123#not", &[("FOO", "123#not")][..]),
            ("FOO=\"bar#baz\"#", &[("FOO", "bar#baz")][..]),
            ("FOO=\"bar#baz\" # comment", &[("FOO", "bar#baz")][..]),
            ("FOO=\"bar\\n\\ b\\az\"", &[("FOO", "bar\n\\ b\u{7}z")][..]),
            (
                "FOO=\"bar\\\\\\n\\ b\\az\"",
                &[("FOO", "bar\\\n\\ b\u{7}z")][..],
            ),
            (
                "FOO=\"bar\\\\r\\ b\\az\"",
                &[("FOO", "bar\\r\\ b\u{7}z")][..],
            ),
            ("FOO=\"bar\\nbaz\\\\\"", &[("FOO", "bar\nbaz\\")][..]),
            ("KEY=\"\\x07\"", &[("KEY", "\\x07")][..]),
            ("KEY=\"\\u12e4\"", &[("KEY", "\\u12e4")][..]),
            (
                "KEY=\"\\012 \\0 \\0999 \\0777 \\0351 \\c\"",
                &[("KEY", "\\12 \\ \\999 \\777 é \\c")][..],
            ),
            (
                "A=1\nB=$A\nC=${A}${B}\nD='$A'\nE=\"$A x\"",
                &[
                    ("A", "1"),
                    ("B", "1"),
                    ("C", "11"),
                    ("D", "$A"),
                    ("E", "1 x"),
                ][..],
            ),
            (
                "FOO=\"foo\\$BAR \\${BAR} ${X:-d}\"",
                &[("FOO", "foo$BAR ${BAR} d")][..],
            ),
            ("FOO=$$BAR", &[("FOO", "$BAR")][..]),
            ("SHELLVAR\nB=1", &[("B", "1"), ("SHELLVAR", "shell")][..]),
            ("B=1\nSHELLVAR\n", &[("B", "1"), ("SHELLVAR", "shell")][..]),
            ("NOPE\nB=1", &[("B", "1")][..]),
            ("SHELLVAR", &[("SHELLVAR", "shell")][..]),
            ("B=1\nSHELLVAR", &[("B", "1"), ("SHELLVAR", "shell")][..]),
            ("FOO= # comment", &[("FOO", "# comment")][..]),
            ("FOO=\nBAR=1", &[("BAR", "1"), ("FOO", "")][..]),
            (
                "FOO=\"multi\nline\" # c\nBAR=2",
                &[("BAR", "2"), ("FOO", "multi\nline")][..],
            ),
            (
                "FOO='multi\nline'\nBAR=2",
                &[("BAR", "2"), ("FOO", "multi\nline")][..],
            ),
            ("FOO=it's", &[("FOO", "it's")][..]),
            ("FOO=a b  c", &[("FOO", "a b  c")][..]),
            ("\u{feff}FOO=1", &[("FOO", "1")][..]),
            (
                "FOO=1\r\nBAR=\"2\"\r\n# x\r\nBAZ=3\r\n",
                &[("BAR", "2"), ("BAZ", "3"), ("FOO", "1")][..],
            ),
            (
                "A-b=1\nA[0]=2\na.b=3\nárví=4",
                &[("A-b", "1"), ("A[0]", "2"), ("a.b", "3"), ("árví", "4")][..],
            ),
            (
                "FOO=$SHELLVAR ${SHELLVAR:-x} ${SHELLVAR:+y}",
                &[("FOO", "shell shell y")][..],
            ),
            (
                "FOO=first\nFOO=second\nBAR=$FOO",
                &[("BAR", "second"), ("FOO", "second")][..],
            ),
            ("FOO=\"a\"b=1", &[("FOO", "a"), ("b", "1")][..]),
            (
                "FOO=\"a\" BAR=2\nX=1",
                &[("BAR", "2"), ("FOO", "a"), ("X", "1")][..],
            ),
            ("FOO='a\\'b'", &[("FOO", "a'b")][..]),
            ("FOO='a\\\\'\nB=1", &[("B", "1"), ("FOO", "a\\\\")][..]),
            ("FOO=\"a\\\\\"\nB=1", &[("B", "1"), ("FOO", "a\\")][..]),
            ("FOO=a\\\nB=1", &[("B", "1"), ("FOO", "a\\")][..]),
            ("FOO=\"$X\"\nB=`x`", &[("B", "`x`"), ("FOO", "")][..]),
            ("\n\n  # c\n\n FOO=1", &[("FOO", "1")][..]),
            ("FOO:bar", &[("FOO", "bar")][..]),
            ("FOO : bar", &[("FOO", "bar")][..]),
            ("FOO==", &[("FOO", "=")][..]),
            ("FOO=\t x\t", &[("FOO", "x")][..]),
            ("FOO=a\u{a0}", &[("FOO", "a")][..]),
            ("export FOO\nB=1", &[("B", "1")][..]),
            (
                "export SHELLVAR\nB=1",
                &[("B", "1"), ("SHELLVAR", "shell")][..],
            ),
            ("1A=2", &[("1A", "2")][..]),
            ("FOO=\"\"\nBAR=''", &[("BAR", ""), ("FOO", "")][..]),
            ("FOO=a=b # c # d", &[("FOO", "a=b")][..]),
            ("FOO=\"a # b\"", &[("FOO", "a # b")][..]),
            ("FOO=${BAR:-\"q\"}", &[("FOO", "\"q\"")][..]),
            ("FOO=x${A:-{}}", &[("FOO", "x{}")][..]),
            (
                "FOO=\"tab\\tq\" \t\nB=2",
                &[("B", "2"), ("FOO", "tab\tq")][..],
            ),
            ("A\tB=1", &[("A\tB", "1")][..]),
        ] {
            let entries = parse(text, &shell, &nothing).unwrap();
            assert_eq!(values(&entries), expected, "{text:?}");
        }
    }

    #[test]
    fn a_raw_file_is_taken_as_it_stands() {
        for (text, expected) in [
            (
                "FOO=bar\nBAR='x' # y\nSHELLVAR\n NOPE\nX= a b \n",
                &[
                    ("BAR", "'x' # y"),
                    ("FOO", "bar"),
                    ("SHELLVAR", "shell"),
                    ("X", " a b "),
                ][..],
            ),
            ("FOO=1\r\n# c\n\n\tB=2\r\n", &[("B", "2"), ("FOO", "1")][..]),
            ("FOO=$SHELLVAR", &[("FOO", "$SHELLVAR")][..]),
            ("\u{feff}FOO=1", &[("FOO", "1")][..]),
            ("FOO=", &[("FOO", "")][..]),
            ("SHELLVAR", &[("SHELLVAR", "shell")][..]),
        ] {
            let entries = parse_raw(text, &shell).unwrap();
            assert_eq!(values(&entries), expected, "{text:?}");
        }
    }

    #[test]
    fn every_error_names_its_line_and_its_text() {
        for (text, line, shown, message) in [
            ("KEY=\"", 1, "\"", "quoted value is not terminated"),
            (
                "KEY=\"value\\\"",
                1,
                "\"value\\\"",
                "quoted value is not terminated",
            ),
            (
                "A=1\nKEY='value\"\nB=2",
                2,
                "'value\"",
                "quoted value is not terminated",
            ),
            (
                "A=1\nlol$wut",
                2,
                "$",
                "unexpected character `$` in a variable's name",
            ),
            (
                "FOO 'a'",
                1,
                "'",
                "unexpected character `'` in a variable's name",
            ),
            (
                "A=1\nA B=2",
                2,
                "A B",
                "a variable's name cannot contain a space",
            ),
            (
                "A=1\n\n\nFOO BAR\nX=1",
                4,
                "FOO BAR",
                "a variable's name cannot contain a space",
            ),
            (
                "A=\"x\ny\"\n%=1",
                3,
                "%",
                "unexpected character `%` in a variable's name",
            ),
            ("A=${ # x", 1, "${", "invalid interpolation format"),
            (
                "A=\"${ x}\"",
                1,
                "\"${ x}\"",
                "invalid interpolation format",
            ),
            (
                "A=1\nB=${X:?gone}",
                2,
                "${X:?gone}",
                "required variable `X` is missing a value: gone",
            ),
        ] {
            let error = parse(text, &shell, &nothing).unwrap_err();
            assert_eq!(
                (error.line, &text[error.at], error.kind.to_string()),
                (line, shown, message.to_owned()),
                "{text:?}"
            );
        }
        for (text, shown, message) in [
            ("A B=1", "A B", "a variable's name cannot contain a space"),
            ("\n\n=x", "", "no variable name before `=`"),
            ("A\t=1", "A\t", "a variable's name cannot contain a space"),
        ] {
            let error = parse_raw(text, &shell).unwrap_err();
            assert_eq!(
                (&text[error.at], error.kind.to_string()),
                (shown, message.to_owned())
            );
        }
    }

    #[test]
    fn the_environment_wins_over_the_file_and_the_file_over_earlier_files() {
        let outer = |name: &str| (name == "A").then_some("outer");
        let earlier = |name: &str| Some(if name == "C" { "earlier" } else { "no" });
        let text = "A=own\nB=own\nX=$A $B $C";
        let entries = parse(text, &outer, &earlier).unwrap();
        assert_eq!(
            values(&entries),
            [("A", "own"), ("B", "own"), ("X", "outer own earlier")]
        );
    }

    #[test]
    fn each_entry_knows_its_line_and_its_variables() {
        let text = "# c\nA=\"1\n2\"\n\nexport B = $A$GONE\nSHELLVAR\n";
        let entries = parse(text, &shell, &nothing).unwrap();
        let seen: Vec<_> = entries
            .iter()
            .map(|entry| {
                let from = match &entry.origin {
                    Origin::Inherited => "inherited".to_owned(),
                    Origin::Written(uses) => uses
                        .iter()
                        .map(|one| format!("{}:{:?}", one.name, one.taken))
                        .collect::<Vec<_>>()
                        .join(" "),
                };
                (entry.line, &text[entry.at.clone()], from)
            })
            .collect();
        assert_eq!(
            seen,
            [
                (2, "A", String::new()),
                (5, "B", "A:Value GONE:Unset".to_owned()),
                (6, "SHELLVAR", "inherited".to_owned()),
            ]
        );
    }

    #[test]
    fn variables_of_variables_end_before_they_fill_the_memory() {
        let text = "o=1234567890\n".to_owned() + &"o=$o$o$o$o\n".repeat(100);
        let error = parse(&text, &|_| None, &|_| None).unwrap_err();
        assert_eq!(error.kind, ErrorKind::TooLarge);
        assert_eq!(error.line, 11);
        let text = format!("o={}\np={}\n", "x".repeat(1 << 20), "$o".repeat(100_000));
        let error = parse(&text, &|_| None, &|_| None).unwrap_err();
        assert_eq!(error.line, 2);
    }
}
