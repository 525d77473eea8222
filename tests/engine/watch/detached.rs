//! The watcher that stays.

use std::fs;

use super::SYNCED;
use crate::support::{PATIENCE, Project, until};

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
fn a_watcher_that_cannot_begin_says_why_at_once() {
    let project = Project::new("vain").file(
        "compose.yaml",
        "services: {web: {image: busybox, command: sleep infinity, stop_grace_period: 0s}}\n",
    );
    let said = project.dco(&["up", "-d", "--watch"]).exits(1);
    assert!(
        said.stderr
            .contains("none of the selected services is configured for watch"),
        "{}",
        said.stderr
    );
}
