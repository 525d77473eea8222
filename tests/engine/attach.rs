//! `attach`: the main process with its terminal, signals, keys and exit code.

use std::process::Stdio;

use serde_json::json;

use super::exec::{container, project};
use crate::support::{PATIENCE, Terminal, engine, until};

/// A container whose main process is a shell with a terminal.
fn shell() -> serde_json::Value {
    json!({"Image": "busybox", "Cmd": ["sh"], "Tty": true, "OpenStdin": true})
}

#[test]
fn a_terminal_is_sized_typed_at_and_left_with_the_keys() {
    let project = project("attach");
    let id = container(&project, "web", shell());
    let mut terminal = project.terminal(&["attach", "--detach-keys", "ctrl-x,q", "web"]);
    // The first prompt may have come before.
    terminal.send("\n");
    terminal.expect("#");
    terminal.send("echo $((6 * 7))\n");
    terminal.expect("42");
    // A size takes its own way to the terminal, beside what is typed.
    let has_size = |terminal: &mut Terminal, size: &str| {
        until(PATIENCE, size, || {
            terminal.send("stty size\n");
            terminal.expect("#").contains(size).then_some(())
        });
    };
    has_size(&mut terminal, "24 80");
    terminal.resize(100, 30);
    has_size(&mut terminal, "30 100");
    terminal.send("\x18q");
    let (code, rest) = terminal.end();
    assert!(rest.contains("read escape sequence"), "{rest}");
    assert_eq!(code, 1);
    let state = engine::get(&format!("/containers/{id}/json"));
    assert_eq!(state["State"]["Running"], true);

    let mut terminal = project.terminal(&["attach", "web"]);
    terminal.send("exit 9\n");
    assert_eq!(terminal.end().0, 9);
}

#[test]
fn signals_are_passed_on_unless_told_otherwise_and_the_code_is_the_processs() {
    let script = "trap 'echo got; exit 5' TERM; echo up; while :; do sleep 0.1; done";
    for (proxy, code) in [("--sig-proxy=true", 5), ("--sig-proxy=false", 130)] {
        let project = project("attach");
        let id = container(
            &project,
            "web",
            json!({"Image": "busybox", "Cmd": ["sh", "-c", script]}),
        );
        // Attached once what the process says arrives: it says nothing before the signal.
        let child = project
            .command(&["attach", "--no-stdin", proxy, "web"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("dco");
        let pid = rustix::process::Pid::from_child(&child);
        until(PATIENCE, "both ends of its pipe", || {
            let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
            // It catches SIGTERM from when it stands in front of the process.
            let caught = status
                .lines()
                .find_map(|line| line.strip_prefix("SigCgt:"))?;
            let caught = u64::from_str_radix(caught.trim(), 16).ok()?;
            (caught & (1 << 14) != 0).then_some(())
        });
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("the signal");
        let output = child.wait_with_output().expect("its end");
        assert_eq!(output.status.code(), Some(code), "{proxy}");
        let running = engine::get(&format!("/containers/{id}/json"))["State"]["Running"].clone();
        assert_eq!(running, code == 130, "{proxy}");
    }
}

#[test]
fn what_has_a_terminal_is_not_typed_at_through_a_pipe_and_what_stands_still_not_at_all() {
    let project = project("attach");
    let id = container(&project, "web", shell());
    let refused = project.dco(&["attach", "web"]).exits(1);
    assert!(
        refused.stderr.contains("the input device is not a TTY"),
        "{}",
        refused.stderr
    );
    engine::call("POST", &format!("/containers/{id}/pause"));
    let refused = project.dco(&["attach", "web"]).exits(1);
    assert!(refused.stderr.contains("paused"), "{}", refused.stderr);
    let none = project.dco(&["attach", "--index", "2", "web"]).exits(1);
    assert!(
        none.stderr
            .contains("service \"web\" is not running container #2"),
        "{}",
        none.stderr
    );
}
