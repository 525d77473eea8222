//! `dco ready`: waits until services, addresses and URLs are ready; 0, 1 failed, 124 timed out.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::engine::probe::{Patience, Prober, Subject, Waited, outside};
use crate::engine::{Engine, Which, container, labelled, watch_project};
use crate::event::{Event, Resource, Status};
use crate::gate::{Because, Condition, Gate, Reach, Strength, Target, Verdict};
use crate::name::ServiceName;
use crate::plan::observed::{Container, State};
use crate::text::duration;

/// The exit code of coreutils' `timeout`.
const TIMED_OUT: u8 = 124;

/// Wait until services, addresses and URLs are ready
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A service is ready when its healthcheck passes, or else when it listens.

Exit codes: 0 ready, 1 failed, 124 timed out.

Examples:
  dco ready db
  dco ready db:5432 http://api:8000/health -t 10s
  dco ready localhost:8000"
)]
pub struct Args {
    /// A service, `service:port`, `host:port` or a URL
    #[arg(required = true, value_name = "TARGET")]
    targets: Vec<String>,

    /// How long to wait at the most: `10s`, `2m`, or seconds
    #[arg(short, long, value_name = "TIME", default_value = "30s", value_parser = limit)]
    timeout: Duration,
}

fn limit(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds));
    }
    let nanos = duration::parse(text)?;
    u64::try_from(nanos)
        .map(Duration::from_nanos)
        .map_err(|_| format!("`{text}` is less than nothing"))
}

/// Finds what the targets are, and waits for all of them at once.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let targets: Vec<(String, Target)> = args
        .targets
        .iter()
        .map(|text| match Target::parse(text) {
            Some(target) => Ok((text.clone(), target)),
            None => Err(
                Diagnostic::error(format!("`{text}` is nothing to wait for"))
                    .hint("give a service, `service:port`, `host:port` or a URL"),
            ),
        })
        .collect::<Result<_, _>>()?;
    let engine = cx.engine()?;
    let project = cx.project_name()?;
    let stage = Stage::new(&engine, &project, args.timeout).await?;
    let waits = targets
        .iter()
        .map(|(text, target)| stage.wait(text, target, cx));
    let mut code = 0;
    for (ended, (text, _)) in join_all(waits).await.into_iter().zip(&targets) {
        match ended? {
            Verdict::Ready => {}
            Verdict::TimedOut => {
                let seconds = args.timeout.as_secs_f64();
                cx.reporter().show(&Diagnostic::error(format!(
                    "`{text}` is not ready after {seconds} s"
                )));
                code = if code == 0 { TIMED_OUT } else { code };
            }
            Verdict::Failed(failure) => {
                cx.reporter()
                    .show(&Diagnostic::error(format!("`{text}` failed: {failure}")));
                code = 1;
            }
            Verdict::Pending | Verdict::Cancelled => code = 1,
        }
    }
    Ok(ExitCode::from(code))
}

/// What all waits of one invocation share.
struct Stage {
    prober: Prober,
    containers: Vec<Container>,
    /// Published ports: on the host, the container's index, inside.
    published: Vec<(u16, usize, u16)>,
    limit: Duration,
}

impl Stage {
    async fn new(engine: &Engine, project: &str, limit: Duration) -> Result<Self> {
        let events = watch_project(engine, project).await?;
        let label = labelled(format!("com.docker.compose.project={project}"));
        let found = engine.list_containers(Which::All, &label).await?;
        let mut published = Vec::new();
        for (index, one) in found.iter().enumerate() {
            for port in one.ports.iter().flatten() {
                if let Some(outside) = port.public_port {
                    published.push((outside, index, port.private_port));
                }
            }
        }
        Ok(Self {
            prober: Prober::new(engine, events),
            containers: found.into_iter().map(container).collect(),
            published,
            limit,
        })
    }

    async fn wait(&self, text: &str, target: &Target, cx: &Context) -> Result<Verdict> {
        let events = cx.events();
        let say = |status, words: &str, details: String| {
            events.emit(Event::Progress {
                resource: Resource::Gate(text.to_owned()),
                status,
                text: words.to_owned(),
                details,
                transfer: None,
            });
        };
        let Some(goal) = self.goal(target) else {
            return Err(unknown(text, target, &self.containers).into());
        };
        say(Status::Working, "Waiting", String::new());
        let begun = std::time::Instant::now();
        let verdict = match goal {
            Goal::Containers(gate, subjects) => self.gate(&gate, &subjects).await.verdict,
            Goal::Outside(condition) => outside(&target.host, &condition, self.limit).await,
        };
        let took = format!("{:.1}s", begun.elapsed().as_secs_f64());
        match verdict {
            Verdict::Ready => say(Status::Done, "Ready", took),
            _ => say(Status::Error, "Not ready", took),
        }
        Ok(verdict)
    }

    async fn gate(&self, gate: &Gate, subjects: &[Subject]) -> Waited {
        let patience = Patience {
            soft_limit: self.limit,
            cancel: CancellationToken::new(),
            still_waiting: Arc::new(|_| {}),
        };
        self.prober.wait(gate, subjects, &patience).await
    }

    /// What a target means: containers of a service, those behind a published port, or a host.
    fn goal(&self, target: &Target) -> Option<Goal> {
        let of_service: Vec<&Container> = self
            .containers
            .iter()
            .filter(|one| one.service == target.host.as_str() && !one.one_off)
            .collect();
        if !of_service.is_empty() {
            let condition = target.condition.clone().unwrap_or_else(|| {
                match of_service.iter().any(|one| one.health.is_some()) {
                    true => Condition::Healthy,
                    false => Condition::ListeningOnExposed,
                }
            });
            return Some(Goal::of(&of_service, condition, self.limit));
        }
        // The engine's proxy accepts before anyone listens: the container behind it is asked.
        if let Some(port) = target.port().filter(|_| is_here(&target.host))
            && let Some((_, index, inside)) = self.published.iter().find(|(out, ..)| *out == port)
        {
            let behind = [&self.containers[*index]];
            let listening = Condition::Listening(vec![crate::gate::PortTarget::tcp(*inside)]);
            return Some(Goal::of(&behind, listening, self.limit));
        }
        target.condition.clone().map(Goal::Outside)
    }
}

enum Goal {
    Containers(Gate, Vec<Subject>),
    Outside(Condition),
}

impl Goal {
    fn of(containers: &[&Container], condition: Condition, limit: Duration) -> Self {
        let nanos = i64::try_from(limit.as_nanos()).unwrap_or(i64::MAX);
        let gate = Gate {
            dependency: containers
                .first()
                .map_or_else(|| ServiceName::from(""), |one| one.service.clone()),
            condition,
            strength: Strength::Declared,
            reach: Reach::Network,
            limit: Some(crate::project::Duration(nanos)),
            because: Because {
                what: "ready".to_owned(),
                place: None,
            },
        };
        let subjects = containers.iter().map(|one| Subject {
            id: one.id.clone(),
            name: one.name.clone(),
        });
        Self::Containers(gate, subjects.collect())
    }
}

fn is_here(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "0.0.0.0")
}

/// A bare name that no container of the project bears.
fn unknown(text: &str, target: &Target, containers: &[Container]) -> Diagnostic {
    let mut names: Vec<&str> = containers
        .iter()
        .filter(|one| one.state == State::Running)
        .map(|one| one.service.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    let error = Diagnostic::error(format!("service `{}` has no container", target.host));
    match crate::text::nearest::nearest(&target.host, names.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!(
            "start it, or give a port where `{text}` is no service: `{text}:80`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_durations_or_seconds() {
        assert_eq!(limit("10"), Ok(Duration::from_secs(10)));
        assert_eq!(limit("1m30s"), Ok(Duration::from_secs(90)));
        assert!(limit("-1s").is_err() && limit("soon").is_err());
    }
}
