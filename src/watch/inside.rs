//! Files of a running container, reached through `/proc/<pid>/root`: no program of the image is
//! needed, and it takes a tenth of a millisecond where an exec takes thirty.
//!
//! Paths are resolved with the container's root as the end of every `..` and of every link
//! (`RESOLVE_IN_ROOT`), so that nothing of the host can be reached through a link in the container.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, ResolveFlags, Timespec, Timestamps, UTIME_OMIT};

use super::lease::Lease;

/// The root folder of a container's processes.
pub struct Inside {
    root: OwnedFd,
}

impl Inside {
    /// Opens the root of the container that `pid` runs in.
    ///
    /// # Errors
    /// The process is gone, or belongs to somebody else and we are not root.
    pub fn of(pid: i64) -> io::Result<Self> {
        let path = PathBuf::from(format!("/proc/{pid}/root"));
        Self::at(&path)
    }

    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self {
            root: rustix::fs::openat(CWD, path, flags, Mode::empty())?,
        })
    }

    /// Device and inode of a path; links are not followed at its end.
    ///
    /// # Errors
    /// There is no such path.
    pub fn identity(&self, path: &Path) -> io::Result<(u64, u64)> {
        let file = self.open(path, OFlags::PATH | OFlags::NOFOLLOW)?;
        let found = rustix::fs::fstat(&file)?;
        Ok((found.st_dev, found.st_ino))
    }

    /// A small text file.
    ///
    /// # Errors
    /// There is no such file, or it is no text.
    pub(super) fn text(&self, path: &Path) -> io::Result<String> {
        /// Longer than any list of users that is written by hand.
        const MOST: u64 = 1 << 20;
        let file = self.open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        io::read_to_string(std::fs::File::from(file).take(MOST))
    }

    /// Removes a path with all that it holds; one that is not there is no error. What is mounted at
    /// or below it stays, with the folders on the way to it: it is not the path's own.
    ///
    /// # Errors
    /// A file system that refuses.
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::Error::other(
                "the root folder of a container cannot be removed",
            ));
        };
        let parent = match self.open(parent, OFlags::PATH | OFlags::DIRECTORY) {
            Ok(parent) => parent,
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        match remove_at(parent.as_fd(), name) {
            Ok(_) => Ok(()),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Touches a file so that watchers in the container see it as modified, and nothing else
    /// changes: its own modification time is written again, its content is never opened for writing.
    ///
    /// Setting only the modification time is what the kernel reports as IN_MODIFY; with the access
    /// time beside it, it would be IN_ATTRIB, which file watchers take for a chmod.
    ///
    /// # Errors
    /// There is no such file, or it is not ours.
    pub fn poke(&self, path: &Path) -> io::Result<()> {
        let file = self.open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        // A save between the look and the touch would be given the time before it. Where there is no
        // lease to be had, that cannot be helped.
        let _lease = Lease::take(file.as_fd());
        let found = rustix::fs::fstat(&file)?;
        let omitted = Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        };
        let own = Timespec {
            tv_sec: found.st_mtime,
            tv_nsec: found.st_mtime_nsec as _,
        };
        let times = Timestamps {
            last_access: omitted,
            last_modification: own,
        };
        Ok(rustix::fs::futimens(&file, &times)?)
    }

    pub(super) fn open(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        Ok(rustix::fs::openat2(
            &self.root,
            path,
            flags,
            Mode::empty(),
            resolve,
        )?)
    }
}

/// ENOTDIR too: a file stands where a folder of the path was.
pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// What became of a removal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Removal {
    Complete,
    /// A mount stays.
    Partial,
}

fn remove_at(parent: impl AsFd, name: &OsStr) -> io::Result<Removal> {
    let parent = parent.as_fd();
    // Seen from this mount namespace a mount of the container is no obstacle: unlinking the path
    // below it would undo the mount.
    if is_mount(parent, name) {
        return Ok(Removal::Partial);
    }
    match rustix::fs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) => return Ok(Removal::Complete),
        Err(rustix::io::Errno::ISDIR | rustix::io::Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = rustix::fs::openat(parent, name, flags, Mode::empty())?;
    let mut removal = Removal::Complete;
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        let mut parts = Path::new(name).components();
        if matches!(parts.next(), Some(Component::Normal(_)))
            && parts.next().is_none()
            && remove_at(&folder, name)? == Removal::Partial
        {
            removal = Removal::Partial;
        }
    }
    if removal == Removal::Complete {
        rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)?;
    }
    Ok(removal)
}

fn is_mount(parent: impl AsFd, name: &OsStr) -> bool {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS;
    let opened = rustix::fs::openat2(parent, name, flags, Mode::empty(), resolve);
    opened.is_err_and(|error| error == rustix::io::Errno::XDEV)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    #[test]
    fn a_tree_is_removed_and_what_links_point_to_outside_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (root, outside) = (folder.path().join("root"), folder.path().join("outside"));
        fs::create_dir_all(root.join("app/deep/er")).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("keep"), "1").unwrap();
        fs::write(root.join("app/deep/er/file"), "1").unwrap();
        symlink(&outside, root.join("app/deep/link")).unwrap();
        symlink(&outside, root.join("escape")).unwrap();
        let inside = Inside::at(&root).unwrap();

        inside.remove(Path::new("/app/deep")).unwrap();
        assert!(!root.join("app/deep").exists() && root.join("app").exists());
        // The link leads to a folder that the container's own root does not hold.
        inside.remove(Path::new("/escape/keep")).unwrap();
        inside.remove(Path::new("/../outside/keep")).unwrap();
        assert!(outside.join("keep").exists());
        inside.remove(Path::new("/not/there")).unwrap();
    }

    #[test]
    fn a_poke_is_seen_as_a_modification_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().canonicalize().unwrap().join("views.py");
        fs::write(&file, "x = 1\n").unwrap();
        let before = fs::metadata(&file).unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let mut watcher = notify::recommended_watcher(sender).unwrap();
        notify::Watcher::watch(
            &mut watcher,
            folder.path(),
            notify::RecursiveMode::NonRecursive,
        )
        .unwrap();
        Inside::at(folder.path())
            .unwrap()
            .poke(Path::new("/views.py"))
            .unwrap();
        let modified = |event: notify::Result<notify::Event>| {
            matches!(
                event.unwrap().kind,
                notify::EventKind::Modify(notify::event::ModifyKind::Data(_))
            )
        };
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
        loop {
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            if modified(receiver.recv_timeout(left).expect("the poke is seen")) {
                break;
            }
        }
        let after = fs::metadata(&file).unwrap();
        assert_eq!(
            (after.mtime(), after.mtime_nsec()),
            (before.mtime(), before.mtime_nsec())
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), "x = 1\n");
    }
}
