//! What dco remembers of what it did, for `why`, `timeline`, and to say which fields changed.
//!
//! Memory only: without it every plan is the same, and says less. Values that look secret are
//! kept as salted digests, never as they are.
//!
//! | module | what lives there |
//! |---|---|
//! | [`record`] | one run: its steps with begin and end, causes and gates |
//! | [`fields`] | what a service was configured with, field by field, and what changed |
//! | `critical` | the steps of a run that decided how long it took |
//! | [`store`] | the file |

mod critical;
pub mod fields;
pub mod record;
pub mod store;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use critical::critical_path;
pub use fields::Fields;
pub use record::{
    Change, ContainerOrigin, Ending, How, ImageOrigin, Run, StepOutcome, StepRecord, Wait,
};
pub use store::Store;

/// Everything that is remembered of one project on one engine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// What digests of secrets are salted with.
    pub salt: String,
    /// The runs that did something, the oldest first.
    pub runs: Vec<Run>,
    /// What the containers of each service were last made with.
    pub configs: BTreeMap<String, Config>,
    /// Where containers came from, by id.
    pub containers: BTreeMap<String, ContainerOrigin>,
    /// Where images came from, by id.
    pub images: BTreeMap<String, ImageOrigin>,
}

/// What the containers of a service were made with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// The config hash in their label.
    pub hash: String,
    /// The fields.
    pub fields: Fields,
}

/// As many runs are kept.
const RUNS: usize = 30;

/// As many containers and images are kept.
const THINGS: usize = 500;

impl History {
    /// The last run of a verb.
    pub fn last(&self, verb: &str) -> Option<&Run> {
        self.runs.iter().rev().find(|run| run.verb == verb)
    }

    /// Takes a run in, with where its containers and images came from, and forgets what is old.
    pub fn add(&mut self, run: Run) {
        record::origins(&run, &mut self.containers, &mut self.images);
        self.runs.push(run);
        let surplus = self.runs.len().saturating_sub(RUNS);
        self.runs.drain(..surplus);
        keep_newest(&mut self.containers, |origin| origin.at);
        keep_newest(&mut self.images, |origin| origin.at);
    }

    /// Adds to the newest run, after its steps, the wait until what it started had settled.
    pub fn settled(&mut self, took: Duration) {
        let Some(run) = self.runs.last_mut() else {
            return;
        };
        let last = run.steps.iter().map(|step| step.id).max().unwrap_or(0);
        let starts = run.steps.iter();
        let starts = starts.filter(|step| matches!(step.kind.as_str(), "start" | "restart"));
        let ended = run.took + record::micros(took);
        run.steps.push(StepRecord {
            id: last + 1,
            what: "settle".to_owned(),
            kind: "settle".to_owned(),
            after: starts.map(|step| step.id).collect(),
            began: run.took,
            ended,
            ..StepRecord::default()
        });
        run.took = ended;
    }

    /// Forgets what takes the most room; false where nothing is left to forget.
    fn shrink(&mut self) -> bool {
        match self.runs.len() {
            0 | 1 => !std::mem::take(&mut self.configs).is_empty(),
            count => {
                self.runs.drain(..count / 2);
                true
            }
        }
    }
}

fn keep_newest<T>(things: &mut BTreeMap<String, T>, at: impl Fn(&T) -> i64) {
    let surplus = things.len().saturating_sub(THINGS);
    if surplus == 0 {
        return;
    }
    let mut by_age: Vec<(i64, String)> = things
        .iter()
        .map(|(id, thing)| (at(thing), id.clone()))
        .collect();
    by_age.sort();
    for (_, id) in by_age.into_iter().take(surplus) {
        things.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settling_comes_after_all_starts_and_makes_the_run_longer() {
        let step = |id, kind: &str| StepRecord {
            id,
            kind: kind.to_owned(),
            ..StepRecord::default()
        };
        let mut history = History::default();
        history.add(Run {
            took: 900,
            steps: vec![step(1, "create"), step(4, "start"), step(6, "restart")],
            ..Run::default()
        });
        history.settled(Duration::from_micros(100));
        let run = &history.runs[0];
        let last = &run.steps[3];
        assert_eq!((last.id, last.began, last.ended), (7, 900, 1000));
        assert_eq!(last.after, [4, 6]);
        assert_eq!(run.took, 1000);
    }
}
