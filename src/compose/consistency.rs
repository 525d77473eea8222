//! Phase 12: what services say has to agree with each other and with the rest of the project.

use std::collections::BTreeMap;
use std::path::Path;

use super::context::Faulty;
use super::sources::display_path;
use crate::diagnostic::Diagnostic;
use crate::project::{Project, Service};

/// Everything that does not agree, save what may only follow from what was wrong before.
pub fn check(project: &Project, faulty: &Faulty) -> Vec<Diagnostic> {
    let mut check = Check {
        project,
        faulty,
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
        let bare = !secret.external && secret.file.is_empty() && secret.environment.is_empty();
        if bare && !faulty.has("secrets", name) {
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

pub(super) struct Check<'p> {
    pub(super) project: &'p Project,
    faulty: &'p Faulty,
    pub(super) errors: Vec<Diagnostic>,
}

impl Check<'_> {
    pub(super) fn error(&mut self, message: String, path: &[&str]) {
        let error = Diagnostic::error(message).at(self.project.place(path));
        self.errors.push(error);
    }

    fn source(&mut self, name: &str, service: &Service) {
        let at = |key: &'static str| ["services", name, key];
        let bare =
            service.build.is_none() && service.image.is_empty() && service.provider.is_none();
        if bare && !self.faulty.has("services", name) {
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
                Some(other) if other.build.is_none() && !self.faulty.has("services", target) => {
                    let message = format!(
                        "build context `{context}` of `{name}` is the service `{target}`, which is not built"
                    );
                    self.error(message, &path);
                }
                Some(_) => {}
            }
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
