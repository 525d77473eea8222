//! The tutorial's environment from nothing, again and again.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jiff::Timestamp;
use serde_json::Value;

use crate::support::{PATIENCE, Project, engine, until};

/// How many cold starts in a row have to succeed.
const ROUNDS: u32 = 20;

/// The page's status line and body.
///
/// # Errors
/// Nobody answers, or not to the end.
pub fn page(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// The tutorial's files in a project of its own, and the port that it is published on.
fn tutorial(subject: &str) -> (Project, u16) {
    let project = Project::new(subject);
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/django");
    project.copy(&example, "");
    let port = free_port();
    let file = fs::read_to_string(project.path("docker-compose.yml")).unwrap();
    project.write(
        "docker-compose.yml",
        &file.replace("8000:8000", &format!("{port}:8000")),
    );
    (project, port)
}

/// When the database said, the last time, that it takes connections: before that, the server that
/// sets the cluster up says it too, on its socket only.
fn database_ready(project: &Project) -> String {
    until(PATIENCE, "the database's word", || {
        let log = project.dco(&["logs", "--no-log-prefix", "-t", "db"]);
        let said = format!("{}{}", log.stdout, log.stderr);
        let line = said
            .lines()
            .rfind(|line| line.contains("ready to accept connections"))?;
        Some(line.split(' ').next().unwrap().to_owned())
    })
}

#[test]
fn every_cold_start_of_the_tutorial_is_ready_when_up_returns() {
    let (project, port) = tutorial("soak");
    for round in 1..=ROUNDS {
        project.dco(&["down", "--volume"]).ok();
        project.dco(&["up", "-d"]).ok();
        // Whatever it says without its tables: somebody answers.
        let first = self::page(port).unwrap();
        assert!(first.starts_with("HTTP/1."), "round {round}: {first}");
        project
            .dco(&["exec", "-T", "django", "manage.py", "migrate"])
            .ok();
        let page = page(port).unwrap();
        assert!(
            page.contains(" 200 ") && page.contains("Hello, visitor 1"),
            "round {round}: {page}"
        );
        let inspected = |service: &str| {
            let id = project.inspect(service)["Id"].as_str().unwrap().to_owned();
            engine::get(&format!("/containers/{id}/json"))
        };
        assert_eq!(inspected("django")["RestartCount"], 0, "round {round}");
        let started = inspected("django")["State"]["StartedAt"]
            .as_str()
            .unwrap()
            .to_owned();
        let ready = database_ready(&project);
        assert!(
            ready < started,
            "round {round}: the database was ready at {ready}, django started at {started}"
        );
    }
}

/// Docker Compose 2.40, to compare with.
fn peer() -> PathBuf {
    let peer = std::env::var_os("DCO_PEER").map(PathBuf::from);
    let usual = || Some(PathBuf::from("/opt/peers/compose-2.40")).filter(|path| path.exists());
    let peer = peer.or_else(usual);
    peer.expect("DCO_PEER names Docker Compose 2.40.3, as `make soak` installs it")
}

/// Runs `up -d` and takes the time when it says that the image is built.
fn end_of_build(mut up: Command) -> Timestamp {
    let mut child = up.stderr(Stdio::piped()).spawn().unwrap();
    let mut built = None;
    let mut said = String::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.trim_end().ends_with(" Built") {
            built = Some(Timestamp::now());
        }
        said.push_str(&line);
        said.push('\n');
    }
    assert!(child.wait().unwrap().success(), "{said}");
    built.unwrap_or_else(|| panic!("nothing was built: {said}"))
}

/// When what happened in a first `up`.
#[derive(Debug)]
struct Overlap {
    db: Timestamp,
    ready: Timestamp,
    built: Timestamp,
    django: Timestamp,
}

impl Overlap {
    /// How long django waited in vain, in milliseconds; negative where it came too early.
    fn late(&self) -> i128 {
        let due = self.ready.max(self.built);
        self.django.duration_since(due).as_millis()
    }
}

/// The tutorial from nothing, nothing of its build known from before.
fn first_up(project: &Project, up: Command) -> Overlap {
    let requirements = fs::read_to_string(project.path("requirements.txt")).unwrap();
    let name = project.name();
    project.write("requirements.txt", &format!("{requirements}# {name}\n"));
    let built = end_of_build(up);
    let started = |service: &str| -> Timestamp {
        let inspected = project.inspect(service);
        let text = inspected["State"]["StartedAt"].as_str().unwrap();
        text.parse().unwrap()
    };
    Overlap {
        db: started("db"),
        ready: database_ready(project).parse().unwrap(),
        built,
        django: started("django"),
    }
}

/// The span of a step in `dco timeline`, in microseconds since the run began.
fn step(timeline: &Value, kind: &str, of: &str) -> (u64, u64) {
    let steps = timeline["steps"].as_array().unwrap();
    let found = steps.iter().find(|step| {
        let what = step["what"].as_str().unwrap_or_default();
        step["kind"] == kind && what.contains(of)
    });
    let found = found.unwrap_or_else(|| panic!("no {kind} of {of}: {timeline:#}"));
    let at = |key: &str| found[key].as_u64().unwrap();
    (at("began"), at("ended"))
}

#[test]
#[allow(clippy::print_stderr, reason = "a test's own output")]
fn the_database_starts_while_the_app_is_built_and_the_app_when_both_are_ready() {
    let (project, _) = tutorial("soak-overlap");
    let own = first_up(&project, project.command(&["up", "-d"]));
    let (other, _) = tutorial("soak-overlap-peer");
    let peers = first_up(&other, other.program(&peer(), &["up", "-d"]));
    let story = format!(
        "dco {own:?}, {} ms late\nCompose {peers:?}, {} ms late",
        own.late(),
        peers.late()
    );
    eprintln!("{story}");
    assert!(
        own.db < own.built,
        "the database waited for the build: {story}"
    );
    assert!((0..=1500).contains(&own.late()), "{story}");
    assert!(
        peers.db > peers.built && peers.late() < 0,
        "Compose does as well, and the README says otherwise: {story}"
    );

    let timeline = project.dco(&["timeline", "--format", "json"]).ok();
    let timeline: Value = serde_json::from_str(&timeline.stdout).unwrap();
    let (_, built) = step(&timeline, "build", "django");
    let (_, db) = step(&timeline, "start", "db-1");
    let (_, ready) = step(&timeline, "await", "db");
    let (django, started) = step(&timeline, "start", "django-1");
    assert!(db < built, "{timeline:#}");
    let due = ready.max(built);
    assert!(django >= due && started - due <= 1_500_000, "{timeline:#}");
}
