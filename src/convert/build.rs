//! `build:` → what is asked of a builder. Pure: nothing here looks at the context.
//!
//! The facts are those of Docker Compose 2.40.3 (`pkg/compose/build*.go`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Platforms, Stamp, build_platforms, image_name, label};
use crate::diagnostic::Diagnostic;
use crate::name::ServiceName;
use crate::project::{Build, Mapping, Project, Service, SshKey, Ulimit};

/// Everything that one build is made from.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageBuild {
    /// The service it is for.
    pub service: ServiceName,
    /// Where its files come from.
    pub context: Source,
    /// Where its steps come from.
    pub dockerfile: Dockerfile,
    /// Further contexts that the Dockerfile names.
    pub contexts: BTreeMap<String, Source>,
    /// The image's names; its own comes first.
    pub tags: Vec<String>,
    /// Build arguments that have a value.
    pub args: Mapping,
    /// The image's labels.
    pub labels: Mapping,
    /// The stage to build; empty for the last.
    pub target: String,
    /// The platforms; empty for the engine's own.
    pub platforms: Vec<String>,
    /// The network of `RUN`; empty for the engine's default.
    pub network: String,
    /// Entries for `/etc/hosts`, as `host:address`.
    pub extra_hosts: Vec<String>,
    /// Bytes of `/dev/shm`; 0 for the default.
    pub shm_size: i64,
    /// Limits, as `name=soft:hard`.
    pub ulimits: Vec<String>,
    /// Where cached steps may come from.
    pub cache_from: Vec<String>,
    /// Where cached steps go to.
    pub cache_to: Vec<String>,
    /// What the build may do beyond the usual.
    pub entitlements: Vec<String>,
    /// The secrets it may read, by id.
    pub secrets: BTreeMap<String, SecretSource>,
    /// The SSH agents it may use.
    pub ssh: Vec<SshKey>,
    /// Whether cached steps count.
    pub cache: Cache,
    /// Whether newer base images are looked for.
    pub pull: Pull,
    /// The most memory of a step, in bytes, for the classic builder; 0 for no limit.
    pub memory: i64,
    /// The isolation of Windows containers, for the classic builder.
    pub isolation: String,
}

/// Where the files of a context come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A folder of this machine.
    Folder(PathBuf),
    /// What the builder fetches itself: a Git repository, a tar behind a URL, `docker-image://…`.
    Remote(String),
}

/// Where the steps of a build come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dockerfile {
    /// A file of this machine, in the context or not.
    File(PathBuf),
    /// The text stands in the compose file.
    Inline(String),
    /// A file of a remote context.
    InContext(String),
}

/// Where a build's secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// The content of a file.
    File(PathBuf),
    /// A variable of the project's environment.
    Value(String),
}

/// Whether cached steps count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cache {
    /// They do.
    #[default]
    Use,
    /// None does.
    Ignore,
    /// Those of these stages do not.
    IgnoreStages(Vec<String>),
}

/// Whether newer base images are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pull {
    /// What the engine has is taken.
    #[default]
    Missing,
    /// The registry is asked.
    Always,
}

/// Who builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builder {
    /// BuildKit.
    BuildKit,
    /// The engine's builder before BuildKit.
    Classic,
    /// Podman's, which is spoken to as the classic one is.
    Podman,
}

/// What the command line adds to `build:`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BuildOptions {
    /// `--build-arg`; one without a value takes it from the environment.
    pub args: BTreeMap<String, Option<String>>,
    /// `--no-cache`.
    pub no_cache: bool,
    /// `--pull`.
    pub pull: bool,
    /// `--ssh`.
    pub ssh: Vec<SshKey>,
    /// `--memory`, in bytes.
    pub memory: i64,
    /// What the images are for.
    pub platforms: Platforms,
}

/// What is the same for every build of a command.
#[derive(Clone, Copy)]
pub struct BuildSurroundings<'a> {
    /// The command line.
    pub options: &'a BuildOptions,
    /// Who builds.
    pub builder: Builder,
    /// Proxy variables of the Docker client's configuration.
    pub proxy: &'a Mapping,
    /// What the version label says.
    pub stamp: &'a Stamp,
}

/// What a builder is asked for a service; none where the service has no `build:`.
///
/// # Errors
/// What the builder cannot do, or a secret that is nowhere.
pub fn image_build(
    project: &Project,
    name: &ServiceName,
    around: &BuildSurroundings<'_>,
) -> Result<Option<ImageBuild>, Diagnostic> {
    let Some((service, build)) = service_of(project, name) else {
        return Ok(None);
    };
    let platforms = build_platforms(project, name, around.options.platforms)?;
    if around.builder != Builder::BuildKit {
        refuse_beyond_classic(name, build, &platforms, around.builder)?;
    }
    let image = image_name(project, name, service);
    let context = source(project, &build.context);
    let mut ssh = build.ssh.clone();
    ssh.extend(around.options.ssh.iter().cloned());
    Ok(Some(ImageBuild {
        service: name.clone(),
        dockerfile: dockerfile(build, &context),
        contexts: build
            .additional_contexts
            .iter()
            .map(|(key, value)| (key.clone(), source(project, value)))
            .collect(),
        context,
        tags: std::iter::once(image).chain(build.tags.clone()).collect(),
        args: arguments(project, build, around),
        labels: labels(project, name, build, around),
        target: build.target.clone(),
        platforms,
        network: build.network.clone(),
        extra_hosts: build.extra_hosts.entries(":"),
        shm_size: build.shm_size.0,
        ulimits: build.ulimits.iter().map(ulimit).collect(),
        cache_from: build.cache_from.clone(),
        cache_to: build.cache_to.clone(),
        entitlements: entitlements(build),
        secrets: secrets(project, build)?,
        ssh,
        cache: match (
            build.no_cache || around.options.no_cache,
            &build.no_cache_filter,
        ) {
            (true, _) => Cache::Ignore,
            (false, stages) if !stages.is_empty() => Cache::IgnoreStages(stages.clone()),
            (false, _) => Cache::Use,
        },
        pull: match build.pull || around.options.pull {
            true => Pull::Always,
            false => Pull::Missing,
        },
        memory: around.options.memory,
        isolation: build.isolation.clone(),
    }))
}

fn service_of<'a>(project: &'a Project, name: &ServiceName) -> Option<(&'a Service, &'a Build)> {
    let service = project.any_service(name)?;
    Some((service, service.build.as_ref()?))
}

/// Whether a context is fetched by the builder itself.
pub fn is_remote(context: &str) -> bool {
    let prefixes = [
        "http://",
        "https://",
        "git://",
        "ssh://",
        "git@",
        "github.com/",
    ];
    prefixes.iter().any(|prefix| context.starts_with(prefix)) || context.contains("://")
}

fn source(project: &Project, context: &str) -> Source {
    if let Some(other) = context.strip_prefix("service:") {
        let name = ServiceName::new(other);
        let image = match project.any_service(&name) {
            Some(service) => image_name(project, &name, service),
            None => project.naming.join(&[&project.name, other]),
        };
        return Source::Remote(format!("docker-image://{image}"));
    }
    match is_remote(context) {
        true => Source::Remote(context.to_owned()),
        false => Source::Folder(project.working_dir.join(context)),
    }
}

fn dockerfile(build: &Build, context: &Source) -> Dockerfile {
    if !build.dockerfile_inline.is_empty() {
        return Dockerfile::Inline(build.dockerfile_inline.clone());
    }
    let name = match build.dockerfile.as_str() {
        "" => "Dockerfile",
        name => name,
    };
    match context {
        Source::Folder(folder) => Dockerfile::File(folder.join(Path::new(name))),
        Source::Remote(_) => Dockerfile::InContext(name.to_owned()),
    }
}

/// The file's arguments, the command line's over them, and the proxies under both.
fn arguments(project: &Project, build: &Build, around: &BuildSurroundings<'_>) -> Mapping {
    let mut asked = build.args.clone();
    asked.extend(around.options.args.clone());
    let mut args = around.proxy.clone();
    for (key, value) in asked {
        match value.or_else(|| project.environment.get(&key).cloned()) {
            Some(value) => args.insert(key, value),
            // Named and without a value: not the proxy's either.
            None => args.remove(&key),
        };
    }
    args
}

fn labels(
    project: &Project,
    name: &ServiceName,
    build: &Build,
    around: &BuildSurroundings<'_>,
) -> Mapping {
    let mut labels = build.labels.clone();
    let mut set = |key: &str, value: &str| labels.insert(key.to_owned(), value.to_owned());
    match around.builder {
        Builder::BuildKit => {
            set(label::PROJECT, &project.name);
            set(label::SERVICE, name);
            set(label::VERSION, &around.stamp.version);
        }
        Builder::Classic | Builder::Podman => {
            set("com.docker.compose.image.builder", "classic");
        }
    }
    labels
}

fn ulimit((name, limit): (&String, &Ulimit)) -> String {
    match limit {
        Ulimit::Single(limit) => format!("{name}={limit}:{limit}"),
        Ulimit::Pair { soft, hard, .. } => format!("{name}={soft}:{hard}"),
    }
}

fn entitlements(build: &Build) -> Vec<String> {
    let mut entitlements = build.entitlements.clone();
    let insecure = "security.insecure".to_owned();
    if build.privileged && !entitlements.contains(&insecure) {
        entitlements.push(insecure);
    }
    entitlements
}

fn secrets(project: &Project, build: &Build) -> Result<BTreeMap<String, SecretSource>, Diagnostic> {
    let mut secrets = BTreeMap::new();
    for grant in &build.secrets {
        let id = match grant.target.as_str() {
            "" => grant.source.clone(),
            target => target.to_owned(),
        };
        let known = project.secrets.get(&grant.source);
        let source = match known {
            Some(secret) if !secret.file.is_empty() => {
                SecretSource::File(project.working_dir.join(&secret.file))
            }
            Some(secret) if !secret.environment.is_empty() => SecretSource::Value(
                project
                    .environment
                    .get(&secret.environment)
                    .cloned()
                    .unwrap_or_default(),
            ),
            _ => {
                return Err(Diagnostic::error(format!(
                    "the build secret `{}` comes neither from a file nor from the environment",
                    grant.source
                ))
                .hint("give it `file:` or `environment:` under `secrets:`"));
            }
        };
        secrets.insert(id, source);
    }
    Ok(secrets)
}

/// Refuses what only BuildKit can do.
fn refuse_beyond_classic(
    name: &ServiceName,
    build: &Build,
    platforms: &[String],
    builder: Builder,
) -> Result<(), Diagnostic> {
    let beyond = [
        (platforms.len() > 1, "multi-arch build"),
        (build.privileged, "privileged mode"),
        (!build.additional_contexts.is_empty(), "additional contexts"),
        (!build.ssh.is_empty(), "SSH keys"),
        (!build.secrets.is_empty(), "secrets"),
    ];
    let Some((_, what)) = beyond.iter().find(|(asked, _)| *asked) else {
        return Ok(());
    };
    Err(match builder {
        Builder::Podman => Diagnostic::error(format!(
            "service `{name}`: builds through Podman's Docker-compatible API don't support {what}"
        ))
        .hint("build it with `podman build`, and name the result with `image:`"),
        _ => Diagnostic::error(format!(
            "service `{name}`: the classic builder doesn't support {what}, \
             set DOCKER_BUILDKIT=1 to use BuildKit"
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::FileObject;

    fn project(build: Build) -> Project {
        let service = Service {
            build: Some(Box::new(build)),
            ..Service::default()
        };
        Project {
            name: "app".into(),
            working_dir: "/src".into(),
            services: [("web".into(), service)].into(),
            environment: [
                ("SHELL_ARG".to_owned(), "from the shell".to_owned()),
                ("TOKEN".to_owned(), "t".to_owned()),
            ]
            .into(),
            ..Project::default()
        }
    }

    fn made(project: &Project, builder: Builder, options: &BuildOptions) -> ImageBuild {
        let proxy = [("http_proxy".to_owned(), "http://p".to_owned())].into();
        let stamp = Stamp {
            hash: String::new(),
            version: "2.40.3".into(),
        };
        let around = BuildSurroundings {
            options,
            builder,
            proxy: &proxy,
            stamp: &stamp,
        };
        image_build(project, &"web".into(), &around)
            .unwrap()
            .unwrap()
    }

    fn pairs(map: &Mapping) -> String {
        let pairs = map.iter().map(|(key, value)| format!("{key}={value}"));
        pairs.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn arguments_come_from_the_file_the_command_line_the_environment_and_the_proxies() {
        let build = Build {
            context: ".".into(),
            args: [
                ("A".to_owned(), Some("1".to_owned())),
                ("B".to_owned(), Some("2".to_owned())),
                ("SHELL_ARG".to_owned(), None),
                ("NOWHERE".to_owned(), None),
            ]
            .into(),
            ..Build::default()
        };
        let options = BuildOptions {
            args: [("B".to_owned(), Some("two".to_owned()))].into(),
            ..BuildOptions::default()
        };
        let made = made(&project(build), Builder::BuildKit, &options);
        assert_eq!(
            pairs(&made.args),
            "A=1 B=two SHELL_ARG=from the shell http_proxy=http://p"
        );
    }

    #[test]
    fn the_image_bears_the_name_the_tags_and_the_labels_that_compose_gives_it() {
        let build = Build {
            tags: vec!["extra:1".into()],
            labels: [("mine".to_owned(), "x".to_owned())].into(),
            ..Build::default()
        };
        let project = project(build);
        let with = |builder| made(&project, builder, &BuildOptions::default());
        assert_eq!(with(Builder::BuildKit).tags, ["app-web", "extra:1"]);
        assert_eq!(
            pairs(&with(Builder::BuildKit).labels),
            "com.docker.compose.project=app com.docker.compose.service=web \
             com.docker.compose.version=2.40.3 mine=x"
        );
        assert_eq!(
            pairs(&with(Builder::Classic).labels),
            "com.docker.compose.image.builder=classic mine=x"
        );
    }

    #[test]
    fn a_dockerfile_is_named_from_the_context_or_stands_in_the_file() {
        let place = |context: &str, dockerfile: &str, inline: &str| {
            let build = Build {
                context: context.into(),
                dockerfile: dockerfile.into(),
                dockerfile_inline: inline.into(),
                ..Build::default()
            };
            made(&project(build), Builder::BuildKit, &BuildOptions::default()).dockerfile
        };
        assert_eq!(
            place("/ctx", "", ""),
            Dockerfile::File("/ctx/Dockerfile".into())
        );
        assert_eq!(place("/ctx", "/d/F", ""), Dockerfile::File("/d/F".into()));
        assert_eq!(
            place("https://host/repo.git#main", "sub/F", ""),
            Dockerfile::InContext("sub/F".into())
        );
        assert_eq!(
            place("/ctx", "", "FROM a"),
            Dockerfile::Inline("FROM a".into())
        );
    }

    #[test]
    fn a_context_may_be_another_services_image() {
        let build = Build {
            additional_contexts: [
                ("base".to_owned(), "service:web".to_owned()),
                ("src".to_owned(), "/elsewhere".to_owned()),
                ("img".to_owned(), "docker-image://busybox".to_owned()),
            ]
            .into(),
            ..Build::default()
        };
        let made = made(&project(build), Builder::BuildKit, &BuildOptions::default());
        assert_eq!(
            made.contexts["base"],
            Source::Remote("docker-image://app-web".into())
        );
        assert_eq!(made.contexts["src"], Source::Folder("/elsewhere".into()));
        assert_eq!(
            made.contexts["img"],
            Source::Remote("docker-image://busybox".into())
        );
    }

    #[test]
    fn a_secret_comes_from_a_file_or_from_the_environment() {
        let grant = |source: &str, target: &str| crate::project::FileReference {
            source: source.into(),
            target: target.into(),
            ..Default::default()
        };
        let mut project = project(Build {
            secrets: vec![grant("file", ""), grant("token", "renamed")],
            ..Build::default()
        });
        project.secrets = [
            (
                "file".to_owned(),
                FileObject {
                    file: "/s/key".into(),
                    ..FileObject::default()
                },
            ),
            (
                "token".to_owned(),
                FileObject {
                    environment: "TOKEN".into(),
                    ..FileObject::default()
                },
            ),
        ]
        .into();
        let made = made(&project, Builder::BuildKit, &BuildOptions::default());
        assert_eq!(made.secrets["file"], SecretSource::File("/s/key".into()));
        assert_eq!(made.secrets["renamed"], SecretSource::Value("t".into()));
    }

    #[test]
    fn the_classic_builder_refuses_what_it_would_leave_out() {
        let project = project(Build {
            ssh: vec![SshKey::default()],
            ..Build::default()
        });
        let refused = |builder| {
            let around = BuildSurroundings {
                options: &BuildOptions::default(),
                builder,
                proxy: &Mapping::new(),
                stamp: &Stamp::default(),
            };
            let error = image_build(&project, &"web".into(), &around);
            error.unwrap_err().to_string()
        };
        assert_eq!(
            refused(Builder::Classic),
            "error: service `web`: the classic builder doesn't support SSH keys, \
             set DOCKER_BUILDKIT=1 to use BuildKit"
        );
        assert_eq!(
            refused(Builder::Podman),
            "error: service `web`: builds through Podman's Docker-compatible API don't support SSH keys\n\
             hint: build it with `podman build`, and name the result with `image:`"
        );
    }
}
