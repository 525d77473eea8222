//! What is wrong with a service, said as soon as its image is there and before anything of it is
//! made: where no image is awaited, before the plan is begun.

use std::collections::BTreeSet;
use std::path::Path;

use super::site::{Checks, Site};
use crate::convert::image_name;
use crate::diagnostic::{Diagnostic, Severity};
use crate::engine::EngineDisk;
use crate::event::Event;
use crate::gate::checks::{Disk, ImageFacts, before_start};
use crate::name::ServiceName;
use crate::plan::observed::Volume;
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
        if self.tools.checks == Checks::Off {
            return Ok(());
        }
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
        let observed = self.tools.observed;
        let ground = Ground {
            disk: EngineDisk::of(self.tools.engine),
            volumes: &observed.volumes,
            follows: observed.containers.iter().any(|one| one.service == *name),
        };
        let mut verdict = Ok(());
        for finding in before_start(project, name, &facts, &ground) {
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

/// What lies on the disk and in the engine's volumes.
struct Ground<'a> {
    disk: EngineDisk,
    volumes: &'a [Volume],
    /// There is a container already, whose unnamed volumes are taken over.
    follows: bool,
}

impl Disk for Ground<'_> {
    fn exists(&self, path: &Path) -> bool {
        self.disk.exists(path)
    }

    fn names(&self, folder: &Path) -> Vec<String> {
        self.disk.names(folder)
    }

    fn has_volume(&self, name: Option<&str>) -> bool {
        match name {
            Some(name) => self.volumes.iter().any(|volume| volume.name == name),
            None => self.follows,
        }
    }
}
