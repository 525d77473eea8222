//! One gate: asks the prober until there is a verdict, and says what it is.

use std::sync::Arc;

use super::site::Site;
use crate::diagnostic::{Diagnostic, Severity};
use crate::engine::probe::{Patience, Subject};
use crate::event::{Event, Resource, Status};
use crate::gate::{Condition, Failure, Gate, Strength, Verdict};
use crate::name::ServiceName;

impl Site<'_> {
    /// Waits for a gate. A soft one that does not open is a warning.
    ///
    /// `dependents` are those who wait; none where the command itself does.
    pub(super) async fn wait(
        &self,
        gate: &Gate,
        dependents: Vec<ServiceName>,
    ) -> Result<(), Diagnostic> {
        let Some(prober) = self.tools.prober else {
            return Ok(());
        };
        let peers = self.peers(&gate.dependency).into_iter();
        let subjects: Vec<Subject> = peers
            .map(|peer| Subject {
                id: peer.id,
                name: peer.name,
            })
            .collect();
        if subjects.is_empty() {
            return Ok(());
        }
        let shown: Vec<Resource> = self.shown(gate, &subjects);
        for resource in &shown {
            self.say(resource.clone(), Status::Working, "Waiting");
        }
        let events = self.tools.events.clone();
        let target = gate.target();
        let patience = Patience {
            soft_limit: self.tools.soft_limit,
            cancel: self.cancelled.clone(),
            still_waiting: Arc::new(move |elapsed| {
                for dependent in &dependents {
                    events.emit(Event::StillWaiting {
                        dependent: dependent.clone(),
                        target: target.clone(),
                        elapsed,
                    });
                }
                if dependents.is_empty() {
                    let seconds = elapsed.as_secs();
                    events.emit(Event::Note(format!(
                        "still waiting for {target} ({seconds} s)"
                    )));
                }
            }),
        };
        let waited = prober.wait(gate, &subjects, &patience).await;
        let say = |status, text: &str| {
            for resource in &shown {
                self.say(resource.clone(), status, text);
            }
        };
        match (&waited.verdict, gate.strength) {
            (Verdict::Ready, _) => {
                say(Status::Done, ready_word(&gate.condition));
                Ok(())
            }
            (Verdict::Cancelled | Verdict::Pending, _) => {
                say(Status::Warning, "Interrupted");
                Err(Diagnostic::error(format!(
                    "waiting for {} was interrupted",
                    gate.target()
                )))
            }
            (verdict, strength @ (Strength::Soft | Strength::Optional)) => {
                match strength {
                    Strength::Optional => say(Status::Warning, "Skipped"),
                    _ => say(Status::Warning, "Not ready"),
                }
                let warning = match (verdict, strength) {
                    (Verdict::TimedOut, Strength::Soft) => self.silence(gate, &subjects).await,
                    _ => None,
                };
                let warning = Diagnostic {
                    severity: Severity::Warning,
                    ..warning.unwrap_or_else(|| explain(gate, verdict))
                };
                self.tools.events.emit(Event::Diagnostic(warning));
                Ok(())
            }
            (verdict, Strength::Declared) => {
                say(Status::Error, "Error");
                Err(explain(gate, verdict))
            }
        }
    }

    /// The card of the first replica that is waited for in vain; none where it was shown before.
    async fn silence(&self, gate: &Gate, subjects: &[Subject]) -> Option<Diagnostic> {
        let Condition::Listening(ports) = &gate.condition else {
            return None;
        };
        let subject = subjects.first()?;
        if !self.explains(&subject.id) {
            return None;
        }
        let peers = self.all_peers();
        let autopsy = self.autopsy(&peers);
        let card = autopsy.silent(&gate.dependency, &subject.id, ports).await?;
        let message = format!("gave up waiting for {}: {}", gate.target(), card.message);
        Some(Diagnostic { message, ..card })
    }

    /// The lines that show a wait: Compose shows the containers, and has no word for a port.
    fn shown(&self, gate: &Gate, subjects: &[Subject]) -> Vec<Resource> {
        match gate.condition {
            Condition::Healthy
            | Condition::Completed
            | Condition::Running
            | Condition::RunningOrDone => subjects
                .iter()
                .map(|subject| Resource::Container(subject.name.clone()))
                .collect(),
            _ => vec![Resource::Gate(gate.target())],
        }
    }
}

fn ready_word(condition: &Condition) -> &'static str {
    match condition {
        Condition::Healthy => "Healthy",
        Condition::Completed => "Exited",
        Condition::Running | Condition::RunningOrDone => "Started",
        _ => "Ready",
    }
}

/// Whether nobody depends on it, and `--wait` asks.
fn is_wait(gate: &Gate) -> bool {
    gate.strength == Strength::Declared && gate.because.what == crate::plan::WAIT
}

/// Compose's words where it has some.
fn explain(gate: &Gate, verdict: &Verdict) -> Diagnostic {
    let dependency = &gate.dependency;
    let diagnostic = match verdict {
        Verdict::Failed(failure) if is_wait(gate) => Diagnostic::error(failure.to_string()),
        Verdict::Failed(Failure::Exited { code, .. }) if gate.condition == Condition::Completed => {
            let who = match gate.strength {
                Strength::Optional => "optional dependency",
                _ => "service",
            };
            Diagnostic::error(format!(
                "{who} \"{dependency}\" didn't complete successfully: exit {code}"
            ))
        }
        Verdict::Failed(failure) if gate.strength == Strength::Optional => Diagnostic::error(
            format!("optional dependency \"{dependency}\" failed to start: {failure}"),
        ),
        Verdict::Failed(failure @ Failure::Unseen { .. }) => {
            Diagnostic::error(format!("{}: {failure}", gate.target()))
                .hint("pull `busybox` there, or give it a healthcheck and wait for that")
        }
        Verdict::Failed(failure) => {
            Diagnostic::error(format!("dependency failed to start: {failure}"))
        }
        Verdict::TimedOut if is_wait(gate) => {
            let limit = gate.limit.map_or(0, |limit| limit.to_std().as_secs());
            Diagnostic::error(format!("application not healthy after {limit}s"))
                .hint(format!("waited in vain for {}", gate.target()))
        }
        _ => Diagnostic::error(format!("gave up waiting for {}", gate.target())),
    };
    diagnostic.at(gate.because.place.clone())
}
