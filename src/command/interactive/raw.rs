//! The terminal while a program in a container has it: raw, and put back whatever happens.

use std::io;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// Standard input in raw mode; put back as it was when this is dropped, also by a panic or when a
/// signal ends the command's future.
pub struct RawMode {
    original: Termios,
}

impl RawMode {
    /// Turns it on, where standard input is a terminal.
    ///
    /// # Errors
    ///
    /// The terminal refuses.
    pub fn on() -> io::Result<Self> {
        let original = tcgetattr(rustix::stdio::stdin())?;
        let mut raw = original.clone();
        raw.make_raw();
        tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &raw)?;
        Ok(Self { original })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // Nothing can be done where the terminal is gone.
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &self.original);
    }
}

/// Columns and rows of the terminal, where there is one.
pub fn size() -> Option<(u16, u16)> {
    [
        rustix::termios::tcgetwinsize(rustix::stdio::stdout()),
        rustix::termios::tcgetwinsize(rustix::stdio::stdin()),
    ]
    .into_iter()
    .flatten()
    .map(|size| (size.ws_col, size.ws_row))
    .find(|(columns, rows)| *columns > 0 && *rows > 0)
}
