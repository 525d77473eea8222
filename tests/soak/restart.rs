//! A watch beside an engine that is killed and started again: one of the test's own, never the
//! machine's. `DCO_DOCKERD` names another dockerd than the one in `$PATH`.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::watching::{SYNCED, Watching};
use crate::support::{PATIENCE, Project, engine, until};

/// How long an engine may take to be there.
const START: Duration = Duration::from_secs(60);

/// An engine of the test's own, whose containers outlive it.
struct Own {
    folder: PathBuf,
    process: Child,
}

/// What runs the containers of an [`Own`], and outlives it.
struct Below {
    folder: PathBuf,
    process: Child,
}

impl Below {
    fn start(folder: &Path) -> Self {
        let at = |name: &str| folder.join(name).display().to_string();
        let log = fs::File::create(folder.join("below.log")).unwrap();
        let process = Command::new("containerd")
            .args(["--root", &at("below"), "--state", &at("below-state")])
            .args(["--address", &at("below.sock")])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("a containerd");
        let this = Self {
            folder: folder.to_path_buf(),
            process,
        };
        until(START, "a containerd of the test's own", || {
            UnixStream::connect(folder.join("below.sock")).ok()
        });
        this
    }
}

impl Drop for Below {
    fn drop(&mut self) {
        end(&mut self.process);
        // What engines leave mounted keeps their folder.
        let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
        let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
        let own = points.filter(|point| Path::new(point).starts_with(&self.folder));
        for point in own.collect::<Vec<_>>().into_iter().rev() {
            drop(Command::new("umount").args(["-l", point]).status());
        }
    }
}

/// Asks a process to end, and waits for it.
fn end(process: &mut Child) {
    let pid = rustix::process::Pid::from_child(process);
    let term = rustix::process::Signal::TERM;
    // One that is gone already needs none.
    let _ = rustix::process::kill_process(pid, term);
    drop(process.wait());
}

impl Own {
    fn start(folder: &Path) -> Self {
        let at = |name: &str| folder.join(name).display().to_string();
        let log = fs::File::create(folder.join("log")).unwrap();
        let program = std::env::var("DCO_DOCKERD").unwrap_or_else(|_| "dockerd".to_owned());
        let process = Command::new(program)
            .args(["--data-root", &at("data"), "--exec-root", &at("exec")])
            .args([
                "--pidfile",
                &at("pid"),
                "-H",
                &format!("unix://{}", at("sock")),
            ])
            .args(["--bridge", "none", "--iptables=false", "--ip-forward=false"])
            .args(["--storage-driver", "vfs", "--live-restore"])
            .args(["--containerd", &at("below.sock")])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("a dockerd");
        let this = Self {
            folder: folder.to_path_buf(),
            process,
        };
        until(START, "an engine of the test's own", || {
            this.ask("GET", "/_ping", b"")
                .filter(|answer| answer.contains("200 OK"))
        });
        this
    }

    fn host(&self) -> String {
        format!("unix://{}", self.folder.join("sock").display())
    }

    /// What it answers; none where it does not.
    fn ask(&self, method: &str, path: &str, body: &[u8]) -> Option<String> {
        let mut stream = UnixStream::connect(self.folder.join("sock")).ok()?;
        let kind = "Content-Type: application/x-tar";
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\n{kind}\r\nContent-Length: {length}\r\n\r\n"
        )
        .ok()?;
        stream.write_all(body).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// Kills it, and leaves its containers running.
    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        drop(fs::remove_file(self.folder.join("pid")));
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

#[test]
fn a_watch_outlives_a_restart_of_its_engine() {
    // Socket paths are short.
    let folder = tempfile::Builder::new()
        .prefix("dcoe")
        .tempdir_in("/tmp")
        .unwrap();
    let _below = Below::start(folder.path());
    let mut own = Own::start(folder.path());
    let busybox = engine::bytes("/images/busybox/get");
    own.ask("POST", "/images/load", &busybox).unwrap();
    let project = Project::new("restarted")
        .file("compose.yaml", &format!("{SYNCED}    network_mode: none\n"))
        .env("DOCKER_HOST", &own.host());
    fs::create_dir(project.path("src")).unwrap();
    project.dco(&["up", "-d"]).ok();
    let watching = Watching::start(&project, &["watch", "--no-up"]);
    let arrives = |path: &str, text: &str| {
        project.write(&format!("src/{path}"), text);
        until(PATIENCE, path, || {
            let inside = format!("/app/{path}");
            let found = project.dco(&["exec", "-T", "web", "cat", &inside]);
            (found.stdout == text).then_some(())
        });
    };
    arrives("before.txt", "1");
    own.kill();
    watching.until_says("the engine is gone");
    project.write("src/away.txt", "while it was away");
    let own = Own::start(folder.path());
    watching.until_says("the engine is back");
    arrives("after.txt", "2");
    let away = project.dco(&["exec", "-T", "web", "cat", "/app/away.txt"]);
    assert_eq!(away.ok().stdout, "while it was away");
    // Made anew by the engine that came back.
    project.dco(&["up", "-d", "--force-recreate"]).ok();
    watching.until_says("catching up");
    arrives("anew.txt", "3");
    let before = project.dco(&["exec", "-T", "web", "cat", "/app/before.txt"]);
    assert_eq!(before.ok().stdout, "1");
    drop(watching);
    project.dco(&["down", "-t", "0"]).ok();
    drop(own);
}
