//! A `dco watch` that runs until the test ends.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::{PATIENCE, Project, until};

/// A service that gets what is saved below `src`.
pub const SYNCED: &str = "\
services:
  web:
    image: busybox
    command: sh -c 'mkdir -p /app; exec sleep infinity'
    init: true
    stop_grace_period: 0s
    develop:
      watch: [{path: ./src, action: sync, target: /app}]
";

/// A `dco watch` that runs until it is dropped.
pub struct Watching {
    child: Child,
    log: PathBuf,
}

impl Watching {
    /// Runs dco with these arguments until it watches.
    #[track_caller]
    pub fn start(project: &Project, args: &[&str]) -> Self {
        Self::spawn(project, project.command(args))
    }

    /// The same with a command of the test's own.
    #[track_caller]
    pub fn spawn(project: &Project, mut command: Command) -> Self {
        let log = log(project);
        let file = fs::File::create(&log).expect("a log");
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("the same"))
            .stderr(file);
        let this = Self {
            child: command.spawn().expect("dco"),
            log,
        };
        this.until_says("Watch enabled");
        this
    }

    /// Its process.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a pid")
    }

    /// All that it has said.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it has said something.
    #[track_caller]
    pub fn until_says(&self, text: &str) {
        until(PATIENCE, &format!("{text:?} in {}", self.said()), || {
            self.said().contains(text).then_some(())
        });
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Where a project's watch writes what it says.
pub fn log(project: &Project) -> PathBuf {
    project.state().with_extension("watch.log")
}

/// When the container of a service was started last.
pub fn started_at(project: &Project, service: &str) -> String {
    let id = project.inspect(service)["Id"].clone();
    let id = id.as_str().expect("a container");
    let found = super::engine::get(&format!("/containers/{id}/json"));
    let at = found["State"]["StartedAt"].as_str();
    at.expect("a time").to_owned()
}

/// A `dco watch` that sees no process of the engine's machine.
pub fn elsewhere(project: &Project) -> Command {
    let script = format!("exec {} watch --no-up", env!("CARGO_BIN_EXE_dco"));
    let args = [
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "sh",
        "-c",
        &script,
    ];
    project.program("unshare".as_ref(), &args)
}
