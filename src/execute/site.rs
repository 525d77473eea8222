//! What steps work with: the engine, the project, and what earlier steps brought about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::images::BuildImage;
use super::outcome::{Outcome, Report, Started};
use crate::convert::{Afterwards, Aliases, Carried, Peer, Peers, Role, Stamp, Stdin, Surroundings};
use crate::diagnostic::Diagnostic;
use crate::engine::probe::Prober;
use crate::engine::{Engine, Removal};
use crate::event::{Event, Events, Resource, Status};
use crate::gate::Edges;
use crate::name::{ContainerId, ServiceName};
use crate::plan::observed::{Image, Observed};
use crate::plan::{Action, Anonymous, Plan, Renewal, Replica, StepId, Target};
use crate::project::{Network, Project, Service, Volume};

/// What the labels of new containers, networks and volumes say of their configuration.
pub trait Stamps {
    /// Of a container of this service, its references to others resolved.
    fn service(&self, service: &Service) -> Stamp;
    /// Of a network.
    fn network(&self, network: &Network) -> Stamp;
    /// Of a volume.
    fn volume(&self, volume: &Volume) -> Stamp;
}

/// What becomes, after a failure, of containers that were created and never started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cleanup {
    /// They stay.
    #[default]
    Keep,
    /// They are removed.
    NeverStarted,
}

/// Whether services are looked at before they are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checks {
    /// What cannot work is refused, and what will not work as meant is warned of.
    #[default]
    Before,
    /// The engine and the containers say so themselves.
    Off,
}

/// The container that `run` makes.
#[derive(Clone, Debug)]
pub struct OneOff {
    /// Its name, which tells it from the service's own containers.
    pub name: String,
    /// 64 hex digits that no other container has.
    pub slug: String,
    /// Whether the engine removes it when it ends.
    pub afterwards: Afterwards,
    /// Whether its standard input is attached.
    pub stdin: Stdin,
    /// Whether it answers to the service's name.
    pub aliases: Aliases,
}

impl OneOff {
    fn role(&self) -> Role<'_> {
        Role::OneOff {
            slug: &self.slug,
            afterwards: self.afterwards,
            stdin: self.stdin,
            aliases: self.aliases,
        }
    }
}

/// What a command gives its steps to work with.
pub struct Tools<'a> {
    /// The engine.
    pub engine: &'a Engine,
    /// What is wanted.
    pub project: &'a Project,
    /// Who waits for whom.
    pub edges: &'a Edges,
    /// What was there when the plan was made.
    pub observed: &'a Observed,
    /// Where what happens is said.
    pub events: Events,
    /// What new things are labelled with.
    pub stamps: &'a dyn Stamps,
    /// What is the same for every container.
    pub surroundings: Surroundings<'a>,
    /// What becomes of anonymous volumes.
    pub anonymous: Anonymous,
    /// What becomes of what was created in vain.
    pub cleanup: Cleanup,
    /// Whether services are looked at before they are made.
    pub checks: Checks,
    /// Who builds images.
    pub build: &'a BuildImage<'a>,
    /// The container of `run`, where there is one.
    pub one_off: Option<&'a OneOff>,
    /// Who waits for gates; none where there is no gate.
    pub prober: Option<&'a Prober>,
    /// How much runs at once, where the user says so.
    pub at_once: Option<usize>,
    /// How long a soft gate waits.
    pub soft_limit: Duration,
}

/// The tools, and what earlier steps brought about.
pub struct Site<'a> {
    pub(super) tools: Tools<'a>,
    pub(super) cleanup: Cleanup,
    pub(super) cancelled: CancellationToken,
    begun: Instant,
    state: Mutex<State>,
}

/// What earlier steps brought about.
#[derive(Default)]
pub(super) struct State {
    created: BTreeMap<StepId, Made>,
    pub(super) peers: Peers,
    pub(super) images: BTreeMap<String, Image>,
    /// The services that were looked at, and what keeps them from starting.
    pub(super) checked: BTreeMap<ServiceName, Result<(), Diagnostic>>,
    started: Vec<Started>,
    explained: BTreeSet<ContainerId>,
}

/// A container that a step created.
#[derive(Clone)]
struct Made {
    id: ContainerId,
    /// Its final name.
    name: String,
}

/// A container that a step is about, as the engine and the user know it.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) id: ContainerId,
    /// Its final name.
    pub(super) name: String,
}

impl<'a> Site<'a> {
    /// Takes the tools, and the containers that the services have: see [`crate::plan::peers`].
    pub fn new(tools: Tools<'a>, peers: Peers) -> Self {
        let state = State {
            images: tools.observed.images.clone(),
            peers,
            ..State::default()
        };
        Self {
            cleanup: tools.cleanup,
            tools,
            cancelled: CancellationToken::new(),
            begun: Instant::now(),
            state: Mutex::new(state),
        }
    }

    /// What a container of this name and number is made as.
    pub(super) fn role(&self, replica: &Replica) -> Role<'_> {
        match self.tools.one_off.filter(|one| one.name == replica.name) {
            Some(one) => one.role(),
            None => Role::Replica {
                number: replica.number,
            },
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends every wait.
    pub(super) fn cancel(&self) {
        self.cancelled.cancel();
    }

    /// The container that a step is about.
    pub(super) fn subject(&self, target: &Target) -> Result<Subject, Diagnostic> {
        match target {
            Target::Existing { id, name } => Ok(Subject {
                id: id.clone(),
                name: name.clone(),
            }),
            Target::Planned { step, name } => {
                let state = self.state();
                let made = state.created.get(step).ok_or_else(|| {
                    Diagnostic::error(format!("container `{name}` was not created"))
                })?;
                Ok(Subject {
                    id: made.id.clone(),
                    name: made.name.clone(),
                })
            }
        }
    }

    /// The containers that a service has by now.
    pub(super) fn peers(&self, service: &ServiceName) -> Vec<Peer> {
        self.state().peers.get(service).cloned().unwrap_or_default()
    }

    /// Remembers a container that was created.
    pub(super) fn created(&self, step: StepId, service: &ServiceName, peer: Peer) {
        let mut state = self.state();
        let made = Made {
            id: peer.id.clone(),
            name: peer.name.clone(),
        };
        state.created.insert(step, made);
        let peers = state.peers.entry(service.clone()).or_default();
        peers.retain(|other| other.name != peer.name);
        peers.push(peer);
    }

    /// Remembers a container that was started.
    pub(super) fn started(&self, service: &ServiceName, subject: &Subject) {
        self.state().started.push(Started {
            service: service.clone(),
            id: subject.id.clone(),
            name: subject.name.clone(),
            at: self.begun.elapsed(),
        });
    }

    /// The containers that all services have by now.
    pub(super) fn all_peers(&self) -> Peers {
        self.state().peers.clone()
    }

    /// Remembers that a card was written of a container; whether it is the first.
    pub(super) fn explains(&self, id: &ContainerId) -> bool {
        self.state().explained.insert(id.clone())
    }

    /// The image of this reference, as it is by now.
    pub(super) fn image(&self, reference: &str) -> Option<Image> {
        self.state().images.get(reference).cloned()
    }

    /// Looks an image up that was pulled or built.
    pub(super) async fn look_up(&self, reference: &str) -> Result<(), Diagnostic> {
        let found = self.tools.engine.inspect_image(reference).await;
        let image = found
            .map(crate::engine::image)
            .map_err(|error| error.diagnostic())?;
        self.state().images.insert(reference.to_owned(), image);
        Ok(())
    }

    /// Whether a build or pull left another image than there was.
    pub(super) fn is_another(&self, renewal: &Renewal) -> bool {
        let now = self.image(&renewal.image).and_then(|image| image.id);
        now.as_ref() != Some(&renewal.was)
    }

    /// The anonymous volumes of a container that is replaced.
    pub(super) fn carried(&self, old: &ContainerId) -> Option<Vec<Carried>> {
        if self.tools.anonymous == Anonymous::Renew {
            return None;
        }
        let old = self
            .tools
            .observed
            .containers
            .iter()
            .find(|one| one.id == *old)?;
        let volumes = old.mounts.iter().filter(|mount| mount.kind == "volume");
        Some(
            volumes
                .map(|mount| Carried {
                    volume: mount.name.clone(),
                    destination: mount.destination.clone(),
                })
                .collect(),
        )
    }

    /// Says what a resource does.
    pub(super) fn say(&self, resource: Resource, status: Status, text: &str) {
        self.tools.events.emit(Event::Progress {
            resource,
            status,
            text: text.to_owned(),
            details: String::new(),
            transfer: None,
        });
    }

    /// Removes what this run created and did not start, after a failure. What its own `pre_start`
    /// hook kept from starting stays, as in Docker Compose.
    pub(super) async fn remove_never_started(&self, plan: &Plan, report: &Report) -> Vec<String> {
        let mut kept: BTreeSet<StepId> = BTreeSet::new();
        let mut to_start: BTreeSet<StepId> = BTreeSet::new();
        for step in &plan.steps {
            if let Action::Start {
                container: Target::Planned { step: made, .. },
                ..
            } = &step.action
            {
                to_start.insert(*made);
                if *report.outcome(step.id) == Outcome::Done {
                    kept.insert(*made);
                }
            }
            if let Action::PreStart {
                container: Target::Planned { step: made, .. },
                ..
            } = &step.action
                && matches!(report.outcome(step.id), Outcome::Failed(_))
            {
                kept.insert(*made);
            }
        }
        let created = self.state().created.clone();
        let vain = created
            .into_iter()
            .filter(|(step, _)| to_start.contains(step) && !kept.contains(step));
        let mut removed = Vec::new();
        for (_, made) in vain {
            let how = Removal {
                force: false,
                volumes: true,
            };
            if self
                .tools
                .engine
                .remove_container(&made.id, how)
                .await
                .is_ok()
            {
                removed.push(made.name);
            }
        }
        removed
    }

    /// Gives the report what the steps brought about.
    pub(super) fn hand_over(&self, report: &mut Report) {
        let mut state = self.state();
        report.started = std::mem::take(&mut state.started);
        let images = std::mem::take(&mut state.images).into_iter();
        report.images = images
            .filter_map(|(reference, image)| Some((reference, image.id?)))
            .collect();
        report.explained = std::mem::take(&mut state.explained);
        report.created = state
            .created
            .iter()
            .map(|(step, made)| (*step, made.id.clone()))
            .collect();
    }
}
