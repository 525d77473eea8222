//! Two directories of one name, on a real engine.

use std::process::Command;

use crate::support::Project;

const ONE: &str = "services: {web: {image: busybox, init: true, command: sleep 600}}\n";

/// `dco` in a directory of the same name elsewhere.
fn elsewhere(project: &Project, root: &std::path::Path, args: &[&str]) -> Command {
    let twin = root.join(project.name());
    std::fs::create_dir_all(&twin).expect("a folder");
    std::fs::write(twin.join("compose.yaml"), ONE).expect("a file");
    let mut command = project.command(args);
    command.current_dir(twin);
    command
}

#[test]
fn another_directory_of_the_same_name_is_not_taken_over_unless_asked() {
    let project = Project::new("twins").file("compose.yaml", ONE);
    project.dco(&["up", "-d"]).ok();
    let before = project.inspect("web")["Id"].clone();
    let root = tempfile::tempdir().expect("a folder");
    for args in [&["up", "-d"][..], &["down"], &["stop"]] {
        let refused = project
            .finish(elsewhere(&project, root.path(), args), "")
            .exits(1);
        let said = format!("error: project `{}` belongs to another", project.name());
        assert!(refused.stderr.contains(&said), "{}", refused.stderr);
    }
    assert_eq!(project.inspect("web")["Id"], before);
    assert_eq!(project.inspect("web")["State"]["Running"], true);
    let looks = project.finish(elsewhere(&project, root.path(), &["ps", "-q"]), "");
    assert_eq!(
        looks.ok().stdout.trim(),
        before.as_str().unwrap_or_default()
    );
    let adopted = elsewhere(&project, root.path(), &["down", "--adopt"]);
    project.finish(adopted, "").ok();
    assert!(project.containers().is_empty());
}

#[test]
fn a_project_whose_directory_is_gone_has_moved() {
    let project = Project::new("moved").file("compose.yaml", ONE);
    project.dco(&["up", "-d"]).ok();
    std::fs::remove_file(project.path("compose.yaml")).expect("it was there");
    let root = tempfile::tempdir().expect("a folder");
    let down = project
        .finish(elsewhere(&project, root.path(), &["down"]), "")
        .ok();
    assert!(
        down.stderr.contains("is taken over here\n"),
        "{}",
        down.stderr
    );
    assert!(project.containers().is_empty());
}
