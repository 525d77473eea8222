//! When `up -d` may return: each service it started listens on a published port, or has settled.
//!
//! A service is settled when it listens somewhere, when its processes used no CPU for a while, or
//! when it ended with 0; at the latest after a second in which it could run. Pure: the times are parameters.

use std::time::Duration;

use super::PortTarget;
use super::idle;
use super::verdict::Life;
use crate::project::Service;

/// No CPU used for this long is settled.
pub const QUIET: Duration = Duration::from_millis(100);

/// Alive for this long is settled where CPU use cannot be read.
pub const ALIVE: Duration = Duration::from_millis(300);

/// After this long everything alive is settled.
pub const LONGEST: Duration = Duration::from_secs(1);

/// Less CPU than this within [`QUIET`] is none: a timer that ticks is no start-up.
pub const NOISE: Duration = Duration::from_millis(2);

/// What `up -d` waits for at a service that it started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Return {
    /// Listening on any one of these published TCP ports.
    Published(Vec<PortTarget>),
    /// Settling.
    Settled,
}

/// What one container shows while it settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settling {
    /// What it does.
    pub life: Life,
    /// Whether it listens anywhere.
    pub listens: bool,
    /// How long it has used no CPU; none where that cannot be read.
    pub quiet: Option<Duration>,
    /// How long it has been watched since its start.
    pub watched: Duration,
    /// How long its processes were ready to run meanwhile, and had no processor.
    pub starved: Duration,
    /// How often its policy has started it again meanwhile.
    pub restarts: u64,
}

/// Started again this often within [`LONGEST`], it does so for ever.
pub const LOOP: u64 = 2;

/// What became of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Not yet.
    Pending,
    /// It has.
    Yes,
    /// It ended with this code, and no restart is due.
    Died(i64),
    /// It ends again and again, and its policy starts it each time.
    Restarting,
}

/// What `up -d` waits for at this service.
pub fn waits_for(service: &Service) -> Return {
    let ports: Vec<PortTarget> = service
        .ports
        .iter()
        .filter(|port| matches!(port.protocol.as_str(), "" | "tcp"))
        .filter_map(|port| u16::try_from(port.target).ok())
        .map(PortTarget::tcp)
        .collect();
    match ports.is_empty() || idle::listens_nowhere(service) {
        true => Return::Settled,
        false => Return::Published(ports),
    }
}

/// Whether a container has settled.
pub fn settled(seen: &Settling) -> Settled {
    match seen.life {
        Life::Exited(0) => return Settled::Yes,
        Life::Exited(code) => return Settled::Died(code),
        Life::Gone => return Settled::Yes,
        Life::Created | Life::RestartDue | Life::Running => {}
    }
    let quiet = match seen.quiet {
        // Where others have the processors, what it asks them takes longer too.
        Some(quiet) if seen.starved >= seen.watched / 4 => quiet >= ALIVE,
        Some(quiet) => quiet >= QUIET,
        None => seen.watched >= ALIVE,
    };
    // On a machine that has no time for it, a start takes longer, up to a limit.
    let started = seen
        .watched
        .saturating_sub(seen.starved)
        .max(seen.watched / 5);
    let late = match seen.restarts {
        0 => started >= LONGEST,
        _ => started >= LONGEST * 2,
    };
    // The engine counts a restart as soon as it is due; what comes of the first is waited for.
    let first_due = seen.life == Life::RestartDue && seen.restarts < LOOP;
    match seen.restarts >= LOOP || first_due && started >= LONGEST * 3 {
        true if late => return Settled::Restarting,
        false if first_due => return Settled::Pending,
        _ => {}
    }
    // What ended once has to show more than a moment's peace.
    let calm = quiet && seen.restarts == 0;
    match late || seen.life == Life::Running && (seen.listens || calm) {
        true => Settled::Yes,
        false => Settled::Pending,
    }
}

/// How long a container has used no CPU, from one reading to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quiet {
    mark: Option<(Duration, Duration)>,
}

impl Quiet {
    /// Takes a reading of the CPU time used so far, at `now`, and says how long nothing was used.
    pub fn read(&mut self, used: Duration, now: Duration) -> Duration {
        match self.mark {
            Some((at, before)) if used.saturating_sub(before) < NOISE => now.saturating_sub(at),
            _ => {
                self.mark = Some((now, used));
                Duration::ZERO
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::{Port, ShellCommand};

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn seen(quiet: Option<u64>, watched: u64) -> Settling {
        Settling {
            life: Life::Running,
            listens: false,
            quiet: quiet.map(MS),
            watched: MS(watched),
            starved: MS(0),
            restarts: 0,
        }
    }

    #[test]
    fn quiet_listening_ended_and_late_containers_have_settled() {
        for (seen, result) in [
            (seen(Some(90), 200), Settled::Pending),
            (seen(Some(100), 200), Settled::Yes),
            (seen(None, 299), Settled::Pending),
            (seen(None, 300), Settled::Yes),
            (seen(Some(0), 999), Settled::Pending),
            (seen(Some(0), 1000), Settled::Yes),
            (
                Settling {
                    listens: true,
                    ..seen(Some(0), 5)
                },
                Settled::Yes,
            ),
            (
                Settling {
                    life: Life::Exited(0),
                    ..seen(None, 0)
                },
                Settled::Yes,
            ),
            (
                Settling {
                    life: Life::Exited(3),
                    ..seen(Some(500), 0)
                },
                Settled::Died(3),
            ),
            (
                Settling {
                    life: Life::RestartDue,
                    listens: true,
                    ..seen(Some(500), 500)
                },
                Settled::Pending,
            ),
            (
                Settling {
                    starved: MS(400),
                    ..seen(Some(0), 1300)
                },
                Settled::Pending,
            ),
            (
                Settling {
                    starved: MS(100),
                    ..seen(Some(299), 400)
                },
                Settled::Pending,
            ),
            (
                Settling {
                    starved: MS(4900),
                    ..seen(Some(0), 5000)
                },
                Settled::Yes,
            ),
            (
                Settling {
                    restarts: 1,
                    ..seen(Some(500), 1999)
                },
                Settled::Pending,
            ),
            (
                Settling {
                    restarts: 1,
                    ..seen(Some(500), 2000)
                },
                Settled::Yes,
            ),
            (
                Settling {
                    restarts: LOOP,
                    ..seen(Some(500), 2000)
                },
                Settled::Restarting,
            ),
            (
                Settling {
                    life: Life::RestartDue,
                    restarts: 1,
                    ..seen(None, 2000)
                },
                Settled::Pending,
            ),
            (
                Settling {
                    life: Life::RestartDue,
                    restarts: 1,
                    ..seen(None, 3000)
                },
                Settled::Restarting,
            ),
        ] {
            assert_eq!(settled(&seen), result, "{seen:?}");
        }
    }

    #[test]
    fn quiet_is_counted_from_the_last_use() {
        let mut quiet = Quiet::default();
        assert_eq!(quiet.read(MS(50), MS(0)), MS(0));
        assert_eq!(quiet.read(MS(51), MS(60)), MS(60));
        assert_eq!(quiet.read(MS(90), MS(80)), MS(0));
        assert_eq!(quiet.read(MS(90), MS(180)), MS(100));
    }

    #[test]
    fn a_published_tcp_port_is_waited_for_and_a_udp_port_is_not() {
        let with = |protocol: &str| Service {
            ports: vec![Port {
                target: 8000,
                published: "8000".into(),
                protocol: protocol.into(),
                ..Port::default()
            }],
            ..Service::default()
        };
        assert_eq!(
            waits_for(&with("tcp")),
            Return::Published(vec![PortTarget::tcp(8000)])
        );
        assert_eq!(waits_for(&with("udp")), Return::Settled);
        let asleep = Service {
            command: ShellCommand(Some(vec!["sleep".into(), "infinity".into()])),
            ..with("tcp")
        };
        assert_eq!(waits_for(&asleep), Return::Settled);
        assert_eq!(waits_for(&Service::default()), Return::Settled);
    }
}
