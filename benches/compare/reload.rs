//! How fast a saved file is live, beside Docker Compose and the engine's own calls, interleaved.
//!
//! Needs root: what a container sees is read through `/proc`, so that looking takes no time of the
//! engine's.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::figures::{Figures, differences, median};
use crate::floor::Connection;
use crate::subject::Subject;
use crate::{Bench, Row};

/// Longer than any debounce: each save is the first after a quiet time.
const QUIET: Duration = Duration::from_millis(900);

/// How long a save may take to be live.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a container's file is looked at.
const LOOK: Duration = Duration::from_micros(200);

/// What dco is held to: so many milliseconds above the engine's own call, so many times faster than
/// Docker Compose.
struct Limits {
    above: f64,
    faster: f64,
}

const FILE: &str = "\
services:
  sync:
    image: busybox
    command: sh -c 'mkdir -p /app && sleep infinity'
    init: true
    stop_grace_period: 0s
    develop: {watch: [{path: ./sync, action: sync, target: /app}]}
  restart:
    image: busybox
    command: sh -c 'mkdir -p /app && sleep infinity'
    init: true
    stop_grace_period: 0s
    develop: {watch: [{path: ./restart, action: sync+restart, target: /app}]}
  bind:
    image: python:3
    command: python -uB /app/main.py
    init: true
    stop_grace_period: 0s
    volumes: [./bind:/app]
";

/// One project, watched by one program.
struct Watched {
    folder: PathBuf,
    program: PathBuf,
    name: String,
    watch: Child,
}

impl Watched {
    fn start(subject: &Subject) -> Self {
        let (program, short) = (&subject.program, subject.name.split(' ').next());
        let name = format!(
            "dcobench-{}-{}",
            short.unwrap_or_default(),
            std::process::id()
        );
        let folder = std::env::temp_dir().join(&name);
        for path in ["sync", "restart", "bind"] {
            fs::create_dir_all(folder.join(path)).expect("a folder");
        }
        fs::write(folder.join("compose.yaml"), FILE).expect("a file");
        fs::write(
            folder.join("bind/main.py"),
            "import time\ntime.sleep(1e6)\n",
        )
        .expect("a file");
        let log = folder.join("log");
        let mut command = Command::new(program);
        command.current_dir(&folder).env_remove("RUST_BACKTRACE");
        command.env("DCO_COMPOSE_HASH", "2");
        command.env("XDG_STATE_HOME", folder.join("state"));
        let out = fs::File::create(&log).expect("a log");
        command.stdout(out.try_clone().expect("it")).stderr(out);
        let watch = command
            .arg("watch")
            .stdin(Stdio::null())
            .spawn()
            .expect("it starts");
        let this = Self {
            folder,
            program: program.to_owned(),
            name,
            watch,
        };
        until("the watch", || {
            let said = fs::read_to_string(&log).unwrap_or_default();
            said.contains("Watch enabled").then_some(())
        });
        this
    }

    /// The id of a service's container.
    fn id(&self, service: &str) -> String {
        format!("{}-{service}-1", self.name)
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.folder.join(path), text).expect("a save");
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        drop(self.watch.kill());
        drop(self.watch.wait());
        let mut down = Command::new(&self.program);
        down.args(["down", "-t", "0"]).current_dir(&self.folder);
        drop(down.stdout(Stdio::null()).stderr(Stdio::null()).status());
        drop(fs::remove_dir_all(&self.folder));
    }
}

#[track_caller]
fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(
            begun.elapsed() < PATIENCE,
            "{what}: not within {PATIENCE:?}"
        );
        std::thread::sleep(LOOK);
    }
}

/// The number of a container's main process; 0 while there is none.
fn pid(id: &str) -> u32 {
    let answer = Connection::open()
        .call("GET", &format!("/containers/{id}/json"), "")
        .body;
    let after = answer.split("\"Pid\":").nth(1).unwrap_or("0");
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

/// Milliseconds until a file in a container holds a text.
fn until_seen(pid: u32, path: &str, text: &str, begun: Instant) -> f64 {
    let path = format!("/proc/{pid}/root{path}");
    until("the file in the container", || {
        (fs::read_to_string(&path).ok()? == text).then_some(())
    });
    begun.elapsed().as_secs_f64() * 1e3
}

/// Milliseconds until a container's main process is another.
fn until_restarted(id: &str, before: u32, begun: Instant) -> f64 {
    until("the restart", || {
        let now = pid(id);
        (now != before && now != 0).then_some(())
    });
    begun.elapsed().as_secs_f64() * 1e3
}

fn archive(path: &str, text: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    archive
        .append_data(&mut header, path, text.as_bytes())
        .expect("an archive");
    archive.into_inner().expect("it")
}

impl Bench {
    /// A save under `sync`, `sync+restart` and a bind mount, until it is live.
    pub fn reload(&self, name: &str) -> Vec<Row> {
        let watched: Vec<Watched> = [&self.dco, &self.compose].map(Watched::start).into();
        let rounds = self.runs * 5 / 2;
        let row = |what: &str, figures: &Figures, limits: &Limits| {
            let mut row = figures.time(&format!("{name}: {what}"), None);
            row.target = Some(limits.held(figures));
            row
        };
        let sync = Limits {
            above: 25.0,
            faster: 7.0,
        };
        let restart = Limits {
            above: 40.0,
            faster: 1.0,
        };
        vec![
            row("`sync`", &synced(&watched, rounds), &sync),
            row(
                "`sync+restart`",
                &restarted(&watched, rounds, "restart", "restart/a.txt"),
                &restart,
            ),
            // Docker Compose leaves bind mounts alone.
            row(
                "`python main.py` in a bind mount",
                &restarted(&watched[..1], rounds, "bind", "bind/main.py"),
                &restart,
            ),
        ]
    }
}

impl Limits {
    /// Whether the figures keep to them, in words.
    fn held(&self, figures: &Figures) -> (String, bool) {
        let [dco, compose, _, engine] = &figures.wall;
        let above = median(differences(dco, engine)).unwrap_or(f64::NAN);
        let faster = median(compose.clone())
            .zip(median(dco.clone()))
            .map(|(a, b)| a / b);
        let mut words = format!("≤ {} ms above the floor: {above:.0}", self.above);
        if let Some(faster) = faster {
            words = format!("{words}; ≥ {} times faster: {faster:.1}", self.faster);
        }
        let holds = above <= self.above && faster.is_none_or(|faster| faster >= self.faster);
        (words, holds)
    }
}

/// Saves under `sync`, until the content is in the container; the engine is handed an archive.
fn synced(all: &[Watched], rounds: usize) -> Figures {
    let mut figures = Figures::default();
    let id = all[0].id("sync");
    for round in 0..rounds {
        let text = round.to_string();
        let process = pid(&id);
        let bytes = archive("app/floor.txt", &text);
        std::thread::sleep(QUIET);
        let begun = Instant::now();
        let path = format!("/containers/{id}/archive?path=/");
        Connection::open().call("PUT", &path, &bytes);
        figures.wall[3].push(until_seen(process, "/app/floor.txt", &text, begun));
        for (index, watched) in all.iter().enumerate() {
            let process = pid(&watched.id("sync"));
            std::thread::sleep(QUIET);
            let begun = Instant::now();
            watched.write("sync/a.txt", &text);
            figures.wall[index].push(until_seen(process, "/app/a.txt", &text, begun));
        }
    }
    figures
}

/// Saves that restart a service, until its main process is another.
fn restarted(all: &[Watched], rounds: usize, service: &str, path: &str) -> Figures {
    let mut figures = Figures::default();
    for round in 0..rounds {
        let id = all[0].id(service);
        std::thread::sleep(QUIET);
        let before = pid(&id);
        let begun = Instant::now();
        std::thread::scope(|scope| {
            let restart = format!("/containers/{id}/restart");
            scope.spawn(move || Connection::open().call("POST", &restart, ""));
            figures.wall[3].push(until_restarted(&id, before, begun));
        });
        for (index, watched) in all.iter().enumerate() {
            let id = watched.id(service);
            std::thread::sleep(QUIET);
            let before = pid(&id);
            let begun = Instant::now();
            watched.write(path, &format!("import time\ntime.sleep(1e6)\n# {round}\n"));
            figures.wall[index].push(until_restarted(&id, before, begun));
        }
    }
    figures
}
