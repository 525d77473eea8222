//! One run as it is remembered: made of the plan and of what became of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::execute::{Outcome, Report};
use crate::name::ServiceName;
use crate::plan::{Action, Cause, FieldChange, Plan, Step, StepId, Target, When};

/// One command that did something.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Run {
    /// Which command.
    pub verb: String,
    /// When it began to act: milliseconds since 1970.
    pub at: i64,
    /// How long it acted, in microseconds.
    pub took: u64,
    /// How it ended.
    pub ending: Ending,
    /// What it did, in the plan's order; what was not needed is left out.
    pub steps: Vec<StepRecord>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Everything was done.
    #[default]
    Done,
    /// Something failed.
    Failed,
    /// It was interrupted.
    Interrupted,
}

/// One step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StepRecord {
    /// Its number in the plan.
    pub id: u32,
    /// What it did: `create app-web-1`.
    pub what: String,
    /// The kind of step: `create`, `await`.
    pub kind: String,
    /// The service it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The id of the container it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The image that it pulled or built: reference and id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<(String, String)>,
    /// Why it was done.
    pub cause: String,
    /// The fields that differed, where that was the cause.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// The steps that had to be done before.
    pub after: Vec<u32>,
    /// When it began: microseconds since the run did.
    pub began: u64,
    /// When it ended.
    pub ended: u64,
    /// What became of it.
    pub outcome: StepOutcome,
    /// Of a gate: what was waited for, such as `db:5432`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Of a gate: who waited.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependents: Vec<String>,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// It was done.
    #[default]
    Done,
    /// It failed.
    Failed,
    /// It was not tried.
    Skipped,
}

/// One field that differed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Change {
    /// `environment.DEBUG`.
    pub field: String,
    /// What it was, as it may be shown.
    pub old: Option<String>,
    /// What it became.
    pub new: Option<String>,
    /// Where that is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// Where a container came from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerOrigin {
    /// The command that made it.
    pub verb: String,
    /// When it was made: milliseconds since 1970.
    pub at: i64,
    /// Why it was made: `missing`, or why another was replaced.
    pub cause: String,
    /// The fields that differed.
    pub changes: Vec<Change>,
    /// What it waited for before its last start, and how long.
    pub waits: Vec<Wait>,
}

/// One gate before a start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wait {
    /// What was waited for.
    pub target: String,
    /// Why.
    pub because: String,
    /// How long, in microseconds.
    pub took: u64,
    /// Whether it opened.
    pub outcome: StepOutcome,
}

/// Where an image came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageOrigin {
    /// How it got here.
    pub how: How,
    /// The reference it was given.
    pub reference: String,
    /// When: milliseconds since 1970.
    pub at: i64,
    /// How long that took, in microseconds.
    pub took: u64,
    /// Why.
    pub cause: String,
}

/// How an image got here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// It was pulled.
    #[default]
    Pulled,
    /// It was built.
    Built,
}

impl Run {
    /// Tells what became of a plan; `at` is when it began, in milliseconds since 1970.
    pub fn of(verb: &str, at: i64, plan: &Plan, report: &Report) -> Self {
        let passed = |id: &StepId| *report.outcome(*id) == Outcome::NotNeeded;
        // Edges lead through what was not needed to what was done before it.
        let mut before: Vec<Vec<u32>> = Vec::with_capacity(plan.steps.len());
        for step in &plan.steps {
            let mut own = Vec::new();
            for earlier in predecessors(step) {
                match passed(&earlier) {
                    true => own.extend(&before[index(earlier)]),
                    false => own.push(earlier.0),
                }
            }
            own.sort_unstable();
            own.dedup();
            before.push(own);
        }
        let steps = plan.steps.iter().zip(before);
        let steps = steps.filter(|(step, _)| !passed(&step.id));
        let steps: Vec<StepRecord> = steps
            .map(|(step, after)| StepRecord {
                after,
                ..StepRecord::of(step, plan, report)
            })
            .collect();
        Self {
            verb: verb.to_owned(),
            at,
            took: steps.iter().map(|step| step.ended).max().unwrap_or(0),
            ending: match report {
                _ if report.interrupts > 0 => Ending::Interrupted,
                _ if report.succeeded() => Ending::Done,
                _ => Ending::Failed,
            },
            steps,
        }
    }
}

fn index(id: StepId) -> usize {
    id.0 as usize - 1
}

/// The steps that one has to wait for, those that its condition looks at included.
fn predecessors(step: &Step) -> Vec<StepId> {
    let mut before = step.after.clone();
    if let When::Failed(steps) = &step.when {
        before.extend(steps.iter().filter(|earlier| **earlier < step.id));
    }
    before
}

impl StepRecord {
    fn of(step: &Step, plan: &Plan, report: &Report) -> Self {
        let became = &report.steps[index(step.id)];
        let action = &step.action;
        let made = |id: StepId| {
            let found = report.created.iter().find(|(step, _)| *step == id);
            found.map(|(_, container)| container.to_string())
        };
        let (cause, changes) = told(&step.cause);
        let image = match action {
            Action::Pull { image, .. } | Action::Build { image, .. } => {
                let id = report.images.get(image);
                id.map(|id| (image.clone(), id.to_string()))
            }
            _ => None,
        };
        let dependents = match action {
            Action::Await(_) => plan.waiting_for(step.id),
            _ => Vec::new(),
        };
        Self {
            id: step.id.0,
            what: action.to_string(),
            kind: kind(action).to_owned(),
            service: action.service().map(ServiceName::to_string),
            container: match (action, action.container()) {
                (Action::Create { .. }, _) => made(step.id),
                (_, Some(Target::Existing { id, .. })) => Some(id.to_string()),
                (_, Some(Target::Planned { step, .. })) => made(*step),
                (_, None) => None,
            },
            image,
            cause,
            changes,
            after: Vec::new(),
            began: micros(became.began),
            ended: micros(became.ended),
            outcome: match &became.outcome {
                Outcome::Done | Outcome::NotNeeded => StepOutcome::Done,
                Outcome::Failed(_) | Outcome::Tolerated(_) => StepOutcome::Failed,
                Outcome::Skipped { .. } | Outcome::Cancelled => StepOutcome::Skipped,
            },
            target: match action {
                Action::Await(gate) => Some(gate.target()),
                _ => None,
            },
            dependents: dependents.iter().map(ServiceName::to_string).collect(),
        }
    }

    /// How long it took, in microseconds.
    pub fn took(&self) -> u64 {
        self.ended.saturating_sub(self.began)
    }
}

pub(super) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// The first word of a step's text.
fn kind(action: &Action) -> &'static str {
    match action {
        Action::Pull { .. } => "pull",
        Action::Build { .. } => "build",
        Action::CreateNetwork { .. } => "create_network",
        Action::RemoveNetwork { .. } => "remove_network",
        Action::Connect { .. } => "connect",
        Action::Disconnect { .. } => "disconnect",
        Action::CreateVolume { .. } => "create_volume",
        Action::RemoveVolume { .. } => "remove_volume",
        Action::RemoveImage { .. } => "remove_image",
        Action::Create { .. } => "create",
        Action::Start { .. } => "start",
        Action::Stop { .. } => "stop",
        Action::Restart { .. } => "restart",
        Action::Remove { .. } => "remove",
        Action::Rename { .. } => "rename",
        Action::Kill { .. } => "kill",
        Action::Pause { .. } => "pause",
        Action::Unpause { .. } => "unpause",
        Action::ImagesReady => "barrier",
        Action::Await(_) => "await",
        Action::PreStart { .. } | Action::Hook { .. } => "hook",
    }
}

/// A cause in words, and the fields apart.
fn told(cause: &Cause) -> (String, Vec<Change>) {
    match cause {
        Cause::ConfigChanged(fields) => (
            Cause::ConfigChanged(Vec::new()).to_string(),
            fields.iter().map(Change::of).collect(),
        ),
        other => (other.to_string(), Vec::new()),
    }
}

impl Change {
    /// A field as a plan tells it.
    pub fn of(field: &FieldChange) -> Self {
        Self {
            field: field.field.clone(),
            old: field.old.clone(),
            new: field.new.clone(),
            place: field.place.as_ref().map(ToString::to_string),
        }
    }
}

/// Keeps where the containers and images of a run came from, and forgets those that it removed.
pub(super) fn origins(
    run: &Run,
    containers: &mut BTreeMap<String, ContainerOrigin>,
    images: &mut BTreeMap<String, ImageOrigin>,
) {
    let moment = |micros: u64| run.at + i64::try_from(micros / 1000).unwrap_or(0);
    let done = run
        .steps
        .iter()
        .filter(|step| step.outcome == StepOutcome::Done);
    for step in done {
        match (step.kind.as_str(), &step.container, &step.image) {
            ("create", Some(id), _) => {
                let origin = ContainerOrigin {
                    verb: run.verb.clone(),
                    at: moment(step.ended),
                    cause: step.cause.clone(),
                    changes: step.changes.clone(),
                    waits: Vec::new(),
                };
                containers.insert(id.clone(), origin);
            }
            ("start", Some(id), _) => {
                let Some(service) = &step.service else {
                    continue;
                };
                if let Some(origin) = containers.get_mut(id) {
                    origin.waits = waits(run, service);
                }
            }
            ("remove", Some(id), _) => drop(containers.remove(id)),
            (kind @ ("pull" | "build"), _, Some((reference, id))) => {
                let origin = ImageOrigin {
                    how: match kind {
                        "build" => How::Built,
                        _ => How::Pulled,
                    },
                    reference: reference.clone(),
                    at: moment(step.ended),
                    took: step.took(),
                    cause: step.cause.clone(),
                };
                images.insert(id.clone(), origin);
            }
            _ => {}
        }
    }
}

/// What a service waited for in a run.
fn waits(run: &Run, service: &str) -> Vec<Wait> {
    let mine = run
        .steps
        .iter()
        .filter(|step| step.dependents.iter().any(|one| one == service));
    mine.map(|step| Wait {
        target: step.target.clone().unwrap_or_default(),
        because: step.cause.clone(),
        took: step.took(),
        outcome: step.outcome,
    })
    .collect()
}
