//! Rules about the network: who is called, and who listens where.

use std::sync::LazyLock;

use regex::Regex;

use super::super::{Facts, Fate, Finding, shown};
use super::{lines, pattern};
use crate::gate::PortTarget;
use crate::gate::table::scheme_port;
use crate::gate::verdict::Answer;
use crate::name::ServiceName;
use crate::project::Service;
use crate::text::nearest::nearest;

static REFUSED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)connection refused|econnrefused|could not connect to server|can't connect to (mysql|mariadb|local mysql)|failed to connect to|couldn't connect to server|no route to host",
    )
});

/// The loopback address that did not answer, and its port: of Node and Go, of psycopg and libpq, of
/// curl.
static LOOPBACK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?i)(127\.0\.0\.1|::1|\blocalhost)["')\]]*[:, ]+(?:port[ =:]*)?(\d{2,5})\b"#)
});

/// A name that did not resolve, in the words of libc's callers, of Go, Node, PHP, nginx and busybox.
static UNKNOWN_NAME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)(?:could not translate host name "|getaddrinfo (?:ENOTFOUND|EAI_AGAIN) |unknown mysql server host '|host not found in upstream "|bad address '|could not resolve host: |lookup |failed to resolve host '|unknownhostexception: )([a-z0-9][a-z0-9_.-]*)"#,
    )
});

/// A name that did not resolve, where the text does not say which.
static NAME_UNKNOWN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)name or service not known|temporary failure in name resolution|name does not resolve|no such host|nodename nor servname",
    )
});

fn command_or_image(facts: &Facts<'_>) -> Option<crate::diagnostic::Place> {
    facts
        .place(&["command"])
        .or_else(|| facts.place(&["image"]))
        .or_else(|| facts.place(&["build"]))
}

pub(super) fn loopback_only(facts: &Facts<'_>) -> Option<Finding> {
    let port = facts
        .wanted
        .iter()
        .find(|port| facts.loopback.contains(port))?;
    Some(Finding {
        rule: "loopback-only",
        what: format!("it listens on 127.0.0.1:{port}, inside its container only"),
        place: command_or_image(facts),
        fix: format!("make it listen on all addresses: `0:{port}` or `0.0.0.0:{port}`"),
    })
}

/// It listens, and elsewhere than it is called.
pub(super) fn other_port(facts: &Facts<'_>) -> Option<Finding> {
    if facts.fate != Fate::Silent || facts.listens.is_empty() {
        return None;
    }
    let wanted = facts.wanted.first()?;
    let there: Vec<String> = facts.listens.iter().map(ToString::to_string).collect();
    let published = facts.published(*wanted);
    let place = match &published {
        Some((_, place)) => place.clone(),
        None => command_or_image(facts),
    };
    let fix = match (&published, facts.listens) {
        (Some((outside, _)), [only]) => format!("publish what it listens on: `{outside}:{only}`"),
        _ => format!("make it listen on {wanted}, or name the port that it has"),
    };
    Some(Finding {
        rule: "other-port",
        what: format!("it listens on {} and not on {wanted}", there.join(", ")),
        place,
        fix,
    })
}

pub(super) fn name_unknown(facts: &Facts<'_>) -> Option<Finding> {
    // The engine's own look-ups are about registries.
    let line = facts
        .log
        .iter()
        .chain([facts.health].map(str::to_owned).iter())
        .rev()
        .find_map(|line| {
            let named = UNKNOWN_NAME.captures(line).map(|found| found[1].to_owned());
            let go = line.contains("lookup ") && !line.contains("no such host");
            (named.is_some() && !go || NAME_UNKNOWN.is_match(line)).then(|| (line.clone(), named))
        })?;
    let (line, named) = line;
    let named = named.map(|name| name.trim_end_matches('.').to_owned());
    let place = named.as_deref().and_then(|name| facts.variable_with(name));
    let services = facts.project.map(|project| &project.services);
    let known = services
        .into_iter()
        .flat_map(|all| all.keys())
        .map(|name| name.as_str());
    let (what, fix) = match named {
        None => (
            format!("it calls a name that nobody has: {}", line.trim()),
            "a service is called by its name in the file, and only from a network that both are in"
                .to_owned(),
        ),
        Some(name) if services.is_some_and(|all| all.contains_key(name.as_str())) => (
            format!("it calls `{name}`, which does not run, or is in none of its networks"),
            format!(
                "start `{name}` with it (`depends_on: [{name}]`), and put both into one of `networks:`"
            ),
        ),
        Some(name) => (
            format!("it calls `{name}`, which is no service of this project"),
            match nearest(&name, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    "name a service, or give the name an address with `extra_hosts:`".to_owned()
                }
            },
        ),
    };
    Some(Finding {
        rule: "name-unknown",
        what,
        place,
        fix,
    })
}

/// Its own loopback address is called for what another service is, and nobody else is there.
pub(super) fn calls_itself(facts: &Facts<'_>) -> Option<Finding> {
    let service = facts
        .project
        .and_then(|project| project.services.get(facts.service?));
    // With a network of others, that address is theirs as well.
    let shares = |mode: &str| mode == "host" || mode.contains(':');
    if service.is_some_and(|service| shares(&service.network_mode)) {
        return None;
    }
    // A healthcheck calls its own container on purpose.
    let log = facts.log.iter().rev().map(String::as_str);
    let (address, port) = log.filter(|line| REFUSED.is_match(line)).find_map(|line| {
        let found = LOOPBACK.captures(line)?;
        Some((found[1].to_owned(), found[2].parse::<u16>().ok()?))
    })?;
    let own = [facts.listens, facts.loopback, facts.wanted].concat();
    if own.iter().any(|own| own.number == port) {
        return None;
    }
    let fix = match facts.server_of(port) {
        Some(name) => format!("call `{name}:{port}`: a service is reached by its name"),
        None => "call the service that is meant by its name in the file".to_owned(),
    };
    Some(Finding {
        rule: "calls-itself",
        what: format!(
            "it calls {address} port {port}, which is its own container, and nobody listens there"
        ),
        place: facts.variable_with(&address),
        fix,
    })
}

pub(super) fn connection_refused(facts: &Facts<'_>) -> Option<Finding> {
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
    let port = port_in(&near).map_or(String::new(), |port| format!(":{port}"));
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
fn port_in(text: &str) -> Option<u16> {
    static PORT: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"(?i)(?:port[ =:]+|[A-Za-z_-][A-Za-z0-9_-]*:|\.\d+:)(\d{2,5})\b")
    });
    let line = text.lines().find(|line| REFUSED.is_match(line));
    let found = line.and_then(|line| PORT.captures(line));
    found?[1].parse().ok()
}

impl Facts<'_> {
    /// Another service that listens on a port, as far as its file or its image's name says so.
    fn server_of(&self, port: u16) -> Option<&ServiceName> {
        let listens = |service: &Service| {
            let digits = port.to_string();
            let image = service.image.rsplit('/').next().unwrap_or_default();
            let image = image.split([':', '@']).next().unwrap_or_default();
            service.expose.contains(&digits)
                || service
                    .ports
                    .iter()
                    .any(|one| one.target == u32::from(port))
                || scheme_port(image) == Some(PortTarget::tcp(port))
        };
        let others = self.project?.services.iter();
        let mut others = others.filter(|(name, _)| Some(*name) != self.service);
        others.find(|(_, one)| listens(one)).map(|(name, _)| name)
    }

    /// Under which number of the host a port is published, and where that is written.
    fn published(&self, port: PortTarget) -> Option<(String, Option<crate::diagnostic::Place>)> {
        let service = self.project?.services.get(self.service?)?;
        let number = u32::from(port.number);
        let index = service.ports.iter().position(|one| one.target == number)?;
        let place = self.place(&["ports", &index.to_string()]);
        Some((service.ports[index].published.clone(), place))
    }

    /// Where a variable of the service holds this name.
    fn variable_with(&self, name: &str) -> Option<crate::diagnostic::Place> {
        let service = self.project?.services.get(self.service?)?;
        let mut variables = service.environment.iter();
        let (key, _) = variables
            .find(|(_, value)| value.as_deref().is_some_and(|value| value.contains(name)))?;
        self.place(&["environment", key])
    }
}
