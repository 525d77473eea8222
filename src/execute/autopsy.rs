//! Gathers what is known of a container that failed, for the card that explains it.

use std::io::Read;
use std::time::Duration;

use bollard::models::{ContainerInspectResponse, ContainerState, HealthStatusEnum};
use futures_util::StreamExt;

use super::site::Site;
use crate::convert::Peers;
use crate::diagnostic::{Diagnostic, Kind, Severity};
use crate::engine::probe::{Prober, Scope, Subject};
use crate::engine::{Engine, Framing, LogRange};
use crate::gate::PortTarget;
use crate::gate::card::{self, Facts, Fate, LOG_LINES, Neighbour};
use crate::gate::edges::Edges;
use crate::gate::verdict::Answer;
use crate::name::{ContainerId, ServiceName};
use crate::project::Project;
use crate::text::moment;

/// As long as the last lines of a log may take to come: the card is worth no more.
const LOG_LIMIT: Duration = Duration::from_secs(2);

/// As much of a log as the last lines may be, where it is read whole.
const LOG_BYTES: usize = 64 << 10;

/// As long as the engine may take to measure its disk.
const ROOM_LIMIT: Duration = Duration::from_secs(3);

/// A container that is started again and again is looked at this often, so far apart, until it has
/// ended once more.
const ENDS_AGAIN: u32 = 20;
/// See [`ENDS_AGAIN`].
const BRIEFLY: Duration = Duration::from_millis(25);

/// As much of a program's file is read for its first line.
const FIRST_LINE: u64 = 256;

/// As much of a container's file is fetched for it: the tar's own blocks come first.
const FIRST_BYTES: usize = 4096;

/// What cards are written from.
pub struct Autopsy<'a> {
    /// The engine.
    pub engine: &'a Engine,
    /// The project.
    pub project: &'a Project,
    /// Who waits for whom.
    pub edges: &'a Edges,
    /// Who looks at listeners.
    pub prober: Option<&'a Prober>,
    /// The containers that there are by now.
    pub peers: &'a Peers,
}

/// What is known of one container.
#[derive(Default)]
struct Findings {
    name: String,
    after: Duration,
    argv: Vec<String>,
    first_line: Option<String>,
    log: Vec<String>,
    health: String,
    listens: Vec<PortTarget>,
    loopback: Vec<PortTarget>,
    dependencies: Vec<Neighbour>,
    room: Vec<(String, u64)>,
}

impl Autopsy<'_> {
    /// The card of a container that ended, or is unhealthy; none for one that is gone or did not fail.
    pub async fn ended(&self, service: &ServiceName, id: &ContainerId) -> Option<Diagnostic> {
        let found = self.engine.inspect_container(id).await.ok()?;
        let fate = fate(&found)?;
        let state = found.state.clone().unwrap_or_default();
        let findings = self.look(service, id, &found).await;
        let facts = Facts {
            fate,
            error: state.error.as_deref().unwrap_or_default(),
            ..self.facts(service, &findings)
        };
        Some(card::card(&facts))
    }

    /// The card of a container whose restart policy starts it again and again: a warning.
    pub async fn restarting(&self, service: &ServiceName, id: &ContainerId) -> Option<Diagnostic> {
        let mut found = self.engine.inspect_container(id).await.ok()?;
        // It may run just now, for a moment: its code shows when it ends again.
        for _ in 0..ENDS_AGAIN {
            if fate(&found).is_some() {
                break;
            }
            tokio::time::sleep(BRIEFLY).await;
            found = self.engine.inspect_container(id).await.ok()?;
        }
        let restarts = restarts(&found);
        let fate = fate(&found).unwrap_or(Fate::Restarting { restarts });
        let findings = self.look(service, id, &found).await;
        let facts = Facts {
            fate,
            ..self.facts(service, &findings)
        };
        Some(warning(card::card(&facts)))
    }

    /// The card of a container that does not listen where it should: a warning.
    pub async fn silent(
        &self,
        service: &ServiceName,
        id: &ContainerId,
        wanted: &[PortTarget],
    ) -> Option<Diagnostic> {
        let found = self.engine.inspect_container(id).await.ok()?;
        let mut findings = self.look(service, id, &found).await;
        let fate = fate(&found).unwrap_or(Fate::Silent);
        if let (Fate::Silent, Some(prober)) = (&fate, self.prober) {
            let subject = Subject {
                id: id.clone(),
                name: findings.name.clone(),
            };
            for listener in prober.listeners(&subject).await {
                match listener.scope {
                    Scope::Network => findings.listens.push(listener.port),
                    Scope::Loopback => findings.loopback.push(listener.port),
                    Scope::NameServer => {}
                }
            }
        }
        let facts = Facts {
            fate,
            wanted,
            ..self.facts(service, &findings)
        };
        Some(warning(card::card(&facts)))
    }

    /// What a refusal of the engine means; `plain` where no rule knows it.
    ///
    /// `id` is the container that was made and could not be started.
    pub async fn refused(
        &self,
        service: &ServiceName,
        id: Option<&ContainerId>,
        plain: Diagnostic,
    ) -> Diagnostic {
        if plain.kind != Kind::Own {
            return plain;
        }
        let taken = self.engine.taken_port(&plain.message).await;
        let mut findings = Findings::default();
        if let Some(id) = id
            && let Ok(found) = self.engine.inspect_container(id).await
        {
            findings.argv = argv(&found);
            findings.first_line = self.first_line(id, &found).await;
        }
        findings.room = self.room(plain.message.lines()).await;
        let facts = Facts {
            fate: Fate::NotStarted,
            error: &plain.message,
            taken_port: taken.as_ref(),
            ..self.facts(service, &findings)
        };
        card::refusal(&facts).unwrap_or(plain)
    }

    fn facts<'f>(&'f self, service: &'f ServiceName, findings: &'f Findings) -> Facts<'f> {
        Facts {
            project: Some(self.project),
            service: Some(service),
            container: &findings.name,
            after: findings.after,
            argv: &findings.argv,
            first_line: findings.first_line.as_deref(),
            log: &findings.log,
            health: &findings.health,
            listens: &findings.listens,
            loopback: &findings.loopback,
            dependencies: &findings.dependencies,
            room: &findings.room,
            ..Facts::default()
        }
    }

    /// What there is to know of a container that was started.
    async fn look(
        &self,
        service: &ServiceName,
        id: &ContainerId,
        found: &ContainerInspectResponse,
    ) -> Findings {
        let state = found.state.clone().unwrap_or_default();
        let log = last_lines(self.engine, found, id).await;
        let name = found.name.clone().unwrap_or_default();
        Findings {
            name: name.trim_start_matches('/').to_owned(),
            after: lifetime(&state),
            argv: argv(found),
            first_line: self.first_line(id, found).await,
            health: last_health(&state),
            dependencies: self.neighbours(service, &log).await,
            room: self.room(log.iter().map(String::as_str)).await,
            log,
            ..Findings::default()
        }
    }

    /// What the project takes of the disk, where a line says that there is no room.
    async fn room<'l>(&self, mut said: impl Iterator<Item = &'l str>) -> Vec<(String, u64)> {
        if !said.any(|line| line.to_ascii_lowercase().contains("no space left")) {
            return Vec::new();
        }
        let room = self.engine.room(&self.project.name);
        let room = tokio::time::timeout(ROOM_LIMIT, room).await;
        room.ok().and_then(Result::ok).unwrap_or_default()
    }

    /// The first line of the file that the engine executes; none where it searches for it.
    async fn first_line(
        &self,
        id: &ContainerId,
        found: &ContainerInspectResponse,
    ) -> Option<String> {
        let program = found.path.as_deref().filter(|path| path.contains('/'))?;
        let folder = found
            .config
            .as_ref()
            .and_then(|config| config.working_dir.as_deref())
            .unwrap_or("/");
        let path = match program.starts_with('/') {
            true => program.to_owned(),
            false => format!("{folder}/{program}"),
        };
        let (_, mut stream) = self.engine.get_archive(id, &path).await.ok()?;
        let mut bytes = Vec::new();
        while let Some(Ok(chunk)) = stream.next().await {
            bytes.extend_from_slice(&chunk);
            if bytes.len() >= FIRST_BYTES {
                break;
            }
        }
        let mut archive = tar::Archive::new(&bytes[..]);
        let file = archive.entries().ok()?.next()?.ok()?;
        let mut text = Vec::new();
        // A file that was cut off is read as far as it came.
        let _ = file.take(FIRST_LINE).read_to_end(&mut text);
        let line = text.split(|byte| *byte == b'\n').next()?;
        String::from_utf8(line.to_vec()).ok()
    }

    /// What it depends on, and the services that its last words name.
    async fn neighbours(&self, service: &ServiceName, log: &[String]) -> Vec<Neighbour> {
        let mut found = Vec::new();
        for (name, own) in self.peers.iter().filter(|(name, _)| *name != service) {
            let mut edges = self.edges.list.iter();
            let edge = edges.find(|edge| edge.dependent == *service && edge.dependency == *name);
            let named = |line: &String| line.contains(name.as_str());
            if edge.is_none() && !log.iter().any(named) {
                continue;
            }
            let Some(first) = own.first() else { continue };
            let state = self.engine.inspect_container(&first.id).await;
            let state = state.ok().and_then(|found| found.state).unwrap_or_default();
            let runs = state.running == Some(true);
            found.push(Neighbour {
                service: name.clone(),
                state: word(&state),
                gate: edge.and_then(|edge| edge.gates.first().cloned()),
                answer: match runs {
                    true => Answer::NothingToAsk,
                    false => Answer::No,
                },
            });
        }
        found
    }
}

impl Site<'_> {
    /// What a refusal of the engine means.
    pub(super) async fn refused(
        &self,
        service: &ServiceName,
        id: Option<&ContainerId>,
        plain: Diagnostic,
    ) -> Diagnostic {
        let peers = self.all_peers();
        self.autopsy(&peers).refused(service, id, plain).await
    }

    /// What cards are written from.
    pub(super) fn autopsy<'s>(&'s self, peers: &'s Peers) -> Autopsy<'s> {
        Autopsy {
            engine: self.tools.engine,
            project: self.tools.project,
            edges: self.tools.edges,
            prober: self.tools.prober,
            peers,
        }
    }
}

fn warning(card: Diagnostic) -> Diagnostic {
    Diagnostic {
        severity: Severity::Warning,
        ..card
    }
}

fn argv(found: &ContainerInspectResponse) -> Vec<String> {
    let words = found.path.iter().chain(found.args.iter().flatten());
    words.cloned().collect()
}

fn restarts(found: &ContainerInspectResponse) -> u64 {
    let restarts = found.restart_count.unwrap_or_default();
    restarts.max(0).unsigned_abs()
}

/// What became of a container; none where it runs and is not unhealthy, or ended with 0.
fn fate(found: &ContainerInspectResponse) -> Option<Fate> {
    let state = found.state.as_ref()?;
    let running = state.running == Some(true) && state.restarting != Some(true);
    if running {
        let status = state.health.as_ref().and_then(|health| health.status);
        return (status == Some(HealthStatusEnum::UNHEALTHY)).then_some(Fate::Unhealthy);
    }
    let code = state.exit_code.unwrap_or_default();
    (code != 0).then(|| Fate::Exited {
        code,
        out_of_memory: state.oom_killed == Some(true),
        restarts: restarts(found),
    })
}

/// How long it ran; up to now, where it still does.
fn started(state: &ContainerState) -> Option<jiff::Timestamp> {
    state.started_at.as_deref()?.parse().ok()
}

fn lifetime(state: &ContainerState) -> Duration {
    let Some(started) = started(state) else {
        return Duration::ZERO;
    };
    let ended = match state.running {
        Some(true) => Some(jiff::Timestamp::now()),
        _ => state
            .finished_at
            .as_deref()
            .and_then(|text| text.parse().ok()),
    };
    let ran = ended.map(|ended| ended.duration_since(started));
    ran.and_then(|ran| ran.try_into().ok()).unwrap_or_default()
}

fn last_health(state: &ContainerState) -> String {
    let log = state.health.as_ref().and_then(|health| health.log.as_ref());
    let last = log.and_then(|log| log.last());
    last.and_then(|last| last.output.clone())
        .unwrap_or_default()
}

async fn last_lines(
    engine: &Engine,
    found: &ContainerInspectResponse,
    id: &ContainerId,
) -> Vec<String> {
    let tty = found.config.as_ref().and_then(|config| config.tty);
    let podman = engine.ping().await.is_ok_and(|engine| engine.podman);
    let range = match podman {
        // Its last lines lack what came of them in pieces: the whole run is read. What could not be
        // executed says so before it counts as started.
        true => LogRange {
            since: found
                .state
                .as_ref()
                .and_then(started)
                .map(|at| moment::seconds(at - Duration::from_secs(2))),
            ..LogRange::default()
        },
        false => LogRange {
            tail: Some(LOG_LINES as u64),
            ..LogRange::default()
        },
    };
    let mut text = Vec::new();
    let read = async {
        let framing = Framing::of_tty(tty == Some(true));
        let mut output = engine.logs(id, framing, &range).await.ok()?;
        while let Some(Ok(chunk)) = output.next().await {
            text.extend_from_slice(&chunk.bytes);
            if podman && text.len() > 2 * LOG_BYTES {
                text.drain(..text.len() - LOG_BYTES);
            }
        }
        Some(())
    };
    // Without an end there is still what came so far.
    let _ = tokio::time::timeout(LOG_LIMIT, read).await;
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..]
        .iter()
        .map(|line| console::strip_ansi_codes(line).into_owned())
        .collect()
}

/// `running`, `unhealthy`, `exited (1)`.
fn word(state: &ContainerState) -> String {
    let status = state
        .status
        .map_or_else(String::new, |status| status.to_string());
    let health = state.health.as_ref().and_then(|health| health.status);
    match (status.as_str(), health) {
        ("exited", _) => format!("exited ({})", state.exit_code.unwrap_or_default()),
        ("running", Some(HealthStatusEnum::HEALTHY)) => "healthy".to_owned(),
        ("running", Some(HealthStatusEnum::UNHEALTHY)) => "unhealthy".to_owned(),
        ("running", Some(HealthStatusEnum::STARTING)) => "running, health: starting".to_owned(),
        _ => status,
    }
}
