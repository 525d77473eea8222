//! Storms of changes under `sync`: at their end the container's tree is the host's.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Project, engine, until};

/// How many storms in a row have to end well; `SOAK_SEEDS` says otherwise.
const SEEDS: u64 = 20;

/// How long one rages; `SOAK_SECONDS` says otherwise.
const SECONDS: u64 = 60;

/// Over how many paths.
const FILES: u64 = 5000;

/// How long the last changes may take.
const CALM: Duration = Duration::from_secs(60);

const SYNCED: &str = "\
services:
  web:
    image: busybox
    command: sleep infinity
    init: true
    stop_grace_period: 0s
    develop:
      watch: [{path: ./src, action: sync, target: /app}]
";

struct Watching(Child);

impl Watching {
    fn start(project: &Project) -> Self {
        let log = project.state().with_extension("log");
        let file = fs::File::create(&log).unwrap();
        let mut command = project.command(&["watch", "--no-up"]);
        command.stdout(file.try_clone().unwrap()).stderr(file);
        let this = Self(command.stdin(Stdio::null()).spawn().unwrap());
        until(CALM, "the watch", || {
            let said = fs::read_to_string(&log).unwrap();
            said.contains("Watch enabled").then_some(())
        });
        this
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Path → what is there: mode and content, or where it points.
type Tree = BTreeMap<String, String>;

/// The tree at `/app` in the service's container.
fn inside(project: &Project) -> Tree {
    let id = project.inspect("web")["Id"].as_str().unwrap().to_owned();
    let bytes = engine::bytes(&format!("/containers/{id}/archive?path=/app"));
    let mut tree = Tree::new();
    // A tree that is not there yet is no archive.
    for entry in tar::Archive::new(&bytes[..]).entries().unwrap() {
        let Ok(mut entry) = entry else {
            return Tree::new();
        };
        let path = entry.path().unwrap().display().to_string();
        let path = path.trim_end_matches('/');
        let Some(path) = path.strip_prefix("app/") else {
            continue;
        };
        let mode = entry.header().mode().unwrap() & 0o7777;
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let kind = match entry.header().entry_type() {
            tar::EntryType::Directory => format!("d {mode:o}"),
            tar::EntryType::Symlink => {
                format!("l {}", entry.link_name().unwrap().unwrap().display())
            }
            _ => format!("f {mode:o} {}", String::from_utf8_lossy(&content)),
        };
        tree.insert(path.to_owned(), kind);
    }
    tree
}

fn outside(top: &Path) -> Tree {
    fn walk(top: &Path, folder: &Path, tree: &mut Tree) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let found = path.symlink_metadata().unwrap();
            let mode = found.permissions().mode() & 0o7777;
            let kind = if found.is_symlink() {
                format!("l {}", fs::read_link(&path).unwrap().display())
            } else if found.is_dir() {
                walk(top, &path, tree);
                format!("d {mode:o}")
            } else {
                let content = fs::read(&path).unwrap();
                format!("f {mode:o} {}", String::from_utf8_lossy(&content))
            };
            let name = path.strip_prefix(top).unwrap().display().to_string();
            tree.insert(name, kind);
        }
    }
    let mut tree = Tree::new();
    walk(top, top, &mut tree);
    tree.retain(|path, _| !path.starts_with(".git"));
    tree
}

#[track_caller]
fn become_equal(project: &Project, what: &str) {
    let top = project.path("src");
    let begun = Instant::now();
    let mut pause = Duration::from_millis(200);
    loop {
        let (inside, outside) = (inside(project), outside(&top));
        if inside == outside {
            return;
        }
        if begun.elapsed() > CALM {
            let differing = |(path, kind): &(&String, &String)| outside.get(*path) != Some(*kind);
            let extra: Vec<_> = inside.iter().filter(differing).take(5).collect();
            let missing = |(path, kind): &(&String, &String)| inside.get(*path) != Some(*kind);
            let missing: Vec<_> = outside.iter().filter(missing).take(5).collect();
            panic!("{what}: inside {extra:?}, outside {missing:?}");
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

/// A reproducible sequence of numbers.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn setting(name: &str, otherwise: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// One change; whether it can be made or not depends on those before it.
fn change(root: &Path, numbers: &mut Numbers, step: u64) {
    let path = |numbers: &mut Numbers| {
        let file = numbers.below(FILES);
        root.join(format!("d{}/e{}/f{file}", file % 10, file % 70))
    };
    let (one, other) = (path(numbers), path(numbers));
    let (folder, other_folder) = (one.parent().unwrap(), other.parent().unwrap());
    drop(fs::create_dir_all(folder));
    drop(fs::create_dir_all(other_folder));
    match numbers.below(100) {
        0..50 => drop(fs::write(&one, format!("{step}"))),
        50..65 => drop(fs::remove_file(&one)),
        65..80 => drop(fs::rename(&one, &other)),
        80..90 => {
            let mode = 0o600 + u32::try_from(numbers.below(0o100)).unwrap();
            drop(fs::set_permissions(&one, fs::Permissions::from_mode(mode)));
        }
        90..94 => {
            drop(fs::remove_file(&one));
            drop(std::os::unix::fs::symlink(&other, &one));
        }
        94..97 => drop(fs::rename(folder, other_folder)),
        97..98 => drop(fs::remove_dir_all(folder)),
        98..99 => {
            drop(fs::remove_dir_all(folder));
            drop(fs::write(folder, "a file now"));
        }
        _ => {
            // What is a file where a folder was makes room for one again.
            if folder.is_file() {
                drop(fs::remove_file(folder));
            }
        }
    }
}

#[test]
fn every_storm_ends_with_equal_trees() {
    let first = setting("SOAK_SEED", 1);
    for seed in first..first + setting("SOAK_SEEDS", SEEDS) {
        let project = Project::new("storm").file("compose.yaml", SYNCED);
        fs::create_dir(project.path("src")).unwrap();
        project.dco(&["up", "-d"]).ok();
        project.dco(&["exec", "-T", "web", "mkdir", "/app"]).ok();
        let _watching = Watching::start(&project);
        let mut numbers = Numbers(seed);
        let begun = Instant::now();
        let seconds = Duration::from_secs(setting("SOAK_SECONDS", SECONDS));
        let mut step = 0;
        while begun.elapsed() < seconds {
            for _ in 0..numbers.below(200) {
                change(&project.path("src"), &mut numbers, step);
                step += 1;
            }
            std::thread::sleep(Duration::from_millis(numbers.below(40)));
        }
        become_equal(&project, &format!("seed {seed}, {step} changes"));
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
    project.dco(&["up", "-d"]).ok();
    project.dco(&["exec", "-T", "web", "mkdir", "/app"]).ok();
    let _watching = Watching::start(&project);
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
    for path in outside(&top).keys() {
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
    let page = || std::panic::catch_unwind(|| super::tutorial::page(port)).unwrap_or_default();
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
