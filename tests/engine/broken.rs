//! Projects that cannot work: said with file, line and column before anything of theirs starts.

use crate::support::Project;

#[test]
fn a_command_in_one_list_item_is_refused_with_its_place_and_the_line_to_write() {
    let project = Project::new("onestring").file(
        "compose.yaml",
        "services:\n  web:\n    image: busybox\n    command:\n      - sleep 600\n",
    );
    let up = project.dco(&["up", "-d"]);
    assert_eq!(up.code, 1, "{up:?}");
    let said = "\
error: service `web` cannot start: its command is one word with blanks, `sleep 600`
 --> compose.yaml:5:9
  |
5 |       - sleep 600
  |         ^^^^^^^^^
hint: write `command: sleep 600`";
    assert!(up.stderr.contains(said), "{}", up.stderr);
    assert_eq!(project.containers().len(), 0);
}

#[test]
fn a_dependent_is_started_when_the_port_of_its_environment_listens() {
    let project = Project::new("inferred").file(
        "compose.yaml",
        "\
services:
  db:
    image: python:3
    entrypoint: []
    command: [python3, -c, \"import time, socket; time.sleep(1.5); s = socket.socket(); s.bind(('0.0.0.0', 5432)); s.listen(); time.sleep(600)\"]
  web:
    image: busybox
    environment: {DB_HOST: db, DB_PORT: '5432'}
    command: sh -c 'nc -w 1 db 5432 </dev/null && sleep 600'
",
    );
    let up = project.dco(&["up", "-d"]);
    assert_eq!(up.code, 0, "{up:?}");
    let states: Vec<String> = project
        .containers()
        .iter()
        .map(|one| one["State"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(states, ["running", "running"], "{up:?}");
}

#[test]
fn a_long_wait_names_who_waits_and_for_what() {
    let project = Project::new("stillwaiting").file(
        "compose.yaml",
        "\
services:
  db:
    image: python:3
    entrypoint: []
    command: [python3, -c, \"import time, socket; time.sleep(6.5); s = socket.socket(); s.bind(('0.0.0.0', 5432)); s.listen(); time.sleep(600)\"]
  django:
    image: busybox
    init: true
    environment: {DB_HOST: db, DB_PORT: '5432'}
    command: sleep 600
",
    );
    let up = project.dco(&["up", "-d"]).ok();
    let said = "django is still waiting for db:5432 (5 s)\n";
    assert!(up.stderr.contains(said), "{}", up.stderr);
}
