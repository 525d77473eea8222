//! Where file events come from: the platform's watcher on the folders that matter, and comparing
//! where that one is blind.
//!
//! Only folders that a root does not prune are registered: a watch costs kernel memory, and most
//! of a tree (dependencies, version control) never matters. After an overflow of the kernel's queue
//! the tree is compared with what was known of it, so that no final state is lost. Where the kernel
//! has no watch left, or a file system is written to behind its back (see [`mounts`]), the tree is
//! compared again and again.

mod compare;
mod echo;
mod known;
mod lost;
pub mod mounts;
mod platform;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use notify::event::{EventKind, ModifyKind, RenameMode};
use notify::{Config, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::diagnostic::Diagnostic;
use compare::Compared;
pub use echo::Echoes;
use known::Known;
use platform::{forward, is_gone};

/// A file or folder to watch, with what below it does not matter.
#[derive(Clone)]
pub struct Root {
    /// Its real path, absolute.
    pub path: PathBuf,
    /// Whether a folder below it is left out, with all it holds.
    pub prune: Arc<dyn Fn(&Path) -> bool + Send + Sync>,
}

/// What changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Every path that was made, written, renamed, removed, or got other permissions.
    pub paths: BTreeSet<PathBuf>,
    /// Those of them that no event told of: nobody else who watches them knows either.
    pub silent: BTreeSet<PathBuf>,
}

/// A watcher over roots.
pub struct Source {
    watcher: Option<Box<dyn Watcher + Send>>,
    sender: UnboundedSender<notify::Result<notify::Event>>,
    events: UnboundedReceiver<notify::Result<notify::Event>>,
    roots: Vec<Root>,
    folders: BTreeSet<PathBuf>,
    known: Known,
    /// Folders watched only because a root below them is gone.
    ancestors: BTreeSet<PathBuf>,
    /// Roots that were said to be gone.
    missing: BTreeSet<PathBuf>,
    compared: Compared,
    silent: Vec<PathBuf>,
    next_comparison: Option<Instant>,
    echoes: Echoes,
    notes: Vec<Diagnostic>,
}

impl Source {
    /// Watches the roots; those that do not exist yet, from the moment that they do.
    pub fn new(roots: Vec<Root>) -> Self {
        let (sender, events) = unbounded_channel();
        let mut source = Self {
            watcher: None,
            sender,
            events,
            roots: Vec::new(),
            folders: BTreeSet::new(),
            known: Known::default(),
            ancestors: BTreeSet::new(),
            missing: BTreeSet::new(),
            compared: Compared::Silent,
            silent: Vec::new(),
            next_comparison: None,
            echoes: Echoes::default(),
            notes: Vec::new(),
        };
        match RecommendedWatcher::new(forward(source.sender.clone()), Config::default()) {
            Ok(watcher) => source.watcher = Some(Box::new(watcher)),
            Err(error) => source.compare_all(&error),
        }
        source.set_roots(roots);
        source
    }

    /// Watches other roots from now on; what was known of them stays known.
    pub fn set_roots(&mut self, roots: Vec<Root>) {
        self.roots = roots;
        let paths = self.roots.iter().map(|root| root.path.clone());
        self.silent = paths.filter(|path| mounts::is_silent(path)).collect();
        if !self.silent.is_empty() {
            self.next_comparison.get_or_insert_with(Instant::now);
        }
        for root in self.roots.clone() {
            match std::fs::metadata(&root.path) {
                Ok(it) if it.is_dir() => self.register(&root, &root.path, None),
                Ok(_) => {
                    self.add_folder(root.path.parent().unwrap_or(&root.path));
                    self.known.learn(&root.path);
                }
                Err(_) => self.watch_ancestor(&root.path),
            }
        }
    }

    /// What the user should know of how files are watched; each once.
    pub fn notes(&mut self) -> Vec<Diagnostic> {
        std::mem::take(&mut self.notes)
    }

    /// Where touches of our own are announced.
    pub fn echoes(&self) -> Echoes {
        self.echoes.clone()
    }

    /// How many folders are registered.
    pub fn folders(&self) -> usize {
        self.folders.len()
    }

    /// Waits for changes, or for something to note.
    pub async fn next(&mut self) -> Changes {
        loop {
            let mut changes = Changes::default();
            let due = self.next_comparison;
            tokio::select! {
                Some(event) = self.events.recv() => self.drain(Some(event), &mut changes),
                () = sleep_until(due), if due.is_some() => {
                    // What events tell of is no matter of comparing.
                    self.drain(None, &mut changes);
                    self.compare_due(&mut changes);
                }
            }
            self.look_for_missing_roots(&mut changes.paths);
            if !changes.paths.is_empty() || !self.notes.is_empty() {
                return changes;
            }
        }
    }

    fn drain(&mut self, first: Option<notify::Result<notify::Event>>, changes: &mut Changes) {
        let mut overflowed = false;
        let mut next = first.or_else(|| self.events.try_recv().ok());
        while let Some(event) = next {
            // An error is an event that the watcher could not read: as good as an overflow.
            match event.ok().filter(|event| !event.need_rescan()) {
                Some(event) => self.take(&event, &mut changes.paths),
                None => overflowed = true,
            }
            next = self.events.try_recv().ok();
        }
        if overflowed {
            for root in self.roots.clone() {
                self.compare(&root, &mut changes.paths);
            }
        }
    }

    /// Registers a folder and those below it; what in them is not as it was known goes to `found`.
    /// Without that, what is found was there before: nothing has happened yet.
    fn register(&mut self, root: &Root, folder: &Path, mut found: Option<&mut BTreeSet<PathBuf>>) {
        let mut pending = vec![folder.to_path_buf()];
        while let Some(folder) = pending.pop() {
            // Registered before it is read: what appears in between is seen twice rather than never.
            self.add_folder(&folder);
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
                match &mut found {
                    None => self.known.learn(&path),
                    Some(found) if self.known.is_news(&path) => {
                        found.insert(path);
                    }
                    Some(_) => {}
                }
            }
        }
    }

    fn add_folder(&mut self, folder: &Path) {
        if self.folders.contains(folder) {
            return;
        }
        if let Some(watcher) = &mut self.watcher {
            match watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => {}
                // Removed meanwhile: its parent's events tell when it comes back.
                Err(error) if is_gone(&error) => return,
                Err(error) => self.compare_all(&error),
            }
        }
        self.folders.insert(folder.to_path_buf());
    }

    fn take(&mut self, event: &notify::Event, changes: &mut BTreeSet<PathBuf>) {
        if matches!(event.kind, EventKind::Access(_)) {
            return;
        }
        for path in &event.paths {
            let gone = matches!(
                event.kind,
                EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From))
            );
            let was_folder = gone && self.folders.contains(path);
            if was_folder {
                self.forget(path, changes);
                self.note_missing(path);
            }
            if self.is_wanted(path) && !self.echoes.holds(path) {
                let is_news = self.known.is_news(path) || gone;
                if is_news && !self.is_top(path, was_folder) {
                    changes.insert(path.clone());
                }
                self.welcome(path, changes);
            }
        }
    }

    /// Whether a path is a root, or lies below one in a folder that is not pruned.
    fn is_wanted(&self, path: &Path) -> bool {
        let is_root = |root: &Root| path == root.path;
        let is_below = |root: &Root| path.starts_with(&root.path);
        self.roots.iter().any(is_root)
            || (path
                .parent()
                .is_some_and(|parent| self.folders.contains(parent))
                && self.roots.iter().any(is_below))
    }

    /// Whether a path is the folder that a rule begins at, and nothing more: what it holds is named
    /// itself, and the folder in the container may hold more.
    fn is_top(&self, path: &Path, was_folder: bool) -> bool {
        let mut roots = self.roots.iter().map(|root| &root.path);
        let is_below = |root: &PathBuf| path != root && path.starts_with(root);
        // Most paths are no root: those cost no look at the file.
        roots.clone().any(|root| path == root)
            && (was_folder || path.is_dir())
            && !roots.any(is_below)
    }

    /// Registers a folder that appeared, and names what it brought along.
    fn welcome(&mut self, path: &Path, changes: &mut BTreeSet<PathBuf>) {
        let is_folder = std::fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
        if !is_folder || self.folders.contains(path) {
            return;
        }
        for root in self.roots.clone() {
            if path.starts_with(&root.path) && (path == root.path || !(root.prune)(path)) {
                self.register(&root, path, Some(&mut *changes));
            }
        }
    }

    /// Lets go of a folder that is gone, with all that is known below it.
    fn forget(&mut self, folder: &Path, changes: &mut BTreeSet<PathBuf>) {
        let below = self.folders.range(folder.to_path_buf()..);
        let gone: Vec<PathBuf> = below
            .take_while(|known| known.starts_with(folder))
            .cloned()
            .collect();
        for known in gone {
            self.folders.remove(&known);
            if let Some(watcher) = &mut self.watcher {
                // The kernel drops the watch of a removed folder itself: then there is nothing to undo.
                let _ = watcher.unwatch(&known);
            }
        }
        changes.extend(self.known.forget_below(folder));
    }
}

async fn sleep_until(due: Option<Instant>) {
    if let Some(due) = due {
        tokio::time::sleep_until(due.into()).await;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    pub(super) fn root(path: &Path) -> Root {
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
                seen.extend(source.next().await.paths);
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
        let mut source = Source::new(vec![root(&top)]);
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
        let mut source = Source::new(vec![root(&top)]);
        fs::write(top.join("old.py"), "1").unwrap();
        until(&mut source, &[top.join("old.py")]).await;
        fs::remove_dir_all(&top).unwrap();
        let seen = until(&mut source, &[top.join("old.py")]).await;
        assert!(!seen.contains(&top), "{seen:?}");
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
        let mut source = Source::new(vec![root(&file)]);
        let other = file.with_extension("new");
        fs::write(&other, "2").unwrap();
        fs::rename(&other, &file).unwrap();
        until(&mut source, &[file]).await;
    }
}
