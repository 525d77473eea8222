//! What is known of files, to tell news from what was there before.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How old a modification has to be, when it is looked at, before an equal stamp proves that nothing
/// changed since: file systems count time in ticks of up to ten milliseconds, and a second write
/// may share one.
pub(super) const SETTLED: Duration = Duration::from_millis(20);

/// What is known of a path: two of them differ where a program that reads it would notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: (u64, u64),
    mode: u32,
    size: u64,
    modified: (i64, i64),
}

impl Stamp {
    pub(super) fn of(path: &Path) -> Option<Self> {
        let found = std::fs::symlink_metadata(path).ok()?;
        Some(Self::from(&found))
    }
}

impl From<&std::fs::Metadata> for Stamp {
    fn from(found: &std::fs::Metadata) -> Self {
        // A folder's size and time change with its entries, which are named themselves.
        let (size, modified) = match found.is_dir() {
            true => (0, (0, 0)),
            false => (found.size(), (found.mtime(), found.mtime_nsec())),
        };
        Self {
            inode: (found.dev(), found.ino()),
            mode: found.mode(),
            size,
            modified,
        }
    }
}

/// The stamps of the paths that were seen, each folder before what it holds.
#[derive(Debug, Default)]
pub(super) struct Known(BTreeMap<PathBuf, Seen>);

/// A stamp, and whether it was old enough when it was taken.
#[derive(Clone, Copy, Debug)]
struct Seen {
    stamp: Stamp,
    is_settled: bool,
}

impl Known {
    /// Takes a path as it is where nothing was known of it; what was known stays, so that a change
    /// that is still to be told is told.
    pub(super) fn learn(&mut self, path: &Path) {
        if !self.0.contains_key(path) {
            self.is_news(path);
        }
    }

    /// Whether a path is not as it was known; from now on it is.
    pub(super) fn is_news(&mut self, path: &Path) -> bool {
        let Ok(found) = std::fs::symlink_metadata(path) else {
            return self.0.remove(path).is_some();
        };
        let stamp = Stamp::from(&found);
        let modified = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let age = SystemTime::now().duration_since(modified);
        let is_settled = found.is_dir() || age.is_ok_and(|age| age > SETTLED);
        let before = self
            .0
            .insert(path.to_path_buf(), Seen { stamp, is_settled });
        before.is_none_or(|before| before.stamp != stamp || !before.is_settled)
    }

    /// Forgets what lies below a folder, and names it.
    pub(super) fn forget_below(&mut self, folder: &Path) -> Vec<PathBuf> {
        let below = self.below(folder).filter(|path| *path != folder);
        let gone: Vec<PathBuf> = below.cloned().collect();
        for path in &gone {
            self.0.remove(path);
        }
        gone
    }

    /// Forgets what is not there any more, at or below a path, and names it.
    pub(super) fn gone_below(&mut self, root: &Path) -> Vec<PathBuf> {
        let below = self.below(root);
        let gone: Vec<PathBuf> = below
            .filter(|path| std::fs::symlink_metadata(path).is_err())
            .cloned()
            .collect();
        for path in &gone {
            self.0.remove(path);
        }
        gone
    }

    /// Paths are ordered by their parts: what is below a folder follows it at once.
    fn below<'a>(&'a self, folder: &'a Path) -> impl Iterator<Item = &'a PathBuf> {
        let from = self.0.range(folder.to_path_buf()..);
        from.map(|(path, _)| path)
            .take_while(move |path| path.starts_with(folder))
    }
}
