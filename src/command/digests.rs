//! Images pinned to what their tags mean in their registries now.

use anyhow::Result;
use futures_util::future::try_join_all;

use crate::diagnostic::Diagnostic;
use crate::engine::{Engine, Error, Registry, Trust};
use crate::project::{Project, Service};
use crate::text::reference::Reference;

/// Pins the image of every service that has one, unless it is pinned.
pub(super) async fn resolve(project: &mut Project, engine: &Engine) -> Result<()> {
    let services = project.services.iter();
    let images = services.map(|(name, service)| (name.clone(), service.image.clone()));
    let images = images.filter(|(_, image)| !image.is_empty());
    let pinned = images.map(|(name, image)| async move {
        let pinned = pinned(engine, &image).await?;
        Ok::<_, Diagnostic>((name, pinned))
    });
    for (name, image) in try_join_all(pinned).await? {
        if let Some(service) = project.services.get_mut(&name) {
            service.image = image;
        }
    }
    Ok(())
}

/// An override file's worth of a project: what its services run.
pub(super) fn only_images(project: Project) -> Project {
    let services = project.services.into_iter().map(|(name, service)| {
        let pinned = Service {
            image: service.image,
            ..Service::default()
        };
        (name, pinned)
    });
    Project {
        services: services.collect(),
        ..Project::default()
    }
}

async fn pinned(engine: &Engine, image: &str) -> Result<String, Diagnostic> {
    let failed = |why: String| {
        Diagnostic::error(format!("cannot look up the digest of `{image}`: {why}")).hint(
            "an image that only this machine has is not in a registry: `dco push` puts it there",
        )
    };
    let mut reference = Reference::parse(image)
        .map_err(|error| failed(error.to_string()))?
        .with_default_tag();
    if reference.digest.is_none() {
        reference.digest = Some(digest(engine, &reference).await.map_err(failed)?);
    }
    Ok(reference.to_string())
}

/// What a tag means in its registry now, or why that cannot be told.
async fn digest(engine: &Engine, reference: &Reference) -> Result<String, String> {
    let said = |error: Error| error.diagnostic().message;
    // Podman never looks into a registry for others.
    if engine.ping().await.map_err(said)?.podman {
        let tag = reference.tag.as_deref().unwrap_or_default();
        let registry = Registry::of(reference.clone(), engine.logins(), Trust::Proven);
        let found = registry.manifest(tag).await;
        return found
            .map(|manifest| manifest.digest)
            .map_err(|error| error.to_string());
    }
    let found = engine.inspect_registry(&reference.to_string()).await;
    Ok(found.map_err(said)?.descriptor.digest.unwrap_or_default())
}
