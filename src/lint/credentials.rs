//! Credentials that a service hands to a server which has others.
//!
//! A server is known by the variables that its image makes the account from. What a client is told
//! is looked for where it names the server: in a URL, or beside the variable that holds the host
//! (`DJANGO_DB_PASSWORD` beside `DJANGO_DB_HOST`); where nothing does, in the only set of database
//! variables of a service that needs no other server.

use std::collections::BTreeSet;

use super::servers::{Account, Server, image_name};
use super::{Finding, Named};
use crate::diagnostic::Diagnostic;
use crate::gate::{Edge, Edges};
use crate::name::ServiceName;
use crate::project::{Project, Service};

/// The words that a variable of a host ends with.
const HOST: &[&str] = &["HOSTNAME", "HOST", "ADDRESS", "ADDR", "SERVER"];
/// What stands in their place for the user, the password and the database.
const USER: &[&str] = &["USER", "USERNAME", "USER_NAME", "LOGIN"];
const PASSWORD: &[&str] = &["PASSWORD", "PASS", "PASSWD", "PWD", "USER_PASSWORD"];
const DATABASE: &[&str] = &[
    "NAME",
    "DB",
    "DATABASE",
    "DBNAME",
    "DB_NAME",
    "DATABASE_NAME",
];
/// What the variables of a database are called, whatever database it is.
const ANY_DATABASE: &[&str] = &["DB", "DATABASE", "SQL"];
/// Databases that every server has.
const ALWAYS_THERE: &[&str] = &["postgres", "template1", "mysql", "information_schema"];

/// What a client is told, each with the variable that tells it.
#[derive(Debug, Default)]
struct Told {
    user: Option<(String, String)>,
    password: Option<(String, String)>,
    database: Option<(String, String)>,
}

/// A warning for each value that does not fit the server that it is meant for.
pub fn unfit(project: &Project, edges: &Edges) -> Vec<Finding> {
    let mut findings = Vec::new();
    for edge in &edges.list {
        let Some(pair) = Pair::new(project, edge) else {
            continue;
        };
        let mut told = pair.named();
        if told.is_empty() {
            told.extend(pair.alone(edges));
        }
        let warnings: Vec<Diagnostic> = told.iter().flat_map(|told| pair.compare(told)).collect();
        for warning in warnings {
            let services = vec![edge.dependent.clone(), edge.dependency.clone()];
            let finding = Finding { services, warning };
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    findings
}

/// A service and the server that it comes after.
struct Pair<'a> {
    project: &'a Project,
    client: (&'a ServiceName, &'a Service),
    server: (&'a ServiceName, &'a Service),
    kind: &'static Server,
}

impl<'a> Pair<'a> {
    fn new(project: &'a Project, edge: &'a Edge) -> Option<Self> {
        let client = project.services.get_key_value(&edge.dependent)?;
        let server = project.services.get_key_value(&edge.dependency)?;
        // What runs the same image is its replica, not its client.
        if !client.1.image.is_empty() && client.1.image == server.1.image {
            return None;
        }
        let kind = Server::of(server.1)?;
        Some(Self {
            project,
            client,
            server,
            kind,
        })
    }

    fn value(&self, key: &str) -> Option<String> {
        let value = self.client.1.environment.get(key)?.as_deref()?;
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// What the client is told in URLs to the server, and beside the variables of its host.
    fn named(&self) -> Vec<Told> {
        let names = self.names();
        let mut all = Vec::new();
        for (key, value) in &self.client.1.environment {
            let Some(value) = value.as_deref().map(str::trim) else {
                continue;
            };
            all.extend(url(key, value, &names));
            let host = value.split(':').next().unwrap_or_default();
            if !names.contains(host) {
                continue;
            }
            let prefix = HOST.iter().find_map(|word| key.strip_suffix(word));
            if let Some(prefix) = prefix.filter(|prefix| !prefix.is_empty()) {
                all.push(self.beside(prefix));
            }
        }
        all
    }

    /// The names that the server answers to.
    fn names(&self) -> BTreeSet<&'a str> {
        let (key, service) = self.server;
        let aliases = service
            .networks
            .values()
            .flatten()
            .flat_map(|network| &network.aliases);
        let names = aliases.map(String::as_str);
        names
            .chain([key.as_str(), &service.container_name, &service.hostname])
            .filter(|name| !name.is_empty())
            .collect()
    }

    fn beside(&self, prefix: &str) -> Told {
        let find = |words: &[&str]| {
            let mut keys = words.iter().map(|word| format!("{prefix}{word}"));
            keys.find_map(|key| Some((self.value(&key)?, key)))
                .map(|(value, key)| (key, value))
        };
        Told {
            user: find(USER),
            password: find(PASSWORD),
            database: find(DATABASE),
        }
    }

    /// The only set of database variables of a service whose only server this is.
    fn alone(&self, edges: &Edges) -> Option<Told> {
        if !self.kind.is_image(&image_name(self.server.1))
            || Server::of_image(self.client.1).is_some()
        {
            return None;
        }
        let others = edges
            .of(self.client.0)
            .filter(|edge| edge.dependency != *self.server.0);
        let other = |edge: &Edge| {
            self.project
                .services
                .get(&edge.dependency)
                .is_some_and(|other| Server::of(other).is_some())
        };
        if others.into_iter().any(other) {
            return None;
        }
        let words: Vec<&str> = ANY_DATABASE
            .iter()
            .chain(self.kind.words)
            .copied()
            .collect();
        let prefixes: BTreeSet<&str> = self
            .client
            .1
            .environment
            .keys()
            .filter_map(|key| PASSWORD.iter().find_map(|word| key.strip_suffix(word)))
            .filter(|prefix| {
                let word = prefix
                    .trim_end_matches('_')
                    .rsplit('_')
                    .next()
                    .unwrap_or_default();
                words.contains(&word)
            })
            .collect();
        match prefixes.into_iter().collect::<Vec<_>>()[..] {
            [prefix] => Some(self.beside(prefix)),
            _ => None,
        }
    }

    fn compare(&self, told: &Told) -> Vec<Diagnostic> {
        let accounts = self.kind.accounts(self.server.1);
        let mut warnings = Vec::new();
        let account = match &told.user {
            None => None,
            Some((key, user)) => match accounts.iter().find(|account| account.user.1 == *user) {
                Some(account) => Some(account),
                // Who makes accounts of its own may have this one too.
                None if self.kind.is_customised(self.server.1) => return warnings,
                None => {
                    let known = accounts.first().map(|account| &account.user);
                    warnings.extend(known.map(|known| self.differ("user", (key, user), known)));
                    return warnings;
                }
            },
        };
        if let Some((key, password)) = &told.password
            && !self.kind.trusts(self.server.1)
        {
            let possible: Vec<&Account> = match account {
                Some(account) => vec![account],
                None => accounts.iter().collect(),
            };
            let mut known = possible
                .iter()
                .filter_map(|account| account.password.as_ref());
            if known.clone().all(|(_, known)| known != password)
                && let Some(known) = known.next()
            {
                warnings.push(self.differ("password", (key, password), known));
            }
        }
        if let Some((key, database)) = &told.database
            && let Some(known) = self.kind.database(self.server.1)
            && known.1 != *database
            && ![database, &known.1].into_iter().any(|name| ALWAYS_THERE.contains(&name.as_str()))
            // Who knows the right one as well uses two.
            && !self.client.1.environment.values().flatten().any(|value| *value == known.1)
            && !self.kind.is_customised(self.server.1)
        {
            warnings.push(self.differ("database", (key, database), &known));
        }
        warnings
    }

    /// Passwords are not shown, and so neither are the lines that hold them.
    fn differ(&self, what: &str, told: (&str, &str), known: &(&str, String)) -> Diagnostic {
        let (client, server) = (self.client.0, self.server.0);
        let name = |service, key| Named {
            project: self.project,
            service,
            key,
        };
        let (told_key, known_key) = (name(client, told.0), name(server, known.0));
        let message = match what {
            "password" => format!(
                "`{client}` has another password than `{server}`: {told_key} differs from {known_key}"
            ),
            _ => format!(
                "`{client}` has another {what} than `{server}`: {told_key} is `{}`, {known_key} is `{}`",
                told.1, known.1
            ),
        };
        Diagnostic::warning(message).hint(match what {
            "database" => format!("write one into both, unless `{client}` makes its database itself"),
            _ => format!("write one into both; a volume of `{server}` that exists keeps the {what} that it was made with"),
        })
    }
}

/// What a URL tells of an account, where it leads to one of `names`.
fn url(key: &str, value: &str, names: &BTreeSet<&str>) -> Option<Told> {
    let (scheme, rest) = value.split_once("://")?;
    if scheme.starts_with("http") || value.contains(char::is_whitespace) {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    let (account, host) = authority.rsplit_once('@')?;
    if !names.contains(host.split(':').next()?) {
        return None;
    }
    let (user, password) = match account.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (account, None),
    };
    let told = |text: &str| {
        let text = decoded(text)?;
        (!text.is_empty()).then(|| (key.to_owned(), text))
    };
    let path = rest[authority.len()..].strip_prefix('/');
    let database = path.and_then(|path| path.split(['?', '#', '/']).next());
    Some(Told {
        user: told(user),
        password: password.and_then(told),
        database: database.and_then(told),
    })
}

/// A part of a URL with its `%xx` read.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}
