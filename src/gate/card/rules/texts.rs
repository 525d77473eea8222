//! Rules that are nothing but a text, in the engine's error or in the log: a table.

use std::sync::LazyLock;

use regex::Regex;

use super::super::{Facts, Fate, Finding};
use super::{has, lines, pattern};

/// Whose words count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// The engine's, where it could not make or start a container.
    Engine,
    /// Everybody's.
    Anyone,
}

/// A rule that is a text.
struct Text {
    rule: &'static str,
    by: By,
    /// Matched without regard to case; any one.
    needles: &'static [&'static str],
    what: &'static str,
    fix: &'static str,
    /// Where the mistake is written, within the service: the first path that is there.
    at: &'static [&'static [&'static str]],
}

/// `{line}` is the line that matched, `{service}` the service.
const TEXTS: &[Text] = &[
    Text {
        rule: "postgres-password",
        by: By::Anyone,
        needles: &["superuser password is not specified"],
        what: "PostgreSQL's image wants a password for its first start",
        fix: "add `POSTGRES_PASSWORD` to `environment:` of `{service}`",
        at: &[&["environment"], &["image"]],
    },
    Text {
        rule: "mysql-password",
        by: By::Anyone,
        needles: &["database is uninitialized and password option is not specified"],
        what: "the database's image wants a password for its first start",
        fix: "add `MYSQL_ROOT_PASSWORD` or `MARIADB_ROOT_PASSWORD` to `environment:` of `{service}`",
        at: &[&["environment"], &["image"]],
    },
    Text {
        rule: "password-refused",
        by: By::Anyone,
        needles: &[
            "password authentication failed for user",
            "access denied for user",
            "wrongpass invalid username-password",
            "noauth authentication required",
        ],
        what: "the database does not take this password: {line}",
        fix: "a database keeps the password of its first start in its volume: give that one, or begin anew with `dco down --volumes`",
        at: &[&["environment"]],
    },
    Text {
        rule: "postgres-18-layout",
        by: By::Anyone,
        needles: &["in 18+, these docker images are configured to store database data"],
        what: "PostgreSQL 18 and later keep their data below `/var/lib/postgresql`",
        fix: "mount the volume at `/var/lib/postgresql`, or stay with `postgres:17`",
        at: &[&["volumes"]],
    },
    Text {
        rule: "postgres-other-version",
        by: By::Anyone,
        needles: &["database files are incompatible with server"],
        what: "the volume holds the data of another version of PostgreSQL",
        fix: "use the version that wrote them, or dump and restore them",
        at: &[&["image"], &["volumes"]],
    },
    RELATION,
    Text {
        rule: "module-missing",
        by: By::Anyone,
        needles: &[
            "modulenotfounderror",
            "cannot find module",
            "importerror: no module named",
        ],
        what: "a module is not installed in the image: {line}",
        fix: "build the image again with `dco up --build`",
        at: &[&["build"], &["image"]],
    },
    Text {
        rule: "login-needed",
        by: By::Engine,
        needles: &[
            "pull access denied",
            "unauthorized",
            "no basic auth credentials",
            "requested access to the resource is denied",
            "denied: requested access",
        ],
        what: "the registry does not give this image to everyone, or has none of that name",
        fix: "mend the name, or log in with `docker login`",
        at: &[&["image"]],
    },
    Text {
        rule: "image-not-found",
        by: By::Engine,
        needles: &[
            "manifest unknown",
            "manifest for",
            "repository does not exist",
            "no such image",
            "not found: manifest",
            "name unknown",
        ],
        what: "the registry has no such image, or no such tag of it",
        fix: "mend `image:` of `{service}`; an image of your own needs `build:`",
        at: &[&["image"]],
    },
    Text {
        rule: "limit-refused",
        by: By::Engine,
        needles: &["error setting rlimit", "setrlimit"],
        what: "it is to start with a limit above what the engine itself may have",
        fix: "lower `ulimits:` of `{service}`, or the engine's defaults (`default_ulimits` in containers.conf, `default-ulimits` in daemon.json)",
        at: &[&["ulimits"]],
    },
    Text {
        rule: "too-many-pulls",
        by: By::Engine,
        needles: &["toomanyrequests"],
        what: "the registry has had enough of pulls from here",
        fix: "log in with `docker login`, or wait",
        at: &[&["image"]],
    },
    Text {
        rule: "registry-not-reachable",
        by: By::Engine,
        needles: &[
            "no such host",
            "tls handshake timeout",
            "server misbehaving",
            "request canceled while waiting for connection",
            "network is unreachable",
            "i/o timeout",
            "connect: connection refused",
            "context deadline exceeded",
        ],
        what: "the image's registry cannot be reached",
        fix: "look at the engine's network and its proxy; what is pulled already starts with `dco up --pull never`",
        at: &[&["image"]],
    },
];

const RELATION: Text = Text {
    rule: "relation-missing",
    by: By::Anyone,
    needles: &["no such table", "undefinedtable", "unknown table"],
    what: "the database has no such table yet: {line}",
    fix: "run the migrations, for example `dco exec {service} manage.py migrate`",
    at: &[],
};

static RELATIONS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?i)(relation "?[\w.]+"? does not exist|table '?[\w.]+'? doesn'?t exist)"#)
});

pub(super) fn relation_missing(facts: &Facts<'_>) -> Option<Finding> {
    let line = lines(facts).find(|line| RELATIONS.is_match(line))?;
    Some(RELATION.finding(line, facts))
}

pub(super) fn by_text(facts: &Facts<'_>) -> Option<Finding> {
    TEXTS.iter().find_map(|text| {
        if text.by == By::Engine && facts.fate != Fate::NotStarted {
            return None;
        }
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
        Finding {
            rule: self.rule,
            what: fill(self.what),
            place: self.at.iter().find_map(|path| facts.place(path)),
            fix: fill(self.fix),
        }
    }
}
