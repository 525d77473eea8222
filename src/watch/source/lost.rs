//! Roots that are gone: said once, looked for from the nearest folder above them, and watched again
//! when they are back.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use notify::RecursiveMode;

use super::Source;
use super::platform::is_gone;
use crate::diagnostic::Diagnostic;

impl Source {
    /// Watches the nearest folder above a root that exists.
    pub(super) fn watch_ancestor(&mut self, path: &Path) {
        let Some(ancestor) = path.ancestors().skip(1).find(|ancestor| ancestor.is_dir()) else {
            return;
        };
        if self.folders.contains(ancestor) || !self.ancestors.insert(ancestor.to_path_buf()) {
            return;
        }
        if let Some(watcher) = &mut self.watcher {
            match watcher.watch(ancestor, RecursiveMode::NonRecursive) {
                Ok(()) => {}
                Err(error) if is_gone(&error) => {
                    self.ancestors.remove(ancestor);
                }
                Err(error) => self.compare_all(&error),
            }
        }
    }

    /// Says that a root is gone, once.
    pub(super) fn note_missing(&mut self, path: &Path) {
        let is_root = self.roots.iter().any(|root| path == root.path);
        if is_root && !path.exists() && self.missing.insert(path.to_path_buf()) {
            self.notes.push(Diagnostic::warning(format!(
                "`{}` is gone: it is watched again when it is back",
                path.display()
            )));
        }
    }

    /// Says that a root came back which was said to be gone.
    fn note_back(&mut self, path: &Path) {
        if self.missing.remove(path) {
            let text = format!("`{}` is back", path.display());
            self.notes.push(Diagnostic::note(text));
        }
    }

    /// A root that vanished is looked for, from the nearest folder above it that exists.
    pub(super) fn look_for_missing_roots(&mut self, changes: &mut BTreeSet<PathBuf>) {
        let mut missing = false;
        for root in self.roots.clone() {
            if std::fs::metadata(&root.path).is_err() {
                missing = true;
                self.watch_ancestor(&root.path);
            }
            // Looked at again: it may have come before its ancestor was watched.
            let Ok(found) = std::fs::metadata(&root.path) else {
                continue;
            };
            self.note_back(&root.path);
            if found.is_dir() {
                if !self.folders.contains(&root.path) {
                    self.register(&root, &root.path, Some(&mut *changes));
                }
            } else if let Some(parent) = root.path.parent()
                && !self.folders.contains(parent)
            {
                self.add_folder(parent);
                changes.insert(root.path.clone());
            }
        }
        if missing {
            return;
        }
        for ancestor in std::mem::take(&mut self.ancestors) {
            if let Some(watcher) = &mut self.watcher
                && !self.folders.contains(&ancestor)
            {
                // Not watched any more is what was wanted.
                let _ = watcher.unwatch(&ancestor);
            }
        }
    }
}
