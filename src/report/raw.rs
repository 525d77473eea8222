//! Bytes of other programs, passed through as they come: no buffer, no prefix, no colour.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

/// Standard output and standard error without the standard library's line buffer.
pub struct RawOutput {
    stdout: File,
    stderr: File,
}

impl RawOutput {
    /// Takes both.
    ///
    /// # Errors
    ///
    /// One of them is closed.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            stdout: io::stdout().as_fd().try_clone_to_owned()?.into(),
            stderr: io::stderr().as_fd().try_clone_to_owned()?.into(),
        })
    }

    /// Writes to standard output.
    ///
    /// # Errors
    ///
    /// A [`super::StdoutClosed`] where nobody reads it any more.
    pub fn stdout(&mut self, bytes: &[u8]) -> io::Result<()> {
        patiently(&mut self.stdout, bytes).map_err(super::closed)
    }

    /// Writes to standard error.
    ///
    /// # Errors
    ///
    /// As [`RawOutput::stdout`].
    pub fn stderr(&mut self, bytes: &[u8]) -> io::Result<()> {
        patiently(&mut self.stderr, bytes).map_err(super::closed)
    }
}

/// Writes all of it, also where another program left the descriptor in non-blocking mode.
fn patiently(file: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(length) => bytes = &bytes[length..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let mut ready = [rustix::event::PollFd::new(
                    file,
                    rustix::event::PollFlags::OUT,
                )];
                rustix::event::poll(&mut ready, None)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
