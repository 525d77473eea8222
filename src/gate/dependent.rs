//! One service's edges: what it declares, what it names, what it wishes for, and the gates on each.

use std::collections::{BTreeMap, BTreeSet};

use super::directory::Directory;
use super::edges::{Edge, Origin, Reading, Waits};
use super::mentions::Mention;
use super::wishes::Wishes;
use super::{Because, Condition, Gate, PortTarget, Reach, Strength, hosts, idle};
use crate::diagnostic::{Diagnostic, Place};
use crate::name::ServiceName;
use crate::project::{self, Duration, Project, Service};

/// How long a target of `x-dco.wait` may take where no `timeout` is given.
const WISHED_LIMIT: Duration = Duration(60_000_000_000);

/// One service whose dependencies are looked for.
pub(super) struct Dependent<'a> {
    pub(super) name: &'a ServiceName,
    pub(super) service: &'a Service,
    pub(super) project: &'a Project,
    pub(super) directory: &'a Directory<'a>,
    pub(super) reading: &'a Reading<'a>,
    pub(super) limit: Option<Duration>,
}

impl<'a> Dependent<'a> {
    /// Where a value of this service is written.
    pub(super) fn place(&self, path: &[&str]) -> Option<Place> {
        let mut whole = vec!["services", self.name.as_str()];
        whole.extend(path);
        self.project.place(&whole)
    }

    /// The edges from this service: to what it declares, names and wishes for.
    pub(super) fn edges(
        &self,
        mentions: &[Mention<'a>],
        wished: Vec<(&'a ServiceName, Gate)>,
    ) -> Vec<Edge> {
        let declared = self.declared();
        let inferred = mentions
            .iter()
            .map(|mention| mention.dependency)
            .filter(|dependency| !self.same_image(dependency));
        let all: BTreeSet<&ServiceName> = declared
            .keys()
            .copied()
            .chain(inferred)
            .chain(wished.iter().map(|(dependency, _)| *dependency))
            .filter(|dependency| *dependency != self.name)
            .collect();
        let mut edges = Vec::new();
        for dependency in all {
            let named: Vec<&Mention<'a>> = mentions
                .iter()
                .filter(|mention| mention.dependency == dependency)
                .collect();
            let mut gates: Vec<Gate> = wished
                .iter()
                .filter(|(to, _)| *to == dependency)
                .map(|(_, gate)| gate.clone())
                .collect();
            let (origin, because) = match declared.get(dependency) {
                Some((condition, because)) => (Origin::Declared(*condition), because.clone()),
                None => match strongest(&named) {
                    Some(mention) => (Origin::Inferred, mention.because.clone()),
                    None => (Origin::Wished, gates[0].because.clone()),
                },
            };
            gates.extend(self.gates(dependency, origin, &because, &named));
            edges.push(Edge {
                dependent: self.name.clone(),
                dependency: dependency.clone(),
                origin,
                because,
                gates,
            });
        }
        edges
    }

    /// What the file declares: `depends_on`, links, shared namespaces, volumes taken over.
    fn declared(&self) -> BTreeMap<&'a ServiceName, (project::Condition, Because)> {
        let service = self.service;
        let shared = [
            ("network_mode", &service.network_mode),
            ("ipc", &service.ipc),
            ("pid", &service.pid),
        ];
        let shared = shared
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.strip_prefix("service:")?)));
        let links = service
            .links
            .iter()
            .map(|link| ("links", link.split_once(':').map_or(&**link, |(to, _)| to)));
        let volumes = service
            .volumes_from
            .iter()
            .filter(|from| !from.starts_with("container:"))
            .map(|from| {
                (
                    "volumes_from",
                    from.split_once(':').map_or(&**from, |(to, _)| to),
                )
            });
        let mut declared = BTreeMap::new();
        for (key, dependency) in shared.chain(links).chain(volumes) {
            if let Some((name, _)) = self.project.services.get_key_value(dependency) {
                let because = Because {
                    what: key.to_owned(),
                    place: self.place(&[key]),
                };
                declared.insert(name, (project::Condition::Started, because));
            }
        }
        for (dependency, how) in &service.depends_on {
            let Some((name, _)) = self.project.services.get_key_value(dependency) else {
                continue;
            };
            // The loader writes links and the like into `depends_on`: those keep their own place.
            let place = self.place(&["depends_on", dependency]);
            if declared.contains_key(name) && place.is_none() {
                continue;
            }
            let because = Because {
                what: "depends_on".to_owned(),
                place,
            };
            declared.insert(name, (how.condition, because));
        }
        declared
    }

    fn gates(
        &self,
        dependency: &'a ServiceName,
        origin: Origin,
        because: &Because,
        named: &[&Mention<'a>],
    ) -> Vec<Gate> {
        let gate = |condition, strength, because: &Because| Gate {
            dependency: dependency.clone(),
            condition,
            strength,
            reach: self.reach(dependency),
            limit: self.limit,
            because: because.clone(),
        };
        let declared = self.service.depends_on.get(dependency);
        let strength = match declared.is_none_or(|how| how.required.0) {
            true => Strength::Declared,
            false => Strength::Optional,
        };
        match origin {
            Origin::Declared(project::Condition::Healthy) => {
                return vec![gate(Condition::Healthy, strength, because)];
            }
            Origin::Declared(project::Condition::CompletedSuccessfully) => {
                return vec![gate(Condition::Completed, strength, because)];
            }
            Origin::Wished => return Vec::new(),
            Origin::Declared(project::Condition::Started) | Origin::Inferred => {}
        }
        let Some(other) = self.project.services.get(dependency) else {
            return Vec::new();
        };
        let is_silent = idle::listens_nowhere(other) && !self.is_joined(dependency);
        if self.reading.waits == Waits::Compose || other.provider.is_some() || is_silent {
            return Vec::new();
        }
        let mut gates: Vec<Gate> = Vec::new();
        for mention in named.iter().filter(|mention| !mention.ports.is_empty()) {
            let condition = Condition::Listening(mention.ports.clone());
            if gates.iter().all(|known| known.condition != condition) {
                gates.push(gate(condition, Strength::Soft, &mention.because));
            }
        }
        if gates.is_empty() {
            let unnamed = self.unnamed(dependency, other);
            gates.extend(unnamed.map(|condition| gate(condition, Strength::Soft, because)));
        }
        gates
    }

    /// What is waited for where the dependent names no port.
    fn unnamed(&self, dependency: &'a ServiceName, other: &Service) -> Option<Condition> {
        // What shares a namespace serves its owner's ports: to wait for them would be to wait for itself.
        if self.reach(dependency) == Reach::Namespace || !other.network_mode.is_empty() {
            return None;
        }
        let ports = targets(other);
        match ports.is_empty() {
            false => Some(Condition::Listening(ports)),
            true => overrides_nothing(other).then_some(Condition::ListeningOnExposed),
        }
    }

    /// Whether another service serves its ports in this one's network.
    fn is_joined(&self, dependency: &ServiceName) -> bool {
        self.project.services.values().any(|service| {
            service.network_mode.strip_prefix("service:") == Some(dependency.as_str())
        })
    }

    fn reach(&self, dependency: &'a ServiceName) -> Reach {
        match self.directory.namespace(self.name) == self.directory.namespace(dependency) {
            true => Reach::Namespace,
            false => Reach::Network,
        }
    }

    /// Whether both run the same image: the same reference, or the same build.
    fn same_image(&self, other: &ServiceName) -> bool {
        let (a, Some(b)) = (self.service, self.project.services.get(other)) else {
            return false;
        };
        match (&a.build, &b.build) {
            (Some(a), Some(b)) => {
                (
                    &a.context,
                    &a.dockerfile,
                    &a.dockerfile_inline,
                    &a.target,
                    &a.args,
                ) == (
                    &b.context,
                    &b.dockerfile,
                    &b.dockerfile_inline,
                    &b.target,
                    &b.args,
                )
            }
            _ => !a.image.is_empty() && a.image == b.image,
        }
    }

    /// The gates of `x-dco.wait`.
    pub(super) fn wished(
        &self,
        own: &Wishes,
        faults: &mut Vec<Diagnostic>,
    ) -> Vec<(&'a ServiceName, Gate)> {
        let mut gates = Vec::new();
        for (index, target) in own.wait.iter().enumerate() {
            let index = index.to_string();
            let place = self.place(&["x-dco", "wait", &index]);
            let because = Because {
                what: "x-dco.wait".to_owned(),
                place: place.clone(),
            };
            let named = hosts::addresses(target).into_iter();
            let named: Vec<_> = named.chain(hosts::bare(target)).collect();
            // A service that is turned off, or not among those that are meant, is no mistake.
            let off = &self.project.disabled_services;
            let is_off = named.iter().any(|one| off.contains_key(one.host.as_str()));
            let found: Vec<_> = named
                .into_iter()
                .flat_map(|named| {
                    let to = self.directory.resolve(self.name, &named.host);
                    to.into_iter().map(move |name| (name, named.clone()))
                })
                .collect();
            if found.is_empty() && !is_off {
                let message = format!(
                    "`{}` waits for `{target}`, which names no service that it can reach",
                    self.name
                );
                let hint = "`x-dco.wait` takes a service, `service:port` or a URL such as `http://service:8000/health`";
                faults.push(Diagnostic::error(message).at(place).hint(hint));
            }
            for (dependency, named) in found {
                let condition = self.wished_condition(dependency, target, &named);
                let gate = Gate {
                    dependency: dependency.clone(),
                    condition,
                    strength: Strength::Declared,
                    reach: self.reach(dependency),
                    limit: self.limit.or(Some(WISHED_LIMIT)),
                    because: because.clone(),
                };
                gates.push((dependency, gate));
            }
        }
        gates
    }

    fn wished_condition(
        &self,
        dependency: &ServiceName,
        target: &str,
        named: &hosts::Named,
    ) -> Condition {
        if matches!(named.scheme.as_deref(), Some("http" | "https")) {
            return Condition::Http(target.to_owned());
        }
        let other = &self.project.services[dependency];
        let ports = super::mentions::named_ports(named, None, other);
        if !ports.is_empty() {
            return Condition::Listening(ports);
        }
        let checked = other.healthcheck.as_ref().is_some_and(|check| {
            !check.disable && check.test.first().is_some_and(|test| test != "NONE")
        });
        match (checked, targets(other)) {
            (true, _) => Condition::Healthy,
            (false, ports) if !ports.is_empty() => Condition::Listening(ports),
            (false, _) => Condition::ListeningOnExposed,
        }
    }
}

/// The mention that explains an edge: the first that names a port, else the first.
fn strongest<'m, 'a>(named: &[&'m Mention<'a>]) -> Option<&'m Mention<'a>> {
    named
        .iter()
        .find(|mention| !mention.ports.is_empty())
        .or(named.first())
        .copied()
}

/// The container ports of `ports` and `expose`; sorted.
pub(super) fn targets(service: &Service) -> Vec<PortTarget> {
    let published = service.ports.iter().filter_map(|port| {
        let protocol = match port.protocol.as_str() {
            "" => "tcp",
            other => other,
        };
        PortTarget::parse(&format!("{}/{protocol}", port.target))
    });
    let exposed = service.expose.iter().flat_map(|text| range(text));
    let all: BTreeSet<PortTarget> = published.chain(exposed).collect();
    all.into_iter().collect()
}

/// `3000-3002/tcp` → its ports.
fn range(text: &str) -> Vec<PortTarget> {
    let (numbers, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
    let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else {
        return Vec::new();
    };
    (first..=last)
        .filter_map(|number| PortTarget::parse(&format!("{number}/{protocol}")))
        .collect()
}

/// Whether the image's own command runs, so that its EXPOSE says what it listens on.
fn overrides_nothing(service: &Service) -> bool {
    let absent = |command: &project::ShellCommand| command.words().is_none();
    absent(&service.command) && absent(&service.entrypoint)
}
