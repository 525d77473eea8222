//! The project's own files, and those that an image is built from, edited while they are watched.

use crate::support::watching::Watching;
use crate::support::{PATIENCE, Project, until};

const BUILT: &str = "\
services:
  web:
    build: {context: ., dockerfile: docker/Dockerfile}
    command: sleep infinity
    init: true
    stop_grace_period: 0s
    environment: [\"GREETING=${GREETING:-hello}\"]
    volumes: [./:/app]
  db:
    image: busybox
    command: sleep infinity
    init: true
    stop_grace_period: 0s
";

fn built(subject: &str) -> Project {
    Project::new(subject)
        .file("compose.yaml", BUILT)
        .file(
            "docker/Dockerfile",
            "FROM busybox\nCOPY requirements.txt /requirements.txt\n",
        )
        .file("requirements.txt", "one")
}

fn id(project: &Project, service: &str) -> String {
    project.inspect(service)["Id"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn a_dependency_file_that_the_image_copies_builds_it_anew_and_nothing_else() {
    let project = built("deps");
    let watching = Watching::start(&project, &["watch"]);
    let (web, db) = (id(&project, "web"), id(&project, "db"));
    project.write("requirements.txt", "two");
    watching.until_says("requirements.txt → rebuilt");
    until(PATIENCE, "the new image in the container", || {
        let found = project.dco(&["exec", "-T", "web", "cat", "/requirements.txt"]);
        (found.stdout == "two").then_some(())
    });
    assert_ne!(id(&project, "web"), web);
    assert_eq!(id(&project, "db"), db);
}

#[test]
fn an_edited_compose_file_is_told_or_applied() {
    let project = built("edited").env("DCO_INFER", "0");
    let watching = Watching::start(&project, &["watch"]);
    let before = id(&project, "web");
    project.write("compose.yaml", &BUILT.replace("hello", "good day"));
    watching.until_says("`dco up -d` would recreate web\n");
    assert_eq!(id(&project, "web"), before);
    project.write("compose.yaml", "services: [");
    watching.until_says("not taken: it cannot be read");
    drop(watching);

    project.write("compose.yaml", BUILT);
    let watching = Watching::start(&project, &["watch", "--no-up", "--auto"]);
    let db = id(&project, "db");
    project.write(".env", "GREETING=welcome\n");
    watching.until_says(".env → applied: recreate web");
    let found = project.dco(&["exec", "-T", "web", "sh", "-c", "echo $GREETING"]);
    assert_eq!(found.stdout, "welcome\n");
    assert_eq!(id(&project, "db"), db);
    // What the new file watches is watched.
    let more =
        format!("{BUILT}    develop: {{watch: [{{path: ./src, action: sync, target: /src}}]}}\n");
    project.write("compose.yaml", &more);
    until(PATIENCE, "a second line", || {
        watching.said().contains("compose.yaml → ").then_some(())
    });
    until(PATIENCE, "the new rule's work", || {
        project.write("src/a.txt", "1");
        let found = project.dco(&["exec", "-T", "db", "cat", "/src/a.txt"]);
        (found.stdout == "1").then_some(())
    });
}
