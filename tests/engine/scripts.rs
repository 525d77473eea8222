//! What scripts and test suites written for Docker Compose look for: its words and its streams.

use std::fs;
use std::process::Stdio;

use crate::support::capability::{Capability, needs};
use crate::support::{PATIENCE, Project, until};

const SLEEPER: &str = "image: busybox, init: true, command: [sleep, '300']";

#[test]
fn settings_in_the_env_file_beside_the_compose_file_count_from_another_folder() {
    let project = Project::new("settings")
        .file("sub/.env", "COMPOSE_REMOVE_ORPHANS=true\n")
        .file("sub/compose.yaml", &format!("services:\n  web: {{{SLEEPER}}}\n  once: {{image: busybox, command: [echo, hi], profiles: [off]}}\n"));
    let name = project.name().to_owned();
    let dco = |args: &[&str]| {
        let all = [&["-f", "sub/compose.yaml", "-p", &name], args].concat();
        project.dco(&all).ok()
    };
    dco(&["run", "once"]);
    assert!(dco(&["ps", "--all"]).stdout.contains("once-run"));
    dco(&["up", "-d"]);
    assert!(!dco(&["ps", "--all"]).stdout.contains("once-run"));
}

#[test]
fn an_optional_dependency_that_fails_is_warned_of_and_stops_nobody() {
    let project = Project::new("optional").file(
        "compose.yaml",
        &format!(
            "services:
  web:
    image: busybox
    init: true
    command: [sleep, '300']
    depends_on:
      db: {{condition: service_healthy, required: false}}
      init: {{condition: service_completed_successfully, required: false}}
  db: {{{SLEEPER}}}
  init: {{image: busybox, command: [sh, -c, 'exit 3']}}
"
        ),
    );
    let done = project.dco(&["up", "-d", "--no-settle"]).ok();
    let name = project.name();
    for said in [
        format!(
            "optional dependency \"db\" failed to start: container {name}-db-1 has no healthcheck configured"
        ),
        "optional dependency \"init\" didn't complete successfully: exit 3".to_owned(),
    ] {
        assert!(done.stderr.contains(&said), "{said}\n{}", done.stderr);
    }
    assert_eq!(project.inspect("web")["State"]["Running"], true);
}

#[test]
fn an_attached_up_keeps_the_streams_apart_and_shows_what_stop_hooks_say() {
    let project = Project::new("streams").file(
        "compose.yaml",
        "services:
  first:
    image: busybox
    command: [sh, -c, 'echo to-out; echo to-err >&2; sleep 1']
  second:
    image: busybox
    init: true
    command: [sleep, '300']
    stop_grace_period: 1s
    pre_stop:
      - command: [echo, the hook speaks]
",
    );
    let done = project.dco(&["up", "--abort-on-container-exit"]).ok();
    let shown = format!("stdout:\n{}\nstderr:\n{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("| to-out\n"), "{shown}");
    assert!(!done.stdout.contains("to-err"), "{shown}");
    assert!(done.stderr.contains("| to-err\n"), "{shown}");
    assert!(
        done.stdout.contains("second-1 ->  | the hook speaks\n"),
        "{shown}"
    );
    // The one that ended by itself counts as stopped too.
    for service in ["first", "second"] {
        let word = format!("Container {}-{service}-1  Stopped", project.name());
        assert!(done.stderr.contains(&word), "{shown}");
    }
}

#[test]
fn naming_a_service_turns_its_profile_on_for_every_verb() {
    let project = Project::new("profiled").file(
        "compose.yaml",
        &format!("services:\n  web: {{{SLEEPER}, profiles: [off], stop_grace_period: 1s}}\n"),
    );
    for verb in [
        &["up", "-d", "web"][..],
        &["stop", "web"],
        &["start", "web"],
        &["restart", "web"],
        &["pause", "web"],
        &["unpause", "web"],
        &["kill", "web"],
        &["rm", "-f", "web"],
    ] {
        project.dco(verb).ok();
    }
    assert!(project.containers().is_empty());
    let done = project.dco(&["stop", "nobody"]).exits(1);
    assert!(
        done.stderr.contains("no such service: nobody"),
        "{}",
        done.stderr
    );
    // With a name of its own, nobody knows which services the project has.
    let done = project.env("COMPOSE_PROJECT_NAME", "dcot-unknown");
    done.dco(&["pause", "nobody"]).ok();
}

#[test]
fn pausing_what_is_paused_is_refused_and_stopping_what_is_stopped_is_told() {
    let project = Project::new("twice").file(
        "compose.yaml",
        &format!("services:\n  web: {{{SLEEPER}, stop_grace_period: 1s}}\n"),
    );
    project.dco(&["up", "-d"]).ok();
    project.dco(&["pause", "web"]).ok();
    let done = project.dco(&["pause", "web"]).exits(1);
    assert!(done.stderr.contains("already paused"), "{}", done.stderr);
    project.dco(&["unpause", "web"]).ok();
    let word = format!("Container {}-web-1  Stopped", project.name());
    for _ in 0..2 {
        let done = project.dco(&["stop", "web"]).ok();
        assert!(done.stderr.contains(&word), "{}", done.stderr);
    }
}

#[test]
fn down_takes_one_offs_that_run_along_with_orphans() {
    let project = Project::new("oneoffs").file(
        "compose.yaml",
        &format!("services:\n  web: {{{SLEEPER}, stop_grace_period: 1s}}\n"),
    );
    project.dco(&["run", "-d", "web"]).ok();
    project.dco(&["down"]);
    assert_eq!(project.containers().len(), 1);
    project.dco(&["down", "--remove-orphans"]).ok();
    assert!(project.containers().is_empty());
}

#[test]
fn a_project_of_resources_alone_is_made_with_all_resources() {
    let project = Project::new("resources").file(
        "compose.yaml",
        "services: {}\nvolumes: {data: {}}\nnetworks: {net: {}}\n",
    );
    let done = project.dco(&["up", "-d"]).exits(1);
    assert!(
        done.stderr.contains("no service selected"),
        "{}",
        done.stderr
    );
    project.dco(&["--all-resources", "up", "-d"]).ok();
    assert_eq!(project.volumes().len(), 1);
    assert_eq!(project.networks().len(), 1);
}

#[test]
fn a_service_whose_profile_is_off_is_built_when_it_is_named() {
    let project = Project::new("profilebuild").file(
        "compose.yaml",
        "services:\n  tool: {build: {dockerfile_inline: 'FROM busybox'}, profiles: [tools]}\n",
    );
    let done = project.dco(&["build", "--progress", "plain", "tool"]).ok();
    assert!(done.stderr.contains("tool  Built"), "{}", done.stderr);
}

#[test]
fn two_services_of_one_container_name_are_refused_before_anything_is_made() {
    let project = Project::new("onename").file(
        "compose.yaml",
        &format!("services:\n  a: {{{SLEEPER}, container_name: dcot-one}}\n  b: {{{SLEEPER}, container_name: dcot-one}}\n"),
    );
    let done = project.dco(&["up", "-d"]).exits(1);
    let said = "services.b: container name \"dcot-one\" is already in use by service a";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    assert!(project.networks().is_empty());
}

#[test]
fn an_attached_up_of_named_services_ends_with_them_and_leaves_their_dependencies() {
    let project = Project::new("targets").file(
        "compose.yaml",
        &format!(
            "services:
  base: {{{SLEEPER}, stop_grace_period: 1s}}
  job:
    image: busybox
    command: [sh, -c, 'sleep 0.3; echo done; exit 7']
    depends_on: [base]
"
        ),
    );
    let runs = || project.inspect("base")["State"]["Running"] == true;
    project.dco(&["up", "--attach-dependencies", "job"]).ok();
    assert!(runs());
    project.dco(&["up", "--exit-code-from=job", "job"]).exits(7);
    assert!(runs());
    project
        .dco(&["up", "--abort-on-container-failure"])
        .exits(7);
    assert!(!runs());
}

#[test]
fn a_dependency_that_ends_at_once_is_told_for_that_and_not_for_its_missing_healthcheck() {
    let project = Project::new("endsatonce").file(
        "compose.yaml",
        &format!(
            "services:
  web: {{{SLEEPER}, depends_on: {{db: {{condition: service_healthy}}}}}}
  db: {{image: busybox, command: [sh, -c, 'sleep 0.1; exit 1']}}
"
        ),
    );
    let done = project.dco(&["up", "-d"]).exits(1);
    let said = format!(
        "dependency failed to start: container {}-db-1 exited (1)",
        project.name()
    );
    assert!(done.stderr.contains(&said), "{}", done.stderr);
}

/// An engine ends the stream of a container that ends at once before its last line, now and then.
#[test]
fn the_last_words_of_what_ends_at_once_are_shown_once() {
    let service = |n: usize| {
        format!("  s{n}: {{image: busybox, command: [sh, -c, 'echo first{n}; printf last{n}']}}\n")
    };
    let services: String = (0..12).map(service).collect();
    let project = Project::new("lastwords").file("compose.yaml", &format!("services:\n{services}"));
    let said = project.dco(&["up", "--no-color"]).ok().stdout;
    for n in 0..12 {
        for word in ["first", "last"] {
            let line = format!("| {word}{n}");
            let lines = said.lines().filter(|shown| shown.ends_with(&line));
            assert_eq!(lines.count(), 1, "{line}\n{said}");
        }
    }
}

/// Each run's lines are shown once, each end once, through restarts by the engine to the last.
#[test]
fn an_attached_up_shows_every_run_of_what_the_engine_starts_again() {
    if !needs(Capability::RunsApart) {
        return;
    }
    let project = Project::new("again").file(
        "compose.yaml",
        "services:\n  failing:\n    image: busybox\n    restart: on-failure:2\n    command: [sh, -c, 'echo hello; sleep 0.3; printf bye; exit 3']\n",
    );
    let said = project.dco(&["--ansi", "never", "up"]).ok().stdout;
    let run = "failing-1  | hello\nfailing-1  | bye\n";
    let restarts = format!("{run}\r\u{1b}[Kfailing-1 exited with code 3 (restarting)\n").repeat(2);
    let last = format!("{run}\r\u{1b}[Kfailing-1 exited with code 3\n");
    assert_eq!(said, format!("Attaching to failing-1\n{restarts}{last}"));
}

/// Each end is told though the next run follows at once, and the next run is followed.
#[test]
fn an_attached_up_follows_what_another_terminal_restarts() {
    let project = Project::new("restarted").file(
        "compose.yaml",
        "services:\n  web:\n    image: busybox\n    init: true\n    command: [sh, -c, 'echo run; exec sleep 1000']\n  other: {image: busybox, init: true, command: [sleep, '1000']}\n",
    );
    let shown = project.path("shown");
    let mut up = project.command(&["--ansi", "never", "up"]);
    up.stdout(fs::File::create(&shown).unwrap());
    let mut up = up.stderr(Stdio::null()).spawn().unwrap();
    let runs = |count: usize| {
        until(PATIENCE, "each run and each end", || {
            let said = fs::read_to_string(&shown).unwrap();
            let told = |text| said.matches(text).count();
            (told("| run\n") == count && told("exited with code 143") == count - 1).then_some(())
        });
    };
    runs(1);
    for count in 2..=5 {
        project.dco(&["restart", "web"]).ok();
        runs(count);
    }
    project.dco(&["stop"]).ok();
    assert_eq!(up.wait().unwrap().code(), Some(0));
}
