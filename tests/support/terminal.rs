//! A real pseudo-terminal around one invocation.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use expectrl::process::unix::WaitStatus;
use expectrl::session::OsSession;
use expectrl::{Expect, Needle, Session};

use super::{PATIENCE, secrets, until};

/// A program in a terminal of 80 columns and 24 rows.
pub struct Terminal {
    session: OsSession,
}

impl Terminal {
    /// Starts the command in it.
    #[track_caller]
    pub fn spawn(mut command: Command) -> Self {
        let heeds_interrupts = || {
            // SAFETY: `signal` may be called between fork and exec, and takes no memory of ours.
            unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
            Ok(())
        };
        // A script's job in the background ignores Ctrl-C, and whatever it starts inherits that;
        // nobody's shell at a terminal does. SAFETY: the closure does nothing else.
        unsafe { command.pre_exec(heeds_interrupts) };
        let mut session = Session::spawn(command).expect("a pseudo-terminal");
        session
            .get_process_mut()
            .set_window_size(80, 24)
            .expect("its size");
        Self { session }
    }

    /// Waits until `needle` shows and returns all that came up to and with it.
    ///
    /// Looks at intervals: expectrl's own `expect` spins.
    #[track_caller]
    pub fn expect(&mut self, needle: impl Needle) -> String {
        until(PATIENCE, "expected output", || {
            match self.session.check(&needle) {
                Ok(found) if found.matches().len() > 0 => {
                    Some(String::from_utf8_lossy(found.as_bytes()).into_owned())
                }
                Ok(_) => None,
                Err(error) => {
                    let rest = self.session.check(expectrl::Eof);
                    let rest = rest.map(|rest| rest.as_bytes().to_vec());
                    let rest = String::from_utf8_lossy(&rest.unwrap_or_default()).into_owned();
                    panic!("the terminal: {error}, after {rest:?}")
                }
            }
        })
    }

    /// Types the text.
    #[track_caller]
    pub fn send(&mut self, text: &str) {
        self.session.send(text).expect("typing");
    }

    /// Types Ctrl-C.
    #[track_caller]
    pub fn interrupt(&mut self) {
        self.send("\x03");
    }

    /// Changes the window's size; the program gets SIGWINCH.
    #[track_caller]
    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.session
            .get_process_mut()
            .set_window_size(columns, rows)
            .expect("a new size");
    }

    /// Waits for the program's end; its exit code, and the output not yet taken.
    #[track_caller]
    pub fn end(mut self) -> (i32, String) {
        let rest = self.expect(expectrl::Eof);
        secrets::none_in("a terminal", &rest);
        let code = until(PATIENCE, "the program's end", || {
            match self.session.get_process().status() {
                Ok(WaitStatus::Exited(_, code)) => Some(code),
                Ok(WaitStatus::Signaled(_, signal, _)) => Some(128 + signal as i32),
                Ok(_) => None,
                Err(error) => panic!("waiting: {error}"),
            }
        });
        (code, rest)
    }
}
