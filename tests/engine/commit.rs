//! `commit`: the image has the container's files, and what the options say.

use super::exec::{project, web};
use crate::support::engine;

#[test]
fn the_image_has_the_files_the_changes_and_the_author() {
    let project = project("commit");
    web(&project, "busybox");
    project.dco(&["exec", "-T", "web", "touch", "/new"]).ok();
    let image = format!("{}:made", project.name());
    let options = ["commit", "-a", "somebody", "-m", "why", "--pause=false"];
    let rest = [
        "-c",
        "ENV A=1",
        "-c",
        "CMD [\"ls\", \"/new\"]",
        "web",
        &image,
    ];
    let done = project.dco(&[&options[..], &rest].concat());
    let made = engine::call("GET", &format!("/images/{image}/json")).body;
    let services = format!("services: {{made: {{image: '{image}'}}}}\n");
    project.write("made.yaml", &services);
    let seen = project.dco(&["-f", "made.yaml", "run", "--rm", "-T", "made"]);
    engine::call("DELETE", &format!("/images/{image}"));
    let done = done.ok();
    let id = made["Id"].as_str().expect("the image");
    assert!(
        done.stderr.contains(&format!("Committed as {id}")),
        "{}",
        done.stderr
    );
    assert_eq!(
        (&made["Author"], &made["Comment"]),
        (&"somebody".into(), &"why".into())
    );
    let variables = made["Config"]["Env"].as_array().expect("variables");
    assert!(variables.contains(&"A=1".into()), "{variables:?}");
    assert_eq!(seen.ok().stdout, "/new\n");
}

#[test]
fn without_a_running_container_there_is_nothing_to_commit() {
    let done = project("commit").dco(&["commit", "web"]).exits(1);
    let said = "error: service \"web\" is not running\n";
    assert!(done.stderr.starts_with(said), "{}", done.stderr);
}
