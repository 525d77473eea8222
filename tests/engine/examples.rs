//! Each example as its README has it: up, used, down.

use std::path::Path;

use serde_json::Value;

use crate::support::capability::{Capability, needs};
use crate::support::{PATIENCE, Project, http, until};

/// An example in a project of its own, published on whatever ports are free.
fn example(name: &str) -> Project {
    let project = Project::new(name).env("PORT", "0");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    project.copy(&root.join("examples").join(name), "");
    project
}

/// Where a service's port is published now: a restart moves one that was left to the engine.
fn published(project: &Project, service: &str, port: u16) -> Option<u16> {
    let found = project.inspect(service);
    let bindings = &found["NetworkSettings"]["Ports"][format!("{port}/tcp")];
    bindings[0]["HostPort"].as_str()?.parse().ok()
}

/// The body of a page that has to be there.
#[track_caller]
fn page(project: &Project, (service, port): (&str, u16), request: &str) -> String {
    let port = published(project, service, port).expect("a published port");
    let answer = http::exchange(port, request).expect("an answer");
    assert!(
        answer.status / 100 == 2,
        "{} {}",
        answer.status,
        answer.body
    );
    answer.body
}

/// The same as soon as it shows a text: what a reload brings.
#[track_caller]
fn until_shows(project: &Project, at: (&str, u16), text: &str) {
    until(PATIENCE, text, || {
        let answer = http::exchange(published(project, at.0, at.1)?, "GET /");
        answer.ok()?.body.contains(text).then_some(())
    });
}

/// Takes the project down, and finds nothing left of it.
#[track_caller]
fn ends(project: &Project) {
    project.dco(&["down", "--volumes"]).ok();
    let left = [project.containers(), project.networks(), project.volumes()];
    assert_eq!(left, <[Vec<Value>; 3]>::default());
}

#[test]
fn node_and_redis_count_pass_their_tests_and_reload() {
    let project = example("node-redis");
    project.dco(&["up", "-d"]).ok();
    let at = ("node", 3000);
    assert_eq!(page(&project, at, "GET /"), "Hello, visitor 1\n");
    assert_eq!(page(&project, at, "GET /"), "Hello, visitor 2\n");
    assert_eq!(project.inspect("node")["RestartCount"], 0);
    let tested = project
        .dco(&["exec", "-T", "node", "npm", "run", "test"])
        .ok();
    assert!(tested.stdout.contains("# pass 2\n"), "{}", tested.stdout);
    project.dco(&["watch", "--detach"]).ok();
    project.write(
        "src/greeting.js",
        "export const greeting = (visits) => `Welcome, visitor ${visits}\\n`;\n",
    );
    until_shows(&project, at, "Welcome, visitor 3");
    ends(&project);
}

#[test]
fn the_web_stack_migrates_first_and_shares_requests_out_to_its_replicas() {
    if !needs(Capability::InternalNames) {
        return;
    }
    let project = example("web-stack");
    project.dco(&["up", "-d"]).ok();
    let at = ("proxy", 80);
    let migrate = &project.inspect("migrate")["State"];
    assert_eq!(migrate["ExitCode"], 0);
    let ended = migrate["FinishedAt"].as_str().expect("its end").to_owned();
    for number in [1, 2] {
        let api = project.inspect_replica("api", number);
        let started = api["State"]["StartedAt"].as_str().expect("its start");
        assert!(*ended <= *started, "{ended} {started}");
        assert_eq!(api["RestartCount"], 0);
    }
    assert!(project.inspect("sql").is_null());
    let added = page(&project, at, "POST /notes\nbuy milk");
    assert!(added.starts_with(r#"{"id": 1, "#), "{added}");
    let listed =
        |_| -> Value { serde_json::from_str(&page(&project, at, "GET /notes")).expect("JSON") };
    let mut from: Vec<String> = (0..4)
        .map(listed)
        .inspect(|list| assert_eq!(list["notes"][0]["text"], "buy milk"))
        .map(|list| list["from"].to_string())
        .collect();
    from.sort();
    from.dedup();
    assert_eq!(from.len(), 2, "{from:?}");
    let select = ["run", "--rm", "-T", "sql", "-e", "SELECT * FROM notes"];
    assert_eq!(project.dco(&select).ok().stdout, "id\ttext\n1\tbuy milk\n");
    ends(&project);
}

#[test]
fn a_version_2_file_runs_with_its_links_and_the_volumes_of_another() {
    if !needs(Capability::Links) {
        return;
    }
    let project = example("legacy-v2");
    project.dco(&["up", "-d"]).ok();
    let at = ("web", 80);
    assert_eq!(page(&project, at, "GET /"), "Hello, visitor 1\n");
    let listed = project.dco(&[
        "ps",
        "-a",
        "--format",
        "{{.Service}} {{.State}} {{.ExitCode}}",
    ]);
    let mut listed: Vec<String> = listed.ok().stdout.lines().map(str::to_owned).collect();
    listed.sort();
    assert_eq!(
        listed,
        ["counter running 0", "pages exited 0", "web running 0"]
    );
    let kept = project.dco(&["exec", "-T", "web", "cat", "/srv/uploads/last.txt"]);
    assert_eq!(kept.ok().stdout, "Hello, visitor 1\n");
    ends(&project);
}
