//! Builds → a bake file, as Docker Compose hands it to `docker buildx bake`
//! (`pkg/compose/build_bake.go` of 2.40.3): what `build --print` shows, and what builds by buildx
//! are asked.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{BuildSurroundings, Cache, Dockerfile, ImageBuild, Pull, Source, image_build};
use crate::diagnostic::Diagnostic;
use crate::name::ServiceName;
use crate::project::{Build, Project, SshKey, Ulimit};

/// What becomes of the images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The engine keeps them.
    Engine,
    /// A registry gets them, where they have a name of their own.
    Registry,
    /// Nothing is built: the Dockerfiles are checked.
    Check,
}

/// A bake file, and what has to be allowed for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bake {
    /// The file.
    pub file: Value,
    /// The folders that it reads.
    pub reads: Vec<String>,
    /// The variables that hold its secrets.
    pub secrets: BTreeMap<String, String>,
    /// Whether a step may do anything.
    pub insecure: bool,
}

impl Bake {
    /// The file's text, as Go writes it.
    pub fn text(&self) -> String {
        let text = serde_json::to_string_pretty(&self.file).unwrap_or_default();
        let escaped = text.replace('<', "\\u003c").replace('>', "\\u003e");
        escaped.replace('&', "\\u0026")
    }
}

/// The bake file of a project's builds, of which those of `wanted` are made.
///
/// # Errors
/// As [`image_build`].
pub fn bake(
    project: &Project,
    wanted: &[ServiceName],
    around: &BuildSurroundings<'_>,
    output: Output,
) -> Result<Bake, Diagnostic> {
    let names = targets(project);
    let mut bake = Bake::default();
    let mut all = Map::new();
    for (name, service) in &project.services {
        let Some(build) = &service.build else {
            continue;
        };
        let Some(made) = image_build(project, name, around)? else {
            continue;
        };
        let nameless = service.image.is_empty();
        let output = match output {
            Output::Registry if nameless => Output::Engine,
            output => output,
        };
        let target = Target {
            project,
            build,
            made: &made,
            names: &names,
            output,
        };
        all.insert(names[name].clone(), target.document(&mut bake));
    }
    let group = wanted.iter().filter_map(|name| names.get(name));
    let group: Vec<&String> = group.collect();
    bake.file = json!({"group": {"default": {"targets": group}}, "target": all});
    Ok(bake)
}

/// What the services' targets are called: a dot is none of bake's letters.
fn targets(project: &Project) -> BTreeMap<ServiceName, String> {
    let mut taken: Vec<String> = Vec::new();
    let named = project.services.keys().map(|name| {
        let mut target = name.replace('.', "_");
        while taken.contains(&target) {
            target.push('_');
        }
        taken.push(target.clone());
        (name.clone(), target)
    });
    named.collect()
}

/// One service's build.
struct Target<'a> {
    project: &'a Project,
    build: &'a Build,
    made: &'a ImageBuild,
    names: &'a BTreeMap<ServiceName, String>,
    output: Output,
}

impl Target<'_> {
    /// Its fields, without those that say nothing.
    fn document(&self, bake: &mut Bake) -> Value {
        let Self { build, made, .. } = self;
        let context = shown(&made.context);
        bake.reads.push(context.clone());
        let (dockerfile, inline) = match &made.dockerfile {
            Dockerfile::File(path) => (path.display().to_string(), String::new()),
            Dockerfile::Inline(text) => (String::new(), literal(text)),
            Dockerfile::InContext(name) => (name.clone(), String::new()),
        };
        let args = made.args.iter().map(|(key, value)| (key, literal(value)));
        let args: BTreeMap<_, _> = args.collect();
        // Its own name stands behind the file's.
        let tags = made.tags.iter().skip(1).chain(made.tags.first());
        bake.insecure |= made
            .entitlements
            .iter()
            .any(|one| one == "security.insecure");
        let hosts = self.build.extra_hosts.entries("\0").into_iter();
        let hosts = hosts.filter_map(|entry| {
            let (host, address) = entry.split_once('\0')?;
            Some((host.to_owned(), address.to_owned()))
        });
        let fields = [
            ("context", json!(context)),
            ("contexts", json!(self.contexts(bake))),
            ("dockerfile", json!(dockerfile)),
            ("dockerfile-inline", json!(inline)),
            ("args", json!(args)),
            ("labels", json!(made.labels)),
            ("tags", json!(tags.collect::<Vec<_>>())),
            ("cache-from", json!(made.cache_from)),
            ("cache-to", json!(made.cache_to)),
            ("target", json!(made.target)),
            ("secret", json!(self.secrets(bake))),
            ("ssh", json!(made.ssh.iter().map(key).collect::<Vec<_>>())),
            ("platforms", json!(made.platforms)),
            ("pull", json!(made.pull == Pull::Always)),
            ("no-cache", json!(made.cache == Cache::Ignore)),
            ("network", json!(made.network)),
            ("no-cache-filter", json!([])),
            ("shm-size", self.shm_size()),
            (
                "ulimits",
                json!(build.ulimits.iter().map(ulimit).collect::<Vec<_>>()),
            ),
            (
                "call",
                json!(if self.output == Output::Check {
                    "lint"
                } else {
                    ""
                }),
            ),
            ("entitlements", json!(made.entitlements)),
            ("extra-hosts", json!(hosts.collect::<BTreeMap<_, _>>())),
            ("output", json!(self.output())),
            ("attest", json!(self.attestations())),
        ];
        let says = |value: &Value| match value {
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Object(map) => !map.is_empty(),
            Value::Bool(value) => *value,
            other => !other.is_null(),
        };
        let fields = fields.into_iter().filter(|(_, value)| says(value));
        fields.map(|(key, value)| (key.to_owned(), value)).collect()
    }

    fn contexts(&self, bake: &mut Bake) -> BTreeMap<String, String> {
        let contexts = self.build.additional_contexts.iter();
        let contexts = contexts.map(|(key, value)| match value.strip_prefix("service:") {
            Some(service) => {
                let target = self.names.get(service).map_or(service, String::as_str);
                (key.clone(), format!("target:{target}"))
            }
            None => {
                let context = shown(&self.made.contexts[key]);
                if let Source::Folder(_) = &self.made.contexts[key] {
                    bake.reads.push(context.clone());
                }
                (key.clone(), context)
            }
        });
        contexts.collect()
    }

    fn secrets(&self, bake: &mut Bake) -> Vec<String> {
        let secrets = self.build.secrets.iter().filter_map(|secret| {
            let known = self.project.secrets.get(&secret.source)?;
            let id = match secret.target.as_str() {
                "" => &secret.source,
                target => target,
            };
            if !known.environment.is_empty() {
                let variable = &known.environment;
                let value = self.project.environment.get(variable);
                let value = value.cloned().unwrap_or_default();
                bake.secrets.insert(variable.clone(), value);
                return Some(format!("id={id},type=env,env={variable}"));
            }
            let file = self.project.working_dir.join(&known.file);
            Some(format!("id={id},type=file,src={}", file.display()))
        });
        secrets.collect()
    }

    fn shm_size(&self) -> Value {
        match self.made.shm_size {
            0 => Value::Null,
            size => json!(size.to_string()),
        }
    }

    fn output(&self) -> Vec<String> {
        let push = self.output == Output::Registry;
        match (self.output, self.build.platforms.len()) {
            (Output::Check, _) => Vec::new(),
            (_, 2..) => vec![format!("type=image,push={push}")],
            (Output::Registry, _) => vec!["type=registry".to_owned()],
            (Output::Engine, _) => vec!["type=docker".to_owned()],
        }
    }

    fn attestations(&self) -> Vec<String> {
        let wanted = [
            ("provenance", &self.build.provenance),
            ("sbom", &self.build.sbom),
        ];
        let wanted = wanted
            .into_iter()
            .filter_map(|(kind, value)| match value.as_str() {
                "" | "false" => None,
                "true" => Some(format!("type={kind}")),
                value => Some(format!("type={kind},{value}")),
            });
        wanted.collect()
    }
}

fn shown(source: &Source) -> String {
    match source {
        Source::Folder(path) => crate::text::path::clean(&path.to_string_lossy()),
        Source::Remote(address) => address.clone(),
    }
}

/// A text in which bake replaces nothing.
fn literal(text: &str) -> String {
    text.replace("${", "$${")
}

fn key(key: &SshKey) -> String {
    format!("{}={}", key.id, key.path)
}

fn ulimit((name, limit): (&String, &Ulimit)) -> String {
    match limit {
        Ulimit::Single(limit) => format!("{name}={limit}"),
        Ulimit::Pair { soft, hard, .. } => format!("{name}={soft}:{hard}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::{BuildOptions, Builder, Platforms, Stamp};
    use crate::project::{FileObject, FileReference, Mapping, Service};

    fn text(build: Build, output: Output) -> String {
        let base = Service {
            build: Some(Box::new(Build {
                context: "/src/base".into(),
                ..Build::default()
            })),
            ..Service::default()
        };
        let service = Service {
            image: "me/web:1".into(),
            build: Some(Box::new(build)),
            ..Service::default()
        };
        let token = FileObject {
            environment: "TOKEN".into(),
            ..FileObject::default()
        };
        let project = Project {
            name: "app".into(),
            working_dir: "/src".into(),
            services: [("web".into(), service), ("base.v1".into(), base)].into(),
            secrets: [("token".to_owned(), token)].into(),
            environment: [("TOKEN".to_owned(), "t".to_owned())].into(),
            ..Project::default()
        };
        let options = BuildOptions {
            platforms: Platforms::Every,
            ..BuildOptions::default()
        };
        let around = BuildSurroundings {
            options: &options,
            builder: Builder::BuildKit,
            proxy: &Mapping::new(),
            stamp: &Stamp {
                hash: String::new(),
                version: "2.40.3".into(),
            },
        };
        bake(&project, &["web".into()], &around, output)
            .unwrap()
            .text()
    }

    #[test]
    fn a_build_is_a_target_of_a_bake_file() {
        let build = Build {
            context: "/src".into(),
            args: [("A".to_owned(), Some("${B}<".to_owned()))].into(),
            additional_contexts: [("base".to_owned(), "service:base.v1".to_owned())].into(),
            platforms: vec!["linux/amd64".into(), "linux/arm64".into()],
            provenance: "mode=max".into(),
            sbom: "true".into(),
            secrets: vec![FileReference {
                source: "token".into(),
                ..FileReference::default()
            }],
            ..Build::default()
        };
        assert_eq!(
            text(build, Output::Registry),
            r#"{
  "group": {
    "default": {
      "targets": [
        "web"
      ]
    }
  },
  "target": {
    "base_v1": {
      "context": "/src/base",
      "dockerfile": "/src/base/Dockerfile",
      "labels": {
        "com.docker.compose.project": "app",
        "com.docker.compose.service": "base.v1",
        "com.docker.compose.version": "2.40.3"
      },
      "tags": [
        "app-base.v1"
      ],
      "output": [
        "type=docker"
      ]
    },
    "web": {
      "context": "/src",
      "contexts": {
        "base": "target:base_v1"
      },
      "dockerfile": "/src/Dockerfile",
      "args": {
        "A": "$${B}\u003c"
      },
      "labels": {
        "com.docker.compose.project": "app",
        "com.docker.compose.service": "web",
        "com.docker.compose.version": "2.40.3"
      },
      "tags": [
        "me/web:1"
      ],
      "secret": [
        "id=token,type=env,env=TOKEN"
      ],
      "platforms": [
        "linux/amd64",
        "linux/arm64"
      ],
      "output": [
        "type=image,push=true"
      ],
      "attest": [
        "type=provenance,mode=max",
        "type=sbom"
      ]
    }
  }
}"#
        );
    }

    #[test]
    fn a_check_builds_nothing() {
        let build = Build {
            context: "/src".into(),
            ..Build::default()
        };
        let text = text(build, Output::Check);
        assert!(
            text.contains("\"call\": \"lint\"") && !text.contains("output"),
            "{text}"
        );
    }
}
