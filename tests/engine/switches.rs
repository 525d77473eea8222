//! Switches of the command line, the environment and the project's `.env`, by what they change.

use std::process::Stdio;

use crate::support::{PATIENCE, Project, Terminal, until};

const WEB: &str = "\
services:
  web:
    image: busybox
    command: ['sh', '-c', 'echo web $$HOSTNAME; trap exit TERM; while :; do sleep 0.1; done']
  quiet:
    image: busybox
    attach: false
    command: ['sh', '-c', 'echo hush; trap exit TERM; while :; do sleep 0.1; done']
";

fn project() -> Project {
    Project::new("switches").file("compose.yaml", WEB)
}

fn running(project: &Project) -> usize {
    let all = project.containers();
    all.iter().filter(|one| one["State"] == "running").count()
}

#[test]
fn the_env_file_of_the_project_sets_composes_switches_and_the_process_goes_before() {
    let project = project().file(".env", "COMPOSE_PROGRESS=json\nCOMPOSE_PROFILES=none\n");
    let done = project.dco(&["create", "web"]).ok();
    assert!(done.stderr.starts_with('{'), "{}", done.stderr);
    let mut command = project.command(&["down"]);
    command.env("COMPOSE_PROGRESS", "quiet");
    assert_eq!(project.finish(command, "").ok().stderr, "");
    project.write(".env", "COMPOSE_PARALLEL_LIMIT=many\n");
    let done = project.dco(&["create", "web"]).exits(1);
    let said = "error: COMPOSE_PARALLEL_LIMIT must be an integer (found: \"many\")\n";
    assert!(done.stderr.ends_with(said), "{}", done.stderr);
    project.dco(&["--parallel", "1", "create"]).ok();
    project.write("other.env", "COMPOSE_ANSI=never\nCOMPOSE_PROGRESS=tty\n");
    let done = project.dco(&["--env-file", "other.env", "ps"]).exits(1);
    let said = "can't use --progress tty while ANSI support is disabled";
    assert!(done.stderr.contains(said), "{}", done.stderr);
}

#[test]
fn debug_tells_the_calls_and_no_query() {
    let project = project();
    let done = project.dco(&["--debug", "ps"]).ok();
    assert!(
        done.stderr.contains("dco::engine: GET /v1."),
        "{}",
        done.stderr
    );
    assert!(!done.stderr.contains("filters="), "{}", done.stderr);
    assert_eq!(project.dco(&["--log-level", "error", "ps"]).ok().stderr, "");
    let done = project.dco(&["--log-level", "loud", "ps"]).exits(1);
    assert_eq!(done.stderr, "error: unable to parse logging level: loud\n");
}

#[test]
fn logs_leave_out_what_is_not_attached_unless_it_is_named() {
    let project = project();
    project.dco(&["up", "-d"]).ok();
    let shown = |args: &[&str]| project.dco(args).ok().stdout;
    until(PATIENCE, "the words of both", || {
        shown(&["logs", "web", "quiet"])
            .contains("hush")
            .then_some(())
    });
    let all = shown(&["logs"]);
    assert!(all.contains("web-1") && !all.contains("hush"), "{all}");
}

#[test]
fn wait_takes_the_project_down_when_it_is_told_to() {
    let project = project();
    project.dco(&["up", "-d"]).ok();
    let mut command = project.command(&["wait", "--down-project", "web"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = child.spawn().expect("dco");
    project.dco(&["kill", "web"]).ok();
    let output = child.wait_with_output().expect("its end");
    assert_eq!(output.status.code(), Some(137));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.ends_with("exited with status code 137\n"), "{said}");
    assert!(project.containers().is_empty() && project.networks().is_empty());
}

#[test]
fn exec_takes_a_bare_variable_from_the_projects_env_file() {
    let project = project().file(".env", "COLOUR=blue\n");
    project.dco(&["up", "-d", "web"]).ok();
    let args = [
        "exec",
        "-T",
        "-e",
        "COLOUR",
        "web",
        "sh",
        "-c",
        "echo $COLOUR",
    ];
    assert_eq!(project.dco(&args).ok().stdout, "blue\n");
    let mut terminal = Terminal::spawn(project.command(&["exec", "-T=false", "web", "tty"]));
    terminal.expect("/dev/pts/");
    assert_eq!(terminal.end().0, 0);
}

#[test]
fn an_attached_up_follows_what_another_terminal_starts() {
    let project = project();
    let mut terminal = Terminal::spawn(project.command(&["up"]));
    terminal.expect("web-1");
    terminal.expect("web ");
    project.dco(&["scale", "web=2"]).ok();
    let seen = terminal.expect("web-2");
    assert!(!seen.contains("hush"), "{seen}");
    project.dco(&["kill", "web"]).ok();
    until(PATIENCE, "only `quiet` runs", || {
        (running(&project) == 1).then_some(())
    });
    terminal.end();
}

#[test]
fn run_runs_the_hooks_of_the_service_once_its_container_has_started() {
    let project = Project::new("switches").file(
        "compose.yaml",
        "\
services:
  web:
    image: busybox
    post_start:
      - {command: ['sh', '-c', 'echo $$WORD > /hooked'], environment: [WORD=hook]}
  bad:
    image: busybox
    post_start: [{command: [sh, -c, exit 7]}]
",
    );
    let wait = "until [ -s /hooked ]; do sleep 0.05; done; cat /hooked";
    let done = project.dco(&["run", "--rm", "-T", "web", "sh", "-c", wait]);
    assert_eq!(done.ok().stdout, "hook\n");
    let done = project
        .dco(&["run", "--rm", "-T", "bad", "sleep", "30"])
        .exits(1);
    let said = "bad hook exited with status 7";
    assert!(done.stderr.contains(said), "{}", done.stderr);
}

#[test]
fn start_waits_until_services_are_healthy_and_fails_where_one_never_is() {
    let project = Project::new("switches").file(
        "compose.yaml",
        "\
services:
  well:
    image: busybox
    command: ['sh', '-c', 'sleep 0.7; touch /ready; exec sleep 60']
    healthcheck: {test: [CMD, test, -e, /ready], interval: 200ms, retries: 50}
  sick:
    image: busybox
    command: [sleep, '60']
    healthcheck: {test: [CMD, 'false'], interval: 200ms, retries: 2}
",
    );
    project.dco(&["create"]).ok();
    project.dco(&["start", "--wait", "well"]).ok();
    let health = project.inspect("well")["State"]["Health"]["Status"].clone();
    assert_eq!(health, "healthy");
    project
        .dco(&["start", "--wait", "--wait-timeout", "20", "sick"])
        .exits(1);
}
