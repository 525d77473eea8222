//! Compose files of other machines, brought up: where they lie, what the containers say of it, and
//! what is asked before. `DCO_BIN` runs these tests with Docker Compose 2.40.

use crate::support::Project;
use crate::support::engine;
use crate::support::git::Repository;
use crate::support::registry::Registry;

const ADDRESS: &str = "https://git.example/team/app.git";

fn repository() -> Repository {
    let repository = Repository::new()
        .file(
            "compose.yaml",
            "services:\n  app:\n    image: busybox\n    command: sleep 600\n    init: true\n    \
             volumes: ['./data:/data:ro']\n    env_file: app.env\n",
        )
        .file("app.env", "FROM=there\n")
        .file("data/word", "fetched\n")
        .file(
            "asks/compose.yaml",
            &format!(
                "include: ['{ADDRESS}#main']\nservices:\n  \
                 other: {{image: busybox, command: 'echo ${{WORD:-word}}'}}\n"
            ),
        );
    repository.commit();
    repository
}

#[test]
fn a_project_of_a_repository_runs_from_its_checkout() {
    let repository = repository();
    let commit = repository.git(&["rev-parse", "HEAD"]);
    let project = repository.reached_by(Project::new("remote"));
    let checkout = project.path("cache/docker-compose").join(commit);
    let up = project.dco(&["-f", ADDRESS, "up", "-d"]).ok();
    assert_eq!(
        up.stdout,
        format!("Your compose stack {ADDRESS:?} is stored in {checkout:?}\n")
    );
    let container = project.inspect("app");
    let label =
        |name: &str| container["Config"]["Labels"][format!("com.docker.compose.{name}")].clone();
    let checkout = checkout.display().to_string();
    assert_eq!(label("project"), project.name());
    assert_eq!(label("project.working_dir"), checkout);
    assert_eq!(
        label("project.config_files"),
        format!("{checkout}/compose.yaml")
    );
    let variables = container["Config"]["Env"].to_string();
    assert!(variables.contains("FROM=there"), "{variables}");
    let word = project.dco(&["-f", ADDRESS, "exec", "-T", "app", "cat", "/data/word"]);
    assert_eq!(word.ok().stdout, "fetched\n");
    let id = container["Id"].clone();
    project.dco(&["-f", ADDRESS, "up", "-d"]).ok();
    assert_eq!(project.inspect("app")["Id"], id);
    project.dco(&["-f", ADDRESS, "down"]).ok();
    assert!(project.inspect("app").is_null());
}

#[test]
fn further_files_that_a_fetched_project_includes_are_asked_about() {
    let repository = repository();
    let project = repository.reached_by(Project::new("remote"));
    let address = format!("{ADDRESS}#main:asks");
    let up = |flags: &[&str], answers: &str| {
        let mut args = vec!["-f", &address, "up", "-d"];
        args.extend(flags);
        project.dco_with_input(&args, answers)
    };
    let asked = format!(
        "\nWarning: This Compose project includes files from remote sources:\n  - {address}\n  \
         - {ADDRESS}#main\n\n\
         Remote includes could potentially be malicious. Make sure you trust the source.\n\
         Do you want to continue? [y/N]: "
    );
    for answer in ["n\n", "\n", ""] {
        let done = up(&[], answer).exits(1);
        assert_eq!(done.stdout, asked);
        assert_eq!(done.stderr, "error: operation cancelled by user\n");
    }
    let run = ["-f", &address, "run", "--rm", "-T", "other"];
    let done = project.dco_with_input(&run, "n\n").exits(1);
    assert_eq!(done.stdout, asked);
    let name = project.name();
    assert!(engine::get(&format!("/containers/{name}-app-1/json")).is_null());
    // The variables come after it.
    let done = up(&[], "y\nn\n").exits(1);
    let begins = format!("{asked}Your compose stack {address:?} is stored in ");
    assert!(done.stdout.starts_with(&begins), "{}", done.stdout);
    assert!(
        done.stdout
            .ends_with("\nDo you want to proceed with these variables? [Y/n]: ")
    );
    let done = up(&["-y"], "").ok();
    assert!(
        done.stdout.starts_with("Your compose stack "),
        "{}",
        done.stdout
    );
    assert!(!project.inspect("app").is_null());
}

#[test]
fn a_question_can_be_left() {
    let repository = repository();
    let project = repository.reached_by(Project::new("remote"));
    let address = format!("{ADDRESS}#main:asks");
    let mut terminal = project.terminal(&["-f", &address, "up", "-d"]);
    terminal.expect("[y/N]: ");
    terminal.interrupt();
    let (code, rest) = terminal.end();
    assert_ne!(code, 0, "{rest}");
    assert!(!rest.contains("cancelled"), "{rest}");
    assert!(project.containers().is_empty());
}

#[test]
fn what_a_local_file_includes_is_not_asked_about() {
    let repository = repository();
    let file = format!("include: ['{ADDRESS}']\n");
    let project = repository.reached_by(Project::new("remote").file("compose.yaml", &file));
    assert_eq!(project.dco(&["up", "-d"]).ok().stdout, "");
    let word = project.dco(&["exec", "-T", "app", "cat", "/data/word"]);
    assert_eq!(word.ok().stdout, "fetched\n");
}

#[test]
fn one_folder_may_run_its_own_file_and_then_one_of_a_repository() {
    let repository = repository();
    let own = "services: {app: {image: busybox, command: sleep 500, init: true}}\n";
    let project = repository.reached_by(Project::new("remote").file("compose.yaml", own));
    project.dco(&["up", "-d"]).ok();
    let id = project.inspect("app")["Id"].clone();
    project.dco(&["-f", ADDRESS, "up", "-d"]).ok();
    let container = project.inspect("app");
    assert_ne!(container["Id"], id);
    assert_eq!(container["Config"]["Cmd"][1], "600");
}

#[test]
fn artifacts_of_a_registry_are_included_and_extended() {
    let registry = Registry::start();
    let project = Project::new("remote")
        .file(
            "published.yaml",
            "name: shop\nservices:\n  app:\n    extends:\n      file: base.yaml\n      \
             service: common\n    \
             env_file: app.env\n",
        )
        .file(
            "base.yaml",
            "services:\n  common: {image: busybox, command: sleep 600}\n",
        )
        .file("app.env", "FROM=there\n")
        .file("docker/config.json", &registry.config());
    let cache = project.path("cache").display().to_string();
    let config = project.path("docker").display().to_string();
    let project = project
        .env("XDG_CACHE_HOME", &cache)
        .env("DOCKER_CONFIG", &config)
        .env("__TEST__INSECURE__REGISTRY__", registry.address());
    let to = format!("{}/{}:1", registry.address(), project.name());
    let publish = ["-f", "published.yaml", "publish", "--with-env", "-y", &to];
    project.dco(&publish).ok();
    let file = format!(
        "include: ['oci://{to}']\nservices:\n  \
         own: {{extends: {{file: 'oci://{to}', service: app}}, hostname: own}}\n"
    );
    project.write("compose.yaml", &file);
    let service = |name: &str, more: &str| {
        format!(
            "  {name}:\n    command:\n      - sleep\n      - \"600\"\n    environment:\n      \
             FROM: there\n{more}    image: busybox\n    networks:\n      default: null\n"
        )
    };
    let expected = format!(
        "name: {name}\nservices:\n{}{}networks:\n  default:\n    name: {name}_default\n",
        service("app", ""),
        service("own", "    hostname: own\n"),
        name = project.name()
    );
    assert_eq!(project.dco(&["config"]).ok().stdout, expected);

    // As Docker Compose leaves it when it is killed.
    let kept = std::fs::read_dir(project.path("cache/docker-compose")).expect("the cache");
    let kept: Vec<_> = kept.map(|entry| entry.expect("an entry").path()).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    for entry in std::fs::read_dir(&kept[0]).expect("its files") {
        let path = entry.expect("an entry").path();
        match path.ends_with("compose.yaml") {
            true => std::fs::write(path, "").expect("a file"),
            false => std::fs::remove_file(path).expect("a file"),
        }
    }
    assert_eq!(project.dco(&["config"]).ok().stdout, expected);

    project.dco(&["up", "-d"]).ok();
    for service in ["app", "own"] {
        let variables = project.inspect(service)["Config"]["Env"].to_string();
        assert!(variables.contains("FROM=there"), "{variables}");
    }
}
