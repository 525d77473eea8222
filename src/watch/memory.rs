//! What a watch remembers of each service from one reaction to the next. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use super::rule::{LoopGuard, Reaction};
use crate::name::{ContainerId, ServiceName};

/// How long after a failure the same is tried again, at first.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// And at the most.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What is remembered of a project.
#[derive(Debug, Default)]
pub struct Memory {
    services: BTreeMap<ServiceName, Remembered>,
    /// Who restarts itself by what it writes.
    pub guard: LoopGuard,
}

impl Memory {
    /// What is remembered of a service.
    pub fn of(&mut self, service: &ServiceName) -> &mut Remembered {
        self.services.entry(service.clone()).or_default()
    }

    /// Whether a container of a service lacks what was synced.
    pub fn is_behind(&self, service: &ServiceName, id: &ContainerId) -> bool {
        self.services
            .get(service)
            .is_some_and(|one| !one.synced.is_empty() && !one.current.contains(id))
    }

    /// The services that something is owed to.
    pub fn owing(&self) -> Vec<ServiceName> {
        let services = self.services.iter();
        let owing = services.filter(|(_, one)| one.failures > 0 && !one.synced.is_empty());
        owing.map(|(name, _)| name.clone()).collect()
    }

    /// The services that something was synced to.
    pub fn synced(&self) -> impl Iterator<Item = &ServiceName> {
        let services = self.services.iter();
        services
            .filter(|(_, one)| !one.synced.is_empty())
            .map(|(name, _)| name)
    }
}

/// What is remembered of a service.
#[derive(Debug, Default)]
pub struct Remembered {
    /// All that was synced since the watch began: container path → host path. A container that is
    /// made anew has none of it.
    pub synced: BTreeMap<PathBuf, PathBuf>,
    /// The containers that have it.
    pub current: BTreeSet<ContainerId>,
    /// What could not be done and is still to be: restarts and commands.
    pub owed: Reaction,
    /// Whether a reload of ours restarted it: then it is ours to start again where that failed.
    pub restarted: bool,
    /// Whether the user was told that what runs is not known.
    pub told: bool,
    /// How often in a row it failed.
    pub failures: u32,
}

impl Remembered {
    /// Adds what is owed to a reaction.
    pub fn add_owed(&mut self, reaction: &mut Reaction) {
        let owed = std::mem::take(&mut self.owed);
        reaction.restart |= owed.restart;
        for hook in owed.exec {
            if !reaction.exec.contains(&hook) {
                reaction.exec.push(hook);
            }
        }
    }

    /// How long to wait after one more failure.
    pub fn failed(&mut self) -> Duration {
        let pause = FIRST_PAUSE * 2_u32.saturating_pow(self.failures.min(10));
        self.failures += 1;
        pause.min(LONGEST_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_tried_again_ever_more_seldom() {
        let mut one = Remembered::default();
        let pauses: Vec<u128> = (0..7).map(|_| one.failed().as_millis()).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 10000, 10000]);
    }

    #[test]
    fn a_container_is_behind_where_something_was_synced_that_it_has_not() {
        let (web, one) = (ServiceName::from("web"), ContainerId::from("1".to_owned()));
        let mut memory = Memory::default();
        assert!(!memory.is_behind(&web, &one));
        memory
            .of(&web)
            .synced
            .insert("/app/a".into(), "/src/a".into());
        assert!(memory.is_behind(&web, &one));
        memory.of(&web).current.insert(one.clone());
        assert!(!memory.is_behind(&web, &one));
    }
}
