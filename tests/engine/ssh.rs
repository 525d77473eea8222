//! An engine behind ssh: everything works, over one connection for each command; what is broken
//! says so at once.

use std::io::Read;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::support::Project;
use crate::support::free_port;
use crate::support::project::Finished;
use crate::support::sshd::Sshd;

const FILE: &str = "\
services:
  web:
    image: busybox
    init: true
    command: sh -c 'echo hello from afar; exec sleep 600'
    volumes: [data:/data]
    depends_on: [base]
  base: {image: busybox, init: true, command: sleep 600}
  built: {build: ., profiles: [built]}
  job: {image: busybox, command: echo done, profiles: [job]}
volumes: {data: }
";

fn far(sshd: &Sshd, key: &str) -> Project {
    Project::new("ssh")
        .env("DOCKER_HOST", &sshd.host())
        .env("PATH", &sshd.path(key))
        .file("compose.yaml", FILE)
        .file("Dockerfile", "FROM busybox\nCOPY note /note\n")
        .file("note", "by hand\n")
}

#[test]
fn every_command_takes_one_connection() {
    let sshd = Sshd::start();
    let project = far(&sshd, "key");
    let mut commands = 0;
    let mut one = |args: &[&str]| -> Finished {
        let done = project.dco(args).ok();
        commands += 1;
        assert_eq!(sshd.accepted(), commands, "{}\n{}", done.line, done.stderr);
        done
    };
    one(&["up", "-d"]);
    assert_eq!(
        one(&["exec", "-T", "web", "echo", "there"]).stdout,
        "there\n"
    );
    let logs = one(&["logs", "--no-log-prefix", "web"]).stdout;
    assert_eq!(logs, "hello from afar\n");
    one(&["cp", "note", "web:/data/note"]);
    one(&["cp", "web:/data/note", "back"]);
    let back = std::fs::read_to_string(project.path("back")).expect("it came back");
    assert_eq!(back, "by hand\n");
    assert_eq!(one(&["ps", "-q"]).stdout.lines().count(), 2);
    one(&["build", "built"]);
    let run = one(&["run", "--rm", "-T", "built", "cat", "/note"]);
    assert_eq!(run.stdout, "by hand\n");
    // Attached, it looks again at its end, to stop what runs.
    let attached = one(&["up", "--abort-on-container-exit", "job"]).stdout;
    assert!(attached.contains("done\n"), "{attached}");
    one(&["--profile", "job", "down", "-v"]);
    assert_eq!(project.containers().len(), 0);
}

/// The end of a command that cannot reach its engine, and soon.
#[track_caller]
fn refused(project: &Project) -> String {
    let started = Instant::now();
    let done = project.dco(&["ps"]).exits(1);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(done.stderr.matches("error").count(), 1, "{}", done.stderr);
    assert!(done.stderr.contains("hint: `ssh` to that host"));
    done.stderr
}

#[test]
fn a_key_that_is_not_let_in_is_told_in_sshs_words() {
    let sshd = Sshd::start();
    let said = refused(&far(&sshd, "stranger"));
    let first = format!(
        "error: cannot connect to the Docker daemon at {}: ssh: ",
        sshd.host()
    );
    assert!(said.starts_with(&first), "{said}");
    assert!(said.contains("Permission denied (publickey)"), "{said}");
}

#[test]
fn nobody_who_listens_is_told_at_once() {
    let host = format!("ssh://127.0.0.1:{}", free_port());
    let project = Project::new("ssh").env("DOCKER_HOST", &host);
    let said = refused(&project.file("compose.yaml", FILE));
    assert!(said.contains("Connection refused"), "{said}");
}

#[test]
fn a_host_that_never_answers_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = format!("ssh://{}", silent.local_addr().expect("its address"));
    let project = Project::new("ssh").env("DOCKER_HOST", &host);
    let said = refused(&project.file("compose.yaml", FILE));
    assert!(said.contains("timed out"), "{said}");
    let (mut caller, _) = silent.accept().expect("it was called");
    let mut banner = String::new();
    let _ = caller.read_to_string(&mut banner);
    assert!(banner.starts_with("SSH-2.0-"), "{banner}");
}
