//! What dco says of a command line that it cannot understand, and of itself.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use crate::support::Project;

#[test]
fn wrong_command_lines_end_with_1_and_say_what_was_meant() {
    let project = Project::offline("usage");
    let table = [
        (
            &["versoin"][..],
            "error: unknown docker command: \"compose versoin\"\n\
             hint: did you mean `version`?\n\
             hint: `dco --help` lists what there is\n",
        ),
        (
            &["ps", "--formt", "json"],
            "error: unknown flag: --formt\n\
             hint: did you mean `--format`?\n\
             hint: `dco ps --help` shows how\n",
        ),
        (
            &["-x", "ps"],
            "error: unknown shorthand flag: 'x' in -x\nhint: `dco ps --help` shows how\n",
        ),
        (
            &["port", "web"],
            "error: PRIVATE_PORT is missing\nhint: `dco port --help` shows how\n",
        ),
        (
            &["ps", "--quiet=maybe"],
            "error: invalid argument \"maybe\" for \"--quiet\" flag\nhint: `dco ps --help` shows how\n",
        ),
        (
            &["-p"],
            "error: flag needs an argument: --project-name\nhint: `dco --help` lists what there is\n",
        ),
        (
            &["--progress", "fancy", "ls"],
            "error: unsupported --progress value \"fancy\"\n",
        ),
    ];
    for (args, expected) in table {
        let done = project.dco(args).exits(1);
        assert_eq!(done.stderr, expected, "{}", done.line);
        assert_eq!(done.stdout, "", "{}", done.line);
    }
}

#[test]
fn called_as_docker_compose_it_is_the_version_it_is_compatible_with() {
    let project = Project::offline("identity");
    let answer = |name: &str, args: &[&str]| {
        let mut command = project.command(args);
        command.arg0(name);
        project.finish(command, "").ok().stdout
    };
    assert_eq!(answer("dco", &["version", "--short"]), "0.1.0\n");
    let name = "/usr/local/bin/docker-compose";
    assert_eq!(answer(name, &["version", "--short"]), "2.40.3\n");
    assert_eq!(
        answer(name, &["version"]),
        "Docker Compose version 2.40.3\n"
    );
    assert_eq!(
        answer(name, &["--version"]),
        "Docker Compose version 2.40.3\n"
    );
    // The docker CLI's two ways to call a plugin.
    let metadata: serde_json::Value =
        serde_json::from_str(&answer(name, &["docker-cli-plugin-metadata"])).unwrap();
    assert_eq!(metadata["SchemaVersion"], "0.1.0");
    assert_eq!(
        answer(
            name,
            &["--context", "far", "compose", "version", "-f", "json"]
        ),
        "{\"version\":\"2.40.3\"}\n"
    );
}

#[test]
fn help_names_every_verb_and_each_verb_helps_itself() {
    let project = Project::offline("help");
    let help = project.dco(&["--help"]).ok().stdout;
    assert_eq!(project.dco(&[]).ok().stdout, help);
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let verbs = commands.lines().take_while(|line| !line.is_empty());
    let verbs: Vec<&str> = verbs
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(
        verbs.contains(&"ps") && verbs.contains(&"version"),
        "{help}"
    );
    for verb in verbs {
        let help = project.dco(&[verb, "--help"]).ok().stdout;
        assert!(help.contains(&format!("Usage: dco {verb}")), "{help}");
        assert!(help.contains("Example"), "{help}");
    }
}

#[test]
fn every_topic_is_explained_also_where_a_command_has_its_name() {
    let project = Project::offline("topics");
    let help = |name: &str| project.dco(&["help", name]).ok().stdout;
    for (topic, begins) in [
        ("gates", "Gates: "),
        ("reload", "Reload: "),
        ("env", "Environment: "),
        ("volumes", "Volumes: "),
    ] {
        assert!(help(topic).starts_with(begins), "{}", help(topic));
    }
    assert!(help("env").contains("Usage: dco env "));
    assert!(help("ps").starts_with("List containers\n"));
    let unknown = project.dco(&["help", "gats"]).exits(1);
    assert_eq!(
        unknown.stderr,
        "error: there is no help on `gats`\nhint: did you mean `gates`?\n"
    );
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let project = Project::offline("pipe");
    let mut child = project
        .command(&["--help"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    // Whether it wrote before the pipe was closed is a matter of luck.
    assert!(
        matches!(output.status.code(), Some(0 | 141)),
        "{}",
        output.status
    );
    let full = Command::new("sh")
        .args([
            "-c",
            "\"$0\" version > /dev/full",
            env!("CARGO_BIN_EXE_dco"),
        ])
        .output()
        .unwrap();
    assert_eq!(full.status.code(), Some(1));
}

#[test]
fn what_a_user_prefers_is_read_and_a_variable_comes_first() {
    let project =
        Project::offline("preferences").file("config/dco/config.yaml", "progress: fancy\n");
    let folder = project.dir().join("config").display().to_string();
    let project = project.env("XDG_CONFIG_HOME", &folder);
    let done = project.dco(&["ls"]).exits(1);
    assert_eq!(
        done.stderr,
        "error: unsupported --progress value \"fancy\"\n"
    );
    project.dco(&["--progress", "plain", "version"]).ok();
    let project = project.env("COMPOSE_PROGRESS", "quiet");
    project.dco(&["version"]).ok();
    project.write("config/dco/config.yaml", "progress: [\n");
    let done = project.dco(&["version"]).exits(1);
    assert!(
        done.stderr.contains("config/dco/config.yaml:1:11"),
        "{}",
        done.stderr
    );
}

#[test]
fn what_is_not_there_says_so_and_what_comes_near() {
    let project = Project::offline("absent").file("compose.yaml", "services: {a: {build: .}}\n");
    let done = project
        .dco(&["bridge", "convert", "--output", "out"])
        .exits(1);
    let said =
        "error: `bridge convert --output out` is not there: dco converts nothing to Kubernetes\n";
    assert!(done.stderr.starts_with(said), "{}", done.stderr);
    assert!(done.stderr.contains("hint: "), "{}", done.stderr);
}
