//! Desired and observed state go in, a [`Plan`] comes out. Pure: decides everything, does nothing.
//!
//! Every step is one engine call or one gate, with its cause and the steps it comes after. What
//! cannot be known yet (the id of an image that is still to be built, say) is a condition on an
//! earlier step's result, written in the plan as data: [`When`].

mod action;
mod attaching;
pub mod bases;
mod builder;
mod diverge;
mod dockerfile;
mod down;
mod fates;
pub mod fresh;
mod images;
pub mod inspected;
mod lifecycle;
pub mod observed;
mod recall;
mod replacing;
mod replicas;
mod request;
mod resources;
mod sections;
mod show;
mod temporary;
mod up;
mod wait;
mod waiting;

pub use action::*;
pub use down::{DownImages, DownPolicy, DownVolumes, RemovePolicy, Running, down, remove};
pub use lifecycle::{
    Dependents, RestartPolicy, Signal, restart, signal, signal_orphans, start, stop,
};
pub use observed::Observed;
pub use recall::recall;
pub use request::*;
pub use resources::diverged_volumes;
pub use temporary::with_final_names;
pub use up::up;
pub use wait::{WAIT, may_end};

use std::collections::BTreeSet;

use crate::convert::{Peer, Peers};
use crate::diagnostic::Place;
use crate::gate::Because;
use crate::name::{ImageId, ServiceName};
use crate::project::Project;

/// The steps of one command, in an order in which each comes after those it waits for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The steps; `StepId(n)` is `steps[n - 1]`.
    pub steps: Vec<Step>,
    /// The names of the containers that are as they should be, and Compose's word for how they are.
    pub unchanged: Vec<(String, &'static str)>,
}

/// The number of a step, from 1, as the plan prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepId(pub u32);

/// One engine call or one gate.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its number.
    pub id: StepId,
    /// What it does.
    pub action: Action,
    /// Why.
    pub cause: Cause,
    /// The steps that have to be done before; sorted.
    pub after: Vec<StepId>,
    /// Whether it is done at all.
    pub when: When,
}

/// A build or pull that may leave another image than there was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// The build or pull.
    pub step: StepId,
    /// The image's name.
    pub image: String,
    /// The image that a container was made from, or mounts.
    pub was: ImageId,
}

/// A condition that is known only when earlier steps are done.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum When {
    /// Always.
    #[default]
    Always,
    /// Only if one of these builds and pulls left another image than there was.
    ImageChanged(Vec<Renewal>),
    /// Only if that step was done (it had a condition itself).
    Done(StepId),
    /// Only if that step's own condition was not met.
    NotDone(StepId),
    /// Only if one of these steps failed: the way back, or another way to the same end.
    Failed(Vec<StepId>),
}

/// Why a step is in the plan.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// It is not there.
    Missing,
    /// It is there and does not run.
    NotRunning,
    /// The command asked for it.
    Requested,
    /// `--force-recreate` or `-V`.
    Forced,
    /// The configuration is another; the fields that differ, where they are known.
    ConfigChanged(Vec<FieldChange>),
    /// The configuration is another, and which fields is not known; the tool that made it.
    ConfigChangedUnknown {
        /// `Compose 2.40.3`.
        made_by: String,
    },
    /// The image is another.
    ImageChanged,
    /// What the image is built from changed.
    BuildInputChanged {
        /// The file that did it, or `args`, `target`, `Dockerfile`.
        input: String,
    },
    /// The image policy asks for it (`always`, `build`, a refresh that is due).
    Policy(String),
    /// A network it has to be on is missing from it.
    NetworkMissing(String),
    /// The network of that key has another name in the file.
    NetworkRenamed(String),
    /// A volume it has to mount is missing from it.
    MountMissing(String),
    /// A network or volume it uses is rebuilt.
    ResourceRebuilt(String),
    /// A service it shares a namespace or volumes with is replaced, or `restart: true` says so.
    Cascade(ServiceName),
    /// There are more replicas than wanted.
    ScaledDown,
    /// Its service is not in the file any more.
    Orphan,
    /// An interrupted command left it.
    Leftover,
    /// Another container takes its place.
    Replaced,
    /// An earlier step failed: this is the way back.
    Rollback,
    /// The service says so: a hook.
    Hook,
    /// A gate: why the dependent waits.
    Edge(Because),
}

/// One field of a service that is not what the container was made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChange {
    /// `environment.DEBUG`.
    pub field: String,
    /// What it was, masked where it looks secret; none where it was absent.
    pub old: Option<String>,
    /// What it is, masked where it looks secret; none where it is absent.
    pub new: Option<String>,
    /// Where the new one is written.
    pub place: Option<Place>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The services that are not started before this step is done.
    pub fn waiting_for(&self, step: StepId) -> Vec<ServiceName> {
        let waiting = self.steps.iter().filter(|one| one.after.contains(&step));
        let services = waiting.filter_map(|one| match &one.action {
            Action::Start { service, .. }
            | Action::Restart { service, .. }
            | Action::PreStart { service, .. } => Some(service.clone()),
            _ => None,
        });
        services.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Why it builds or makes anew what is there, where the command line does not ask for it: a
    /// sentence for each service.
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        for step in &self.steps {
            let reason = match (&step.action, &step.cause) {
                (Action::Build { service, .. }, Cause::BuildInputChanged { input }) => {
                    format!("{service} is built anew: {input} changed")
                }
                (
                    Action::Create {
                        replica,
                        replaces: Some(_),
                    },
                    cause,
                ) if step.when == When::Always && *cause != Cause::Forced => {
                    format!("{} is made anew: {cause}", replica.service)
                }
                _ => continue,
            };
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        reasons
    }

    /// The names of the containers that it removes for good.
    pub fn removed_containers(&self) -> Vec<&str> {
        let names = self.steps.iter().filter_map(|step| match &step.action {
            Action::Remove { container, .. } if step.when == When::Always => Some(container.name()),
            _ => None,
        });
        names.collect()
    }
}

/// The containers whose service is in the file no more, and the one-offs that ended.
pub fn orphans<'a>(world: &World<'a>) -> Vec<&'a observed::Container> {
    let project = world.project;
    world
        .observed
        .containers
        .iter()
        .filter(|container| {
            if container.one_off {
                return matches!(
                    container.state,
                    observed::State::Exited | observed::State::Dead
                );
            }
            let service = &container.service;
            !project.services.contains_key(service)
                && !project.disabled_services.contains_key(service)
        })
        .collect()
}

/// The containers that the services have, under their final names, leftovers left out.
pub fn peers(project: &Project, observed: &Observed) -> Peers {
    let mut peers = Peers::new();
    for (name, containers) in fates::by_service(observed) {
        let name = ServiceName::from(name);
        let service = project.services.get(&name);
        let final_name = |number| match service {
            Some(service) => container_name(project, &name, service, number),
            None => replica_name(project, &name, number),
        };
        let kept = replicas::sort_out(&containers, final_name).kept;
        let own = kept.into_iter().map(|(number, container)| Peer {
            id: container.id.clone(),
            name: match replicas::has_temporary_name(container, &final_name(number)) {
                true => final_name(number),
                false => container.name.clone(),
            },
        });
        peers.insert(name.clone(), own.collect());
    }
    peers
}

#[cfg(test)]
mod tests;
