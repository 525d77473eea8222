//! `pull` where no registry answers: what is left out, what fails, and what that means.

use crate::support::{Project, engine};

fn project() -> Project {
    Project::new("pull").file(
        "compose.yaml",
        "\
services:
  built: {build: .}
  either: {image: 'nosuch.invalid/either:1', build: .}
  here: {image: '${COMPOSE_PROJECT_NAME}:here', pull_policy: missing}
  lost: {image: 'nosuch.invalid/lost:1'}
  never: {image: 'nosuch.invalid/never:1', pull_policy: never}
  twin: {image: 'nosuch.invalid/lost:1', depends_on: [never]}
",
    )
}

#[test]
fn what_need_not_be_pulled_is_left_out_and_said() {
    let project = project();
    let args = ["pull", "--ignore-buildable", "built", "either", "never"];
    let done = project.dco(&args).ok();
    for line in [
        "built Skipped - No image to be pulled",
        "either Skipped - Image can be built",
        "never Skipped",
    ] {
        assert!(done.stderr.contains(line), "{}", done.stderr);
    }
    let image = format!("{}:here", project.name());
    let tagged = format!("/images/busybox/tag?repo={}&tag=here", project.name());
    assert_eq!(engine::call("POST", &tagged).status, 201);
    let done = project.dco(&["pull", "here"]);
    engine::call("DELETE", &format!("/images/{image}"));
    let present = "here Skipped - Image is already present locally";
    assert!(done.ok().stderr.contains(present));
    let done = project.dco(&["pull", "twin"]).exits(1);
    assert!(!done.stderr.contains("never"), "{}", done.stderr);
    let done = project.dco(&["pull", "--include-deps", "twin"]).exits(1);
    assert!(done.stderr.contains("never Skipped"), "{}", done.stderr);
}

#[test]
fn a_failed_pull_fails_unless_ignored_and_an_image_is_pulled_once() {
    let project = project();
    let done = project.dco(&["pull", "lost", "twin"]).exits(1);
    let said = &done.stderr;
    assert!(said.contains("lost Pulling"), "{said}");
    assert!(said.contains("lost Error"), "{said}");
    let twin = "twin Skipped - Image is already being pulled by lost";
    assert!(said.contains(twin), "{said}");
    assert!(
        said.contains("error: cannot pull `nosuch.invalid/lost:1`"),
        "{said}"
    );

    let done = project
        .dco(&["pull", "--ignore-pull-failures", "lost"])
        .ok();
    assert!(done.stderr.contains("lost Error"), "{}", done.stderr);

    let done = project.dco(&["pull", "either"]).exits(1);
    assert!(done.stderr.contains("either Warning"), "{}", done.stderr);
    let advice = "must be built from source by running:\n             dco build either\n";
    assert!(done.stderr.contains(advice), "{}", done.stderr);
}
