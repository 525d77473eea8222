//! Changed paths as one tar stream: what the engine unpacks in a container. Reads files, no more.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tar::{Builder, EntryType, Header};
use tokio::sync::mpsc::Sender;

use super::owner::Owner;

/// What became of the paths of a batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Container paths that the host has no more: to be removed.
    pub removed: Vec<PathBuf>,
    /// How many files, folders and links the archive holds.
    pub entries: usize,
    /// Host paths that we may not read.
    pub unreadable: Vec<PathBuf>,
}

/// Writes what the host holds of `paths` (container path → host path) as a tar archive.
///
/// Modes and times are kept, all of it is the owner's; links are written as links, never followed. A
/// path that vanished is reported as removed, one that may not be read as unreadable; one that
/// vanishes or shrinks while it is read is padded: its next event brings its final state.
///
/// # Errors
/// The output cannot be written, or a file that exists cannot be read.
pub fn write(
    paths: &BTreeMap<PathBuf, PathBuf>,
    owner: Owner,
    output: impl Write,
) -> io::Result<Written> {
    let mut archive = Builder::new(output);
    let mut written = Written::default();
    // Sorted: a folder comes before what it holds.
    for (inside, outside) in paths {
        match append(&mut archive, owner, (inside, outside)) {
            Ok(true) => written.entries += 1,
            Ok(false) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                written.removed.push(inside.clone());
            }
            // A folder that became a file took all below it along.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {}
            // Said before anything of it was written: the others go on.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                written.unreadable.push(outside.clone());
            }
            Err(error) => {
                return Err(io::Error::new(
                    error.kind(),
                    format!("{}: {error}", outside.display()),
                ));
            }
        }
    }
    archive.finish()?;
    archive.get_mut().flush()?;
    Ok(written)
}

/// Whether an entry was written; sockets, pipes and devices are no content.
fn append<W: Write>(
    archive: &mut Builder<W>,
    owner: Owner,
    (inside, outside): (&Path, &Path),
) -> io::Result<bool> {
    let found = std::fs::symlink_metadata(outside)?;
    let name = inside.strip_prefix("/").unwrap_or(inside);
    let mut header = Header::new_gnu();
    header.set_mode(found.mode() & 0o7777);
    header.set_mtime(u64::try_from(found.mtime()).unwrap_or(0));
    header.set_uid(owner.user.into());
    header.set_gid(owner.group.into());
    header.set_size(0);
    if found.is_symlink() {
        header.set_entry_type(EntryType::Symlink);
        archive.append_link(&mut header, name, std::fs::read_link(outside)?)?;
    } else if found.is_dir() {
        header.set_entry_type(EntryType::Directory);
        archive.append_data(&mut header, name, io::empty())?;
    } else if found.is_file() {
        let file = std::fs::File::open(outside)?;
        // Opened first, measured then: what is renamed over it meanwhile is another file.
        let size = file.metadata()?.len();
        header.set_entry_type(EntryType::Regular);
        header.set_size(size);
        archive.append_data(&mut header, name, Exactly::new(file, size))?;
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// Reads exactly so many bytes of a file: zeros where it shrank, no more where it grew.
pub struct Exactly {
    file: std::fs::File,
    left: u64,
}

impl Exactly {
    /// Reads so many bytes of a file.
    pub fn new(file: std::fs::File, bytes: u64) -> Self {
        Self { file, left: bytes }
    }
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        let mut count = self.file.read(&mut buffer[..most])?;
        if count == 0 {
            buffer[..most].fill(0);
            count = most;
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// Hands what is written to it on to several readers, in pieces: memory stays flat, and the files
/// are read once however many containers take them.
pub struct Pieces {
    senders: Vec<Sender<Bytes>>,
    piece: Vec<u8>,
}

/// The size of one piece, and so of one write to the engine's socket.
const PIECE: usize = 64 * 1024;

impl Pieces {
    /// Writes into channels; blocks while one is full, so it belongs on a blocking thread.
    pub fn new(senders: Vec<Sender<Bytes>>) -> Self {
        Self {
            senders,
            piece: Vec::with_capacity(PIECE),
        }
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = PIECE - self.piece.len();
        let taken = &bytes[..bytes.len().min(room)];
        self.piece.extend_from_slice(taken);
        if self.piece.len() == PIECE {
            self.flush()?;
        }
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::replace(
            &mut self.piece,
            Vec::with_capacity(PIECE),
        ));
        // A reader that is gone has failed and says why itself; the others go on.
        self.senders
            .retain(|sender| sender.blocking_send(piece.clone()).is_ok());
        match self.senders.is_empty() {
            true => Err(io::ErrorKind::BrokenPipe.into()),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn modes_links_and_folders_are_kept_and_what_is_gone_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("d")).unwrap();
        fs::write(at("d/run.sh"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(at("d/run.sh"), fs::Permissions::from_mode(0o750)).unwrap();
        symlink("/etc/passwd", at("d/link")).unwrap();
        let paths: BTreeMap<PathBuf, PathBuf> =
            ["d", "d/run.sh", "d/link", "gone", "d/run.sh/below"]
                .map(|name| (Path::new("/app").join(name), at(name)))
                .into();
        let mut bytes = Vec::new();
        let written = write(&paths, Owner::default(), &mut bytes).unwrap();
        assert_eq!(written.removed, [PathBuf::from("/app/gone")]);
        assert_eq!(written.entries, 3);
        let mut listing = String::new();
        for entry in tar::Archive::new(&bytes[..]).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let header = entry.header();
            listing += &format!(
                "{} {:?} {:o} {:?} {text:?}\n",
                entry.path().unwrap().display(),
                header.entry_type(),
                header.mode().unwrap() & 0o777,
                header.link_name().unwrap().unwrap_or_default(),
            );
        }
        let folder_mode = fs::metadata(at("d")).unwrap().mode() & 0o777;
        assert_eq!(
            listing,
            format!(
                "app/d Directory {folder_mode:o} \"\" \"\"\n\
                 app/d/link Symlink 777 \"/etc/passwd\" \"\"\n\
                 app/d/run.sh Regular 750 \"\" \"#!/bin/sh\\n\"\n"
            )
        );
    }

    #[test]
    fn a_file_that_shrinks_while_it_is_read_is_padded() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "12").unwrap();
        let file = fs::File::open(folder.path().join("a")).unwrap();
        let mut bytes = Vec::new();
        Exactly { file, left: 4 }.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"12\0\0");
    }
}
