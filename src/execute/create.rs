//! The making of a container: what the file asks for becomes one call, further networks one each.

use super::resources::is_connected;
use super::site::{Site, Subject};
use crate::convert::{
    self, ContainerRequest, Image, NewContainer, Peer, Replaced, Role, image_name,
};
use crate::diagnostic::Diagnostic;
use crate::engine::Error;
use crate::event::{Resource, Status};
use crate::name::ContainerId;
use crate::plan::{Replica, StepId};

impl Site<'_> {
    /// Creates a container, and attaches it to further networks where the engine wants that apart.
    pub(super) async fn create(
        &self,
        step: StepId,
        replica: &Replica,
        replaces: Option<&ContainerId>,
    ) -> Result<(), Diagnostic> {
        let (doing, done) = match replaces {
            Some(_) => ("Recreate", "Recreated"),
            None => ("Creating", "Created"),
        };
        let resource = || Resource::Container(replica.name.clone());
        self.say(resource(), Status::Working, doing);
        if let Err(finding) = self.check(&replica.service) {
            self.say(resource(), Status::Error, "Error");
            return Err(finding);
        }
        let carried = replaces.and_then(|old| self.carried(old));
        let replaced = replaces.map(|id| Replaced {
            id,
            volumes: carried.as_deref(),
        });
        let new = self.request(replica, replaced, convert::container)?;
        let engine = self.tools.engine;
        let platform = new.platform.as_deref();
        let id = match engine
            .create_container(&new.name, platform, &new.body)
            .await
        {
            Ok(created) => ContainerId::from(created.id),
            Err(error) => match self.made_meanwhile(&new, &error).await {
                Some(id) => id,
                None => {
                    let plain = self.failed(resource(), &error);
                    return Err(self.refused(&replica.service, None, plain).await);
                }
            },
        };
        let peer = Peer {
            id: id.clone(),
            name: replica.name.clone(),
        };
        self.created(step, &replica.service, peer);
        for connect in new.connect {
            let connected = engine.connect_network(&connect.network, &id, Some(connect.endpoint));
            match connected.await {
                Err(error) if !is_connected(&error) => {
                    return Err(self.failed(resource(), &error));
                }
                _ => {}
            }
        }
        if matches!(self.role(replica), Role::OneOff { .. }) {
            let subject = Subject {
                id,
                name: replica.name.clone(),
            };
            self.inject(&subject, &replica.service).await?;
        }
        self.say(resource(), Status::Done, done);
        Ok(())
    }

    /// The container that has the name already, where it is the very one that was to be made: a
    /// command that was killed may leave a creation under way which the snapshot does not show.
    async fn made_meanwhile(&self, new: &NewContainer, error: &Error) -> Option<ContainerId> {
        if !error.is_conflict() {
            return None;
        }
        let there = self.tools.engine.inspect_container(&new.name).await.ok()?;
        let labels = there.config?.labels?;
        let wanted = new.body.config.labels.as_ref()?;
        let same = wanted
            .iter()
            .all(|(key, value)| labels.get(key) == Some(value));
        same.then(|| there.id.map(ContainerId::from))?
    }

    /// Asks `convert` for something about one replica.
    pub(super) fn request<T>(
        &self,
        replica: &Replica,
        replaces: Option<Replaced<'_>>,
        convert: impl FnOnce(&ContainerRequest<'_>) -> Result<T, Diagnostic>,
    ) -> Result<T, Diagnostic> {
        let project = self.tools.project;
        let service = project.services.get(&replica.service).ok_or_else(|| {
            Diagnostic::error(format!("service `{}` is not in the file", replica.service))
        })?;
        let state = self.state();
        let resolved = convert::resolve(service, &state.peers)?;
        let stamp = self.tools.stamps.service(&resolved);
        let image = state
            .images
            .get(&image_name(project, &replica.service, service));
        let image = image.and_then(|image| {
            Some(Image {
                id: image.id.as_ref()?,
                volumes: &image.volumes,
            })
        });
        let id = |reference: &str| state.images.get(reference)?.id.clone();
        let image_volumes = convert::image_volumes(&resolved, id);
        convert(&ContainerRequest {
            project,
            service_name: &replica.service,
            service: &resolved,
            container_name: &replica.name,
            role: self.role(replica),
            image,
            image_volumes: image_volumes.as_deref(),
            replaces,
            peers: &state.peers,
            stamp: &stamp,
            surroundings: &self.tools.surroundings,
        })
    }
}
