//! One action becomes the engine calls that do it, and the words that say so.

use super::resources::{has_vanished, is_going, is_not_connected, is_running};
use super::site::{Site, Subject};
use crate::diagnostic::{Diagnostic, Kind};
use crate::engine::{Error, Removal, Until};
use crate::event::{Event, Resource, Status};
use crate::plan::{Action, Cause, Plan, Step, Volumes, with_final_names};

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
                container,
                service,
                grace,
            } => {
                let subject = self.subject(container)?;
                let call = engine.restart_container(&subject.id, seconds(*grace));
                self.saying(&subject, Some(("Restarting", "Started")), call)
                    .await?;
                self.started(service, &subject);
                Ok(())
            }
            Action::Remove { container, volumes } => {
                let subject = self.subject(container)?;
                let how = Removal {
                    force: step.cause == Cause::Rollback,
                    volumes: *volumes == Volumes::Remove,
                };
                let call = self.remove(&subject, how);
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

    /// Removes a container, whatever an earlier command still does to it.
    async fn remove(&self, subject: &Subject, how: Removal) -> Result<(), Error> {
        let engine = self.tools.engine;
        match engine.remove_container(&subject.id, how).await {
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) if is_going(&error) => {
                let gone = engine.wait_container(&subject.id, Until::Removed).await;
                match gone {
                    Ok(waiting) => waiting.exit_code().await.map(drop),
                    Err(error) if error.is_not_found() => Ok(()),
                    Err(error) => Err(error),
                }
            }
            // A command that was killed may leave a start under way.
            Err(error) if is_running(&error) => {
                engine.stop_container(&subject.id, None).await?;
                engine.remove_container(&subject.id, how).await
            }
            other => other,
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
            (Err(error), _) => Err(self.failed_on(resource(), &error)),
        }
    }

    /// The same as [`Self::failed`] for something that the snapshot showed: it may have vanished.
    pub(super) fn failed_on(&self, resource: Resource, error: &Error) -> Diagnostic {
        let diagnostic = self.failed(resource, error);
        match has_vanished(error) {
            true => Diagnostic {
                kind: Kind::Vanished,
                ..diagnostic
            },
            false => diagnostic,
        }
    }

    /// Says that a call about a resource failed, and makes the diagnostic of it.
    pub(super) fn failed(&self, resource: Resource, error: &Error) -> Diagnostic {
        let mut diagnostic = error.diagnostic();
        diagnostic.message = with_final_names(&diagnostic.message);
        self.tools.events.emit(Event::Progress {
            resource,
            status: Status::Error,
            text: "Error".into(),
            details: diagnostic.message.clone(),
            transfer: None,
        });
        diagnostic
    }
}

/// A grace in whole seconds, as the engine takes it.
fn seconds(grace: Option<std::time::Duration>) -> Option<i32> {
    grace.map(|grace| i32::try_from(grace.as_secs()).unwrap_or(i32::MAX))
}
