//! Live reload: a saved file is in the container, or its program is told, attached or not.

mod bind;
mod detached;
mod edited;
mod outlives;
mod poke;
mod quiet;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::support::capability::{Capability, needs};
use crate::support::trees::{self, Numbers, Storm};
use crate::support::watching::{self, Watching, log};
use crate::support::{PATIENCE, Project, engine, until};

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
            let mut outside = trees::outside(&project.path("src"));
            outside.retain(|path, _| !path.contains("skip") && !path.contains("cache"));
            (trees::inside(&project, "web", "/app") == outside).then_some(())
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
    let inside = trees::inside(&project, "web", "/app");
    assert!(
        inside
            .keys()
            .all(|path| !path.contains("skip") && !path.contains("cache")),
        "{inside:?}"
    );
}

/// Waits until the container of `web` has what is in `src`.
#[track_caller]
fn settled(project: &Project) {
    let context = || fs::read_to_string(log(project)).unwrap_or_default();
    let top = project.path("src");
    trees::become_equal((project, "web", "/app"), &top, PATIENCE, context);
}

/// Six hundred changes of a few files, and then equal trees.
fn storm(project: &Project, _watching: &Watching) {
    let root = project.path("src");
    let mut storm = Storm {
        root: &root,
        files: 200,
        numbers: Numbers(u64::from(std::process::id())),
        steps: 0,
    };
    while storm.steps < 600 {
        storm.change();
    }
    settled(project);
}

#[test]
fn a_storm_of_random_changes_ends_with_equal_trees() {
    let project = Project::new("storm").file("compose.yaml", SYNCED);
    fs::create_dir(project.path("src")).unwrap();
    storm(&project, &Watching::start(&project, &["watch"]));
}

/// As with an engine on another machine: what runs there is not to be seen here.
#[test]
fn a_storm_that_the_engine_unpacks_ends_with_equal_trees() {
    let project = Project::new("stormed").file("compose.yaml", SYNCED);
    fs::create_dir(project.path("src")).unwrap();
    project.dco(&["up", "-d"]).ok();
    let command = watching::elsewhere(&project);
    storm(&project, &Watching::spawn(&project, command));
}

#[test]
fn a_mount_below_a_synced_folder_is_never_emptied() {
    if !needs(Capability::Here) {
        return;
    }
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

/// The engine's archives end below such a mount: only root, beside the engine, reaches it.
#[test]
fn what_is_synced_reaches_a_tmpfs_mount_and_belongs_to_the_containers_user() {
    if !needs(Capability::Here) {
        return;
    }
    let file = SYNCED.replace(
        "    init:",
        "    user: '1000:1001'\n    tmpfs: ['/app']\n    init:",
    );
    let project = Project::new("tmpfs").file("compose.yaml", &file);
    fs::create_dir(project.path("src")).unwrap();
    let _watching = Watching::start(&project, &["watch"]);
    project.write("src/sub/a.txt", "1");
    let look = [
        "exec",
        "-T",
        "web",
        "sh",
        "-c",
        "stat -c '%u:%g %n' /app/sub /app/sub/a.txt",
    ];
    until(PATIENCE, "the file in the container", || {
        let found = project.dco(&look).stdout;
        (found == "1000:1001 /app/sub\n1000:1001 /app/sub/a.txt\n").then_some(())
    });
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
fn a_rebuild_takes_along_what_runs_on_the_image_and_starts_nothing_else() {
    let project = Project::new("standing").file("word", "one\n").file(
        "compose.yaml",
        "\
services:
  app:
    build: {dockerfile_inline: 'FROM ${COMPOSE_PROJECT_NAME}-base'}
    init: true
    stop_grace_period: 0s
    command: sh -c 'cat /word; exec sleep 600'
  base:
    build:
      dockerfile_inline: |
        FROM busybox
        COPY word /word
    init: true
    stop_grace_period: 0s
    command: sleep 600
    depends_on: [task]
    develop: {watch: [{path: ./word, action: rebuild}]}
  task: {image: busybox, command: 'true'}
  stopped: {image: busybox, init: true, stop_grace_period: 0s, command: sleep 600}
",
    );
    project.dco(&["up", "-d"]).ok();
    project.dco(&["stop", "stopped"]).ok();
    let ended = || ["task", "stopped"].map(|service| watching::started_at(&project, service));
    let before = ended();
    let _watching = Watching::start(&project, &["watch", "--no-up"]);
    let says = |word: &str| {
        until(PATIENCE, word, || {
            let said = project.dco(&["logs", "--no-log-prefix", "app"]).stdout;
            (said == word).then_some(())
        });
    };
    says("one\n");
    project.write("word", "two\n");
    says("two\n");
    assert_eq!(ended(), before);
}

#[test]
fn a_rebuild_is_quiet_and_leaves_no_image_behind_where_that_is_wanted() {
    if !needs(Capability::ClassicBuilder) {
        return;
    }
    let project = Project::new("prune")
        .file(
            "compose.yaml",
            "\
services:
  web:
    build: .
    command: sleep infinity
    init: true
    stop_grace_period: 0s
    develop: {watch: [{path: ./page, action: rebuild}]}
",
        )
        .file("Dockerfile", "FROM busybox\nCOPY page /page\n")
        .file("page", "one");
    let images = || engine::images(&project.label()).len();
    for (args, page, left) in [
        (&["watch", "--prune=false"][..], "two", 2),
        (&["watch", "--quiet"], "three", 1),
    ] {
        let watching = Watching::start(&project, args);
        project.write("page", page);
        until(PATIENCE, page, || {
            let found = project.dco(&["exec", "-T", "web", "cat", "/page"]);
            (found.stdout == page).then_some(())
        });
        until(PATIENCE, &format!("{left} images after {args:?}"), || {
            (images() == left).then_some(())
        });
        let is_told = watching.said().contains("COPY page /page");
        assert_eq!(is_told, !args.contains(&"--quiet"), "{}", watching.said());
    }
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
