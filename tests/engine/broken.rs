//! Projects that cannot work: said with file, line and column before anything of theirs starts.

use crate::support::Project;
use crate::support::capability::{Capability, needs};

#[test]
fn a_command_in_one_list_item_is_refused_with_its_place_and_the_line_to_write() {
    let project = Project::new("onestring").file(
        "compose.yaml",
        "services:\n  web:\n    image: busybox\n    command:\n      - sleep 600\n",
    );
    let up = project.dco(&["up", "-d"]);
    assert_eq!(up.code, 1, "{up:?}");
    let said = "\
error: service `web` cannot start: its command is one word with blanks, `sleep 600` [one-string-command]
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
    if !needs(Capability::Names) {
        return;
    }
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

#[test]
fn what_dies_after_its_start_is_explained_by_a_card() {
    let project = Project::new("card").file(
        "compose.yaml",
        "\
services:
  db:
    image: busybox
    init: true
    command: sleep 600
  web:
    image: busybox
    depends_on: [db]
    command: [sh, -c, 'echo could not connect to server db port 5432 >&2; exit 2']
",
    );
    let up = project.dco(&["up", "-d"]).exits(1);
    let (_, card) = up.stderr.split_once("error: ").unwrap_or_default();
    let (headline, rest) = card.split_once('\n').unwrap_or_default();
    assert!(
        headline.starts_with("service `web` exited with 2 after 0."),
        "{}",
        up.stderr
    );
    assert_eq!(
        rest,
        "         log:
           could not connect to server db port 5432
         depends on:
           db: running
hint: it was refused by `db:5432`, which it does not wait for [connection-refused]
hint: add `x-dco: {wait: [\"db:5432\"]}` to `web`
"
    );
}

#[test]
fn a_dependency_that_never_gets_healthy_shows_its_own_words() {
    let project = Project::new("sick").file(
        "compose.yaml",
        "\
services:
  db:
    image: busybox
    init: true
    command: sleep 600
    healthcheck: {test: 'echo no table yet; exit 1', interval: 200ms, retries: 1}
  web:
    image: busybox
    depends_on: {db: {condition: service_healthy}}
    command: sleep 600
",
    );
    let up = project.dco(&["up", "-d"]).exits(1);
    assert!(
        up.stderr
            .contains("error: service `db` is unhealthy after ")
            && up
                .stderr
                .contains("healthcheck:\n           no table yet\n"),
        "{}",
        up.stderr
    );
}

#[test]
fn what_another_program_would_have_to_give_is_refused_and_not_passed_over() {
    let project = Project::new("foreign")
        .file(
            "compose.yaml",
            "services:\n  db:\n    provider:\n      type: nobodys\n  web:\n    image: busybox\n",
        )
        .file(
            "models.yaml",
            "services:\n  web:\n    image: busybox\n    models: [llm]\nmodels:\n  llm:\n    model: ai/x\n",
        );
    let refused = project.dco(&["up", "-d"]).exits(1);
    let said = "\
error: exec: \"nobodys\": executable file not found in $PATH
 --> compose.yaml:3:5
  |
3 |     provider:
  |     ^^^^^^^^
hint: `provider.type` names a plugin of docker's (`docker-nobodys`) or a program; install it";
    assert!(refused.stderr.contains(said), "{}", refused.stderr);
    let refused = project.dco(&["-f", "models.yaml", "up", "-d"]).exits(1);
    let said = "error: 'models' support requires Docker Model plugin\n --> models.yaml:6:3\n";
    assert!(refused.stderr.contains(said), "{}", refused.stderr);
    assert_eq!(project.containers().len(), 0);
}

#[test]
fn what_depends_on_a_service_that_cannot_start_is_not_started() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let project = Project::new("unstartable").file(
        "compose.yaml",
        &format!(
            "services:\n\
             \x20 db:\n    image: redis\n    ports: ['127.0.0.1:{port}:6379']\n\
             \x20 web:\n    image: busybox\n    command: sleep 100\n    depends_on: [db]\n"
        ),
    );
    let done = project.dco(&["up", "-d"]).exits(1);
    assert!(
        done.stderr
            .contains(&format!("port {port}, which it publishes, is taken")),
        "{}",
        done.stderr
    );
    assert_eq!(project.dco(&["ps", "-q"]).ok().stdout, "");
}
