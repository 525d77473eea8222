//! The helpers keep what they promise.

use std::io::Write;

use crate::support::capability::engine_name;
use crate::support::{Project, engine};

#[test]
fn an_engine_answers() {
    assert_eq!(engine::call("GET", "/_ping").status, 200);
    // Not by a macro: the table of engines is made of what shows.
    let name = engine_name();
    let _ = writeln!(std::io::stderr(), "engine of these tests: {name}");
}

#[test]
fn a_dropped_project_leaves_nothing_on_the_engine() {
    let project = Project::new("sweep");
    let label = project.label();
    let (key, value) = label.split_once('=').expect("a label");
    let name = project.name();
    let labels = format!(r#"{{"{key}":"{value}"}}"#);
    let volume = engine::send(
        "POST",
        "/volumes/create",
        &format!(r#"{{"Name":"{name}","Labels":{labels}}}"#),
    );
    assert_eq!(volume.status, 201, "{}", volume.body);
    let container = engine::send(
        "POST",
        "/containers/create",
        &format!(
            r#"{{"Image":"busybox","Cmd":["sleep","60"],"Labels":{labels},"HostConfig":{{"Binds":["{name}:/data"]}}}}"#
        ),
    );
    assert_eq!(container.status, 201, "{}", container.body);
    let id = container.body["Id"].as_str().expect("its id");
    assert_eq!(
        engine::call("POST", &format!("/containers/{id}/start")).status,
        204
    );
    assert_eq!(
        (project.containers().len(), project.volumes().len()),
        (1, 1)
    );

    drop(project);

    assert!(engine::containers(&label).is_empty());
    assert!(engine::volumes(&label).is_empty());
}
