//! The terminal while keys mean something: raw, or key by key, and put back whatever happens.

use std::io;

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcsetattr,
};

/// Standard input in another mode; put back as it was when this is dropped, also by a panic or when a
/// signal ends the command's future.
pub struct RawMode {
    original: Termios,
}

impl RawMode {
    /// Everything that is typed is the program's, where standard input is a terminal.
    ///
    /// # Errors
    ///
    /// The terminal refuses.
    pub fn on() -> io::Result<Self> {
        Self::change(Termios::make_raw)
    }

    /// Keys come one by one and unseen; Ctrl-C and Ctrl-Z are signals as ever.
    ///
    /// # Errors
    ///
    /// The terminal refuses.
    pub fn keys() -> io::Result<Self> {
        Self::change(|mode| {
            mode.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
            mode.special_codes[SpecialCodeIndex::VMIN] = 1;
            mode.special_codes[SpecialCodeIndex::VTIME] = 0;
        })
    }

    fn change(change: impl FnOnce(&mut Termios)) -> io::Result<Self> {
        let original = tcgetattr(rustix::stdio::stdin())?;
        let mut mode = original.clone();
        change(&mut mode);
        tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &mode)?;
        Ok(Self { original })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // Nothing can be done where the terminal is gone.
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &self.original);
    }
}

/// Whether what is typed comes to us: a job in the background is stopped when it reads.
pub fn is_in_foreground() -> bool {
    let group = tcgetpgrp(rustix::stdio::stdin());
    group.is_ok_and(|group| group == rustix::process::getpgrp())
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
