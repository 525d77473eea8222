//! `up`, `down`, `stop`, `start` and what stands beside them, on a real engine.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::capability::{Capability, needs};
use crate::support::{PATIENCE, Project, engine, until};

const TWO: &str = "\
services:
  db:
    image: busybox
    init: true
    command: sleep 600
    volumes: [data:/data]
  web:
    image: busybox
    init: true
    command: sleep 600
    depends_on: [db]
    networks: [default, back]
networks:
  back:
volumes:
  data:
";

fn two(subject: &str) -> Project {
    Project::new(subject).file("compose.yaml", TWO)
}

fn states(project: &Project) -> Vec<(String, String)> {
    let mut states: Vec<(String, String)> = project
        .containers()
        .iter()
        .map(|one| {
            let name = one["Names"][0].as_str().unwrap_or_default();
            let name = name.trim_start_matches('/').to_owned();
            let short = name.strip_prefix(&format!("{}-", project.name()));
            (
                short.map_or(name.clone(), str::to_owned),
                one["State"].as_str().unwrap_or_default().to_owned(),
            )
        })
        .collect();
    states.sort();
    states
}

fn ids(project: &Project) -> Vec<String> {
    let mut ids: Vec<String> = project
        .containers()
        .iter()
        .map(|one| one["Id"].as_str().unwrap_or_default().to_owned())
        .collect();
    ids.sort();
    ids
}

fn is(states: &[(String, String)], wanted: &[(&str, &str)]) -> bool {
    let states = states
        .iter()
        .map(|(name, state)| (name.as_str(), state.as_str()));
    states.eq(wanted.iter().copied())
}

#[test]
fn what_up_makes_down_takes_away() {
    let project = two("updown");
    project.dco(&["up", "-d"]).ok();
    assert!(is(
        &states(&project),
        &[("db-1", "running"), ("web-1", "running")]
    ));
    assert_eq!(project.networks().len(), 2);
    assert_eq!(project.volumes().len(), 1);
    let before = ids(&project);
    let again = project.dco(&["up", "-d"]).ok();
    assert_eq!(ids(&project), before);
    assert!(!again.stderr.contains("Creat"), "{}", again.stderr);
    project.dco(&["plan"]).ok();
    project.dco(&["down"]).ok();
    assert!(states(&project).is_empty() && project.networks().is_empty());
    assert_eq!(project.volumes().len(), 1);
    project.dco(&["down", "--volume"]).ok();
    assert!(project.volumes().is_empty());
}

#[test]
fn plan_says_what_is_to_do_and_does_nothing() {
    let project = two("plan");
    let planned = project.dco(&["plan"]).exits(2);
    let name = project.name();
    assert_eq!(
        planned.stdout,
        format!(
            "\
#1 create network {name}_back  (missing)
#2 create network {name}_default  (missing)
#3 create volume {name}_data  (missing)
#4 create {name}-db-1  (missing)  after #2 #3
#5 create {name}-web-1  (missing)  after #1 #2
#6 start {name}-db-1  (missing)  after #4
#7 start {name}-web-1  (missing)  after #5 #6
"
        )
    );
    let dry = project.dco(&["up", "-d", "--dry-run"]).ok();
    assert_eq!(dry.stdout, planned.stdout);
    assert!(project.containers().is_empty() && project.networks().is_empty());
}

#[test]
fn stop_and_start_keep_the_containers() {
    let project = two("stopstart");
    project.dco(&["up", "-d"]).ok();
    let before = ids(&project);
    project.dco(&["stop"]).ok();
    assert!(is(
        &states(&project),
        &[("db-1", "exited"), ("web-1", "exited")]
    ));
    project.dco(&["start"]).ok();
    assert!(is(
        &states(&project),
        &[("db-1", "running"), ("web-1", "running")]
    ));
    project.dco(&["restart", "web"]).ok();
    project.dco(&["pause", "db"]).ok();
    assert!(is(
        &states(&project),
        &[("db-1", "paused"), ("web-1", "running")]
    ));
    project.dco(&["unpause"]).ok();
    project.dco(&["kill", "web"]).ok();
    let dead = || {
        is(
            &states(&project),
            &[("db-1", "running"), ("web-1", "exited")],
        )
        .then_some(())
    };
    until(Duration::from_secs(10), "the killed container to end", dead);
    assert_eq!(ids(&project), before);
    project.dco(&["rm", "--force"]).ok();
    assert!(is(&states(&project), &[("db-1", "running")]));
}

#[test]
fn replicas_come_and_go() {
    let project = two("scale");
    project.dco(&["up", "-d", "--scale", "web=3"]).ok();
    let three = [
        ("db-1", "running"),
        ("web-1", "running"),
        ("web-2", "running"),
        ("web-3", "running"),
    ];
    assert!(is(&states(&project), &three));
    project.dco(&["scale", "web=1"]).ok();
    assert!(is(&states(&project), &three[..2]));
}

#[test]
fn two_that_ignore_sigterm_come_down_together() {
    const GRACE: Duration = Duration::from_secs(3);
    let stubborn = concat!(
        "    image: busybox\n",
        "    command: [sh, -c, \"trap '' TERM; while :; do sleep 1; done\"]\n",
        "    stop_grace_period: 3s\n"
    );
    let text = format!("services:\n  a:\n{stubborn}  b:\n{stubborn}");
    let project = Project::new("grace").file("compose.yaml", &text);
    project.dco(&["up", "-d"]).ok();
    let mut down = project.command(&["down"]);
    let mut down = down.stderr(Stdio::null()).spawn().expect("dco");
    let left = |most: usize| {
        until(PATIENCE, "their ends", || {
            let pid = |service| project.inspect(service)["State"]["Pid"].as_u64();
            let left = ["a", "b"].map(pid).into_iter().filter(|pid| *pid > Some(0));
            (left.count() <= most).then(Instant::now)
        })
    };
    let first = left(1);
    let apart = left(0).duration_since(first);
    assert!(apart < GRACE, "the second ends {apart:?} after the first");
    assert!(down.wait().expect("its end").success());
}

#[test]
fn configs_and_secrets_are_in_the_container_before_it_runs() {
    let project = Project::new("inject").env("TOKEN", "s3cret").file(
        "compose.yaml",
        "\
services:
  app:
    image: busybox
    init: true
    command: sh -c 'cat /etc/app.conf /run/secrets/token > /seen; stat -c %a /etc/app.conf >> /seen; sleep 600'
    configs:
      - source: conf
        target: /etc/app.conf
        mode: 0440
    secrets: [token]
configs:
  conf:
    content: hello-
secrets:
  token:
    environment: TOKEN
",
    );
    project.dco(&["up", "-d"]).ok();
    let inspected = project.inspect("app");
    let id = inspected["Id"].as_str().unwrap();
    let seen = engine::docker(&["exec", id, "cat", "/seen"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&seen.stdout), "hello-s3cret440\n");
    let labels: &Value = &inspected["Config"]["Labels"];
    assert!(!labels.to_string().contains("s3cret"));
}

#[test]
fn a_user_that_the_engines_machine_does_not_know_gets_its_secrets() {
    let project = Project::new("injectuser").env("TOKEN", "s3cret").file(
        "compose.yaml",
        "\
services:
  app:
    image: busybox
    user: '4321'
    command: [sh, -c, 'stat -c %u:%g /etc/app.conf; cat /etc/app.conf /run/secrets/token; echo; sleep 0.2']
    configs:
      - source: conf
        target: /etc/app.conf
        uid: '4321'
        gid: '7'
        mode: 0400
    secrets: [token]
configs:
  conf:
    content: hello-
secrets:
  token:
    environment: TOKEN
",
    );
    let ended = project.dco(&["up", "--no-log-prefix"]).ok();
    assert!(
        ended.stdout.contains("4321:7\nhello-s3cret"),
        "{}",
        ended.stdout
    );
}

#[test]
fn a_project_is_taken_down_by_its_name_alone() {
    let project = two("byname");
    project.dco(&["up", "-d"]).ok();
    let elsewhere = Project::new("elsewhere");
    elsewhere.dco(&["-p", project.name(), "stop"]).ok();
    assert!(is(
        &states(&project),
        &[("db-1", "exited"), ("web-1", "exited")]
    ));
    elsewhere.dco(&["-p", project.name(), "down", "-v"]).ok();
    assert!(project.containers().is_empty() && project.volumes().is_empty());
}

#[test]
fn images_that_were_built_go_by_the_projects_name_alone_too() {
    // Podman's takes an image of another project, with that one's label.
    if !needs(Capability::ClassicBuilder) {
        return;
    }
    let project = Project::new("byname-images")
        .file("Dockerfile", "FROM busybox\nCMD [\"sleep\", \"600\"]\n")
        .file(
            "compose.yaml",
            "\
services:
  own: {build: ., image: '${COMPOSE_PROJECT_NAME}-own:1', init: true}
  web: {build: ., init: true}
  other: {image: busybox, command: sleep 600, init: true}
",
        );
    project.dco(&["up", "-d"]).ok();
    let name = project.name();
    let elsewhere = Project::new("elsewhere-images");
    let said = elsewhere
        .dco(&["--progress", "plain", "-p", name, "down", "--rmi", "local"])
        .ok()
        .stderr;
    let mut removed: Vec<&str> = said
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Image ")?.strip_suffix("Removed"))
        .map(str::trim)
        .collect();
    removed.sort_unstable();
    assert_eq!(
        removed,
        [format!("{name}-own:1"), format!("{name}-web:latest")],
        "{said}"
    );
    assert!(project.containers().is_empty());
}

#[test]
fn attached_it_shows_the_logs_and_ends_with_the_code_asked_for() {
    let project = Project::new("attached").file(
        "compose.yaml",
        "\
services:
  job:
    image: busybox
    command: [sh, -c, 'echo from the job; exit 3']
  side:
    image: busybox
    init: true
    command: [sh, -c, 'echo from the side; sleep 600']
",
    );
    let ended = project.dco(&["up", "--exit-code-from", "job"]).exits(3);
    assert!(
        ended.stdout.contains("job-1   | from the job\n"),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.contains("job-1 exited with code 3"),
        "{}",
        ended.stdout
    );
    assert!(is(
        &states(&project),
        &[("job-1", "exited"), ("side-1", "exited")]
    ));
}

#[test]
fn what_cannot_start_leaves_nothing_behind() {
    let project = Project::new("cannot").file(
        "compose.yaml",
        "services:\n  web:\n    image: busybox\n    command: [no-such-program]\n",
    );
    let failed = project.dco(&["up", "-d"]).exits(1);
    assert!(
        failed.stderr.contains("no-such-program"),
        "{}",
        failed.stderr
    );
    assert!(states(&project).is_empty());
}

#[test]
fn a_changed_volume_is_made_anew_only_with_consent() {
    let text = |label: &str| {
        format!(
            "services: {{web: {{image: busybox, init: true, command: sleep 600, volumes: ['data:/data']}}}}\n\
             volumes: {{data: {{labels: {{kind: {label}}}}}}}\n"
        )
    };
    let project = Project::new("changedvolume").file("compose.yaml", &text("old"));
    project.dco(&["up", "-d"]).ok();
    let kind = || project.volumes()[0]["Labels"]["kind"].clone();
    project.write("compose.yaml", &text("new"));
    let kept = project.dco(&["up", "-d"]).ok();
    let said = "but not as the file asks for: it stays as it is\n";
    assert!(kept.stderr.contains(said), "{}", kept.stderr);
    assert_eq!(kind(), "old");
    project
        .dco(&[
            "up",
            "-d",
            "--yes",
            "--quiet-pull",
            "--quiet-build",
            "--menu=false",
        ])
        .ok();
    assert_eq!(kind(), "new");
    assert!(is(&states(&project), &[("web-1", "running")]));
}

#[test]
fn a_port_that_is_taken_is_told_with_its_holder_and_nothing_stays_behind() {
    if !needs(Capability::Here) {
        return;
    }
    let held = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let file = format!(
        "services:\n  web:\n    image: busybox\n    command: sleep 60\n    ports: ['{port}:80']\n"
    );
    let project = Project::new("taken").file("compose.yaml", &file);
    let refused = project.dco(&["up", "-d"]).exits(1);
    let process = format!("is taken by process {}", std::process::id());
    assert!(refused.stderr.contains(&process), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("compose.yaml:5"),
        "{}",
        refused.stderr
    );
    assert_eq!(project.containers().len(), 0);
    drop(held);
    project.dco(&["up", "-d", "--no-settle"]).ok();
    let other = Project::new("taken").file("compose.yaml", &file);
    let refused = other.dco(&["up", "-d"]).exits(1);
    let container = format!(
        "is taken by container `{0}-web-1` of project `{0}`",
        project.name()
    );
    assert!(refused.stderr.contains(&container), "{}", refused.stderr);
    assert_eq!(other.containers().len(), 0);
}

#[test]
fn what_names_no_grace_has_time_to_end() {
    let project = Project::new("grace").file(
        "compose.yaml",
        r#"services:
  web:
    image: busybox
    command: [sh, -c, "trap 'sleep 1; echo saved; exit 0' TERM; echo runs; while :; do sleep 0.1; done"]
"#,
    );
    let says = |text: &str| {
        until(Duration::from_secs(30), "its words", || {
            let said = project.dco(&["logs", "--no-log-prefix"]).stdout;
            (said == text).then_some(())
        });
    };
    project.dco(&["up", "-d"]).ok();
    says("runs\n");
    project.dco(&["restart"]).ok();
    says("runs\nsaved\nruns\n");
    project.dco(&["stop"]).ok();
    says("runs\nsaved\nruns\nsaved\n");
}
