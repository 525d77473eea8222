//! The terminal while keys mean something: raw, or key by key, and put back whatever happens.

use std::io;
use std::sync::Mutex;

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcsetattr,
};

use crate::report;

/// How standard input was, while it is in another mode.
static ORIGINAL: Mutex<Option<Termios>> = Mutex::new(None);

/// In a build for tests: the variable that makes dco panic as soon as the terminal is changed.
#[cfg(debug_assertions)]
const PANIC: &str = "DCO_TEST_PANIC";

/// Lets a panic put the terminal back, say how to report it, and end the process: nothing is dropped
/// after it.
pub fn restore_on_panic() {
    let say = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        restore();
        report::panicked(|| say(panic));
        // What Rust's own programs end with after a panic.
        std::process::exit(101);
    }));
}

fn restore() {
    let mut original = match ORIGINAL.lock() {
        Ok(original) => original,
        Err(poisoned) => poisoned.into_inner(),
    };
    if let Some(original) = original.take() {
        // Nothing can be done where the terminal is gone.
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &original);
    }
}

/// Standard input in another mode; put back as it was when this is dropped, also by a panic or when a
/// signal ends the command's future.
pub struct RawMode(());

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
        if let Ok(mut saved) = ORIGINAL.lock() {
            saved.get_or_insert(original);
        }
        #[cfg(debug_assertions)]
        if std::env::var_os(PANIC).is_some() {
            panic!("`{PANIC}` asks for it");
        }
        Ok(Self(()))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        restore();
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
