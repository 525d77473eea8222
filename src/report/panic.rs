//! What is said of a panic, which is always a mistake of dco's own.

use std::io::{self, IsTerminal, Write};

/// Shows the cursor, ends a picture that is being drawn, and clears what is left of it.
const GIVE_BACK: &[u8] = b"\x1b[?2026l\x1b[?25h\r\x1b[J";

const HOW_TO_REPORT: &[u8] = b"\
error: dco broke; that is a bug in it, and no fault of your project
hint: report it with the lines above, what you ran, and what `dco version` and `dco doctor` say
";

/// Gives the screen back, lets the panic be told, and says how to report it.
pub fn panicked(tell: impl FnOnce()) {
    let mut err = io::stderr();
    // Who cannot be told cannot be told that either.
    if err.is_terminal() {
        let _ = err.write_all(GIVE_BACK);
    }
    tell();
    let _ = err.write_all(HOW_TO_REPORT);
}
