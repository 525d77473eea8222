//! The disk of this machine, as far as gates and checks ask: what is mounted into containers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Endpoint, Engine};
use crate::diagnostic::SourceFile;
use crate::gate::checks::Disk;

/// A configuration file is no longer than this.
const LARGEST: u64 = 1 << 20;

/// The text files at a path: the file itself, or those directly in the folder, sorted by name.
pub fn mounted_files(path: &Path) -> Vec<Arc<SourceFile>> {
    let mut paths: Vec<PathBuf> = match std::fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(_) => vec![path.to_owned()],
    };
    paths.sort();
    let here = std::env::current_dir().unwrap_or_default();
    let read = |path: PathBuf| {
        let data = std::fs::metadata(&path).ok()?;
        let small = data.is_file() && data.len() <= LARGEST;
        let text = small.then(|| std::fs::read_to_string(&path).ok())??;
        let shown = path.strip_prefix(&here).unwrap_or(&path);
        Some(Arc::new(SourceFile {
            path: shown.display().to_string(),
            text,
        }))
    };
    paths.into_iter().filter_map(read).collect()
}

/// The disk that an engine mounts from: this machine's, or one that nobody can look at.
#[derive(Clone, Copy, Debug)]
pub struct EngineDisk {
    here: bool,
}

impl EngineDisk {
    /// The disk of this engine.
    pub fn of(engine: &Engine) -> Self {
        Self {
            here: matches!(engine.endpoint(), Endpoint::Unix(_)),
        }
    }
}

impl Disk for EngineDisk {
    fn exists(&self, path: &Path) -> bool {
        // What may not be looked at may be there.
        !self.here || path.try_exists().unwrap_or(true)
    }

    fn names(&self, folder: &Path) -> Vec<String> {
        if !self.here {
            return Vec::new();
        }
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    fn has_volume(&self, _name: Option<&str>) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_gives_its_files_and_a_file_itself() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.conf", "a.conf"] {
            std::fs::write(folder.path().join(name), name).unwrap();
        }
        std::fs::create_dir(folder.path().join("c.conf")).unwrap();
        let texts = |path: &Path| -> Vec<String> {
            let files = mounted_files(path);
            files.iter().map(|file| file.text.clone()).collect()
        };
        assert_eq!(texts(folder.path()), ["a.conf", "b.conf"]);
        assert_eq!(texts(&folder.path().join("a.conf")), ["a.conf"]);
        assert!(texts(&folder.path().join("none")).is_empty());
    }
}
