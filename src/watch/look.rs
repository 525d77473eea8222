//! A look at a running container: what the engine says of it, and what of it this machine shows.

use anyhow::Result;

use super::act::Member;
use super::direct::Place;
use super::inside::Inside;
use super::source::mounts::{self, Mount};
use crate::engine::Engine;

/// What the engine says of a running container, and what of it is ours to see.
pub struct Look {
    /// Its main process, where that is a process of this machine.
    pub pid: Option<i64>,
    /// When it was started.
    pub started: Option<jiff::Timestamp>,
    /// The user that it was made for.
    user: String,
    execs: Vec<String>,
    healthcheck: Vec<String>,
}

impl Look {
    /// Looks at a container.
    ///
    /// # Errors
    /// The engine's.
    pub async fn at(engine: &Engine, member: &Member) -> Result<Self> {
        let found = engine.inspect_container(&member.id).await?;
        let state = found.state.unwrap_or_default();
        let pid = state.pid.filter(|pid| *pid > 0);
        // With a remote engine behind a local socket, the pid is somebody else's process here.
        let is_ours = |pid: &i64| {
            let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup"));
            engine.endpoint().is_local()
                && groups.is_ok_and(|groups| groups.contains(member.id.as_str()))
        };
        let config = found.config.unwrap_or_default();
        let test = config.healthcheck.and_then(|check| check.test);
        Ok(Self {
            pid: pid.filter(is_ours),
            started: state.started_at.and_then(|text| text.parse().ok()),
            user: config.user.unwrap_or_default(),
            execs: found.exec_ids.unwrap_or_default(),
            healthcheck: test.unwrap_or_default(),
        })
    }

    /// The container's files, where they are ours to reach.
    pub fn inside(&self) -> Option<Inside> {
        Inside::of(self.pid?).ok()
    }

    /// The container's files, where they are ours to write as the engine would.
    pub fn place(&self) -> Option<Place> {
        Place::of(self.pid?, &self.user)
    }

    /// Its mounts.
    pub fn mounts(&self) -> Vec<Mount> {
        let text = self
            .pid
            .and_then(|pid| std::fs::read_to_string(format!("/proc/{pid}/mountinfo")).ok());
        mounts::parse(&text.unwrap_or_default())
    }

    /// Whether somebody works in it: a command that was brought in and runs. The container's own
    /// healthcheck is nobody.
    ///
    /// # Errors
    /// The engine's.
    pub async fn is_in_use(&self, engine: &Engine) -> Result<bool> {
        for exec in &self.execs {
            // One that ended meanwhile is gone from the engine.
            let Ok(exec) = engine.inspect_exec(exec).await else {
                continue;
            };
            let process = exec.process_config.unwrap_or_default();
            let words = process.entrypoint.into_iter();
            let words: Vec<String> = words
                .chain(process.arguments.into_iter().flatten())
                .collect();
            if exec.running == Some(true) && !self.is_healthcheck(&words) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_healthcheck(&self, words: &[String]) -> bool {
        match self.healthcheck.split_first() {
            Some((form, test)) if form == "CMD" => words == test,
            // `sh -c TEST`, whatever the image's shell is.
            Some((_, test)) => words.len() > 1 && words.last() == test.first(),
            None => false,
        }
    }
}
