//! What a changed path means to a service: rules in, reactions out. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::name::ServiceName;
use crate::project::Hook;

/// Whether a path, absolute on the host, belongs to a set.
pub type Matches = Arc<dyn Fn(&Path) -> bool + Send + Sync>;

/// One thing to watch for one service.
#[derive(Clone)]
pub struct Rule {
    /// The service.
    pub service: ServiceName,
    /// A file or folder of the host: real and absolute.
    pub path: PathBuf,
    /// Only these paths.
    pub include: Matches,
    /// Never these.
    pub ignore: Matches,
    /// What a change does.
    pub does: Does,
}

/// What a change does.
#[derive(Clone, Debug, PartialEq)]
pub enum Does {
    /// Copies it into the container at this path, and then something more.
    Sync {
        /// Where the rule's path lies in the container.
        target: PathBuf,
        /// What follows.
        then: Then,
    },
    /// Restarts the service.
    Restart,
    /// Builds the service's image and replaces its containers.
    Rebuild(Replace),
    /// The file is there already, by a bind mount: the program has to notice.
    Reload {
        /// Where the rule's path lies in the container.
        target: PathBuf,
        /// What to do about it.
        how: Reload,
    },
}

/// Which containers a rebuild replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Replace {
    /// Those whose image came out another.
    IfChanged,
    /// All, as Docker Compose does for a rule that says `rebuild`.
    Always,
}

/// What follows a sync.
#[derive(Clone, Debug, PartialEq)]
pub enum Then {
    /// Nothing.
    Nothing,
    /// A restart of the service.
    Restart,
    /// A command in each of its containers.
    Exec(Hook),
}

/// How a service with bind-mounted source is told.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Reload {
    /// By what runs in it: see [`super::program`].
    #[default]
    Infer,
    /// Restarted.
    Restart,
    /// Sent a signal.
    Signal(String),
    /// A command in each container.
    Exec(Hook),
    /// Its image is built and its containers are replaced.
    Rebuild,
    /// The file is touched in the container, so that its own watcher sees an event.
    Poke,
    /// Left alone.
    Nothing,
}

/// All that one batch of changes means to one service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reaction {
    /// Container path → host path: what is copied or, where the host has it no more, removed.
    pub sync: BTreeMap<PathBuf, PathBuf>,
    /// The service is restarted after the sync.
    pub restart: bool,
    /// Commands after the sync, each once.
    pub exec: Vec<Hook>,
    /// The image is built anew.
    pub rebuild: Option<Replace>,
    /// Bind-mounted paths the program has to notice: host path → container path, and how.
    pub reload: BTreeMap<PathBuf, PathBuf>,
    /// How it is told, where `reload` has something.
    pub how: Reload,
}

impl Rule {
    /// Whether a changed path is the rule's matter.
    pub fn takes(&self, path: &Path) -> bool {
        path.starts_with(&self.path) && (self.include)(path) && !(self.ignore)(path)
    }

    fn inside(&self, path: &Path, target: &Path) -> PathBuf {
        match path.strip_prefix(&self.path) {
            Ok(rest) if rest.as_os_str().is_empty() => target.to_path_buf(),
            Ok(rest) => target.join(rest),
            Err(_) => target.to_path_buf(),
        }
    }
}

/// What a batch of changed host paths means to a service.
pub fn reaction(rules: &[Rule], service: &ServiceName, paths: &BTreeSet<PathBuf>) -> Reaction {
    let mut reaction = Reaction::default();
    for rule in rules.iter().filter(|rule| rule.service == *service) {
        for path in paths.iter().filter(|path| rule.takes(path)) {
            match &rule.does {
                Does::Sync { target, then } => {
                    reaction
                        .sync
                        .insert(rule.inside(path, target), path.clone());
                    match then {
                        Then::Nothing => {}
                        Then::Restart => reaction.restart = true,
                        Then::Exec(hook) if reaction.exec.contains(hook) => {}
                        Then::Exec(hook) => reaction.exec.push(hook.clone()),
                    }
                }
                Does::Restart => reaction.restart = true,
                Does::Rebuild(replace) => {
                    reaction.rebuild = reaction.rebuild.max(Some(*replace));
                }
                Does::Reload { target, how } => {
                    reaction
                        .reload
                        .insert(path.clone(), rule.inside(path, target));
                    reaction.how = how.clone();
                }
            }
        }
    }
    reaction
}

/// `views.py`, or `views.py and 3 more`: what changed, for the line that says so.
pub struct Changed<'a>(pub &'a BTreeSet<PathBuf>, pub &'a Path);

impl fmt::Display for Changed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.0.first() else {
            return f.write_str("nothing");
        };
        let shown = first.strip_prefix(self.1).unwrap_or(first);
        write!(f, "{}", shown.display())?;
        match self.0.len() {
            1 => Ok(()),
            n => write!(f, " and {} more", n - 1),
        }
    }
}

/// Notices a service that is restarted by its own writes.
///
/// A turn is a restart that follows the one before within [`LOOP_WINDOW`] of its end and by the
/// same paths: an editor's user saves other things, or less often.
#[derive(Debug, Default)]
pub struct LoopGuard {
    turns: BTreeMap<ServiceName, (BTreeSet<PathBuf>, Duration, u32)>,
}

/// How soon after a restart the same file has to change again to be taken for the restart's doing.
pub const LOOP_WINDOW: Duration = Duration::from_secs(2);

/// How many such turns make a loop.
const LOOP_TURNS: u32 = 2;

impl LoopGuard {
    /// Whether a restart by these paths may go on; `now` and the time of the last restart's end
    /// are counted from any one moment.
    pub fn allows(
        &mut self,
        service: &ServiceName,
        paths: &BTreeSet<PathBuf>,
        now: Duration,
    ) -> bool {
        let turn = match self.turns.get(service) {
            Some((before, ended, turns))
                if now.saturating_sub(*ended) < LOOP_WINDOW && !before.is_disjoint(paths) =>
            {
                turns + 1
            }
            _ => 0,
        };
        self.turns
            .insert(service.clone(), (paths.clone(), now, turn));
        turn < LOOP_TURNS
    }

    /// Says that the restart ended.
    pub fn restarted(&mut self, service: &ServiceName, now: Duration) {
        if let Some((_, ended, _)) = self.turns.get_mut(service) {
            *ended = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(service: &str, path: &str, does: Does) -> Rule {
        Rule {
            service: service.into(),
            path: path.into(),
            include: Arc::new(|_| true),
            ignore: Arc::new(|path| path.ends_with("skip")),
            does,
        }
    }

    fn paths(paths: &[&str]) -> BTreeSet<PathBuf> {
        paths.iter().map(PathBuf::from).collect()
    }

    fn sync(target: &str, then: Then) -> Does {
        Does::Sync {
            target: target.into(),
            then,
        }
    }

    #[test]
    fn a_sync_maps_paths_below_its_root_and_a_file_to_its_target() {
        let rules = [
            rule("web", "/src/app", sync("/app", Then::Nothing)),
            rule("web", "/src/web.conf", sync("/etc/web.conf", Then::Restart)),
            rule("job", "/src", Does::Rebuild(Replace::IfChanged)),
            rule("job", "/src/app", Does::Rebuild(Replace::Always)),
        ];
        let paths = paths(&[
            "/src/app/a/b.py",
            "/src/app/skip",
            "/src/web.conf",
            "/other",
        ]);
        assert_eq!(
            reaction(&rules, &"web".into(), &paths),
            Reaction {
                sync: [
                    ("/app/a/b.py".into(), "/src/app/a/b.py".into()),
                    ("/etc/web.conf".into(), "/src/web.conf".into()),
                ]
                .into(),
                restart: true,
                ..Reaction::default()
            }
        );
        let job = reaction(&rules, &"job".into(), &paths);
        assert_eq!(job.rebuild, Some(Replace::Always));
    }

    #[test]
    fn a_command_after_a_sync_runs_once_for_many_paths() {
        let hook = Hook {
            user: "app".into(),
            ..Hook::default()
        };
        let rules = [rule("web", "/src", sync("/app", Then::Exec(hook.clone())))];
        let reaction = reaction(&rules, &"web".into(), &paths(&["/src/a", "/src/b"]));
        assert_eq!(reaction.exec, [hook]);
        assert_eq!(reaction.sync.len(), 2);
    }

    #[test]
    fn a_service_restarted_by_its_own_writes_is_stopped_at_the_second_turn() {
        let web = ServiceName::from("web");
        let mut guard = LoopGuard::default();
        let seconds = Duration::from_secs;
        let own = paths(&["/src/state.json"]);
        assert!(guard.allows(&web, &own, seconds(10)));
        guard.restarted(&web, seconds(11));
        assert!(guard.allows(&web, &own, seconds(12)));
        guard.restarted(&web, seconds(13));
        assert!(!guard.allows(&web, &own, seconds(14)));
        assert!(guard.allows(&web, &own, seconds(60)));
        assert!(guard.allows(&web, &paths(&["/src/other.py"]), seconds(61)));
    }
}
