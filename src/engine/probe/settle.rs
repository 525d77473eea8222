//! Watches what `up -d` started until it may return: published ports that listen, or peace.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::sight::Watched;
use super::{Ears, Patience, Prober, Subject, pace, take_in};
use crate::gate::settle::{self, Quiet, Settled, Settling};
use crate::gate::verdict::{Answer, Life};
use crate::gate::{PortTarget, Reach};

/// A container that this command started, and what it has to show.
#[derive(Clone, Debug, PartialEq)]
pub struct Starter {
    /// The container.
    pub subject: Subject,
    /// What it has to show.
    pub until: settle::Return,
}

/// What became of a container that was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Return {
    /// It listens, or has settled, after this long.
    Ready(Duration),
    /// It ended with 0.
    Ended,
    /// It ended with this code, and no restart is due.
    Died(i64),
    /// It still does not listen on any of these ports.
    Silent(Vec<PortTarget>),
    /// It ends again and again, and its policy starts it each time.
    Restarting,
    /// The wait was interrupted.
    Cancelled,
}

impl Prober {
    /// Watches all of them at once; in the order given.
    pub async fn settle(&self, starters: &[Starter], patience: &Patience) -> Vec<Return> {
        join_all(starters.iter().map(|one| self.settle_one(one, patience))).await
    }

    async fn settle_one(&self, starter: &Starter, patience: &Patience) -> Return {
        let begun = Instant::now();
        let mut ears = Ears::new(self.events());
        let machine = self.machine().await;
        let mut watched = [Watched::see(&self.engine, machine, &starter.subject).await];
        let mut peace = Peace::default();
        let (mut told, settling) = (false, starter.until == settle::Return::Settled);
        loop {
            let waited = begun.elapsed();
            let [one] = &mut watched;
            let done = match &starter.until {
                settle::Return::Published(ports) => published(one, ports, waited, patience).await,
                settle::Return::Settled => peace.look(one, waited).await,
            };
            if let Some(done) = done {
                one.end().await;
                return done;
            }
            if !settling && !told && waited >= crate::gate::verdict::STILL_WAITING {
                told = true;
                (patience.still_waiting)(waited);
            }
            let news = tokio::select! {
                () = patience.cancel.cancelled() => {
                    join_all(watched.iter_mut().map(Watched::end)).await;
                    return Return::Cancelled;
                }
                news = ears.news(&watched) => news,
                () = tokio::time::sleep(pace(waited)) => continue,
            };
            take_in(news, &mut watched).await;
        }
    }
}

async fn published(
    one: &mut Watched,
    ports: &[PortTarget],
    waited: Duration,
    patience: &Patience,
) -> Option<Return> {
    match one.life() {
        Life::Exited(0) | Life::Gone => return Some(Return::Ended),
        Life::Exited(code) => return Some(Return::Died(code)),
        Life::Created | Life::RestartDue => {}
        // A service behind another one's namespace, or a proxy of the host, is reached as well.
        Life::Running => match one.listening(ports, Reach::Network).await {
            Answer::Yes | Answer::NothingToAsk | Answer::Unseen => {
                return Some(Return::Ready(waited));
            }
            Answer::No => {}
        },
    }
    (waited >= patience.soft_limit).then(|| Return::Silent(ports.to_vec()))
}

/// How long a container has used no CPU, and what it showed.
#[derive(Default)]
struct Peace {
    quiet: Quiet,
    starved: Duration,
    counted: bool,
}

impl Peace {
    async fn look(&mut self, one: &mut Watched, watched: Duration) -> Option<Return> {
        let mut seen = Settling {
            restarts: one.restarts(),
            starved: self.starved,
            life: one.life(),
            listens: false,
            quiet: None,
            watched,
        };
        if one.runs() {
            let pulse = one.pulse().await;
            // The waits of a process that ended are not counted any more.
            self.starved = self.starved.max(pulse.starved);
            seen.starved = self.starved;
            if pulse.busy {
                self.quiet = Quiet::default();
            }
            seen.quiet = one.cpu().await.map(|used| self.quiet.read(used, watched));
            self.counted |= seen.quiet.is_some() || one.has_vanished().await;
            // What could be counted and cannot any more has just ended: the engine says so soon.
            if self.counted && seen.quiet.is_none() {
                seen.quiet = Some(Duration::ZERO);
                seen.starved = watched;
            }
            // Listening is asked last: it is the dearest where there is no privilege.
            if settle::settled(&seen) == Settled::Pending {
                seen.listens = one.listens().await.unwrap_or(false);
            }
        }
        match settle::settled(&seen) {
            Settled::Pending => None,
            Settled::Yes if seen.life == Life::Exited(0) => Some(Return::Ended),
            Settled::Yes => Some(Return::Ready(watched)),
            Settled::Died(code) => Some(Return::Died(code)),
            Settled::Restarting => Some(Return::Restarting),
        }
    }
}
