//! `dco ready` and `dco doctor` with containers that nobody made with a compose file.

use bollard::models::{ContainerCreateBody, HostConfig, PortBinding};
use dco::engine::{DockerConfig, Engine, Selection};

use crate::support::Project;
use crate::support::capability::{Capability, needs};
use crate::support::project::Finished;

fn start(project: &Project, service: &str, body: ContainerCreateBody) {
    let engine = Engine::from_environment(&Selection::default(), &DockerConfig::default());
    let engine = engine.expect("an address");
    let labels = [
        ("com.docker.compose.project", project.name()),
        ("com.docker.compose.service", service),
        ("com.docker.compose.container-number", "1"),
        ("com.docker.compose.oneoff", "False"),
        ("com.docker.compose.config-hash", "none"),
    ];
    let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let body = ContainerCreateBody {
        labels: Some(labels.into()),
        ..body
    };
    let name = format!("{}-{service}-1", project.name());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let made = engine.create_container(&name, None, &body).await;
        let id = made.expect("a container").id;
        engine.start_container(&id).await.expect("a start");
    });
}

fn python(program: &str) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some("python:3".to_owned()),
        entrypoint: Some(Vec::new()),
        cmd: Some(["python3", "-u", "-c", program].map(str::to_owned).into()),
        ..ContainerCreateBody::default()
    }
}

fn ready(project: &Project, args: &[&str]) -> Finished {
    let mut words = vec!["-p", project.name(), "ready"];
    words.extend(args);
    project.dco(&words)
}

#[test]
fn ready_waits_for_services_addresses_and_urls() {
    if !needs(Capability::Here) {
        return;
    }
    let project = Project::new("ready");
    let bindings = [(
        "8000/tcp".to_owned(),
        Some(vec![PortBinding {
            host_ip: Some("127.0.0.1".to_owned()),
            host_port: Some("0".to_owned()),
        }]),
    )];
    let program = "import http.server, time; time.sleep(1.5); http.server.HTTPServer(('0.0.0.0', 8000), http.server.SimpleHTTPRequestHandler).serve_forever()";
    let body = ContainerCreateBody {
        exposed_ports: Some(vec!["8000/tcp".to_owned()]),
        host_config: Some(HostConfig {
            port_bindings: Some(bindings.into()),
            ..HostConfig::default()
        }),
        ..python(program)
    };
    start(&project, "web", body);
    let containers = project.containers();
    let port = containers[0]["Ports"][0]["PublicPort"]
        .as_u64()
        .expect("a published port");
    // The proxy of the published port accepts at once, and nothing listens behind it yet.
    let early = ready(&project, &[&format!("localhost:{port}"), "-t", "200ms"]);
    assert_eq!(early.code, 124, "{early:?}");
    assert!(
        early.stderr.contains("is not ready after 0.2 s"),
        "{early:?}"
    );
    let all = ready(
        &project,
        &["web", "web:8000", "http://web:8000/", "-t", "20s"],
    );
    assert_eq!(all.code, 0, "{all:?}");
    let outside = format!("http://127.0.0.1:{port}/");
    assert_eq!(
        ready(&project, &[&outside, &format!("localhost:{port}")]).code,
        0
    );
    let missing = ready(&project, &["http://web:8000/missing", "-t", "1s"]);
    assert_eq!(missing.code, 124, "{missing:?}");
}

#[test]
fn ready_fails_at_once_where_a_container_ended_or_a_name_is_unknown() {
    let project = Project::new("unready");
    start(
        &project,
        "db",
        python("import time; time.sleep(0.3); raise SystemExit(3)"),
    );
    let failed = ready(&project, &["db:5432", "-t", "20s"]);
    assert_eq!(failed.code, 1, "{failed:?}");
    let said = format!(
        "error: `db:5432` failed: container {}-db-1 exited (3)",
        project.name()
    );
    assert!(failed.stderr.contains(&said), "{failed:?}");
    let unknown = ready(&project, &["dbb"]);
    assert_eq!(unknown.code, 1, "{unknown:?}");
    assert!(
        unknown
            .stderr
            .contains("error: service `dbb` has no container"),
        "{unknown:?}"
    );
    assert_eq!(ready(&project, &["a,b"]).code, 1);
}

#[test]
fn doctor_finds_the_engine_and_says_where_it_does_not() {
    let project = Project::new("doctor");
    let found = project.dco(&["doctor"]);
    assert_eq!(found.code, 0, "{found:?}");
    let first = found.stdout.lines().next().unwrap_or_default();
    let named = ["ok       engine ", "ok       Podman "];
    let named = named.iter().any(|name| first.starts_with(name));
    assert!(named && first.contains(" answers at "), "{found:?}");
    project.write("../.home/.zshrc", "plugins=(git docker-compose)\n");
    let shadowed = project.dco(&["doctor", "--format", "json"]);
    assert!(
        shadowed.stdout.contains("docker-compose plugin"),
        "{shadowed:?}"
    );
    let absent = project.dco(&["--host", "unix:///nowhere/docker.sock", "doctor"]);
    assert_eq!(absent.code, 1, "{absent:?}");
    let text = "error    cannot connect to the Docker daemon at unix:///nowhere/docker.sock";
    assert!(absent.stdout.contains(text), "{absent:?}");
}
