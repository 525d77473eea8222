//! Source that is mounted: what runs decides what a saved file needs.

use std::fs;

use crate::support::capability::{Capability, has, needs};
use crate::support::proxy::Recorder;
use crate::support::watching::{Watching, started_at};
use crate::support::{PATIENCE, Project, until};

const MOUNTED: &str = "\
services:
  once:
    image: python:3
    command: python -u /code/main.py
    init: true
    stop_grace_period: 0s
    volumes: [./code:/code]
  idle:
    image: busybox
    command: sleep infinity
    init: true
    stop_grace_period: 0s
    volumes: [./code:/code]
  data:
    image: busybox
    command: sleep infinity
    init: true
    stop_grace_period: 0s
    volumes: [./data:/usr/share/elasticsearch/data]
";

#[test]
fn a_program_that_read_its_source_once_is_restarted_and_nothing_else_is() {
    let program = |version: &str| format!("import time\nprint('{version}')\ntime.sleep(1e6)\n");
    let project = Project::new("bind")
        .file("compose.yaml", MOUNTED)
        .file("code/main.py", &program("one"))
        .file("data/segment", "1");
    let watching = Watching::start(&project, &["watch"]);
    let before = ["once", "idle", "data"].map(|service| started_at(&project, service));
    project.write("data/segment", "2");
    project.write("code/__pycache__/main.cpython-311.pyc", "x");
    project.write("code/app.log", "x");
    project.write("code/main.py", &program("two"));
    watching.until_says("restarted `python");
    until(PATIENCE, "the new program's word", || {
        project
            .dco(&["logs", "once"])
            .stdout
            .contains("two")
            .then_some(())
    });
    let after = ["once", "idle", "data"].map(|service| started_at(&project, service));
    assert_ne!(before[0], after[0]);
    assert_eq!(before[1..], after[1..]);
    assert!(
        watching.said().contains("x-dco: {reload: restart}"),
        "{}",
        watching.said()
    );
}

/// A service that runs a program from a mounted folder.
fn mounted(subject: &str, program: &str) -> Project {
    Project::new(subject)
        .file(
            "compose.yaml",
            "\
services:
  web:
    image: python:3
    command: python -uB /app/main.py
    init: true
    stop_grace_period: 0s
    volumes: [./:/app]
",
        )
        .file("main.py", program)
}

#[test]
fn what_the_container_writes_itself_restarts_nothing() {
    if !needs(Capability::Here) {
        return;
    }
    let project = mounted(
        "own",
        "import time\n\
         trace = open('/app/trace.out', 'a')\n\
         while True:\n    trace.write('x'); trace.flush(); time.sleep(0.02)\n",
    );
    let watching = Watching::start(&project, &["watch"]);
    let before = started_at(&project, "web");
    let size = || fs::metadata(project.path("trace.out")).map_or(0, |found| found.len());
    until(PATIENCE, "a hundred writes", || {
        (size() > 100).then_some(())
    });
    assert_eq!(started_at(&project, "web"), before, "{}", watching.said());
    project.write("main.py", "import time\ntime.sleep(1e6)\n");
    watching.until_says("main.py");
    watching.until_says("restarted `python");
}

#[test]
fn a_loop_is_noticed_named_and_stopped() {
    let project = mounted(
        "loop",
        "import time\n\
         time.sleep(0.2)\n\
         open('/app/state.json', 'w').write(str(time.time()))\n\
         time.sleep(1e6)\n",
    );
    let watching = Watching::start(&project, &["watch"]);
    project.write("other.py", "1");
    watching.until_says("it writes this file itself");
    let said = watching.said();
    assert!(said.contains("state.json → not restarted again"), "{said}");
    assert!(said.matches("restarted `python").count() <= 3, "{said}");
}

#[test]
fn a_broken_save_is_not_the_last_word() {
    let project = mounted("broken", "import time\ntime.sleep(1e6)\n");
    let state = || project.inspect("web")["State"]["Status"].clone();
    let _watching = Watching::start(&project, &["watch"]);
    project.write("main.py", "this is no python\n");
    until(PATIENCE, "the failure", || {
        (state() == "exited").then_some(())
    });
    project.write("main.py", "import time\ntime.sleep(1e6)\n");
    until(PATIENCE, "the next start", || {
        (state() == "running").then_some(())
    });
}

/// Somebody at work in a container, until there is a file.
const WORK: &str = "while [ ! -e /tmp/end ]; do sleep 0.1; done";

#[test]
fn nothing_is_restarted_under_somebodys_hands_nor_what_is_done() {
    let project = Project::new("hands").file(
        "compose.yaml",
        "\
services:
  web:
    image: python:3
    command: python -uB /app/main.py
    init: true
    stop_grace_period: 0s
    volumes: [./:/app]
    healthcheck: {test: sleep 0.3, interval: 100ms}
  migrate:
    image: python:3
    command: python -uB /app/migrate.py
    volumes: [./:/app]
",
    );
    project.write("main.py", "import time\ntime.sleep(1e6)\n");
    project.write("migrate.py", "print('done')\n");
    project.dco(&["up", "-d"]).ok();
    let watching = Watching::start(&project, &["watch", "--no-up"]);
    let done = started_at(&project, "migrate");
    let mut shell = project
        .command(&["exec", "-T", "web", "sh", "-c", WORK])
        .spawn()
        .unwrap();
    until(PATIENCE, "the command in the container", || {
        let top = project.dco(&["top", "web"]);
        top.stdout.contains("/tmp/end").then_some(())
    });
    let before = started_at(&project, "web");
    project.write("main.py", "import time\ntime.sleep(2e6)\n");
    watching.until_says("but a command runs in the container");
    assert_eq!(started_at(&project, "web"), before);
    project
        .dco(&["exec", "-T", "web", "touch", "/tmp/end"])
        .ok();
    shell.wait().unwrap();
    // The healthcheck that runs most of the time is nobody at work.
    project.write("main.py", "import time\ntime.sleep(3e6)\n");
    watching.until_says("restarted `python");
    assert_eq!(started_at(&project, "migrate"), done);
}

#[test]
fn a_file_that_was_replaced_is_bound_anew_where_that_is_allowed_and_named_elsewhere() {
    if !needs(Capability::Here) {
        return;
    }
    let project = Project::new("stale")
        .file(
            "compose.yaml",
            "\
services:
  once:
    image: python:3
    command: python -uB /main.py
    init: true
    stop_grace_period: 0s
    volumes: [./main.py:/main.py]
  other:
    image: busybox
    command: sleep infinity
    init: true
    stop_grace_period: 0s
    volumes: [./settings.txt:/etc/settings.txt]
  db:
    image: redis
    command: sleep infinity
    stop_grace_period: 0s
    volumes: [./settings.txt:/etc/settings.txt]
    x-dco: {reload: restart}
",
        )
        .file("main.py", "import time\nprint('one')\ntime.sleep(1e6)\n")
        .file("settings.txt", "one");
    let watching = Watching::start(&project, &["watch"]);
    let db = started_at(&project, "db");
    let replace = |path: &str, text: &str| {
        project.write("new", text);
        fs::rename(project.path("new"), project.path(path)).unwrap();
    };
    replace("main.py", "import time\nprint('two')\ntime.sleep(1e6)\n");
    watching.until_says("restarted `python");
    until(PATIENCE, "the new program", || {
        let log = project.dco(&["logs", "once"]).stdout;
        log.contains("two").then_some(())
    });
    replace("settings.txt", "two");
    watching.until_says("stale: `/etc/settings.txt` was replaced on the host");
    until(PATIENCE, "both are named", || {
        let said = watching.said();
        (said.matches("stale:").count() >= 2).then_some(())
    });
    // It declares a volume: it is not restarted for this, whatever it asks for.
    assert_eq!(started_at(&project, "db"), db);
}

#[test]
fn a_saved_file_costs_the_engine_a_handful_of_calls_and_one_restart() {
    let project = Project::new("calls")
        .file(
            "compose.yaml",
            "\
services:
  synced:
    image: busybox
    command: sh -c 'mkdir -p /app && sleep infinity'
    init: true
    stop_grace_period: 0s
    develop: {watch: [{path: ./src, action: sync+restart, target: /app}]}
  bound:
    image: python:3
    command: python -uB /app/main.py
    init: true
    stop_grace_period: 0s
    volumes: [./code:/app]
",
        )
        .file("src/a.txt", "one")
        .file("code/main.py", "import time\ntime.sleep(1e6)\n");
    project.dco(&["up", "-d"]).ok();
    let id = |service: &str| project.inspect(service)["Id"].as_str().unwrap().to_owned();
    let (synced, bound) = (id("synced"), id("bound"));
    let engine = Recorder::listen(&project);
    let watching = Watching::start(&project, &["--host", &engine.host(), "watch", "--no-up"]);
    let named = |calls: Vec<String>| {
        let named = calls.iter().map(|call| {
            let call = call.replace(&synced, "synced");
            call.replace(&bound, "bound")
        });
        let mut named: Vec<String> = named.collect();
        // The images of what may be waited for are asked for side by side.
        named.retain(|call| !call.starts_with("GET /images/"));
        named
    };
    // Its own ear for what happens to the project, the last thing that it begins with.
    until(PATIENCE, "the watch to listen", || {
        engine
            .take()
            .contains(&"GET /events".to_owned())
            .then_some(())
    });
    project.write("code/main.py", "import time\ntime.sleep(2e6)\n");
    watching.until_says("restarted `python");
    // Where the container's own grace has to be told, it is asked for first.
    let is_told = !has(Capability::OwnGrace);
    let grace = |asked: &'static str| is_told.then_some(asked);
    let restarted = named(engine.take());
    let mut restart = vec![
        "GET /containers/json",
        "GET /containers/bound/json",
        "GET /events",
        "GET /containers/json",
    ];
    restart.extend(grace("GET /containers/bound/json"));
    restart.push("POST /containers/bound/restart");
    assert_eq!(restarted, restart);

    project.write("src/a.txt", "two");
    watching.until_says("synced, restarted");
    let synced = named(engine.take());
    // What root may write itself the engine need not unpack.
    let copy: &[&str] = match rustix::process::geteuid().is_root() {
        true => &[],
        false => &[
            "GET /containers/synced/json",
            "PUT /containers/synced/archive",
        ],
    };
    let look = ["GET /containers/json", "GET /containers/synced/json"];
    let mut restart = vec!["GET /events", "GET /containers/json"];
    restart.extend(grace("GET /containers/synced/json"));
    restart.push("POST /containers/synced/restart");
    assert_eq!(synced, [&look, copy, &restart].concat());
}
