//! Live reload: a saved file is in the container, or its program is told, attached or not.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Stdio};

use crate::support::{PATIENCE, Project, until};

/// A `dco watch` that runs until the test ends.
struct Watching {
    child: Child,
    log: std::path::PathBuf,
}

impl Watching {
    #[track_caller]
    fn start(project: &Project, args: &[&str]) -> Self {
        let log = project.state().with_extension("watch.log");
        let file = fs::File::create(&log).unwrap();
        let mut command = project.command(args);
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file);
        let this = Self {
            child: command.spawn().unwrap(),
            log,
        };
        this.until_says("Watch enabled");
        this
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    #[track_caller]
    fn until_says(&self, text: &str) {
        until(PATIENCE, &format!("{text:?} in {}", self.said()), || {
            self.said().contains(text).then_some(())
        });
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What a container's folder holds: path → kind, mode and content.
fn tree_inside(project: &Project, service: &str, folder: &str) -> BTreeMap<String, String> {
    let script = format!(
        "cd {folder} && find . -mindepth 1 | sort | while read -r p; do \
         if [ -L \"$p\" ]; then echo \"$p l $(readlink \"$p\")\"; \
         elif [ -d \"$p\" ]; then echo \"$p d $(stat -c %a \"$p\")\"; \
         else echo \"$p f $(stat -c %a \"$p\") $(md5sum < \"$p\")\"; fi; done"
    );
    let found = project.dco(&["exec", "-T", service, "sh", "-c", &script]);
    let lines = found.stdout.lines().filter_map(|line| line.split_once(' '));
    lines
        .map(|(path, rest)| (path.to_owned(), rest.to_owned()))
        .collect()
}

/// The same of a folder of the host.
fn tree_outside(folder: &Path) -> BTreeMap<String, String> {
    let script = "find . -mindepth 1 | sort | while read -r p; do \
         if [ -L \"$p\" ]; then echo \"$p l $(readlink \"$p\")\"; \
         elif [ -d \"$p\" ]; then echo \"$p d $(stat -c %a \"$p\")\"; \
         else echo \"$p f $(stat -c %a \"$p\") $(md5sum < \"$p\")\"; fi; done";
    let found = std::process::Command::new("sh")
        .args(["-c", script])
        .current_dir(folder)
        .output()
        .unwrap();
    let text = String::from_utf8(found.stdout).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    lines
        .map(|(path, rest)| (path.to_owned(), rest.to_owned()))
        .collect()
}

const SYNCED: &str = "\
services:
  web:
    image: busybox
    command: sh -c 'mkdir -p /app && sleep infinity'
    init: true
    stop_grace_period: 0s
    develop:
      watch:
        - {path: ./src, action: sync, target: /app, ignore: ['*.skip', 'cache/']}
";

#[test]
fn what_is_written_renamed_and_removed_under_sync_is_so_in_the_container() {
    let project = Project::new("sync")
        .file("compose.yaml", SYNCED)
        .file("src/old.txt", "1");
    let _watching = Watching::start(&project, &["watch"]);
    let at = |path: &str| project.path("src").join(path);
    let settled = |what: &str| {
        until(PATIENCE, what, || {
            let mut outside = tree_outside(&project.path("src"));
            outside.retain(|path, _| !path.contains("skip") && !path.contains("cache"));
            (tree_inside(&project, "web", "/app") == outside).then_some(())
        });
    };
    fs::write(at("old.txt"), "changed").unwrap();
    fs::create_dir_all(at("a/b")).unwrap();
    fs::write(at("a/b/run.sh"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(at("a/b/run.sh"), fs::Permissions::from_mode(0o751)).unwrap();
    symlink("b/run.sh", at("a/link")).unwrap();
    fs::write(at("no.skip"), "1").unwrap();
    fs::create_dir(at("cache")).unwrap();
    fs::write(at("cache/x"), "1").unwrap();
    settled("new files, modes, links");
    fs::rename(at("a"), at("moved")).unwrap();
    fs::remove_file(at("old.txt")).unwrap();
    settled("a moved folder and a removed file");
    fs::remove_dir_all(at("moved")).unwrap();
    fs::write(at("moved"), "a file now").unwrap();
    settled("a folder that became a file");
    let inside = tree_inside(&project, "web", "/app");
    assert!(
        inside
            .keys()
            .all(|path| !path.contains("skip") && !path.contains("cache")),
        "{inside:?}"
    );
}

/// A reproducible sequence of numbers, for a storm of changes that can be had again by its seed.
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

#[test]
fn a_storm_of_random_changes_ends_with_equal_trees() {
    let project = Project::new("storm").file("compose.yaml", SYNCED);
    fs::create_dir(project.path("src")).unwrap();
    let _watching = Watching::start(&project, &["watch"]);
    let seed = u64::from(std::process::id());
    let mut numbers = Numbers(seed);
    let root = project.path("src");
    for step in 0..600_u32 {
        let path = |numbers: &mut Numbers| {
            root.join(format!("d{}/f{}", numbers.below(5), numbers.below(40)))
        };
        let (one, other) = (path(&mut numbers), path(&mut numbers));
        drop(fs::create_dir_all(one.parent().unwrap()));
        drop(fs::create_dir_all(other.parent().unwrap()));
        // Each may fail, where what it is about is not there: the trees have to be equal all the same.
        match numbers.below(6) {
            0..=2 => drop(fs::write(&one, format!("{step}"))),
            3 => drop(fs::remove_file(&one)),
            4 => drop(fs::rename(&one, &other)),
            _ => drop(fs::set_permissions(
                &one,
                fs::Permissions::from_mode(0o600 + numbers.below(0o100) as u32),
            )),
        }
        if numbers.below(60) == 0 {
            drop(fs::remove_dir_all(one.parent().unwrap()));
        }
    }
    until(PATIENCE, &format!("equal trees, seed {seed}"), || {
        (tree_inside(&project, "web", "/app") == tree_outside(&root)).then_some(())
    });
}

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

fn started_at(project: &Project, service: &str) -> String {
    let id = project.inspect(service)["Id"].as_str().unwrap().to_owned();
    let found = crate::support::engine::get(&format!("/containers/{id}/json"));
    found["State"]["StartedAt"].as_str().unwrap().to_owned()
}

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

#[test]
fn a_watcher_left_behind_survives_its_parent_and_ends_with_the_project() {
    let project = Project::new("left")
        .file("compose.yaml", SYNCED)
        .file("src/a.txt", "1");
    let up = project.dco(&["up", "-d", "--watch"]).ok();
    assert!(up.stdout.contains("in the background"), "{}", up.stdout);
    let status = until(PATIENCE, "the watcher has its seat", || {
        let status = project.dco(&["watch", "--status"]);
        (status.code == 0).then_some(status)
    });
    let log = status.stdout.rsplit(' ').next().unwrap().trim().to_owned();
    until(PATIENCE, "it watches", || {
        fs::read_to_string(&log)
            .ok()?
            .contains("Watch enabled")
            .then_some(())
    });
    let again = project.dco(&["up", "-d", "--watch"]).ok();
    assert!(again.stdout.contains("watched already"), "{}", again.stdout);
    project.write("src/a.txt", "saved");
    until(PATIENCE, "the saved file in the container", || {
        (project
            .dco(&["exec", "-T", "web", "cat", "/app/a.txt"])
            .stdout
            == "saved")
            .then_some(())
    });
    project.dco(&["down"]).ok();
    assert_eq!(project.dco(&["watch", "--status"]).code, 1);
}

#[test]
fn a_project_without_rules_says_so() {
    let project = Project::new("norules").file(
        "compose.yaml",
        "services: {web: {image: busybox, command: sleep infinity}}\n",
    );
    let said = project.dco(&["watch", "--no-up"]).exits(1);
    assert!(
        said.stderr
            .contains("none of the selected services is configured for watch"),
        "{}",
        said.stderr
    );
}
