//! What each container was waited for, and how long: kept for `ps`. Lost, its column stays empty.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Context;
use crate::execute::{Outcome, Report};
use crate::gate::{Condition, Gate};
use crate::plan::{Action, Plan};

/// How a container got ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ready {
    /// The container's id: its name may belong to another one by now.
    id: String,
    /// `port 5432`, `healthy`.
    what: String,
    /// How long after its start, in milliseconds.
    after: u64,
}

/// `port 5432 in 1.2s`.
impl std::fmt::Display for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tenths = (self.after + 50) / 100;
        write!(f, "{} in {}.{}s", self.what, tenths / 10, tenths % 10)
    }
}

impl Ready {
    pub(super) fn new(id: &str, what: String, after: Duration) -> Self {
        Self {
            id: id.to_owned(),
            what,
            after: u64::try_from(after.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// The memory of one project, by the containers' names.
pub(super) struct Readiness {
    path: Option<PathBuf>,
}

impl Readiness {
    pub(super) fn of(cx: &Context, project: &str) -> Self {
        let folder = cx.state_dir().map(|state| state.join("ready"));
        Self {
            path: folder.map(|folder| folder.join(format!("{project}.json"))),
        }
    }

    fn all(&self) -> BTreeMap<String, Ready> {
        let text = self.path.as_ref().map(std::fs::read_to_string);
        let text = text.and_then(Result::ok).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// How the containers of these names and ids got ready.
    pub(super) fn recall<'c>(
        &self,
        containers: impl IntoIterator<Item = (&'c str, &'c str)>,
    ) -> BTreeMap<String, Ready> {
        let mut all = self.all();
        let known = containers.into_iter().filter_map(|(name, id)| {
            let ready = all.remove(name).filter(|ready| ready.id == id)?;
            Some((id.to_owned(), ready))
        });
        known.collect()
    }

    /// Remembers how containers got ready, by their names.
    pub(super) fn remember(&self, news: Vec<(String, Ready)>) {
        let Some(path) = self.path.as_ref().filter(|_| !news.is_empty()) else {
            return;
        };
        let mut all = self.all();
        all.extend(news);
        let text = serde_json::to_string(&all).unwrap_or_default();
        let folder = path.parent().map(std::fs::create_dir_all);
        let written = folder
            .unwrap_or(Ok(()))
            .and_then(|()| std::fs::write(path, text));
        if let Err(error) = written {
            tracing::warn!(target: "dco::ps", %error, "what was waited for is not remembered");
        }
    }
}

/// How the gates of a plan opened, for the containers that it started.
pub(super) fn of_plan(plan: &Plan, report: &Report) -> Vec<(String, Ready)> {
    let mut found: Vec<(String, Ready)> = Vec::new();
    for (step, done) in plan.steps.iter().zip(&report.steps) {
        let Action::Await(gate) = &step.action else {
            continue;
        };
        if done.outcome != Outcome::Done || !tells(gate) {
            continue;
        }
        for one in report
            .started
            .iter()
            .filter(|one| one.service == gate.dependency)
        {
            let after = done.ended.saturating_sub(one.at);
            let what = gate.condition.to_string();
            found.push((one.name.clone(), Ready::new(&one.id, what, after)));
        }
    }
    found
}

/// Whether a gate says more than that a container runs.
fn tells(gate: &Gate) -> bool {
    !matches!(
        gate.condition,
        Condition::Running | Condition::RunningOrDone | Condition::Completed
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenths_of_seconds_are_enough() {
        let ready = |millis| Ready::new("a", "healthy".into(), Duration::from_millis(millis));
        assert_eq!(ready(1249).to_string(), "healthy in 1.2s");
        assert_eq!(ready(12_960).to_string(), "healthy in 13.0s");
    }
}
