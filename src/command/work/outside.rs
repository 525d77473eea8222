//! Services that a command leaves alone although what it starts is configured with them: those that
//! run are waited for, the others are named.

use std::collections::BTreeSet;

use anyhow::Result;

use super::{Work, edges_of, text_files};
use crate::event::Event;
use crate::gate::{Edge, Edges, Origin, Reading, Waits, edges_from};
use crate::name::ServiceName;
use crate::plan::observed::{Container, State};
use crate::plan::{self, Observed, Plan};
use crate::project::{Along, Project};

/// Adds the edges to services that are not selected, and run: they are waited for as any other,
/// and nothing is done to them.
pub(super) fn add_running(edges: &mut Edges, project: &Project, observed: &Observed, waits: Waits) {
    let off = project.disabled_services.iter();
    let mut running = off
        .filter(|(name, _)| is_running(observed, name))
        .peekable();
    if waits < Waits::Inferred || running.peek().is_none() {
        return;
    }
    let mut whole = project.clone();
    for (name, service) in running {
        whole.disabled_services.remove(name);
        whole.services.insert(name.clone(), service.clone());
    }
    let is_selected = |name: &ServiceName| project.services.contains_key(name);
    let reading = Reading {
        waits,
        files: &text_files,
    };
    let all = edges_from(&whole, &reading, is_selected).list.into_iter();
    let beside = all.filter(|edge| is_undeclared(edge) && !is_selected(&edge.dependency));
    edges.list.extend(beside);
    let key = |edge: &Edge| (edge.dependent.clone(), edge.dependency.clone());
    edges.list.sort_by_key(key);
}

/// The containers of a service that `run` did not make.
fn containers_of<'o>(
    observed: &'o Observed,
    name: &ServiceName,
) -> impl Iterator<Item = &'o Container> {
    let all = observed.containers.iter();
    all.filter(move |one| one.service == *name && !one.one_off)
}

/// Whether a service has a container that runs.
fn is_running(observed: &Observed, name: &ServiceName) -> bool {
    containers_of(observed, name).any(|one| one.state == State::Running)
}

/// Whether it is not the file's `depends_on` and the like that makes an edge: that selects what it
/// is about, unless it was asked not to.
fn is_undeclared(edge: &Edge) -> bool {
    !matches!(edge.origin, Origin::Declared(_))
}

impl Work<'_> {
    /// Whether a service has a container that runs.
    pub(in crate::command) fn runs(&self, name: &ServiceName) -> bool {
        is_running(&self.observed, name)
    }

    /// Leaves out what a reaction to a saved file has nothing to do with, however it was ended:
    /// services that do not run, unless what is meant depends on them and they did not end well.
    ///
    /// # Errors
    /// A cycle, or what is wrong with `x-dco`.
    pub(in crate::command) fn around(mut self, meant: &BTreeSet<ServiceName>) -> Result<Self> {
        let needed = self.graph.with_dependencies(meant);
        let is_done = |name: &ServiceName| {
            let mut own = containers_of(&self.observed, name);
            own.any(|one| one.state == State::Exited && one.exit_code == Some(0))
        };
        let is_kept = |name: &&ServiceName| {
            meant.contains(*name) || self.runs(name) || (needed.contains(*name) && !is_done(name))
        };
        let kept: Vec<String> = (self.project.services.keys().filter(is_kept))
            .map(ToString::to_string)
            .collect();
        self.project = self.project.select(&kept, Along::Nothing)?;
        (self.graph, self.edges) = edges_of(&self.project, self.waits)?;
        add_running(&mut self.edges, &self.project, &self.observed, self.waits);
        Ok(self)
    }

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
        let is_left_out = |edge: &&Edge| {
            is_undeclared(edge)
                && !self.project.services.contains_key(&edge.dependency)
                && !self.runs(&edge.dependency)
        };
        let reading = Reading {
            waits: self.waits,
            files: &text_files,
        };
        let all = edges_from(&whole, &reading, |name| started.contains(name)).list;
        for edge in all.iter().filter(is_left_out) {
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
