//! Who prints: takes events from anywhere, and says how a command ended.

use std::io::Write;
use std::process::ExitCode;

use super::Style;
use super::exit::Ending;
use crate::diagnostic::Diagnostic;
use crate::event::{Event, Events};

/// Prints events and errors in one style.
pub struct Reporter {
    style: Style,
}

impl Reporter {
    /// A reporter that speaks in `style`.
    pub fn new(style: Style) -> Self {
        let reporter = Self { style };
        for warning in &reporter.style.warnings {
            line(warning);
        }
        reporter
    }

    /// How it speaks.
    pub fn style(&self) -> &Style {
        &self.style
    }

    /// Where to send events.
    pub fn events(&self) -> Events {
        let colours = self.style.stderr_colours;
        Events::new(move |event| match event {
            Event::Diagnostic(diagnostic) => line(&diagnostic.render(colours)),
            Event::Note(text) => line(&text),
            _ => {}
        })
    }

    /// Shows a warning, an error or a note.
    pub fn show(&self, diagnostic: &Diagnostic) {
        line(&diagnostic.render(self.style.stderr_colours));
    }

    /// Says how a command failed, and gives its exit code.
    pub fn exit_code(&self, result: anyhow::Result<ExitCode>) -> ExitCode {
        let error = match result {
            Ok(code) => return code,
            Err(error) => error,
        };
        let ending = Ending::of(&error);
        for diagnostic in &ending.says {
            self.show(diagnostic);
        }
        ExitCode::from(ending.code)
    }
}

/// Writes a line to standard error; nothing can be done where that fails.
fn line(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
