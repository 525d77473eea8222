//! `exec`: terminal, pipes, exit codes, and files that run under their bare names.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::{PATIENCE, Project, engine, until};

/// A project whose containers the test makes itself.
pub fn project(subject: &str) -> Project {
    Project::new(subject).file("compose.yaml", "services:\n  web: {image: busybox}\n")
}

/// A running container of the project's service `web`, with the project's folder at /app.
pub fn web(project: &Project, image: &str) -> String {
    container(
        project,
        "web",
        json!({"Image": image, "Cmd": ["sleep", "600"]}),
    )
}

/// A running container of the project with the labels that Compose gives it.
pub fn container(project: &Project, service: &str, mut body: serde_json::Value) -> String {
    body["Labels"] = json!({
        "com.docker.compose.project": project.name(),
        "com.docker.compose.service": service,
        "com.docker.compose.container-number": "1",
        "com.docker.compose.oneoff": "False",
        "com.docker.compose.config-hash": "x",
    });
    body["WorkingDir"] = json!("/app");
    body["HostConfig"] = json!({
        "Binds": [format!("{}:/app", project.dir().display())],
        "Init": true,
        "LogConfig": {
            "Type": body["Log"].take().as_str().unwrap_or("json-file"),
            "Config": body["LogOptions"].take(),
        },
    });
    let name = format!("{}-{service}-1", project.name());
    let answer = engine::send(
        "POST",
        &format!("/containers/create?name={name}"),
        &body.to_string(),
    );
    assert_eq!(answer.status, 201, "{}", answer.body);
    let id = answer.body["Id"].as_str().expect("its id").to_owned();
    let started = engine::call("POST", &format!("/containers/{id}/start"));
    assert_eq!(started.status, 204, "{}", started.body);
    id
}

fn executable(project: &Project, path: &str) {
    use std::os::unix::fs::PermissionsExt;
    let permissions = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(project.path(path), permissions).expect("its mode");
}

#[test]
fn exit_code_and_both_outputs_are_the_programs() {
    let project = project("exec");
    web(&project, "busybox");
    let done = project.dco(&[
        "exec",
        "-T",
        "web",
        "sh",
        "-c",
        "echo out; echo err >&2; exit 7",
    ]);
    let done = done.exits(7);
    assert_eq!(
        (done.stdout.as_str(), done.stderr.as_str()),
        ("out\n", "err\n")
    );
    project.dco(&["exec", "-T", "web", "true"]).exits(0);
    project
        .dco(&["exec", "-T", "web", "sh", "-c", "kill -9 $$"])
        .exits(137);
}

#[test]
fn input_is_passed_on_to_its_end() {
    let project = project("exec");
    web(&project, "busybox");
    let done = project.dco_with_input(
        &["exec", "-T", "web", "sh", "-c", "sort; echo end"],
        "b\na\n",
    );
    assert_eq!(done.ok().stdout, "a\nb\nend\n");
    // An input that is closed from the start ends it at once.
    let done = project.dco(&["exec", "-T", "web", "cat"]).ok();
    assert_eq!(done.stdout, "");
}

#[test]
fn environment_user_and_directory_are_set() {
    let project = project("exec").env("FROM_HERE", "here");
    web(&project, "busybox");
    let script = "echo $GIVEN-$FROM_HERE; id -u; pwd";
    let done = project.dco(&[
        "exec",
        "-T",
        "-e",
        "GIVEN=given",
        "--env",
        "FROM_HERE",
        "-u",
        "65534",
        "-w",
        "/tmp",
        "web",
        "sh",
        "-c",
        script,
    ]);
    assert_eq!(done.ok().stdout, "given-here\n65534\n/tmp\n");
}

#[test]
fn a_program_in_the_background_is_left_alone() {
    let project = project("exec");
    web(&project, "busybox");
    let done = project.dco(&["exec", "-d", "web", "sh", "-c", "echo done > /app/done"]);
    assert_eq!(done.ok().stdout, "");
    until(PATIENCE, "the program's file", || {
        project.path("done").exists().then_some(())
    });
}

#[test]
fn fifty_megabytes_go_in_and_out_unchanged() {
    let project = project("exec");
    web(&project, "busybox");
    // Bytes of every value in no order, made without a generator's crate.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take(50 * 1024 * 1024 / 8)
    .flatten()
    .collect();
    let mut child = project
        .command(&["exec", "-T", "web", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("dco");
    let mut stdin = child.stdin.take().expect("its input");
    let sent = bytes.clone();
    let sender = std::thread::spawn(move || stdin.write_all(&sent).expect("all of it"));
    let output = child.wait_with_output().expect("its end");
    sender.join().expect("the sender");
    assert!(output.status.success());
    assert!(
        output.stdout == bytes,
        "{} bytes came back",
        output.stdout.len()
    );
}

#[test]
fn a_reader_that_has_enough_ends_it_quietly() {
    let project = project("exec");
    web(&project, "busybox");
    let mut dco = project
        .command(&["exec", "-T", "web", "yes"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("dco");
    let head = Command::new("head")
        .args(["-n", "2"])
        .stdin(dco.stdout.take().expect("its output"))
        .output()
        .expect("head");
    assert_eq!(head.stdout, b"y\ny\n");
    let output = dco.wait_with_output().expect("its end");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(141));
}

#[test]
fn a_file_of_the_working_directory_runs_under_its_bare_name() {
    let project = project("exec").file("manage.py", "#!/usr/bin/env sh\necho ran $0 $1\n");
    web(&project, "busybox");
    executable(&project, "manage.py");
    let done = project
        .dco(&["exec", "-T", "web", "manage.py", "migrate"])
        .ok();
    assert_eq!(done.stdout, "ran ./manage.py migrate\n");
    assert_eq!(
        done.stderr,
        "`manage.py` is not in the container's $PATH: running `./manage.py`\n"
    );
}

#[test]
fn a_file_that_is_not_executable_runs_by_its_interpreter() {
    let project = project("exec").file("job.sh", "echo ran $0 $1\n");
    web(&project, "busybox");
    let done = project.dco(&["exec", "-T", "web", "job.sh", "x"]).ok();
    assert_eq!(done.stdout, "ran ./job.sh x\n");
    assert_eq!(
        done.stderr,
        "`job.sh` is not in the container's $PATH: running `sh ./job.sh`\n"
    );
}

#[test]
fn a_program_of_the_path_beats_a_file_of_the_same_name() {
    let project = project("exec").file("ls", "#!/bin/sh\necho wrong\n");
    web(&project, "busybox");
    executable(&project, "ls");
    let done = project.dco(&["exec", "-T", "web", "ls", "/app/ls"]).ok();
    assert_eq!(
        (done.stdout.as_str(), done.stderr.as_str()),
        ("/app/ls\n", "")
    );
}

#[test]
fn windows_line_ends_are_named_with_their_mend() {
    let project = project("exec").file("manage.py", "#!/bin/sh\r\necho ran\r\n");
    web(&project, "busybox");
    executable(&project, "manage.py");
    let expected = "\
error: `manage.py` has Windows line ends: its interpreter is `sh\\r`
hint: convert it: `sed -i 's/\\r$//' manage.py`
hint: keep git from converting it back: `* text=auto eol=lf` in .gitattributes
";
    let done = project.dco(&["exec", "-T", "web", "manage.py"]).exits(126);
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", expected));
    // By its path it is tried first, and named then.
    let done = project.dco(&["exec", "-T", "web", "./manage.py"]);
    assert!([1, 126, 127].contains(&done.code), "{}", done.code);
    let named = expected.replace("manage.py", "./manage.py");
    assert!(done.stderr.ends_with(&named), "{}", done.stderr);
}

#[test]
fn a_service_that_does_not_run_is_named_with_those_that_do() {
    let project = project("exec");
    web(&project, "busybox");
    let done = project.dco(&["exec", "-T", "db", "true"]).exits(1);
    assert_eq!(
        done.stderr,
        "error: service \"db\" is not running\nhint: running are web\n"
    );
    let done = project
        .dco(&["exec", "--index", "3", "web", "true"])
        .exits(1);
    assert!(
        done.stderr
            .starts_with("error: service \"web\" is not running container #3\n"),
        "{}",
        done.stderr
    );
    let done = project.dco(&["exec", "web"]).exits(1);
    assert!(
        done.stderr
            .starts_with("error: requires at least 2 arg(s), only received 1\n"),
        "{}",
        done.stderr
    );
}

#[test]
fn a_terminal_hands_every_key_over_and_is_put_back() {
    let project = project("exec");
    web(&project, "busybox");
    // The shell around it shows the modes that the terminal is left in.
    let dco = env!("CARGO_BIN_EXE_dco");
    let script = format!(
        "stty -a | tr ';' '\\n' | grep -c -- '-icanon'; {dco} exec web sh -c \
         'stty raw -echo; echo ready; dd bs=1 count=4 2>/dev/null | od -An -tx1; \
         until stty size 2>/dev/null; do sleep 0.05; done; exit 9'; \
         echo code $?; stty -a | tr ' ' '\\n' | grep icanon"
    );
    let mut command = project.program("sh".as_ref(), &["-c", &script]);
    command.env("TERM", "xterm");
    let mut terminal = crate::support::Terminal::spawn(command);
    terminal.expect("ready");
    // Ctrl-C, Ctrl-D, Ctrl-Z and escape are keys like any others.
    terminal.send("\x03\x04\x1a\x1b");
    terminal.expect("03 04 1a 1b");
    terminal.expect("24 80");
    terminal.expect("code 9");
    let (_, rest) = terminal.end();
    assert_eq!(rest.trim(), "icanon");
}

#[test]
fn a_window_that_changes_is_told_to_the_program() {
    let project = project("exec");
    web(&project, "busybox");
    let script = "trap 'stty size' WINCH; echo ready; while :; do sleep 0.1; done";
    let mut terminal = project.terminal(&["exec", "web", "sh", "-c", script]);
    terminal.expect("ready");
    terminal.resize(132, 50);
    terminal.expect("50 132");
    terminal.send("\x10\x11");
    assert_eq!(terminal.end().0, 1);
}

#[test]
fn ctrl_c_ends_the_program_and_its_code_is_ours() {
    let project = project("exec");
    web(&project, "busybox");
    let mut terminal = project.terminal(&["exec", "web", "sh", "-c", "echo ready; sleep 100"]);
    terminal.expect("ready");
    terminal.interrupt();
    assert_eq!(terminal.end().0, 130);
}

#[test]
fn the_first_bytes_of_a_terminal_may_be_anything() {
    let project = project("exec");
    web(&project, "busybox");
    for first in ["\\000", "\\001", "\\002"] {
        let script = format!("printf '{first}\\000\\000\\000\\000\\000\\000\\005shown'; sleep 60");
        let mut terminal = project.terminal(&["exec", "web", "sh", "-c", &script]);
        terminal.expect("shown");
        terminal.interrupt();
        terminal.end();
    }
}

#[test]
fn the_detach_keys_leave_the_program_running() {
    let project = project("exec");
    project.write("config.json", r#"{"detachKeys":"ctrl-x,q"}"#);
    let project_dir = project.dir().display().to_string();
    let project = project.env("DOCKER_CONFIG", &project_dir);
    web(&project, "busybox");
    let script = "echo ready; sleep 1; echo went on > /app/proof; sleep 60";
    let mut terminal = project.terminal(&["exec", "web", "sh", "-c", script]);
    terminal.expect("ready");
    terminal.send("\x18q");
    assert_eq!(terminal.end().0, 1);
    until(PATIENCE, "the program's file", || {
        project.path("proof").exists().then_some(())
    });
}
