//! One watcher a project: the lock it holds, how it is found, stopped, and where its log lies.
//!
//! Who holds the lock is the watcher: a stale pid in the file means nothing, and a pid that is
//! read under a held lock is the holder's own.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;
use rustix::process::{Pid, Signal};

/// How long a watcher may take to end: it lets a running reaction finish.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// How often the lock is looked at while a watcher ends: the kernel tells nobody when one is freed
/// to a process that may not block on it.
const STOP_PERIOD: Duration = Duration::from_millis(5);

/// The place of a project's watcher.
#[derive(Clone, Debug)]
pub struct Seat {
    file: PathBuf,
}

/// A seat that is taken until this is dropped, or the process ends however it ends.
#[derive(Debug)]
pub struct Held(#[allow(dead_code, reason = "the open file is the lock")] File);

impl Seat {
    /// The seat of a project in dco's state directory. Checkouts of one name have seats of their
    /// own: the directory is part of the name.
    pub fn of(state: &Path, project: &str, working_dir: &Path) -> Self {
        use sha2::{Digest, Sha256};
        let digest = Sha256::digest(working_dir.as_os_str().as_encoded_bytes());
        let short: String = digest
            .iter()
            .take(4)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self {
            file: state.join("watch").join(format!("{project}-{short}.pid")),
        }
    }

    /// Where a detached watcher writes what it does.
    pub fn log(&self) -> PathBuf {
        self.file.with_extension("log")
    }

    /// Takes the seat; none where another process has it.
    ///
    /// # Errors
    /// The state directory cannot be written.
    pub fn take(&self) -> io::Result<Option<Held>> {
        std::fs::create_dir_all(self.file.parent().unwrap_or(Path::new("/")))?;
        let mut file = self.open()?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Some(Held(file)))
    }

    /// The process that has the seat.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn holder(&self) -> io::Result<Option<u32>> {
        let mut file = match File::open(&self.file) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => return Ok(None),
            Err(rustix::io::Errno::WOULDBLOCK) => {}
            Err(error) => return Err(error.into()),
        }
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        Ok(text.trim().parse().ok())
    }

    /// Ends the watcher, where there is one, and waits until it has ended; which one it was.
    ///
    /// # Errors
    /// It is somebody else's process, or does not end in thirty seconds.
    pub fn stop(&self) -> io::Result<Option<u32>> {
        let Some(holder) = self.holder()? else {
            return Ok(None);
        };
        let pid = i32::try_from(holder).ok().and_then(Pid::from_raw);
        let pid =
            pid.ok_or_else(|| io::Error::other(format!("`{}` holds no pid", self.file.display())))?;
        match rustix::process::kill_process(pid, Signal::TERM) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => return Err(error.into()),
        }
        let deadline = Instant::now() + STOP_PATIENCE;
        while self.holder()? == Some(holder) {
            if Instant::now() > deadline {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("the watcher, process {holder}, does not end"),
                ));
            }
            std::thread::sleep(STOP_PERIOD);
        }
        Ok(Some(holder))
    }

    fn open(&self) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_at_a_time_has_the_seat() {
        let state = tempfile::tempdir().unwrap();
        let seat = Seat::of(state.path(), "app", Path::new("/srv/app"));
        assert_eq!(seat.holder().unwrap(), None);
        let held = seat.take().unwrap().expect("it is free");
        assert!(seat.take().unwrap().is_none());
        assert_eq!(seat.holder().unwrap(), Some(std::process::id()));
        let other = Seat::of(state.path(), "app", Path::new("/home/app"));
        assert!(other.take().unwrap().is_some());
        drop(held);
        assert_eq!(seat.holder().unwrap(), None);
        assert!(seat.take().unwrap().is_some());
    }

    #[test]
    fn a_pid_that_a_killed_watcher_left_behind_is_never_signalled() {
        let state = tempfile::tempdir().unwrap();
        let seat = Seat::of(state.path(), "app", Path::new("/srv/app"));
        drop(seat.take().unwrap());
        assert_eq!(seat.stop().unwrap(), None);
    }
}
