//! A git repository of a test. Addresses of hosts that do not exist lead to it, by git's own
//! `insteadOf`: no test asks a network.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{PATIENCE, Project, free_port, until};

/// What its addresses begin with.
const PREFIXES: [&str; 5] = [
    "https://git.example/",
    "https://github.com/",
    "ssh://git@git.example/",
    "git://git.example/",
    "git@git.example:",
];

/// `team/app.git` below each of the prefixes.
pub struct Repository {
    root: tempfile::TempDir,
}

impl Repository {
    /// An empty one, on its branch `main`.
    pub fn new() -> Self {
        Self::hashed_by("sha1")
    }

    /// The same, with another hash.
    pub fn hashed_by(hash: &str) -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let repository = Self { root };
        fs::create_dir_all(repository.folder()).expect("a folder");
        let hash = format!("--object-format={hash}");
        repository.git(&["init", "--quiet", "--initial-branch=main", &hash]);
        repository
    }

    /// Its files.
    pub fn folder(&self) -> PathBuf {
        self.root.path().join("team/app.git")
    }

    /// The same with one more file, not committed yet.
    pub fn file(self, path: &str, text: &str) -> Self {
        let path = self.folder().join(path);
        fs::create_dir_all(path.parent().expect("a file in it")).expect("its folder");
        fs::write(path, text).expect("the file");
        self
    }

    /// Commits what is there; the commit's name.
    #[track_caller]
    pub fn commit(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "x"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Runs git in it; what it says.
    #[track_caller]
    pub fn git(&self, words: &[&str]) -> String {
        let done = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@git.example"])
            .args(words)
            .current_dir(self.folder())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .expect("git");
        assert!(done.status.success(), "git {words:?}: {done:?}");
        String::from_utf8_lossy(&done.stdout).trim_end().to_owned()
    }

    /// The project, for whom the addresses lead here; what it fetches is kept in its `cache`.
    pub fn reached_by(&self, project: Project) -> Project {
        let key = format!("url.{}/.insteadOf", self.root.path().display());
        let cache = project.path("cache").display().to_string();
        let mut project = project
            .env("XDG_CACHE_HOME", &cache)
            .env("GIT_CONFIG_COUNT", &PREFIXES.len().to_string());
        for (number, prefix) in PREFIXES.iter().enumerate() {
            project = project
                .env(&format!("GIT_CONFIG_KEY_{number}"), &key)
                .env(&format!("GIT_CONFIG_VALUE_{number}"), prefix);
        }
        project
    }

    /// Serves it on loopback, as long as what is returned lives.
    pub fn serve(&self) -> Daemon {
        Daemon::start(self.root.path())
    }
}

/// A running `git daemon`; dropped, it ends.
pub struct Daemon {
    child: Child,
    port: u16,
}

impl Daemon {
    fn start(root: &Path) -> Self {
        let programs = Command::new("git").arg("--exec-path").output();
        let programs = String::from_utf8(programs.expect("git").stdout).expect("a path");
        let port = free_port();
        // The program itself: `git daemon` would leave it behind.
        let child = Command::new(Path::new(programs.trim_end()).join("git-daemon"))
            .args([
                "--export-all",
                "--listen=127.0.0.1",
                &format!("--port={port}"),
            ])
            .arg(format!("--base-path={}", root.display()))
            .arg(root)
            .stderr(Stdio::null())
            .spawn()
            .expect("git-daemon");
        let connect = || std::net::TcpStream::connect(("127.0.0.1", port)).ok();
        until(PATIENCE, "git-daemon", connect);
        Self { child, port }
    }

    /// The address of the repository.
    pub fn address(&self) -> String {
        format!("git://127.0.0.1:{}/team/app.git", self.port)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
