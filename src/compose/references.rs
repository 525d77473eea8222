//! Phase 12, of names: what a service names is defined, and no service waits for itself.

use std::collections::BTreeMap;

use super::consistency::Check;
use crate::diagnostic::Diagnostic;
use crate::name::ServiceName;
use crate::project::{MountType, Service};
use crate::text::nearest::nearest;

impl Check<'_> {
    fn undefined(&mut self, what: (&str, &str), wanted: &str, known: &[&str], path: &[&str]) {
        let (kind, section) = what;
        let name = path[1];
        let mut error = Diagnostic::error(format!(
            "service `{name}` uses the {kind} `{wanted}`, which is not defined"
        ))
        .at(self.project.place(path));
        error = match nearest(wanted, known.iter().copied()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!(
                "add `{wanted}:` below `{section}:` at the top level"
            )),
        };
        self.errors.push(error);
    }

    pub(super) fn references(&mut self, name: &str, service: &Service) {
        let project = self.project;
        let networks: Vec<&str> = project.networks.keys().map(String::as_str).collect();
        for network in service.networks.keys() {
            if !project.networks.contains_key(network) {
                let path = ["services", name, "networks", network];
                self.undefined(("network", "networks"), network, &networks, &path);
            }
        }
        let volumes: Vec<&str> = project.volumes.keys().map(String::as_str).collect();
        for (index, mount) in service.volumes.iter().enumerate() {
            let named = mount.r#type == MountType::Volume && !mount.source.is_empty();
            if named && !project.volumes.contains_key(&mount.source) {
                let index = index.to_string();
                let path = ["services", name, "volumes", &index];
                self.undefined(("volume", "volumes"), &mount.source, &volumes, &path);
            }
        }
        let secrets: Vec<&str> = project.secrets.keys().map(String::as_str).collect();
        let configs: Vec<&str> = project.configs.keys().map(String::as_str).collect();
        let built = service.build.iter().flat_map(|build| &build.secrets);
        for (grants, known, kind, section) in [
            (
                service.secrets.iter().collect::<Vec<_>>(),
                &secrets,
                "secret",
                "secrets",
            ),
            (built.collect(), &secrets, "build secret", "secrets"),
            (
                service.configs.iter().collect(),
                &configs,
                "config",
                "configs",
            ),
        ] {
            for (index, grant) in grants.into_iter().enumerate() {
                if !known.contains(&grant.source.as_str()) {
                    let index = index.to_string();
                    let path: &[&str] = match kind {
                        "build secret" => &["services", name, "build", "secrets", &index],
                        _ => &["services", name, section, &index],
                    };
                    self.undefined((kind, section), &grant.source, known, path);
                }
            }
        }
        let models: Vec<&str> = project.models.keys().map(String::as_str).collect();
        for model in service.models.keys() {
            if !project.models.contains_key(model) {
                let path = ["services", name, "models", model];
                self.undefined(("model", "models"), model, &models, &path);
            }
        }
    }

    pub(super) fn dependencies(&mut self, name: &str, service: &Service) {
        let shared = service.network_mode.strip_prefix("service:");
        if let Some(other) = shared
            && !self.project.services.contains_key(other)
        {
            let path = ["services", name, "network_mode"];
            let message =
                format!("service `{name}` shares the network of `{other}`, which is not defined");
            let mut error = Diagnostic::error(message).at(self.project.place(&path));
            let known = self.project.services.keys().map(|known| &**known);
            let near = nearest(other, known.filter(|known| *known != name));
            error
                .hints
                .extend(near.map(|near| format!("did you mean `{near}`?")));
            return self.errors.push(error);
        }
        for (other, dependency) in &service.depends_on {
            if self.project.services.contains_key(other) {
                continue;
            }
            let disabled = self.project.disabled_services.get(other);
            if disabled.is_some() && !dependency.required.0 {
                continue;
            }
            let place = self.project.place(&["services", name, "depends_on", other]);
            let error = match disabled {
                Some(disabled) => {
                    let profiles: Vec<String> = disabled
                        .profiles
                        .iter()
                        .map(|profile| format!("`--profile {profile}`"))
                        .collect();
                    Diagnostic::error(format!(
                        "service `{name}` depends on `{other}`, whose profiles are off"
                    ))
                    .at(place)
                    .also(
                        self.project.place(&["services", other, "profiles"]),
                        "the profiles",
                    )
                    .hint(format!(
                        "turn one on with {}, or write `required: false`",
                        profiles.join(" or ")
                    ))
                }
                None => {
                    let error = Diagnostic::error(format!(
                        "service `{name}` depends on `{other}`, which is not defined"
                    ))
                    .at(place);
                    let known = self
                        .project
                        .services
                        .keys()
                        .chain(self.project.disabled_services.keys());
                    match nearest(
                        other,
                        known.map(|known| &**known).filter(|known| *known != name),
                    ) {
                        Some(near) => error.hint(format!("did you mean `{near}`?")),
                        None => error.hint(format!("add `{other}:` below `services:`")),
                    }
                }
            };
            self.errors.push(error);
        }
    }

    /// The first circle of dependencies.
    pub(super) fn cycle(&mut self) {
        let mut done: BTreeMap<&str, bool> = BTreeMap::new();
        for name in self.project.services.keys() {
            let mut way = Vec::new();
            if let Some(circle) = self.circle(name, &mut way, &mut done) {
                let names: Vec<String> = circle.iter().map(|name| format!("`{name}`")).collect();
                let mut error = Diagnostic::error(match &circle[..] {
                    [one, other] if one == other => format!("service `{one}` depends on itself"),
                    _ => format!(
                        "services depend on each other in a circle: {}",
                        names.join(" → ")
                    ),
                });
                for (index, pair) in circle.windows(2).enumerate() {
                    let place = self
                        .project
                        .place(&["services", pair[0], "depends_on", pair[1]]);
                    error = match index {
                        0 => error.at(place),
                        _ => error.also(place, "then here"),
                    };
                }
                return self.errors.push(error.hint(match circle.len() {
                    2 => "take this dependency out",
                    _ => "take one of these dependencies out",
                }));
            }
        }
    }

    fn circle<'p>(
        &'p self,
        name: &'p str,
        way: &mut Vec<&'p str>,
        done: &mut BTreeMap<&'p str, bool>,
    ) -> Option<Vec<&'p str>>
    where
        Self: 'p,
    {
        if let Some(start) = way.iter().position(|past| *past == name) {
            return Some(way[start..].iter().copied().chain([name]).collect());
        }
        if done.insert(name, true).is_some() {
            return None;
        }
        let service = self.project.services.get(&ServiceName::from(name))?;
        way.push(name);
        for other in service.depends_on.keys() {
            if let Some(circle) = self.circle(other, way, done) {
                return Some(circle);
            }
        }
        way.pop();
        None
    }
}
