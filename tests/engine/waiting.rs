//! What is waited for, by which verbs, and how a wait ends.

use std::time::{Duration, Instant};

use crate::support::capability::{Capability, needs};
use crate::support::proxy::Recorder;
use crate::support::{PATIENCE, Project, Terminal, engine, until};

/// A database that opens once `opens`, a program's lines, are done, and a service that says at its
/// start whether it is open; each with further lines of its own.
fn database(opens: &str, db: &[&str], web: &[&str]) -> String {
    let more = |lines: &[&str]| -> String {
        let lines = lines.iter();
        lines.map(|line| format!("    {line}\n")).collect()
    };
    let opens: String = (opens.lines())
        .map(|line| format!("        {line}\n"))
        .collect();
    let (db, web) = (more(db), more(web));
    format!(
        "\
services:
  db:
    image: python:3
    init: true
{db}    command:
      - python3
      - -c
      - |
        import os, socket, sys, time
{opens}        server = socket.create_server(('', 5432))
        while True:
            server.accept()[0].close()
  web:
    image: busybox
    init: true
{web}    command: sh -c 'nc -w 1 db 5432 </dev/null && echo open || echo refused; exec sleep 600'
"
    )
}

/// How a service is told of the database.
const ADDRESS: &str = "environment: {DB_HOST: db, DB_PORT: '5432'}";

/// A database that opens a second after its start.
fn late(web: &[&str]) -> String {
    database("time.sleep(1)", &[], web)
}

/// What the containers of a service have said so far.
fn said(project: &Project, service: &str) -> Vec<String> {
    let log = project.dco(&["logs", "--no-log-prefix", service]).ok();
    log.stdout.lines().map(str::to_owned).collect()
}

/// Waits until as many lines are there, all of them `open`.
#[track_caller]
fn all_open(project: &Project, count: usize, after: &str) {
    let lines = until(PATIENCE, after, || {
        let lines = said(project, "web");
        (lines.len() >= count).then_some(lines)
    });
    assert_eq!(lines, vec!["open"; count], "after {after}");
}

#[test]
fn every_verb_that_starts_something_waits() {
    let project = Project::new("verbs").file("compose.yaml", &late(&["depends_on: [db]", ADDRESS]));
    project.dco(&["up", "-d", "--no-settle"]).ok();
    all_open(&project, 1, "up");
    project.dco(&["restart", "-t", "0"]).ok();
    all_open(&project, 2, "restart");
    project.dco(&["stop", "-t", "0"]).ok();
    project.dco(&["start"]).ok();
    all_open(&project, 3, "start");
    project
        .dco(&["up", "-d", "--no-settle", "--force-recreate", "-t", "0"])
        .ok();
    all_open(&project, 1, "a recreate");
    let db = project.inspect("db")["Id"].as_str().unwrap().to_owned();
    let bounce = || engine::call("POST", &format!("/containers/{db}/restart?t=0"));
    bounce();
    project.dco(&["scale", "web=2"]).ok();
    all_open(&project, 2, "scale");
    bounce();
    let run = ["run", "--rm", "-T", "web", "nc", "-w", "1", "db", "5432"];
    project.dco(&run).ok();
}

#[test]
fn a_service_that_was_not_named_is_waited_for_where_it_runs_and_never_started() {
    let wished = late(&["x-dco: {infer: false, wait: ['db:5432']}"]);
    let inferred = late(&[ADDRESS]);
    for (file, because) in [
        (inferred, "DB_HOST, compose.yaml:17"),
        (wished, "x-dco.wait, compose.yaml:17"),
    ] {
        let project = Project::new("unnamed").file("compose.yaml", &file);
        let told = format!(
            "web is configured with db, which does not run: `dco up -d db` starts it ({because})\n"
        );
        for args in [
            &["up", "-d", "web"][..],
            &["run", "--rm", "-T", "web", "true"],
        ] {
            let said = project.dco(args).ok().stderr;
            assert!(said.contains(&told), "{args:?}: {said}");
        }
        let running = project.dco(&["ps", "--services"]).ok().stdout;
        assert_eq!(running, "web\n");
        project.dco(&["up", "-d", "--no-settle", "db"]).ok();
        let said = project
            .dco(&["up", "-d", "--force-recreate", "-t", "0", "web"])
            .ok()
            .stderr;
        assert!(!said.contains("does not run"), "{said}");
        all_open(&project, 1, "up beside what runs");
        project.dco(&["restart", "-t", "0", "--no-deps", "db"]).ok();
        project
            .dco(&["run", "--rm", "-T", "web", "nc", "-w", "1", "db", "5432"])
            .ok();
    }
}

#[test]
fn a_page_is_waited_for_until_it_is_well() {
    let project = Project::new("page").file(
        "compose.yaml",
        "\
services:
  api:
    image: python:3
    init: true
    command:
      - python3
      - -c
      - |
        import http.server, time
        began = time.monotonic()
        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                well = self.path == '/health' and time.monotonic() > began + 1.5
                self.send_response(200 if well else 503)
                self.end_headers()
        http.server.HTTPServer(('', 8000), Page).serve_forever()
  web:
    image: busybox
    init: true
    command: sh -c 'wget -q -O - http://api:8000/health && echo well; exec sleep 600'
    x-dco: {wait: ['http://api:8000/health']}
",
    );
    project.dco(&["up", "-d"]).ok();
    let lines = until(PATIENCE, "what web says", || {
        Some(said(&project, "web")).filter(|lines| !lines.is_empty())
    });
    assert_eq!(lines, ["well"]);
}

#[test]
fn all_replicas_have_to_be_ready() {
    let project = Project::new("replicas").file(
        "compose.yaml",
        "\
services:
  api:
    image: python:3
    init: true
    scale: 2
    volumes: [seen:/seen]
    command:
      - python3
      - -c
      - |
        import os, socket, time
        try:
            os.mkdir('/seen/first')
        except FileExistsError:
            time.sleep(1.5)
        server = socket.socket()
        server.bind(('', 8000))
        server.listen()
        os.mkdir('/seen/open-' + socket.gethostname())
        time.sleep(600)
  web:
    image: busybox
    init: true
    volumes: [seen:/seen]
    environment: {API_URL: 'http://api:8000'}
    command: sh -c 'ls /seen | grep -c open; exec sleep 600'
volumes:
  seen:
",
    );
    project.dco(&["up", "-d"]).ok();
    let lines = until(PATIENCE, "what web says", || {
        Some(said(&project, "web")).filter(|lines| !lines.is_empty())
    });
    assert_eq!(lines, ["2"]);
}

const NEVER: &str = "\
services:
  db:
    image: busybox
    init: true
    command: sleep 600
  web:
    image: busybox
    init: true
    command: sleep 600
    x-dco: {wait: ['db:5432'], timeout: TIME}
";

fn state(project: &Project, service: &str) -> String {
    let found = project.inspect(service);
    found["State"]["Status"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn a_strict_wait_that_expires_is_a_failure() {
    let project = Project::new("expiry").file("compose.yaml", &NEVER.replace("TIME", "1s"));
    let up = project.dco(&["up", "-d"]).exits(1);
    assert!(
        up.stderr.contains("error: gave up waiting for db:5432\n"),
        "{}",
        up.stderr
    );
    assert_eq!(state(&project, "db"), "running");
    assert_ne!(state(&project, "web"), "running");
    assert_eq!(project.dco(&["ready", "db:5432", "-t", "300ms"]).code, 124);
}

#[test]
fn an_interrupt_ends_the_wait_for_a_gate() {
    let project = Project::new("gatestop").file("compose.yaml", &NEVER.replace("TIME", "600s"));
    let engine = Recorder::listen(&project);
    let project = project.env("DOCKER_HOST", &engine.host());
    let (code, took) = project.interrupt(&["up", "-d"], "db:5432  Waiting");
    assert_eq!(code, 130);
    // Nothing is asked of the engine any more: its last call was the start of what was waited for.
    let calls = engine.take();
    let last = calls.iter().rfind(|call| !call.starts_with("GET "));
    assert!(
        last.is_some_and(|call| call.ends_with("/start")),
        "{calls:?}"
    );
    // 200 ms on a machine that has nothing else to do.
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(state(&project, "db"), "running");
    assert_eq!(state(&project, "web"), "created");
}

const WAIT: [&str; 3] = ["--wait", "--wait-timeout", "2"];

/// What `up --wait` and then `start --wait` end with.
#[track_caller]
fn ends(services: &str, code: i32) {
    let project = Project::new("wait").file("compose.yaml", services);
    let up = project.dco(&[&["up"][..], &WAIT].concat()).exits(code);
    project.dco(&["stop", "-t", "0"]).ok();
    let start = project.dco(&[&["start"][..], &WAIT].concat()).exits(code);
    for said in [up.stderr, start.stderr] {
        assert_eq!(said.contains("error: "), code != 0, "{said}");
    }
}

const WEB: &str = "services:\n  web:\n    image: busybox\n    init: true\n    command: sleep 600\n";

#[test]
fn a_service_that_runs_or_did_its_task_passes_a_strict_wait() {
    ends(WEB, 0);
    // What listens nowhere is not asked about its port.
    ends(&format!("{WEB}    ports: ['8000']\n"), 0);
    ends(&WEB.replace("sleep 600", "'true'"), 0);
    ends(
        &format!("{WEB}    healthcheck: {{test: 'true', interval: 100ms}}\n"),
        0,
    );
}

#[test]
fn a_strict_wait_that_expires_or_a_server_that_ended_is_never_success() {
    ends(
        &format!("{WEB}    healthcheck: {{test: 'false', interval: 1s, retries: 100}}\n"),
        1,
    );
    let late = WEB.replace("sleep 600", "sh -c 'sleep 600; ./server'");
    ends(&format!("{late}    ports: ['8000']\n"), 1);
    let ended = WEB.replace("sleep 600", "'true'");
    ends(&format!("{ended}    restart: on-failure\n"), 1);
}

#[test]
fn ps_shows_how_a_container_got_ready_where_there_is_room() {
    if !needs(Capability::Here) {
        return;
    }
    let project = Project::new("psready").file(
        "compose.yaml",
        "\
services:
  web:
    image: nginx
    ports: ['80']
",
    );
    project.dco(&["up", "-d"]).ok();
    let json = project.dco(&["ps", "--format", "json+"]).ok().stdout;
    let row: serde_json::Value = serde_json::from_str(json.trim()).unwrap();
    let ready = row["Ready"].as_str().unwrap();
    assert!(
        ready.starts_with("port 80 in ") && ready.ends_with('s'),
        "{row}"
    );
    let port = row["Publishers"][0]["PublishedPort"].to_string();
    assert_eq!(row["URL"], format!("http://localhost:{port}"));
    assert_eq!(row["Restarts"], 0);
    assert!(!project.dco(&["ps"]).ok().stdout.contains("READY"));
    let dco = env!("CARGO_BIN_EXE_dco");
    let shown = |columns: u32| {
        // It waits for a line: the terminal gets its first size when the program runs already.
        let line = format!("read go; stty cols {columns}; exec {dco} ps");
        let mut terminal = Terminal::spawn(project.program("sh".as_ref(), &["-c", &line]));
        terminal.send("\n");
        let (code, text) = terminal.end();
        assert_eq!(code, 0, "{text}");
        text
    };
    let wide = shown(300);
    assert!(wide.contains("READY") && wide.contains(ready), "{wide}");
    assert!(!shown(80).contains("READY"));
}

/// Fails at its first start, and goes on a second after its next one.
const ONCE: &str = "\
try:
    os.mkdir('/seen/first')
except FileExistsError:
    time.sleep(1)
else:
    time.sleep(0.5)
    sys.exit('not yet')
";

#[test]
fn a_dependency_that_fails_once_and_is_restarted_is_waited_for() {
    let db = ["restart: on-failure", "volumes: [seen:/seen]"];
    let exposed = [&db[..], &["expose: ['5432']"]].concat();
    for services in [
        database(ONCE, &db, &[ADDRESS]),
        database(ONCE, &exposed, &["depends_on: [db]"]),
    ] {
        let file = format!("{services}volumes:\n  seen:\n");
        let project = Project::new("once").file("compose.yaml", &file);
        let up = project.dco(&["up", "-d", "--no-settle"]).ok();
        assert!(!up.stderr.contains("warning"), "{}", up.stderr);
        all_open(&project, 1, "a dependency that failed once");
        assert_eq!(
            project.inspect("db")["RestartCount"].as_i64().unwrap_or(1),
            1
        );
    }
}

#[test]
fn a_task_that_ended_well_keeps_nobody_waiting() {
    let project = Project::new("init").file(
        "compose.yaml",
        "\
services:
  init:
    image: redis
    entrypoint: []
    command: ['true']
    expose: ['6379']
  web:
    image: busybox
    init: true
    depends_on: [init]
    environment: {REDIS_URL: 'redis://init:6379'}
    command: sleep 600
",
    );
    let began = Instant::now();
    let up = project.dco(&["up", "-d"]).ok();
    assert!(!up.stderr.contains("still waiting"), "{}", up.stderr);
    assert!(!up.stderr.contains("gave up"), "{}", up.stderr);
    assert!(began.elapsed() < Duration::from_secs(30));
    assert_eq!(state(&project, "web"), "running");
    assert_eq!(state(&project, "init"), "exited");
}
