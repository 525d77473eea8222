//! For which platforms an image is built: the rules of Docker Compose's `applyPlatforms`
//! (`cmd/compose/options.go`).

use crate::diagnostic::Diagnostic;
use crate::name::ServiceName;
use crate::project::Project;

/// What an image is built for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Platforms {
    /// To run here: one platform, which the builder chooses where several are named.
    #[default]
    ToRun,
    /// Every platform that is named.
    Every,
}

/// The platforms of a service's build: the build's own, else the service's, for which
/// `DOCKER_DEFAULT_PLATFORM` stands in. None for the engine's own.
///
/// # Errors
/// A default that the build does not name.
pub fn build_platforms(
    project: &Project,
    name: &ServiceName,
    which: Platforms,
) -> Result<Vec<String>, Diagnostic> {
    let Some(service) = project.any_service(name) else {
        return Ok(Vec::new());
    };
    let build = service.build.iter();
    let named: Vec<String> = build.flat_map(|build| build.platforms.clone()).collect();
    let default = project.environment.get("DOCKER_DEFAULT_PLATFORM");
    let default = default.filter(|default| !default.is_empty() && service.platform.is_empty());
    if let Some(default) = default
        && !named.is_empty()
        && !named.contains(default)
    {
        return Err(Diagnostic::error(format!(
            "service \"{name}\" build.platforms does not support value set by \
             DOCKER_DEFAULT_PLATFORM: {default}"
        ))
        .at(project.place(&["services", name, "build", "platforms"]))
        .hint("add it to `build.platforms`, or unset DOCKER_DEFAULT_PLATFORM"));
    }
    let own = default.unwrap_or(&service.platform);
    Ok(match (which, named.len()) {
        (Platforms::Every, 1..) => named,
        (_, _) if !own.is_empty() => vec![own.clone()],
        (Platforms::ToRun, 2..) => Vec::new(),
        _ => named,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::{Build, Service};

    fn platforms(own: &str, named: &[&str], default: &str, which: Platforms) -> String {
        let build = Build {
            platforms: named.iter().map(|&name| name.to_owned()).collect(),
            ..Build::default()
        };
        let service = Service {
            platform: own.into(),
            build: Some(Box::new(build)),
            ..Service::default()
        };
        let default = ("DOCKER_DEFAULT_PLATFORM".to_owned(), default.to_owned());
        let project = Project {
            services: [("web".into(), service)].into(),
            environment: [default].into(),
            ..Project::default()
        };
        match build_platforms(&project, &"web".into(), which) {
            Ok(platforms) => platforms.join(" "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn an_image_that_is_only_built_is_for_every_platform_that_is_named() {
        let every = |own, named, default| platforms(own, named, default, Platforms::Every);
        assert_eq!(every("", &["a", "b"], ""), "a b");
        assert_eq!(every("b", &["a", "b"], ""), "a b");
        assert_eq!(every("b", &[], "a"), "b");
        assert_eq!(every("", &[], "a"), "a");
        assert_eq!(every("", &[], ""), "");
    }

    #[test]
    fn an_image_that_runs_here_is_for_one_platform() {
        let to_run = |own, named, default| platforms(own, named, default, Platforms::ToRun);
        assert_eq!(to_run("", &["a", "b"], ""), "");
        assert_eq!(to_run("", &["a"], ""), "a");
        assert_eq!(to_run("b", &["a", "b"], ""), "b");
        assert_eq!(to_run("", &["a", "b"], "a"), "a");
        assert_eq!(to_run("", &[], "a"), "a");
    }

    #[test]
    fn a_default_that_is_not_named_is_refused() {
        assert_eq!(
            platforms("", &["linux/amd64"], "windows/amd64", Platforms::ToRun),
            "\
error: service \"web\" build.platforms does not support value set by DOCKER_DEFAULT_PLATFORM: windows/amd64
hint: add it to `build.platforms`, or unset DOCKER_DEFAULT_PLATFORM"
        );
        assert_eq!(platforms("a", &["a"], "b", Platforms::Every), "a");
    }
}
