//! Which services of a project a command is about: profiles, names on the command line, and what
//! they depend on.

use std::collections::{BTreeMap, BTreeSet};

use super::{MountType, Project, Service};
use crate::diagnostic::Diagnostic;
use crate::name::ServiceName;
use crate::text::nearest::nearest;

/// What comes along with the services that are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Along {
    /// What they depend on.
    Dependencies,
    /// What depends on them.
    Dependents,
    /// Nothing.
    Nothing,
}

/// What happens to networks, volumes, secrets, configs and models that no service uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unused {
    /// They go.
    Drop,
    /// They stay (`--all-resources`).
    Keep,
}

impl Service {
    /// Whether any of the profiles, or `*`, turns it on; without profiles of its own it is on.
    pub fn is_on(&self, profiles: &[String]) -> bool {
        self.profiles.is_empty()
            || profiles
                .iter()
                .any(|profile| profile == "*" || self.profiles.contains(profile))
    }
}

impl Project {
    /// A service, turned on or not.
    pub fn any_service(&self, name: &ServiceName) -> Option<&Service> {
        let on = self.services.get(name);
        on.or_else(|| self.disabled_services.get(name))
    }

    /// Turns services on and off by profiles.
    pub fn with_profiles(mut self, profiles: Vec<String>) -> Self {
        let is_on = |service: &Service| service.is_on(&profiles);
        // Mostly there is nothing to turn on or off.
        if !self.services.values().all(is_on) || self.disabled_services.values().any(is_on) {
            let mut all = std::mem::take(&mut self.services);
            all.append(&mut self.disabled_services);
            (self.services, self.disabled_services) =
                all.into_iter().partition(|(_, service)| is_on(service));
        }
        self.profiles = profiles;
        self
    }

    /// Turns on the profiles of the services that are named.
    ///
    /// # Errors
    /// A name that no service bears.
    pub fn with_enabled(mut self, names: &[String]) -> Result<Self, Diagnostic> {
        let mut profiles = self.profiles.clone();
        for name in names {
            match self.disabled_services.get(name.as_str()) {
                Some(service) => profiles.extend(service.profiles.iter().cloned()),
                None if self.services.contains_key(name.as_str()) => {}
                None => return Err(self.no_such_service(name)),
            }
        }
        if profiles.len() > self.profiles.len() {
            self = self.with_profiles(profiles);
        }
        Ok(self)
    }

    /// Keeps the services that are named and what comes along with them; all, where none is named.
    ///
    /// Naming a service turns its profiles on. A name may hold `*`, `?` and `[…]`.
    ///
    /// # Errors
    /// A name that no service bears.
    pub fn select(mut self, names: &[String], along: Along) -> Result<Self, Diagnostic> {
        if names.is_empty() {
            return Ok(self);
        }
        let mut profiles = self.profiles.clone();
        for name in names {
            if let Some(service) = self.disabled_services.get(name.as_str()) {
                profiles.extend(service.profiles.iter().cloned());
            }
        }
        self = self.with_profiles(profiles);
        let mut chosen: BTreeSet<ServiceName> = BTreeSet::new();
        for name in names {
            let matching: Vec<ServiceName> = match self.services.contains_key(name.as_str()) {
                true => vec![ServiceName::from(name.as_str())],
                false => {
                    let all = self.services.keys();
                    all.filter(|service| glob(name, service)).cloned().collect()
                }
            };
            if matching.is_empty() {
                return Err(self.no_such_service(name));
            }
            for service in matching {
                self.take_along(&service, along, &mut chosen)?;
            }
        }
        let all = std::mem::take(&mut self.services);
        for (name, mut service) in all {
            match chosen.contains(&name) {
                true => {
                    service.depends_on.retain(|other, _| chosen.contains(other));
                    self.services.insert(name, service);
                }
                false => {
                    self.disabled_services.insert(name, service);
                }
            }
        }
        Ok(self)
    }

    fn take_along(
        &self,
        name: &ServiceName,
        along: Along,
        chosen: &mut BTreeSet<ServiceName>,
    ) -> Result<(), Diagnostic> {
        let mut waiting = vec![name.clone()];
        while let Some(name) = waiting.pop() {
            if !chosen.insert(name.clone()) {
                continue;
            }
            match along {
                Along::Nothing => {}
                Along::Dependencies => {
                    let depends_on = self.services.get(&name).map(|service| &service.depends_on);
                    for (other, dependency) in depends_on.into_iter().flatten() {
                        if self.services.contains_key(other) {
                            waiting.push(other.clone());
                        } else if dependency.required.0 {
                            let place = self.place(&["services", &name, "depends_on", other]);
                            return Err(self.no_such_service(other).at(place));
                        }
                    }
                }
                Along::Dependents => {
                    let dependents = self.services.iter();
                    let dependents =
                        dependents.filter(|(_, other)| other.depends_on.contains_key(&name));
                    waiting.extend(dependents.map(|(other, _)| other.clone()));
                }
            }
        }
        Ok(())
    }

    fn no_such_service(&self, name: &str) -> Diagnostic {
        let all = || self.services.keys().chain(self.disabled_services.keys());
        let error = Diagnostic::error(format!("no such service: {name}"));
        match nearest(name, all().map(|service| &**service)) {
            Some(near) if near != name => error.hint(format!("did you mean `{near}`?")),
            _ => {
                let names: Vec<String> = all()
                    .take(10)
                    .map(|service| format!("`{service}`"))
                    .collect();
                error.hint(format!("the project has {}", names.join(", ")))
            }
        }
    }

    /// Drops networks, volumes, secrets, configs and models that no service uses.
    pub fn without_unused(mut self) -> Self {
        let services = || self.services.values();
        let networks: BTreeSet<String> = services()
            .flat_map(|s| s.networks.keys().cloned())
            .collect();
        let volumes: BTreeSet<String> = services()
            .flat_map(|service| &service.volumes)
            .filter(|mount| mount.r#type == MountType::Volume)
            .map(|mount| mount.source.clone())
            .collect();
        let secrets: BTreeSet<String> = services()
            .flat_map(|service| {
                let built = service.build.iter().flat_map(|build| &build.secrets);
                service.secrets.iter().chain(built)
            })
            .map(|grant| grant.source.clone())
            .collect();
        let configs: BTreeSet<String> = services()
            .flat_map(|service| &service.configs)
            .map(|grant| grant.source.clone())
            .collect();
        let models: BTreeSet<String> = services().flat_map(|s| s.models.keys().cloned()).collect();
        keep(&mut self.networks, &networks);
        keep(&mut self.volumes, &volumes);
        keep(&mut self.secrets, &secrets);
        keep(&mut self.configs, &configs);
        keep(&mut self.models, &models);
        self
    }
}

fn keep<T>(resources: &mut BTreeMap<String, T>, used: &BTreeSet<String>) {
    resources.retain(|key, _| used.contains(key));
}

/// Whether a name matches a shell pattern; one that is malformed matches nothing.
fn glob(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    matches(&pattern, &name)
}

fn matches(pattern: &[char], name: &[char]) -> bool {
    match pattern {
        [] => name.is_empty(),
        ['*', rest @ ..] => (0..=name.len()).any(|skip| matches(rest, &name[skip..])),
        ['?', rest @ ..] => !name.is_empty() && matches(rest, &name[1..]),
        ['[', rest @ ..] => {
            let Some(end) = rest.iter().skip(1).position(|c| *c == ']').map(|at| at + 1) else {
                return false;
            };
            let Some(first) = name.first() else {
                return false;
            };
            let (negated, class) = match &rest[..end] {
                ['^', class @ ..] => (true, class),
                class => (false, class),
            };
            let mut found = false;
            let mut at = 0;
            while at < class.len() {
                let (low, high) = match class[at..] {
                    [low, '-', high, ..] => (low, high),
                    _ => (class[at], class[at]),
                };
                found |= (low..=high).contains(first);
                at += if low == high { 1 } else { 3 };
            }
            found != negated && matches(&rest[end + 1..], &name[1..])
        }
        ['\\', c, rest @ ..] | [c, rest @ ..] => {
            name.first() == Some(c) && matches(rest, &name[1..])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_names_match_shell_patterns() {
        for (pattern, name, expected) in [
            ("web*", "web-1", true),
            ("web?", "web", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("web", "web2", false),
            ("[", "[", false),
        ] {
            assert_eq!(glob(pattern, name), expected, "{pattern} {name}");
        }
    }
}
