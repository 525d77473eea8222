//! A compose project of one test: a directory with files, a name nobody else has, and `dco` in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{PATIENCE, Terminal, engine, secrets, until};

/// No invocation of a test may run longer than this.
const LIMIT: Duration = Duration::from_secs(240);

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A directory whose name is the project's, with a home and a state folder of its own beside it.
///
/// Dropped, it removes whatever the engine holds under the project's label.
pub struct Project {
    root: tempfile::TempDir,
    name: String,
    /// None takes a variable out.
    env: Vec<(String, Option<String>)>,
    on_engine: bool,
}

/// One finished invocation, its outputs as text.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; -1 where a signal (or the limit) ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The command line, for messages.
    pub line: String,
}

impl Project {
    /// A project for a test with an engine; `subject` shows in its name.
    pub fn new(subject: &str) -> Self {
        Self::make(subject, true)
    }

    /// A project for a test that never reaches an engine.
    pub fn offline(subject: &str) -> Self {
        Self::make(subject, false)
    }

    fn make(subject: &str, on_engine: bool) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("dcot-{subject}-{}-{number}", std::process::id());
        let root = tempfile::Builder::new()
            .prefix("dco-test-")
            .tempdir()
            .expect("a temporary directory");
        for folder in [name.as_str(), ".home", ".state"] {
            fs::create_dir(root.path().join(folder)).expect("a folder in it");
        }
        Self {
            root,
            name,
            env: Vec::new(),
            on_engine,
        }
    }

    /// The same with one more file, given by its path in the project.
    pub fn file(self, path: &str, text: &str) -> Self {
        self.write(path, text);
        self
    }

    /// The same with one more environment variable for each command.
    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.env.push((key.to_owned(), Some(value.to_owned())));
        self
    }

    /// The same without one of the variables that every command gets.
    pub fn without_env(mut self, key: &str) -> Self {
        self.env.push((key.to_owned(), None));
        self
    }

    /// Writes a file of the project, and the folders above it.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a file in the project")).expect("its folder");
        fs::write(&path, text).expect("the file");
    }

    /// Copies what a folder holds to a folder of the project; `into` ends with a slash, or is empty.
    #[track_caller]
    pub fn copy(&self, from: &Path, into: &str) {
        for entry in fs::read_dir(from).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let inside = format!("{into}{name}");
            match path.is_dir() {
                true => self.copy(&path, &format!("{inside}/")),
                false => {
                    self.write(&inside, "");
                    fs::copy(&path, self.path(&inside)).expect("a copy");
                }
            }
        }
    }

    /// The project's name: that of its directory.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The project's directory.
    pub fn dir(&self) -> PathBuf {
        self.root.path().join(&self.name)
    }

    /// A path in the project.
    pub fn path(&self, path: &str) -> PathBuf {
        self.dir().join(path)
    }

    /// Where dco keeps its memory in this test.
    pub fn state(&self) -> PathBuf {
        self.root.path().join(".state").join("dco")
    }

    /// The label that all of the project's resources carry.
    pub fn label(&self) -> String {
        format!("com.docker.compose.project={}", self.name)
    }

    /// `dco` (`DCO_BIN`, else the one just built) in the project's directory, with nothing of the
    /// caller's environment but what it needs to find the engine.
    pub fn command(&self, args: &[&str]) -> Command {
        let installed = std::env::var_os("DCO_BIN").map(PathBuf::from);
        let built = || PathBuf::from(env!("CARGO_BIN_EXE_dco"));
        self.program(&installed.unwrap_or_else(built), args)
    }

    /// Another program under the same conditions, such as a peer to compare with.
    pub fn program(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(self.dir())
            .env_clear()
            .env("HOME", self.root.path().join(".home"))
            .env("XDG_STATE_HOME", self.root.path().join(".state"))
            .env("LANG", "C.UTF-8")
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(std::env::var_os("DOCKER_HOST").map(|host| ("DOCKER_HOST", host)))
            // Whichever Docker Compose is installed, dco writes the hashes and the words of 2.
            .env("DCO_COMPOSE_HASH", "2");
        for (key, value) in &self.env {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        command
    }

    /// Runs `dco` to its end.
    #[track_caller]
    pub fn dco(&self, args: &[&str]) -> Finished {
        self.finish(self.command(args), "")
    }

    /// Runs `dco` to its end with `input` on its standard input.
    #[track_caller]
    pub fn dco_with_input(&self, args: &[&str], input: &str) -> Finished {
        self.finish(self.command(args), input)
    }

    /// Runs `dco` in a terminal of 80 by 24.
    #[track_caller]
    pub fn terminal(&self, args: &[&str]) -> Terminal {
        let mut command = self.command(args);
        command.env("TERM", "xterm-256color");
        Terminal::spawn(command)
    }

    /// Runs any prepared command to its end, at most [`LIMIT`] long.
    #[track_caller]
    pub fn finish(&self, command: Command, input: &str) -> Finished {
        let line = line_of(&command);
        let output = assert_cmd::Command::from_std(command)
            .write_stdin(input)
            .timeout(LIMIT)
            .output()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        Finished::new(line, output)
    }

    /// Starts `dco`, interrupts it once it has said something, and waits for its end: its exit code
    /// and how long the end took.
    #[track_caller]
    pub fn interrupt(&self, args: &[&str], once_said: &str) -> (i32, Duration) {
        let said = self.state().with_extension("interrupted");
        let file = fs::File::create(&said).expect("a file");
        let mut child = self.command(args).stderr(file).spawn().expect("dco");
        until(PATIENCE, once_said, || {
            let text = fs::read_to_string(&said).unwrap_or_default();
            text.contains(once_said).then_some(())
        });
        let pid = rustix::process::Pid::from_child(&child);
        let begun = Instant::now();
        rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("a signal");
        let status = until(PATIENCE, "its end", || child.try_wait().expect("its end"));
        (status.code().unwrap_or(-1), begun.elapsed())
    }

    /// The project's containers, running or not, as the engine lists them.
    #[track_caller]
    pub fn containers(&self) -> Vec<Value> {
        engine::containers(&self.label())
    }

    /// The project's networks.
    #[track_caller]
    pub fn networks(&self) -> Vec<Value> {
        engine::networks(&self.label())
    }

    /// The project's volumes.
    #[track_caller]
    pub fn volumes(&self) -> Vec<Value> {
        engine::volumes(&self.label())
    }

    /// What the engine says of the first container of a service; null where it has none.
    #[track_caller]
    pub fn inspect(&self, service: &str) -> Value {
        self.inspect_replica(service, 1)
    }

    /// What the engine says of one replica of a service; null where there is none.
    #[track_caller]
    pub fn inspect_replica(&self, service: &str, number: u32) -> Value {
        let number = number.to_string();
        let found = self.containers().into_iter().find(|container| {
            let labels = &container["Labels"];
            labels["com.docker.compose.service"] == service
                && labels["com.docker.compose.container-number"] == number.as_str()
        });
        match found {
            Some(container) => engine::get(&format!(
                "/containers/{}/json",
                container["Id"].as_str().unwrap_or_default()
            )),
            None => Value::Null,
        }
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        if self.on_engine {
            engine::sweep(&self.label());
        }
    }
}

impl Finished {
    /// # Panics
    ///
    /// When it shows a secret of the tests: whatever a test is about, none may.
    #[track_caller]
    fn new(line: String, output: Output) -> Self {
        let finished = Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            line,
        };
        secrets::none_in(&finished.line, &finished.stdout);
        secrets::none_in(&finished.line, &finished.stderr);
        finished
    }

    /// The same, where it ended with 0; else a panic that shows everything.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.exits(0)
    }

    /// The same, where it ended with `code`; else a panic that shows everything.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "`{}`\n--- stdout\n{}\n--- stderr\n{}",
            self.line, self.stdout, self.stderr
        );
        self
    }
}

fn line_of(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}
