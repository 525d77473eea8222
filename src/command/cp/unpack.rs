//! A container's tar as local files. Nothing is written outside the directory that is meant, also
//! not through a link that the tar itself brings.

use std::fs::{self, Permissions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use bytes::{Buf, Bytes};
use tar::{Archive, Entry, EntryType};
use tokio::sync::mpsc::Receiver;

/// Reads what a request receives; blocks while nothing comes.
pub struct Pipe {
    pieces: Receiver<io::Result<Bytes>>,
    piece: Bytes,
}

impl Pipe {
    /// Reads pieces as they come.
    pub fn new(pieces: Receiver<io::Result<Bytes>>) -> Self {
        Self {
            pieces,
            piece: Bytes::new(),
        }
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.piece.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.piece = piece?,
                None => return Ok(0),
            }
        }
        let count = buffer.len().min(self.piece.len());
        self.piece.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}

/// How the names of a tar change: its top gets another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renamed {
    /// The top's name in the tar; none is the root.
    pub from: String,
    /// Its name here.
    pub to: String,
}

impl Renamed {
    /// The path below the directory that is written to.
    fn apply(&self, name: &[u8]) -> Result<PathBuf> {
        let rest = name.strip_prefix(self.from.as_bytes()).unwrap_or(name);
        let mut path = match rest.len() < name.len() || self.from.is_empty() {
            true => PathBuf::from(&self.to),
            false => PathBuf::new(),
        };
        for part in Path::new(std::ffi::OsStr::from_bytes(rest)).components() {
            match part {
                Component::Normal(part) => path.push(part),
                Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
                Component::ParentDir => bail!("`{}` leads outside", name.escape_ascii()),
            }
        }
        let inside = path.components().filter(|part| *part != Component::CurDir);
        Ok(inside.collect())
    }
}

/// Writes what a tar holds below `directory`; owners become the user's own.
///
/// # Errors
/// A file in a directory's place or the reverse, a name that leads outside, or the system's.
pub fn write(tar: impl Read, directory: &Path, renamed: &Renamed) -> Result<()> {
    let mut archive = Archive::new(tar);
    archive.set_preserve_permissions(true);
    let mut into = Into {
        directory,
        renamed,
        folders: Vec::new(),
    };
    for entry in archive.entries()? {
        into.entry(entry?)?;
    }
    // The rest of the stream, so that the engine's side ends well.
    into.finish()
}

struct Into<'a> {
    directory: &'a Path,
    renamed: &'a Renamed,
    /// Modes and times of folders come last: a folder that nobody may write to has to be filled.
    folders: Vec<(PathBuf, u32, u64)>,
}

impl Into<'_> {
    fn entry<R: Read>(&mut self, mut entry: Entry<'_, R>) -> Result<()> {
        let inside = self.renamed.apply(&entry.path_bytes())?;
        let path = self.directory.join(&inside);
        let kind = entry.header().entry_type();
        if inside.as_os_str().is_empty() {
            if kind != EntryType::Directory {
                bail!("cannot overwrite directory `{}`", self.directory.display());
            }
            return Ok(());
        }
        self.make_parents(&inside)?;
        self.make_room(&path, kind)?;
        let shown = || format!("cannot write `{}`", path.display());
        match kind {
            EntryType::Directory => {
                match fs::create_dir(&path) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    made => made.with_context(shown)?,
                }
                let header = entry.header();
                self.folders
                    .push((path, header.mode()? & 0o7777, header.mtime()?));
            }
            EntryType::Link => {
                let first = entry.link_name_bytes().unwrap_or_default();
                let first = self.renamed.apply(&first)?;
                self.make_parents(&first)?;
                fs::hard_link(self.directory.join(first), &path).with_context(shown)?;
            }
            EntryType::Fifo | EntryType::Char | EntryType::Block => {
                self.node(&entry, &path).with_context(shown)?;
            }
            _ => {
                entry.unpack(&path).with_context(shown)?;
            }
        }
        Ok(())
    }

    /// The folders above a path; a link among them would lead elsewhere.
    fn make_parents(&self, inside: &Path) -> Result<()> {
        let above: Vec<&Path> = inside.ancestors().skip(1).collect();
        for folder in above
            .into_iter()
            .rev()
            .filter(|it| !it.as_os_str().is_empty())
        {
            let folder = self.directory.join(folder);
            match fs::symlink_metadata(&folder) {
                Ok(found) if found.is_dir() => {}
                Ok(_) => bail!(
                    "cannot write `{}`: `{}` is not a directory",
                    inside.display(),
                    folder.display()
                ),
                Err(_) => fs::create_dir(&folder)
                    .with_context(|| format!("cannot write `{}`", folder.display()))?,
            }
        }
        Ok(())
    }

    /// Removes what another thing of its kind replaces.
    fn make_room(&self, path: &Path, kind: EntryType) -> Result<()> {
        let Ok(found) = fs::symlink_metadata(path) else {
            return Ok(());
        };
        match (found.is_dir(), kind == EntryType::Directory) {
            (true, true) => Ok(()),
            (true, false) => bail!(
                "cannot overwrite directory `{}` with non-directory",
                path.display()
            ),
            (false, true) => bail!(
                "cannot overwrite non-directory `{}` with directory",
                path.display()
            ),
            (false, false) => fs::remove_file(path)
                .with_context(|| format!("cannot replace `{}`", path.display())),
        }
    }

    fn node<R: Read>(&self, entry: &Entry<'_, R>, path: &Path) -> Result<()> {
        use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
        let header = entry.header();
        let kind = match header.entry_type() {
            EntryType::Fifo => FileType::Fifo,
            EntryType::Block => FileType::BlockDevice,
            _ => FileType::CharacterDevice,
        };
        let major = header.device_major()?.unwrap_or_default();
        let minor = header.device_minor()?.unwrap_or_default();
        let mode = header.mode()? & 0o7777;
        mknodat(CWD, path, kind, Mode::from(mode), makedev(major, minor))?;
        fs::set_permissions(path, Permissions::from_mode(mode))?;
        Ok(())
    }

    fn finish(self) -> Result<()> {
        for (path, mode, time) in self.folders.into_iter().rev() {
            let shown = || format!("cannot write `{}`", path.display());
            let folder = fs::File::open(&path).with_context(shown)?;
            folder
                .set_permissions(Permissions::from_mode(mode))
                .with_context(shown)?;
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(time);
            folder.set_modified(time).with_context(shown)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::cp::pack;

    fn renamed(from: &str, to: &str) -> Renamed {
        Renamed {
            from: from.into(),
            to: to.into(),
        }
    }

    #[test]
    fn names_change_at_the_top_only_and_never_lead_outside() {
        let path = |from, to, name: &str| {
            let path = renamed(from, to).apply(name.as_bytes());
            path.map(|path| path.display().to_string())
                .unwrap_or_else(|error| error.to_string())
        };
        assert_eq!(path("etc", "new", "etc/etc/x"), "new/etc/x");
        assert_eq!(path(".", "new", "./a"), "new/a");
        assert_eq!(path(".", ".", "./a"), "a");
        assert_eq!(path(".", ".", "./"), "");
        assert_eq!(path("", "new", "bin/sh"), "new/bin/sh");
        assert_eq!(path("a", "a", "a/../../x"), "`a/../../x` leads outside");
        assert_eq!(path("a", "a", "/abs"), "abs");
    }

    #[test]
    fn a_tree_comes_back_as_it_was_even_where_a_folder_is_read_only() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("d/e")).unwrap();
        fs::write(at("d/e/a"), "text").unwrap();
        fs::hard_link(at("d/e/a"), at("d/e/b")).unwrap();
        std::os::unix::fs::symlink("../../../..", at("d/up")).unwrap();
        fs::set_permissions(at("d/e"), Permissions::from_mode(0o555)).unwrap();
        let mut tar = Vec::new();
        pack::write(&at("d"), "d", &mut tar).unwrap();
        fs::create_dir(at("out")).unwrap();
        write(tar.as_slice(), &at("out"), &renamed("d", "n")).unwrap();
        assert_eq!(fs::read_to_string(at("out/n/e/b")).unwrap(), "text");
        assert_eq!(
            fs::read_link(at("out/n/up")).unwrap(),
            Path::new("../../../..")
        );
        let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(at("out/n/e")), 0o555);
        fs::set_permissions(at("d/e"), Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(at("out/n/e"), Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn nothing_is_written_through_a_link_and_kinds_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        fs::create_dir(&out).unwrap();
        let mut tar = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, "d", folder.path()).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(1);
        tar.append_data(&mut header, "d/evil", &b"x"[..]).unwrap();
        let tar = tar.into_inner().unwrap();
        let error = write(tar.as_slice(), &out, &renamed("d", "d")).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "cannot write `d/evil`: `{}` is not a directory",
                out.join("d").display()
            )
        );
        assert!(!folder.path().join("evil").exists());
        fs::remove_file(out.join("d")).unwrap();
        fs::create_dir(out.join("d")).unwrap();
        let error = write(tar.as_slice(), &out, &renamed("d", "d")).unwrap_err();
        assert!(error.to_string().contains("cannot overwrite directory"));
    }
}
