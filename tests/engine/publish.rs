//! Projects published to a registry and read from there: what lies in the registry is what Docker
//! Compose lays there.

use serde_json::{Value, json};

use crate::support::engine;
use crate::support::project::{Finished, Project};
use crate::support::registry::Registry;

const FILE: &str = "\
name: shop
services:
  app:
    extends: {file: base/base.yaml, service: common}
    environment: {HELLO: WORLD}
    env_file: app.env
";

fn stage(registry: &Registry) -> (Project, String) {
    let project = Project::new("publish")
        .file("compose.yaml", FILE)
        .file(
            "override.yaml",
            "services:\n  app: {labels: {over: ridden}}\n",
        )
        .file("base/base.yaml", "services:\n  common: {image: busybox}\n")
        .file("app.env", "FROM_FILE=1\n")
        .file("docker/config.json", &registry.config());
    let to = format!("{}/{}:1", registry.address(), project.name());
    (project, to)
}

#[track_caller]
fn dco(project: &Project, args: &[&str]) -> Finished {
    let mut all = vec!["--config", "docker"];
    all.extend(args);
    project.dco(&all)
}

fn manifest(registry: &Registry, project: &Project, tag: &str) -> Value {
    let path = format!("/v2/{}/manifests/{tag}", project.name());
    serde_json::from_slice(&registry.get(&path)).expect("a manifest")
}

#[test]
fn a_project_lies_in_the_registry_as_compose_lays_it_there_and_comes_back() {
    let registry = Registry::start();
    let (project, to) = stage(&registry);
    let files = ["-f", "compose.yaml", "-f", "override.yaml"];
    let mut all = files.to_vec();
    all.extend(["publish", "--with-env", "-y", &to]);
    let done = dco(&project, &all).ok();
    let said: Vec<&str> = done.stderr.lines().map(str::trim).collect();
    assert_eq!(
        said,
        [
            "app Skipped".to_owned(),
            format!("{to} publishing"),
            format!("{to} published")
        ]
    );

    let manifest = manifest(&registry, &project, "1");
    assert_eq!(
        manifest["artifactType"],
        "application/vnd.docker.compose.project"
    );
    let empty = &manifest["config"];
    assert_eq!(empty["mediaType"], "application/vnd.oci.empty.v1+json");
    let layers = manifest["layers"].as_array().expect("layers");
    let kinds: Vec<(&Value, bool)> = layers
        .iter()
        .map(|layer| {
            let extended = layer["annotations"]["com.docker.compose.extends"] == "true";
            (&layer["mediaType"], extended)
        })
        .collect();
    let (file, env) = (
        json!("application/vnd.docker.compose.file+yaml"),
        json!("application/vnd.docker.compose.envfile"),
    );
    let expected = [(&file, false), (&file, false), (&file, true), (&env, false)];
    assert_eq!(kinds, expected);
    let named = &layers[0]["annotations"]["com.docker.compose.file"];
    assert_eq!(named, "compose.yaml");

    let cache = project.path("cache").display().to_string();
    let project = project.env("XDG_CACHE_HOME", &cache);
    let from = format!("oci://{to}");
    let back = dco(&project, &["-f", &from, "-p", "shop", "config"]).ok();
    assert_eq!(
        back.stdout,
        "name: shop
services:
  app:
    environment:
      FROM_FILE: \"1\"
      HELLO: WORLD
    image: busybox
    labels:
      over: ridden
    networks:
      default: null
networks:
  default:
    name: shop_default
"
    );
    // The older form, for registries that know no other.
    dco(
        &project,
        &["publish", "--oci-version", "1.0", "--with-env", "-y", &to],
    )
    .ok();
    let older = self::manifest(&registry, &project, "1");
    assert!(older["artifactType"].is_null());
    let kind = "application/vnd.docker.compose.config.empty.v1+json";
    assert_eq!(older["config"]["mediaType"], kind);

    // It is there now: nobody is asked for its files again.
    assert_eq!(
        dco(&project, &["-f", &from, "config", "--services"])
            .ok()
            .stdout,
        "app\n"
    );
}

#[test]
fn what_should_not_be_seen_is_asked_about() {
    let project = Project::new("publish")
        .file(
            "compose.yaml",
            "services:\n  app: {image: busybox, volumes: ['.:/here']}\n",
        )
        .file(
            "env.yaml",
            "services:\n  app: {image: busybox, environment: {FOO: bar}}\n",
        )
        .file(
            "secret.yaml",
            "services:\n  app: {image: busybox, secrets: [s]}\nsecrets: {s: {file: key}}\n",
        )
        .file(
            "key",
            "-----BEGIN DSA PRIVATE KEY-----\nwxyz+ABC=\n-----END DSA PRIVATE KEY-----\n",
        )
        .file("include.yaml", "include: [compose.yaml]\n")
        .file("build.yaml", "services:\n  app: {build: .}\n");
    let publish = |file: &str, answer: &str| {
        project.dco_with_input(
            &["--dry-run", "-f", file, "publish", "--with-env", "a/b"],
            answer,
        )
    };
    for (file, question) in [
        (
            "compose.yaml",
            "Are you ok to publish these bind mount declarations?",
        ),
        (
            "env.yaml",
            "Are you ok to publish these environment variables?",
        ),
        ("secret.yaml", "Are you ok to publish these sensitive data?"),
    ] {
        for (answer, goes_on) in [("y\n", true), ("n\n", false), ("", false)] {
            let done = publish(file, answer).ok();
            assert!(done.stdout.contains(question), "{}", done.stdout);
            let published = done.stderr.contains("a/b published");
            assert_eq!(published, goes_on, "{file} {answer:?}: {}", done.stderr);
        }
    }
    let done = project.dco(&["-f", "env.yaml", "publish", "a/b"]).exits(1);
    let said =
        "service \"app\" has environment variable(s) declared.\nTo avoid leaking sensitive data,";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    let done = publish("include.yaml", "").exits(1);
    assert!(
        done.stderr
            .contains("cannot publish compose file with local includes")
    );
    let done = publish("build.yaml", "").exits(1);
    assert!(
        done.stderr
            .contains("only contains a build section for service(s):\n")
    );
}

#[test]
fn compose_5_asks_about_what_stands_in_the_files_and_a_refusal_is_130() {
    let project = Project::new("publish")
        .env("DCO_COMPOSE_HASH", "5")
        .file(
            "compose.yaml",
            "services:\n  app:\n    image: busybox\n    env_file: app.env\n    \
             environment: [DB_PASSWORD=bar, PLAIN=x, 'TOKEN=${TOKEN-}']\n\
             configs: {greeting: {content: hello}}\n",
        )
        .file("app.env", "A=1\n");
    let publish = |flags: &[&str], answers: &str| {
        let mut args = vec!["--dry-run", "publish", "a/b"];
        args.extend(flags);
        project.dco_with_input(&args, answers)
    };
    let of_services = "  service \"app\": env_file declared\n  \
                       service \"app\": literal value for \"DB_PASSWORD\"\n\
                       Use --with-env to silence this prompt";
    let of_configs = "  config \"greeting\"\nAre you ok to publish these config contents?";
    for (answers, asks_of_configs, code) in [
        ("n\n", false, 130),
        ("y\nn\n", true, 130),
        ("y\ny\n", true, 0),
    ] {
        let done = publish(&[], answers).exits(code);
        assert!(done.stdout.contains(of_services), "{}", done.stdout);
        assert_eq!(done.stdout.contains(of_configs), asks_of_configs);
        assert_eq!(done.stderr.contains("a/b published"), code == 0);
    }
    let done = publish(&["--with-env"], "y\n").ok();
    assert!(
        !done.stdout.contains("env_file declared"),
        "{}",
        done.stdout
    );
    assert!(done.stdout.contains(of_configs), "{}", done.stdout);
    let done = publish(&["-y"], "").ok();
    assert_eq!(done.stdout, "");
}

#[test]
fn variables_of_a_fetched_project_are_asked_about_before_it_runs() {
    let registry = Registry::start();
    let (project, to) = stage(&registry);
    project.write(
        "asks.yaml",
        "services:\n  app:\n    image: busybox\n    command: sleep 600\n    init: true\n    \
         environment: {GREETING: '${GREETING:-hello}', WHO: '${WHO-}'}\n",
    );
    let file = ["-f", "asks.yaml", "publish", "--with-env", "-y", &to];
    dco(&project, &file).ok();
    let cache = project.path("cache").display().to_string();
    let from = format!("oci://{to}");
    let name = project.name().to_owned();
    // Its colons separate nothing.
    let project = project
        .env("XDG_CACHE_HOME", &cache)
        .env("COMPOSE_FILE", &from)
        .env("COMPOSE_PROJECT_NAME", &name)
        .env("WHO", "me");
    let answer = |args: &[&str], answer: &str| {
        let mut all = vec![
            "--config",
            "docker",
            "--insecure-registry",
            registry.address(),
        ];
        all.extend(args);
        project.dco_with_input(&all, answer)
    };
    for (args, said) in [
        (&["up", "-d"][..], "n\n"),
        (&["up", "-d"], ""),
        (&["run", "--rm", "-T", "app", "true"], "no\n"),
    ] {
        let done = answer(args, said).exits(1);
        let place = format!("Your compose stack {from:?} is stored in {:?}\n", cache);
        let place = place.trim_end_matches("\"\n");
        assert!(done.stdout.starts_with(place), "{}", done.stdout);
        let asked = "\nFound the following variables in configuration:\n\
                     VARIABLE   VALUE   SOURCE         REQUIRED   DEFAULT\n\
                     GREETING   hello   compose file   no         hello\n\
                     WHO        me      environment    no         \n\n\
                     Do you want to proceed with these variables? [Y/n]: ";
        assert!(done.stdout.ends_with(asked), "{}", done.stdout);
        assert_eq!(done.stderr, "error: operation cancelled by user\n");
        assert!(engine::get(&format!("/containers/{name}-app-1/json")).is_null());
    }
    let done = answer(&["up", "-d", "--dry-run"], "").ok();
    assert!(!done.stdout.contains("[Y/n]"), "{}", done.stdout);
    let done = answer(&["up", "-d", "-y"], "").ok();
    assert!(!done.stdout.contains("[Y/n]"), "{}", done.stdout);
    let container = project.inspect("app");
    let variables = container["Config"]["Env"].to_string();
    assert!(variables.contains("GREETING=hello"), "{variables}");
    assert!(variables.contains("WHO=me"), "{variables}");
    answer(&["down"], "").ok();
}

#[test]
fn images_go_along_pinned_where_they_are_asked_for() {
    let registry = Registry::start();
    let (project, to) = stage(&registry);
    let image = format!("{}/{}-app:1", registry.address(), project.name());
    let file = format!("services:\n  app: {{image: '{image}', build: .}}\n");
    project.write("app.yaml", &file);
    let label = format!("LABEL {}\n", project.label());
    project.write(
        "Dockerfile",
        &format!("FROM busybox\n{label}RUN echo > /here\n"),
    );
    dco(&project, &["-f", "app.yaml", "build", "--push"]).ok();
    let config = dco(
        &project,
        &["-f", "app.yaml", "config", "--lock-image-digests"],
    )
    .ok();
    let pinned = config
        .stdout
        .lines()
        .find_map(|line| line.trim().strip_prefix("image: "));
    let pinned = pinned.expect("an image").to_owned();
    assert!(pinned.starts_with(&format!("{image}@sha256:")), "{pinned}");

    dco(
        &project,
        &[
            "-f",
            "app.yaml",
            "publish",
            "--app",
            "-y",
            "--insecure-registry",
            &to,
        ],
    )
    .ok();
    let manifest = manifest(&registry, &project, "1");
    let layers = manifest["layers"].as_array().expect("layers");
    assert_eq!(layers.len(), 2);
    assert_eq!(
        layers[1]["annotations"]["com.docker.compose.file"],
        "image-digests.yaml"
    );
    let digest = layers[1]["digest"].as_str().expect("a digest");
    let pins = registry.get(&format!("/v2/{}/blobs/{digest}", project.name()));
    assert!(String::from_utf8_lossy(&pins).contains(&pinned));
    // The image's own manifest came along into the project's repository.
    let (_, digest) = pinned.split_once('@').expect("a digest");
    assert_eq!(
        self::manifest(&registry, &project, digest)["schemaVersion"],
        2
    );
}

#[test]
fn who_may_not_publish_is_told_so() {
    let registry = Registry::start();
    let (project, to) = stage(&registry);
    project.write("docker/config.json", "{}");
    let done = dco(&project, &["publish", "-y", &to]).exits(1);
    let said = format!(
        "error: cannot publish to `{to}`: {} says",
        registry.address()
    );
    assert!(done.stderr.contains(&said), "{}", done.stderr);
    assert!(done.stderr.contains("401 Unauthorized"), "{}", done.stderr);
    let hint = format!("hint: `docker login {}`", registry.address());
    assert!(done.stderr.contains(&hint), "{}", done.stderr);
}
