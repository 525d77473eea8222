//! Where fetched files are kept: below the folder that Docker Compose keeps them in, so that both
//! see a project at the same paths. A folder comes into being whole, or not at all.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::super::Environment;
use crate::diagnostic::Diagnostic;

/// How a folder is called while it is filled.
const DRAFT: &str = "half-";
/// Whoever filled a draft of this age has ended long ago.
const STALE: Duration = Duration::from_hours(24);

/// The folder of everything that was fetched.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// `$XDG_CACHE_HOME/docker-compose`, by default below `~/.cache`.
    pub(super) fn of(env: &Environment) -> Result<Self, Diagnostic> {
        let base = env.get("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || Some(PathBuf::from(env.get("HOME")?).join(".cache"));
        match base.or_else(home) {
            Some(base) => Ok(Self {
                folder: base.join("docker-compose"),
            }),
            None => Err(Diagnostic::error(
                "there is no folder to keep fetched files in: neither XDG_CACHE_HOME nor HOME is set",
            )),
        }
    }

    /// Where something of this name is kept.
    pub(super) fn entry(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// An empty folder beside the others, to be filled.
    pub(super) fn draft(&self) -> io::Result<Draft> {
        private(true).create(&self.folder)?;
        self.sweep();
        let process = std::process::id();
        for number in 0.. {
            // Processes of several containers may share the folder, and their numbers.
            let path = self.folder.join(format!("{DRAFT}{process}-{number}"));
            match private(false).create(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                made => return made.map(|()| Draft { path }),
            }
        }
        unreachable!("a folder holds fewer than 2³¹ others")
    }

    /// Removes what was left by those who were killed. What cannot be removed is of no harm.
    fn sweep(&self) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for entry in entries {
            let is_draft = entry.file_name().to_string_lossy().starts_with(DRAFT);
            let made = entry.metadata().and_then(|it| it.modified());
            let age = made.map(|made| SystemTime::now().duration_since(made).unwrap_or_default());
            if is_draft && age.is_ok_and(|age| age > STALE) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

fn private(recursive: bool) -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(recursive).mode(0o700);
    builder
}

/// A folder that is being filled; dropped, it is gone.
#[derive(Debug)]
pub(super) struct Draft {
    path: PathBuf,
}

impl Draft {
    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts it where it belongs. What another process has put there meanwhile stays; what is there
    /// and not whole, as Docker Compose leaves it when it is cut off, makes room.
    pub(super) fn keep(self, entry: &Path, is_whole: impl Fn(&Path) -> bool) -> io::Result<()> {
        let Err(error) = fs::rename(&self.path, entry) else {
            return Ok(());
        };
        let is_taken = matches!(
            error.kind(),
            ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty | ErrorKind::NotADirectory
        );
        if !is_taken {
            return Err(error);
        }
        if is_whole(entry) {
            return Ok(());
        }
        let mut aside = self.path.clone().into_os_string();
        aside.push("-broken");
        fs::rename(entry, &aside)?;
        let renamed = fs::rename(&self.path, entry);
        let _ = fs::remove_dir_all(&aside);
        renamed
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        (root, Cache { folder })
    }

    fn is_whole(folder: &Path) -> bool {
        folder.join("whole").exists()
    }

    fn names(cache: &Cache) -> Vec<String> {
        let entries = fs::read_dir(&cache.folder).unwrap();
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string();
        let mut names: Vec<String> = entries.map(|entry| name(entry).unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_draft_is_kept_or_gone() {
        let (_root, cache) = cache();
        drop(cache.draft().unwrap());
        assert_eq!(names(&cache), [""; 0]);
        let draft = cache.draft().unwrap();
        fs::write(draft.path().join("whole"), "1").unwrap();
        draft.keep(&cache.entry("x"), is_whole).unwrap();
        assert_eq!(names(&cache), ["x"]);
    }

    #[test]
    fn what_another_put_there_stays_and_what_is_half_makes_room() {
        let (_root, cache) = cache();
        let (first, second) = (cache.draft().unwrap(), cache.draft().unwrap());
        for (draft, text) in [(&first, "1"), (&second, "2")] {
            fs::write(draft.path().join("whole"), text).unwrap();
        }
        let entry = cache.entry("x");
        fs::create_dir(&entry).unwrap();
        fs::write(entry.join("half"), "").unwrap();
        first.keep(&entry, is_whole).unwrap();
        second.keep(&entry, is_whole).unwrap();
        assert_eq!(names(&cache), ["x"]);
        assert_eq!(fs::read_to_string(entry.join("whole")).unwrap(), "1");
        assert!(!entry.join("half").exists());
    }

    #[test]
    fn drafts_of_others_are_left_alone_until_they_are_old() {
        let (_root, cache) = cache();
        let draft = cache.draft().unwrap();
        let old = cache.entry("half-1-0");
        fs::create_dir(&old).unwrap();
        let then = SystemTime::now() - STALE * 2;
        fs::File::open(&old).unwrap().set_modified(then).unwrap();
        cache.sweep();
        assert!(draft.path().exists());
        assert!(!old.exists());
    }
}
