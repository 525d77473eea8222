//! `x-dco:` of a service or a project, as far as readiness goes: `infer`, `wait`, `timeout`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::project::Duration;
use crate::text::duration;

/// What `x-dco` asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wishes {
    /// `infer: false` turns the inference off.
    pub(super) infer: Option<bool>,
    /// `wait:` the targets, as written.
    pub(super) wait: Vec<String>,
    /// `timeout:` of every gate of this service.
    pub(super) limit: Option<Duration>,
    /// What could not be read, as (key, message).
    pub(super) faults: Vec<(&'static str, String)>,
}

/// Reads the `x-dco` key of a service's or a project's extensions.
pub(super) fn wishes(extensions: &BTreeMap<String, Value>) -> Wishes {
    let mut wishes = Wishes::default();
    let Some(Value::Object(all)) = extensions.get("x-dco") else {
        return wishes;
    };
    match all.get("infer") {
        None | Some(Value::Null) => {}
        Some(Value::Bool(infer)) => wishes.infer = Some(*infer),
        Some(other) => wishes.fault("infer", "has to be true or false", other),
    }
    match all.get("wait") {
        None | Some(Value::Null) => {}
        Some(Value::String(one)) => wishes.wait.push(one.clone()),
        Some(Value::Array(list)) => {
            for item in list {
                match item {
                    Value::String(target) => wishes.wait.push(target.clone()),
                    other => wishes.fault("wait", "takes targets such as `db:5432`", other),
                }
            }
        }
        Some(other) => wishes.fault(
            "wait",
            "has to be a list of targets such as `db:5432`",
            other,
        ),
    }
    match all.get("timeout") {
        None | Some(Value::Null) => {}
        Some(Value::Number(seconds)) if seconds.as_f64().is_some_and(|s| s >= 0.0) => {
            let seconds = seconds.as_f64().unwrap_or_default();
            wishes.limit = Some(Duration((seconds * 1e9) as i64));
        }
        Some(other) => match other.as_str().map(duration::parse) {
            Some(Ok(nanos)) if nanos >= 0 => wishes.limit = Some(Duration(nanos)),
            _ => wishes.fault("timeout", "has to be a duration such as `60s`", other),
        },
    }
    wishes
}

impl Wishes {
    fn fault(&mut self, key: &'static str, message: &str, value: &Value) {
        self.faults
            .push((key, format!("`x-dco.{key}` {message}, not `{value}`")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Wishes {
        wishes(&serde_yaml::from_str(yaml).unwrap())
    }

    #[test]
    fn wishes_are_read_in_every_form() {
        let all =
            read("x-dco: {infer: false, wait: ['db:5432', 'http://api:8000/health'], timeout: 1m}");
        assert_eq!(all.infer, Some(false));
        assert_eq!(all.wait, ["db:5432", "http://api:8000/health"]);
        assert_eq!(all.limit, Some(Duration(60_000_000_000)));
        assert_eq!(read("x-dco: {wait: db, timeout: 5}").wait, ["db"]);
        assert_eq!(read("x-other: 1"), Wishes::default());
    }

    #[test]
    fn a_wish_that_cannot_be_read_is_a_fault_with_its_key() {
        let faults = read("x-dco: {infer: maybe, wait: {a: b}, timeout: soon}").faults;
        let shown: Vec<&str> = faults.iter().map(|(_, message)| message.as_str()).collect();
        assert_eq!(
            shown,
            [
                "`x-dco.infer` has to be true or false, not `\"maybe\"`",
                "`x-dco.wait` has to be a list of targets such as `db:5432`, not `{\"a\":\"b\"}`",
                "`x-dco.timeout` has to be a duration such as `60s`, not `\"soon\"`",
            ]
        );
    }
}
