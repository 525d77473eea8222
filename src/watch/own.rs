//! What `x-dco` of a service says about reload. Pure.

use std::time::Duration;

use serde_json::Value;

use super::rule::Reload;
use crate::project::{Hook, Service, ShellCommand};

/// What `x-dco` of a service says about reload.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// How the program is told.
    pub(super) reload: Reload,
    /// Only these patterns.
    pub(super) on: Vec<String>,
    /// Never these.
    pub(super) ignore: Vec<String>,
    /// How long what follows a first change is gathered.
    pub(super) debounce: Option<Duration>,
}

impl Own {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn of(service: &Service) -> Result<Self, String> {
        let mut own = Self::default();
        let Some(Value::Object(extension)) = service.extensions.get("x-dco") else {
            return Ok(own);
        };
        let reload = extension.get("reload");
        let nested = reload.and_then(Value::as_object);
        let get = |key: &str| {
            nested
                .and_then(|nested| nested.get(key))
                .or_else(|| extension.get(key))
        };
        own.on = texts(get("on"))?.into_iter().map(anywhere).collect();
        own.ignore = texts(get("ignore"))?.into_iter().map(anywhere).collect();
        if let Some(text) = get("debounce") {
            let text = text
                .as_str()
                .ok_or("`debounce` is a duration such as `50ms`")?;
            let nanos = crate::text::duration::parse(text)?;
            own.debounce = Some(Duration::from_nanos(nanos.max(0).unsigned_abs()));
        }
        own.reload = match (reload.and_then(Value::as_str), get("signal"), get("exec")) {
            (Some("restart"), ..) => Reload::Restart,
            (Some("rebuild"), ..) => Reload::Rebuild,
            (Some("poke"), ..) => Reload::Poke,
            (Some("none"), ..) => Reload::Nothing,
            (Some(other), ..) => {
                return Err(format!(
                    "`{other}` is no way to reload: `restart`, `rebuild`, `poke`, `none`, `signal: NAME` or `exec: [...]`"
                ));
            }
            (None, Some(signal), _) => Reload::Signal(
                signal
                    .as_str()
                    .ok_or("`signal` is a name such as `SIGHUP`")?
                    .to_owned(),
            ),
            (None, None, Some(exec)) => Reload::Exec(Hook {
                command: ShellCommand(Some(words(exec)?)),
                ..Hook::default()
            }),
            (None, None, None) => Reload::Infer,
        };
        Ok(own)
    }
}

fn texts(value: Option<&Value>) -> Result<Vec<String>, String> {
    let text = |value: &Value| {
        value
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| format!("`{value}` is no pattern"))
    };
    match value {
        None => Ok(Vec::new()),
        Some(Value::Array(values)) => values.iter().map(text).collect(),
        Some(value) => Ok(vec![text(value)?]),
    }
}

/// A pattern without a folder in it means files of that name wherever they lie, as in `.gitignore`.
fn anywhere(pattern: String) -> String {
    let (takes_back, name) = match pattern.strip_prefix('!') {
        Some(rest) => ("!", rest),
        None => ("", pattern.as_str()),
    };
    match name.trim_end_matches('/').contains('/') {
        true => pattern,
        false => format!("{takes_back}**/{name}"),
    }
}

fn words(value: &Value) -> Result<Vec<String>, String> {
    match value {
        Value::String(line) => Ok(["/bin/sh", "-c", line].map(str::to_owned).to_vec()),
        _ => texts(Some(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(text: &str) -> Result<Own, String> {
        let value: Value = serde_json::from_str(text).unwrap();
        Own::of(&Service {
            extensions: crate::project::Extensions([("x-dco".into(), value)].into()),
            ..Service::default()
        })
    }

    #[test]
    fn patterns_without_a_folder_are_meant_anywhere() {
        let own = own(r#"{"reload": {"signal": "SIGHUP", "on": ["*.py", "conf/*"]}, "ignore": "!fixtures/", "debounce": "1s"}"#).unwrap();
        assert_eq!(own.on, ["**/*.py", "conf/*"]);
        assert_eq!(own.ignore, ["!**/fixtures/"]);
        assert_eq!(own.reload, Reload::Signal("SIGHUP".into()));
        assert_eq!(own.debounce, Some(Duration::from_secs(1)));
    }

    #[test]
    fn what_is_no_way_to_reload_is_refused() {
        let error = own(r#"{"reload": "sometimes"}"#).unwrap_err();
        assert!(
            error.starts_with("`sometimes` is no way to reload"),
            "{error}"
        );
        assert!(own(r#"{"debounce": 50}"#).is_err());
    }
}
