//! Healthchecks that nobody runs: Podman leaves them to systemd. Where it does not run, whoever
//! waits for health runs them, as far apart as they should be.

use std::time::{Duration, Instant};

use bollard::models::ContainerInspectResponse;

/// How far apart they are where nothing is said of it.
const APART: Duration = Duration::from_secs(30);

/// By how much a check has to be late before it is taken for one that nobody runs.
const LATE: Duration = Duration::from_millis(500);

/// When a container's healthcheck was last heard of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rounds {
    apart: Duration,
    heard: Instant,
}

impl Rounds {
    /// Those of a container that is looked at now; none where it has no healthcheck.
    pub(super) fn of(found: &ContainerInspectResponse, now: Instant) -> Option<Self> {
        let check = found.config.as_ref()?.healthcheck.as_ref()?;
        let first = check.test.as_ref()?.first()?;
        let apart = match check.interval.and_then(|nanos| nanos.try_into().ok()) {
            Some(nanos) if nanos > 0 => Duration::from_nanos(nanos),
            _ => APART,
        };
        (first != "NONE").then_some(Self { apart, heard: now })
    }

    /// Something was heard of a check.
    pub(super) fn hear(&mut self, now: Instant) {
        self.heard = now;
    }

    /// Whether a check is late.
    pub(super) fn are_late(&self, now: Instant) -> bool {
        now.duration_since(self.heard) >= self.apart + LATE
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rounds(check: serde_json::Value, now: Instant) -> Option<Rounds> {
        let found = serde_json::from_value(json!({"Config": {"Healthcheck": check}}));
        Rounds::of(&found.unwrap(), now)
    }

    #[test]
    fn a_check_that_is_not_heard_of_for_longer_than_its_interval_is_late() {
        let begun = Instant::now();
        let after = |ms| begun + Duration::from_millis(ms);
        let check = json!({"Test": ["CMD", "true"], "Interval": 2_000_000_000_i64});
        let mut two = rounds(check, begun).unwrap();
        assert!(!two.are_late(after(2400)) && two.are_late(after(2500)));
        two.hear(after(2500));
        assert!(!two.are_late(after(4900)) && two.are_late(after(5000)));
        let unsaid = rounds(json!({"Test": ["CMD-SHELL", "true"]}), begun).unwrap();
        assert!(!unsaid.are_late(after(30_000)) && unsaid.are_late(after(30_500)));
        assert!(rounds(json!({"Test": ["NONE"]}), begun).is_none());
        assert!(rounds(json!(null), begun).is_none());
    }
}
