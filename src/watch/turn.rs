//! One reaction of one service, from the changed paths to the line that tells of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use super::act::{self, Life, Member};
use super::news::{Did, Line, News};
use super::rule::{Changed, Reaction};
use super::rules::Rules;
use super::session::{Done, Session};
use super::source::Echoes;
use crate::name::ServiceName;
use crate::project::Hook;

/// One reaction of one service.
pub(super) struct Turn<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) rules: &'a Rules,
    pub(super) service: ServiceName,
    pub(super) reaction: Reaction,
    pub(super) paths: BTreeSet<PathBuf>,
    /// Those that no event told of.
    pub(super) silent: BTreeSet<PathBuf>,
    pub(super) arrived: Instant,
    /// When the watch began.
    pub(super) start: Instant,
    pub(super) echoes: Echoes,
}

impl Turn<'_> {
    /// Reacts, and tells.
    pub(super) async fn react(mut self) -> Done {
        let mut did = Vec::new();
        {
            let mut memory = self.session.memory.borrow_mut();
            memory.of(&self.service).add_owed(&mut self.reaction);
        }
        let result = self.carry_out(&mut did).await;
        let again = self.outcome(&result);
        // Of a failure that goes on while nobody changes anything, the first line is enough.
        if !did.is_empty() || (result.is_err() && !self.paths.is_empty()) {
            (self.session.say)(News::Line(Line {
                changed: match self.paths.is_empty() {
                    true => "catching up".to_owned(),
                    false => Changed(&self.paths, self.session.folder).to_string(),
                },
                paths: self.paths.len(),
                service: self.service.clone(),
                did,
                took: self.arrived.elapsed(),
                error: result.err(),
            }));
        }
        (self.session.say)(News::Batch {
            paths: self.paths.len(),
            took: self.arrived.elapsed(),
        });
        Done(self.service, again)
    }

    /// When to try again, where that is worth it: a container that could not take its files may.
    fn outcome(&self, result: &Result<()>) -> Option<Duration> {
        let mut memory = self.session.memory.borrow_mut();
        let one = memory.of(&self.service);
        match result {
            Ok(()) => {
                one.failures = 0;
                None
            }
            Err(_) => {
                let pause = one.failed();
                let is_owed = !one.synced.is_empty() || one.owed != Reaction::default();
                is_owed.then_some(pause)
            }
        }
    }

    async fn carry_out(&self, did: &mut Vec<Did>) -> Result<()> {
        let Session {
            engine,
            project,
            hands,
            ..
        } = *self.session;
        let reaction = &self.reaction;
        if let Some(replace) = reaction.rebuild {
            (self.session.say)(News::Rebuilding(self.service.clone()));
            hands.rebuild(&self.service, replace).await?;
            did.push(Did::Rebuilt);
        }
        let members = act::members(engine, project, &self.service).await;
        if members.is_err() && !reaction.sync.is_empty() {
            // Nobody has it.
            let mut memory = self.session.memory.borrow_mut();
            memory.of(&self.service).current.clear();
        }
        let members = self.owing(members)?;
        let synced = self.sync(&members, did).await;
        self.owing(synced)?;
        if reaction.restart && self.may_restart(&members) {
            hands.restart(&self.service).await?;
            self.session.memory.borrow_mut().of(&self.service).restarted = true;
            did.push(Did::Restarted(None));
        }
        for hook in &reaction.exec {
            if self.run(&members, hook).await? {
                did.push(Did::Ran(act::program_of(hook).to_owned()));
            }
        }
        if !reaction.reload.is_empty() && reaction.rebuild.is_none() && !reaction.restart {
            did.extend(self.reload(&members).await?);
        }
        Ok(())
    }

    /// Whether a container is there to be restarted: one that runs or failed, or that we restarted
    /// and that ended at once (an editor empties a file before it writes it). What somebody stopped
    /// stays stopped.
    fn may_restart(&self, members: &[Member]) -> bool {
        let is_ours = self.session.memory.borrow_mut().of(&self.service).restarted;
        members.iter().any(|one| match one.life {
            Life::Running | Life::Failed => true,
            Life::Done => is_ours,
            Life::Stopped => false,
        })
    }

    /// Notes what is still to be done where a step failed before it.
    fn owing<T>(&self, result: Result<T>) -> Result<T> {
        if result.is_err() {
            let mut memory = self.session.memory.borrow_mut();
            let one = memory.of(&self.service);
            one.synced.extend(self.reaction.sync.clone());
            one.owed = Reaction {
                restart: self.reaction.restart,
                exec: self.reaction.exec.clone(),
                ..Reaction::default()
            };
        }
        result
    }

    /// Brings the containers to the host's state: those that are current by what changed, new ones
    /// by all that was synced before.
    async fn sync(&self, members: &[Member], did: &mut Vec<Did>) -> Result<()> {
        let changed = &self.reaction.sync;
        let (current, behind, all) = {
            let mut memory = self.session.memory.borrow_mut();
            let one = memory.of(&self.service);
            let is_first = one.synced.is_empty();
            one.synced.extend(changed.clone());
            let is_current = |member: &&Member| {
                member.life == Life::Running && (is_first || one.current.contains(&member.id))
            };
            let reachable = members.iter().filter(|one| one.life != Life::Stopped);
            let (current, behind): (Vec<&Member>, Vec<&Member>) = reachable.partition(is_current);
            let all = match behind.is_empty() {
                true => BTreeMap::new(),
                false => one.synced.clone(),
            };
            (current, behind, all)
        };
        if changed.is_empty() && all.is_empty() {
            return Ok(());
        }
        let engine = self.session.engine;
        let count = all.len();
        let (mut synced, caught_up) = tokio::join!(
            act::sync(engine, &current, changed.clone()),
            act::sync(engine, &behind, all)
        );
        synced.failed.extend(caught_up.failed);
        synced.unreadable.extend(caught_up.unreadable);
        let has_failed = |one: &Member| synced.failed.iter().any(|(id, _)| *id == one.id);
        let took = current.iter().chain(&behind).filter(|one| !has_failed(one));
        {
            let mut memory = self.session.memory.borrow_mut();
            // In one that does not run nothing can be removed: it is behind until it does.
            let running = took.clone().filter(|one| one.life == Life::Running);
            memory.of(&self.service).current = running.map(|one| one.id.clone()).collect();
        }
        let took: Vec<_> = took.collect();
        match took.len() {
            0 => {}
            _ if changed.is_empty() => did.push(Did::CaughtUp(count)),
            n => did.push(Did::Synced(n)),
        }
        if let Some((_, error)) = synced.failed.pop() {
            return Err(error);
        }
        match synced.unreadable.first() {
            Some(path) => Err(anyhow!("cannot read `{}`", path.display())),
            None => Ok(()),
        }
    }

    /// Runs a command in each container that runs; whether there was one.
    pub(super) async fn run(&self, members: &[Member], hook: &Hook) -> Result<bool> {
        let running = members.iter().filter(|one| one.life == Life::Running);
        let said = |line: &str| {
            (self.session.say)(News::Said(self.service.clone(), line.to_owned()));
        };
        let each = running.map(|member| act::run(self.session.engine, member, hook, &said));
        let ended = futures_util::future::join_all(each).await;
        let ran = !ended.is_empty();
        ended.into_iter().collect::<Result<()>>()?;
        Ok(ran)
    }
}
