//! Projects that are measured, each in a folder of its own, and the programs that take them.

use std::path::Path;

use crate::Bench;
use crate::subject::Subject;

/// A project in a folder of its own, with what takes it down again.
pub struct Project<'a> {
    folder: tempfile::TempDir,
    cleaner: &'a Subject,
}

impl Project<'_> {
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What Docker Compose calls it.
    pub fn name(&self) -> String {
        let folder = self.path().file_name().unwrap_or_default();
        folder.to_string_lossy().to_lowercase()
    }
}

impl Drop for Project<'_> {
    fn drop(&mut self) {
        self.cleaner
            .run(self.folder.path(), &["down", "-t", "1", "-v"], &[]);
    }
}

impl Bench {
    /// The programs, each with its column.
    pub fn subjects(&self) -> impl Iterator<Item = (usize, &Subject)> {
        [Some(&self.dco), Some(&self.compose), self.old.as_ref()]
            .into_iter()
            .enumerate()
            .filter_map(|(index, subject)| Some((index, subject?)))
    }

    /// A project that Compose 2.40 takes down at its end, whoever brought it up.
    pub fn project(&self, text: &str) -> Project<'_> {
        let folder = tempfile::Builder::new()
            .prefix("dcobench")
            .tempdir()
            .expect("a folder");
        std::fs::write(folder.path().join("docker-compose.yml"), text).expect("a compose file");
        Project {
            folder,
            cleaner: &self.compose,
        }
    }
}
