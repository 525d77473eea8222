//! An sshd of its own on loopback, and an `ssh` that knows it: the way to the engine that the tests
//! use, as to an engine on another machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{PATIENCE, engine, until};

/// A running sshd; dropped, it ends.
pub struct Sshd {
    keeper: Child,
    root: tempfile::TempDir,
    port: String,
}

impl Sshd {
    /// Starts one that lets in who has its key.
    pub fn start() -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/sshd");
        let keeper = Command::new(script)
            .arg(root.path())
            .env("DOCKER_HOST", engine::host())
            .stdin(Stdio::piped())
            .spawn()
            .expect("scripts/sshd");
        let port = until(PATIENCE, "sshd listens", || {
            fs::read_to_string(root.path().join("port")).ok()
        });
        Self {
            keeper,
            root,
            port: port.trim().to_owned(),
        }
    }

    /// As `DOCKER_HOST` names it.
    pub fn host(&self) -> String {
        format!("ssh://127.0.0.1:{}", self.port)
    }

    /// A `PATH` whose `ssh` has a key: `key`, or `stranger`, which is not let in.
    pub fn path(&self, key: &str) -> String {
        let here = std::env::var("PATH").unwrap_or_default();
        format!("{}:{here}", self.at(&format!("{key}-bin")).display())
    }

    /// How often it has let somebody in.
    pub fn accepted(&self) -> usize {
        let log = fs::read_to_string(self.at("log")).unwrap_or_default();
        log.matches("Accepted publickey").count()
    }

    fn at(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
