//! Log lines as Docker Compose prints them: `web-1  | text`, in the colours of their containers.
//!
//! Only makes bytes; who follows the logs decides where and when they are written.

/// The colours that containers take in turn, as SGR codes.
const RAINBOW: [&str; 10] = [
    "36", "33", "32", "35", "34", "36;1", "33;1", "32;1", "35;1", "34;1",
];

/// The source of watch's own lines, which has a sign and a colour of its own.
pub const WATCH: &str = "WATCH";

/// What Docker Compose begins a status line with, on a terminal or not.
const RESET_LINE: &str = "\r\x1b[K";

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogStyle {
    /// Colours for the prefixes.
    pub colours: bool,
    /// Whether there are prefixes.
    pub prefixes: bool,
}

/// One of the names that lines come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(usize);

/// Names, their colours, and the width that the longest of them needs.
#[derive(Clone, Debug)]
pub struct Logs {
    style: LogStyle,
    sources: Vec<Presenter>,
    coloured: usize,
}

#[derive(Clone, Debug)]
struct Presenter {
    name: String,
    code: Option<&'static str>,
    prefix: Vec<u8>,
}

impl Logs {
    /// Logs without a source yet.
    pub fn new(style: LogStyle) -> Self {
        Self {
            style,
            sources: Vec::new(),
            coloured: 0,
        }
    }

    /// The source of that name; a new one takes the next colour and may widen every prefix.
    ///
    /// A name with a blank (`web-1 ->`, a hook's output) takes the colour of what stands before it.
    pub fn source(&mut self, name: &str) -> Source {
        if let Some(at) = self.sources.iter().position(|known| known.name == name) {
            return Source(at);
        }
        let code = match name.split_once(' ') {
            _ if !self.style.colours || name.is_empty() => None,
            Some((parent, _)) => {
                let Source(parent) = self.source(parent);
                self.sources[parent].code
            }
            None if name == WATCH => Some("92"),
            None => {
                self.coloured += 1;
                Some(RAINBOW[(self.coloured - 1) % RAINBOW.len()])
            }
        };
        self.sources.push(Presenter {
            name: name.to_owned(),
            code,
            prefix: Vec::new(),
        });
        self.align();
        Source(self.sources.len() - 1)
    }

    fn align(&mut self) {
        if !self.style.prefixes {
            return;
        }
        let longest = self.sources.iter().map(|source| source.name.len()).max();
        let width = longest.unwrap_or(0) + 1;
        for source in &mut self.sources {
            let text = match source.name.as_str() {
                WATCH => format!("{:width$} ⦿ ", ""),
                name => format!("{name:<width$} | "),
            };
            source.prefix = source.paint(&text).into_bytes();
        }
    }

    /// Appends one line, which comes without its newline.
    pub fn line(&self, source: Source, line: &[u8], to: &mut Vec<u8>) {
        to.extend_from_slice(&self.sources[source.0].prefix);
        to.extend_from_slice(line);
        to.push(b'\n');
    }

    /// Appends what is said about a source itself: `web-1 exited with code 0`.
    pub fn status(&self, source: Source, text: &str, to: &mut Vec<u8>) {
        let source = &self.sources[source.0];
        let line = format!("{RESET_LINE}{} {text}\n", source.name);
        to.extend_from_slice(source.paint(&line).as_bytes());
    }
}

impl Presenter {
    fn paint(&self, text: &str) -> String {
        match self.code {
            Some(code) => format!("\x1b[{code}m{text}\x1b[0m"),
            None => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(style: LogStyle) -> String {
        let mut logs = Logs::new(style);
        let mut out = Vec::new();
        let db = logs.source("db-1");
        logs.line(db, b"ready", &mut out);
        let django = logs.source("django-1");
        logs.line(db, b"\xff", &mut out);
        logs.line(django, b"hi", &mut out);
        let hook = logs.source("db-1 ->");
        logs.line(hook, b"hook", &mut out);
        logs.status(django, "exited with code 0", &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn prefixes_are_as_wide_as_the_longest_name_known() {
        let style = LogStyle {
            prefixes: true,
            colours: false,
        };
        assert_eq!(
            shown(style),
            "\
db-1  | ready
db-1      | \u{fffd}
django-1  | hi
db-1 ->   | hook
\r\x1b[Kdjango-1 exited with code 0
"
        );
    }

    #[test]
    fn colours_go_round_and_a_hook_has_its_containers() {
        let style = LogStyle {
            prefixes: true,
            colours: true,
        };
        assert_eq!(
            shown(style),
            "\
\x1b[36mdb-1  | \x1b[0mready
\x1b[36mdb-1      | \x1b[0m\u{fffd}
\x1b[33mdjango-1  | \x1b[0mhi
\x1b[36mdb-1 ->   | \x1b[0mhook
\x1b[33m\r\x1b[Kdjango-1 exited with code 0
\x1b[0m"
        );
    }

    #[test]
    fn without_prefixes_only_the_lines_are_left() {
        assert_eq!(
            shown(LogStyle::default()),
            "ready\n\u{fffd}\nhi\nhook\n\r\x1b[Kdjango-1 exited with code 0\n"
        );
    }
}
