//! The end of `up -d` and `restart`: watches what was started until that listens or has settled.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::readiness::{Readiness, Ready};
use super::work::{Work, soft_limit};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::engine::probe::{Patience, Return, Starter, Subject};
use crate::event::Event;
use crate::execute::{Interrupts, Report, Started};
use crate::gate::Condition;
use crate::gate::settle::{self, waits_for};
use crate::hash::{self, HashForm};
use crate::plan::{Wait, may_end};
use crate::project::Service;
use crate::report::Exit;

/// What a published port that nobody listens on means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Firmness {
    /// Nothing: only who stays up counts.
    Loose,
    /// A warning.
    Soft,
    /// An error, after what is left of `--wait-timeout`; none for as long as a soft wait takes.
    Firm(Option<Duration>),
}

impl Firmness {
    /// Whether all that was started has to be there in the end.
    fn is_firm(self) -> bool {
        matches!(self, Self::Firm(_))
    }

    /// What is left of a limit after the waits of a plan, which begin when all is started.
    pub(super) fn firm(wait: Wait, report: &Report) -> Self {
        let begun = report.started_at();
        let over = report.steps.iter().map(|step| step.ended).max();
        let waited = over.unwrap_or_default().saturating_sub(begun);
        Self::Firm(wait.0.map(|limit| limit.to_std().saturating_sub(waited)))
    }
}

/// Waits until what was started listens or has settled, and fails if it died meanwhile.
///
/// A published port that nobody listens on in time is a warning where the wait is soft, and not
/// waited for again until the service changes.
pub(super) async fn settle(work: &Work<'_>, report: &Report, firmness: Firmness) -> Result<()> {
    let Some(prober) = work.prober.as_ref() else {
        return Ok(());
    };
    let mut interrupts = Interrupts::listen()?;
    let silence = Silence::of(work);
    let services = report.started.iter().filter_map(|one| {
        let service = work.project.services.get(&one.service)?;
        Some((one, service))
    });
    let started: Vec<(&Started, &Service)> = services.collect();
    let starters: Vec<Starter> = started
        .iter()
        .map(|(one, service)| Starter {
            subject: Subject {
                id: one.id.clone(),
                name: one.name.clone(),
            },
            until: match firmness {
                Firmness::Loose => settle::Return::Settled,
                Firmness::Soft if silence.is_known(one, service) => settle::Return::Settled,
                Firmness::Soft | Firmness::Firm(_) => waits_for(service),
            },
        })
        .collect();
    let limit = match firmness {
        Firmness::Firm(Some(limit)) => limit,
        _ => soft_limit(work.cx),
    };
    let patience = patience(work, limit);
    let begun = std::time::Instant::now();
    let ends = tokio::select! {
        ends = prober.settle(&starters, &patience) => ends,
        _ = interrupts.next() => {
            work.cx.reporter().settle()?;
            return Err(Exit::interrupted().into());
        }
    };
    if !starters.is_empty() {
        work.remember_settling(begun.elapsed());
    }
    let peers = work.peers(report);
    let autopsy = work.autopsy(&peers);
    let warn = |warning: Option<Diagnostic>| {
        if let Some(warning) = warning {
            work.cx.events().emit(Event::Diagnostic(warning));
        }
    };
    let (mut died, mut ready) = (Vec::new(), Vec::new());
    for ((one, service), end) in started.iter().zip(ends) {
        let name = &one.name;
        match end {
            Return::Ready(after) => {
                if firmness != Firmness::Loose
                    && let settle::Return::Published(ports) = waits_for(service)
                {
                    let what = Condition::Listening(ports).to_string();
                    ready.push((name.clone(), Ready::new(&one.id, what, after)));
                }
            }
            Return::Ended if firmness.is_firm() && !may_end(&work.project, &one.service) => {
                died.push(Diagnostic::error(format!("container {name} exited (0)")));
            }
            Return::Ended | Return::Cancelled => {}
            Return::Died(code) => {
                let card = autopsy.ended(&one.service, &one.id).await;
                died.push(card.unwrap_or_else(|| {
                    Diagnostic::error(format!("container `{name}` exited with code {code}"))
                }));
            }
            Return::Silent(ports) if firmness.is_firm() => {
                let card = autopsy.silent(&one.service, &one.id, &ports).await;
                died.push(card.map_or_else(
                    || Diagnostic::error(format!("container `{name}` does not listen")),
                    |card| Diagnostic {
                        severity: Severity::Error,
                        ..card
                    },
                ));
            }
            Return::Silent(ports) => {
                silence.remember(one, service);
                if report.explained.contains(&one.id) {
                    continue;
                }
                let card = autopsy.silent(&one.service, &one.id, &ports).await;
                warn(
                    card.map(|card| {
                        card.hint("it is not waited for again until the service changes")
                    }),
                );
            }
            Return::Restarting => warn(autopsy.restarting(&one.service, &one.id).await),
        }
    }
    Readiness::of(work.cx, &work.project.name).remember(ready);
    match died.is_empty() {
        true => Ok(()),
        false => Err(Diagnostics(died).into()),
    }
}

fn patience(work: &Work<'_>, soft_limit: Duration) -> Patience {
    let events = work.cx.events();
    Patience {
        soft_limit,
        cancel: tokio_util::sync::CancellationToken::new(),
        still_waiting: std::sync::Arc::new(move |elapsed| {
            events.emit(Event::Note(format!(
                "still waiting for published ports ({} s)",
                elapsed.as_secs()
            )));
        }),
    }
}

/// The containers that were waited for in vain: a file for each, with the hash of its service.
/// Lost, it costs one more wait.
struct Silence {
    folder: Option<PathBuf>,
}

impl Silence {
    fn of(work: &Work<'_>) -> Self {
        let state = work.cx.state_dir();
        Self {
            folder: state.map(|state| state.join("silent").join(&work.project.name)),
        }
    }

    fn path(&self, one: &Started) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(&one.name))
    }

    fn is_known(&self, one: &Started, service: &Service) -> bool {
        let text = self
            .path(one)
            .and_then(|path| std::fs::read_to_string(path).ok());
        text.is_some_and(|text| text == hash::service(service, HashForm::Five).0)
    }

    fn remember(&self, one: &Started, service: &Service) {
        let (Some(folder), Some(path)) = (&self.folder, self.path(one)) else {
            return;
        };
        let hash = hash::service(service, HashForm::Five).0;
        let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(path, hash));
        if let Err(error) = written {
            tracing::warn!(target: "dco::up", %error, "a silent port is not remembered");
        }
    }
}
