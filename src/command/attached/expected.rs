//! Which containers an attached `up` has to follow besides those that it started.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Heed, Show, Watched};
use crate::command::containers::label;
use crate::engine::EngineEvent;
use crate::name::{ContainerId, ServiceName};
use crate::project::Project;
use crate::text::moment;

/// Containers that were made meanwhile, by `scale` in another terminal say, and may start.
#[derive(Default)]
pub(super) struct Expected {
    made: BTreeSet<String>,
    /// When containers ended.
    died: BTreeMap<String, Timestamp>,
    /// When they were started.
    started: BTreeMap<String, Timestamp>,
}

/// A container that was started meanwhile.
pub(super) struct Met {
    pub(super) id: ContainerId,
    pub(super) service: ServiceName,
    pub(super) number: String,
    pub(super) name: String,
    pub(super) heed: Heed,
}

impl Expected {
    pub(super) fn is_empty(&self) -> bool {
        self.made.is_empty()
    }

    /// From when on the log of a container is new.
    pub(super) fn since(&self, id: &ContainerId, show: &Show<'_>) -> String {
        match self.died.get(id.as_str()) {
            Some(died) => moment::seconds(*died),
            None => show.since.clone(),
        }
    }

    /// Whether a container that ended at a moment has been started after that. The start of one
    /// that ends at once may be told after its end, but before its event.
    pub(super) fn has_started_since(&self, id: &ContainerId, ended: Timestamp) -> bool {
        let died = self.died.get(id.as_str()).filter(|died| **died >= ended);
        let started = self.started.get(id.as_str());
        died.is_some_and(|died| started.is_some_and(|started| started > died))
    }

    /// Takes note of an event, and gives the container where one has started.
    pub(super) fn take(&mut self, event: &EngineEvent, show: &Show<'_>) -> Option<Met> {
        let label = |name| event.attribute(name).unwrap_or_default();
        let service = label(label::SERVICE);
        if event.kind != "container" || label(label::ONE_OFF) == "True" {
            return None;
        }
        let heed = (show.heed)(service)?;
        let id = &event.actor.id;
        match event.action.as_str() {
            "create" => drop(self.made.insert(id.clone())),
            "destroy" => drop(self.made.remove(id)),
            "die" => {
                self.made.remove(id);
                self.died.insert(id.clone(), event.at());
            }
            "start" => {
                self.made.remove(id);
                self.started.insert(id.clone(), event.at());
                return Some(Met {
                    id: ContainerId::from(id.as_str()),
                    service: ServiceName::from(service),
                    number: label(label::NUMBER).to_owned(),
                    name: label("name").to_owned(),
                    heed,
                });
            }
            _ => {}
        }
        None
    }
}

impl Met {
    /// The same as it is shown: a container that replaces another has that one's name only later.
    pub(super) fn of(self, project: &Project) -> Watched {
        let own = project.services.get(&self.service);
        let named = own.is_some_and(|own| !own.container_name.is_empty());
        Watched {
            label: match named {
                true => self.name,
                false => project.naming.join(&[&self.service, &self.number]),
            },
            tty: own.is_some_and(|own| own.tty),
            id: self.id,
            service: self.service,
            heed: self.heed,
        }
    }
}
