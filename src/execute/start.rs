//! The start of a container: configs and secrets go in before, a refusal is explained after.

use super::site::{Site, Subject};
use crate::convert;
use crate::diagnostic::Diagnostic;
use crate::engine::Unpack;
use crate::event::{Resource, Status};
use crate::name::ServiceName;

impl Site<'_> {
    /// Starts a container, its configs and secrets written into it before.
    pub(super) async fn start(
        &self,
        subject: &Subject,
        service: &ServiceName,
    ) -> Result<(), Diagnostic> {
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
                let plain = self.failed_on(resource(), &error);
                Err(self.refused(service, Some(&subject.id), plain).await)
            }
        }
    }

    /// Writes the configs and secrets into a container that are no files of the host.
    pub(super) async fn inject(
        &self,
        subject: &Subject,
        name: &ServiceName,
    ) -> Result<(), Diagnostic> {
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
        // The archive names the owners: the engine may not know the container's user.
        let how = Unpack::default();
        let put = self
            .tools
            .engine
            .put_archive(&subject.id, "/", archive, how);
        put.await.map_err(|error| error.diagnostic())
    }
}
