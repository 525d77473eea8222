//! Pulls and builds: the engine's progress becomes events, the result is looked up.

use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;

use super::site::Site;
use crate::diagnostic::Diagnostic;
use crate::engine::{Engine, Progress};
use crate::event::{Event, Events, Resource, Status, Transfer};
use crate::name::ServiceName;
use crate::project::{Project, Service};

/// Builds the image of a service.
pub type BuildImage<'a> =
    dyn Fn(ServiceName) -> LocalBoxFuture<'a, Result<(), Diagnostic>> + Sync + 'a;

/// The credentials for an image's registry, as the engine wants them.
pub type Credentials<'a> = dyn Fn(&str) -> Option<String> + Sync + 'a;

/// The platform that a service's image is pulled for; none for the engine's own.
pub fn platform<'a>(project: &'a Project, service: &'a Service) -> Option<&'a str> {
    let default = || project.environment.get("DOCKER_DEFAULT_PLATFORM");
    let platform = match service.platform.is_empty() {
        true => default().map(String::as_str),
        false => Some(service.platform.as_str()),
    };
    platform.filter(|platform| !platform.is_empty())
}

/// Pulls images; what the engine says of their layers becomes events.
pub struct Puller<'a> {
    /// The engine.
    pub engine: &'a Engine,
    /// Where layers are told of.
    pub events: &'a Events,
    /// Who knows the credentials of registries.
    pub credentials: &'a Credentials<'a>,
}

impl Puller<'_> {
    /// Pulls an image.
    ///
    /// # Errors
    /// The engine's or the registry's, with the image's name.
    pub async fn pull(&self, image: &str, platform: Option<&str>) -> Result<(), Diagnostic> {
        let credentials = (self.credentials)(image);
        let failed = |error: crate::engine::Error| {
            let mut diagnostic = error.diagnostic();
            diagnostic.message = format!("cannot pull `{image}`: {}", diagnostic.message);
            if diagnostic.hints.is_empty() {
                diagnostic = diagnostic.hint(
                    "check the name and the tag; an image of your own needs `build`, and a private one `docker login`",
                );
            }
            diagnostic
        };
        let pulling = self
            .engine
            .pull_image(image, platform, credentials.as_deref());
        let mut stream = pulling.await.map_err(failed)?;
        while let Some(message) = stream.next().await {
            self.layer(image, &message.map_err(failed)?);
        }
        Ok(())
    }

    fn layer(&self, image: &str, message: &Progress) {
        let (Some(id), Some(status)) = (&message.id, &message.status) else {
            return;
        };
        let done = matches!(
            status.as_str(),
            "Pull complete" | "Already exists" | "Download complete"
        );
        let bytes = |number: Option<i64>| number.unwrap_or_default().max(0).unsigned_abs();
        self.events.emit(Event::Progress {
            resource: Resource::Layer {
                image: image.to_owned(),
                id: id.clone(),
            },
            status: match done {
                true => Status::Done,
                false => Status::Working,
            },
            text: status.clone(),
            details: String::new(),
            transfer: message.transfer.map(|transfer| Transfer {
                current: bytes(transfer.current),
                total: bytes(transfer.total),
            }),
        });
    }
}

impl Site<'_> {
    /// Pulls an image once for all services that use it.
    pub(super) async fn pull(
        &self,
        image: &str,
        services: &[ServiceName],
    ) -> Result<(), Diagnostic> {
        let resource = |name: &ServiceName| Resource::Service {
            name: name.clone(),
            image: image.to_owned(),
        };
        let say = |status, text: &str| {
            for name in services {
                self.say(resource(name), status, text);
            }
        };
        say(Status::Working, "Pulling");
        let project = self.tools.project;
        let mut users = services.iter().filter_map(|it| project.services.get(it));
        let puller = Puller {
            engine: self.tools.engine,
            events: &self.tools.events,
            credentials: self.tools.credentials,
        };
        let platform = users.find_map(|service| platform(project, service));
        match puller.pull(image, platform).await {
            Ok(()) => {
                say(Status::Done, "Pulled");
                self.look_up(image).await
            }
            Err(diagnostic) => {
                for name in services {
                    self.tools.events.emit(Event::Progress {
                        resource: resource(name),
                        status: Status::Error,
                        text: "Error".into(),
                        details: diagnostic.message.clone(),
                        transfer: None,
                    });
                }
                Err(diagnostic)
            }
        }
    }

    /// Builds the image of a service.
    pub(super) async fn build(&self, service: &ServiceName, image: &str) -> Result<(), Diagnostic> {
        let resource = || Resource::Service {
            name: service.clone(),
            image: image.to_owned(),
        };
        self.say(resource(), Status::Working, "Building");
        match (self.tools.build)(service.clone()).await {
            Ok(()) => {
                self.say(resource(), Status::Done, "Built");
                self.look_up(image).await
            }
            Err(diagnostic) => {
                self.say(resource(), Status::Error, "Error");
                Err(diagnostic)
            }
        }
    }
}
