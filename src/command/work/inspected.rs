//! Why containers are replaced whose making nobody here remembers: the engine is asked what they
//! were made with, and that is compared with what would be made now.

use std::collections::BTreeSet;

use futures_util::StreamExt;

use super::Work;
use crate::convert::{self, ContainerRequest, Image, Role, image_name, resolve};
use crate::execute::Stamps;
use crate::name::{ContainerId, ServiceName};
use crate::plan::inspected::{Compared, changes};
use crate::plan::{self, Action, Cause, FieldChange, Plan, Replica};

/// As many containers are asked for at once.
const AT_ONCE: usize = 8;

impl Work<'_> {
    /// Names the fields that differ wherever the plan could not.
    pub(super) async fn name_fields(&self, plan: &mut Plan) {
        let unknown: Vec<(usize, Replica, ContainerId)> = plan
            .steps
            .iter()
            .enumerate()
            .filter_map(|(index, step)| match (&step.action, &step.cause) {
                (
                    Action::Create {
                        replica,
                        replaces: Some(old),
                    },
                    Cause::ConfigChangedUnknown { .. },
                ) => Some((index, replica.clone(), old.clone())),
                _ => None,
            })
            .collect();
        let asked = unknown.iter().map(|(index, replica, old)| async move {
            (*index, self.differing(replica, old).await)
        });
        let told: Vec<_> = futures_util::stream::iter(asked)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for (index, fields) in told {
            if let Some(fields) = fields.filter(|fields| !fields.is_empty()) {
                plan.steps[index].cause = Cause::ConfigChanged(fields);
            }
        }
    }

    /// The fields that differ; none where that cannot be told.
    async fn differing(&self, replica: &Replica, old: &ContainerId) -> Option<Vec<FieldChange>> {
        let name = &replica.service;
        let service = self.project.services.get(name)?;
        let found = self.engine.inspect_container(old).await.ok()?;
        let found = serde_json::to_value(found).ok()?;
        let peers = plan::peers(&self.project, &self.observed);
        let resolved = resolve(service, &peers).ok()?;
        let stamp = Stamps::service(&self.prints, &resolved);
        let image = self
            .observed
            .images
            .get(&image_name(&self.project, name, service));
        let of_image = image.and_then(|image| {
            Some(Image {
                id: image.id.as_ref()?,
                volumes: &image.volumes,
            })
        });
        let id = |reference: &str| self.observed.images.get(reference)?.id.clone();
        let image_volumes = convert::image_volumes(&resolved, id);
        let proxy = self.proxy();
        let new = convert::container(&ContainerRequest {
            project: &self.project,
            service_name: name,
            service: &resolved,
            container_name: &replica.name,
            role: Role::Replica {
                number: replica.number,
            },
            image: of_image,
            image_volumes: image_volumes.as_deref(),
            replaces: None,
            peers: &peers,
            stamp: &stamp,
            surroundings: &self.surroundings(&proxy),
        });
        let wanted = serde_json::to_value(new.ok()?.body).ok()?;
        let place = |path: &[&str]| self.field_place(name, path);
        Some(changes(&Compared {
            wanted: &wanted,
            networks: &self.network_names(&resolved),
            found: &found,
            image: image.unwrap_or(&plan::observed::Image::default()),
            place: &place,
        }))
    }

    fn field_place(&self, name: &ServiceName, path: &[&str]) -> Option<crate::diagnostic::Place> {
        let mut whole = vec!["services", name.as_str()];
        whole.extend(path);
        self.project.place(&whole)
    }

    fn network_names(&self, service: &crate::project::Service) -> BTreeSet<String> {
        let networks = &self.project.networks;
        let names = service.networks.keys().filter_map(|key| networks.get(key));
        names.map(|network| network.name.clone()).collect()
    }
}
