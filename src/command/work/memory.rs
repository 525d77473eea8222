//! What a command remembers of what was done before, and what it leaves behind for the next.

use std::cell::OnceCell;
use std::time::Duration;

use super::{Fingerprints, Work};
use crate::convert::{Peers, resolve};
use crate::event::Event;
use crate::execute::{Outcome, Report, Stamps};
use crate::history::{Config, History, Run, Store, fields};
use crate::name::ServiceName;
use crate::plan::{Action, FieldChange, Hashes, Plan};
use crate::project::{Network, Project, Service, Volume};

/// How configurations are compared, and which of their fields differ from what is remembered.
pub(super) struct Memory<'w> {
    prints: &'w Fingerprints,
    project: &'w Project,
    store: Option<Store>,
    /// Read when a container is not what the file asks for, and not before.
    history: OnceCell<History>,
}

impl<'w> Memory<'w> {
    pub(super) fn of(work: &'w Work<'_>) -> Self {
        Self {
            prints: &work.prints,
            project: &work.project,
            store: work.store(),
            history: OnceCell::new(),
        }
    }
}

impl Hashes for Memory<'_> {
    fn service(&self, name: &ServiceName, service: &Service, label: &str) -> bool {
        Hashes::service(self.prints, name, service, label)
    }

    fn network(&self, network: &Network, label: &str) -> bool {
        Hashes::network(self.prints, network, label)
    }

    fn volume(&self, volume: &Volume, label: &str) -> bool {
        Hashes::volume(self.prints, volume, label)
    }

    fn changes(&self, name: &ServiceName, service: &Service, label: &str) -> Vec<FieldChange> {
        let Some(store) = &self.store else {
            return Vec::new();
        };
        let history = self.history.get_or_init(|| store.read());
        let config = history.configs.get(name.as_str());
        let Some(config) = config.filter(|config| config.hash == label) else {
            return Vec::new();
        };
        fields::changes(self.project, name, service, (&config.fields, &history.salt))
    }
}

impl Work<'_> {
    /// The history of the project on this engine; none without a home.
    pub(in crate::command) fn store(&self) -> Option<Store> {
        let state = self.cx.state_dir()?;
        let engine = self.engine.endpoint().to_string();
        Some(Store::of(&state, &self.project.name, &engine))
    }

    /// Remembers a run that did something. Where that cannot be written, one line says so.
    pub(super) fn remember(&self, run: Run, plan: &Plan, report: &Report) {
        let Some(store) = self.store().filter(|_| !run.steps.is_empty()) else {
            return;
        };
        let peers = self.peers(report);
        let written = store.update(|history| {
            let salt = history.salt.clone();
            for (name, service) in self.made(plan, report) {
                if let Some(config) = self.config(service, &peers, &salt) {
                    history.configs.insert(name.to_string(), config);
                }
            }
            history.add(run);
        });
        if let Err(error) = written {
            self.cx.events().emit(Event::Note(format!(
                "what was done is not remembered: {}: {error}",
                store.path().display()
            )));
        }
    }

    /// Adds to the run that was remembered last how long what it started was waited for.
    pub(in crate::command) fn remember_settling(&self, took: Duration) {
        let updated = self
            .store()
            .map(|store| store.update(|history| history.settled(took)));
        if let Some(Err(error)) = updated {
            tracing::warn!(target: "dco::history", %error, "the wait is not remembered");
        }
    }

    /// The services of which a container was made; one-offs are made for a command of their own.
    fn made<'p>(
        &'p self,
        plan: &'p Plan,
        report: &'p Report,
    ) -> impl Iterator<Item = (&'p ServiceName, &'p Service)> {
        let done = plan
            .steps
            .iter()
            .filter(|step| *report.outcome(step.id) == Outcome::Done);
        done.filter_map(|step| match &step.action {
            Action::Create { replica, .. } if replica.number > 0 => {
                self.project.services.get_key_value(&replica.service)
            }
            _ => None,
        })
    }

    fn config(&self, service: &Service, peers: &Peers, salt: &str) -> Option<Config> {
        let resolved = resolve(service, peers).ok()?;
        Some(Config {
            hash: Stamps::service(&self.prints, &resolved).hash,
            fields: fields::fields(&resolved, salt),
        })
    }
}
