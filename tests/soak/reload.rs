//! Storms of changes under `sync`: at their end the container's tree is the host's.

#![allow(clippy::print_stdout, reason = "what these measure is worth reading")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::trees::{self, Numbers, Storm};
use crate::support::watching::{self, SYNCED, Watching};
use crate::support::{Project, engine, until};

/// How many storms in a row have to end well; `SOAK_SEEDS` says otherwise.
const SEEDS: u64 = 20;

/// How long one rages; `SOAK_SECONDS` says otherwise.
const SECONDS: u64 = 60;

/// Over how many paths.
const FILES: u64 = 5000;

/// How long the last changes may take.
const CALM: Duration = Duration::from_secs(60);

/// Waits until the container has what is in `src`.
#[track_caller]
fn become_equal(project: &Project, what: &str) {
    let top = project.path("src");
    trees::become_equal((project, "web", "/app"), &top, CALM, || what.to_owned());
}

fn setting(name: &str, otherwise: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn every_storm_ends_with_equal_trees() {
    let first = setting("SOAK_SEED", 1);
    for seed in first..first + setting("SOAK_SEEDS", SEEDS) {
        let project = Project::new("storm").file("compose.yaml", SYNCED);
        fs::create_dir(project.path("src")).unwrap();
        project.dco(&["up", "-d"]).ok();
        // By turns written directly, and by the engine.
        let command = match seed % 2 {
            0 => watching::elsewhere(&project),
            _ => project.command(&["watch", "--no-up"]),
        };
        let _watching = Watching::spawn(&project, command);
        let root = project.path("src");
        let mut storm = Storm {
            root: &root,
            files: FILES,
            numbers: Numbers(seed),
            steps: 0,
        };
        let begun = Instant::now();
        let seconds = Duration::from_secs(setting("SOAK_SECONDS", SECONDS));
        while begun.elapsed() < seconds {
            for _ in 0..storm.numbers.below(200) {
                storm.change();
            }
            std::thread::sleep(Duration::from_millis(storm.numbers.below(40)));
        }
        let what = format!("seed {seed}, {} changes", storm.steps);
        become_equal(&project, &what);
        println!("{what}: equal");
    }
}

#[test]
fn a_change_of_branches_arrives_whole() {
    let project = Project::new("branches").file("compose.yaml", SYNCED);
    let top = project.path("src");
    fs::create_dir(&top).unwrap();
    let git = |line: &str| {
        let config = ["-c", "user.name=x", "-c", "user.email=x@example.com"];
        let done = Command::new("git")
            .args(config)
            .args(line.split(' '))
            .current_dir(&top)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(done.success(), "git {line}");
    };
    git("init -q -b one");
    for (branch, stride) in [("one", 2), ("two", 3)] {
        if branch == "two" {
            git("checkout -q -b two");
            git("rm -q -r .");
        }
        for number in (0..12_000).step_by(stride) {
            let path = top.join(format!("p{}/q{}/f{number}", number % 13, number % 101));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{branch} {number}")).unwrap();
        }
        git("add -A");
        git("commit -q -m x");
    }
    git("checkout -q one");
    let _watching = Watching::start(&project, &["watch"]);
    for branch in ["two", "one", "two", "one"] {
        git(&format!("checkout -q {branch}"));
        if branch == "one" {
            // There and back before anything settled.
            git("checkout -q two");
            git("checkout -q one");
        }
    }
    // What was never touched was never synced: the tree begins with the first change.
    git("checkout -q two");
    git("checkout -q one");
    for path in trees::outside(&top).keys() {
        let path = top.join(path);
        if path.is_file() {
            fs::write(&path, fs::read(&path).unwrap()).unwrap();
        }
    }
    become_equal(&project, "branch one");
    git("checkout -q two");
    become_equal(&project, "branch two");
}

#[test]
fn the_tutorial_is_live_with_its_terminal_closed() {
    let project = Project::new("live");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/django");
    project.copy(&example, "");
    let port = super::tutorial::free_port();
    let file = fs::read_to_string(project.path("docker-compose.yml")).unwrap();
    let file = file.replace("8000:8000", &format!("{port}:8000"));
    project.write("docker-compose.yml", &file);
    let mut terminal = project.terminal(&["up", "-d", "--watch", "--auto"]);
    terminal.expect("in the background");
    drop(terminal);
    let migrated = project.dco(&["exec", "-T", "django", "manage.py", "migrate"]);
    migrated.ok();
    let inspected = |service: &str| {
        let id = project.inspect(service)["Id"].as_str().unwrap().to_owned();
        engine::get(&format!("/containers/{id}/json"))
    };
    // While it starts anew it refuses, or breaks off.
    let page = || super::tutorial::page(port).unwrap_or_default();
    let shows = |text: &str| {
        until(CALM * 2, text, || page().contains(text).then_some(()));
    };
    shows("Hello, visitor 1");

    // A view: runserver's own reload, and no restart.
    let (django, db) = (inspected("django"), inspected("db"));
    let view = fs::read_to_string(project.path("visits/templates/visits/page.html")).unwrap();
    project.write(
        "visits/templates/visits/page.html",
        &view.replace("Hello", "Welcome"),
    );
    shows("Welcome, visitor");
    let urls = fs::read_to_string(project.path("djangosample/settings.py")).unwrap();
    project.write(
        "djangosample/settings.py",
        &format!("{urls}\nprint('read again')\n"),
    );
    until(CALM, "the program's own reload", || {
        let log = project.dco(&["logs", "django"]);
        (log.stdout + &log.stderr)
            .contains("read again")
            .then_some(())
    });
    let now = inspected("django");
    assert_eq!(now["Id"], django["Id"]);
    assert_eq!(now["State"]["StartedAt"], django["State"]["StartedAt"]);

    // What it needs installed: another image, another container, the same database.
    let needs = fs::read_to_string(project.path("requirements.txt")).unwrap();
    project.write("requirements.txt", &format!("{needs}# one more line\n"));
    until(CALM * 3, "another container", || {
        let id = project.inspect("django")["Id"].clone();
        (!id.is_null() && id != django["Id"]).then_some(())
    });
    shows("Welcome, visitor");
    assert_eq!(inspected("db")["Id"], db["Id"]);
    assert_eq!(
        inspected("db")["State"]["StartedAt"],
        db["State"]["StartedAt"]
    );

    // Its environment: applied, and to nothing else.
    let before = inspected("django");
    project.write(
        "docker-compose.yml",
        &file.replace("DJANGO_DEBUG=True", "DJANGO_DEBUG=True\n      - ADDED=yes"),
    );
    until(CALM, "the new environment", || {
        let now = project.inspect("django");
        let env = now["Config"]["Env"].to_string();
        (now["Id"] != before["Id"] && env.contains("ADDED=yes")).then_some(())
    });
    shows("Welcome, visitor");
    assert_eq!(inspected("db")["Id"], db["Id"]);
    assert_eq!(
        inspected("db")["State"]["StartedAt"],
        db["State"]["StartedAt"]
    );
    project.dco(&["down", "--volume"]).ok();
    assert_eq!(project.dco(&["watch", "--status"]).code, 1);
}
