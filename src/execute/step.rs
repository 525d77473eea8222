//! One action becomes the engine calls that do it, and the words that say so.

use super::site::{Site, Subject};
use crate::convert::{self, ContainerRequest, Image, Peer, Replaced, Role, image_name};
use crate::diagnostic::Diagnostic;
use crate::engine::{Error, Removal, TakenPort, Unpack};
use crate::event::{Event, Resource, Status};
use crate::name::{ContainerId, ServiceName};
use crate::plan::{Action, Cause, Plan, Replica, Step, StepId, Volumes};

impl Site<'_> {
    /// Does one step of a plan.
    pub(super) async fn run(&self, plan: &Plan, step: &Step) -> Result<(), Diagnostic> {
        let engine = self.tools.engine;
        match &step.action {
            Action::ImagesReady => Ok(()),
            Action::Pull { image, services } => self.pull(image, services).await,
            Action::Build { service, image } => self.build(service, image).await,
            Action::CreateNetwork { key, name } => self.create_network(key, name).await,
            Action::RemoveNetwork { id, name } => self.remove_network(id, name, step).await,
            Action::CreateVolume { key, name } => self.create_volume(key, name).await,
            Action::RemoveVolume { name } => {
                let resource = Resource::Volume(name.clone());
                self.removal(resource, engine.remove_volume(name)).await
            }
            Action::RemoveImage { image } => {
                let resource = Resource::Image(image.clone());
                let removed = async { engine.remove_image(image).await.map(drop) };
                self.removal(resource, removed).await
            }
            Action::Create { replica, replaces } => {
                self.create(step.id, replica, replaces.as_ref()).await
            }
            Action::Await(gate) => self.wait(gate, plan.waiting_for(step.id)).await,
            _ => self.about_a_container(step).await,
        }
    }

    /// The steps that are one call about one container.
    async fn about_a_container(&self, step: &Step) -> Result<(), Diagnostic> {
        let engine = self.tools.engine;
        let silent = step.cause == Cause::Replaced;
        match &step.action {
            Action::Start { container, service } => {
                let subject = self.subject(container)?;
                self.start(&subject, service).await
            }
            Action::Stop {
                container, grace, ..
            } => {
                let subject = self.subject(container)?;
                let call = engine.stop_container(&subject.id, seconds(*grace));
                self.saying(&subject, (!silent).then_some(("Stopping", "Stopped")), call)
                    .await
            }
            Action::Restart {
                container, grace, ..
            } => {
                let subject = self.subject(container)?;
                let call = engine.restart_container(&subject.id, seconds(*grace));
                self.saying(&subject, Some(("Restarting", "Started")), call)
                    .await
            }
            Action::Remove { container, volumes } => {
                let subject = self.subject(container)?;
                let how = Removal {
                    force: step.cause == Cause::Rollback,
                    volumes: *volumes == Volumes::Remove,
                };
                let call = async {
                    match engine.remove_container(&subject.id, how).await {
                        Err(error) if error.is_not_found() || is_going(&error) => Ok(()),
                        other => other,
                    }
                };
                self.saying(&subject, (!silent).then_some(("Removing", "Removed")), call)
                    .await
            }
            Action::Rename { container, to } => {
                let subject = self.subject(container)?;
                let call = engine.rename_container(&subject.id, to);
                self.saying(&subject, None, call).await
            }
            Action::Kill { container, signal } => {
                let subject = self.subject(container)?;
                let call = engine.kill_container(&subject.id, signal);
                self.saying(&subject, Some(("Killing", "Killed")), call)
                    .await
            }
            Action::Pause { container } => {
                let subject = self.subject(container)?;
                let call = engine.pause_container(&subject.id);
                self.saying(&subject, Some(("Pausing", "Paused")), call)
                    .await
            }
            Action::Unpause { container } => {
                let subject = self.subject(container)?;
                let call = engine.unpause_container(&subject.id);
                self.saying(&subject, Some(("Unpausing", "Unpaused")), call)
                    .await
            }
            Action::Connect {
                container,
                service,
                network,
            } => {
                let subject = self.subject(container)?;
                self.connect(&subject, service, network).await
            }
            Action::Disconnect { container, network } => {
                let subject = self.subject(container)?;
                match engine.disconnect_network(network, &subject.id).await {
                    Err(error) if !error.is_not_found() && !is_not_connected(&error) => {
                        Err(error.diagnostic())
                    }
                    _ => Ok(()),
                }
            }
            Action::Hook {
                container,
                service,
                kind,
                index,
            } => {
                let subject = self.subject(container)?;
                self.hook(&subject, service, (*kind, *index)).await
            }
            Action::PreStart {
                service,
                index,
                container,
            } => {
                let subject = self.subject(container)?;
                self.pre_start(&subject, service, *index).await
            }
            // `run` does what is not about one container.
            Action::ImagesReady
            | Action::Pull { .. }
            | Action::Build { .. }
            | Action::CreateNetwork { .. }
            | Action::RemoveNetwork { .. }
            | Action::CreateVolume { .. }
            | Action::RemoveVolume { .. }
            | Action::RemoveImage { .. }
            | Action::Create { .. }
            | Action::Await(_) => Ok(()),
        }
    }

    /// Makes a call about a container and says how it goes.
    async fn saying(
        &self,
        subject: &Subject,
        words: Option<(&str, &str)>,
        call: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), Diagnostic> {
        let resource = || Resource::Container(subject.name.clone());
        if let Some((doing, _)) = words {
            self.say(resource(), Status::Working, doing);
        }
        match (call.await, words) {
            (Ok(()), Some((_, done))) => {
                self.say(resource(), Status::Done, done);
                Ok(())
            }
            (Ok(()), None) => Ok(()),
            (Err(error), _) => Err(self.failed(resource(), &error)),
        }
    }

    /// Says that a call about a resource failed, and makes the diagnostic of it.
    pub(super) fn failed(&self, resource: Resource, error: &Error) -> Diagnostic {
        let diagnostic = error.diagnostic();
        self.tools.events.emit(Event::Progress {
            resource,
            status: Status::Error,
            text: "Error".into(),
            details: diagnostic.message.clone(),
            transfer: None,
        });
        diagnostic
    }

    /// Removes something that others may still use, which is no failure.
    async fn removal(
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

    async fn remove_network(&self, id: &str, name: &str, step: &Step) -> Result<(), Diagnostic> {
        let resource = Resource::Network(name.to_owned());
        let call = self.tools.engine.remove_network(id);
        if step.cause == Cause::Requested {
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

    async fn create_network(&self, key: &str, name: &str) -> Result<(), Diagnostic> {
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

    async fn create_volume(&self, key: &str, name: &str) -> Result<(), Diagnostic> {
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

    /// Creates a container, and attaches it to further networks where the engine wants that apart.
    async fn create(
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
        let carried = replaces.and_then(|old| self.carried(old));
        let replaced = replaces.map(|id| Replaced {
            id,
            volumes: carried.as_deref(),
        });
        let new = self.request(replica, replaced, convert::container)?;
        if let Err(finding) = self.check(replica, new.body.config.image.as_deref()).await {
            self.say(resource(), Status::Error, "Error");
            return Err(finding);
        }
        let engine = self.tools.engine;
        let platform = new.platform.as_deref();
        let id = match engine
            .create_container(&new.name, platform, &new.body)
            .await
        {
            Ok(created) => ContainerId::from(created.id),
            Err(error) => return Err(self.failed(resource(), &error)),
        };
        let peer = Peer {
            id: id.clone(),
            name: replica.name.clone(),
        };
        self.created(step, &replica.service, peer);
        for connect in new.connect {
            let connected = engine.connect_network(&connect.network, &id, Some(connect.endpoint));
            if let Err(error) = connected.await {
                return Err(self.failed(resource(), &error));
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
        let peers = self.peers();
        let resolved = convert::resolve(service, &peers)?;
        let stamp = self.tools.stamps.service(&resolved);
        let image = self.image(&image_name(project, &replica.service, service));
        let image = image.as_ref().and_then(|image| {
            Some(Image {
                id: image.id.as_ref()?,
                volumes: &image.volumes,
            })
        });
        convert(&ContainerRequest {
            project,
            service_name: &replica.service,
            service: &resolved,
            container_name: &replica.name,
            role: self.role(replica),
            image,
            replaces,
            peers: &peers,
            stamp: &stamp,
            surroundings: &self.tools.surroundings,
        })
    }

    /// Starts a container, its configs and secrets written into it before.
    async fn start(&self, subject: &Subject, service: &ServiceName) -> Result<(), Diagnostic> {
        let resource = || Resource::Container(subject.name.clone());
        self.say(resource(), Status::Working, "Starting");
        if let Err(error) = self.inject(subject, service).await {
            self.say(resource(), Status::Error, "Error");
            return Err(error);
        }
        match self.tools.engine.start_container(&subject.id).await {
            Ok(_) => {
                self.started(service, subject);
                self.say(resource(), Status::Done, "Started");
                Ok(())
            }
            Err(error) => {
                let failed = self.failed(resource(), &error);
                let taken = self.tools.engine.taken_port(&error.to_string()).await;
                Err(taken.map_or(failed, |taken| self.port_is_taken(service, &taken)))
            }
        }
    }

    /// Says which port is taken, by whom, and where the file asks for it.
    fn port_is_taken(&self, service: &ServiceName, taken: &TakenPort) -> Diagnostic {
        let project = self.tools.project;
        let by = taken
            .by
            .as_ref()
            .map_or(String::new(), |by| format!(" by {by}"));
        let number = taken.number.to_string();
        let ports = project.services.get(service).map(|one| &one.ports[..]);
        let index = ports.and_then(|ports| ports.iter().position(|port| port.published == number));
        let place = index
            .and_then(|index| project.place(&["services", service, "ports", &index.to_string()]));
        Diagnostic::error(format!(
            "port {number}, which service `{service}` publishes, is taken{by}"
        ))
        .at(place.or_else(|| project.place(&["services", service, "ports"])))
        .hint(taken.mend.clone())
    }

    /// Writes the configs and secrets into a container that are no files of the host.
    async fn inject(&self, subject: &Subject, name: &ServiceName) -> Result<(), Diagnostic> {
        let project = self.tools.project;
        let Some(service) = project.services.get(name) else {
            return Ok(());
        };
        let files = convert::files(project, name, service)?;
        if files.is_empty() {
            return Ok(());
        }
        let now = std::time::SystemTime::now();
        let now = now
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        let archive = convert::archive(&files, now.as_secs()).map_err(|error| {
            Diagnostic::error(format!(
                "cannot pack the configs and secrets of `{name}`: {error}"
            ))
        })?;
        let archive = futures_util::stream::iter([Ok(bytes::Bytes::from(archive))]);
        let how = Unpack {
            keep_kinds: false,
            keep_owners: true,
        };
        let put = self
            .tools
            .engine
            .put_archive(&subject.id, "/", archive, how);
        put.await.map_err(|error| error.diagnostic())
    }

    /// Attaches a container to a network, with its service's aliases and addresses.
    async fn connect(
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

/// A grace in whole seconds, as the engine takes it.
fn seconds(grace: Option<std::time::Duration>) -> Option<i32> {
    grace.map(|grace| i32::try_from(grace.as_secs()).unwrap_or(i32::MAX))
}

fn says(error: &Error, text: &str) -> bool {
    matches!(error, Error::Api { message, .. } if message.contains(text))
}

fn is_in_use(error: &Error) -> bool {
    error.is_conflict() || says(error, "has active endpoints") || says(error, "in use")
}

fn is_going(error: &Error) -> bool {
    says(error, "is already in progress")
}

fn is_connected(error: &Error) -> bool {
    says(error, "already exists in network") || says(error, "already attached to network")
}

fn is_not_connected(error: &Error) -> bool {
    says(error, "is not connected to")
}
