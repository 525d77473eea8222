//! What is wrong with a service, said as soon as its image is there and before anything of it is
//! made: where no image is awaited, before the plan is begun.

use std::collections::BTreeSet;

use super::site::Site;
use crate::convert::image_name;
use crate::diagnostic::{Diagnostic, Severity};
use crate::engine::EngineDisk;
use crate::event::Event;
use crate::gate::checks::{ImageFacts, before_start};
use crate::name::ServiceName;
use crate::plan::{Action, Plan, StepId, When};

impl Site<'_> {
    /// Looks at the services that get a container for certain and whose image is there already;
    /// gives the steps that would fail.
    pub(super) fn check_all(&self, plan: &Plan) -> Vec<(StepId, Diagnostic)> {
        let awaited: BTreeSet<&str> = plan
            .steps
            .iter()
            .filter_map(|step| match &step.action {
                Action::Pull { image, .. } | Action::Build { image, .. } => Some(image.as_str()),
                _ => None,
            })
            .collect();
        let project = self.tools.project;
        let mut refused = Vec::new();
        for step in plan.steps.iter().filter(|step| step.when == When::Always) {
            let Action::Create { replica, .. } = &step.action else {
                continue;
            };
            let Some(service) = project.services.get(&replica.service) else {
                continue;
            };
            if awaited.contains(image_name(project, &replica.service, service).as_str()) {
                continue;
            }
            if let Err(finding) = self.check(&replica.service) {
                refused.push((step.id, finding));
            }
        }
        refused
    }

    /// Warns, once, of what will not work as meant.
    ///
    /// # Errors
    /// What keeps the service from starting at all.
    pub(super) fn check(&self, name: &ServiceName) -> Result<(), Diagnostic> {
        if let Some(known) = self.state().checked.get(name) {
            return known.clone();
        }
        let project = self.tools.project;
        let Some(service) = project.services.get(name) else {
            return Ok(());
        };
        // Without its image nothing is known, and the creation says that it is missing.
        let Some(image) = self.image(&image_name(project, name, service)) else {
            return Ok(());
        };
        let facts = ImageFacts {
            entrypoint: &image.entrypoint,
            command: &image.command,
            volumes: &image.volumes,
            environment: &image.environment,
        };
        let disk = EngineDisk::of(self.tools.engine);
        let mut verdict = Ok(());
        for finding in before_start(project, name, &facts, &disk) {
            match finding.severity {
                Severity::Error if verdict.is_ok() => verdict = Err(finding),
                Severity::Error => {}
                _ => self.tools.events.emit(Event::Diagnostic(finding)),
            }
        }
        self.state().checked.insert(name.clone(), verdict.clone());
        verdict
    }
}
