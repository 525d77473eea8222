//! Where file events come from: the platform's watcher on the folders that matter, or polling.
//!
//! Only folders that a root does not prune are registered: a watch costs kernel memory, and most
//! of a tree (dependencies, version control) never matters. What may have been missed (an overflow
//! of the kernel's queue, a folder that vanished and came back) is said as [`Change::Rescan`], so
//! that no final state is lost.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

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

/// Something changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// This path was made, written, renamed, removed, or got other permissions.
    Path(PathBuf),
    /// Anything below this path may have changed.
    Rescan(PathBuf),
}

/// A watcher over roots.
pub struct Source {
    watcher: Box<dyn Watcher + Send>,
    events: UnboundedReceiver<notify::Result<notify::Event>>,
    roots: Vec<Root>,
    folders: HashSet<PathBuf>,
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

    /// Waits for changes: everything that has arrived by then, without repeats.
    ///
    /// None where the platform's watcher is gone.
    pub async fn next(&mut self) -> Option<BTreeSet<Change>> {
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
        for root in self.roots.clone() {
            match std::fs::metadata(&root.path) {
                Ok(found) if found.is_dir() => self.register(&root, &root.path, &mut |_| {})?,
                Ok(_) => self.add_folder(root.path.parent().unwrap_or(&root.path))?,
                Err(_) => self.watch_ancestor(&root.path)?,
            }
        }
        Ok(())
    }

    /// Registers a folder and those below it, and names every path in them.
    fn register(
        &mut self,
        root: &Root,
        folder: &Path,
        found: &mut dyn FnMut(PathBuf),
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
                found(path);
            }
        }
        Ok(())
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

    fn take(&mut self, event: notify::Result<notify::Event>, changes: &mut BTreeSet<Change>) {
        let event = match event {
            Ok(event) => event,
            Err(_) => {
                // The platform's watcher lost something: everything may have changed.
                changes.extend(
                    self.roots
                        .iter()
                        .map(|root| Change::Rescan(root.path.clone())),
                );
                return;
            }
        };
        if event.need_rescan() {
            self.reregister(changes);
            return;
        }
        if matches!(event.kind, EventKind::Access(_)) {
            return;
        }
        for path in &event.paths {
            let gone = matches!(
                event.kind,
                EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From))
            );
            if gone && self.folders.contains(path) {
                self.forget(path);
            }
            if self.is_wanted(path) {
                changes.insert(Change::Path(path.clone()));
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
    fn welcome(&mut self, path: &Path, changes: &mut BTreeSet<Change>) {
        let is_folder = std::fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
        if !is_folder || self.folders.contains(path) {
            return;
        }
        for root in self.roots.clone() {
            if path.starts_with(&root.path) && !(root.prune)(path) {
                let registered = self.register(&root, path, &mut |found| {
                    changes.insert(Change::Path(found));
                });
                if registered.is_err() {
                    changes.insert(Change::Rescan(path.to_path_buf()));
                }
            }
        }
    }

    fn forget(&mut self, folder: &Path) {
        let below: Vec<PathBuf> = self
            .folders
            .iter()
            .filter(|known| known.starts_with(folder))
            .cloned()
            .collect();
        for known in below {
            // The kernel drops the watch of a removed folder itself: then there is nothing to undo.
            let _ = self.watcher.unwatch(&known);
            self.folders.remove(&known);
        }
    }

    /// The kernel's queue overflowed: folders may have appeared unseen.
    fn reregister(&mut self, changes: &mut BTreeSet<Change>) {
        for root in self.roots.clone() {
            if root.path.is_dir() {
                // A failure leaves what is registered: the rescan still finds this state.
                let _ = self.register(&root, &root.path, &mut |_| {});
            }
            changes.insert(Change::Rescan(root.path));
        }
    }

    /// A root that vanished is looked for, from the nearest folder above it that exists.
    fn look_for_missing_roots(&mut self, changes: &mut BTreeSet<Change>) {
        let mut missing = false;
        for root in self.roots.clone() {
            let Ok(found) = std::fs::metadata(&root.path) else {
                missing = true;
                // No ancestor can be watched: the next event of another one tries again.
                let _ = self.watch_ancestor(&root.path);
                continue;
            };
            if found.is_dir() && !self.folders.contains(&root.path) {
                let registered = self.register(&root, &root.path, &mut |_| {});
                if registered.is_ok() {
                    changes.insert(Change::Rescan(root.path.clone()));
                }
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
    async fn until(source: &mut Source, wanted: &[PathBuf]) -> BTreeSet<Change> {
        let mut seen = BTreeSet::new();
        let all = |seen: &BTreeSet<Change>| {
            wanted
                .iter()
                .all(|path| seen.contains(&Change::Path(path.clone())))
        };
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
}
