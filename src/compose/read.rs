//! Reading a file, a pipe or standard input, within bounds: nothing that is no text of a sane size
//! is taken, and nothing is waited for without end.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// No compose file is larger.
const LARGEST: u64 = 64 << 20;
/// A pipe that says nothing for so long has nothing to say.
const SILENCE: Duration = Duration::from_secs(1);

/// Where the files of a project lie.
#[derive(Clone, Debug, Default)]
pub enum Disk {
    /// On this machine.
    #[default]
    Real,
    /// Here, by their absolute paths: no other file is looked at.
    Memory(BTreeMap<PathBuf, String>),
}

impl Disk {
    /// The text of a file; of standard input for `-`.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn text(&self, path: &Path) -> Result<String, Error> {
        match self {
            Self::Real => text(path),
            Self::Memory(files) => match files.get(path) {
                Some(text) => Ok(text.clone()),
                None => Err(Error::System(io::ErrorKind::NotFound.into())),
            },
        }
    }

    /// Whether there is such a file, and it is no directory.
    pub fn has(&self, path: &Path) -> bool {
        match self {
            Self::Real => path.exists() && !path.is_dir(),
            Self::Memory(files) => files.contains_key(path),
        }
    }
}

/// Why a file cannot be read.
#[derive(Debug)]
pub enum Error {
    /// The system's answer.
    System(io::Error),
    /// It is a directory.
    Directory,
    /// It is larger than 64 MiB.
    TooLarge,
    /// It is no UTF-8; the first line that is not.
    NotText(usize),
    /// A pipe that yields nothing.
    Silent,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::System(error) if error.kind() == io::ErrorKind::NotFound => {
                f.write_str("no such file")
            }
            Self::System(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                f.write_str("permission denied")
            }
            Self::System(error) => error.fmt(f),
            Self::Directory => f.write_str("it is a directory"),
            Self::TooLarge => f.write_str("it is larger than 64 MiB"),
            Self::NotText(at) => write!(f, "line {at} is not UTF-8 text"),
            Self::Silent => f.write_str("the pipe has yielded nothing for a second"),
        }
    }
}

impl Error {
    /// What to do about it, where that is the same for every file.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotText(_) => Some("save it as UTF-8"),
            Self::Silent => Some("does the command that writes to it end?"),
            Self::Directory => Some("name a file in it"),
            Self::System(_) | Self::TooLarge => None,
        }
    }
}

/// The text of a file; of standard input for `-`.
///
/// # Errors
/// See [`Error`].
pub fn text(path: &Path) -> Result<String, Error> {
    let bytes = match path.to_str() {
        Some("-") if io::stdin().is_terminal() => bounded(io::stdin().lock())?,
        Some("-") => patient(|| Ok(Box::new(io::stdin())))?,
        _ => {
            let kind = std::fs::metadata(path).map_err(Error::System)?;
            if kind.is_dir() {
                return Err(Error::Directory);
            }
            if kind.is_file() {
                if kind.len() > LARGEST {
                    return Err(Error::TooLarge);
                }
                bounded(File::open(path).map_err(Error::System)?)?
            } else {
                let path = path.to_owned();
                patient(move || Ok(Box::new(File::open(path)?)))?
            }
        }
    };
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        Error::NotText(valid.iter().filter(|byte| **byte == b'\n').count() + 1)
    })
}

fn bounded(from: impl Read) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let limited = &mut from.take(LARGEST + 1);
    limited.read_to_end(&mut bytes).map_err(Error::System)?;
    match bytes.len() as u64 > LARGEST {
        true => Err(Error::TooLarge),
        false => Ok(bytes),
    }
}

/// Reads on a thread of its own, so that a silent pipe cannot hold the program.
fn patient(
    open: impl FnOnce() -> io::Result<Box<dyn Read + Send>> + Send + 'static,
) -> Result<Vec<u8>, Error> {
    let (sender, receiver) = mpsc::sync_channel::<io::Result<Vec<u8>>>(4);
    thread::spawn(move || {
        let mut from = match open() {
            Ok(from) => from,
            Err(error) => return drop(sender.send(Err(error))),
        };
        let mut chunk = vec![0; 64 << 10];
        loop {
            let sent = match from.read(&mut chunk) {
                Ok(0) => return,
                Ok(length) => sender.send(Ok(chunk[..length].to_vec())),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return drop(sender.send(Err(error))),
            };
            if sent.is_err() {
                return;
            }
        }
    });
    let mut bytes = Vec::new();
    loop {
        match receiver.recv_timeout(SILENCE) {
            Ok(chunk) => bytes.extend(chunk.map_err(Error::System)?),
            Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(bytes),
            Err(mpsc::RecvTimeoutError::Timeout) => return Err(Error::Silent),
        }
        if bytes.len() as u64 > LARGEST {
            return Err(Error::TooLarge);
        }
    }
}
