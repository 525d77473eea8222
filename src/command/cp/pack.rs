//! Local files as a tar for a container: owners, modes, times, links and devices as they are.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tar::{Builder, EntryType, Header};
use tokio::sync::mpsc::Sender;

/// Hands what is written to it on to a request; blocks while that is behind.
pub struct Pipe(pub Sender<io::Result<Bytes>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Bytes::copy_from_slice(bytes);
        match self.0.blocking_send(Ok(piece)) {
            Ok(()) => Ok(bytes.len()),
            // The request has ended, and says why itself.
            Err(_) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes `source` and all below it, with its top called `top`.
///
/// # Errors
/// What cannot be read, by its path, or the output's.
pub fn write(source: &Path, top: &str, output: impl Write) -> io::Result<()> {
    let mut archive = Builder::new(output);
    archive.mode(tar::HeaderMode::Complete);
    let mut pack = Pack {
        archive,
        seen: BTreeMap::new(),
    };
    pack.tree(source, &PathBuf::from(top))?;
    pack.archive.finish()?;
    pack.archive.get_mut().flush()
}

struct Pack<W: Write> {
    archive: Builder<W>,
    /// Files with several names, by device and number: the later names become links.
    seen: BTreeMap<(u64, u64), PathBuf>,
}

impl<W: Write> Pack<W> {
    fn tree(&mut self, path: &Path, name: &Path) -> io::Result<()> {
        let told =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let found = fs::symlink_metadata(path).map_err(told)?;
        self.append(path, name, &found).map_err(told)?;
        if !found.is_dir() {
            return Ok(());
        }
        let mut below: Vec<_> = fs::read_dir(path)
            .and_then(Iterator::collect::<io::Result<_>>)
            .map_err(told)?;
        below.sort_by_key(fs::DirEntry::file_name);
        for entry in below {
            self.tree(&entry.path(), &name.join(entry.file_name()))?;
        }
        Ok(())
    }

    fn append(&mut self, path: &Path, name: &Path, found: &Metadata) -> io::Result<()> {
        let kind = found.file_type();
        if kind.is_socket() {
            return Ok(());
        }
        let mut header = Header::new_gnu();
        header.set_mode(found.mode() & 0o7777);
        header.set_mtime(u64::try_from(found.mtime()).unwrap_or(0));
        header.set_uid(found.uid().into());
        header.set_gid(found.gid().into());
        header.set_size(0);
        if kind.is_symlink() {
            header.set_entry_type(EntryType::Symlink);
            return self
                .archive
                .append_link(&mut header, name, fs::read_link(path)?);
        }
        if kind.is_dir() {
            header.set_entry_type(EntryType::Directory);
            return self
                .archive
                .append_data(&mut header, slash(name), io::empty());
        }
        if found.nlink() > 1 {
            let number = (found.dev(), found.ino());
            if let Some(first) = self.seen.get(&number) {
                header.set_entry_type(EntryType::Link);
                return self.archive.append_link(&mut header, name, first);
            }
            self.seen.insert(number, name.to_owned());
        }
        if !kind.is_file() {
            header.set_entry_type(match kind {
                kind if kind.is_fifo() => EntryType::Fifo,
                kind if kind.is_block_device() => EntryType::Block,
                _ => EntryType::Char,
            });
            header.set_device_major(rustix::fs::major(found.rdev()))?;
            header.set_device_minor(rustix::fs::minor(found.rdev()))?;
            return self.archive.append_data(&mut header, name, io::empty());
        }
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        if let Some(capability) = capability(path) {
            let key = "SCHILY.xattr.security.capability";
            self.archive
                .append_pax_extensions([(key, capability.as_slice())])?;
        }
        header.set_entry_type(EntryType::Regular);
        header.set_size(size);
        let content = crate::watch::archive::Exactly::new(file, size);
        self.archive.append_data(&mut header, name, content)
    }
}

/// A directory's name ends with a slash, which also makes one of `.`.
fn slash(name: &Path) -> PathBuf {
    let mut bytes = name.as_os_str().as_bytes().to_vec();
    bytes.push(b'/');
    PathBuf::from(std::ffi::OsStr::from_bytes(&bytes).to_owned())
}

/// What a program may do without being root, where the file system keeps that.
fn capability(path: &Path) -> Option<Vec<u8>> {
    let mut value = vec![0_u8; 64];
    let length = rustix::fs::lgetxattr(path, "security.capability", &mut value).ok()?;
    value.truncate(length);
    Some(value)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_tree_is_packed_under_another_name_with_its_links() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("d")).unwrap();
        fs::write(at("d/a"), "text").unwrap();
        fs::hard_link(at("d/a"), at("d/b")).unwrap();
        std::os::unix::fs::symlink("a", at("d/c")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("d/p"), rustix::fs::Mode::RUSR).unwrap();
        let listing = |top: &str| {
            let mut bytes = Vec::new();
            write(&at("d"), top, &mut bytes).unwrap();
            let mut archive = tar::Archive::new(bytes.as_slice());
            let mut listing = String::new();
            for entry in archive.entries().unwrap() {
                let mut entry = entry.unwrap();
                let mut text = String::new();
                entry.read_to_string(&mut text).unwrap();
                let link = entry.link_name().unwrap().unwrap_or_default().into_owned();
                let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
                let kind = entry.header().entry_type();
                listing += &format!("{name} {kind:?} {link:?} {text:?}\n");
            }
            listing
        };
        assert_eq!(
            listing("new"),
            "new/ Directory \"\" \"\"\nnew/a Regular \"\" \"text\"\nnew/b Link \"new/a\" \"\"\n\
             new/c Symlink \"a\" \"\"\nnew/p Fifo \"\" \"\"\n"
        );
        assert!(listing(".").contains("\na Regular \"\" \"text\"\nb Link"));
    }
}
