//! How fast a saved file is live: dco beside Docker Compose and the engine's own calls, interleaved;
//! and what a watch of a large tree costs.
//!
//! The environment names the programs: `DCO_BIN`, and `PEER_2` for Docker Compose 2.40 (it may be
//! absent). `--runs N` for another number than 50. Needs root: what a container sees is read
//! through `/proc`, so that looking takes no time of the engine's.

#![allow(clippy::print_stdout, reason = "a table on stdout is what it is for")]

mod start;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than any debounce: each save is the first after a quiet time.
const QUIET: Duration = Duration::from_millis(900);

/// How long a save may take to be live.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a container's file is looked at.
const LOOK: Duration = Duration::from_micros(200);

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
    fn start(name: &str, program: &Path) -> Self {
        let name = format!("dcobench-{name}-{}", std::process::id());
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

/// One request over a connection of its own; the body that comes back.
fn call(method: &str, path: &str, body: &[u8]) -> String {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    let socket = host
        .strip_prefix("unix://")
        .unwrap_or("/var/run/docker.sock");
    let mut stream = UnixStream::connect(socket).expect("an engine");
    let kind = if method == "PUT" {
        "application/x-tar"
    } else {
        "application/json"
    };
    write!(
        stream,
        "{method} /v1.41{path} HTTP/1.0\r\nHost: engine\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )
    .expect("a request");
    stream.write_all(body).expect("a body");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse::<u16>().ok());
    assert!(
        status.is_some_and(|code| code < 400),
        "{method} {path}: {answer}"
    );
    answer
}

fn pid(id: &str) -> u32 {
    let answer = call("GET", &format!("/containers/{id}/json"), b"");
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

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() {
    let mut runs = 50;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        if arg == "--runs" {
            runs = args.next().and_then(|n| n.parse().ok()).expect("--runs N");
        }
    }
    let program = |variable: &str| std::env::var_os(variable).map(PathBuf::from);
    let dco = program("DCO_BIN").expect("DCO_BIN names dco");
    start::measure(&dco, runs);
    let dco = Watched::start("dco", &dco);
    let peer = program("PEER_2").map(|program| Watched::start("peer", &program));
    let all: Vec<&Watched> = [Some(&dco), peer.as_ref()].into_iter().flatten().collect();

    let mut times = vec![Vec::new(); 3];
    for run in 0..runs {
        let id = dco.id("sync");
        let process = pid(&id);
        let bytes = archive("app/floor.txt", &run.to_string());
        std::thread::sleep(QUIET);
        let begun = Instant::now();
        call("PUT", &format!("/containers/{id}/archive?path=/"), &bytes);
        times[2].push(until_seen(
            process,
            "/app/floor.txt",
            &run.to_string(),
            begun,
        ));
        for (index, watched) in all.iter().enumerate() {
            let process = pid(&watched.id("sync"));
            std::thread::sleep(QUIET);
            let begun = Instant::now();
            watched.write("sync/a.txt", &run.to_string());
            times[index].push(until_seen(process, "/app/a.txt", &run.to_string(), begun));
        }
    }
    row(
        "sync: until the content is in the container",
        &mut times,
        (25.0, 7.0),
    );

    for (service, path) in [("restart", "restart/a.txt"), ("bind", "bind/main.py")] {
        let mut times = vec![Vec::new(); 3];
        for run in 0..runs {
            let id = dco.id(service);
            std::thread::sleep(QUIET);
            let before = pid(&id);
            let begun = Instant::now();
            std::thread::scope(|scope| {
                let restart = format!("/containers/{id}/restart");
                scope.spawn(move || call("POST", &restart, b""));
                times[2].push(until_restarted(&id, before, begun));
            });
            for (index, watched) in all.iter().enumerate() {
                // Docker Compose leaves bind mounts alone.
                if service == "bind" && index > 0 {
                    continue;
                }
                let id = watched.id(service);
                std::thread::sleep(QUIET);
                let before = pid(&id);
                let begun = Instant::now();
                watched.write(path, &format!("import time\ntime.sleep(1e6)\n# {run}\n"));
                times[index].push(until_restarted(&id, before, begun));
            }
        }
        let name = match service {
            "bind" => "bind mount: until `python main.py` is another process",
            _ => "sync+restart: until the main process is another",
        };
        row(name, &mut times, (40.0, 1.0));
    }
}

/// One line: the medians of dco, Compose and the engine, and what dco is held to: so many
/// milliseconds above the engine, so many times faster than Compose.
fn row(name: &str, times: &mut [Vec<f64>], (above, faster): (f64, f64)) {
    let runs = times[0].len();
    let medians: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
    let [dco, compose, engine] = [medians[0], medians[1], medians[2]];
    let holds = dco <= engine + above && (compose.is_nan() || dco * faster <= compose);
    let mark = if holds { '✔' } else { '✘' };
    println!(
        "{name} (median of {runs}): dco {dco:.1} ms, Compose {compose:.1} ms, engine {engine:.1} ms; above the engine {:.1} ms (at most {above}), faster than Compose {:.1} times {mark}",
        dco - engine,
        compose / dco
    );
}
