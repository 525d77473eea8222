//! Whether a container is what the file asks for, and if not, why.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::Cause;
use super::attaching::renamed;
use super::observed::Container;
use super::request::{Recreate, UpPolicy, World};
use crate::convert::{Peers, image_volumes, label, resolve};
use crate::name::ServiceName;
use crate::project::{MountType, Service};

/// Compares containers with the project.
pub(super) struct Comparison<'a> {
    world: &'a World<'a>,
    /// The network that the engine holds for each key of the project, by its id.
    networks: BTreeMap<&'a str, &'a str>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(world: &'a World<'a>) -> Self {
        let observed: BTreeMap<&str, &str> = world
            .observed
            .networks
            .iter()
            .map(|network| (network.name.as_str(), network.id.as_str()))
            .collect();
        let networks = world
            .project
            .networks
            .iter()
            .filter_map(|(key, network)| {
                Some((key.as_str(), *observed.get(network.name.as_str())?))
            })
            .collect();
        Self { world, networks }
    }

    /// The service with its references to others resolved to the containers there are; itself
    /// where one has none yet (it will get a new container then, and so will this one).
    pub(super) fn resolved(&self, service: &'a Service, peers: &Peers) -> Cow<'a, Service> {
        resolve(service, peers).unwrap_or(Cow::Borrowed(service))
    }

    /// Why the container has to be replaced, if it has.
    pub(super) fn divergence(
        &self,
        name: &ServiceName,
        service: &Service,
        container: &Container,
    ) -> Option<Cause> {
        let text = |key: &str| container.labels.get(key).map_or("", String::as_str);
        let hash = text(label::CONFIG_HASH);
        if !self.world.hashes.service(name, service, hash) {
            let changes = self.world.hashes.changes(name, service, hash);
            return Some(match changes.is_empty() {
                false => Cause::ConfigChanged(changes),
                true => Cause::ConfigChangedUnknown {
                    made_by: format!("Compose {}", text(label::VERSION)),
                },
            });
        }
        let image = crate::convert::image_name(self.world.project, name, service);
        let wanted = self.world.observed.images.get(&image);
        if let Some(id) = wanted.and_then(|image| image.id.as_ref())
            && text(label::IMAGE) != id.as_str()
        {
            return Some(Cause::ImageChanged);
        }
        self.changed_image_volume(service, container)
            .or_else(|| self.missing_mount(service, container))
            .or_else(|| self.renamed_network(container))
    }

    /// Whether the network that it was made with has another name by now: Docker 28 starts it only
    /// while there is one of the former name.
    fn renamed_network(&self, container: &Container) -> Option<Cause> {
        let mut renamed = renamed(self.world);
        let (key, _) = renamed.find(|(_, there)| there.name == container.network_mode)?;
        Some(Cause::NetworkRenamed(key.to_owned()))
    }

    /// Whether an image that it mounts is another by now; Docker Compose 2 leaves no label to tell.
    fn changed_image_volume(&self, service: &Service, container: &Container) -> Option<Cause> {
        let made_with = container.labels.get(label::IMAGE_VOLUMES)?;
        let images = &self.world.observed.images;
        let now = image_volumes(service, |image| images.get(image)?.id.clone())?;
        (*made_with != now).then_some(Cause::ImageChanged)
    }

    fn missing_mount(&self, service: &Service, container: &Container) -> Option<Cause> {
        service
            .volumes
            .iter()
            .filter(|mount| mount.r#type == MountType::Volume && !mount.source.is_empty())
            .find(|mount| {
                let volume = self.world.project.volumes.get(&mount.source);
                let name = volume.map_or(mount.source.as_str(), |volume| volume.name.as_str());
                !container
                    .mounts
                    .iter()
                    .any(|there| there.kind == "volume" && there.name == name)
            })
            .map(|mount| Cause::MountMissing(mount.source.clone()))
    }

    /// The networks, by key, that the container has to be attached to and is not.
    pub(super) fn missing_networks(
        &self,
        service: &'a Service,
        container: &Container,
    ) -> Vec<&'a str> {
        let attached = |key: &str| {
            let Some(network) = self.world.project.networks.get(key) else {
                return true;
            };
            container.networks.iter().any(|there| {
                let same = self
                    .networks
                    .get(key)
                    .is_some_and(|id| *id == there.id.as_str());
                // A container that never ran knows its networks only by their names.
                same || (there.id.is_empty() && there.name == network.name)
            })
        };
        service
            .networks
            .keys()
            .map(String::as_str)
            .filter(|key| !attached(key))
            .collect()
    }
}

/// When the containers of a service are replaced.
pub(super) fn recreate(policy: &UpPolicy, name: &ServiceName) -> Recreate {
    match policy.targets.is_empty() || policy.targets.contains(name) {
        true => policy.recreate,
        false => policy.recreate_dependencies,
    }
}
