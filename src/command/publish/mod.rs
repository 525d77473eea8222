//! `dco publish`: the compose files of a project as an artifact of a registry, as Docker Compose
//! lays them out there.

mod checks;
mod declarations;
mod findings;
mod layers;

use std::process::ExitCode;
use std::rc::Rc;

use anyhow::Result;
use bytes::Bytes;
use serde_json::{Value, json};

use self::declarations::Declarations;
use self::layers::{Environment, Layer};
use super::Context;
use super::artifact::{EMPTY, EMPTY_PROJECT, INDEX, MANIFEST, PROJECT};
use super::consent::Unsaid;
use super::work::{Fingerprints, manners};
use super::{consent, digests, remote};
use crate::compose;
use crate::diagnostic::Diagnostic;
use crate::engine::{Engine, Registry, RegistryError, digest};
use crate::event::{Event, Resource, Status};
use crate::project::{Form, Project, Render};
use crate::report::{Exit, Wording};
use crate::text::reference::Reference;

/// Publish the project to a registry
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  dco publish ghcr.io/me/app:1
  dco publish --with-env --resolve-image-digests ghcr.io/me/app:1")]
pub struct Args {
    /// Publish the images that the services use too, beside the files
    #[arg(long)]
    app: bool,

    /// Take a registry without TLS, or with a certificate that nobody vouches for
    #[arg(long)]
    insecure_registry: bool,

    /// Version of the OCI specification: 1.0 or 1.1; by default what the registry takes
    #[arg(long, value_name = "VERSION")]
    oci_version: Option<String>,

    /// Pin the images to their digests, in a file that goes along
    #[arg(long)]
    resolve_image_digests: bool,

    /// Let environments and env files go along
    #[arg(long)]
    with_env: bool,

    /// Answer every question with yes
    #[arg(short, long)]
    yes: bool,

    /// Where to
    #[arg(value_name = "REPOSITORY[:TAG]")]
    repository: String,
}

/// What may have to be asked.
type Question<'a> = Box<dyn Fn() -> Result<Option<String>> + 'a>;

/// The forms that a manifest can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Oci {
    /// Without an artifact type: the type of the configuration tells.
    One,
    /// With one.
    OneOne,
}

/// Checks, asks, pushes the images, and then the files.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let forms = args.forms()?;
    let mut project = cx.load_model()?.with_profiles(vec!["*".to_owned()]);
    checks::includes(&project)?;
    if !args.agreed(cx, &project)? {
        return match manners(cx) {
            Wording::Two => Ok(ExitCode::SUCCESS),
            Wording::Five => Err(Exit::interrupted().into()),
        };
    }
    let engine = cx.engine()?;
    if !cx.globals.dry_run {
        super::push::along(&project, &engine, cx).await?;
    }
    let mut layers = layers::layers(&project, args.environment())?;
    if args.app || args.resolve_image_digests {
        digests::resolve(&mut project, &engine).await?;
        let pins = digests::only_images(project.clone()).render(Form::Yaml);
        let pins = compose::emit::yaml(&pins);
        layers.push(Layer::compose_file("image-digests.yaml", pins));
    }
    args.say(cx, Status::Working, "publishing");
    if !cx.globals.dry_run {
        let published = args.publish(&project, &layers, (forms, &engine, cx)).await;
        if let Err(error) = published {
            args.say(cx, Status::Error, "publishing");
            cx.reporter().settle()?;
            let what = format!("cannot publish to `{}`", args.repository);
            return Err(error.diagnostic(&what).into());
        }
    }
    args.say(cx, Status::Done, "published");
    Ok(ExitCode::SUCCESS)
}

impl Args {
    /// The forms of the manifest that are tried, in their order.
    fn forms(&self) -> Result<&'static [Oci], Diagnostic> {
        match self.oci_version.as_deref() {
            None | Some("") => Ok(&[Oci::OneOne, Oci::One]),
            Some("1.0") => Ok(&[Oci::One]),
            Some("1.1") => Ok(&[Oci::OneOne]),
            Some(other) => Err(
                Diagnostic::error(format!("unsupported OCI version: {other}"))
                    .hint("it is 1.0 or 1.1"),
            ),
        }
    }

    fn environment(&self) -> Environment {
        match self.with_env {
            true => Environment::Along,
            false => Environment::Here,
        }
    }

    /// Whether the user agrees to everything that there is to ask.
    fn agreed(&self, cx: &Context, project: &Project) -> Result<bool> {
        checks::only_build(project)?;
        if self.yes {
            return Ok(true);
        }
        let mut request = cx.load_request()?;
        request.options.interpolate = false;
        let tree = compose::load_tree(&request)?;
        let mut whole = project.clone();
        compose::resolve_files(&mut whole, &request.cwd)?;
        compose::drop_label_files(&mut whole);
        for (name, service) in &mut whole.services {
            service
                .env_file
                .clone_from(&project.services[name].env_file);
        }
        let environments = || match checks::environments(&whole, self.environment()) {
            Ok(question) => Ok(question),
            Err(checks::Refusal(text)) => {
                cx.reporter().write_err(text.as_bytes())?;
                Err(Exit(1).into())
            }
        };
        let mut questions: Vec<Question<'_>> = vec![
            Box::new(|| Ok(checks::bind_mounts(project))),
            Box::new(|| checks::secrets(project, &tree)),
        ];
        match manners(cx) {
            Wording::Two => questions.push(Box::new(environments)),
            Wording::Five => {
                let found = Rc::new(Declarations::of(project)?);
                let (of_services, environment) = (Rc::clone(&found), self.environment());
                questions.push(Box::new(move || Ok(of_services.environments(environment))));
                questions.push(Box::new(move || Ok(found.configs())));
            }
        }
        for question in questions {
            if let Some(question) = question()?
                && !consent::ask(cx, &format!("{question} (y/N) "), Unsaid::No)?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn say(&self, cx: &Context, status: Status, text: &str) {
        cx.events().emit(Event::Progress {
            resource: Resource::Artifact(self.repository.clone()),
            status,
            text: text.to_owned(),
            details: String::new(),
            transfer: None,
        });
    }

    async fn publish(
        &self,
        project: &Project,
        layers: &[Layer],
        (forms, engine, cx): (&[Oci], &Engine, &Context),
    ) -> Result<(), Failure> {
        let reference = read(&self.repository)?;
        let tag = reference.tag.clone().unwrap_or_default();
        let registry = self.registry(cx, engine, reference);
        for layer in layers {
            registry.push_blob(&layer.bytes).await?;
        }
        registry.push_blob(&Bytes::from_static(b"{}")).await?;
        let version = Fingerprints::choose(cx).map_err(Failure::Other)?;
        let version = version.version().version;
        let subject = manifest(&registry, &tag, &described(layers, &version), forms).await?;
        if self.app {
            let mut images = Vec::new();
            for service in project.services.values().filter(|it| !it.image.is_empty()) {
                let from = read(&service.image)?;
                let name = from.digest.clone().or(from.tag.clone()).unwrap_or_default();
                let from = self.registry(cx, engine, from);
                let image = registry.copy(&from, &name).await?;
                images.push(json!({
                    "mediaType": image.kind,
                    "digest": image.digest,
                    "size": image.bytes.len(),
                }));
            }
            let index = json!({
                "schemaVersion": 2,
                "mediaType": INDEX,
                "manifests": images,
                "subject": subject,
                "annotations": {"com.docker.compose.version": version},
            });
            let index = Bytes::from(index.to_string());
            registry
                .push_manifest(&digest(&index), INDEX, &index)
                .await?;
        }
        Ok(())
    }

    fn registry(&self, cx: &Context, engine: &Engine, reference: Reference) -> Registry {
        let trust = remote::trust(&cx.env, self.insecure_registry);
        Registry::of(reference, engine.logins(), trust)
    }
}

/// Why nothing was published.
enum Failure {
    Registry(RegistryError),
    Other(anyhow::Error),
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        Self::Registry(error)
    }
}

impl Failure {
    fn diagnostic(&self, what: &str) -> Diagnostic {
        match self {
            Self::Registry(error) => error.diagnostic(what),
            Self::Other(error) => Diagnostic::error(format!("{what}: {error}")),
        }
    }
}

fn read(reference: &str) -> Result<Reference, Failure> {
    let read = Reference::parse(reference);
    let read = read.map_err(|error| Failure::Other(anyhow::anyhow!("`{reference}`: {error}")))?;
    Ok(read.with_default_tag())
}

fn described(layers: &[Layer], version: &str) -> Vec<Value> {
    layers
        .iter()
        .map(|layer| layer.descriptor(version))
        .collect()
}

/// Pushes the manifest in the first form that the registry takes; its descriptor.
async fn manifest(
    registry: &Registry,
    tag: &str,
    layers: &[Value],
    forms: &[Oci],
) -> Result<Value, Failure> {
    let mut refused = None;
    for form in forms {
        let (manifest, kind) = manifest_of(layers, *form);
        match registry.push_manifest(tag, MANIFEST, &manifest).await {
            Ok(()) => {
                let mut descriptor = json!({
                    "mediaType": MANIFEST,
                    "digest": digest(&manifest),
                    "size": manifest.len(),
                });
                if let Some(kind) = kind {
                    descriptor["artifactType"] = kind.into();
                }
                return Ok(descriptor);
            }
            // It has not heard of the newer form.
            Err(error) if matches!(error.status, Some(400 | 402 | 404..=406 | 408..=499)) => {
                refused = Some(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(refused.map_or_else(
        || Failure::Other(anyhow::anyhow!("no form of the manifest is known")),
        Failure::Registry,
    ))
}

fn manifest_of(layers: &[Value], form: Oci) -> (Bytes, Option<&'static str>) {
    let (kind, config) = match form {
        Oci::One => (None, EMPTY_PROJECT),
        Oci::OneOne => (Some(PROJECT), EMPTY),
    };
    let mut manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST});
    if let Some(kind) = kind {
        manifest["artifactType"] = kind.into();
    }
    manifest["config"] = json!({
        "mediaType": config,
        "digest": digest(b"{}"),
        "size": 2,
        "data": "e30=",
    });
    manifest["layers"] = layers.into();
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
    manifest["annotations"] = json!({"org.opencontainers.image.created": now.to_string()});
    (Bytes::from(manifest.to_string()), kind)
}
