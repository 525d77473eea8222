//! Phase 12: what services say has to agree with each other and with the rest of the project.

use std::collections::BTreeMap;
use std::path::Path;

use super::sources::display_path;
use crate::diagnostic::Diagnostic;
use crate::name::ServiceName;
use crate::project::{MountType, Project, Service};
use crate::text::nearest::nearest;

/// Everything that does not agree.
pub fn check(project: &Project) -> Vec<Diagnostic> {
    let mut check = Check {
        project,
        errors: Vec::new(),
    };
    for (name, service) in &project.services {
        check.source(name, service);
        check.references(name, service);
        check.dependencies(name, service);
        check.limits(name, service);
        check.mounts(name, service);
    }
    for (name, secret) in &project.secrets {
        if !secret.external && secret.file.is_empty() && secret.environment.is_empty() {
            let error = Diagnostic::error(format!(
                "secret `{name}` must have a `file` or an `environment`"
            ))
            .at(project.place(&["secrets", name]));
            check.errors.push(error);
        }
    }
    check.cycle();
    check.errors
}

struct Check<'p> {
    project: &'p Project,
    errors: Vec<Diagnostic>,
}

impl Check<'_> {
    fn error(&mut self, message: String, path: &[&str]) {
        let error = Diagnostic::error(message).at(self.project.place(path));
        self.errors.push(error);
    }

    fn source(&mut self, name: &str, service: &Service) {
        let at = |key: &'static str| ["services", name, key];
        if service.build.is_none() && service.image.is_empty() && service.provider.is_none() {
            let error = Diagnostic::error(format!(
                "service `{name}` has neither an `image` nor a `build`"
            ))
            .at(self.project.place(&["services", name]))
            .hint("name the image to run, or the folder to build one from: `build: .`");
            self.errors.push(error);
        }
        if !service.network_mode.is_empty() && !service.networks.is_empty() {
            let error = Diagnostic::error(format!(
                "service `{name}` has both `network_mode` and `networks`"
            ))
            .at(self.project.place(&at("network_mode")))
            .also(self.project.place(&at("networks")), "the other one")
            .hint("take one of the two out");
            self.errors.push(error);
        }
        if let Some(test) = service
            .healthcheck
            .as_ref()
            .and_then(|check| check.test.first())
            && !matches!(test.as_str(), "CMD" | "CMD-SHELL" | "NONE")
        {
            let path = ["services", name, "healthcheck", "test"];
            let error = Diagnostic::error(format!(
                    "the healthcheck of `{name}` must begin with `CMD`, `CMD-SHELL` or `NONE`, not `{test}`"
                ))
                .at(self.project.place(&path))
                .hint("put `CMD` before the command, or write it as one text");
            self.errors.push(error);
        }
        for rule in service.develop.iter().flat_map(|develop| &develop.watch) {
            if rule.target.is_empty() && !matches!(rule.action.as_str(), "rebuild" | "restart") {
                let path = display_path(Path::new(&rule.path), &self.project.working_dir);
                let error = Diagnostic::error(format!(
                    "service `{name}` watches `{path}` without a `target`"
                ))
                .at(self.project.place(&["services", name, "develop", "watch"]))
                .hint("`target` is the path in the container that the files go to");
                self.errors.push(error);
            }
        }
        let Some(build) = &service.build else { return };
        if !build.dockerfile.is_empty() && !build.dockerfile_inline.is_empty() {
            let message = format!("service `{name}` has both `dockerfile` and `dockerfile_inline`");
            let place = |key| self.project.place(&["services", name, "build", key]);
            let error = Diagnostic::error(message)
                .at(place("dockerfile_inline"))
                .also(place("dockerfile"), "the other one")
                .hint("take one of the two out");
            self.errors.push(error);
        }
        if !service.platform.is_empty()
            && !build.platforms.is_empty()
            && !build.platforms.contains(&service.platform)
        {
            let message = format!(
                "service `{name}`: service.build.platforms MUST include service.platform \"{}\"",
                service.platform
            );
            let error = Diagnostic::error(message)
                .at(self
                    .project
                    .place(&["services", name, "build", "platforms"]))
                .also(self.project.place(&at("platform")), "runs on")
                .hint(format!("add `{}` to `build.platforms`", service.platform));
            self.errors.push(error);
        }
        for (context, value) in &build.additional_contexts {
            let Some(target) = value.strip_prefix("service:") else {
                continue;
            };
            let path = ["services", name, "build", "additional_contexts", context];
            match self.project.services.get(target) {
                None => {
                    let message = format!(
                        "build context `{context}` of `{name}` is the service `{target}`, which is not defined"
                    );
                    self.error(message, &path);
                }
                Some(other) if other.build.is_none() => {
                    let message = format!(
                        "build context `{context}` of `{name}` is the service `{target}`, which is not built"
                    );
                    self.error(message, &path);
                }
                Some(_) => {}
            }
        }
    }

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

    fn references(&mut self, name: &str, service: &Service) {
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

    fn dependencies(&mut self, name: &str, service: &Service) {
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

    fn limits(&mut self, name: &str, service: &Service) {
        if service.scale.is_some_and(|scale| scale < 0) {
            self.error(
                format!("service `{name}` cannot have a negative `scale`"),
                &["services", name, "scale"],
            );
        }
        let replicas = service.deploy.as_ref().and_then(|deploy| deploy.replicas);
        if service.scale.is_none() && replicas.is_some_and(|replicas| replicas < 0) {
            let path = ["services", name, "deploy", "replicas"];
            self.error(
                format!("service `{name}` cannot have negative `replicas`"),
                &path,
            );
        }
        if service.replicas() > 1 && !service.container_name.is_empty() {
            let key: &[&str] = match service.scale {
                Some(_) => &["services", name, "scale"],
                None => &["services", name, "deploy", "replicas"],
            };
            let error = Diagnostic::error(format!(
                "service `{name}` has a `container_name`, which only one container can have"
            ))
            .at(self.project.place(&["services", name, "container_name"]))
            .also(self.project.place(key), "more than one")
            .hint("take `container_name` out: the containers are then named after the service");
            self.errors.push(error);
        }
        let Some(deploy) = &service.deploy else {
            return;
        };
        if let (Some(scale), Some(replicas)) = (service.scale, deploy.replicas)
            && scale != replicas
        {
            self.distinct(name, "scale", &["deploy", "replicas"]);
        }
        if let Some(limits) = &deploy.resources.limits {
            if service.cpus != 0.0 && limits.cpus != service.cpus {
                self.distinct(name, "cpus", &["deploy", "resources", "limits", "cpus"]);
            }
            if service.mem_limit.0 != 0 && limits.memory != service.mem_limit {
                self.distinct(
                    name,
                    "mem_limit",
                    &["deploy", "resources", "limits", "memory"],
                );
            }
            if service.pids_limit != 0 && limits.pids != service.pids_limit {
                self.distinct(
                    name,
                    "pids_limit",
                    &["deploy", "resources", "limits", "pids"],
                );
            }
        }
        if let Some(reserved) = &deploy.resources.reservations
            && service.mem_reservation.0 != 0
            && reserved.memory != service.mem_reservation
        {
            self.distinct(
                name,
                "mem_reservation",
                &["deploy", "resources", "reservations", "memory"],
            );
        }
    }

    fn distinct(&mut self, name: &str, key: &str, other: &[&str]) {
        let path: Vec<&str> = ["services", name]
            .into_iter()
            .chain(other.iter().copied())
            .collect();
        let error = Diagnostic::error(format!(
            "service `{name}` has distinct values for `{key}` and `{}`",
            other.join(".")
        ))
        .at(self.project.place(&["services", name, key]))
        .also(self.project.place(&path), "the other one")
        .hint("keep one of the two");
        self.errors.push(error);
    }

    fn mounts(&mut self, name: &str, service: &Service) {
        let mut taken: BTreeMap<&str, (&'static str, usize)> = BTreeMap::new();
        let tmpfs = service.tmpfs.iter().enumerate();
        let tmpfs =
            tmpfs.map(|(at, text)| ("tmpfs", at, text.split(':').next().unwrap_or_default()));
        let volumes = service.volumes.iter().enumerate();
        let volumes = volumes.map(|(at, mount)| ("volumes", at, mount.target.as_str()));
        for (key, index, target) in tmpfs.chain(volumes) {
            let Some((first_key, first)) = taken.insert(target, (key, index)) else {
                continue;
            };
            let place = |key: &str, index: usize| {
                let index = index.to_string();
                let item = self.project.place(&["services", name, key, &index]);
                item.or_else(|| self.project.place(&["services", name, key]))
            };
            let error = Diagnostic::error(format!("service `{name}` mounts `{target}` twice"))
                .at(place(key, index))
                .also(place(first_key, first), "first here");
            self.errors.push(error);
        }
    }

    /// The first circle of dependencies.
    fn cycle(&mut self) {
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

/// Two services cannot have one container name; asked by `config` and by `up`.
///
/// # Errors
/// The second service that has it.
pub fn container_names(project: &Project) -> Result<(), Diagnostic> {
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for (service, model) in &project.services {
        if model.container_name.is_empty() {
            continue;
        }
        if let Some(other) = names.insert(&model.container_name, service) {
            let place = |service: &str| project.place(&["services", service, "container_name"]);
            return Err(Diagnostic::error(format!(
                "services.{service}: container name \"{}\" is already in use by service {other}",
                model.container_name
            ))
            .at(place(service))
            .also(place(other), "the other one")
            .hint("change one of the two, or take it out: the container is then named after its service"));
        }
    }
    Ok(())
}
