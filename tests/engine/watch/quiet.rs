//! What a watch leaves alone, and what it costs while nothing happens.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::trees::Numbers;
use crate::support::watching::{Watching, started_at};
use crate::support::{PATIENCE, Project, until};

/// Five services that write, or are written to, in ways that are no reason for a restart: a search
/// engine's data without a VOLUME, a program with its log in its source, one that compiles what it
/// imports, somebody's shell, and a task that is done.
const BUSY: &str = "\
services:
  search:
    image: python:3
    command: python -uB -c 'import time; time.sleep(1e6)'
    init: true
    stop_grace_period: 0s
    volumes: [./data:/usr/share/elasticsearch/data]
  app:
    image: python:3
    command: python -uB /app/main.py
    working_dir: /app
    init: true
    stop_grace_period: 0s
    volumes: [./:/app]
  compiles:
    image: python:3
    command: python -u /code/main.py
    init: true
    stop_grace_period: 0s
    volumes: [./code:/code]
  shell:
    image: busybox
    command: sleep infinity
    init: true
    stop_grace_period: 0s
    volumes: [./code:/code]
  migrate:
    image: python:3
    command: python -uB /code/migrate.py
    volumes: [./code:/code]
";

const LOGS: &str = "\
import time
while True:
    with open('/app/app.log', 'a') as log:
        log.write('x')
    time.sleep(0.01)
";

const COMPILES: &str = "\
import importlib, sys, time
sys.path.insert(0, '/code')
while True:
    import part
    importlib.invalidate_caches()
    sys.modules.pop('part')
    import os
    os.remove(part.__cached__)
    time.sleep(0.05)
";

/// As many writes as an hour has seconds; the nth of them.
fn write(project: &Project, number: u64, numbers: &mut Numbers) {
    match number % 4 {
        0 => {
            let segment = format!("data/nodes/0/indices/i{}/_{number}.cfs", numbers.below(9));
            project.write(&segment, "1");
            if numbers.below(3) == 0 {
                drop(fs::remove_file(project.path(&segment)));
            }
        }
        1 => {
            let log = project.path("worker.log");
            let log = fs::OpenOptions::new().append(true).create(true).open(log);
            log.unwrap().write_all(b"x").unwrap();
        }
        2 => {
            let name = format!("code/__pycache__/m{}.cpython-312.pyc", numbers.below(20));
            project.write(&name, "x");
        }
        _ => {
            let name = format!(
                "code/.part.py.sw{}",
                ["o", "p", "x"][numbers.below(3) as usize]
            );
            project.write(&name, "x");
            drop(fs::remove_file(project.path(&name)));
        }
    }
}

#[test]
fn an_hours_writes_that_are_no_news_restart_nothing_and_a_save_does() {
    let project = Project::new("hour")
        .file("compose.yaml", BUSY)
        .file("main.py", LOGS)
        .file("code/main.py", COMPILES)
        .file("code/part.py", "x = 1\n")
        .file("code/migrate.py", "print('done')\n")
        .file("data/segment", "1");
    project.dco(&["up", "-d"]).ok();
    let watching = Watching::start(&project, &["watch", "--no-up"]);
    let work = "while [ ! -e /tmp/end ]; do sleep 0.1; done";
    let mut shell = project
        .command(&["exec", "-T", "shell", "sh", "-c", work])
        .spawn()
        .unwrap();
    let services = ["search", "app", "compiles", "shell", "migrate"];
    let before = services.map(|service| started_at(&project, service));
    let mut numbers = Numbers(1);
    for number in 0..3600 {
        write(&project, number, &mut numbers);
        if number % 50 == 0 {
            // Room for the programs' own writes, and for reactions.
            std::thread::sleep(Duration::from_millis(60));
        }
    }
    let said = watching.said();
    assert!(!said.contains("restarted"), "{said}");
    assert_eq!(
        before,
        services.map(|service| started_at(&project, service))
    );
    // It was awake all the time.
    project.write("code/part.py", "x = 2\n");
    watching.until_says("code/part.py → restarted `python`");
    let after = services.map(|service| started_at(&project, service));
    assert_ne!(before[2], after[2]);
    assert_eq!((&before[0], &before[3..]), (&after[0], &after[3..]));
    project
        .dco(&["exec", "-T", "shell", "touch", "/tmp/end"])
        .ok();
    shell.wait().unwrap();
}

/// How many watches a process has, by its descriptors.
fn watches(pid: i32) -> usize {
    let folder = format!("/proc/{pid}/fdinfo");
    let files = fs::read_dir(folder).unwrap().flatten();
    let texts = files.map(|file| fs::read_to_string(file.path()).unwrap_or_default());
    texts.map(|text| text.matches("inotify wd:").count()).sum()
}

/// Memory of a process's own, in KiB.
fn memory(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.unwrap().trim().split(' ').next().unwrap();
    number.parse().unwrap()
}

/// Processor time of a process, in ticks of 10 ms.
fn ticks(pid: i32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields = stat.rsplit(") ").next().unwrap().split(' ');
    let fields: Vec<&str> = fields.collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

fn folders(top: &Path, count: usize) {
    for number in 0..count {
        fs::create_dir_all(top.join(format!("p{}/q{number}", number % 200))).unwrap();
    }
}

#[test]
fn a_large_tree_costs_what_of_it_is_watched() {
    let project = Project::new("large").file(
        "compose.yaml",
        "\
services:
  web:
    image: busybox
    command: sh -c 'mkdir -p /app && sleep infinity'
    init: true
    stop_grace_period: 0s
    develop: {watch: [{path: ./src, action: sync, target: /app, ignore: [node_modules/]}]}
",
    );
    folders(&project.path("src/node_modules"), 19_700);
    for number in 0..99 {
        project.write(&format!("src/w{number}/file"), "1");
    }
    project.dco(&["up", "-d"]).ok();
    let watching = Watching::start(&project, &["watch", "--no-up"]);
    let pid = watching.pid();
    let count = watches(pid);
    assert!((100..110).contains(&count), "{count} watches");
    let memory = memory(pid);
    assert!(memory < 15 * 1024, "{memory} KiB");
    let (before, begun) = (ticks(pid), Instant::now());
    until(PATIENCE, "three seconds of rest", || {
        (begun.elapsed() > Duration::from_secs(3)).then_some(())
    });
    assert!(ticks(pid) - before <= 1, "it works while nothing happens");
    project.write("src/node_modules/p7/q7/x.js", "1");
    project.write("src/w7/file", "2");
    watching.until_says("src/w7/file → synced");
    assert!(!watching.said().contains("node_modules"));
}
