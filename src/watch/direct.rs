//! Changed paths written straight into a running container: a tenth of a millisecond where the
//! engine's own unpacking takes thirty. Only as root beside the container, in its user namespace.
//!
//! What comes out is what the engine makes of an archive: kinds, modes, times, the container's
//! owner, and a file that is replaced is another file (what reads or runs the old one keeps it).

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Timespec, Timestamps, Uid};

use super::inside::{Inside, is_absent};
use super::owner::{self, Owner};

/// What a folder gets that nobody named: one on the way to a path.
const FOLDER: u32 = 0o755;

/// A running container's files, ours to write.
pub(super) struct Place {
    inside: Inside,
    owner: Owner,
}

impl Place {
    /// The files of the container that `pid` runs in, and that was made for a user; none where what
    /// we wrote would not be the same as what the engine writes.
    pub(super) fn of(pid: i64, user: &str) -> Option<Self> {
        let users = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/user")).ok();
        let is_root = rustix::process::geteuid().is_root();
        let is_same = users("self").is_some() && users("self") == users(&pid.to_string());
        let inside = Inside::of(pid).ok().filter(|_| is_root && is_same)?;
        let text = |path| inside.text(Path::new(path)).unwrap_or_default();
        let owner = match user {
            "" => Owner::default(),
            user => owner::resolve(user, &text("/etc/passwd"), &text("/etc/group"))?,
        };
        Some(Self { inside, owner })
    }

    /// Brings paths (container path → host path) to the host's state; those that we may not read.
    ///
    /// # Errors
    /// The first that cannot be brought: the others may be there or not.
    pub(super) fn bring(&self, paths: &BTreeMap<PathBuf, PathBuf>) -> io::Result<Vec<PathBuf>> {
        let mut unreadable = Vec::new();
        let gone = paths.iter().filter(|(_, outside)| !is_there(outside));
        for (inside, _) in gone {
            self.remove(inside)?;
        }
        // Sorted: a folder comes before what it holds.
        for (inside, outside) in paths {
            match Outside::open(outside) {
                Ok(Some(outside)) => self.put(inside, outside)?,
                Ok(None) => {}
                Err(error) if is_absent(&error) => self.remove(inside)?,
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    unreadable.push(outside.clone());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(unreadable)
    }

    /// Never the root.
    fn remove(&self, path: &Path) -> io::Result<()> {
        match path.file_name() {
            Some(_) => self.inside.remove(path),
            None => Ok(()),
        }
    }

    fn put(&self, path: &Path, outside: Outside) -> io::Result<()> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(());
        };
        let folder = self.folder(parent)?;
        let kept = matches!(outside, Outside::Folder(_)) && is_folder(&folder, name);
        if !kept {
            self.inside.remove(path)?;
        }
        match outside {
            Outside::Folder(found) => {
                if !kept {
                    rustix::fs::mkdirat(&folder, name, Mode::from_raw_mode(FOLDER))?;
                }
                // Held open: what the container puts in its place is not what gets the mode.
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let made = rustix::fs::openat(&folder, name, flags, Mode::empty())?;
                self.finish(&made, &found)
            }
            Outside::Link(found, to) => {
                rustix::fs::symlinkat(&to, &folder, name)?;
                self.own(&folder, name)?;
                let flags = AtFlags::SYMLINK_NOFOLLOW;
                Ok(rustix::fs::utimensat(&folder, name, &times(&found), flags)?)
            }
            Outside::File(found, mut content) => {
                let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
                let private = Mode::RUSR | Mode::WUSR;
                let made = rustix::fs::openat(&folder, name, flags, private)?;
                let mut made = File::from(made);
                io::copy(&mut content, &mut made)?;
                self.finish(&made, &found)?;
                Ok(rustix::fs::futimens(&made, &times(&found))?)
            }
        }
    }

    /// Gives what was made its owner and then its mode: a change of owner takes bits of it away.
    fn finish(&self, made: impl AsFd, found: &Metadata) -> io::Result<()> {
        rustix::fs::fchown(&made, Some(self.user()), Some(self.group()))?;
        let mode = Mode::from_raw_mode(found.mode() & 0o7777);
        Ok(rustix::fs::fchmod(made, mode)?)
    }

    /// Opens a folder; makes it, and those on the way to it, where it is not there.
    fn folder(&self, path: &Path) -> io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        match (
            self.inside.open(path, flags),
            path.parent(),
            path.file_name(),
        ) {
            (Err(error), Some(above), Some(name)) if error.kind() == io::ErrorKind::NotFound => {
                let above = self.folder(above)?;
                rustix::fs::mkdirat(&above, name, Mode::from_raw_mode(FOLDER))?;
                self.own(&above, name)?;
                self.inside.open(path, flags)
            }
            (opened, ..) => opened,
        }
    }

    fn own(&self, folder: &OwnedFd, name: &OsStr) -> io::Result<()> {
        let (user, group) = (Some(self.user()), Some(self.group()));
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        Ok(rustix::fs::chownat(folder, name, user, group, flags)?)
    }

    fn user(&self) -> Uid {
        Uid::from_raw(self.owner.user)
    }

    fn group(&self) -> Gid {
        Gid::from_raw(self.owner.group)
    }
}

/// What the host has at a path.
enum Outside {
    Folder(Metadata),
    Link(Metadata, PathBuf),
    File(Metadata, File),
}

impl Outside {
    /// None for sockets, pipes and devices: they are no content.
    fn open(path: &Path) -> io::Result<Option<Self>> {
        let found = path.symlink_metadata()?;
        Ok(if found.is_symlink() {
            Some(Self::Link(found, std::fs::read_link(path)?))
        } else if found.is_dir() {
            Some(Self::Folder(found))
        } else if found.is_file() {
            let file = File::open(path)?;
            // Of the file that was opened: another may have been renamed over it.
            Some(Self::File(file.metadata()?, file))
        } else {
            None
        })
    }
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn is_folder(parent: impl AsFd, name: &OsStr) -> bool {
    let found = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW);
    found.is_ok_and(|it| rustix::fs::FileType::from_raw_mode(it.st_mode).is_dir())
}

/// The times of a file, to the nanosecond.
fn times(found: &Metadata) -> Timestamps {
    let time = Timespec {
        tv_sec: found.mtime(),
        tv_nsec: found.mtime_nsec() as _,
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn kinds_modes_times_and_owners_are_the_hosts_and_a_replaced_file_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let (root, host) = (folder.path().join("root"), folder.path().join("host"));
        fs::create_dir_all(root.join("app")).unwrap();
        fs::create_dir_all(host.join("sub")).unwrap();
        fs::write(root.join("app/a"), "old").unwrap();
        fs::create_dir(root.join("app/was-folder")).unwrap();
        fs::write(root.join("app/was-folder/x"), "").unwrap();
        fs::write(root.join("app/gone"), "").unwrap();
        fs::write(host.join("a"), "new").unwrap();
        fs::set_permissions(host.join("a"), fs::Permissions::from_mode(0o4751)).unwrap();
        fs::set_permissions(host.join("sub"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(host.join("was-folder"), "file").unwrap();
        symlink("/etc/passwd", host.join("link")).unwrap();
        let metadata = fs::metadata(&root).unwrap();
        let place = Place {
            inside: Inside::at(&root).unwrap(),
            owner: Owner {
                user: metadata.uid(),
                group: metadata.gid(),
            },
        };
        let before = File::open(root.join("app/a")).unwrap();
        let names = ["a", "sub", "was-folder", "link", "gone", "sub/deep/gone"];
        let paths = names.map(|name| (Path::new("/app").join(name), host.join(name)));
        let deep = (PathBuf::from("/new/er/a"), host.join("a"));
        let paths = paths.into_iter().chain([deep]).collect();
        for _ in 0..2 {
            assert!(place.bring(&paths).unwrap().is_empty());
            let mode = |path: &str| fs::symlink_metadata(root.join(path)).unwrap().mode();
            assert_eq!(fs::read_to_string(root.join("app/a")).unwrap(), "new");
            assert_eq!(mode("app/a") & 0o7777, 0o4751);
            assert_eq!(mode("app/sub") & 0o7777, 0o700);
            let was_folder = fs::read_to_string(root.join("app/was-folder"));
            assert_eq!(was_folder.unwrap(), "file");
            let link = fs::read_link(root.join("app/link")).unwrap();
            assert_eq!(link, Path::new("/etc/passwd"));
            assert!(!root.join("app/gone").exists());
            assert_eq!(fs::read_to_string(root.join("new/er/a")).unwrap(), "new");
        }
        let time = |path: PathBuf| fs::metadata(path).unwrap().modified().unwrap();
        assert_eq!(time(root.join("app/a")), time(host.join("a")));
        let now = fs::metadata(root.join("app/a")).unwrap().ino();
        assert_ne!(before.metadata().unwrap().ino(), now);
        assert_eq!(io::read_to_string(before).unwrap(), "old");
    }
}
