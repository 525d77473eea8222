//! What `dco ready` is asked to wait for: `db`, `db:5432`, `http://api:8000/health`, `redis://cache`.

use super::Condition;
use super::hosts::{self, Form};
use super::mentions::named_ports;
use crate::project::Service;

/// One target of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// A service, or a host.
    pub host: String,
    /// What it has to show; none where only its name is given.
    pub condition: Option<Condition>,
}

impl Target {
    /// Reads a target; none where it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut named = hosts::addresses(text);
        if named.is_empty() {
            named = hosts::bare(text);
        }
        let [one] = named.as_slice() else { return None };
        let http = matches!(one.scheme.as_deref(), Some("http" | "https"));
        let condition = match one.form {
            Form::Bare => None,
            _ if http => Some(Condition::Http(text.to_owned())),
            _ => match named_ports(one, None, &Service::default()) {
                ports if ports.is_empty() => return None,
                ports => Some(Condition::Listening(ports)),
            },
        };
        Some(Self {
            host: one.host.clone(),
            condition,
        })
    }

    /// The one TCP port that is asked for.
    pub fn port(&self) -> Option<u16> {
        match &self.condition {
            Some(Condition::Listening(ports)) => ports.first().map(|port| port.number),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_services_addresses_and_urls() {
        let shown = |text: &str| {
            Target::parse(text).map_or("none".to_owned(), |target| {
                let condition = target.condition.map(|condition| condition.to_string());
                format!("{} {}", target.host, condition.unwrap_or_default())
            })
        };
        for (text, target) in [
            ("db", "db "),
            ("db:5432", "db port 5432"),
            ("postgres://u:p@db/x", "db port 5432"),
            ("http://api:8000/health", "api http://api:8000/health"),
            ("statsd:8125", "statsd port 8125 or 8125/udp"),
            ("tcp://db", "none"),
            ("a,b", "none"),
            ("", "none"),
        ] {
            assert_eq!(shown(text), target, "{text}");
        }
    }
}
