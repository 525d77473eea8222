//! What `--wait` waits for at a service.

use std::collections::BTreeSet;

use super::request::Wait;
use crate::gate::{Because, Condition, Gate, Reach, Strength};
use crate::graph::one_shots;
use crate::name::ServiceName;
use crate::project::{Project, Service};

/// What is said to ask for these gates.
pub const WAIT: &str = "--wait";

/// The gate of one service: healthy where it has a healthcheck, complete where another one asks for
/// that, else running. What has neither a healthcheck nor ports nor a restart policy may be a task,
/// and may have ended with 0.
pub(super) fn gate(
    (name, service): (&ServiceName, &Service),
    one_shots: &BTreeSet<&ServiceName>,
    wait: Wait,
) -> Gate {
    let check = service.healthcheck.as_ref();
    let checked = check.is_some_and(|check| {
        !check.disable && check.test.first().is_none_or(|word| word != "NONE")
    });
    let condition = match one_shots.contains(name) {
        true => Condition::Completed,
        false if checked => Condition::Healthy,
        false if service.ports.is_empty() && !restarts(service) => Condition::RunningOrDone,
        false => Condition::Running,
    };
    Gate {
        dependency: name.clone(),
        condition,
        strength: Strength::Declared,
        reach: Reach::default(),
        limit: wait.0,
        because: Because {
            what: WAIT.into(),
            place: None,
        },
    }
}

/// Whether `--wait` is content with a service that ended with 0.
pub fn may_end(project: &Project, name: &ServiceName) -> bool {
    project.services.get(name).is_none_or(|service| {
        let gate = gate((name, service), &one_shots(project), Wait(None));
        matches!(
            gate.condition,
            Condition::Completed | Condition::RunningOrDone
        )
    })
}

/// Whether the engine starts it again when it ends.
fn restarts(service: &Service) -> bool {
    let deploy = service.deploy.as_ref();
    let policy = deploy.and_then(|deploy| deploy.restart_policy.as_ref());
    let asked = policy.is_some_and(|policy| policy.condition != "none");
    asked || !matches!(service.restart.as_str(), "" | "no")
}
