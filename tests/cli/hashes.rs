//! `config --hash` and the other parts of a project, in the words of both major versions of Compose.

use crate::support::Project;

const COMPOSE: &str = "services:
  web:
    image: busybox
    env_file: [app.env]
  lost:
    image: busybox
    env_file: [/nowhere/.env]
";

fn hash(project: &Project, args: &[&str]) -> String {
    let args = [&["config"], args, &["--hash", "web"]].concat();
    project.dco(&args).ok().stdout
}

#[test]
fn the_hash_of_compose_5_counts_env_files_as_the_label_does() {
    let project = Project::offline("hash5")
        .file("compose.yaml", COMPOSE)
        .file("app.env", "WORD=one\n")
        .env("DCO_COMPOSE_HASH", "5");
    let one = hash(&project, &[]);
    project.write("app.env", "WORD=two\n");
    assert_ne!(hash(&project, &[]), one);
    let unread = hash(&project, &["--no-env-resolution"]);
    project.write("app.env", "WORD=three\n");
    assert_eq!(hash(&project, &["--no-env-resolution"]), unread);
    for names in ["lost", "*"] {
        let refused = project.dco(&["config", "--hash", names]).exits(1);
        assert_eq!(
            refused.stderr,
            "\
error: env file /nowhere/.env not found
 --> compose.yaml:7:16
  |
7 |     env_file: [/nowhere/.env]
  |                ^^^^^^^^^^^^^
hint: create it, or write `required: false` beside its `path`
"
        );
    }
}

#[test]
fn the_hash_of_compose_2_forgets_env_files() {
    let project = Project::offline("hash2")
        .file("compose.yaml", COMPOSE)
        .file("app.env", "WORD=one\n");
    let one = hash(&project, &[]);
    project.write("app.env", "WORD=two\n");
    assert_eq!(hash(&project, &[]), one);
    project.dco(&["config", "--hash", "lost"]).ok();
}

#[test]
fn names_that_choose_nothing_of_what_is_printed_are_told() {
    let project = Project::offline("chooses").file("compose.yaml", "services: {web: {image: a}}\n");
    for flag in ["--variables", "--no-interpolate"] {
        assert_eq!(
            project.dco(&["config", flag, "web"]).ok().stderr,
            format!("warning: service filtering is not applied when {flag} is set\n")
        );
        assert_eq!(project.dco(&["config", flag]).ok().stderr, "");
    }
}
