//! How a program is told whose source is bind-mounted: the file is there already, and what runs
//! decides what it needs.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::act::{Life, Member};
use super::look::Look;
use super::news::Did;
use super::processes;
use super::program::{self, Reloading};
use super::rule::{Reload, Replace};
use super::turn::Turn;

/// A running container, and what is to be seen of it.
struct Seen<'m> {
    member: &'m Member,
    look: Look,
}

/// Host path → container path.
type Paths = BTreeMap<PathBuf, PathBuf>;

impl Turn<'_> {
    /// Tells a program whose source is mounted that it changed.
    pub(super) async fn reload(&self, members: &[Member]) -> Result<Option<Did>> {
        let how = &self.reaction.how;
        if *how == Reload::Nothing {
            return Ok(None);
        }
        let mut seen = Vec::new();
        for member in members.iter().filter(|one| one.life == Life::Running) {
            let look = Look::at(self.session.engine, member).await?;
            seen.push(Seen { member, look });
        }
        if seen.is_empty() {
            return self.start_again(members).await;
        }
        let paths = self.by_others(&seen);
        if paths.is_empty() {
            return Ok(None);
        }
        let stale = stale(&seen, &paths);
        Ok(match how {
            Reload::Nothing => None,
            Reload::Rebuild => {
                let hands = self.session.hands;
                hands.rebuild(&self.service, Replace::Always).await?;
                Some(Did::Rebuilt)
            }
            Reload::Restart => self.restart(None, stale).await?,
            Reload::Infer => self.infer(&seen, &paths, stale).await?,
            _ if stale.is_some() => stale.map(Did::Left),
            Reload::Signal(signal) => {
                for one in &seen {
                    let engine = self.session.engine;
                    engine.kill_container(&one.member.id, signal).await?;
                }
                Some(Did::Sent(signal.clone()))
            }
            Reload::Exec(hook) => {
                self.run(members, hook).await?;
                Some(Did::Ran(super::act::program_of(hook).to_owned()))
            }
            Reload::Poke => self.poke(&seen, &paths),
        })
    }

    /// A service that failed after a reload of ours gets its next chance with the next save; any
    /// other that does not run stays as it is.
    async fn start_again(&self, members: &[Member]) -> Result<Option<Did>> {
        let is_ours = {
            let mut memory = self.session.memory.borrow_mut();
            memory.of(&self.service).restarted
        };
        let has_failed = members
            .iter()
            .any(|one| matches!(one.life, Life::Failed | Life::Done));
        let restarts = matches!(self.reaction.how, Reload::Infer | Reload::Restart);
        match is_ours && has_failed && restarts {
            true => self.restart(None, None).await,
            false => Ok(None),
        }
    }

    async fn infer(
        &self,
        seen: &[Seen<'_>],
        paths: &Paths,
        stale: Option<String>,
    ) -> Result<Option<Did>> {
        let Some(first) = seen.first() else {
            return Ok(None);
        };
        let engine = self.session.engine;
        let processes = processes::of(engine, first.member, first.look.pid).await?;
        let mounts: Vec<&Path> = paths.values().filter_map(|path| path.parent()).collect();
        Ok(match program::reloading(&processes, &mounts) {
            Reloading::Itself(_) if stale.is_some() => stale.map(Did::Left),
            Reloading::Itself(_) => self.poke(seen, paths),
            Reloading::Once(name) => {
                for one in seen {
                    if one.look.is_in_use(engine).await? {
                        return Ok(Some(Did::Left(format!(
                            "not restarted: `{name}` read it once, but a command runs in the container"
                        ))));
                    }
                }
                self.restart(Some(name), stale).await?
            }
            Reloading::Unknown if stale.is_some() => stale.map(Did::Left),
            Reloading::Unknown => self.is_first_word().then(|| {
                Did::Left(
                    "left alone: what runs is not known; `x-dco: {reload: restart}` restarts it"
                        .to_owned(),
                )
            }),
        })
    }

    /// Whether nothing was said yet about what runs not being known.
    fn is_first_word(&self) -> bool {
        let mut memory = self.session.memory.borrow_mut();
        !std::mem::replace(&mut memory.of(&self.service).told, true)
    }

    async fn restart(&self, name: Option<String>, stale: Option<String>) -> Result<Option<Did>> {
        if stale.is_some() && self.rules.keeps_data.contains(&self.service) {
            return Ok(stale.map(Did::Left));
        }
        let now = || self.start.elapsed();
        let allowed = {
            let mut memory = self.session.memory.borrow_mut();
            memory.guard.allows(&self.service, &self.paths, now())
        };
        if !allowed {
            return Ok(Some(Did::Left(
                "not restarted again: it writes this file itself; `x-dco: {ignore: [...]}` leaves the file out".to_owned(),
            )));
        }
        let restarted = self.session.hands.restart(&self.service).await;
        let mut memory = self.session.memory.borrow_mut();
        memory.guard.restarted(&self.service, now());
        // Also where it failed: the next save tries again.
        memory.of(&self.service).restarted = true;
        restarted.map(|()| Some(Did::Restarted(name)))
    }

    /// What is news to the containers: neither written by themselves, nor before they started.
    fn by_others(&self, seen: &[Seen<'_>]) -> Paths {
        let pids = seen.iter().filter_map(|one| one.look.pid);
        let writers = Writers::of(pids.flat_map(processes::all_below).collect());
        let started = seen.iter().map(|one| one.look.started).min().flatten();
        let paths = self.reaction.reload.iter();
        let others = paths.filter(|(outside, _)| {
            let changed = changed_at(outside);
            let is_old = changed.is_some() && changed < started && self.rereads_all();
            !is_old && !writers.wrote(outside)
        });
        others
            .map(|(outside, inside)| (outside.clone(), inside.clone()))
            .collect()
    }

    /// Whether the reaction makes the program read everything again.
    fn rereads_all(&self) -> bool {
        matches!(self.reaction.how, Reload::Infer | Reload::Restart)
    }

    /// Touches what changed where the container's own watcher cannot have seen it: no event told of
    /// it here either, or the file there is another inode than the host's.
    fn poke(&self, seen: &[Seen<'_>], paths: &Paths) -> Option<Did> {
        let mut poked = 0;
        for one in seen {
            let Some(inside) = one.look.inside() else {
                continue;
            };
            for (outside, path) in paths {
                let is_other = || {
                    let here = outside.symlink_metadata().ok()?;
                    Some(inside.identity(path).ok()? != (here.dev(), here.ino()))
                };
                let is_asked = self.reaction.how.clone() == Reload::Poke;
                if is_asked || self.silent.contains(outside) || is_other() == Some(true) {
                    self.echoes.expect(outside);
                    poked += usize::from(inside.poke(path).is_ok());
                }
            }
        }
        (poked > 0).then_some(Did::Poked(poked))
    }
}

/// When a path was last changed in any way; of one that is gone, when its folder was.
fn changed_at(path: &Path) -> Option<jiff::Timestamp> {
    let found = path
        .symlink_metadata()
        .or_else(|_| path.parent().unwrap_or(path).metadata());
    let found = found.ok()?;
    let nanos = i32::try_from(found.ctime_nsec()).ok()?;
    jiff::Timestamp::new(found.ctime(), nanos).ok()
}

/// The processes of containers, as far as they write files.
struct Writers {
    pids: Vec<i64>,
    /// Who they are, where that is not us.
    users: BTreeSet<u32>,
}

impl Writers {
    fn of(pids: Vec<i64>) -> Self {
        let own = rustix::process::geteuid().as_raw();
        let users = pids.iter().filter_map(|pid| {
            let found = std::fs::metadata(format!("/proc/{pid}")).ok()?;
            Some(found.uid()).filter(|user| *user != own)
        });
        Self {
            users: users.collect(),
            pids,
        }
    }

    /// Whether a file is theirs: one has it open for writing, or it belongs to their user and not
    /// to ours.
    fn wrote(&self, path: &Path) -> bool {
        let found = path.symlink_metadata().ok().filter(|it| it.is_file());
        found.is_some_and(|it| {
            let file = (it.dev(), it.ino());
            self.users.contains(&it.uid())
                || self.pids.iter().any(|pid| processes::writes(*pid, file))
        })
    }
}

/// What is to be said of a mount whose source was replaced or removed on the host: the container
/// still has the old one.
fn stale(seen: &[Seen<'_>], paths: &Paths) -> Option<String> {
    let mounts = seen.iter().flat_map(|one| one.look.mounts());
    let mut gone = mounts.filter(|mount| mount.root.ends_with("//deleted"));
    let is_hit = |point: &Path| paths.values().any(|path| path.starts_with(point));
    let mount = gone.find(|mount| is_hit(&mount.point))?;
    Some(format!(
        "stale: `{}` was replaced on the host, and the container has the old one until it is restarted",
        mount.point.display()
    ))
}
