//! Errors and warnings as data: what is wrong, where, and how to mend it.
//!
//! One wording: lower case, no full stop, names in backticks, the mend in a hint of its own.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// A file as it was read, with the name that messages call it by.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The path as the user knows it: relative to the working directory where it lies below it.
    pub path: String,
    /// Its whole text.
    pub text: String,
}

/// A stretch of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<SourceFile>,
    /// The bytes of its text.
    pub range: Range<usize>,
}

impl Place {
    /// Line and column of the start, both from 1; columns count characters.
    pub fn line_column(&self) -> (usize, usize) {
        let before = &self.file.text[..self.range.start.min(self.file.text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before[before.rfind('\n').map_or(0, |at| at + 1)..]
            .chars()
            .count()
            + 1;
        (line, column)
    }
}

/// `compose.yaml:8`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.path, self.line_column().0)
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It cannot go on.
    #[default]
    Error,
    /// It goes on, and probably not as meant.
    Warning,
    /// Worth knowing.
    Note,
}

/// What an error is about, where that decides how it is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Itself.
    #[default]
    Own,
    /// The way to the engine: what else fails because of that is not worth telling.
    EngineLost,
    /// Something that was there when the command looked, and is no more: a second look may help.
    Vanished,
}

/// One thing to say, with its places and hints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What it is about.
    pub kind: Kind,
    /// What is wrong.
    pub message: String,
    /// Where; the first is the main place, the others explain it.
    pub places: Vec<(Place, String)>,
    /// What to do, each on a line of its own.
    pub hints: Vec<String>,
}

impl Diagnostic {
    /// An error.
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..Self::default()
        }
    }

    /// A warning.
    pub fn warning(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(message)
        }
    }

    /// A note.
    pub fn note(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Note,
            ..Self::error(message)
        }
    }

    /// Adds the main place, or a further one without a text.
    pub fn at(self, place: impl Into<Option<Place>>) -> Self {
        self.also(place, "")
    }

    /// Adds a further place with what it has to do with the matter.
    pub fn also(mut self, place: impl Into<Option<Place>>, text: impl Into<String>) -> Self {
        if let Some(place) = place.into() {
            self.places.push((place, text.into()));
        }
        self
    }

    /// Adds what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// The whole text, with the lines it is about, in colours or plain; no newline at the end.
    pub fn render(&self, colours: bool) -> String {
        let renderer = match colours {
            true => Renderer::styled(),
            false => Renderer::plain(),
        };
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        let mut group = Group::with_title(level.primary_title(self.message.as_str()));
        let mut files: Vec<&Arc<SourceFile>> = Vec::new();
        for (place, _) in &self.places {
            if !files.iter().any(|file| Arc::ptr_eq(file, &place.file)) {
                files.push(&place.file);
            }
        }
        for file in files {
            let places = self.places.iter().map(|(place, _)| place);
            let told = lines_of(
                places.filter(|place| Arc::ptr_eq(file, &place.file)),
                &file.text,
            );
            let before = file.text.as_bytes()[..told.start].iter();
            let mut snippet = Snippet::source(&file.text[told.clone()])
                .path(file.path.as_str())
                .line_start(before.filter(|byte| **byte == b'\n').count() + 1);
            for (index, (place, text)) in self.places.iter().enumerate() {
                if !Arc::ptr_eq(file, &place.file) {
                    continue;
                }
                let kind = match index {
                    0 => AnnotationKind::Primary,
                    _ => AnnotationKind::Context,
                };
                let range = within(place, &file.text);
                let mut annotation = kind.span(range.start - told.start..range.end - told.start);
                if !text.is_empty() {
                    annotation = annotation.label(text.as_str());
                }
                snippet = snippet.annotation(annotation);
            }
            group = group.element(snippet);
        }
        let mut text = renderer.render(&[group]).to_string();
        for hint in &self.hints {
            let head = match colours {
                true => console::style("hint")
                    .cyan()
                    .bold()
                    .force_styling(true)
                    .to_string(),
                false => "hint".to_owned(),
            };
            text.push_str(&format!("\n{head}: {hint}"));
        }
        text
    }
}

/// A place's range, cut at the end of its text.
fn within(place: &Place, text: &str) -> Range<usize> {
    let end = place.range.end.min(text.len());
    place.range.start.min(end)..end
}

/// The whole lines from the first place to the last: the renderer goes through all that it is given,
/// and a large file may have many mistakes.
fn lines_of<'p>(places: impl Iterator<Item = &'p Place>, text: &str) -> Range<usize> {
    let ranges = places.map(|place| within(place, text));
    let (first, last) = ranges.fold((text.len(), 0), |(first, last), range| {
        (first.min(range.start), last.max(range.end))
    });
    // The end of a file belongs to its last line.
    let first = match text[first..].is_empty() {
        true => text.trim_end_matches('\n').len(),
        false => first,
    };
    let start = text[..first].rfind('\n').map_or(0, |at| at + 1);
    let end = text[last..]
        .find('\n')
        .map_or(text.len(), |at| last + at + 1);
    start..end
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostic {}

/// Several independent diagnostics, in the order of their places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Whether all that went wrong is that something vanished.
    pub fn are_of_what_vanished(&self) -> bool {
        self.0.iter().all(|one| one.kind == Kind::Vanished)
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(one: Diagnostic) -> Self {
        Self(vec![one])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_shows_the_line_the_caret_and_the_mend() {
        let file = Arc::new(SourceFile {
            path: "compose.yaml".into(),
            text: "services:\n  web:\n    image: x\n    depends_on:\n      - dbb\n".into(),
        });
        let at = file.text.find("dbb").unwrap();
        let place = Place {
            range: at..at + 3,
            file,
        };
        assert_eq!(place.to_string(), "compose.yaml:5");
        let diagnostic = Diagnostic::error("service `web` depends on `dbb`, which is not defined")
            .at(place)
            .hint("did you mean `db`?");
        assert_eq!(
            diagnostic.to_string(),
            "\
error: service `web` depends on `dbb`, which is not defined
 --> compose.yaml:5:9
  |
5 |       - dbb
  |         ^^^
hint: did you mean `db`?"
        );
    }
}
