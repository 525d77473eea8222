//! Services that a command leaves alone although what it starts is configured with them.

use std::collections::BTreeSet;

use super::{Work, text_files};
use crate::event::Event;
use crate::gate::{Edge, Origin, Reading, Waits, edges};
use crate::name::ServiceName;
use crate::plan::observed::State;
use crate::plan::{self, Plan};

impl Work<'_> {
    /// Says which services that do not run, and that it leaves alone because they were not named,
    /// a service that it starts is configured with. Naming is the user's: an inferred edge never
    /// starts anything.
    pub(super) fn say_left_out(&self, plan: &Plan) {
        if self.waits < Waits::Inferred || self.project.disabled_services.is_empty() {
            return;
        }
        let profiles = self.project.profiles.clone();
        let whole = self.project.clone().with_profiles(profiles);
        let started = started(plan);
        let is_running = |name: &ServiceName| {
            let mut containers = self.observed.containers.iter();
            containers.any(|one| one.service == *name && one.state == State::Running)
        };
        let is_left_out = |edge: &&Edge| {
            !matches!(edge.origin, Origin::Declared(_))
                && started.contains(&edge.dependent)
                && !self.project.services.contains_key(&edge.dependency)
                && !is_running(&edge.dependency)
        };
        let reading = Reading {
            waits: self.waits,
            files: &text_files,
        };
        for edge in edges(&whole, &reading).list.iter().filter(is_left_out) {
            let (dependent, dependency) = (&edge.dependent, &edge.dependency);
            self.cx.events().emit(Event::Note(format!(
                "{dependent} is configured with {dependency}, which does not run: `dco up -d {dependency}` starts it ({})",
                edge.because
            )));
        }
    }
}

/// The services that a plan starts something of, or makes it for whoever starts it.
fn started(plan: &Plan) -> BTreeSet<&ServiceName> {
    let services = plan.steps.iter().filter_map(|step| match &step.action {
        plan::Action::Start { service, .. } | plan::Action::Restart { service, .. } => {
            Some(service)
        }
        plan::Action::Create { replica, .. } => Some(&replica.service),
        _ => None,
    });
    services.collect()
}
