//! Broken services and the rules that explain them.

use super::super::{Facts, Fate, Neighbour};
use super::explain;
use crate::gate::PortTarget;
use crate::gate::verdict::Answer;
use crate::name::ServiceName;

pub(in crate::gate::card) fn exited(code: i64) -> Fate {
    Fate::Exited {
        code,
        out_of_memory: false,
        restarts: 0,
    }
}

/// What is known of a service `web` that ended so, beside a `db` that runs and refuses.
pub(in crate::gate::card) fn with_facts<T>(
    fate: Fate,
    [error, log]: [&str; 2],
    argv: &[&str],
    read: impl FnOnce(&Facts<'_>) -> T,
) -> T {
    let web = ServiceName::from("web");
    let log: Vec<String> = log.lines().map(str::to_owned).collect();
    let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
    let dependencies = [Neighbour {
        service: "db".into(),
        state: "running".into(),
        gate: None,
        answer: Answer::No,
    }];
    let facts = Facts {
        service: Some(&web),
        container: "app-web-1",
        fate,
        error,
        log: &log,
        argv: &argv,
        dependencies: &dependencies,
        after: std::time::Duration::from_millis(330),
        ..Facts::default()
    };
    read(&facts)
}

/// The rule that explains an end with this code, engine error, log line and command.
fn rule(fate: Fate, error: &str, log: &str, argv: &[&str]) -> &'static str {
    with_facts(fate, [error, log], argv, |facts| {
        explain(facts).map_or("", |finding| finding.rule)
    })
}

#[test]
fn broken_services_get_their_rule() {
    use Fate::NotStarted;
    let oom = Fate::Exited {
        code: 137,
        out_of_memory: true,
        restarts: 0,
    };
    let not_found =
        "OCI runtime create failed: exec: \"x\": executable file not found in $PATH: unknown";
    for (expected, fate, error, log, argv) in [
        (
            "one-string-command",
            NotStarted,
            not_found,
            "",
            &["python manage.py runserver"][..],
        ),
        ("command-not-found", NotStarted, not_found, "", &["pyton"]),
        (
            "command-not-found",
            exited(127),
            "",
            "sh: 1: gunicorn: not found",
            &["sh", "-c", "gunicorn"],
        ),
        (
            "not-executable",
            NotStarted,
            "exec: \"/run.sh\": permission denied: unknown",
            "",
            &["/run.sh"],
        ),
        (
            "limit-refused",
            NotStarted,
            "runc: runc create failed: unable to start container process: error setting rlimits for ready process: error setting rlimit type 7: operation not permitted: OCI permission denied",
            "",
            &["sleep"],
        ),
        (
            "port-taken",
            NotStarted,
            "listen tcp4 0.0.0.0:80: bind: address already in use",
            "",
            &["sleep"],
        ),
        (
            "",
            NotStarted,
            "plugin type=\"dnsname\" failed (add): dnsmasq: failed to create listening socket for 10.89.6.1: Address already in use",
            "",
            &["sleep"],
        ),
        (
            "windows-line-ends",
            exited(127),
            "",
            "/usr/bin/env: 'python\r': No such file or directory",
            &["./manage.py"],
        ),
        (
            "windows-line-ends",
            exited(126),
            "",
            "/bin/sh^M: bad interpreter: No such file or directory",
            &["./run.sh"],
        ),
        (
            "architecture",
            exited(1),
            "",
            "exec /app: exec format error",
            &["/app"],
        ),
        (
            "mount-is-a-folder",
            NotStarted,
            "error mounting \"/p/x\" to rootfs: Are you trying to mount a directory onto a file (or vice-versa)?",
            "",
            &["x"],
        ),
        (
            "port-taken",
            NotStarted,
            "Bind for 0.0.0.0:8000 failed: port is already allocated",
            "",
            &["x"],
        ),
        (
            "port-taken",
            NotStarted,
            "listen tcp4 0.0.0.0:80: bind: address already in use",
            "",
            &["x"],
        ),
        (
            "port-taken-inside",
            exited(1),
            "",
            "OSError: [Errno 98] Address already in use",
            &["x"],
        ),
        ("out-of-memory", oom, "", "", &["x"]),
        (
            "out-of-memory",
            exited(134),
            "",
            "FATAL ERROR: JavaScript heap out of memory",
            &["node"],
        ),
        (
            "postgres-password",
            exited(1),
            "",
            "Error: Database is uninitialized and superuser password is not specified.",
            &["postgres"],
        ),
        (
            "mysql-password",
            exited(1),
            "",
            "[ERROR] [Entrypoint]: Database is uninitialized and password option is not specified",
            &["mysqld"],
        ),
        (
            "postgres-18-layout",
            exited(1),
            "",
            "Error: in 18+, these Docker images are configured to store database data in a format",
            &["postgres"],
        ),
        (
            "postgres-other-version",
            exited(1),
            "",
            "FATAL:  database files are incompatible with server",
            &["postgres"],
        ),
        (
            "disk-full",
            exited(1),
            "",
            "OSError: [Errno 28] No space left on device",
            &["x"],
        ),
        (
            "relation-missing",
            exited(1),
            "",
            "django.db.utils.ProgrammingError: relation \"app_note\" does not exist",
            &["x"],
        ),
        (
            "relation-missing",
            exited(1),
            "",
            "Table 'app.notes' doesn't exist",
            &["x"],
        ),
        (
            "module-missing",
            exited(1),
            "",
            "ModuleNotFoundError: No module named 'django'",
            &["python"],
        ),
        (
            "login-needed",
            NotStarted,
            "pull access denied for secret, repository does not exist or may require 'docker login'",
            "",
            &[],
        ),
        (
            "image-not-found",
            NotStarted,
            "manifest for postgres:99 not found: manifest unknown",
            "",
            &[],
        ),
        (
            "registry-not-reachable",
            NotStarted,
            "Get https://registry-1.docker.io/v2/: dial tcp: lookup registry-1.docker.io: no such host",
            "",
            &[],
        ),
        (
            "too-many-pulls",
            NotStarted,
            "toomanyrequests: You have reached your pull rate limit",
            "",
            &[],
        ),
        (
            "connection-refused",
            exited(1),
            "",
            "psycopg.OperationalError: connection to server at \"db\", port 5432 failed: Connection refused",
            &["python"],
        ),
        (
            "connection-refused",
            exited(1),
            "",
            "Error: connect ECONNREFUSED 172.18.0.2:6379",
            &["node"],
        ),
        (
            "calls-itself",
            exited(1),
            "",
            "Error: connect ECONNREFUSED 127.0.0.1:6379\n  code: 'ECONNREFUSED',",
            &["node"],
        ),
        (
            "calls-itself",
            exited(1),
            "",
            "connection to server at \"localhost\" (127.0.0.1), port 5432 failed: Connection refused",
            &["python"],
        ),
        (
            "calls-itself",
            exited(1),
            "",
            "dial tcp [::1]:5432: connect: connection refused",
            &["app"],
        ),
        ("", exited(1), "", "KeyError: 'x'", &["python"]),
        ("", exited(0), "", "", &["true"]),
    ] {
        assert_eq!(rule(fate, error, log, argv), expected, "{error}{log}");
    }
}

#[test]
fn a_listener_on_the_loopback_interface_is_explained_with_what_to_write() {
    let web = ServiceName::from("web");
    let ports = [PortTarget::tcp(8000)];
    let facts = Facts {
        service: Some(&web),
        fate: Fate::Silent,
        loopback: &ports,
        wanted: &ports,
        ..Facts::default()
    };
    let finding = explain(&facts).unwrap();
    assert_eq!(finding.rule, "loopback-only");
    assert_eq!(
        finding.fix,
        "make it listen on all addresses: `0:8000` or `0.0.0.0:8000`"
    );
}
