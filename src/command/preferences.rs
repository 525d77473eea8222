//! What a user prefers on this machine: `$XDG_CONFIG_HOME/dco/config.yaml`, by default
//! `~/.config/dco/config.yaml`. The same switches as the variables; a variable that is set wins.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Place, SourceFile};

/// The file's keys.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Preferences {
    /// `DCO_STRICT`: `compose` turns off what Docker Compose does not do.
    strict: Option<String>,
    /// `DCO_INFER`: whether dco waits for what the file only implies.
    infer: Option<bool>,
    /// `DCO_GATE_TIMEOUT`: how long an inferred gate waits.
    gate_timeout: Option<String>,
    /// `DCO_COMPOSE_HASH`: the form of the config hash.
    compose_hash: Option<u8>,
    /// `COMPOSE_PROGRESS`.
    progress: Option<String>,
    /// `COMPOSE_ANSI`.
    ansi: Option<String>,
    /// `COMPOSE_PARALLEL_LIMIT`: engine calls at once; -1 for no limit.
    parallel: Option<i32>,
}

/// Where the file lies, whether it is there or not.
pub fn path(get: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let base = get("XDG_CONFIG_HOME").map(PathBuf::from);
    let base = base.filter(|path| path.is_absolute());
    let base = base.or_else(|| Some(PathBuf::from(get("HOME")?).join(".config")))?;
    Some(base.join("dco/config.yaml"))
}

/// The file as variables; empty where there is none.
///
/// # Errors
/// A file that cannot be read, is no YAML, or says something that dco does not know.
pub fn load(path: &Path) -> Result<BTreeMap<&'static str, String>, Diagnostic> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(BTreeMap::new());
        }
        Err(error) => {
            let path = path.display();
            return Err(Diagnostic::error(format!("cannot read {path}: {error}")));
        }
    };
    parse(&path.display().to_string(), &text)
}

fn parse(path: &str, text: &str) -> Result<BTreeMap<&'static str, String>, Diagnostic> {
    // A file of comments alone holds no preference.
    let read: Result<Option<Preferences>, _> = serde_yaml::from_str(text);
    let own = read.map_err(|error| refusal(path, text, &error))?;
    let own = own.unwrap_or_default();
    let yes = |on: bool| String::from(if on { "1" } else { "0" });
    let all = [
        ("DCO_STRICT", own.strict),
        ("DCO_INFER", own.infer.map(yes)),
        ("DCO_GATE_TIMEOUT", own.gate_timeout),
        (
            "DCO_COMPOSE_HASH",
            own.compose_hash.map(|form| form.to_string()),
        ),
        ("COMPOSE_PROGRESS", own.progress),
        ("COMPOSE_ANSI", own.ansi),
        (
            "COMPOSE_PARALLEL_LIMIT",
            own.parallel.map(|limit| limit.to_string()),
        ),
    ];
    let set = all
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    Ok(set.collect())
}

fn refusal(path: &str, text: &str, error: &serde_yaml::Error) -> Diagnostic {
    // The parser's own place would stand twice.
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    let file = Arc::new(SourceFile {
        path: path.to_owned(),
        text: text.to_owned(),
    });
    let place = error.location().map(|at| Place {
        range: at.index()..at.index(),
        file,
    });
    Diagnostic::error(format!("dco's own configuration: {message}"))
        .at(place)
        .hint("`dco help env` lists the keys and their values")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_variables() {
        let text = "infer: false\ngate_timeout: 60s\nprogress: plain\nparallel: -1\n";
        let set = parse("config.yaml", text).unwrap();
        let set: Vec<String> = set
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        assert_eq!(
            set,
            [
                "COMPOSE_PARALLEL_LIMIT=-1",
                "COMPOSE_PROGRESS=plain",
                "DCO_GATE_TIMEOUT=60s",
                "DCO_INFER=0"
            ]
        );
        assert!(parse("config.yaml", "# nothing yet\n").unwrap().is_empty());
    }

    #[test]
    fn what_is_not_known_is_refused_with_its_place() {
        let error = parse("config.yaml", "infer: false\nspeed: fast\n").unwrap_err();
        assert_eq!(
            error.render(false),
            "error: dco's own configuration: unknown field `speed`, expected one of `strict`, `infer`, \
             `gate_timeout`, `compose_hash`, `progress`, `ansi`, `parallel`\n \
             --> config.yaml:2:1\n  |\n2 | speed: fast\n  | ^\nhint: `dco help env` lists the keys and their values"
        );
    }

    #[test]
    fn it_lies_where_the_desktop_keeps_configuration() {
        let get = |name: &str| (name == "HOME").then(|| String::from("/home/ada"));
        assert_eq!(
            path(&get).unwrap(),
            Path::new("/home/ada/.config/dco/config.yaml")
        );
        let get = |name: &str| (name == "XDG_CONFIG_HOME").then(|| String::from("/etc/ada"));
        assert_eq!(path(&get).unwrap(), Path::new("/etc/ada/dco/config.yaml"));
    }
}
