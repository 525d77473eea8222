//! Which edits make an image stale, and what names them.

use crate::support::Project;
use crate::support::capability::{Capability, needs};

const COMPOSE: &str = "\
services:
  args:
    build: {context: args, target: \"${TARGET:-one}\", args: {VERSION: \"${VERSION:-1}\"}}
  bind:
    build: bind
  globs:
    build: globs
  inline:
    build:
      context: inline
      dockerfile_inline: |
        FROM busybox
        COPY in.txt /in.txt
        RUN echo ${WORD:-a}
  mounted:
    build: mounted
    volumes: [\"./mounted:/app\"]
  outside:
    build: {context: outside, dockerfile: ../elsewhere/Dockerfile}
  plain:
    build: plain
  stages:
    build: stages
";

fn project() -> Project {
    Project::new("stale")
        .file("compose.yaml", COMPOSE)
        .file(
            "args/Dockerfile",
            "FROM busybox AS one\nARG VERSION\nFROM one AS two\nRUN true\n",
        )
        .file(
            "bind/Dockerfile",
            "FROM busybox\nRUN --mount=type=bind,source=in,target=/in cat /in/x\n",
        )
        .file("bind/in/x", "1")
        .file("bind/out/x", "1")
        .file(
            "globs/Dockerfile",
            "FROM busybox\nCOPY *.conf conf.d /etc/\n",
        )
        .file("globs/a.conf", "1")
        .file("globs/b.txt", "1")
        .file("globs/conf.d/c", "1")
        .file("inline/in.txt", "1")
        .file("inline/out.txt", "1")
        .file(
            "mounted/Dockerfile",
            "FROM busybox\nCOPY deps.txt /app/\nRUN cat /app/deps.txt\nCOPY . /app\n",
        )
        .file("mounted/deps.txt", "1")
        .file("mounted/views.py", "1")
        .file("elsewhere/Dockerfile", "FROM busybox\nCOPY x /x\n")
        .file("elsewhere/x", "1")
        .file("outside/x", "1")
        .file("plain/Dockerfile", "FROM busybox\nCOPY . /srv\n")
        .file("plain/.dockerignore", "*.log\nDockerfile*\n.dockerignore\n")
        .file("plain/a.log", "1")
        .file("plain/src/main", "1")
        .file("plain/.git/index", "1")
        .file(
            "stages/Dockerfile",
            "FROM busybox AS unused\nCOPY unused /u\nFROM busybox AS base\nCOPY lib /lib2\n\
             FROM busybox\nCOPY --from=base /lib2 /lib2\n",
        )
        .file("stages/unused", "1")
        .file("stages/lib/a", "1")
}

/// The builds that `up` would do, and what is said of Dockerfiles nobody builds.
fn builds(project: &Project, (key, value): (&str, &str), args: &[&str]) -> String {
    let mut command = project.command(&[&["plan"], args].concat());
    command.env(key, value);
    let done = project.finish(command, "").exits(2);
    let builds = done
        .stdout
        .lines()
        .filter(|line| line.contains(" build "))
        .map(|line| line.split_once(' ').map_or("", |(_, rest)| rest));
    let notes = done.stderr.lines().filter(|line| line.contains("changed"));
    builds.chain(notes).collect::<Vec<_>>().join("\n")
}

#[test]
fn an_edit_makes_an_image_stale_if_its_build_takes_the_file_and_no_mount_covers_it() {
    let project = project();
    project.dco(&["build", "--quiet"]).ok();
    let planned = || builds(&project, ("UNUSED", ""), &[]);
    assert_eq!(planned(), "", "what was just built is fresh");
    for (path, expected) in [
        ("bind/in/x", "build bind  (in/x changed)"),
        ("bind/out/x", ""),
        ("globs/a.conf", "build globs  (a.conf changed)"),
        ("globs/b.txt", ""),
        ("globs/conf.d/c", "build globs  (conf.d/c changed)"),
        ("inline/in.txt", "build inline  (in.txt changed)"),
        ("inline/out.txt", ""),
        ("mounted/deps.txt", "build mounted  (deps.txt changed)"),
        ("mounted/views.py", ""),
        ("elsewhere/x", ""),
        ("outside/x", "build outside  (x changed)"),
        ("plain/a.log", ""),
        ("plain/new", "build plain  (new changed)"),
        ("plain/src/main", "build plain  (src/main changed)"),
        ("plain/.git/index", ""),
        ("stages/lib/a", "build stages  (lib/a changed)"),
        ("stages/unused", ""),
    ] {
        let before = std::fs::read_to_string(project.path(path));
        project.write(path, "another");
        assert_eq!(planned(), expected, "{path}");
        match before {
            Ok(text) => project.write(path, &text),
            Err(_) => std::fs::remove_file(project.path(path)).expect("it is there"),
        }
    }
    assert_eq!(
        planned(),
        "",
        "what is as it was is fresh, whenever it was written"
    );
    project.write("elsewhere/Dockerfile", "FROM busybox\nCOPY x /y\n");
    let never = builds(&project, ("UNUSED", ""), &["--no-build"]);
    assert_eq!(never, "", "--no-build");
    let name = project.path("elsewhere/Dockerfile");
    let expected = format!("build outside  ({} changed)", name.display());
    assert_eq!(
        planned().replace(
            "../elsewhere",
            &project.path("elsewhere").display().to_string()
        ),
        expected
    );
    project.write("elsewhere/Dockerfile", "FROM busybox\nCOPY x /x\n");
    let with = |key, value| builds(&project, (key, value), &[]);
    assert_eq!(with("VERSION", "2"), "build args  (args changed)");
    assert_eq!(with("TARGET", "two"), "build args  (target changed)");
    assert_eq!(
        with("WORD", "b"),
        "build inline  (dockerfile_inline changed)"
    );
    assert_eq!(with("DCO_STRICT", "compose"), "");
    project.write("plain/Dockerfile.old", "FROM busybox\n");
    project.dco(&["build", "--quiet", "plain"]).ok();
    project.write("plain/Dockerfile.old", "FROM scratch\n");
    assert_eq!(
        planned(),
        "`Dockerfile.old` changed, and every service builds `Dockerfile`"
    );
}

#[test]
fn every_verb_that_makes_containers_builds_what_is_stale_and_a_foreign_image_is_fresh() {
    let file = "services:\n  web:\n    build: .\n    command: sleep 600\n    init: true\n";
    let project = Project::new("verbs")
        .file("compose.yaml", file)
        .file("Dockerfile", "FROM busybox\nCOPY word /word\n")
        .file("word", "0");
    project.dco(&["up", "-d"]).ok();
    let image = || {
        project.inspect("web")["Image"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let mut before = image();
    for (number, args) in [
        &["create"][..],
        &["scale", "web=1"],
        &["up", "-d", "--no-settle"],
    ]
    .iter()
    .enumerate()
    {
        project.write("word", &format!("{}", number + 1));
        let dry = [&["--dry-run"], *args].concat();
        let told = project.dco(&dry).ok().stdout;
        assert!(told.contains("build web  (word changed)"), "{told}");
        let said = project.dco(args).ok().stderr;
        assert!(said.contains("web is built anew: word changed\n"), "{said}");
        let after = image();
        assert_ne!(after, before, "{args:?}");
        before = after;
    }
    project.write("word", "run");
    let run = project
        .dco(&["run", "--rm", "-T", "web", "cat", "/word"])
        .ok();
    assert_eq!(run.stdout.lines().last(), Some("run"), "{}", run.stdout);
    std::fs::remove_dir_all(project.state()).expect("forgotten");
    project.write("word", "unknown");
    let plan = project.dco(&["plan"]).stdout;
    assert!(!plan.contains("build"), "{plan}");
}

#[test]
fn what_a_build_argument_of_the_command_line_made_is_not_stale() {
    let project = Project::new("stale-arg")
        .file(
            "compose.yaml",
            "services:\n  web:\n    build:\n      context: .\n      args: {WORD: file}\n    command: cat /word\n",
        )
        .file("Dockerfile", "FROM busybox\nARG WORD\nRUN echo $WORD > /word\n");
    project.dco(&["build", "--build-arg", "WORD=given"]).ok();
    project.dco(&["up", "-d"]).ok();
    let logs = |project: &Project| project.dco(&["logs", "--no-log-prefix"]).ok().stdout;
    assert_eq!(logs(&project), "given\n");
    project.write(
        "Dockerfile",
        "FROM busybox\nARG WORD\nRUN echo new $WORD > /word\n",
    );
    project.dco(&["up", "-d"]).ok();
    assert!(logs(&project).ends_with("new file\n"), "{}", logs(&project));
}

#[test]
fn a_mounted_image_that_is_built_anew_is_seen_after_the_same_up() {
    if !needs(Capability::ImageMounts) {
        return;
    }
    let project = Project::new("image-mount").file(
        "compose.yaml",
        "services:
  data: {build: data, command: 'true'}
  web:
    image: busybox
    init: true
    command: sleep 600
    depends_on: {data: {condition: service_started}}
    volumes: [{type: image, source: '${COMPOSE_PROJECT_NAME}-data', target: /data}]
",
    );
    project.write("data/Dockerfile", "FROM busybox\nCOPY value /value\n");
    let mut ids = Vec::new();
    for value in ["one", "two", "two"] {
        project.write("data/value", value);
        project.dco(&["up", "-d"]).ok();
        let shown = project
            .dco(&["exec", "-T", "web", "cat", "/data/value"])
            .ok();
        assert_eq!(shown.stdout, value);
        ids.push(project.inspect("web")["Id"].clone());
    }
    assert!(ids[0] != ids[1] && ids[1] == ids[2], "{ids:?}");
}
