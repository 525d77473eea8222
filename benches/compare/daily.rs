//! The commands of every day: how long each takes as a whole process, where nothing is to be done.

use std::fmt::Write as _;
use std::time::Instant;

use crate::figures::{Figures, median};
use crate::floor::{Connection, Order, parallel};
use crate::project::Project;
use crate::scenarios::sleepers;
use crate::subject::Subject;
use crate::{Bench, Row, Unit};

/// The most that `dco version` may take, in milliseconds.
const VERSION: f64 = 3.0;

/// The most that the program's file may weigh, in megabytes.
const SIZE: f64 = 12.0;

/// Files from this many bytes on are too large for 1.29.
const LARGE: usize = 100_000;

/// A project that runs twice: Docker Compose 2.40 made it for itself and dco, which takes it as its
/// own, and 1.29 its own, whose containers have other names.
struct Running<'a> {
    shared: Project<'a>,
    old: Option<Project<'a>>,
}

impl Running<'_> {
    fn of(&self, subject: usize) -> Option<&Project<'_>> {
        match subject {
            2 => self.old.as_ref(),
            _ => Some(&self.shared),
        }
    }
}

impl Bench {
    /// A command that needs no engine.
    fn repeat(&self, text: &str, args: &[&str]) -> Figures {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("docker-compose.yml"), text).expect("a compose file");
        let mut figures = Figures::default();
        for round in 0..=self.runs {
            // 1.29 takes minutes for a file of a thousand services.
            let takes = |index: usize| index < 2 || text.len() < LARGE;
            for (index, subject) in self.subjects().filter(|(index, _)| takes(*index)) {
                let run = subject.run(folder.path(), args, &[]);
                if round > 0 {
                    figures.add(index, run);
                }
            }
        }
        figures
    }

    pub fn version(&self, name: &str, text: &str) -> Vec<Row> {
        let mut row = self.repeat(text, &["version"]).time(name, None);
        let holds = row.medians[0].is_some_and(|time| time < VERSION);
        row.target = Some((format!("< {VERSION} ms"), holds));
        vec![row]
    }

    pub fn config(&self, name: &str, text: &str) -> Vec<Row> {
        let figures = self.repeat(text, &["config", "-q"]);
        vec![
            figures.time(name, Some(("≤ 0.10 of 2.40", 0.10))),
            figures.peak(name),
        ]
    }

    /// What the programs weigh; 1.29 is a script among many files.
    pub fn size(&self, name: &str) -> Vec<Row> {
        let mut medians = [None; 4];
        for (index, subject) in self.subjects().filter(|(index, _)| *index < 2) {
            let bytes = std::fs::metadata(&subject.program).map(|file| file.len());
            medians[index] = bytes.ok().map(|bytes| bytes as f64 / 1e6);
        }
        let holds = medians[0].is_some_and(|size| size < SIZE);
        vec![Row {
            name: name.to_owned(),
            unit: Unit::Size,
            rounds: self.runs,
            medians,
            ratios: [None, None],
            target: Some((format!("< {SIZE} MB"), holds)),
        }]
    }

    pub fn ps(&self, name: &str, count: usize) -> Vec<Row> {
        let running = self.up_for_all(&sleepers(count, Order::Together));
        let figures = self.on(&running, &["ps"], &|project| {
            Connection::open().call("GET", &listed(project), "");
        });
        vec![figures.time(name, Some(("≤ 0.20 of 2.40", 0.20)))]
    }

    pub fn up_again(&self, name: &str, count: usize) -> Vec<Row> {
        let running = self.up_for_all(&sleepers(count, Order::Together));
        let figures = self.on(&running, &["up", "-d"], &|project| {
            Connection::open().call("GET", &listed(project), "");
        });
        vec![figures.time(name, Some(("≤ 0.25 of 2.40", 0.25)))]
    }

    /// Beside the calls alone, and beside `docker exec`, which is a whole process too.
    pub fn exec(&self, name: &str, count: usize) -> Vec<Row> {
        let running = self.up_for_all(&sleepers(count, Order::Together));
        let docker = Subject {
            name: "docker",
            program: "docker".into(),
        };
        let container = format!("{}-s0-1", running.shared.name());
        let mut beside = Vec::new();
        for _ in 0..=self.runs {
            let run = docker.run(running.shared.path(), &["exec", &container, "true"], &[]);
            beside.push(run.wall);
        }
        let figures = self.on(&running, &["exec", "-T", "s0", "true"], &|project| {
            let mut connection = Connection::open();
            let path = format!("/containers/{}-s0-1/exec", project.name());
            let cmd = r#"{"Cmd":["true"],"AttachStdout":true,"AttachStderr":true}"#;
            let made = connection.call("POST", &path, cmd).body;
            let id = made.split('"').nth(3).expect("an id").to_owned();
            let path = format!("/exec/{id}");
            connection.call("POST", &format!("{path}/start"), "{}");
            Connection::open().call("GET", &format!("{path}/json"), "");
        });
        let mut row = figures.time(name, None);
        let (ours, theirs) = (row.medians[0], median(beside));
        if let (Some(ours), Some(theirs)) = (ours, theirs) {
            row.target = Some((format!("< `docker exec`: {theirs:.0} ms"), ours < theirs));
        }
        vec![row]
    }

    /// The last 10,000 lines of five services.
    pub fn logs(&self, name: &str) -> Vec<Row> {
        let mut text = String::from("services:\n");
        for n in 0..5 {
            let _ = writeln!(
                text,
                "  s{n}:\n    image: busybox\n    init: true\n    stop_grace_period: 1s\n    command: sh -c 'seq 1 12000; touch /all; sleep infinity'"
            );
        }
        let running = self.up_for_all(&text);
        for project in [Some(&running.shared), running.old.as_ref()]
            .into_iter()
            .flatten()
        {
            for n in 0..5 {
                let all = ["exec", "-T", &format!("s{n}"), "sh", "-c", WRITTEN];
                self.compose.run(project.path(), &all, &[]);
            }
        }
        let figures = self.on(&running, &["logs", "--tail", "10000"], &|project| {
            parallel(5, |connection, n| {
                let container = format!("{}-s{n}-1", project.name());
                let query = "stdout=1&stderr=1&timestamps=1&tail=10000";
                connection.call("GET", &format!("/containers/{container}/logs?{query}"), "");
            });
        });
        vec![figures.time(name, Some(("≤ 0.33 of 2.40", 0.33)))]
    }

    fn up_for_all(&self, text: &str) -> Running<'_> {
        let [shared, old] = [Some(&self.compose), self.old.as_ref()].map(|maker| {
            maker.map(|maker| {
                let project = self.project(text);
                maker.run(project.path(), &["up", "-d"], &[]);
                project
            })
        });
        Running {
            shared: shared.expect("made by the peer that is always there"),
            old,
        }
    }

    /// A command of all subjects, each on the project that is its own, beside the engine's calls.
    fn on(&self, running: &Running, args: &[&str], floor: &dyn Fn(&Project)) -> Figures {
        let mut figures = Figures::default();
        for round in 0..=self.runs {
            let begun = Instant::now();
            floor(&running.shared);
            let wall = begun.elapsed().as_secs_f64() * 1e3;
            if round > 0 {
                figures.wall[3].push(wall);
            }
            for (index, subject) in self.subjects() {
                let Some(project) = running.of(index) else {
                    continue;
                };
                let run = subject.run(project.path(), args, &[]);
                if round > 0 {
                    figures.add(index, run);
                }
            }
        }
        figures
    }
}

/// Waits until a service has printed all that it prints.
const WRITTEN: &str = "until [ -e /all ]; do sleep 0.1; done";

/// The call that lists a project's containers.
fn listed(project: &Project) -> String {
    let label = format!("com.docker.compose.project={}", project.name());
    format!("/containers/json?filters=%7B%22label%22%3A%5B%22{label}%22%5D%7D")
}
