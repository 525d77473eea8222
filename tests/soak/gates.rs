//! How exact gates are, and what they cost: a server in an image of its own that opens its port
//! late and says when, and the moment that the engine was asked to start what depends on it.
//!
//! The limits are those of a machine that has nothing else to do, and of an optimised build:
//! `cargo test --profile fast --test soak gates -- --test-threads 1 --nocapture`.

#![allow(clippy::print_stdout, reason = "what these measure is worth reading")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::support::late::image;
use crate::support::{PATIENCE, Project, engine, until};
use crate::tap::Tap;

/// As often the server opens its port.
const ROUNDS: usize = 30;

/// The compose file of one round: `web` names `db` in its environment only.
fn file(image: &str, args: &str, more: &str) -> String {
    format!(
        "\
services:
  db:
    image: {image}
    build: .
    command: [{args}]
{more}
  web:
    image: busybox
    init: true
    command: sleep 600
    environment: {{DB_HOST: db, DB_PORT: '5432'}}
"
    )
}

/// From the moment that the port opened to the call that started the dependent, in milliseconds.
fn gap(project: &Project, tap: &Tap) -> f64 {
    let id = project.inspect("web")["Id"].as_str().unwrap().to_owned();
    let started = tap.start_of(&id).expect("the start of web");
    let stamp = until(PATIENCE, "the server's word", || {
        let log = project.dco(&["logs", "--no-log-prefix", "db"]).ok().stdout;
        log.lines().last()?.parse::<u64>().ok()
    });
    let opened = UNIX_EPOCH + Duration::from_nanos(stamp);
    match started.duration_since(opened) {
        Ok(late) => late.as_secs_f64() * 1000.0,
        Err(early) => -early.duration().as_secs_f64() * 1000.0,
    }
}

/// 700 to 4000 ms, another each time.
fn delay(round: usize) -> usize {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    700 + (usize::try_from(now.subsec_nanos()).unwrap() / 1000 + round * 977) % 3300
}

fn measured(what: &str, mut gaps: Vec<f64>) -> (f64, f64, f64) {
    gaps.sort_by(f64::total_cmp);
    let (least, median, most) = (gaps[0], gaps[gaps.len() / 2], gaps[gaps.len() - 1]);
    println!(
        "{what}: median {median:.1} ms, least {least:.1}, most {most:.1} of {}",
        gaps.len()
    );
    (least, median, most)
}

fn rounds(project: &Project, tap: &Tap, more: &str, count: usize) -> Vec<f64> {
    let image = image(project);
    let up = ["up", "-d", "--no-settle"];
    (0..count)
        .map(|round| {
            let text = file(&image, &format!("'{}'", delay(round)), more);
            project.write("compose.yaml", &text);
            // What is replaced is stopped after the gate: that would be measured too.
            project.dco(&["rm", "-sf"]).ok();
            project.dco(&up).ok();
            gap(project, tap)
        })
        .collect()
}

#[test]
fn a_dependent_starts_when_the_port_opens() {
    let project = Project::new("exact");
    let tap = Tap::unix(&project.path("tap.sock"));
    let project = project.env("DOCKER_HOST", &tap.host);
    let gaps = rounds(&project, &tap, "", ROUNDS);
    let (least, median, most) = measured("from the open port to the start", gaps);
    assert!(least >= 0.0 && median <= 60.0 && most <= 150.0);
}

#[test]
fn a_published_port_never_passes_early() {
    let project = Project::new("exactpub");
    let tap = Tap::unix(&project.path("tap.sock"));
    let project = project.env("DOCKER_HOST", &tap.host);
    let gaps = rounds(&project, &tap, "    ports: ['5432']\n", ROUNDS / 3);
    let (least, median, most) = measured("the same, published", gaps);
    assert!(least >= 0.0 && median <= 60.0 && most <= 150.0);
}

#[test]
fn a_unix_socket_before_does_not_count() {
    let project = Project::new("exactsock");
    let tap = Tap::unix(&project.path("tap.sock"));
    let project = project.env("DOCKER_HOST", &tap.host);
    let text = file(&image(&project), "'4000', socket, '2000'", "");
    project.write("compose.yaml", &text);
    project.dco(&["up", "-d", "--no-settle"]).ok();
    let (least, _, most) = measured("behind a unix socket", vec![gap(&project, &tap)]);
    assert!(least >= 0.0 && most <= 150.0);
}

#[test]
fn a_port_on_the_loopback_interface_does_not_count() {
    let project = Project::new("exactloop").env("DCO_GATE_TIMEOUT", "4s");
    let text = file(&image(&project), "'500', loopback", "");
    project.write("compose.yaml", &text);
    let up = project.dco(&["up", "-d", "--no-settle"]).ok();
    assert!(
        up.stderr.contains("gave up waiting for db:5432")
            && up.stderr.contains("it listens on 127.0.0.1:5432"),
        "{}",
        up.stderr
    );
}

/// The same with an engine whose processes are not to be seen from here: another machine's.
fn far(what: &str, dockerfile: Option<&str>) {
    let project = Project::new("exactfar");
    let tap = Tap::tcp();
    let image = image(&project);
    if let Some(text) = dockerfile {
        project.write("Dockerfile", text);
    }
    let dco = env!("CARGO_BIN_EXE_dco");
    let script = format!(
        "hostname elsewhere; exec {dco} -H {} up -d --no-settle",
        tap.host
    );
    let gaps = (0..ROUNDS / 3).map(|round| {
        let text = file(&image, &format!("'{}'", delay(round)), "");
        project.write("compose.yaml", &text);
        project.dco(&["rm", "-sf"]).ok();
        let alone = [
            "--pid",
            "--uts",
            "--fork",
            "--mount-proc",
            "sh",
            "-c",
            &script,
        ];
        project
            .finish(project.program("unshare".as_ref(), &alone), "")
            .ok();
        gap(&project, &tap)
    });
    let (least, median, most) = measured(what, gaps.collect());
    assert!(least >= 0.0 && median <= 150.0 && most <= 400.0);
}

#[test]
fn a_remote_engine_is_almost_as_exact() {
    let with_shell = "FROM busybox\nCOPY late /late\nENTRYPOINT [\"/late\"]\n";
    far("a remote engine", Some(with_shell));
}

#[test]
fn a_remote_engine_and_an_image_without_a_shell_too() {
    far("a remote engine, no shell", None);
}

#[test]
fn ten_waits_of_a_minute_cost_less_than_a_hundredth_of_a_core() {
    let mut text = String::from(
        "services:\n  web:\n    image: busybox\n    command: sleep 600\n    x-dco:\n      timeout: 60s\n      wait: [",
    );
    let names: Vec<String> = (0..10).map(|number| format!("db{number}")).collect();
    text.push_str(
        &names
            .iter()
            .map(|name| format!("'{name}:5432'"))
            .collect::<Vec<_>>()
            .join(", "),
    );
    text.push_str("]\n");
    for name in &names {
        text.push_str(&format!(
            "  {name}:\n    image: busybox\n    init: true\n    command: sleep 600\n"
        ));
    }
    let project = Project::new("cheap").file("compose.yaml", &text);
    let mut up = project.command(&["up", "-d"]).spawn().unwrap();
    let began = Instant::now();
    let (mut used, mut at_wait) = (Duration::ZERO, None);
    let status = until(PATIENCE * 3, "the end of the wait", || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", up.id())).unwrap_or_default();
        let fields: Vec<u64> = stat
            .rsplit(") ")
            .next()
            .unwrap_or_default()
            .split(' ')
            .filter_map(|field| field.parse().ok())
            .collect();
        // User and system time, in hundredths of a second; the state before them is no number.
        if let (Some(user), Some(system)) = (fields.get(10), fields.get(11)) {
            used = Duration::from_millis((user + system) * 10);
        }
        if began.elapsed() > Duration::from_secs(5) && at_wait.is_none() {
            at_wait = Some((used, began.elapsed()));
        }
        up.try_wait().unwrap()
    });
    let (before, since) = at_wait.unwrap();
    let share = (used - before).as_secs_f64() / (began.elapsed() - since).as_secs_f64();
    println!("ten waits: {:.2} % of a core", share * 100.0);
    assert_eq!(status.code(), Some(1));
    assert!(share < 0.01);
}

/// How long a command takes, the median of some.
fn median(project: &Project, args: &[&str], count: usize) -> Duration {
    let mut times: Vec<Duration> = (0..count)
        .map(|_| {
            let began = Instant::now();
            project.dco(args).ok();
            began.elapsed()
        })
        .collect();
    times.sort();
    times[count / 2]
}

#[test]
fn inference_and_settling_cost_next_to_nothing() {
    let mut text = String::from("services:\n");
    for number in 0..10 {
        text.push_str(&format!(
            "  s{number}:\n    image: busybox\n    init: true\n    command: sleep 600\n    environment: {{DB_URL: 'postgres://s0:5432/x', CACHE_HOST: s1, API: 'http://s2:8000'}}\n"
        ));
    }
    let project = Project::new("noop")
        .env("DCO_GATE_TIMEOUT", "0s")
        .file("compose.yaml", &text);
    project.dco(&["up", "-d"]).ok();
    let (with, without) = (
        median(&project, &["up", "-d"], 41),
        median(&project, &["up", "-d", "--no-infer"], 41),
    );
    println!("no-op up: {with:?} with inference, {without:?} without");
    let recreate = |more: &'static str| {
        let args = [
            "up",
            "-d",
            "--no-infer",
            "-t",
            "0",
            "--force-recreate",
            more,
        ];
        median(&project, &args[..if more.is_empty() { 6 } else { 7 }], 5)
    };
    let (settled, unsettled) = (recreate(""), recreate("--no-settle"));
    println!("up of ten: {settled:?} settled, {unsettled:?} with --no-settle");
    assert!(with < without + Duration::from_millis(2));
    assert!(settled < unsettled + Duration::from_millis(200));
}

#[test]
fn an_interrupt_ends_a_wait_at_once() {
    let text = "\
services:
  db:
    image: busybox
    init: true
    command: sleep 600
  web:
    image: busybox
    command: sleep 600
    x-dco: {wait: ['db:5432'], timeout: 600s}
";
    let project = Project::new("atonce").file("compose.yaml", text);
    let mut worst = Duration::ZERO;
    for _ in 0..5 {
        let (code, took) = project.interrupt(&["up", "-d"], "db:5432  Waiting");
        assert_eq!(code, 130);
        worst = worst.max(took);
    }
    println!("from the interrupt to the end: {worst:?} at the most");
    assert!(worst <= Duration::from_millis(200));
    let db = engine::containers(&project.label());
    assert!(db.iter().any(|one| one["State"] == "running"));
}
