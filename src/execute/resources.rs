//! Networks, volumes and images: made, removed, and containers attached to them.

use super::site::{Site, Subject};
use crate::convert;
use crate::diagnostic::Diagnostic;
use crate::engine::Error;
use crate::event::{Resource, Status};
use crate::name::ServiceName;
use crate::plan::{Cause, Replica, Step};

impl Site<'_> {
    /// Removes something that others may still use, which is no failure.
    pub(super) async fn removal(
        &self,
        resource: Resource,
        call: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), Diagnostic> {
        self.say(resource.clone(), Status::Working, "Removing");
        match call.await {
            Ok(()) => self.say(resource, Status::Done, "Removed"),
            Err(error) if error.is_not_found() => {
                self.say(resource, Status::Warning, "No resource found to remove");
            }
            Err(error) if is_in_use(&error) => {
                self.say(resource, Status::Warning, "Resource is still in use");
            }
            Err(error) => return Err(self.failed(resource, &error)),
        }
        Ok(())
    }

    pub(super) async fn remove_network(
        &self,
        id: &str,
        name: &str,
        step: &Step,
    ) -> Result<(), Diagnostic> {
        let resource = Resource::Network(name.to_owned());
        let call = self.tools.engine.remove_network(id);
        // Others may be on it, and nothing of the project needs it gone.
        if matches!(step.cause, Cause::Requested | Cause::NetworkRenamed(_)) {
            return self.removal(resource, call).await;
        }
        match call.await {
            Ok(()) => {
                self.say(resource, Status::Done, "Removed");
                Ok(())
            }
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(self.failed(resource, &error)),
        }
    }

    pub(super) async fn create_network(&self, key: &str, name: &str) -> Result<(), Diagnostic> {
        let network = &self.tools.project.networks[key];
        let stamp = self.tools.stamps.network(network);
        let body = convert::network(self.tools.project, key, network, &stamp);
        let resource = || Resource::Network(name.to_owned());
        self.say(resource(), Status::Working, "Creating");
        match self.tools.engine.create_network(&body).await {
            Ok(_) => {}
            // Somebody else was faster.
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(self.failed(resource(), &error)),
        }
        self.say(resource(), Status::Done, "Created");
        Ok(())
    }

    pub(super) async fn create_volume(&self, key: &str, name: &str) -> Result<(), Diagnostic> {
        let volume = &self.tools.project.volumes[key];
        let stamp = self.tools.stamps.volume(volume);
        let request = convert::volume(self.tools.project, key, volume, &stamp);
        let resource = || Resource::Volume(name.to_owned());
        self.say(resource(), Status::Working, "Creating");
        match self.tools.engine.create_volume(request).await {
            Ok(_) => {
                self.say(resource(), Status::Done, "Created");
                Ok(())
            }
            Err(error) => Err(self.failed(resource(), &error)),
        }
    }

    /// Attaches a container to a network, with its service's aliases and addresses.
    pub(super) async fn connect(
        &self,
        subject: &Subject,
        service: &ServiceName,
        key: &str,
    ) -> Result<(), Diagnostic> {
        let containers = &self.tools.observed.containers;
        let number = containers
            .iter()
            .find(|one| one.id == subject.id)
            .and_then(|one| one.number);
        let replica = Replica {
            service: service.clone(),
            number: number.unwrap_or(1),
            name: subject.name.clone(),
        };
        let endpoint = self.request(&replica, None, |request| convert::endpoint(request, key))?;
        let network = &self.tools.project.networks[key].name;
        let engine = self.tools.engine;
        match engine
            .connect_network(network, &subject.id, Some(endpoint))
            .await
        {
            Ok(()) => Ok(()),
            Err(error) if is_connected(&error) => Ok(()),
            Err(error) => Err(error.diagnostic()),
        }
    }
}

fn says(error: &Error, text: &str) -> bool {
    matches!(error, Error::Api { message, .. } if message.contains(text))
}

fn is_in_use(error: &Error) -> bool {
    error.is_conflict() || says(error, "has active endpoints") || says(error, "in use")
}

pub(super) fn is_going(error: &Error) -> bool {
    says(error, "is already in progress")
}

/// A container, or the network that it is started on, is gone or about to be.
pub(super) fn has_vanished(error: &Error) -> bool {
    let gone = says(error, "No such container") || says(error, "network ");
    error.is_not_found() && gone || says(error, "marked for removal")
}

/// In the words of Docker 20.10, and of 25 and later.
pub(super) fn is_running(error: &Error) -> bool {
    says(error, "a running container") || says(error, "container is running")
}

pub(super) fn is_connected(error: &Error) -> bool {
    says(error, "already exists in network") || says(error, "already attached to network")
}

pub(super) fn is_not_connected(error: &Error) -> bool {
    says(error, "is not connected to")
}
