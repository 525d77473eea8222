//! The helpers keep what they promise.

use std::process::Command;

use crate::support::{Project, Terminal};

#[test]
fn a_command_sees_nothing_of_the_callers_environment_but_the_way_to_the_engine() {
    let project = Project::offline("env").env("GIVEN", "1");
    let finished = project
        .finish(project.program("env".as_ref(), &[]), "")
        .ok();
    let mut names: Vec<_> = finished
        .stdout
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name)
        .filter(|name| *name != "DOCKER_HOST")
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "DCO_COMPOSE_HASH",
            "GIVEN",
            "HOME",
            "LANG",
            "PATH",
            "XDG_STATE_HOME"
        ]
    );
}

#[test]
fn a_terminal_has_a_size_and_gives_the_exit_code() {
    let mut command = Command::new("sh");
    command.args(["-c", "stty size; read line; exit 7"]);
    let mut terminal = Terminal::spawn(command);
    terminal.expect("24 80");
    terminal.send("on\r");
    assert_eq!(terminal.end().0, 7);
}

#[test]
fn two_projects_never_share_a_name() {
    let (one, other) = (Project::offline("name"), Project::offline("name"));
    assert_ne!(one.name(), other.name());
}
