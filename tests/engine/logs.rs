//! `logs`: order, prefixes, ranges, following.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::exec::container;
use crate::support::capability::{Capability, needs};
use crate::support::{PATIENCE, Project, engine, until};

/// A project whose containers the test makes itself.
pub fn project(subject: &str) -> Project {
    let services = "services: {a: &it {image: busybox}, b: *it, bb: *it, late: *it}\n";
    Project::new(subject).file("compose.yaml", services)
}

pub fn shell(project: &Project, service: &str, script: &str) -> String {
    let body = json!({"Image": "busybox", "Cmd": ["sh", "-c", script]});
    container(project, service, body)
}

pub fn until_ended(project: &Project, service: &str) {
    until(PATIENCE, "the container's end", || {
        let state = project.inspect(service)["State"]["Running"].clone();
        (state == Value::Bool(false)).then_some(())
    });
}

#[test]
fn lines_of_several_containers_come_in_the_order_of_time() {
    let project = project("logs");
    shell(
        &project,
        "a",
        "echo a1; sleep 0.4; echo a2 >&2; sleep 0.4; printf a3",
    );
    shell(&project, "bb", "sleep 0.2; echo b1; sleep 0.4; echo b2");
    until_ended(&project, "a");
    until_ended(&project, "bb");
    let plain = project.dco(&["logs"]).ok();
    // The containers were started one after the other: only the order of each one's lines, and of
    // lines far apart, is certain.
    let mut lines: Vec<&str> = plain.stdout.lines().collect();
    assert_eq!(plain.stderr, "");
    assert_eq!(lines[0], "a-1   | a1");
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "a-1   | a1",
            "a-1   | a2",
            "a-1   | a3",
            "bb-1  | b1",
            "bb-1  | b2"
        ]
    );
    let stamped = project.dco(&["logs", "-t", "--no-log-prefix"]).ok().stdout;
    let times: Vec<&str> = stamped
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(times.is_sorted(), "{stamped}");
    assert!(times[0].ends_with('Z'), "{stamped}");
}

#[test]
fn ranges_and_choices_hold() {
    let project = project("logs");
    shell(&project, "a", "echo one; echo two; echo three");
    shell(&project, "b", "echo four");
    until_ended(&project, "a");
    until_ended(&project, "b");
    let shown = |args: &[&str]| project.dco(args).ok().stdout;
    assert_eq!(
        shown(&["logs", "--tail", "2", "a"]),
        "a-1  | two\na-1  | three\n"
    );
    assert_eq!(shown(&["logs", "-n", "0", "a"]), "");
    assert_eq!(shown(&["logs", "--no-log-prefix", "b"]), "four\n");
    assert_eq!(
        shown(&["logs", "--grep", "^t", "--no-log-prefix"]),
        "two\nthree\n"
    );
    assert_eq!(shown(&["logs", "--since", "1h", "b"]), "b-1  | four\n");
    assert_eq!(shown(&["logs", "--until", "1h", "b"]), "");
    assert_eq!(shown(&["logs", "--index", "1", "b"]), "b-1  | four\n");
    assert_eq!(
        shown(&["--ansi", "always", "logs", "b"]),
        "\u{1b}[36mb-1  | \u{1b}[0mfour\n"
    );
    let object: Value = serde_json::from_str(&shown(&["logs", "--json", "b"])).expect("JSON");
    assert_eq!(object["service"], "b");
    assert_eq!(object["container"], format!("{}-b-1", project.name()));
    assert_eq!(object["stream"], "stdout");
    assert_eq!(object["line"], "four");
    let wrong = project.dco(&["logs", "--index", "1"]).exits(1);
    assert_eq!(
        wrong.stderr,
        "error: --index requires one service to be selected\n"
    );
    let wrong = project.dco(&["logs", "nosuch"]).exits(1);
    assert!(
        wrong.stderr.starts_with("error: no such service: nosuch\n"),
        "{}",
        wrong.stderr
    );
    let wrong = project.dco(&["logs", "--since", "yesterday"]).exits(1);
    assert_eq!(
        wrong.stderr,
        "error: failed to parse value as time or duration: \"yesterday\"\n"
    );
}

/// Starts `logs -f`; beside it, what it has said by now.
fn follow(project: &Project) -> (std::process::Child, impl Fn() -> String + use<>) {
    let log = project.state().with_extension("follow.log");
    let file = std::fs::File::create(&log).expect("a file");
    let follower = project.command(&["logs", "-f"]).stdout(file).spawn();
    let said = move || std::fs::read_to_string(&log).unwrap_or_default();
    (follower.expect("dco"), said)
}

#[test]
fn following_ends_with_the_container_and_keeps_its_last_line() {
    let project = project("logs");
    let script = "echo first; until [ -e /app/seen ]; do sleep 0.05; done; printf last; exit 3";
    shell(&project, "a", script);
    let (mut follower, said) = follow(&project);
    until(PATIENCE, "the first line", || {
        said().contains("first").then_some(())
    });
    project.write("seen", "");
    assert!(follower.wait().expect("its end").success());
    assert_eq!(
        said(),
        "a-1  | first\na-1  | last\n\r\u{1b}[Ka-1 exited with code 3\n"
    );
}

#[test]
fn following_goes_on_through_a_restart_without_a_line_lost_or_twice() {
    if !needs(Capability::FineTimes) {
        return;
    }
    let project = project("logs");
    // A second container keeps the logs open.
    shell(
        &project,
        "keep",
        "while :; do sleep 0.1; [ -e /app/stop ] && exit; done",
    );
    let script = "n=$(cat /app/n 2>/dev/null || echo 0); n=$((n+1)); echo $n > /app/n; \
                  echo begin $n; until [ -e /app/seen ]; do sleep 0.05; done; sleep 0.3; printf 'end %s' $n";
    let id = shell(&project, "a", script);
    let (mut follower, said) = follow(&project);
    until(PATIENCE, "the first line", || {
        said().contains("begin 1").then_some(())
    });
    project.write("seen", "");
    let ends = || said().matches("a-1 exited with code 0").count();
    // The next start comes when the end was shown: an end that is over at once is no end to see.
    for ended in 1..=3 {
        until(PATIENCE, "the end in the log", || {
            (ends() == ended).then_some(())
        });
        if ended < 3 {
            let again = engine::call("POST", &format!("/containers/{id}/start"));
            assert_eq!(again.status, 204);
        }
    }
    project.write("stop", "");
    follower.wait().expect("its end");
    let stdout = said();
    let lines: Vec<&str> = stdout
        .lines()
        .filter(|line| line.starts_with("a-1 "))
        .collect();
    assert_eq!(
        lines,
        [
            "a-1     | begin 1",
            "a-1     | end 1",
            "a-1     | begin 2",
            "a-1     | end 2",
            "a-1     | begin 3",
            "a-1     | end 3",
        ],
        "{stdout}"
    );
    assert_eq!(
        stdout.matches("a-1 exited with code 0").count(),
        3,
        "{stdout}"
    );
}

#[test]
fn following_takes_in_what_is_started_later() {
    let project = project("logs");
    shell(
        &project,
        "keep",
        "while :; do sleep 0.1; [ -e /app/stop ] && exit; done",
    );
    let follower = project
        .command(&["logs", "-f"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("dco");
    shell(&project, "late", "echo here; sleep 0.2; echo still here");
    until_ended(&project, "late");
    project.write("stop", "");
    let output = follower.wait_with_output().expect("its end");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        (output.status.code(), stderr.as_ref()),
        (Some(0), ""),
        "{stdout}"
    );
    assert!(stdout.contains("late-1  | here\n"), "{stdout}");
    assert!(stdout.contains("late-1  | still here\n"), "{stdout}");
}

#[test]
fn a_terminals_log_is_read_as_it_is() {
    let project = project("logs");
    let body = json!({
        "Image": "busybox", "Tty": true,
        "Cmd": ["sh", "-c", "printf '\\001\\000\\000\\000\\000\\000\\000\\003one\\ntwo\\n'"],
    });
    container(&project, "a", body);
    until_ended(&project, "a");
    let stdout = project.dco(&["logs"]).ok().stdout;
    assert_eq!(stdout, "a-1  | \u{1}\0\0\0\0\0\0\u{3}one\r\na-1  | two\r\n");
}

#[test]
fn a_hundred_thousand_lines_come_whole_and_a_reader_may_leave() {
    let project = project("logs");
    shell(&project, "a", "seq 1 100000");
    until_ended(&project, "a");
    let stdout = project.dco(&["logs", "--no-log-prefix"]).ok().stdout;
    assert!(
        stdout.lines().eq((1..=100_000).map(|n| n.to_string())),
        "not all of them"
    );
    let mut dco = project
        .command(&["logs", "--no-log-prefix"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("dco");
    let head = Command::new("head")
        .args(["-n", "1"])
        .stdin(dco.stdout.take().expect("its output"))
        .output()
        .expect("head");
    assert_eq!(head.stdout, b"1\n");
    let output = dco.wait_with_output().expect("its end");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_log_that_is_not_kept_is_named() {
    let project = project("logs");
    let body = json!({"Image": "busybox", "Cmd": ["echo", "gone"], "Log": "none"});
    container(&project, "a", body);
    until_ended(&project, "a");
    let done = project.dco(&["logs"]).ok();
    let name = format!("{}-a-1", project.name());
    assert_eq!(
        done.stderr,
        format!("warning: the log of `{name}` cannot be read: its logging driver keeps none\n")
    );
}
