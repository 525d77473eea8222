//! Switches that several verbs know, out of the command line and the environment.

use std::time::Duration;

use anyhow::{Result, bail};

use super::super::Context;
use crate::gate::Waits;
use crate::gate::verdict::SOFT_LIMIT;

/// How much is waited for: less with `--no-infer` and `DCO_INFER=0`, least as Compose does.
pub(in crate::command) fn waits(cx: &Context, no_infer: bool) -> Waits {
    if is_strict(cx) {
        return Waits::Compose;
    }
    match no_infer || cx.env.get("DCO_INFER") == Some("0") {
        true => Waits::Declared,
        false => Waits::Inferred,
    }
}

/// Whether dco is to do what Compose does and no more.
pub(in crate::command) fn is_strict(cx: &Context) -> bool {
    cx.env.get("DCO_STRICT") == Some("compose")
}

/// How long a soft gate waits: 30 s, or `DCO_GATE_TIMEOUT`.
pub(in crate::command) fn soft_limit(cx: &Context) -> Duration {
    let asked = cx.env.get("DCO_GATE_TIMEOUT");
    let nanos = asked.and_then(|text| {
        let plain = text
            .parse::<i64>()
            .ok()
            .map(|seconds| seconds * 1_000_000_000);
        plain.or_else(|| crate::text::duration::parse(text).ok())
    });
    nanos.map_or(SOFT_LIMIT, |nanos| {
        Duration::from_nanos(nanos.max(0).unsigned_abs())
    })
}

/// `--timeout` in seconds.
///
/// # Errors
/// A number that is too small.
pub(in crate::command) fn grace(seconds: Option<i64>) -> Result<Option<Duration>> {
    match seconds {
        None => Ok(None),
        Some(seconds) if seconds >= 0 => Ok(Some(Duration::from_secs(seconds.unsigned_abs()))),
        Some(seconds) => bail!("`{seconds}` is no time to wait for a container to stop"),
    }
}
