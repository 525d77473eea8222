//! What is known of one container while it is waited for: its life, its health, how to look at it.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use bollard::models::{
    ContainerInspectResponse, ContainerState, ContainerStateStatusEnum, HealthStatusEnum,
};

use super::Subject;
use super::http::{self, Target};
use super::listeners::Listener;
use super::look::Look;
use super::process::Pulse;
use super::rounds::Rounds;
use crate::engine::{Engine, EngineEvent, Error};
use crate::gate::verdict::{Answer, Health, Life, Observation};
use crate::gate::{PortTarget, Reach, choose_exposed};

/// Where the engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Machine {
    /// Here: its pids and addresses mean something.
    This,
    /// Elsewhere.
    Another,
}

/// The event that says what a healthcheck found: `health_status: healthy`.
const HEALTH: &str = "health_status";

/// What an inspection says of a container, as far as a wait asks.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    /// The container's id.
    pub(super) id: String,
    /// Its main process, on the engine's machine; 0 where it does not run.
    pub(super) pid: i64,
    /// Its addresses on the engine's networks.
    pub(super) addresses: Vec<IpAddr>,
    exposed: Vec<PortTarget>,
    life: Life,
    health: Option<Health>,
    started_at: Option<jiff::Timestamp>,
    restarts: u64,
}

impl Sight {
    fn of(found: ContainerInspectResponse) -> Self {
        let state = found.state.unwrap_or_default();
        let networks = found.network_settings.and_then(|it| it.networks);
        let addresses = networks
            .unwrap_or_default()
            .into_values()
            .flat_map(|there| {
                let both = [there.ip_address, there.global_ipv6_address];
                both.into_iter()
                    .flatten()
                    .filter_map(|text| text.parse().ok())
            });
        let mut addresses: Vec<IpAddr> = addresses.collect();
        addresses.sort();
        let exposed = found
            .config
            .and_then(|it| it.exposed_ports)
            .unwrap_or_default();
        Self {
            id: found.id.unwrap_or_default(),
            pid: state.pid.unwrap_or_default(),
            addresses,
            exposed: choose_exposed(exposed.iter().map(String::as_str)),
            life: life(&state),
            health: health(&state),
            restarts: found
                .restart_count
                .unwrap_or_default()
                .max(0)
                .unsigned_abs(),
            started_at: state.started_at.and_then(|text| text.parse().ok()),
        }
    }

    /// What is known of a container that cannot be inspected: it is not there, or the engine does
    /// not answer just now.
    fn missing(id: &str, error: &Error) -> Self {
        Self {
            id: id.to_owned(),
            pid: 0,
            addresses: Vec::new(),
            exposed: Vec::new(),
            life: match error.is_not_found() {
                true => Life::Gone,
                false => Life::Created,
            },
            health: None,
            started_at: None,
            restarts: 0,
        }
    }
}

fn life(state: &ContainerState) -> Life {
    use ContainerStateStatusEnum as Word;
    match state.status {
        Some(Word::RUNNING | Word::PAUSED | Word::STOPPING) => Life::Running,
        Some(Word::RESTARTING) => Life::RestartDue,
        Some(Word::EXITED | Word::DEAD) => Life::Exited(state.exit_code.unwrap_or_default()),
        Some(Word::REMOVING) => Life::Gone,
        Some(Word::CREATED | Word::EMPTY) | None => Life::Created,
    }
}

fn health(state: &ContainerState) -> Option<Health> {
    match state.health.as_ref()?.status? {
        HealthStatusEnum::HEALTHY => Some(Health::Healthy),
        HealthStatusEnum::UNHEALTHY => Some(Health::Unhealthy),
        HealthStatusEnum::STARTING => Some(Health::Starting),
        HealthStatusEnum::EMPTY | HealthStatusEnum::NONE => None,
    }
}

/// One container that is waited for.
pub(super) struct Watched {
    engine: Engine,
    name: String,
    machine: Machine,
    sight: Sight,
    look: Option<Look>,
    age: Duration,
    /// Its healthchecks, on an engine that may not run them by itself.
    rounds: Option<Rounds>,
    pub(super) answer: Answer,
}

impl Watched {
    /// Inspects the container for the first time.
    pub(super) async fn see(engine: &Engine, machine: Machine, subject: &Subject) -> Self {
        let mut rounds = None;
        let sight = match engine.inspect_container(&subject.id).await {
            Ok(found) => {
                if engine.ping().await.is_ok_and(|ping| ping.podman) {
                    rounds = Rounds::of(&found, Instant::now());
                }
                Sight::of(found)
            }
            Err(error) => Sight::missing(&subject.id, &error),
        };
        // Another machine's clock says nothing here.
        let age = match (machine, sight.started_at, sight.life) {
            (Machine::This, Some(at), Life::Running) => {
                let age = jiff::Timestamp::now().duration_since(at);
                Duration::try_from(age).unwrap_or_default()
            }
            _ => Duration::ZERO,
        };
        Self {
            engine: engine.clone(),
            name: subject.name.clone(),
            machine,
            sight,
            look: None,
            age,
            rounds,
            answer: Answer::No,
        }
    }

    /// Whether an event says something new of this container.
    pub(super) fn concerns(&self, event: &EngineEvent) -> bool {
        const TURNS: [&str; 7] = [
            "start", "die", "stop", "restart", "pause", "unpause", "destroy",
        ];
        let action = event.action.as_str();
        self.sight.id == event.actor.id && (TURNS.contains(&action) || action.starts_with(HEALTH))
    }

    pub(super) fn runs(&self) -> bool {
        self.sight.life == Life::Running
    }

    pub(super) fn life(&self) -> Life {
        self.sight.life
    }

    pub(super) fn observation(&self) -> Observation {
        Observation {
            container: self.name.clone(),
            life: self.sight.life,
            health: self.sight.health,
            answer: self.answer,
            age: self.age,
        }
    }

    /// Takes an event in.
    pub(super) async fn heed(&mut self, event: &EngineEvent) {
        if let Some(rounds) = &mut self.rounds
            && event.action.starts_with(HEALTH)
        {
            rounds.hear(Instant::now());
        }
        match event
            .action
            .strip_prefix(HEALTH)
            .map(|rest| rest.trim_start_matches([':', ' ']))
        {
            Some("healthy") => self.sight.health = Some(Health::Healthy),
            Some("unhealthy") => self.sight.health = Some(Health::Unhealthy),
            _ => self.again().await,
        }
    }

    /// Has its health checked where that is late, so that nobody else seems to do it.
    pub(super) async fn have_checked(&mut self) {
        let Some(rounds) = &mut self.rounds else {
            return;
        };
        let now = Instant::now();
        if !rounds.are_late(now) {
            return;
        }
        rounds.hear(now);
        match self.engine.check_health(&self.sight.id).await {
            Ok(()) => self.again().await,
            // It has just ended, or is about to: what becomes of it is told by events.
            Err(error) => tracing::debug!(target: "dco::gate", %error, "no healthcheck"),
        }
    }

    /// Inspects the container again; what it showed before its end says nothing of its next life.
    pub(super) async fn again(&mut self) {
        let sight = match self.engine.inspect_container(&self.sight.id).await {
            Ok(found) => Sight::of(found),
            Err(error) => Sight::missing(&self.sight.id, &error),
        };
        if sight.pid != self.sight.pid {
            self.end().await;
            self.answer = Answer::No;
        }
        self.sight = sight;
    }

    /// Whether it listens on one of these ports.
    pub(super) async fn listening(&mut self, ports: &[PortTarget], reach: Reach) -> Answer {
        let look = self.look(reach).await;
        let answer = look.answer(ports, reach).await;
        if answer != Answer::Yes || !look.connects() {
            return answer;
        }
        // The address of a container that just ended may be another one's by now.
        let pid = self.sight.pid;
        self.again().await;
        match self.runs() && self.sight.pid == pid {
            true => Answer::Yes,
            false => Answer::No,
        }
    }

    /// Whether it listens on one of the ports that its image declares.
    pub(super) async fn listening_on_exposed(&mut self, reach: Reach) -> Answer {
        match self.sight.exposed.is_empty() {
            true => Answer::NothingToAsk,
            false => {
                let ports = self.sight.exposed.clone();
                self.listening(&ports, reach).await
            }
        }
    }

    /// Whether it answers an HTTP request; over TLS, whether it listens.
    pub(super) async fn http(&mut self, url: &str, reach: Reach) -> Answer {
        let Some(target) = Target::parse(url) else {
            return Answer::No;
        };
        let ports = [PortTarget::tcp(target.port)];
        match self.listening(&ports, reach).await {
            Answer::No => return Answer::No,
            // A remote engine and an image without a shell: only the request itself can tell.
            Answer::NothingToAsk | Answer::Unseen => {}
            Answer::Yes if target.encrypted => return Answer::Yes,
            Answer::Yes => {}
        }
        match http::answers(self.look(reach).await, &target).await {
            true => Answer::Yes,
            false => Answer::No,
        }
    }

    /// Whether it listens anywhere; none where nobody can tell.
    pub(super) async fn listens(&mut self) -> Option<bool> {
        self.look(Reach::Network).await.listens().await
    }

    /// Every listener, for diagnosis.
    pub(super) async fn everything(&mut self, reach: Reach) -> Vec<Listener> {
        self.look(reach).await.everything().await
    }

    /// The CPU time that it used so far; none where that cannot be read.
    pub(super) async fn cpu(&mut self) -> Option<Duration> {
        self.look(Reach::Network).await.cpu()
    }

    /// Whether its process is gone, and the engine has not said so yet.
    pub(super) async fn has_vanished(&mut self) -> bool {
        self.look(Reach::Network).await.has_vanished().await
    }

    /// How its processes fare.
    pub(super) async fn pulse(&mut self) -> Pulse {
        self.look(Reach::Network).await.pulse()
    }

    /// How often its policy has started it again.
    pub(super) fn restarts(&self) -> u64 {
        self.sight.restarts
    }

    /// Takes away what was made for looking.
    pub(super) async fn end(&mut self) {
        if let Some(mut look) = self.look.take() {
            look.end().await;
        }
    }

    async fn look(&mut self, reach: Reach) -> &mut Look {
        let look = match self.look.take() {
            Some(look) => look,
            None => Look::at(&self.engine, self.machine, &self.sight, reach).await,
        };
        self.look.insert(look)
    }
}
