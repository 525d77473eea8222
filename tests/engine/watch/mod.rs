//! Live reload: a saved file is in the container, or its program is told, attached or not.

mod bind;
mod detached;
mod edited;
mod outlives;
mod poke;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::{PATIENCE, Project, until};

/// A `dco watch` that runs until the test ends.
struct Watching {
    child: Child,
    log: std::path::PathBuf,
}

impl Watching {
    #[track_caller]
    fn start(project: &Project, args: &[&str]) -> Self {
        Self::spawn(project, project.command(args))
    }

    #[track_caller]
    fn spawn(project: &Project, mut command: Command) -> Self {
        let log = project.state().with_extension("watch.log");
        let file = fs::File::create(&log).unwrap();
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

    /// Its process.
    fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
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

#[test]
fn a_mount_below_a_synced_folder_is_never_emptied() {
    let project = Project::new("mount")
        .file(
            "compose.yaml",
            "\
services:
  web:
    image: busybox
    command: sleep infinity
    init: true
    stop_grace_period: 0s
    volumes: ['/app/keep/data']
    develop:
      watch: [{path: ./src, action: sync, target: /app}]
",
        )
        .file("src/keep/a.txt", "1");
    let watching = Watching::start(&project, &["watch"]);
    project.write("src/keep/a.txt", "2");
    watching.until_says("synced");
    project
        .dco(&["exec", "-T", "web", "touch", "/app/keep/data/precious"])
        .ok();
    fs::remove_dir_all(project.path("src/keep")).unwrap();
    until(PATIENCE, "the removal in the container", || {
        let found = project.dco(&["exec", "-T", "web", "find", "/app", "-type", "f"]);
        (found.stdout == "/app/keep/data/precious\n").then_some(())
    });
    let mounts = project.dco(&["exec", "-T", "web", "cat", "/proc/mounts"]);
    assert!(
        mounts.stdout.contains(" /app/keep/data "),
        "{}",
        mounts.stdout
    );
}

#[test]
fn commands_after_a_sync_are_heard_and_attached_logs_follow_what_is_replaced() {
    let project = Project::new("beside")
        .file(
            "compose.yaml",
            "\
services:
  web:
    build: {context: ., dockerfile_inline: \"FROM busybox\\nCOPY version /version\\n\"}
    command: sh -c 'echo version $$(cat /version); exec sleep infinity'
    init: true
    stop_grace_period: 0s
    develop:
      watch:
        - {path: ./version, action: rebuild}
        - {path: ./src, action: sync+exec, target: /app, exec: {command: cat /app/a.txt}}
",
        )
        .file("version", "one")
        .file("src/a.txt", "nothing");
    let watching = Watching::start(&project, &["up", "--watch"]);
    watching.until_says("version one");
    project.write("src/a.txt", "said by the command\n");
    watching.until_says("said by the command");
    watching.until_says("synced, ran `cat`");
    project.write("version", "two");
    watching.until_says("version two");
    project.write("src/a.txt", "and again\n");
    watching.until_says("and again");
}

#[test]
fn a_service_whose_program_fails_gets_the_next_save_and_a_stopped_one_does_not() {
    let program = "import sys, time\nprint('up', flush=True)\ntime.sleep(1e6)\n";
    let project = Project::new("failing")
        .file(
            "compose.yaml",
            "\
services:
  web:
    image: python:3
    command: sh -c 'test ! -e /app/main.py || exec python /app/main.py; exec sleep infinity'
    init: true
    stop_grace_period: 0s
    develop:
      watch: [{path: ./src, action: sync+restart, target: /app}]
",
        )
        .file("src/main.py", program);
    let state = || project.inspect("web")["State"]["Status"].clone();
    let watching = Watching::start(&project, &["--debug", "watch"]);
    let restarts = || watching.said().matches("synced, restarted").count();
    // As editors do it: at once and whole.
    let save = |text: &str, restarted: usize| {
        project.write("src/.main.py.swp", text);
        fs::rename(
            project.path("src/.main.py.swp"),
            project.path("src/main.py"),
        )
        .unwrap();
        until(PATIENCE, "the restart", || {
            (restarts() == restarted).then_some(())
        });
    };
    save("this is no python\n", 1);
    until(PATIENCE, "the failure", || {
        (state() == "exited").then_some(())
    });
    save(program, 2);
    until(PATIENCE, "the next start", || {
        (state() == "running").then_some(())
    });
    project.dco(&["kill", "web"]).ok();
    until(PATIENCE, "the end", || (state() == "exited").then_some(()));
    let batches = watching.said().matches("batch complete").count();
    project.write("src/other.py", "");
    until(PATIENCE, "the batch", || {
        (watching.said().matches("batch complete").count() > batches).then_some(())
    });
    assert_eq!(state(), "exited");
    assert_eq!(restarts(), 2);
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

#[test]
fn a_pipe_gets_the_words_of_docker_compose_and_what_commands_say() {
    let project = Project::new("words").file(
        "compose.yaml",
        "services:
  web:
    build: {dockerfile_inline: 'FROM busybox'}
    init: true
    command: [sleep, '300']
    stop_grace_period: 1s
    develop:
      watch:
        - {path: src, target: /src, action: sync+restart}
        - {path: exec, target: /exec, action: sync+exec, exec: {command: echo it ran}, x-initialSync: true}
        - {path: made, action: rebuild}
",
    );
    for folder in ["src", "exec", "made"] {
        project.write(&format!("{folder}/file"), "1");
    }
    let watching = Watching::start(&project, &["watch"]);
    watching.until_says(
        "x-initialSync is DEPRECATED, please use the official `initial_sync` attribute",
    );
    project.write("src/file", "2");
    watching.until_says("Syncing service \"web\" after 1 changes were detected");
    watching.until_says("service(s) [\"web\"] restarted");
    project.write("exec/file", "2");
    watching.until_says("it ran");
    project.write("made/file", "2");
    watching.until_says("Rebuilding service(s) [\"web\"] after changes were detected...");
    watching.until_says("service(s) [\"web\"] successfully built");
}
