//! Gathers what is known of a container that failed, for the card that explains it.

use std::time::Duration;

use bollard::models::{ContainerInspectResponse, ContainerState, HealthStatusEnum};
use futures_util::StreamExt;

use super::work::Work;
use crate::convert::Peers;
use crate::diagnostic::Diagnostic;
use crate::engine::{Engine, Framing, LogRange};
use crate::gate::PortTarget;
use crate::gate::card::{Facts, Fate, LOG_LINES, Neighbour, card};
use crate::gate::verdict::Answer;
use crate::name::{ContainerId, ServiceName};

/// As long as the last lines of a log may take to come: the card is worth no more.
const LOG_LIMIT: Duration = Duration::from_secs(2);

/// The card of a container; none for one that is gone, or that did not fail.
pub(super) async fn explain(
    work: &Work<'_>,
    peers: &Peers,
    (service, id): (&ServiceName, &ContainerId),
) -> Option<Diagnostic> {
    let found = work.engine.inspect_container(id).await.ok()?;
    let state = found.state.clone()?;
    let fate = fate(&found, &state)?;
    let log = last_lines(&work.engine, &found, id).await;
    let dependencies = neighbours(work, peers, service, &log).await;
    let health = last_health(&state);
    let argv: Vec<String> = found
        .path
        .iter()
        .chain(found.args.iter().flatten())
        .cloned()
        .collect();
    let name = found.name.unwrap_or_default();
    let desired = work.project.services.get(service);
    let ports = desired.map_or(&[][..], |service| &service.ports);
    let wanted: Vec<PortTarget> = ports
        .iter()
        .filter_map(|port| u16::try_from(port.target).ok())
        .map(PortTarget::tcp)
        .collect();
    Some(card(&Facts {
        project: Some(&work.project),
        service: Some(service),
        container: name.trim_start_matches('/'),
        fate,
        after: lifetime(&state),
        error: state.error.as_deref().unwrap_or_default(),
        argv: &argv,
        log: &log,
        health: &health,
        loopback: &[],
        wanted: &wanted,
        dependencies: &dependencies,
        port_holder: None,
    }))
}

fn fate(found: &ContainerInspectResponse, state: &ContainerState) -> Option<Fate> {
    let running = state.running == Some(true) && state.restarting != Some(true);
    if running {
        let status = state.health.as_ref().and_then(|health| health.status);
        return (status == Some(HealthStatusEnum::UNHEALTHY)).then_some(Fate::Unhealthy);
    }
    let code = state.exit_code.unwrap_or_default();
    (code != 0).then(|| Fate::Exited {
        code,
        out_of_memory: state.oom_killed == Some(true),
        restarts: found
            .restart_count
            .unwrap_or_default()
            .max(0)
            .unsigned_abs(),
    })
}

/// How long it ran; up to now, where it still does.
fn lifetime(state: &ContainerState) -> Duration {
    let time = |text: &Option<String>| text.as_deref()?.parse::<jiff::Timestamp>().ok();
    let Some(started) = time(&state.started_at) else {
        return Duration::ZERO;
    };
    let ended = match state.running {
        Some(true) => Some(jiff::Timestamp::now()),
        _ => time(&state.finished_at),
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
    let range = LogRange {
        tail: Some(LOG_LINES as u64),
        ..LogRange::default()
    };
    let mut text = Vec::new();
    let read = async {
        let framing = Framing::of_tty(tty == Some(true));
        let mut output = engine.logs(id, framing, &range).await.ok()?;
        while let Some(Ok(chunk)) = output.next().await {
            text.extend_from_slice(&chunk.bytes);
        }
        Some(())
    };
    // Without an end there is still what came so far.
    let _ = tokio::time::timeout(LOG_LIMIT, read).await;
    let text = String::from_utf8_lossy(&text);
    text.lines()
        .map(|line| console::strip_ansi_codes(line).into_owned())
        .collect()
}

/// What it depends on, and the services that its last words name.
async fn neighbours(
    work: &Work<'_>,
    peers: &Peers,
    service: &ServiceName,
    log: &[String],
) -> Vec<Neighbour> {
    let mut found = Vec::new();
    for (name, own) in peers.iter().filter(|(name, _)| *name != service) {
        let mut edges = work.edges.list.iter();
        let edge = edges.find(|edge| edge.dependent == *service && edge.dependency == *name);
        let named = |line: &String| line.contains(name.as_str());
        if edge.is_none() && !log.iter().any(named) {
            continue;
        }
        let Some(first) = own.first() else { continue };
        let state = work.engine.inspect_container(&first.id).await;
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
