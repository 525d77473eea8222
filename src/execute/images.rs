//! Pulls and builds: the engine's progress becomes events, the result is looked up.

use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;

use super::site::Site;
use crate::diagnostic::Diagnostic;
use crate::engine::{Engine, Error, Known, Progress};
use crate::event::{Event, Events, Resource, Status, Transfer};
use crate::name::{ImageId, ServiceName};
use crate::project::{Project, Service};
use crate::text::reference::Reference;

/// Builds the image of a service.
pub type BuildImage<'a> =
    dyn Fn(ServiceName) -> LocalBoxFuture<'a, Result<(), Diagnostic>> + Sync + 'a;

/// The platform that a service's image is pulled for; none for the engine's own.
pub fn platform<'a>(project: &'a Project, service: &'a Service) -> Option<&'a str> {
    let default = || project.environment.get("DOCKER_DEFAULT_PLATFORM");
    let platform = match service.platform.is_empty() {
        true => default().map(String::as_str),
        false => Some(service.platform.as_str()),
    };
    platform.filter(|platform| !platform.is_empty())
}

/// Pulls and pushes images; what the engine says of their layers becomes events.
pub struct Carrier<'a> {
    /// The engine.
    pub engine: &'a Engine,
    /// Where layers are told of.
    pub events: &'a Events,
}

impl Carrier<'_> {
    /// Pulls an image.
    ///
    /// # Errors
    /// The engine's or the registry's, with the image's name.
    pub async fn pull(&self, image: &str, platform: Option<&str>) -> Result<(), Diagnostic> {
        match self.take(image, platform).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.failed(("pull", image), &error).await),
        }
    }

    async fn take(&self, image: &str, platform: Option<&str>) -> Result<(), Error> {
        let mut stream = self.engine.pull_image(image, platform).await?;
        while let Some(message) = stream.next().await {
            self.layer(image, image, &message?);
        }
        Ok(())
    }

    /// The id that a reference stands for; none where there is no such image.
    pub async fn id(&self, image: &str) -> Option<ImageId> {
        let found = self.engine.inspect_image(image).await.ok()?;
        found.id.map(ImageId::from)
    }

    /// Pushes an image under one of its names.
    ///
    /// # Errors
    /// The engine's or the registry's, with the image's name.
    pub async fn push(&self, image: &str) -> Result<(), Diagnostic> {
        match self.give(image).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.failed(("push", image), &error).await),
        }
    }

    async fn give(&self, image: &str) -> Result<(), Error> {
        let mut stream = self.engine.push_image(image).await?;
        while let Some(message) = stream.next().await {
            let message = message?;
            let id = message.id.as_deref().unwrap_or_default();
            self.layer(image, &format!("Pushing {image}: {id}"), &message);
        }
        Ok(())
    }

    /// What went wrong between the engine and a registry, and what helps.
    async fn failed(&self, (what, image): (&str, &str), error: &Error) -> Diagnostic {
        let mut diagnostic = error.diagnostic();
        let text = diagnostic.message.to_lowercase();
        diagnostic.message = format!("cannot {what} `{image}`: {}", diagnostic.message);
        let Ok(reference) = Reference::parse(image) else {
            return diagnostic;
        };
        let registry = reference.domain;
        let refused = ["unauthorized", "denied", "no basic auth", "authentication"];
        let refused = refused.iter().any(|word| text.contains(word));
        match self.engine.logins().of_registry(&registry).await {
            Known::Trouble(why) => diagnostic.hint(format!("went on without credentials: {why}")),
            Known::Login(_) if refused => diagnostic.hint(format!(
                "{registry} refused the credentials of this user: `docker login {registry}`"
            )),
            Known::Nobody if refused => diagnostic.hint(format!(
                "nobody is logged in to {registry}: `docker login {registry}`; an image of your own needs `build`"
            )),
            _ if diagnostic.hints.is_empty() && what == "pull" => {
                diagnostic.hint("check the name and the tag; an image of your own needs `build`")
            }
            _ if text.contains("does not exist locally") => {
                diagnostic.hint("build it first, or push with `build --push`")
            }
            _ => diagnostic,
        }
    }

    fn layer(&self, image: &str, name: &str, message: &Progress) {
        let (Some(id), Some(status)) = (&message.id, &message.status) else {
            return;
        };
        let done = matches!(
            status.as_str(),
            "Pull complete"
                | "Already exists"
                | "Download complete"
                | "Pushed"
                | "Layer already exists"
        );
        let id = match name == image {
            true => id,
            false => name,
        };
        let bytes = |number: Option<i64>| number.unwrap_or_default().max(0).unsigned_abs();
        self.events.emit(Event::Progress {
            resource: Resource::Layer {
                image: image.to_owned(),
                id: id.to_owned(),
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
        let carrier = Carrier {
            engine: self.tools.engine,
            events: &self.tools.events,
        };
        let platform = users.find_map(|service| platform(project, service));
        match carrier.pull(image, platform).await {
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
                match services.first() {
                    Some(service) => Err(self.refused(service, None, diagnostic).await),
                    None => Err(diagnostic),
                }
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
