//! Where file events come from: the platform's watcher on the folders that matter, or polling.
//!
//! Only folders that a root does not prune are registered: a watch costs kernel memory, and most
//! of a tree (dependencies, version control) never matters. After an overflow of the kernel's queue
//! the tree is compared with what was known of it, so that no final state is lost.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use notify::event::{EventKind, ModifyKind, RenameMode};
use notify::{Config, ErrorKind, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How often a tree is compared where the platform gives no events: a second is what an editor's
/// user still takes for live, and stat calls of a filtered tree stay below one per cent of a core.
const POLL_PERIOD: Duration = Duration::from_secs(1);

/// A file or folder to watch, with what below it does not matter.
#[derive(Clone)]
pub struct Root {
    /// Its real path, absolute.
    pub path: PathBuf,
    /// Whether a folder below it is left out, with all it holds.
    pub prune: Arc<dyn Fn(&Path) -> bool + Send + Sync>,
}

/// What is known of a path: two of them differ where a program that reads it would notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: (u64, u64),
    mode: u32,
    size: u64,
    modified: (i64, i64),
}

/// How old a modification has to be before an equal stamp proves that nothing changed since: file
/// systems count time in ticks of up to ten milliseconds, and a second write may share one.
const SETTLED: Duration = Duration::from_millis(100);

/// A watcher over roots.
pub struct Source {
    watcher: Box<dyn Watcher + Send>,
    events: UnboundedReceiver<notify::Result<notify::Event>>,
    roots: Vec<Root>,
    folders: HashSet<PathBuf>,
    known: HashMap<PathBuf, Stamp>,
    /// Folders watched only because a root below them is gone.
    ancestors: HashSet<PathBuf>,
    polling: bool,
}

impl Source {
    /// Watches the roots; those that do not exist yet, from the moment that they do.
    ///
    /// # Errors
    /// The platform's watcher cannot be had at all. Where only its limit of watches is reached,
    /// the source polls instead, and [`Source::is_polling`] says so.
    pub fn new(roots: Vec<Root>) -> notify::Result<Self> {
        let (sender, events) = unbounded_channel();
        let watcher: Box<dyn Watcher + Send> =
            Box::new(RecommendedWatcher::new(forward(sender), config())?);
        let mut source = Self {
            watcher,
            events,
            roots,
            folders: HashSet::new(),
            known: HashMap::new(),
            ancestors: HashSet::new(),
            polling: false,
        };
        source.register_roots()?;
        Ok(source)
    }

    /// Whether changes are found by comparing, once a second, rather than by events.
    pub fn is_polling(&self) -> bool {
        self.polling
    }

    /// How many folders are registered.
    pub fn folders(&self) -> usize {
        self.folders.len()
    }

    /// Waits for changes: every path that was made, written, renamed, removed, or got other
    /// permissions by then.
    ///
    /// None where the platform's watcher is gone.
    pub async fn next(&mut self) -> Option<BTreeSet<PathBuf>> {
        loop {
            let mut changes = BTreeSet::new();
            let event = self.events.recv().await?;
            self.take(event, &mut changes);
            while let Ok(event) = self.events.try_recv() {
                self.take(event, &mut changes);
            }
            self.look_for_missing_roots(&mut changes);
            if !changes.is_empty() {
                return Some(changes);
            }
        }
    }

    fn register_roots(&mut self) -> notify::Result<()> {
        let mut found = BTreeSet::new();
        for root in self.roots.clone() {
            match std::fs::metadata(&root.path) {
                Ok(it) if it.is_dir() => self.register(&root, &root.path, &mut found)?,
                Ok(_) => self.add_folder(root.path.parent().unwrap_or(&root.path))?,
                Err(_) => self.watch_ancestor(&root.path)?,
            }
        }
        Ok(())
    }

    /// Registers a folder and those below it; what in them is not as it was known goes to `found`.
    fn register(
        &mut self,
        root: &Root,
        folder: &Path,
        found: &mut BTreeSet<PathBuf>,
    ) -> notify::Result<()> {
        let mut pending = vec![folder.to_path_buf()];
        while let Some(folder) = pending.pop() {
            // Registered before it is read: what appears in between is seen twice rather than never.
            self.add_folder(&folder)?;
            let Ok(entries) = std::fs::read_dir(&folder) else {
                continue; // removed meanwhile, or not readable: its parent's events tell
            };
            for entry in entries.flatten() {
                let path = entry.path();
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    if (root.prune)(&path) {
                        continue;
                    }
                    pending.push(path.clone());
                }
                if self.is_news(&path) {
                    found.insert(path);
                }
            }
        }
        Ok(())
    }

    /// Whether a path is not as it was known; from now on it is.
    fn is_news(&mut self, path: &Path) -> bool {
        let Ok(found) = std::fs::symlink_metadata(path) else {
            return self.known.remove(path).is_some();
        };
        let stamp = Stamp {
            inode: (found.dev(), found.ino()),
            mode: found.mode(),
            size: if found.is_dir() { 0 } else { found.size() },
            // A folder's time changes with its entries, which are named themselves.
            modified: if found.is_dir() {
                (0, 0)
            } else {
                (found.mtime(), found.mtime_nsec())
            },
        };
        let before = self.known.insert(path.to_path_buf(), stamp);
        let is_settled = || {
            let modified = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            SystemTime::now()
                .duration_since(modified)
                .is_ok_and(|age| age > SETTLED)
        };
        before != Some(stamp) || (!found.is_dir() && !is_settled())
    }

    fn add_folder(&mut self, folder: &Path) -> notify::Result<()> {
        if self.folders.contains(folder) {
            return Ok(());
        }
        match self.watcher.watch(folder, RecursiveMode::NonRecursive) {
            Ok(()) => {
                self.folders.insert(folder.to_path_buf());
                Ok(())
            }
            Err(error) if is_limit(&error) && !self.polling => self.poll_instead(),
            // Removed meanwhile: its parent's events tell when it comes back.
            Err(error) if is_gone(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Starts over with a watcher that compares: the kernel's limit of watches is reached.
    fn poll_instead(&mut self) -> notify::Result<()> {
        let (sender, events) = unbounded_channel();
        self.watcher = Box::new(PollWatcher::new(forward(sender), config())?);
        self.events = events;
        self.polling = true;
        self.folders.clear();
        self.ancestors.clear();
        self.register_roots()
    }

    fn watch_ancestor(&mut self, path: &Path) -> notify::Result<()> {
        let Some(ancestor) = path.ancestors().skip(1).find(|ancestor| ancestor.is_dir()) else {
            return Ok(());
        };
        if !self.folders.contains(ancestor) && self.ancestors.insert(ancestor.to_path_buf()) {
            self.watcher.watch(ancestor, RecursiveMode::NonRecursive)?;
        }
        Ok(())
    }

    fn take(&mut self, event: notify::Result<notify::Event>, changes: &mut BTreeSet<PathBuf>) {
        // An error is an event that the watcher could not read: as good as an overflow.
        let Some(event) = event.ok().filter(|event| !event.need_rescan()) else {
            self.compare(changes);
            return;
        };
        if matches!(event.kind, EventKind::Access(_)) {
            return;
        }
        for path in &event.paths {
            let gone = matches!(
                event.kind,
                EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From))
            );
            if gone && self.folders.contains(path) {
                self.forget(path, changes);
            }
            if self.is_wanted(path) {
                if self.is_news(path) || gone {
                    changes.insert(path.clone());
                }
                self.welcome(path, changes);
            }
        }
    }

    /// Whether a path lies at or below a root, and no folder on the way is pruned.
    fn is_wanted(&self, path: &Path) -> bool {
        self.roots.iter().any(|root| {
            path.starts_with(&root.path)
                && path
                    .ancestors()
                    .skip(1)
                    .take_while(|folder| folder.starts_with(&root.path) && *folder != root.path)
                    .all(|folder| !(root.prune)(folder))
        })
    }

    /// Registers a folder that appeared, and names what it brought along.
    fn welcome(&mut self, path: &Path, changes: &mut BTreeSet<PathBuf>) {
        let is_folder = std::fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
        if !is_folder || self.folders.contains(path) {
            return;
        }
        for root in self.roots.clone() {
            if path.starts_with(&root.path) && !(root.prune)(path) {
                // What cannot be registered now is tried again at the folder's next event.
                let _ = self.register(&root, path, changes);
            }
        }
    }

    /// Lets go of a folder that is gone, with all that is known below it.
    fn forget(&mut self, folder: &Path, changes: &mut BTreeSet<PathBuf>) {
        self.folders.retain(|known| {
            let gone = known.starts_with(folder);
            if gone {
                // The kernel drops the watch of a removed folder itself: then there is nothing to undo.
                let _ = self.watcher.unwatch(known);
            }
            !gone
        });
        self.known.retain(|path, _| {
            let gone = path.starts_with(folder) && path != folder;
            if gone {
                changes.insert(path.clone());
            }
            !gone
        });
    }

    /// Compares every tree with what was known of it: the kernel's queue overflowed.
    fn compare(&mut self, changes: &mut BTreeSet<PathBuf>) {
        for path in self.known.keys().cloned().collect::<Vec<_>>() {
            if std::fs::symlink_metadata(&path).is_err() {
                self.folders.remove(&path);
                self.known.remove(&path);
                changes.insert(path);
            }
        }
        for root in self.roots.clone() {
            if root.path.is_dir() {
                // A failure leaves what is registered: its events still come.
                let _ = self.register(&root, &root.path, changes);
            } else if self.is_news(&root.path) {
                changes.insert(root.path);
            }
        }
    }

    /// A root that vanished is looked for, from the nearest folder above it that exists.
    fn look_for_missing_roots(&mut self, changes: &mut BTreeSet<PathBuf>) {
        let mut missing = false;
        for root in self.roots.clone() {
            let Ok(found) = std::fs::metadata(&root.path) else {
                missing = true;
                // No ancestor can be watched: the next event of another one tries again.
                let _ = self.watch_ancestor(&root.path);
                continue;
            };
            if found.is_dir() && !self.folders.contains(&root.path) {
                // Tried again at the next event of the folder above it.
                let _ = self.register(&root, &root.path, changes);
            }
        }
        if missing {
            return;
        }
        for ancestor in std::mem::take(&mut self.ancestors) {
            if !self.folders.contains(&ancestor) {
                // Not watched any more is what was wanted.
                let _ = self.watcher.unwatch(&ancestor);
            }
        }
    }
}

fn config() -> Config {
    Config::default()
        .with_poll_interval(POLL_PERIOD)
        .with_follow_symlinks(false)
}

fn forward(
    sender: UnboundedSender<notify::Result<notify::Event>>,
) -> impl FnMut(notify::Result<notify::Event>) + Send + 'static {
    move |event| {
        // The receiver is gone only when the watch ends.
        let _ = sender.send(event);
    }
}

fn is_limit(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::MaxFilesWatch => true,
        // inotify_init and inotify_add_watch: EMFILE and ENOSPC
        ErrorKind::Io(io) => matches!(io.raw_os_error(), Some(24 | 28)),
        _ => false,
    }
}

fn is_gone(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(io) => io.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn root(path: &Path) -> Root {
        Root {
            path: path.to_path_buf(),
            prune: Arc::new(|folder| folder.ends_with("node_modules")),
        }
    }

    /// Waits until every wanted path was named, or a deadline.
    async fn until(source: &mut Source, wanted: &[PathBuf]) -> BTreeSet<PathBuf> {
        let mut seen = BTreeSet::new();
        let all = |seen: &BTreeSet<PathBuf>| wanted.iter().all(|path| seen.contains(path));
        let waiting = async {
            while !all(&seen) {
                seen.extend(source.next().await.expect("the watcher lives"));
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(5), waiting).await;
        assert!(in_time.is_ok(), "only {seen:?} of {wanted:?}");
        seen
    }

    #[tokio::test]
    async fn writes_renames_and_new_folders_are_seen_and_pruned_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().canonicalize().unwrap();
        fs::create_dir_all(top.join("node_modules/x")).unwrap();
        fs::create_dir_all(top.join("app")).unwrap();
        let mut source = Source::new(vec![root(&top)]).unwrap();
        assert_eq!(source.folders(), 2);

        fs::write(top.join("node_modules/x/a.js"), "1").unwrap();
        fs::write(top.join("app/a.py"), "1").unwrap();
        let seen = until(&mut source, &[top.join("app/a.py")]).await;
        assert!(
            !seen
                .iter()
                .any(|change| format!("{change:?}").contains("a.js")),
            "{seen:?}"
        );

        fs::create_dir_all(top.join("app/deep/er")).unwrap();
        fs::write(top.join("app/deep/er/b.py"), "1").unwrap();
        until(&mut source, &[top.join("app/deep/er/b.py")]).await;

        fs::rename(top.join("app/a.py"), top.join("app/c.py")).unwrap();
        until(&mut source, &[top.join("app/a.py"), top.join("app/c.py")]).await;
    }

    #[tokio::test]
    async fn a_folder_that_was_removed_and_came_back_is_watched_again() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().canonicalize().unwrap().join("src");
        fs::create_dir(&top).unwrap();
        let mut source = Source::new(vec![root(&top)]).unwrap();
        fs::remove_dir(&top).unwrap();
        until(&mut source, std::slice::from_ref(&top)).await;
        fs::create_dir(&top).unwrap();
        fs::write(top.join("a.py"), "1").unwrap();
        until(&mut source, &[top.join("a.py")]).await;
        fs::write(top.join("b.py"), "1").unwrap();
        until(&mut source, &[top.join("b.py")]).await;
    }

    #[tokio::test]
    async fn a_file_replaced_by_a_rename_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().canonicalize().unwrap().join("app.conf");
        fs::write(&file, "1").unwrap();
        let mut source = Source::new(vec![root(&file)]).unwrap();
        let other = file.with_extension("new");
        fs::write(&other, "2").unwrap();
        fs::rename(&other, &file).unwrap();
        until(&mut source, &[file]).await;
    }

    #[tokio::test]
    async fn after_an_overflow_the_tree_is_compared_with_what_was_known() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().canonicalize().unwrap();
        for name in ["same.py", "written.py", "removed.py"] {
            fs::write(top.join(name), "1").unwrap();
        }
        let mut source = Source::new(vec![root(&top)]).unwrap();
        fs::write(top.join("written.py"), "22").unwrap();
        fs::remove_file(top.join("removed.py")).unwrap();
        fs::create_dir_all(top.join("new/er")).unwrap();
        fs::write(top.join("new/er/made.py"), "1").unwrap();
        // What the events say does not count here: only what a comparison finds.
        std::thread::sleep(SETTLED * 2);
        let mut changes = BTreeSet::new();
        source.compare(&mut changes);
        let expected = [
            "new",
            "new/er",
            "new/er/made.py",
            "removed.py",
            "written.py",
        ];
        assert_eq!(changes, expected.map(|name| top.join(name)).into());
    }
}
