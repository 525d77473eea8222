//! When `up -d` returns, on a real engine.

use std::time::Duration;

use crate::support::Project;

const SILENT: &str = "\
services:
  web:
    image: busybox
    init: true
    command: sh -c 'sleep 600; ./server'
    ports: ['8000']
";

#[test]
fn a_port_that_stays_silent_is_not_waited_for_again_until_the_service_changes() {
    let project = Project::new("silent")
        .env("DCO_GATE_TIMEOUT", "4s")
        .file("compose.yaml", SILENT);
    let waits = |args: &[&str]| {
        let up = project.dco(args).ok();
        up.stderr.contains("does not listen on port 8000 yet")
    };
    assert!(waits(&["up", "-d"]));
    assert!(!waits(&["up", "-d", "--force-recreate"]));
    project.write("compose.yaml", &SILENT.replace("600", "601"));
    assert!(waits(&["up", "-d"]));
}

#[test]
fn a_silent_port_is_not_waited_for_where_that_is_not_wanted() {
    let project = Project::new("nowait")
        .env("DCO_GATE_TIMEOUT", "120s")
        .file("compose.yaml", SILENT);
    let up = project.dco(&["up", "-d", "--no-wait"]).ok();
    assert!(!up.stderr.contains("does not listen"), "{}", up.stderr);
    assert!(up.stderr.contains("-web-1  Started\n"), "{}", up.stderr);
}

#[test]
fn what_dies_at_once_fails_up_unless_nobody_watches_it() {
    let project = Project::new("nosettle").file(
        "compose.yaml",
        "services: {web: {image: busybox, command: [sh, -c, 'exit 3']}}\n",
    );
    let up = project.dco(&["up", "-d"]).exits(1);
    assert!(up.stderr.contains("exited with 3"), "{}", up.stderr);
    project.dco(&["up", "-d", "--no-settle"]).ok();
}

#[test]
fn a_restart_says_what_does_not_come_back() {
    let project = Project::new("restarted").file(
        "compose.yaml",
        "\
services:
  web: {image: busybox, command: sh /app/run.sh, init: true, volumes: ['./app:/app']}
  job: {image: busybox, command: 'true'}
",
    );
    project.write("app/run.sh", "sleep 600\n");
    project.dco(&["up", "-d"]).ok();
    project.dco(&["restart"]).ok();
    project.write("app/run.sh", "echo no such setting; exit 3\n");
    let restart = project.dco(&["restart", "web"]).exits(1);
    assert!(
        restart.stderr.contains("exited with 3"),
        "{}",
        restart.stderr
    );
    assert!(
        restart.stderr.contains("no such setting"),
        "{}",
        restart.stderr
    );
    let strict = project.env("DCO_STRICT", "compose");
    strict.dco(&["restart", "web"]).ok();
}

#[test]
fn what_the_environment_says_is_not_waited_for_where_that_is_not_wanted() {
    let project = Project::new("noinfer").file(
        "compose.yaml",
        "\
services:
  web: {image: busybox, command: sleep 600, init: true, environment: [DB_HOST=db, DB_PORT=5432]}
  db: {image: debian, command: sleep 600, init: true}
",
    );
    let awaits = |args: &[&str]| project.dco(args).stdout.contains("await db");
    assert!(awaits(&["plan"]));
    assert!(!awaits(&["plan", "--no-infer"]));
    let up = project.dco(&["up", "-d", "--no-infer"]).ok();
    assert!(up.stderr.contains("-web-1  Started\n"), "{}", up.stderr);
    assert!(!up.stderr.contains("waits for db"), "{}", up.stderr);
}

#[test]
fn an_interrupt_ends_the_wait_for_a_published_port() {
    let project = Project::new("interrupt").file("compose.yaml", SILENT);
    let (code, took) = project.interrupt(&["up", "-d"], "web-1  Started");
    assert_eq!(code, 130);
    assert!(took < Duration::from_secs(2), "{took:?}");
}
