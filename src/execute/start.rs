//! The start of a container: configs and secrets go in before, a taken port is named after.

use super::site::{Site, Subject};
use crate::convert;
use crate::diagnostic::Diagnostic;
use crate::engine::{TakenPort, Unpack};
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
}
