//! How soon a large tree is watched, and what that costs.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::figures::median;
use crate::{Bench, Row, Unit};

/// The folders of the tree that are sources, and those that git ignores.
const SOURCES: usize = 100;
const IGNORED: usize = 19_900;

/// What a start may take, in milliseconds, and the memory that it may ever hold, in MiB.
const LIMITS: (f64, f64) = (50.0, 15.0);

/// How long a watch at rest is looked at.
const REST: Duration = Duration::from_secs(3);

const FILE: &str = "\
services:
  web:
    image: busybox
    command: sleep infinity
    init: true
    stop_grace_period: 0s
    volumes: [./app:/app]
    x-dco: {reload: restart}
";

/// A project with a large work tree, up while it lives.
struct Project {
    folder: PathBuf,
    program: PathBuf,
}

impl Project {
    fn new(program: &Path) -> Self {
        let name = format!("dcobench-tree-{}", std::process::id());
        let this = Self {
            folder: std::env::temp_dir().join(name),
            program: program.to_owned(),
        };
        let app = this.folder.join("app");
        fs::create_dir_all(app.join(".git")).expect("a work tree");
        fs::write(this.folder.join("compose.yaml"), FILE).expect("a file");
        fs::write(app.join(".gitignore"), "ignored/\n").expect("a file");
        for number in 0..SOURCES {
            let folder = app.join(format!("src/{number}"));
            fs::create_dir_all(&folder).expect("a folder");
            fs::write(folder.join("main.py"), "").expect("a source");
        }
        for number in 0..IGNORED {
            let folder = app.join(format!("ignored/{}/{number}", number % 100));
            fs::create_dir_all(folder).expect("a folder");
        }
        let up = this.command(&["up", "-d", "--no-settle"]).status();
        assert!(up.is_ok_and(|status| status.success()), "it comes up");
        this
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(&self.folder);
        command.env("XDG_STATE_HOME", self.folder.join("state"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Starts a watch: the milliseconds until it watches, those of CPU, and its peak in MiB; and,
    /// where that is asked for, the milliseconds of CPU that it takes at rest.
    fn start(&self, rest: Option<Duration>) -> (f64, f64, f64, f64) {
        let begun = Instant::now();
        let mut command = self.command(&["watch", "--no-up"]);
        let mut watch = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let said = BufReader::new(watch.stdout.take().expect("its output"));
        let enabled = said.lines().map_while(Result::ok);
        assert!(
            enabled.into_iter().any(|line| line == "Watch enabled"),
            "it watches"
        );
        let wall = begun.elapsed().as_secs_f64() * 1e3;
        let (cpu, peak) = (cpu(watch.id()), peak(watch.id()));
        let at_rest = rest.map_or(0.0, |rest| {
            std::thread::sleep(rest);
            self::cpu(watch.id()) - cpu
        });
        watch.kill().expect("its end");
        watch.wait().expect("its end");
        (wall, cpu, peak, at_rest)
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        drop(self.command(&["down", "-t", "0"]).status());
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// What a process's threads have had of the CPU, in milliseconds.
fn cpu(pid: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).expect("its threads");
    let nanos = threads.flatten().filter_map(|thread| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    nanos.sum::<f64>() / 1e6
}

/// The most memory that a process ever held, in MiB.
fn peak(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.parse::<f64>().ok()).expect("a peak") / 1024.0
}

impl Bench {
    /// What a watch of the tree costs.
    pub fn tree(&self, name: &str) -> Vec<Row> {
        let project = Project::new(&self.dco.program);
        let (mut walls, mut cpus, mut peaks) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.runs {
            let (wall, cpu, peak, _) = project.start(None);
            walls.push(wall);
            cpus.push(cpu);
            peaks.push(peak);
        }
        let (.., at_rest) = project.start(Some(REST));
        let most = peaks.iter().copied().fold(0.0, f64::max);
        let row = |name: String, unit, value: Option<f64>, target| Row {
            name,
            unit,
            rounds: self.runs,
            medians: [value, None, None, None],
            ratios: [None, None],
            target: Some(target),
        };
        let (wall, cpu) = (median(walls), median(cpus).unwrap_or(f64::NAN));
        let started = (
            format!("< {} ms; {cpu:.0} of CPU", LIMITS.0),
            wall.is_some_and(|wall| wall < LIMITS.0),
        );
        let held = (
            format!(
                "< {} MiB; at rest {at_rest:.1} ms of CPU in {} s",
                LIMITS.1,
                REST.as_secs()
            ),
            most < LIMITS.1 && at_rest < 1.0,
        );
        vec![
            row(name.to_owned(), Unit::Time, wall, started),
            row(
                format!("{name}, peak memory"),
                Unit::Memory,
                Some(most),
                held,
            ),
        ]
    }
}
