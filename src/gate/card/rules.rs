//! The table of rules: from what is known of a failed container to what is wrong and how to mend it.

use std::sync::LazyLock;

use regex::Regex;

use super::{Facts, Fate, Finding, shown};
use crate::gate::checks::one_word_line;
use crate::gate::verdict::Answer;

type Rule = fn(&Facts<'_>) -> Option<Finding>;

/// The rules, the surest first: the first that matches explains the failure.
const RULES: &[Rule] = &[
    one_string_command,
    windows_line_ends,
    architecture,
    not_executable,
    command_not_found,
    mount_is_a_folder,
    port_taken,
    out_of_memory,
    by_text,
    loopback_only,
    connection_refused,
];

/// The finding of the first rule that matches.
pub fn explain(facts: &Facts<'_>) -> Option<Finding> {
    RULES.iter().find_map(|rule| rule(facts))
}

/// A rule that is a text, in the engine's error or in the log.
struct Text {
    rule: &'static str,
    /// Matched without regard to case; any one.
    needles: &'static [&'static str],
    what: &'static str,
    fix: &'static str,
}

/// Rules that are nothing but a text. `{line}` is the line that matched, `{service}` the service.
const TEXTS: &[Text] = &[
    Text {
        rule: "postgres-password",
        needles: &["superuser password is not specified"],
        what: "PostgreSQL's image wants a password for its first start",
        fix: "add `POSTGRES_PASSWORD` to `environment:` of `{service}`",
    },
    Text {
        rule: "mysql-password",
        needles: &["database is uninitialized and password option is not specified"],
        what: "the database's image wants a password for its first start",
        fix: "add `MYSQL_ROOT_PASSWORD` or `MARIADB_ROOT_PASSWORD` to `environment:` of `{service}`",
    },
    Text {
        rule: "postgres-18-layout",
        needles: &["in 18+, these docker images are configured to store database data"],
        what: "PostgreSQL 18 and later keep their data below `/var/lib/postgresql`",
        fix: "mount the volume at `/var/lib/postgresql`, or stay with `postgres:17`",
    },
    Text {
        rule: "postgres-other-version",
        needles: &["database files are incompatible with server"],
        what: "the volume holds the data of another version of PostgreSQL",
        fix: "use the version that wrote them, or dump and restore them",
    },
    Text {
        rule: "disk-full",
        needles: &["no space left on device"],
        what: "the disk is full",
        fix: "`docker system df` shows what takes the room; `dco down --volumes` frees this project's",
    },
    Text {
        rule: "relation-missing",
        needles: &["no such table", "undefinedtable", "unknown table"],
        what: "the database has no such table yet: {line}",
        fix: "run the migrations, for example `dco exec {service} manage.py migrate`",
    },
    Text {
        rule: "module-missing",
        needles: &[
            "modulenotfounderror",
            "cannot find module",
            "importerror: no module named",
        ],
        what: "a module is not installed in the image: {line}",
        fix: "build the image again with `dco up --build`",
    },
    Text {
        rule: "login-needed",
        needles: &[
            "pull access denied",
            "unauthorized: authentication required",
            "no basic auth credentials",
            "requested access to the resource is denied",
        ],
        what: "the registry does not give this image to everyone, or has none of that name",
        fix: "mend the name, or log in with `docker login`",
    },
    Text {
        rule: "image-not-found",
        needles: &[
            "manifest unknown",
            "manifest for",
            "repository does not exist",
            "no such image",
            "not found: manifest",
        ],
        what: "there is no such image: {line}",
        fix: "mend `image:` of `{service}`, or its tag",
    },
    Text {
        rule: "registry-not-reachable",
        needles: &[
            "no such host",
            "tls handshake timeout",
            "server misbehaving",
            "request canceled while waiting for connection",
            "network is unreachable",
            "i/o timeout",
        ],
        what: "the registry, or another host, cannot be reached: {line}",
        fix: "look at the network and its proxy; what is pulled already starts with `dco up --pull never`",
    },
    Text {
        rule: "too-many-pulls",
        needles: &["toomanyrequests"],
        what: "the registry has had enough of pulls from here",
        fix: "log in with `docker login`, or wait",
    },
];

static RELATION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?i)(relation "?[\w.]+"? does not exist|table '?[\w.]+'? doesn'?t exist)"#)
});
static REFUSED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)connection refused|econnrefused|could not connect to server|can't connect to (mysql|mariadb|local mysql)|failed to connect to|couldn't connect to server|no route to host",
    )
});

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of this file is well formed")
}

/// Every line that says something: the engine's error, then the log, the newest first.
fn lines<'f>(facts: &'f Facts<'_>) -> impl Iterator<Item = &'f str> {
    let log = facts.log.iter().rev().map(String::as_str);
    facts.error.lines().chain(log).chain(facts.health.lines())
}

/// The lines of a process that could not be executed.
fn failed_to_run<'f>(facts: &'f Facts<'_>) -> impl Iterator<Item = &'f str> {
    let code = match facts.fate {
        Fate::Exited { code, .. } => code,
        _ => 0,
    };
    // Other exits say such things of the programs that they called, not of themselves.
    let counts = facts.fate == Fate::NotStarted || matches!(code, 126 | 127);
    lines(facts).filter(move |_| counts)
}

fn has(line: &str, needle: &str) -> bool {
    line.to_ascii_lowercase().contains(needle)
}

fn one_string_command(facts: &Facts<'_>) -> Option<Finding> {
    let line = one_word_line(facts.argv)?;
    failed_to_run(facts).find(|said| {
        has(said, "executable file not found") || has(said, "no such file or directory")
    })?;
    let place = facts
        .place(&["command", "0"])
        .or_else(|| facts.place(&["entrypoint", "0"]));
    Some(Finding {
        rule: "one-string-command",
        what: format!("the command is one word with blanks, `{line}`"),
        place,
        fix: format!("write `command: {}`", facts.argv.join(" ")),
    })
}

fn windows_line_ends(facts: &Facts<'_>) -> Option<Finding> {
    let line = lines(facts).find(|line| {
        let broken = has(line, "no such file or directory")
            || has(line, "bad interpreter")
            || has(line, "not found");
        broken && (line.contains('\r') || line.contains("\\r") || line.contains("^M"))
    })?;
    Some(Finding {
        rule: "windows-line-ends",
        what: format!("a script has Windows line ends: {}", line.trim().replace('\r', "\\r")),
        place: facts.place(&["command"]).or_else(|| facts.place(&["entrypoint"])),
        fix: "convert it with `sed -i 's/\\r$//'`, and keep it so with `*.sh text eol=lf` in .gitattributes".to_owned(),
    })
}

fn architecture(facts: &Facts<'_>) -> Option<Finding> {
    let line = lines(facts).find(|line| {
        has(line, "exec format error")
            || has(line, "no matching manifest for")
            || has(line, "does not match the detected host platform")
    })?;
    Some(Finding {
        rule: "architecture",
        what: format!("the image, or the program, is for another kind of machine: {}", line.trim()),
        place: facts.place(&["platform"]).or_else(|| facts.place(&["image"])),
        fix: "set `platform:` to what the image has, or build it here; a script without `#!` says the same".to_owned(),
    })
}

fn not_executable(facts: &Facts<'_>) -> Option<Finding> {
    let refused = failed_to_run(facts).any(|line| has(line, "permission denied"));
    let program = facts.argv.first()?;
    refused.then(|| Finding {
        rule: "not-executable",
        what: format!("`{program}` is not executable"),
        place: facts
            .place(&["entrypoint"])
            .or_else(|| facts.place(&["command"])),
        fix: format!("`chmod +x` it on your side, or in the Dockerfile: `RUN chmod +x {program}`"),
    })
}

fn command_not_found(facts: &Facts<'_>) -> Option<Finding> {
    let said = failed_to_run(facts).any(|line| {
        has(line, "executable file not found")
            || has(line, "no such file or directory") && !has(line, "mount")
            || has(line, "not found")
    });
    let program = facts.argv.first()?;
    if !said || facts.error.to_ascii_lowercase().contains("image") {
        return None;
    }
    Some(Finding {
        rule: "command-not-found",
        what: format!("`{program}` is not in the image, or the program that it calls is not"),
        place: facts
            .place(&["command"])
            .or_else(|| facts.place(&["entrypoint"])),
        fix: format!(
            "mend the command, or install it; `dco run --entrypoint sh {}` looks inside",
            facts.name()
        ),
    })
}

fn mount_is_a_folder(facts: &Facts<'_>) -> Option<Finding> {
    let wrong = lines(facts).any(|line| {
        has(line, "trying to mount a directory onto a file")
            || has(line, "not a directory") && has(line, "mount")
    });
    wrong.then(|| Finding {
        rule: "mount-is-a-folder",
        what: "a folder is mounted where the image has a file: its source was missing once, and the engine made a folder of it".to_owned(),
        place: facts.place(&["volumes"]),
        fix: "remove the empty folder, put the file there, and start again".to_owned(),
    })
}

fn port_taken(facts: &Facts<'_>) -> Option<Finding> {
    let line = lines(facts).find(|line| {
        has(line, "port is already allocated") || has(line, "address already in use")
    })?;
    // Said in its own log, it is the container that wants one port twice.
    if !facts.error.contains(line.trim()) {
        return Some(Finding {
            rule: "port-taken-inside",
            what: format!("two of its own processes want one port: {}", line.trim()),
            place: None,
            fix: "change the port of one of them".to_owned(),
        });
    }
    let holder = facts
        .port_holder
        .map_or(String::new(), |by| format!(", by {by}"));
    Some(Finding {
        rule: "port-taken",
        what: format!("a port that it publishes is taken{holder}"),
        place: facts
            .place(&["ports", "0"])
            .or_else(|| facts.place(&["ports"])),
        fix: "stop what holds it, or publish another one".to_owned(),
    })
}

fn out_of_memory(facts: &Facts<'_>) -> Option<Finding> {
    let killed = matches!(
        facts.fate,
        Fate::Exited {
            out_of_memory: true,
            ..
        }
    );
    let said = lines(facts).any(|line| {
        has(line, "cannot allocate memory")
            || has(line, "heap out of memory")
            || has(line, "java.lang.outofmemoryerror")
    });
    (killed || said).then(|| Finding {
        rule: "out-of-memory",
        what: "it ran out of memory".to_owned(),
        place: facts
            .place(&["deploy", "resources", "limits", "memory"])
            .or_else(|| facts.place(&["mem_limit"])),
        fix: "raise its limit (`mem_limit`, `deploy.resources.limits.memory`), or give the engine's machine more".to_owned(),
    })
}

fn by_text(facts: &Facts<'_>) -> Option<Finding> {
    if let Some(line) = lines(facts).find(|line| RELATION.is_match(line)) {
        let table = TEXTS.iter().find(|text| text.rule == "relation-missing")?;
        return Some(table.finding(line, facts));
    }
    TEXTS.iter().find_map(|text| {
        let line = lines(facts).find(|line| text.needles.iter().any(|needle| has(line, needle)))?;
        Some(text.finding(line, facts))
    })
}

impl Text {
    fn finding(&self, line: &str, facts: &Facts<'_>) -> Finding {
        let fill = |text: &str| {
            text.replace("{line}", line.trim())
                .replace("{service}", facts.name())
        };
        let place = match self.rule {
            "image-not-found" | "login-needed" => facts.place(&["image"]),
            "postgres-18-layout" | "postgres-other-version" => facts.place(&["volumes"]),
            _ => None,
        };
        Finding {
            rule: self.rule,
            what: fill(self.what),
            place,
            fix: fill(self.fix),
        }
    }
}

fn loopback_only(facts: &Facts<'_>) -> Option<Finding> {
    let port = facts
        .wanted
        .iter()
        .find(|port| facts.loopback.contains(port))?;
    Some(Finding {
        rule: "loopback-only",
        what: format!("it listens on 127.0.0.1:{port}, inside its container only"),
        place: facts
            .place(&["command"])
            .or_else(|| facts.place(&["image"])),
        fix: format!("make it listen on all addresses: `0:{port}` or `0.0.0.0:{port}`"),
    })
}

fn connection_refused(facts: &Facts<'_>) -> Option<Finding> {
    let line = lines(facts).find(|line| REFUSED.is_match(line))?;
    let near = lines(facts).collect::<Vec<_>>().join("\n");
    let mentioned = |name: &str| {
        let edge = |letter: Option<char>| !letter.is_some_and(|c| c.is_alphanumeric() || c == '_');
        near.match_indices(name).any(|(at, _)| {
            edge(near[..at].chars().next_back()) && edge(near[at + name.len()..].chars().next())
        })
    };
    let known = facts.dependencies.iter();
    let whom = known
        .clone()
        .find(|one| mentioned(&one.service))
        .or_else(|| known.clone().find(|one| one.answer == Answer::No));
    let Some(whom) = whom else {
        return Some(Finding {
            rule: "connection-refused",
            what: format!("it was refused: {}", line.trim()),
            place: None,
            fix: "what it calls does not listen yet, or elsewhere: inside a container, `localhost` is the container itself".to_owned(),
        });
    };
    let port = port_in(line).map_or(String::new(), |port| format!(":{port}"));
    let target = format!("{}{port}", whom.service);
    let (what, place) = match &whom.gate {
        None => (
            format!("it was refused by `{target}`, which it does not wait for"),
            None,
        ),
        Some(gate) => (
            format!(
                "it was refused by `{target}`, although {} was waited for ({})",
                gate.target(),
                shown(&gate.because)
            ),
            gate.because.place.clone(),
        ),
    };
    Some(Finding {
        rule: "connection-refused",
        what,
        place,
        fix: format!(
            "add `x-dco: {{wait: [\"{target}\"]}}` to `{}`",
            facts.name()
        ),
    })
}

/// The port in `port 5432 failed` or `db:5432`.
fn port_in(line: &str) -> Option<u16> {
    static PORT: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"(?i)(?:port[ =:]+|[A-Za-z0-9_.-]:)(\d{2,5})\b"));
    PORT.captures(line)?[1].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::PortTarget;
    use crate::gate::card::Neighbour;
    use crate::name::ServiceName;

    fn exited(code: i64) -> Fate {
        Fate::Exited {
            code,
            out_of_memory: false,
            restarts: 0,
        }
    }

    /// The rule that explains an end with this code, engine error, log line and command.
    fn rule(fate: Fate, error: &str, log: &str, argv: &[&str]) -> &'static str {
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
            ..Facts::default()
        };
        explain(&facts).map_or("", |finding| finding.rule)
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
}
