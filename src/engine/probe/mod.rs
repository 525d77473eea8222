//! The prober: waits until gates open and containers settle, by looking from outside.
//!
//! Nothing is added to an image, nothing runs in a container where the engine is on this machine,
//! and no published port is ever asked: the engine's proxy accepts before anyone listens. One
//! subscription to the engine's events serves every wait; only listeners are polled, because the
//! kernel has no event for them.

#[cfg(target_os = "linux")]
mod diag;
mod exec;
mod helper;
mod http;
mod listeners;
mod look;
mod outside;
mod process;
mod rounds;
mod settle;
mod sight;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::future::join_all;
use tokio::sync::{OnceCell, broadcast};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use listeners::{Listener, Scope};
pub use outside::outside;
pub use settle::{Return, Starter};
use sight::Watched;
pub(crate) use sight::{Machine, Sight};

use super::{Endpoint, Engine, EngineEvent, Messages};
use crate::gate::verdict::{self, Answer, STILL_WAITING, verdict};
use crate::gate::{Condition, Gate, Verdict};
use crate::name::ContainerId;

/// Until when a wait is young, and how often it looks then: (age, period). A look takes 60 µs, so
/// that ten waits of a minute cost 1 % of a core.
const PACE: [(Duration, Duration); 3] = [
    (Duration::from_secs(1), Duration::from_millis(10)),
    (Duration::from_secs(5), Duration::from_millis(25)),
    (Duration::from_secs(15), Duration::from_millis(50)),
];

/// How often an older wait looks.
const SLOWEST: Duration = Duration::from_millis(100);

/// How often an HTTP request is sent: a server writes each one into its log.
const HTTP_PERIOD: Duration = Duration::from_millis(250);

/// How often containers are inspected where the engine's events do not arrive.
const WITHOUT_EVENTS: Duration = Duration::from_millis(500);

/// As many events wait for a slow listener; one that falls behind inspects its containers anew.
const BACKLOG: usize = 1024;

/// A container that is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Its id.
    pub id: ContainerId,
    /// Its name, for messages.
    pub name: String,
}

/// How long a wait may take, and who is told.
#[derive(Clone)]
pub struct Patience {
    /// The limit of soft gates: 30 s, or `DCO_GATE_TIMEOUT`.
    pub soft_limit: Duration,
    /// Ends the wait at once.
    pub cancel: CancellationToken,
    /// Told once, after 5 s, how long has been waited.
    pub still_waiting: Arc<dyn Fn(Duration) + Send + Sync>,
}

/// How a wait ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Waited {
    /// What became of it; never [`Verdict::Pending`].
    pub verdict: Verdict,
    /// How long it took.
    pub took: Duration,
    /// What the containers listened on at its end, where it did not open: a server that listens
    /// on its loopback interface only shows here.
    pub listeners: Vec<Listener>,
}

/// Waits for gates; share it by reference among all waits of a command.
pub struct Prober {
    engine: Engine,
    events: broadcast::Sender<Arc<EngineEvent>>,
    /// Reads the subscription; ends with the prober.
    _pump: JoinSet<()>,
    machine: OnceCell<Machine>,
}

impl Prober {
    /// Takes over a subscription to a project's container events, opened before the snapshot that
    /// the plan was made from.
    pub fn new(engine: &Engine, mut subscription: Messages<EngineEvent>) -> Self {
        let (events, _) = broadcast::channel(BACKLOG);
        let mut pump = JoinSet::new();
        let say = events.clone();
        pump.spawn(async move {
            while let Some(Ok(event)) = subscription.next().await {
                // No wait is under way: nobody has to know.
                drop(say.send(Arc::new(event)));
            }
        });
        Self {
            engine: engine.clone(),
            events,
            _pump: pump,
            machine: OnceCell::new(),
        }
    }

    /// The events of the subscription, from now on.
    pub fn events(&self) -> broadcast::Receiver<Arc<EngineEvent>> {
        self.events.subscribe()
    }

    /// Waits until a gate opens, fails, or its time is up.
    pub async fn wait(&self, gate: &Gate, subjects: &[Subject], patience: &Patience) -> Waited {
        let begun = Instant::now();
        // Subscribed before the first look, so that nothing between the two is lost.
        let mut ears = Ears::new(self.events());
        let machine = self.machine().await;
        let watched = subjects
            .iter()
            .map(|subject| Watched::see(&self.engine, machine, subject));
        let mut watched = join_all(watched).await;
        let mut told = false;
        let verdict = loop {
            let open = self.ask(gate, &mut watched);
            let asked = tokio::select! {
                () = open => true,
                () = patience.cancel.cancelled() => false,
            };
            if !asked {
                break Verdict::Cancelled;
            }
            let seen: Vec<verdict::Observation> =
                watched.iter().map(Watched::observation).collect();
            match verdict(gate, &seen, begun.elapsed(), patience.soft_limit) {
                Verdict::Pending => {}
                ended => break ended,
            }
            if !told && begun.elapsed() >= STILL_WAITING {
                told = true;
                (patience.still_waiting)(begun.elapsed());
            }
            let pause = pause(gate, begun.elapsed(), told);
            let news = tokio::select! {
                () = patience.cancel.cancelled() => break Verdict::Cancelled,
                news = ears.news(&watched) => news,
                () = tokio::time::sleep(pause) => continue,
            };
            take_in(news, &mut watched).await;
        };
        let listeners = match verdict {
            Verdict::Ready | Verdict::Cancelled => Vec::new(),
            _ => listeners_of(&mut watched, gate).await,
        };
        join_all(watched.iter_mut().map(Watched::end)).await;
        Waited {
            verdict,
            took: begun.elapsed(),
            listeners,
        }
    }

    /// What a running container listens on, as well as this engine lets us see it.
    pub async fn listeners(&self, subject: &Subject) -> Vec<Listener> {
        let machine = self.machine().await;
        let mut one = Watched::see(&self.engine, machine, subject).await;
        match one.runs() {
            true => one.everything(crate::gate::Reach::Network).await,
            false => Vec::new(),
        }
    }

    /// Asks every running container what the gate wants to know.
    async fn ask(&self, gate: &Gate, watched: &mut [Watched]) {
        for one in watched {
            if !one.runs() || one.answer == Answer::Yes {
                continue;
            }
            one.answer = match &gate.condition {
                Condition::Listening(ports) => one.listening(ports, gate.reach).await,
                Condition::ListeningOnExposed => one.listening_on_exposed(gate.reach).await,
                Condition::Http(url) => one.http(url, gate.reach).await,
                Condition::Healthy => {
                    one.have_checked().await;
                    Answer::No
                }
                Condition::Running | Condition::RunningOrDone | Condition::Completed => Answer::No,
            };
        }
    }

    /// Whether the engine runs on this machine, so that its pids and addresses mean something here.
    async fn machine(&self) -> Machine {
        let ask = || async {
            match self.engine.endpoint() {
                Endpoint::Unix(_) => Machine::This,
                Endpoint::Ssh { .. } => Machine::Another,
                // A loopback port may be a tunnel to anywhere: the engine says whose it is.
                Endpoint::Tcp { host, .. } if is_loopback(host) => {
                    let name = self.engine.info().await.ok().and_then(|info| info.name);
                    match name.is_some() && name == own_name() {
                        true => Machine::This,
                        false => Machine::Another,
                    }
                }
                Endpoint::Tcp { .. } => Machine::Another,
            }
        };
        *self.machine.get_or_init(ask).await
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn own_name() -> Option<String> {
    let name = rustix::system::uname();
    name.nodename().to_str().ok().map(str::to_owned)
}

/// How long until the next look.
fn pause(gate: &Gate, waited: Duration, told: bool) -> Duration {
    match &gate.condition {
        Condition::Running
        | Condition::RunningOrDone
        | Condition::Healthy
        | Condition::Completed => match told {
            true => WITHOUT_EVENTS,
            // Events do the rest; this is for the message, and for events that do not arrive.
            false => (STILL_WAITING.saturating_sub(waited)).clamp(SLOWEST, WITHOUT_EVENTS),
        },
        Condition::Http(_) => pace(waited).max(HTTP_PERIOD),
        Condition::Listening(_) | Condition::ListeningOnExposed => pace(waited),
    }
}

/// How often a wait of this age looks.
fn pace(waited: Duration) -> Duration {
    PACE.iter()
        .find(|(until, _)| waited < *until)
        .map_or(SLOWEST, |(_, period)| *period)
}

/// What a wait hears of its containers.
struct Ears {
    events: broadcast::Receiver<Arc<EngineEvent>>,
    /// The subscription ended: containers are inspected from time to time instead.
    deaf: bool,
    inspected: tokio::time::Instant,
}

/// What was heard.
enum News {
    /// Something happened to one of the containers.
    Event(Arc<EngineEvent>),
    /// Something may have happened.
    Missed,
}

impl Ears {
    fn new(events: broadcast::Receiver<Arc<EngineEvent>>) -> Self {
        Self {
            events,
            deaf: false,
            inspected: tokio::time::Instant::now(),
        }
    }

    /// The next news of these containers. Cancel safe: what is heard is taken in by [`take_in`].
    async fn news(&mut self, watched: &[Watched]) -> News {
        use broadcast::error::RecvError;
        loop {
            if self.deaf {
                tokio::time::sleep_until(self.inspected + WITHOUT_EVENTS).await;
                self.inspected = tokio::time::Instant::now();
                return News::Missed;
            }
            match self.events.recv().await {
                Ok(event) if watched.iter().any(|one| one.concerns(&event)) => {
                    return News::Event(event);
                }
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => return News::Missed,
                Err(RecvError::Closed) => self.deaf = true,
            }
        }
    }
}

/// Brings what is known of the containers up to date.
async fn take_in(news: News, watched: &mut [Watched]) {
    for one in watched {
        match &news {
            News::Event(event) if one.concerns(event) => one.heed(event).await,
            News::Event(_) => {}
            News::Missed => one.again().await,
        }
    }
}

async fn listeners_of(watched: &mut [Watched], gate: &Gate) -> Vec<Listener> {
    let mut found = Vec::new();
    for one in watched {
        if one.runs() {
            found.extend(one.everything(gate.reach).await);
        }
    }
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_young_wait_looks_often_and_an_old_one_seldom() {
        let ms = |waited| pace(Duration::from_millis(waited)).as_millis();
        assert_eq!(
            [ms(0), ms(999), ms(1000), ms(7000), ms(20000)],
            [10, 10, 25, 50, 100]
        );
    }
}
