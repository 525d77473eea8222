//! The tutorial's environment from nothing, again and again.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{PATIENCE, Project, engine, until};

/// How many cold starts in a row have to succeed.
const ROUNDS: u32 = 20;

/// The page's status line and body.
pub fn page(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
        .write_all(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
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
        let first = self::page(port);
        assert!(first.starts_with("HTTP/1."), "round {round}: {first}");
        project
            .dco(&["exec", "-T", "django", "manage.py", "migrate"])
            .ok();
        let page = page(port);
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

/// Runs `up -d` and takes the time when it says that the image is built.
fn end_of_build(project: &Project) -> jiff::Timestamp {
    let mut command = project.command(&["up", "-d"]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut built = None;
    let mut said = String::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.trim_end().ends_with(" Built") {
            built = Some(jiff::Timestamp::now());
        }
        said.push_str(&line);
        said.push('\n');
    }
    assert!(child.wait().unwrap().success(), "{said}");
    built.unwrap_or_else(|| panic!("nothing was built: {said}"))
}

/// How long the engine takes here and now to make and start a container: a machine that is busy
/// with something else needs seconds.
fn engine_start() -> Duration {
    let project = Project::new("soak-start");
    let text = "services:\n  one:\n    image: busybox\n    init: true\n    command: sleep 60\n";
    project.write("compose.yaml", text);
    project.dco(&["create"]).ok();
    let id = project.inspect("one")["Id"].as_str().unwrap().to_owned();
    let begun = Instant::now();
    engine::call("POST", &format!("/containers/{id}/start"));
    begun.elapsed()
}

#[test]
fn the_database_starts_while_the_app_is_built_and_the_app_when_both_are_ready() {
    let (project, _) = tutorial("soak-overlap");
    // Nothing of the build is known from before.
    let requirements = fs::read_to_string(project.path("requirements.txt")).unwrap();
    let name = project.name();
    project.write("requirements.txt", &format!("{requirements}# {name}\n"));
    let built = end_of_build(&project);
    let time = |text: &str| -> jiff::Timestamp {
        let parsed = text.parse();
        parsed.unwrap_or_else(|error| panic!("{text}: {error}"))
    };
    let started = |service: &str| {
        let inspected = project.inspect(service);
        time(inspected["State"]["StartedAt"].as_str().unwrap())
    };
    let (db, django) = (started("db"), started("django"));
    let ready = time(&database_ready(&project));
    let late = django.duration_since(ready.max(built)).as_millis();
    let story = format!("db {db}, ready {ready}, built {built}, django {django}: {late} ms late");
    assert!(db < built, "the database waited for the build: {story}");
    let limit = 1500.max(3 * engine_start().as_millis() as i128);
    assert!((0..=limit).contains(&late), "{story}, at most {limit}");
}
