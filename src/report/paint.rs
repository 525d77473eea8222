//! Colours for text that is put together before it is printed: on or off for the whole of it. Pure.

use console::Style;

/// Paints, or leaves as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// No colours.
    Plain,
    /// ANSI colours.
    Ansi,
}

impl Paint {
    /// As the style of a stream says.
    pub fn new(colours: bool) -> Self {
        match colours {
            true => Self::Ansi,
            false => Self::Plain,
        }
    }

    /// A text in a style; the width it takes stays the same.
    pub fn with(self, style: Style, text: impl std::fmt::Display) -> String {
        match self {
            Self::Plain => text.to_string(),
            Self::Ansi => style.force_styling(true).apply_to(text).to_string(),
        }
    }

    /// What matters less.
    pub fn dim(self, text: impl std::fmt::Display) -> String {
        self.with(Style::new().dim(), text)
    }

    /// What matters most.
    pub fn bold(self, text: impl std::fmt::Display) -> String {
        self.with(Style::new().bold(), text)
    }

    /// What is well.
    pub fn green(self, text: impl std::fmt::Display) -> String {
        self.with(Style::new().green(), text)
    }

    /// What is not as wished.
    pub fn yellow(self, text: impl std::fmt::Display) -> String {
        self.with(Style::new().yellow(), text)
    }

    /// What failed.
    pub fn red(self, text: impl std::fmt::Display) -> String {
        self.with(Style::new().red(), text)
    }

    /// Names and places.
    pub fn cyan(self, text: impl std::fmt::Display) -> String {
        self.with(Style::new().cyan(), text)
    }
}
