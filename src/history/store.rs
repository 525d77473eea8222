//! The file of a history: whole or not at all, readable by its owner alone, never too large.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::History;

/// A history is not larger than this.
const MOST_BYTES: usize = 2 * 1024 * 1024;

/// The history of one project on one engine.
#[derive(Clone, Debug)]
pub struct Store {
    path: PathBuf,
}

impl Store {
    /// The history below dco's state folder; `engine` is the engine's address.
    pub fn of(state: &Path, project: &str, engine: &str) -> Self {
        let digest = super::fields::hex(&Sha256::digest(engine.as_bytes())[..4]);
        let name = format!("{project}-{digest}.json");
        Self {
            path: state.join("history").join(name),
        }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is remembered; nothing where there is no file, or none that can be read.
    pub fn read(&self) -> History {
        let text = fs::read(&self.path).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Changes what is remembered. Of two that do so at once, one may be forgotten.
    ///
    /// # Errors
    /// The folder or the file cannot be written.
    pub fn update(&self, change: impl FnOnce(&mut History)) -> io::Result<()> {
        let mut history = self.read();
        if history.salt.is_empty() {
            history.salt = salt()?;
        }
        change(&mut history);
        let mut text = serde_json::to_vec(&history)?;
        while text.len() > MOST_BYTES && history.shrink() {
            text = serde_json::to_vec(&history)?;
        }
        write_whole(&self.path, &text)
    }
}

/// Writes a file that only its owner reads: beside it and renamed, so that readers see the old one
/// or the new one.
///
/// # Errors
/// The folder or the file cannot be written.
pub fn write_whole(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let part = path.with_extension(format!("part-{}", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&part)
        .and_then(|mut file| file.write_all(text))
        .and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        // What is left of it takes room where there may be none.
        let _ = fs::remove_file(&part);
    }
    written
}

fn salt() -> io::Result<String> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(super::fields::hex(&bytes))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::record::{Run, StepRecord};
    use super::*;

    fn run(verb: &str) -> Run {
        Run {
            verb: verb.into(),
            ..Run::default()
        }
    }

    #[test]
    fn a_history_is_kept_by_project_and_engine_and_only_its_owner_reads_it() {
        let state = tempfile::tempdir().unwrap();
        let store = Store::of(state.path(), "app", "unix:///one");
        assert_eq!(store.read(), History::default());
        store.update(|history| history.add(run("up"))).unwrap();
        store.update(|history| history.add(run("down"))).unwrap();
        let verbs: Vec<String> = store.read().runs.into_iter().map(|run| run.verb).collect();
        assert_eq!(verbs, ["up", "down"]);
        let mode = fs::metadata(store.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let other = Store::of(state.path(), "app", "unix:///other");
        assert_eq!(other.read(), History::default());
        let left = fs::read_dir(state.path().join("history")).unwrap().count();
        assert_eq!(left, 1, "no part is left behind");
    }

    #[test]
    fn a_file_that_is_none_is_forgotten_and_written_anew() {
        let state = tempfile::tempdir().unwrap();
        let store = Store::of(state.path(), "app", "engine");
        store.update(|history| history.add(run("up"))).unwrap();
        fs::write(store.path(), "{\"runs\": [{").unwrap();
        assert_eq!(store.read(), History::default());
        store.update(|history| history.add(run("stop"))).unwrap();
        assert_eq!(store.read().runs.len(), 1);
    }

    #[test]
    fn it_stays_small_however_much_is_done() {
        let state = tempfile::tempdir().unwrap();
        let store = Store::of(state.path(), "app", "engine");
        let steps = (1..2000).map(|id| StepRecord {
            id,
            what: "x".repeat(100),
            ..StepRecord::default()
        });
        let steps: Vec<StepRecord> = steps.collect();
        for _ in 0..12 {
            let large = Run {
                steps: steps.clone(),
                ..run("up")
            };
            store.update(|history| history.add(large)).unwrap();
        }
        assert!(fs::metadata(store.path()).unwrap().len() <= MOST_BYTES as u64);
        assert!(!store.read().runs.is_empty());
        for _ in 0..100 {
            store.update(|history| history.add(run("stop"))).unwrap();
        }
        assert_eq!(store.read().runs.len(), super::super::RUNS);
    }
}
