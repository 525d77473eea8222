//! (gate, observations, now) → [`Verdict`]: how a wait ends. Pure: the time is a parameter.

use std::fmt;
use std::time::Duration;

use super::{Condition, Gate, Strength};

/// After this long a wait says that it still waits.
pub const STILL_WAITING: Duration = Duration::from_secs(5);

/// How long a soft gate waits, counted from the dependency's start, where nothing else is said.
pub const SOFT_LIMIT: Duration = Duration::from_secs(30);

/// What became of a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing yet.
    Pending,
    /// The gate is open.
    Ready,
    /// It will not open.
    Failed(Failure),
    /// Its time is up.
    TimedOut,
    /// The command was interrupted.
    Cancelled,
}

/// Why a gate will not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A container ended with this code, and no restart is due.
    Exited {
        /// The container's name.
        container: String,
        /// Its exit code.
        code: i64,
    },
    /// A container's healthcheck gave up.
    Unhealthy {
        /// The container's name.
        container: String,
    },
    /// A container has no healthcheck to wait for.
    NoHealthcheck {
        /// The container's name.
        container: String,
    },
    /// Nobody can tell what a container listens on.
    Unseen {
        /// The container's name.
        container: String,
    },
    /// A container is gone.
    Gone {
        /// The container's name.
        container: String,
    },
}

/// What one replica of the dependency shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The container's name.
    pub container: String,
    /// What it does.
    pub life: Life,
    /// What its healthcheck says; none where it has none.
    pub health: Option<Health>,
    /// Whether it listens, or answers, as the gate's condition asks.
    pub answer: Answer,
    /// How long it had run when the wait began; zero where it was started later.
    pub age: Duration,
}

/// What a container does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Made and never started.
    Created,
    /// Runs, or is frozen.
    Running,
    /// Ended; its restart policy brings it back.
    RestartDue,
    /// Ended for good, with this code.
    Exited(i64),
    /// Does not exist any more.
    Gone,
}

/// What a healthcheck says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// No verdict yet.
    Starting,
    /// Passes.
    Healthy,
    /// Failed as often as it may.
    Unhealthy,
}

/// What a probe found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// Nothing listens, or answers, as asked.
    #[default]
    No,
    /// The condition is met.
    Yes,
    /// There is nothing to ask for: the image declares no port.
    NothingToAsk,
    /// Nobody here can tell: the engine is on another machine, and no image there has a shell.
    Unseen,
}

/// How long a container without a healthcheck is waited for before that is told: one that ends at
/// once has worse to say. Docker Compose looks for the first time after as long. Its own age does
/// not count: Docker 28 takes the time of a start before it sets up the network.
const FIRST_LOOK: Duration = Duration::from_millis(500);

/// The verdict on a gate after `waited`, over all replicas of the dependency.
///
/// Every replica has to be ready. `soft_limit` is that of soft gates without one of their own;
/// it is counted from a replica's start, so that the waits of a chain do not add up.
pub fn verdict(
    gate: &Gate,
    replicas: &[Observation],
    waited: Duration,
    soft_limit: Duration,
) -> Verdict {
    let mut pending: Vec<&Observation> = Vec::new();
    for replica in replicas {
        match of_one(gate, replica) {
            Verdict::Ready => {}
            Verdict::Pending => pending.push(replica),
            Verdict::Failed(Failure::NoHealthcheck { .. }) if waited < FIRST_LOOK => {
                pending.push(replica);
            }
            ended => return ended,
        }
    }
    if pending.is_empty() {
        return Verdict::Ready;
    }
    let own = gate.limit.map(crate::project::Duration::to_std);
    let expired = match gate.strength {
        Strength::Soft => {
            let limit = own.unwrap_or(soft_limit);
            pending.iter().all(|replica| replica.age + waited >= limit)
        }
        Strength::Declared | Strength::Optional => own.is_some_and(|limit| waited >= limit),
    };
    match expired {
        true => Verdict::TimedOut,
        false => Verdict::Pending,
    }
}

fn of_one(gate: &Gate, replica: &Observation) -> Verdict {
    let container = || replica.container.clone();
    match replica.life {
        Life::Created | Life::RestartDue => Verdict::Pending,
        Life::Gone => Verdict::Failed(Failure::Gone {
            container: container(),
        }),
        Life::Exited(0) if gate.strength == Strength::Soft => Verdict::Ready,
        Life::Exited(0)
            if matches!(
                gate.condition,
                Condition::Completed | Condition::RunningOrDone
            ) =>
        {
            Verdict::Ready
        }
        Life::Exited(code) => Verdict::Failed(Failure::Exited {
            container: container(),
            code,
        }),
        Life::Running => match (&gate.condition, replica.health) {
            (Condition::Running | Condition::RunningOrDone, _)
            | (Condition::Healthy, Some(Health::Healthy)) => Verdict::Ready,
            (Condition::Healthy, Some(Health::Unhealthy)) => Verdict::Failed(Failure::Unhealthy {
                container: container(),
            }),
            (Condition::Healthy, None) => Verdict::Failed(Failure::NoHealthcheck {
                container: container(),
            }),
            (Condition::Healthy, Some(Health::Starting)) | (Condition::Completed, _) => {
                Verdict::Pending
            }
            (Condition::Listening(_) | Condition::ListeningOnExposed | Condition::Http(_), _) => {
                match replica.answer {
                    Answer::No => Verdict::Pending,
                    Answer::Yes | Answer::NothingToAsk => Verdict::Ready,
                    Answer::Unseen => Verdict::Failed(Failure::Unseen {
                        container: container(),
                    }),
                }
            }
        },
    }
}

/// What an engine does with a container that ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Nothing.
    #[default]
    No,
    /// Starts it again, unless someone stopped it.
    Always,
    /// Starts it again after a failure, this often at the most; 0 for ever.
    OnFailure(u64),
}

/// What a container that ended with `code` after `restarts` restarts does next.
///
/// `stopped` is true where someone asked for its end: no policy brings it back then.
pub fn after_exit(policy: RestartPolicy, code: i64, restarts: u64, stopped: bool) -> Life {
    let due = !stopped
        && match policy {
            RestartPolicy::No => false,
            RestartPolicy::Always => true,
            RestartPolicy::OnFailure(most) => code != 0 && (most == 0 || restarts < most),
        };
    match due {
        true => Life::RestartDue,
        false => Life::Exited(code),
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited { container, code } => write!(f, "container {container} exited ({code})"),
            Self::Unhealthy { container } => write!(f, "container {container} is unhealthy"),
            Self::NoHealthcheck { container } => {
                write!(f, "container {container} has no healthcheck configured")
            }
            Self::Unseen { container } => write!(
                f,
                "what container {container} listens on cannot be seen: the engine is on another machine, the image has no shell, and no image there has one that could look"
            ),
            Self::Gone { container } => write!(f, "container {container} is gone"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::{Because, PortTarget, Reach};

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn gate(condition: Condition, strength: Strength) -> Gate {
        Gate {
            dependency: "db".into(),
            condition,
            strength,
            reach: Reach::Network,
            limit: None,
            because: Because {
                what: "depends_on".into(),
                place: None,
            },
        }
    }

    fn port(strength: Strength) -> Gate {
        gate(Condition::Listening(vec![PortTarget::tcp(5432)]), strength)
    }

    fn running() -> Observation {
        Observation {
            container: "app-db-1".into(),
            life: Life::Running,
            health: None,
            answer: Answer::No,
            age: S(0),
        }
    }

    fn of(gate: &Gate, replica: Observation, waited: u64) -> Verdict {
        verdict(gate, &[replica], S(waited), SOFT_LIMIT)
    }

    #[test]
    fn what_nobody_can_see_is_never_called_ready() {
        let unseen = Observation {
            container: "a-db-1".into(),
            life: Life::Running,
            health: None,
            answer: Answer::Unseen,
            age: Duration::ZERO,
        };
        let of = |strength| {
            let gate = gate(Condition::Listening(vec![PortTarget::tcp(5432)]), strength);
            verdict(&gate, std::slice::from_ref(&unseen), S(0), SOFT_LIMIT)
        };
        // A soft gate that fails is a warning, and lets its dependent start.
        for strength in [Strength::Soft, Strength::Declared] {
            let container = "a-db-1".to_owned();
            assert_eq!(of(strength), Verdict::Failed(Failure::Unseen { container }));
        }
    }

    #[test]
    fn a_soft_gate_gives_up_thirty_seconds_after_the_dependencys_start() {
        let gate = port(Strength::Soft);
        assert_eq!(of(&gate, running(), 29), Verdict::Pending);
        assert_eq!(of(&gate, running(), 30), Verdict::TimedOut);
        let old = Observation {
            age: S(25),
            ..running()
        };
        assert_eq!(of(&gate, old.clone(), 4), Verdict::Pending);
        assert_eq!(of(&gate, old, 5), Verdict::TimedOut);
    }

    #[test]
    fn a_declared_gate_waits_as_long_as_its_own_limit_says() {
        let mut gate = gate(Condition::Healthy, Strength::Declared);
        let starting = Observation {
            health: Some(Health::Starting),
            ..running()
        };
        assert_eq!(of(&gate, starting.clone(), 900), Verdict::Pending);
        gate.limit = Some(crate::project::Duration(60_000_000_000));
        let old = Observation {
            age: S(500),
            ..starting
        };
        assert_eq!(of(&gate, old.clone(), 59), Verdict::Pending);
        assert_eq!(of(&gate, old, 60), Verdict::TimedOut);
    }

    #[test]
    fn health_opens_fails_or_is_missing() {
        let gate = gate(Condition::Healthy, Strength::Declared);
        let with = |health| Observation {
            health,
            ..running()
        };
        assert_eq!(of(&gate, with(Some(Health::Healthy)), 0), Verdict::Ready);
        assert_eq!(of(&gate, with(None), 0), Verdict::Pending);
        let failed = |replica| match of(&gate, replica, 1) {
            Verdict::Failed(failure) => failure.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            failed(with(Some(Health::Unhealthy))),
            "container app-db-1 is unhealthy"
        );
        assert_eq!(
            failed(with(None)),
            "container app-db-1 has no healthcheck configured"
        );
    }

    #[test]
    fn an_exit_with_0_satisfies_a_soft_gate_and_fails_a_declared_one() {
        let ended = Observation {
            life: Life::Exited(0),
            ..running()
        };
        assert_eq!(of(&port(Strength::Soft), ended.clone(), 0), Verdict::Ready);
        assert!(matches!(
            of(&port(Strength::Declared), ended.clone(), 0),
            Verdict::Failed(Failure::Exited { code: 0, .. })
        ));
        let completed = gate(Condition::Completed, Strength::Declared);
        assert_eq!(of(&completed, ended, 0), Verdict::Ready);
        assert_eq!(of(&completed, running(), 9), Verdict::Pending);
    }

    #[test]
    fn a_failure_ends_the_wait_unless_a_restart_is_due() {
        let ended = |life| Observation { life, ..running() };
        for strength in [Strength::Soft, Strength::Declared] {
            assert!(matches!(
                of(&port(strength), ended(Life::Exited(3)), 0),
                Verdict::Failed(Failure::Exited { code: 3, .. })
            ));
            assert_eq!(
                of(&port(strength), ended(Life::RestartDue), 3),
                Verdict::Pending
            );
        }
    }

    #[test]
    fn every_replica_has_to_be_ready() {
        let gate = port(Strength::Soft);
        let open = Observation {
            answer: Answer::Yes,
            ..running()
        };
        let two = |a: &Observation, b: &Observation| {
            verdict(&gate, &[a.clone(), b.clone()], S(1), SOFT_LIMIT)
        };
        assert_eq!(two(&open, &running()), Verdict::Pending);
        assert_eq!(two(&open, &open), Verdict::Ready);
        assert_eq!(verdict(&gate, &[], S(0), SOFT_LIMIT), Verdict::Ready);
    }

    #[test]
    fn restart_policies_decide_what_follows_an_exit() {
        use RestartPolicy::{Always, No, OnFailure};
        for (policy, code, restarts, stopped, life) in [
            (No, 1, 0, false, Life::Exited(1)),
            (Always, 0, 9, false, Life::RestartDue),
            (Always, 137, 0, true, Life::Exited(137)),
            (OnFailure(0), 1, 50, false, Life::RestartDue),
            (OnFailure(3), 1, 2, false, Life::RestartDue),
            (OnFailure(3), 1, 3, false, Life::Exited(1)),
            (OnFailure(0), 0, 0, false, Life::Exited(0)),
        ] {
            assert_eq!(
                after_exit(policy, code, restarts, stopped),
                life,
                "{policy:?}"
            );
        }
    }
}
