//! Long runs, for `make soak`: the tutorial's environment from nothing, again and again, every
//! call of every command disturbed, storms of changes under `sync`.

#[path = "../support/mod.rs"]
mod support;

mod faults;
mod gates;
mod reload;
mod tap;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use support::{PATIENCE, Project, engine, until};

/// How many cold starts in a row have to succeed.
const ROUNDS: u32 = 20;

/// Copies a folder into a project, file by file.
fn copy(from: &Path, project: &Project, into: &str) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let inside = format!("{into}{name}");
        if path.is_dir() {
            copy(&path, project, &format!("{inside}/"));
        } else {
            project.write(&inside, "");
            fs::copy(&path, project.path(&inside)).unwrap();
        }
    }
}

/// The page's status line and body.
fn page(port: u16) -> String {
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
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[test]
fn every_cold_start_of_the_tutorial_is_ready_when_up_returns() {
    let project = Project::new("soak");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/django");
    copy(&example, &project, "");
    let port = free_port();
    let file = fs::read_to_string(project.path("docker-compose.yml")).unwrap();
    project.write(
        "docker-compose.yml",
        &file.replace("8000:8000", &format!("{port}:8000")),
    );
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
        let ready = until(PATIENCE, "the database's word", || {
            let log = project.dco(&["logs", "--no-log-prefix", "-t", "db"]);
            let said = format!("{}{}", log.stdout, log.stderr);
            // The last one: the server that sets the cluster up says it too, on its socket only.
            let line = said
                .lines()
                .rfind(|line| line.contains("ready to accept connections"))?;
            Some(line.split(' ').next().unwrap().to_owned())
        });
        assert!(
            ready < started,
            "round {round}: the database was ready at {ready}, django started at {started}"
        );
    }
}
