//! Services that another program gives, and models.

use std::os::unix::fs::PermissionsExt;

use crate::support::Project;

const COMPOSE: &str = "\
services:
  app:
    image: busybox
    command: sh -c 'env | grep -E \"^(DB|CACHE|RAW)_\" | sort'
    depends_on: [db, cache]
  cache:
    provider: {type: magic}
  db:
    provider:
      type: magic
      options: {kind: sql, size: 3, unknown: x}
";

const MAGIC: &str = r#"#!/bin/sh
[ "$2" = metadata ] && { echo '{"description":"magic","up":{"parameters":[{"name":"kind"},{"name":"size"}]},"down":{"parameters":[]},"stop":{"parameters":[]}}'; exit; }
echo "$@" >> HERE/asked
case "$3" in
up)
  for last; do :; done
  echo '{"type":"debug","message":"nobody sees this"}'
  echo '{"type":"info","message":"half way"}'
  echo "{\"type\":\"setenv\",\"message\":\"URL=magic://$last/a=b\"}"
  echo "{\"type\":\"rawsetenv\",\"message\":\"RAW_$last=1\"}" ;;
esac
"#;

fn project(script: &str) -> Project {
    let project = Project::new("provider").file("compose.yaml", COMPOSE);
    plugin(&project, "docker-magic", script);
    project
}

fn plugin(project: &Project, name: &str, script: &str) {
    let plugins = project
        .dir()
        .with_file_name(".home")
        .join(".docker/cli-plugins");
    std::fs::create_dir_all(&plugins).expect("a folder for plugins");
    let path = plugins.join(name);
    let here = project.dir().display().to_string();
    std::fs::write(&path, script.replace("HERE", &here)).expect("a plugin");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("its mode");
}

fn asked(project: &Project) -> Vec<String> {
    let text = std::fs::read_to_string(project.path("asked")).unwrap_or_default();
    let _ = std::fs::remove_file(project.path("asked"));
    let mut lines: Vec<String> = text
        .lines()
        .map(|line| line.replace(project.name(), "P"))
        .collect();
    lines.sort();
    lines
}

#[test]
fn a_provider_is_asked_and_what_it_says_reaches_its_dependents() {
    let project = project(MAGIC);
    let up = project.dco(&["up"]).ok();
    for line in [
        "CACHE_URL=magic://cache/a=b",
        "DB_URL=magic://db/a=b",
        "RAW_cache=1",
        "RAW_db=1",
    ] {
        assert!(
            up.stdout.contains(&format!("app-1  | {line}\n")),
            "{}",
            up.stdout
        );
    }
    for line in [" db  Creating\n", " db  half way\n", " db  Created\n"] {
        assert!(up.stderr.contains(line), "{line:?} in {}", up.stderr);
    }
    assert!(!up.stderr.contains("nobody sees this"));
    assert_eq!(
        asked(&project),
        [
            "compose --project-name=P up --kind=sql --size=3 db",
            "compose --project-name=P up cache"
        ]
    );
    let kept = project
        .dir()
        .with_file_name(".home/.docker/compose/providers/magic.json");
    let kept = std::fs::read_to_string(kept).expect("what the provider says of itself");
    assert!(kept.starts_with("{\"description\":\"magic\""), "{kept}");
    let first = project.inspect("app")["Id"].clone();
    project.dco(&["create"]).ok();
    assert_eq!(
        project.inspect("app")["Id"],
        first,
        "it says the same again"
    );
    asked(&project);
    project.dco(&["--dry-run", "up"]).ok();
    assert!(asked(&project).is_empty(), "a dry run asks nobody");
    project.dco(&["stop"]).ok();
    project.dco(&["down"]).ok();
    assert_eq!(
        asked(&project),
        [
            "compose --project-name=P down cache",
            "compose --project-name=P down db",
            "compose --project-name=P stop cache",
            "compose --project-name=P stop db"
        ]
    );
}

#[test]
fn a_provider_that_fails_or_is_not_there_stops_up_with_its_place() {
    let fails = project(
        "#!/bin/sh\n[ $2 = metadata ] && exit 1\necho '{\"type\":\"error\",\"message\":\"no credit\"}'\n",
    );
    let failed = fails.dco(&["up", "-d"]).exits(1).stderr;
    assert!(
        failed.contains("error: no credit\n --> compose.yaml:"),
        "{failed}"
    );
    assert!(fails.containers().is_empty());
    let dies = project("#!/bin/sh\n[ $2 = metadata ] && exit 1\necho broken >&2; exit 3\n");
    let failed = dies.dco(&["up", "-d"]).exits(1).stderr;
    assert!(
        failed.contains("error: failed to create service provider: exit status: 3: broken\n"),
        "{failed}"
    );
    let none = Project::new("provider-none").file(
        "compose.yaml",
        "services:\n  db:\n    provider: {type: dco-test-nowhere}\n",
    );
    let failed = none.dco(&["up", "-d"]).exits(1).stderr;
    assert!(
        failed
            .starts_with("error: exec: \"dco-test-nowhere\": executable file not found in $PATH\n"),
        "{failed}"
    );
}

const MODELS: &str = "\
services:
  app:
    image: busybox
    command: sh -c 'env | grep -E \"^(LLM|SMALL_ONE|TALK)\" | sort'
    models:
      llm: {endpoint_var: TALK_TO}
      small-one:
models:
  llm: {model: ai/large, context_size: 4096, runtime_flags: [--threads, '2']}
  small-one: {model: ai/small}
";

const RUNNER: &str = r#"#!/bin/sh
echo "$@" >> HERE/asked
case "$1" in
ls) echo '[{"id": "1", "tags": ["ai/small"], "created": 1}]' ;;
status) echo '{"endpoint": "http://models.example/v1"}' ;;
pull) [ -e HERE/offline ] && { echo 'no route to the hub' >&2; exit 1; }; echo half; echo whole ;;
esac
"#;

#[test]
fn models_are_pulled_and_configured_and_services_are_told_of_them() {
    let project = Project::new("models").file("compose.yaml", MODELS);
    let missing = project.dco(&["up", "-d"]).exits(1).stderr;
    assert!(
        missing.contains("'models' support requires Docker Model plugin"),
        "{missing}"
    );
    plugin(&project, "docker-model", RUNNER);
    let up = project.dco(&["up"]).ok();
    for line in [
        "LLM_MODEL=ai/large",
        "TALK_TO=http://models.example/v1",
        "SMALL_ONE_MODEL=ai/small",
        "SMALL_ONE_URL=http://models.example/v1",
    ] {
        assert!(
            up.stdout.contains(&format!("app-1  | {line}\n")),
            "{}",
            up.stdout
        );
    }
    for line in [
        " llm  Pulling: whole\n",
        " llm  Pulled\n",
        " llm  Configured\n",
        " small-one  Configured\n",
    ] {
        assert!(up.stderr.contains(line), "{line:?} in {}", up.stderr);
    }
    assert_eq!(
        asked(&project),
        [
            "configure --context-size 4096 ai/large -- --threads 2",
            "configure ai/small",
            "ls --json",
            "pull ai/large",
            "status --json",
        ]
    );
    // It ended, and is what the file asks for; who only looks pulls nothing.
    let plan = project.dco(&["plan"]).exits(2).stdout;
    assert!(plan.starts_with("#1 start"), "{plan}");
    assert_eq!(asked(&project), ["status --json"]);
    project.write("offline", "");
    let failed = project.dco(&["up", "-d"]).exits(1).stderr;
    let said = "error: failed to pull model `ai/large`: exit status: 1: no route to the hub\n --> compose.yaml:9:3\n";
    assert!(failed.contains(said), "{failed}");
}
