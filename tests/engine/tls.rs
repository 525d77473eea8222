//! An engine behind TLS with certificates on both sides, by way of a docker context.

use crate::support::Project;
use crate::support::project::Finished;
use crate::support::tls::Tls;

const FILE: &str = "\
services:
  web: {image: busybox, init: true, command: sh -c 'echo hello from afar; exec sleep 600'}
";

/// A project whose docker configuration knows the engine as context `far`.
fn far(tls: &Tls, ca: &str, identity: bool) -> Project {
    let project = Project::new("tls").file("compose.yaml", FILE);
    let at = |name: &str| tls.file(name).display().to_string();
    let mut endpoint = format!("host={},ca={}", tls.host(), at(ca));
    if identity {
        endpoint += &format!(",cert={},key={}", at("client.pem"), at("client-key.pem"));
    }
    let config = project.path("docker");
    let mut docker = std::process::Command::new("docker");
    docker
        .env("DOCKER_CONFIG", &config)
        .env_remove("DOCKER_HOST");
    docker.args(["context", "create", "far", "--docker", &endpoint]);
    let made = docker.output().expect("docker");
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{said}");
    project.env("DOCKER_CONFIG", &config.display().to_string())
}

#[track_caller]
fn with_context(project: &Project, args: &[&str]) -> Finished {
    let mut all = vec!["--context", "far"];
    all.extend(args);
    project.dco(&all)
}

#[test]
fn a_context_with_certificates_leads_to_its_engine() {
    let tls = Tls::start();
    let project = far(&tls, "ca.pem", true);
    with_context(&project, &["up", "-d"]).ok();
    let said = with_context(&project, &["exec", "-T", "web", "cat"]).ok();
    assert_eq!(said.stdout, "");
    let mut command = project.command(&["exec", "-T", "web", "cat"]);
    // The context of the environment, where no address goes before it.
    command
        .env_remove("DOCKER_HOST")
        .env("DOCKER_CONTEXT", "far");
    assert_eq!(project.finish(command, "typed\n").ok().stdout, "typed\n");
    let logs = with_context(&project, &["logs", "--no-log-prefix"]).ok();
    assert_eq!(logs.stdout, "hello from afar\n");
    with_context(&project, &["down"]).ok();
    assert_eq!(project.containers().len(), 0);
}

#[test]
fn who_has_no_certificate_or_the_wrong_authority_is_told_so() {
    let tls = Tls::start();
    for (ca, identity, said) in [
        ("ca.pem", false, "CertificateRequired"),
        ("other.pem", true, "invalid peer certificate: UnknownIssuer"),
    ] {
        let project = far(&tls, ca, identity);
        let done = with_context(&project, &["ps"]).exits(1);
        assert!(done.stderr.contains(said), "{}", done.stderr);
        assert!(done.stderr.contains("\nhint: "), "{}", done.stderr);
    }
}
