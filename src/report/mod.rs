//! The only place that prints: terminal, plain and JSON progress, log prefixes, tables, failures.

#![allow(clippy::print_stdout, clippy::print_stderr)]

mod debug;
mod exit;
pub mod explain;
pub mod go;
pub mod log;
mod paint;
mod panic;
mod progress;
mod raw;
mod reporter;
mod style;
pub mod table;
pub mod template;
pub mod units;

pub use debug::log as begin_log;
pub use exit::{Exit, StdoutClosed, exit_code};
pub use paint::Paint;
pub use panic::panicked;
pub use progress::Wording;
pub use raw::RawOutput;
pub use reporter::Reporter;
pub use style::{Ansi, ProgressMode, Status, Style};

use std::io::{self, Write};

/// Writes a whole text to standard output.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = stdout();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// The columns of standard output, where it is a terminal.
pub fn terminal_width() -> Option<usize> {
    let size = console::Term::stdout().size_checked();
    size.map(|(_, width)| usize::from(width))
        .filter(|width| *width > 0)
}

/// The columns of standard output: those of its terminal, else `columns`, else 80.
pub fn width(columns: Option<&str>) -> usize {
    let terminal = console::Term::stdout().size_checked();
    let width = terminal.map(|(_, width)| usize::from(width));
    let asked = || columns.and_then(|text| text.parse().ok());
    width
        .or_else(asked)
        .filter(|width| *width > 0)
        .unwrap_or(80)
}

/// Standard output, locked; what fails because the reader is gone is a [`StdoutClosed`].
pub fn stdout() -> Stdout {
    Stdout(io::stdout().lock())
}

/// See [`stdout`].
pub struct Stdout(io::StdoutLock<'static>);

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(closed)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(closed)
    }
}

fn closed(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe => io::Error::new(io::ErrorKind::BrokenPipe, StdoutClosed),
        _ => error,
    }
}
