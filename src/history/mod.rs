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
