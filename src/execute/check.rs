//! What is wrong with a service, said when its image is there and before its container is made.

use super::site::Site;
use crate::diagnostic::{Diagnostic, Severity};
use crate::engine::{EngineDisk, image};
use crate::event::Event;
use crate::gate::checks::{ImageFacts, before_start};
use crate::plan::Replica;

impl Site<'_> {
    /// Warns of what will not work as meant.
    ///
    /// # Errors
    /// What keeps the service from starting at all.
    pub(super) async fn check(
        &self,
        replica: &Replica,
        reference: Option<&str>,
    ) -> Result<(), Diagnostic> {
        let engine = self.tools.engine;
        // Without its image nothing is known, and the creation says that it is missing.
        let Ok(found) = engine.inspect_image(reference.unwrap_or_default()).await else {
            return Ok(());
        };
        let found = image(found);
        let facts = ImageFacts {
            entrypoint: &found.entrypoint,
            command: &found.command,
            volumes: &found.volumes,
            environment: &found.environment,
        };
        let disk = EngineDisk::of(engine);
        for finding in before_start(self.tools.project, &replica.service, &facts, &disk) {
            match finding.severity {
                Severity::Error => return Err(finding),
                // Its other replicas would say the same.
                _ if replica.number > 1 => {}
                _ => self.tools.events.emit(Event::Diagnostic(finding)),
            }
        }
        Ok(())
    }
}
