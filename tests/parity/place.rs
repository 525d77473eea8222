//! Where a case runs: a directory of its own whose name is the project's, and its clearing away.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::engine;
use crate::tool;

/// What stands for the project's name in every text of a case.
pub const ID: &str = "parityid";

/// What stands for the first three numbers of a network of the case's own.
pub const NET: &str = "10.77.7";

/// A directory with the case's files. Both tools run in it, one after the other, so that paths,
/// names and hashes are the same; whatever is left at the engine goes with it.
pub struct Place {
    /// The project's name.
    pub id: String,
    /// The first three numbers of its own network: cases that run side by side share none.
    net: String,
    /// What is removed in the end.
    pub root: PathBuf,
    /// The project's directory.
    pub dir: PathBuf,
    /// Further environment.
    pub env: BTreeMap<String, String>,
}

impl Place {
    /// An empty place.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let id = format!("dcop{}x{number}", std::process::id());
        let net = format!("10.{}.{}", 100 + std::process::id() % 100, number % 256);
        let root = std::env::temp_dir().join(format!("parity-{id}"));
        let dir = root.join(&id);
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::create_dir_all(root.join("docker")).unwrap();
        Self {
            id,
            net,
            root,
            dir,
            env: BTreeMap::new(),
        }
    }

    /// Copies a folder in, with the project's name in it.
    pub fn copy(&self, from: &Path, to: &str) {
        tool::copy(from, &self.dir.join(to), &|text| self.named(text));
    }

    /// Gives docker the plugins of a folder.
    pub fn plugins(&self, from: &Path) {
        let to = self.root.join("docker/cli-plugins");
        std::fs::create_dir_all(&to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }

    /// Writes a file, with the project's name in it.
    pub fn write(&self, path: &str, text: &str) {
        std::fs::write(self.dir.join(path), self.named(text)).unwrap();
    }

    /// A text with the project's name in it.
    pub fn named(&self, text: &str) -> String {
        text.replace(ID, &self.id).replace(NET, &self.net)
    }

    /// A text that may be compared with that of another place.
    pub fn unnamed(&self, text: &str) -> String {
        text.replace(&self.id, ID).replace(&self.net, NET)
    }

    /// Removes everything that the engine holds of the project, and files that a run made.
    pub fn clear(&self) {
        engine::clear(self);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.clear();
        let _ = std::fs::remove_dir_all(&self.root);
    }
}
