//! The two tools, and one run of one of them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::place::Place;

/// After this long a run is hung: it is ended and counts as failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// dco and its peer.
pub struct Tools {
    pub dco: Tool,
    pub peer: Tool,
}

/// One of them.
#[derive(Clone, Debug)]
pub struct Tool {
    pub name: &'static str,
    program: PathBuf,
}

/// How a run ended, and what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub stdout: String,
    pub stderr: String,
    pub code: i32,
}

impl Tools {
    pub fn find() -> Result<Self, String> {
        let peer = std::env::var_os("DCO_PEER")
            .map(PathBuf::from)
            .or_else(|| {
                Some("/opt/peers/compose-2.40".into()).filter(|path: &PathBuf| path.exists())
            })
            .ok_or("parity: set DCO_PEER to Docker Compose 2.40.3 (`make parity` installs it)")?;
        let dco = std::env::var_os("DCO_BIN")
            .map_or_else(|| env!("CARGO_BIN_EXE_dco").into(), PathBuf::from);
        Ok(Self {
            dco: Tool {
                name: "dco",
                program: dco,
            },
            peer: Tool {
                name: "peer",
                program: peer,
            },
        })
    }
}

impl Tool {
    /// Its file.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Runs it in the project's directory, with nothing on its standard input.
    pub fn run(&self, place: &Place, args: &[String]) -> Run {
        self.run_with(place, args, "")
    }

    /// Runs it with a text on its standard input.
    pub fn run_with(&self, place: &Place, args: &[String], stdin: &str) -> Run {
        let mut command = Command::new(&self.program);
        command
            .args(args)
            .current_dir(&place.dir)
            .envs(&place.env)
            .env("DCO_COMPOSE_HASH", "2")
            .env("DCO_STRICT", "compose")
            .env("XDG_STATE_HOME", place.root.join("state"))
            .env("XDG_CACHE_HOME", place.root.join("cache"))
            // A case that needs one writes it.
            .env("GIT_CONFIG_GLOBAL", place.dir.join("gitconfig"))
            .env("DOCKER_CONFIG", place.root.join("docker"))
            .env("PWD", &place.dir)
            .env("COMPOSE_MENU", "false")
            .env_remove("COMPOSE_PROJECT_NAME")
            .env_remove("COMPOSE_FILE")
            .env_remove("COMPOSE_PROFILES");
        run(command, stdin)
    }
}

/// Runs docker's own client, which is the judge.
pub fn docker(args: &[&str]) -> Run {
    let mut command = Command::new("docker");
    command.args(args).env_remove("DOCKER_CONFIG");
    run(command, "")
}

/// Splits a line into words: blanks separate, quotes of both kinds hold together.
pub fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ' | '\n') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

fn run(mut command: Command, stdin: &str) -> Run {
    let spawned = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(cause) => panic!("parity: cannot run {command:?}: {cause}"),
    };
    // A child that does not read its input may be gone before it is written.
    let _ = child
        .stdin
        .take()
        .map(|mut pipe| pipe.write_all(stdin.as_bytes()));
    let pid = child.id();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let started = Instant::now();
            while !done.load(Ordering::Relaxed) {
                if started.elapsed() > PATIENCE {
                    let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let output = child.wait_with_output();
        done.store(true, Ordering::Relaxed);
        let output = output.unwrap_or_else(|cause| panic!("parity: {cause}"));
        Run {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code().unwrap_or(-1),
        }
    })
}

/// Copies a folder and all below it, with `rewrite` applied to every text.
pub fn copy(from: &Path, to: &Path, rewrite: &dyn Fn(&str) -> String) {
    std::fs::create_dir_all(to).unwrap();
    let mut entries: Vec<_> = std::fs::read_dir(from).unwrap().flatten().collect();
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target, rewrite);
            continue;
        }
        match std::fs::read_to_string(&source) {
            Ok(text) => std::fs::write(&target, rewrite(&text)).unwrap(),
            Err(_) => {
                std::fs::copy(&source, &target).unwrap();
            }
        }
        let mode = std::fs::metadata(&source).unwrap().permissions();
        std::fs::set_permissions(&target, mode).unwrap();
    }
}
