//! `run`: a container of its own, gated, made as Docker Compose makes it, and cleaned up.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::capability::{Capability, needs};
use crate::support::{PATIENCE, Project, engine, until};

const FILE: &str = "\
services:
  db:
    image: busybox
    command: sh -c 'sleep 1; touch /ready; exec sleep 600'
    init: true
    healthcheck: {test: test -f /ready, interval: 200ms, retries: 100}
  web:
    image: busybox
    command: echo own
    restart: always
    init: true
    ports: ['0:80']
    environment: {FROM_FILE: file}
    cap_drop: [NET_RAW]
    volumes: ['anonymous:/named', /nameless]
    depends_on: {db: {condition: service_healthy}}
volumes: {anonymous: {}}
";

fn project() -> Project {
    Project::new("run").file("compose.yaml", FILE)
}

/// What the engine says of the project's one-offs.
fn one_offs(project: &Project) -> Vec<Value> {
    let all = project.containers().into_iter();
    all.filter(|one| one["Labels"]["com.docker.compose.oneoff"] == "True")
        .map(|one| {
            let id = one["Id"].as_str().expect("its id").to_owned();
            engine::get(&format!("/containers/{id}/json"))
        })
        .collect()
}

#[test]
fn dependencies_are_healthy_first_and_the_code_and_outputs_are_the_commands() {
    let project = project();
    let script = "echo out $FROM_FILE; echo err >&2; exit 7";
    let done = project.dco(&["run", "--rm", "web", "sh", "-c", script]);
    let done = done.exits(7);
    assert_eq!(done.stdout, "out file\n");
    assert!(done.stderr.ends_with("err\n"), "{}", done.stderr);
    let db = project.inspect("db");
    assert_eq!(db["State"]["Health"]["Status"], "healthy");
    assert_eq!(project.inspect("web"), Value::Null);
    assert_eq!(one_offs(&project), Vec::<Value>::new());
    // With the container went its nameless volume, and nothing else.
    assert_eq!(project.volumes().len(), 1);
    assert_eq!(
        project
            .dco(&["run", "--rm", "--no-deps", "web"])
            .ok()
            .stdout,
        "own\n"
    );
    let fed = project.dco_with_input(&["run", "--rm", "-T", "web", "sort"], "b\na\n");
    assert_eq!(fed.ok().stdout, "a\nb\n");
}

#[test]
fn options_change_the_container() {
    if !needs(Capability::Requests) {
        return;
    }
    let project = project()
        .file("more.env", "FROM_ENV_FILE=more\nGIVEN=ignored\n")
        .env("HERE", "here");
    let done = project.dco(&[
        "run",
        "-d",
        "--no-deps",
        "--env-from-file",
        "more.env",
        "-e",
        "GIVEN=given",
        "-e",
        "HERE",
        "-e",
        "NOWHERE",
        "-p",
        "127.0.0.1:0:81",
        "-v",
        ".:/app",
        "--label",
        "a=b",
        "--cap-add",
        "NET_RAW",
        "-u",
        "65534",
        "-w",
        "/tmp",
        "--entrypoint",
        "sleep",
        "web",
        "600",
    ]);
    let id = done.ok().stdout;
    let made = &one_offs(&project)[0];
    assert_eq!(made["Id"], id.trim());
    let name = made["Name"].as_str().expect("its name");
    let slug = made["Config"]["Labels"]["com.docker.compose.slug"]
        .as_str()
        .expect("its slug");
    assert_eq!(name, format!("/{}-web-run-{}", project.name(), &slug[..12]));
    let config = &made["Config"];
    let env: Vec<&str> = config["Env"]
        .as_array()
        .expect("variables")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    for wanted in [
        "FROM_ENV_FILE=more",
        "FROM_FILE=file",
        "GIVEN=given",
        "HERE=here",
    ] {
        assert!(env.contains(&wanted), "{env:?}");
    }
    assert!(
        !env.iter().any(|pair| pair.starts_with("NOWHERE")),
        "{env:?}"
    );
    assert_eq!(config["Entrypoint"], json!(["sleep"]));
    assert_eq!(config["Cmd"], json!(["600"]));
    assert_eq!(
        (&config["User"], &config["WorkingDir"]),
        (&json!("65534"), &json!("/tmp"))
    );
    assert_eq!(config["Labels"]["a"], "b");
    assert_eq!(
        config["Labels"]["com.docker.compose.container-number"],
        Value::Null
    );
    let host = &made["HostConfig"];
    let policy = &host["RestartPolicy"]["Name"];
    assert!(policy == "" || policy == "no", "{policy}");
    assert_eq!(host["CapAdd"], json!(["CAP_NET_RAW"]));
    assert_eq!(host["CapDrop"], Value::Null);
    assert_eq!(
        host["PortBindings"],
        json!({"81/tcp": [{"HostIp": "127.0.0.1", "HostPort": "0"}]})
    );
    let mounts = made["Mounts"].as_array().expect("mounts").iter();
    let app = mounts
        .clone()
        .find(|one| one["Destination"] == "/app")
        .expect("the folder");
    assert_eq!(app["Source"], project.dir().display().to_string());
    let aliases =
        &made["NetworkSettings"]["Networks"][format!("{}_default", project.name())]["Aliases"];
    assert!(!aliases.to_string().contains("\"web\""), "{aliases}");
}

#[test]
fn the_services_ports_aliases_and_a_name_are_given_where_asked_for() {
    if !needs(Capability::Requests) {
        return;
    }
    let project = project();
    let name = format!("{}-mine", project.name());
    let args = [
        "run",
        "-d",
        "--no-deps",
        "-P",
        "--use-aliases",
        "--name",
        &name,
        "web",
        "sleep",
        "600",
    ];
    project.dco(&args).ok();
    let made = &one_offs(&project)[0];
    assert_eq!(made["Name"], format!("/{name}"));
    assert_eq!(
        made["HostConfig"]["PortBindings"]["80/tcp"][0]["HostPort"],
        "0"
    );
    let aliases =
        &made["NetworkSettings"]["Networks"][format!("{}_default", project.name())]["Aliases"];
    assert!(aliases.to_string().contains("\"web\""), "{aliases}");
    let both = project.dco(&["run", "-P", "-p", "80", "web"]).exits(1);
    assert!(both.stderr.contains("--service-ports"), "{}", both.stderr);
}

#[test]
fn a_terminal_is_the_commands_and_ctrl_c_leaves_nothing() {
    let project = project();
    let mut terminal = project.terminal(&["run", "--rm", "--no-deps", "web", "sh"]);
    terminal.expect("#");
    terminal.send("tty; until stty size 2>/dev/null; do sleep 0.1; done; exit 4\n");
    terminal.expect("24 80");
    assert_eq!(terminal.end().0, 4);
    let terminal = project.terminal(&["run", "--rm", "--no-deps", "--tty=false", "web", "tty"]);
    let (code, said) = terminal.end();
    assert!(code == 1 && said.contains("not a tty"), "{code} {said}");
    // Without a terminal of its own the command gets the signal.
    let script = "trap 'exit 6' INT; echo up; while :; do sleep 0.1; done";
    let mut child = project
        .command(&["run", "--rm", "-T", "--no-deps", "web", "sh", "-c", script])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("dco");
    let mut line = String::new();
    let out = child.stdout.take().expect("its output");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).expect("a line");
    assert_eq!(line, "up\n");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("the signal");
    assert_eq!(child.wait().expect("its end").code(), Some(6));
    until(PATIENCE, "an empty project", || {
        one_offs(&project).is_empty().then_some(())
    });
}

#[test]
fn a_command_that_cannot_start_leaves_nothing_with_rm() {
    let project = Project::new("run").file("compose.yaml", "services:\n  web: {image: busybox}\n");
    let done = project
        .dco(&["run", "--rm", "--no-deps", "web", "nosuch"])
        .exits(1);
    assert!(done.stderr.contains("nosuch"), "{}", done.stderr);
    assert_eq!(one_offs(&project), Vec::<Value>::new());
}
