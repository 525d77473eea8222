//! Which service a name means to another service: names on shared networks, links, `extra_hosts`.

use std::collections::{BTreeMap, BTreeSet};

use crate::name::ServiceName;
use crate::project::{Project, Service};

/// The names of a project's services, network by network.
pub(super) struct Directory<'p> {
    project: &'p Project,
    names: BTreeMap<&'p str, BTreeMap<&'p str, BTreeSet<&'p ServiceName>>>,
}

impl<'p> Directory<'p> {
    pub(super) fn new(project: &'p Project) -> Self {
        let mut names: BTreeMap<_, BTreeMap<_, BTreeSet<_>>> = BTreeMap::new();
        for (key, service) in &project.services {
            for network in own_networks(service) {
                let aliases = service
                    .networks
                    .get(network)
                    .and_then(Option::as_ref)
                    .map_or(&[][..], |there| &there.aliases);
                let known_as = [key.as_str(), &service.container_name, &service.hostname];
                let on_network = names.entry(network).or_default();
                for name in aliases.iter().map(String::as_str).chain(known_as) {
                    if !name.is_empty() {
                        on_network.entry(name).or_default().insert(key);
                    }
                }
            }
        }
        Self { project, names }
    }

    /// The services that `host` means to `dependent`; a service's own key goes before aliases.
    pub(super) fn resolve(&self, dependent: &ServiceName, host: &str) -> Vec<&'p ServiceName> {
        let Some(service) = self.project.services.get(dependent) else {
            return Vec::new();
        };
        let host = host.trim_end_matches('.');
        if host.is_empty() || service.extra_hosts.0.contains_key(host) {
            return Vec::new();
        }
        let linked = service.links.iter().find_map(|link| {
            let (to, alias) = link.split_once(':').unwrap_or((link, link));
            (alias == host).then_some(to)
        });
        if let Some((key, _)) = linked.and_then(|to| self.project.services.get_key_value(to)) {
            return vec![key];
        }
        let found: BTreeSet<&ServiceName> = self
            .networks_of(dependent)
            .into_iter()
            .filter_map(|network| self.names.get(network)?.get(host))
            .flatten()
            .copied()
            .collect();
        match found.iter().find(|name| name.as_str() == host) {
            Some(exact) => vec![exact],
            None => found.into_iter().collect(),
        }
    }

    /// The service whose network namespace a service lives in: its own, or that of the one it joins.
    pub(super) fn namespace(&self, service: &'p ServiceName) -> &'p ServiceName {
        let mut at = service;
        // A chain of joined namespaces is no longer than the services; a ring is an error elsewhere.
        for _ in 0..self.project.services.len() {
            match self
                .project
                .services
                .get(at)
                .and_then(|own| self.joined(own))
            {
                Some(next) => at = next,
                None => break,
            }
        }
        at
    }

    /// The service whose network namespace this one joins, by its key or its container's name.
    fn joined(&self, service: &Service) -> Option<&'p ServiceName> {
        if let Some(key) = service.network_mode.strip_prefix("service:") {
            return self.project.services.get_key_value(key).map(|(key, _)| key);
        }
        let container = service.network_mode.strip_prefix("container:")?;
        let mut all = self.project.services.iter();
        all.find(|(_, other)| other.container_name == container)
            .map(|(key, _)| key)
    }

    fn networks_of(&self, service: &ServiceName) -> Vec<&'p str> {
        let Some((key, _)) = self.project.services.get_key_value(service) else {
            return Vec::new();
        };
        self.project
            .services
            .get(self.namespace(key))
            .map_or_else(Vec::new, own_networks)
    }
}

/// The keys of the networks that a service's container is attached to by name.
fn own_networks(service: &Service) -> Vec<&str> {
    match (service.network_mode.as_str(), service.networks.is_empty()) {
        ("", true) => vec!["default"],
        ("", false) => service.networks.keys().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}
