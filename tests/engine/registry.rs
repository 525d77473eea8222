//! Images from and to a registry that asks who comes; what it is told shows nowhere.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::engine;
use crate::support::project::{Finished, Project};
use crate::support::registry::{PASSWORD, Registry, USER};
use crate::support::secrets::WRONG;

const FILE: &str = "\
services:
  app:
    image: ${IMAGE}
    build: {context: ., tags: ['${IMAGE}-too'], labels: {com.docker.compose.project: '${COMPOSE_PROJECT_NAME}'}}
    depends_on: [base]
  base: {image: busybox}
";

/// A project whose image belongs to a registry.
struct Stage {
    project: Project,
    registry: Registry,
    image: String,
}

impl Stage {
    fn new() -> Self {
        let registry = Registry::start();
        let project = Project::new("registry");
        let image = format!("{}/{}:1", registry.address(), project.name());
        let name = project.name().to_owned();
        let project = project
            .env("IMAGE", &image)
            .env("COMPOSE_PROJECT_NAME", &name)
            .file("compose.yaml", FILE)
            .file(
                "Dockerfile",
                "FROM busybox\nRUN echo built > /here\nCMD [\"sleep\", \"600\"]\n",
            )
            .file("none/config.json", "{}");
        Self {
            project,
            registry,
            image,
        }
    }

    /// A folder of docker's configuration that knows a password.
    fn login(&self, folder: &str, password: &str) -> String {
        let auth = STANDARD.encode(format!("{USER}:{password}"));
        let address = self.registry.address();
        let config = format!(r#"{{"auths": {{"http://{address}/v2/": {{"auth": "{auth}"}}}}}}"#);
        self.project
            .write(&format!("{folder}/config.json"), &config);
        folder.to_owned()
    }

    #[track_caller]
    fn dco(&self, config: &str, args: &[&str]) -> Finished {
        let mut all = vec!["--config", config];
        all.extend(args);
        self.project.dco(&all)
    }

    /// Takes both names of the image from the engine.
    fn forget(&self) {
        for name in [self.image.clone(), format!("{}-too", self.image)] {
            engine::call("DELETE", &format!("/images/{name}"));
        }
    }

    fn has(&self) -> bool {
        !engine::get(&format!("/images/{}/json", self.image)).is_null()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        engine::sweep(&self.project.label());
        self.forget();
    }
}

#[test]
fn who_is_logged_in_pushes_pulls_and_builds_whatever_the_password() {
    let stage = Stage::new();
    let right = stage.login("right", PASSWORD);
    stage.dco(&right, &["build", "app"]).ok();
    let done = stage.dco(&right, &["push"]).ok();
    for line in [" app Pushing ", " app Pushed ", " base Skipped"] {
        assert!(done.stderr.contains(line), "{}", done.stderr);
    }
    assert_eq!(done.stderr.matches(" app Pushed ").count(), 2);
    let done = stage.dco(&right, &["push", "-q", "app"]).ok();
    assert_eq!((done.stdout, done.stderr), (String::new(), String::new()));

    stage.forget();
    let done = stage.dco(&right, &["--debug", "pull", "app"]).ok();
    // What is logged of the call is looked through for the password in every form.
    assert!(done.stderr.contains("/images/create"), "{}", done.stderr);
    assert!(stage.has());
    stage.project.write(
        "Dockerfile",
        "FROM busybox\nRUN echo built > /here\nCMD [\"sleep\", \"601\"]\n",
    );
    let done = stage.dco(&right, &["build", "--push", "app"]).ok();
    assert_eq!(
        done.stderr.matches(" app Pushed ").count(),
        2,
        "{}",
        done.stderr
    );
    stage.forget();
    stage.dco(&right, &["up", "-d", "--no-build", "app"]).ok();
    let done = stage
        .dco(&right, &["exec", "-T", "app", "cat", "/here"])
        .ok();
    assert_eq!(done.stdout, "built\n");
    stage.dco(&right, &["down"]).ok();

    let from = format!("FROM {}\nRUN cp /here /there\n", stage.image);
    stage.project.write("Dockerfile", &from);
    let below = FILE.replace("${IMAGE}", "${IMAGE}-below");
    stage.project.write("below.yaml", &below);
    for builder in ["1", "0"] {
        let from = ["-f", "below.yaml", "build", "--no-cache", "app"];
        stage.forget();
        let mut all = vec!["--config", right.as_str()];
        all.extend(from);
        let mut command = stage.project.command(&all);
        command.env("DOCKER_BUILDKIT", builder);
        stage.project.finish(command, "").ok();
    }
}

#[test]
fn who_is_not_logged_in_is_told_what_to_do() {
    let stage = Stage::new();
    let address = stage.registry.address();
    let wrong = stage.login("wrong", WRONG);
    stage.dco("none", &["build", "app"]).ok();
    for verb in ["push", "pull"] {
        let done = stage.dco(&wrong, &[verb, "app"]).exits(1);
        let refused = format!(
            "hint: {address} refused the credentials of this user: `docker login {address}`"
        );
        assert!(done.stderr.contains(&refused), "{}", done.stderr);
        assert!(done.stderr.contains(&format!("cannot {verb} `{address}/")));
        let done = stage.dco("none", &[verb, "app"]).exits(1);
        let nobody = format!("hint: nobody is logged in to {address}: `docker login {address}`");
        assert!(done.stderr.contains(&nobody), "{}", done.stderr);
    }
    let done = stage.dco("none", &["push", "--ignore-push-failures", "app"]);
    assert!(done.ok().stderr.contains("warning: cannot push"));
    stage
        .project
        .write("empty.yaml", "services: {app: {image: busybox}}\n");
    let done = stage.dco("none", &["-f", "empty.yaml", "push"]).ok();
    assert!(done.stderr.contains(" app Skipped"), "{}", done.stderr);
}

#[test]
fn a_helper_and_podmans_file_are_asked_and_a_broken_helper_does_not_stop_what_is_public() {
    let stage = Stage::new();
    let address = stage.registry.address();
    let escaped = PASSWORD.replace('\\', "\\\\").replace('"', "\\\"");
    let answer = format!(r#"{{"ServerURL":"{address}","Username":"{USER}","Secret":"{escaped}"}}"#);
    stage.project.write("answer.json", &answer);
    let folder = stage.project.dir();
    let helper = format!(
        "#!/bin/sh\nread server\n[ \"$server\" = {address} ] && exec cat {}/answer.json\n\
         echo credentials not found in native keychain; exit 1\n",
        folder.display()
    );
    stage
        .project
        .write("bin/docker-credential-dcotest", &helper);
    let program = stage.project.path("bin/docker-credential-dcotest");
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).expect("a program");
    let path = format!(
        "{}/bin:{}",
        folder.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let with_path = |config: &str, args: &[&str]| {
        let mut all = vec!["--config", config];
        all.extend(args);
        let mut command = stage.project.command(&all);
        command.env("PATH", &path);
        command.env("REGISTRY_AUTH_FILE", folder.join("podman.json"));
        stage.project.finish(command, "")
    };
    stage.dco("none", &["build", "app"]).ok();
    stage
        .project
        .write("store/config.json", r#"{"credsStore": "dcotest"}"#);
    with_path("store", &["push", "app"]).ok();
    let helper =
        format!(r#"{{"auths": {{"{address}": {{}}}}, "credHelpers": {{"{address}": "dcotest"}}}}"#);
    stage.project.write("helper/config.json", &helper);
    with_path("helper", &["pull", "app"]).ok();

    // A service with the engine's socket gets what the helper knows.
    let socket = "services:\n  app: {image: busybox, init: true, command: sleep 600, use_api_socket: true}\n";
    stage.project.write("socket.yaml", socket);
    with_path("helper", &["-f", "socket.yaml", "up", "-d", "--no-settle"]).ok();
    let id = stage.project.inspect("app")["Id"]
        .as_str()
        .expect("its id")
        .to_owned();
    let archive = engine::bytes(&format!(
        "/containers/{id}/archive?path=/run/secrets/docker/config.json"
    ));
    let auth = STANDARD.encode(format!("{USER}:{PASSWORD}"));
    assert!(String::from_utf8_lossy(&archive).contains(&auth));

    let podman = format!(r#"{{"auths": {{"{address}": {{"auth": "{auth}"}}}}}}"#);
    stage.project.write("podman.json", &podman);
    with_path("none", &["pull", "app"]).ok();
    stage.project.write("podman.json", "{}");

    stage
        .project
        .write("broken/config.json", r#"{"credsStore": "dco-lost"}"#);
    let done = with_path("broken", &["pull", "app"]).exits(1);
    let said = format!(
        "hint: went on without credentials: the credential helper for {address} cannot be run"
    );
    assert!(done.stderr.contains(&said), "{}", done.stderr);
}
