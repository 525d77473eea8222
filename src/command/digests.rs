//! Images pinned to what their tags mean in their registries now.

use anyhow::Result;
use futures_util::future::try_join_all;

use crate::diagnostic::Diagnostic;
use crate::engine::Engine;
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
        let asked = reference.to_string();
        let found = engine.inspect_registry(&asked).await;
        let found = found.map_err(|error| failed(error.diagnostic().message))?;
        reference.digest = Some(found.descriptor.digest.unwrap_or_default());
    }
    Ok(reference.to_string())
}
