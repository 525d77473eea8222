//! A lease on a file: while it is held nobody opens the file for writing, and whoever tries waits.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use libc::c_int;

/// How often a lease is asked for while somebody has the file open for writing: a save takes less.
const TRIES: u32 = 20;

/// And how long between two of them.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(1);

/// Linux's `fcntl.h`; the `libc` crate lacks it.
const F_SETSIG: c_int = 10;

/// A lease that ends when it is dropped. To be held for microseconds only.
pub(super) struct Lease<'f>(BorrowedFd<'f>);

impl<'f> Lease<'f> {
    /// Takes the lease of a file that is open for reading only.
    ///
    /// # Errors
    /// Somebody has it open for writing for longer than a save takes, it is neither ours nor are we
    /// root, or its file system knows no leases.
    pub(super) fn take(file: BorrowedFd<'f>) -> io::Result<Self> {
        // Whoever waits is told of by a signal. The usual one would end this process; this one
        // nobody heeds who does not ask for it.
        control(file, F_SETSIG, libc::SIGURG)?;
        for _ in 1..TRIES {
            match control(file, libc::F_SETLEASE, libc::F_RDLCK) {
                Ok(()) => return Ok(Self(file)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::thread::sleep(PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
        control(file, libc::F_SETLEASE, libc::F_RDLCK)?;
        Ok(Self(file))
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        // It ends with the file at the latest.
        let _ = control(self.0, libc::F_SETLEASE, libc::F_UNLCK);
    }
}

/// A command of `fcntl` that takes a number. `rustix` has none of those for leases.
fn control(file: BorrowedFd<'_>, command: c_int, argument: c_int) -> io::Result<()> {
    // SAFETY: the descriptor is open as long as it is borrowed, and commands that take a number
    // touch no memory of ours.
    match unsafe { libc::fcntl(file.as_raw_fd(), command, argument) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn who_wants_to_write_waits_until_the_lease_ends_and_nothing_else_happens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "1").unwrap();
        let file = File::open(&path).unwrap();
        let lease = Lease::take(file.as_fd()).unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let writer = std::thread::spawn({
            let path = path.clone();
            move || {
                fs::write(path, "2").unwrap();
                sender.send(()).unwrap();
            }
        });
        let moment = std::time::Duration::from_millis(100);
        assert!(receiver.recv_timeout(moment).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "1");
        drop(lease);
        writer.join().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "2");
    }

    #[test]
    fn there_is_none_while_somebody_has_the_file_open_for_writing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let writer = File::create(&path).unwrap();
        let file = File::open(&path).unwrap();
        let refused = Lease::take(file.as_fd()).err().unwrap();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        drop(writer);
        Lease::take(file.as_fd()).unwrap();
    }
}
