//! The keys of an attached `up`, and the line at the bottom of the terminal that names them.

use anyhow::Result;
use tokio::sync::mpsc;

use crate::command::Context;
use crate::command::interactive::{RawMode, is_in_foreground, read_stdin};
use crate::report::{ProgressMode, Reporter};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// Turn the watch on or off.
    Watch,
    /// Leave the containers running.
    Detach,
    /// An empty line, to see what comes after it.
    Enter,
}

impl Key {
    /// What a read of the terminal brought. An escape begins what other keys send: arrows, say.
    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes.first()? {
            b'w' => Some(Self::Watch),
            b'd' => Some(Self::Detach),
            b'\n' | b'\r' => Some(Self::Enter),
            _ => None,
        }
    }
}

/// The terminal while it takes keys; put back when this is dropped.
pub(super) struct Menu<'c> {
    reporter: &'c Reporter,
    typed: mpsc::Receiver<Vec<u8>>,
    _mode: RawMode,
}

impl<'c> Menu<'c> {
    /// Opens it where somebody can type and see: `--menu`, else `COMPOSE_MENU`, turns it off.
    pub(super) fn open(cx: &'c Context, asked: Option<bool>) -> Result<Option<Self>> {
        let of_environment =
            || cx.env.get("COMPOSE_MENU").is_none() || cx.env.is_on("COMPOSE_MENU");
        let wanted = asked.unwrap_or_else(of_environment);
        let seen = cx.terminal.stdin && cx.terminal.stdout && cx.terminal.stderr;
        let is_live = cx.style().progress == ProgressMode::Tty;
        if !(wanted && seen && is_live && is_in_foreground()) {
            return Ok(None);
        }
        Ok(Some(Self {
            reporter: cx.reporter(),
            _mode: RawMode::keys()?,
            typed: read_stdin(),
        }))
    }

    /// Names the keys; whether they still mean something.
    pub(super) fn show(&self, is_watching: bool) -> bool {
        self.reporter.set_footer(&line(is_watching))
    }

    /// The next key; never, where nothing more can be typed.
    pub(super) async fn key(&mut self) -> Key {
        loop {
            match self.typed.recv().await.map(|bytes| Key::of(&bytes)) {
                Some(Some(key)) => return key,
                Some(None) => {}
                None => std::future::pending().await,
            }
        }
    }
}

impl Drop for Menu<'_> {
    fn drop(&mut self) {
        self.reporter.end_footer();
    }
}

/// Docker Compose's words.
fn line(is_watching: bool) -> String {
    let entry = |key: &str, does: &str| {
        let key = console::style(key).bold().reverse().force_styling(true);
        let does = console::style(does).dim().force_styling(true);
        format!("{key}{does}")
    };
    let watch = match is_watching {
        true => " Disable Watch",
        false => " Enable Watch",
    };
    format!("{}   {}", entry("w", watch), entry("d", " Detach"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_and_what_others_send_is_not_taken_for_them() {
        let of = |bytes: &[u8]| Key::of(bytes);
        assert_eq!(of(b"w"), Some(Key::Watch));
        assert_eq!(of(b"d"), Some(Key::Detach));
        assert_eq!(of(b"\n"), Some(Key::Enter));
        assert_eq!(of(b"\x1b[d"), None);
        assert_eq!(of(b"x"), None);
        assert_eq!(of(b""), None);
    }

    #[test]
    fn the_line_names_the_keys() {
        let plain = |is_watching| console::strip_ansi_codes(&line(is_watching)).into_owned();
        assert_eq!(plain(false), "w Enable Watch   d Detach");
        assert_eq!(plain(true), "w Disable Watch   d Detach");
    }
}
