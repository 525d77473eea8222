//! What dco remembers and tells: recreate reasons, `why`, `timeline`.

use std::os::unix::fs::PermissionsExt;

use regex::Regex;
use serde_json::Value;

use crate::support::Project;
use crate::support::capability::{Capability, needs};

fn file(debug: u32, password: &str) -> String {
    format!(
        "\
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    environment:
      DEBUG: \"{debug}\"
      DB_PASSWORD: {password}
    depends_on: [db]
  db:
    image: busybox
    init: true
    command: nc -lk -p 5432 -e true
    expose: [\"5432\"]
"
    )
}

/// What differs from run to run is made the same.
fn steady(text: &str, project: &Project) -> String {
    let text = text.replace(project.name(), "app");
    let mut text = text;
    for (pattern, with) in [
        (r"\b[0-9a-f]{12}_", "ID_"),
        (r"\b[0-9a-f]{12}\b", "ID"),
        (r"(less than a second|\d+ seconds?)( ago)?", "NOW"),
        (r"made (about )?(an?|\d+) [a-z]+ ago", "made THEN"),
        (r"(< 1|\d+) ms|\d+\.\d+ s", "SPAN"),
        (r"[━╸╺─╴╶]+", "~"),
        (r" *~ *", " ~ "),
    ] {
        let regex = Regex::new(pattern).expect("a pattern");
        text = regex.replace_all(&text, with).into_owned();
    }
    text
}

fn up(project: &Project) -> String {
    project.dco(&["up", "-d", "--no-settle"]).ok().stderr
}

#[test]
fn a_replaced_container_is_told_by_its_fields_with_and_without_memory() {
    let project = Project::new("fields").file("compose.yaml", &file(0, "old"));
    up(&project);
    project.write("compose.yaml", &file(1, "new"));
    let planned = |project: &Project| {
        let plan = project.dco(&["plan"]).exits(2).stdout;
        steady(plan.lines().next().unwrap_or_default(), project)
    };
    let told = "#1 create ID_app-web-1  (config changed: \
                environment.DB_PASSWORD changed, and is not shown (compose.yaml:8); \
                environment.DEBUG 0 → 1 (compose.yaml:7))";
    assert_eq!(planned(&project), told, "from memory");
    let history = project.state().join("history");
    let kept: Vec<_> = std::fs::read_dir(&history).expect("a history").collect();
    let kept = kept[0].as_ref().expect("a file").path();
    let mode = std::fs::metadata(&kept).expect("it").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(&kept).expect("text");
    assert!(!text.contains("\"old\""), "no secret is kept: {text}");
    std::fs::write(&kept, &text[..text.len() / 2]).expect("half a file");
    assert_eq!(planned(&project), told, "from what the engine says");
    std::fs::remove_dir_all(&history).expect("forgotten");
    assert_eq!(planned(&project), told, "from what the engine says");
    let said = up(&project);
    assert!(
        said.contains("web is made anew: config changed: environment.DB_PASSWORD changed"),
        "{said}"
    );
    assert!(!said.contains("db is made anew"), "{said}");
}

#[test]
fn why_and_timeline_tell_the_last_up() {
    if !needs(Capability::ShortNames) {
        return;
    }
    let project = Project::new("why").file("compose.yaml", &file(0, "old"));
    let none = project.dco(&["why", "web"]).ok();
    assert_eq!(
        steady(&none.stdout, &project),
        "web  compose.yaml:2\n\n`dco up` would create app-web-1 (missing)\n"
    );
    up(&project);
    let timeline = project.dco(&["timeline"]).ok().stdout;
    let mut lines: Vec<String> = steady(&timeline, &project)
        .lines()
        .filter(|line| line.contains('~') && !line.contains("critical path"))
        .map(|line| line.split('~').next().unwrap_or_default().trim().to_owned())
        .collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            "create db-1",
            "create network default",
            "create web-1",
            "start db-1",
            "start web-1",
            "wait for db:5432"
        ]
    );
    for line in timeline.lines().skip(2) {
        assert!(
            line.chars().count() <= 80 && !line.contains('\x1b'),
            "{line}"
        );
    }
    project.write("compose.yaml", &file(1, "old"));
    up(&project);
    let why = project.dco(&["why", "web"]).ok().stdout;
    assert_eq!(
        steady(&why, &project),
        "\
web  compose.yaml:2

app-web-1  running for NOW
  made      NOW by `dco up`: config changed:
              environment.DEBUG  0 → 1  compose.yaml:7
  waited    SPAN  db:5432  depends_on, compose.yaml:9
  image     busybox ID  was here already, made THEN

`dco up` would leave it as it is
"
    );
    let json = project.dco(&["why", "web", "--format", "json"]).ok().stdout;
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["containers"][0]["made"]["changes"][0]["old"], "0");
    let json = project.dco(&["timeline", "--format", "json"]).ok().stdout;
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        (&json["verb"], &json["ending"]),
        (&"up".into(), &"done".into())
    );
    let steps = json["steps"].as_array().expect("steps");
    assert!(steps.iter().any(|step| step["critical"] == true));
    project.dco(&["down"]).ok();
    let down = project.dco(&["timeline", "down"]).ok().stdout;
    assert!(down.contains("remove network"), "{down}");
    let other = project.dco(&["timeline", "pause"]).exits(1).stderr;
    assert!(
        other.ends_with("hint: there is one of: down, up\n"),
        "{other}"
    );
}

#[test]
fn a_state_folder_that_cannot_be_written_costs_one_line() {
    let project = Project::new("readonly").file("compose.yaml", &file(0, "old"));
    std::fs::write(project.state(), "in the way").expect("a file in its place");
    let said = up(&project);
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("remembered"))
        .collect();
    assert_eq!(lines.len(), 1, "{said}");
    assert!(lines[0].starts_with("what was done is not remembered: "));
    project.dco(&["why", "web"]).ok();
}

#[test]
fn labels_are_those_of_the_compose_that_is_installed_here() {
    let project = Project::new("plugin")
        .file("compose.yaml", &file(0, "old"))
        .without_env("DCO_COMPOSE_HASH");
    let plugin = |project: &Project, vendor: &str, version: &str| {
        let folder = project
            .dir()
            .with_file_name(".home")
            .join(".docker/cli-plugins");
        std::fs::create_dir_all(&folder).expect("a folder for plugins");
        let path = folder.join("docker-compose");
        let script = format!(
            "#!/bin/sh\necho asked >> {}\necho '{{\"Vendor\":\"{vendor}\",\"Version\":\"{version}\"}}'\n",
            project.path("asked").display()
        );
        std::fs::write(&path, script).expect("a plugin");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("its mode");
    };
    let label = |project: &Project| {
        project.inspect("db")["Config"]["Labels"]["com.docker.compose.version"].clone()
    };
    let make = |project: &Project| project.dco(&["create", "--force-recreate", "db"]).ok();
    make(&project);
    // That of a plugin for everybody on this machine, if there is one.
    let without = label(&project);
    plugin(&project, "Docker Inc.", "v2.38.1");
    make(&project);
    assert_eq!(label(&project), "2.38.1");
    make(&project);
    let asked = std::fs::read_to_string(project.path("asked")).expect("it was asked");
    assert_eq!(asked.lines().count(), 1, "it is asked once");
    plugin(&project, "dco", "2.40.3-of-dco-itself");
    make(&project);
    assert_eq!(label(&project), without);
    let project = project.env("DCO_COMPOSE_HASH", "5");
    make(&project);
    assert_eq!(label(&project), "5.5.0");
}

#[test]
fn what_build_made_and_how_long_an_up_settled_are_remembered() {
    let project = Project::new("told")
        .file("Dockerfile", "FROM busybox\nLABEL told=yes\n")
        .file(
            "compose.yaml",
            "services:\n  web:\n    build: .\n    init: true\n    command: sleep 600\n",
        );
    project.dco(&["build"]).ok();
    let build = project.dco(&["timeline", "build"]).ok().stdout;
    assert!(
        build.starts_with("build of dcot-told-") && build.contains("\n build web "),
        "{build}"
    );
    project.dco(&["up", "-d"]).ok();
    let up = project.dco(&["timeline"]).ok().stdout;
    let last = up
        .lines()
        .rfind(|line| line.contains('━') && !line.contains("path"));
    assert!(last.unwrap_or_default().starts_with(" settle "), "{up}");
    let why = project.dco(&["why", "web"]).ok().stdout;
    assert!(
        why.contains(" from Dockerfile in ") && why.contains(": requested\n"),
        "{why}"
    );
}
