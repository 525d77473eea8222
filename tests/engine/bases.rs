//! Builds that stand on each other's images, on platforms, and on keys of this machine.

use crate::support::capability::{Capability, needs};
use crate::support::{Project, engine};

/// `app` stands on what `base` builds, and no line but the Dockerfile says so; `base` never runs.
const COMPOSE: &str = "services:
  app:
    build:
      dockerfile_inline: |
        FROM ${COMPOSE_PROJECT_NAME}-base:1
        RUN cat /from-base
    command: cat /from-base
  base:
    image: ${COMPOSE_PROJECT_NAME}-base:1
    profiles: [images]
    build:
      args:
        WORD: ${WORD:-first}
      dockerfile_inline: |
        FROM busybox
        ARG WORD
        RUN echo $$WORD > /from-base
";

fn project(subject: &str) -> Project {
    Project::new(subject).file("compose.yaml", COMPOSE)
}

#[test]
fn what_a_dockerfile_stands_on_is_built_before_it() {
    let project = project("bases-order");
    let finished = project.dco(&["--profile", "images", "build"]).ok();
    assert_eq!(
        finished.stderr,
        " base  Building\n base  Built\n app  Building\n app  Built\n"
    );
}

#[test]
fn a_base_that_is_missing_is_built_along_and_one_that_is_there_is_left_alone() {
    let project = project("bases-along");
    let finished = project.dco(&["build", "app"]).ok();
    assert_eq!(
        finished.stderr,
        " base  Building\n base  Built\n app  Building\n app  Built\n"
    );
    let finished = project.dco(&["build", "app"]).ok();
    assert_eq!(finished.stderr, " app  Building\n app  Built\n");
}

#[test]
fn up_builds_the_missing_base_of_what_goes_up_and_does_not_start_it() {
    let project = project("bases-up");
    project.dco(&["up", "-d"]).ok();
    let names: Vec<String> = project
        .containers()
        .iter()
        .map(|one| one["Labels"]["com.docker.compose.service"].to_string())
        .collect();
    assert_eq!(names, ["\"app\""]);
    assert_eq!(
        project.dco(&["logs", "--no-log-prefix"]).ok().stdout,
        "first\n"
    );
}

#[test]
fn what_stands_on_an_image_that_is_built_anew_is_built_anew() {
    let project = project("bases-stale").env("COMPOSE_PROFILES", "images");
    project.dco(&["build"]).ok();
    let project = project.env("WORD", "second");
    let plan = project.dco(&["plan"]).exits(2).stdout;
    assert!(plan.contains("build base  (args changed)"), "{plan}");
    assert!(
        plan.contains("build app  (image of base changed)"),
        "{plan}"
    );
}

#[test]
fn platforms_that_cannot_be_built_are_refused_before_anything_is_done() {
    if !needs(Capability::BuildKit) {
        return;
    }
    let project = Project::new("bases-platforms").file(
        "compose.yaml",
        "services:
  web:
    build:
      dockerfile_inline: FROM busybox
      platforms: [linux/amd64, linux/arm64]
",
    );
    let stderr = project.dco(&["build"]).exits(1).stderr;
    assert_eq!(
        stderr,
        " web  Building\n web Error \n\
         error: Multi-platform build is not supported for the docker driver.\n\
         hint: the engine keeps images of several platforms in containerd's store only: \
         turn that on, or build for one\n"
    );
    let project = project.env("DOCKER_DEFAULT_PLATFORM", "windows/amd64");
    for verb in ["build", "up"] {
        let stderr = project.dco(&[verb]).exits(1).stderr;
        assert!(
            stderr.contains(
                "service \"web\" build.platforms does not support value set by \
                 DOCKER_DEFAULT_PLATFORM: windows/amd64\n"
            ),
            "{stderr}"
        );
    }
    assert_eq!(project.networks(), Vec::<serde_json::Value>::new());
}

/// Asks the agent for its keys, and looks for the public one among them.
const ASK: &str = "FROM python:3
COPY key.pub ask.py /
RUN --mount=type=ssh,id=mine,required=true python3 /ask.py
";

const ASK_PY: &str = "import base64, os, socket
agent = socket.socket(socket.AF_UNIX)
agent.connect(os.environ['SSH_AUTH_SOCK'])
agent.sendall(b'\\0\\0\\0\\1\\x0b')
answer = agent.recv(4096)
assert base64.b64decode(open('/key.pub').read().split()[1]) in answer, answer
";

#[test]
fn a_file_of_a_key_serves_as_the_agent_of_a_build() {
    if !needs(Capability::BuildKit) {
        return;
    }
    let keys = concat!(env!("CARGO_MANIFEST_DIR"), "/src/engine/build/testdata");
    let read = |name: &str| std::fs::read_to_string(format!("{keys}/{name}")).expect(name);
    let project = Project::new("bases-ssh")
        .file(
            "compose.yaml",
            "services:\n  web:\n    build:\n      context: .\n      ssh: [mine=./key]\n",
        )
        .file("Dockerfile", ASK)
        .file("ask.py", ASK_PY)
        .file("key", &read("ed25519"))
        .file("key.pub", &read("ed25519.pub"));
    project.dco(&["build"]).ok();
    let project = project
        .file("compose.yaml", "services:\n  web:\n    build: .\n")
        .file("locked", &read("passphrase"));
    let refused = project.dco(&["build", "--ssh", "mine=locked"]).exits(1);
    assert!(
        refused.stderr.contains(
            "error: `locked` is neither an SSH agent's socket nor a key: a passphrase protects it\n"
        ),
        "{}",
        refused.stderr
    );
    let refused = project.dco(&["build", "--ssh", ""]).exits(1);
    assert!(
        refused
            .stderr
            .contains("error: invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set\n"),
        "{}",
        refused.stderr
    );
    assert_ne!(
        engine::get(&format!("/images/{}-web/json", project.name())),
        serde_json::Value::Null
    );
}
