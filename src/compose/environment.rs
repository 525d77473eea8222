//! The variables of a project, by precedence: the shell's, then those of `.env` and `--env-file`.
//!
//! What services name with `env_file` is no business of it: see [`super::service_files`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::context::{Context, Phase, Variables};
use super::node::Span;
use super::sources::{absolute, display_path};
use super::{dotenv, read, swallowed};
use crate::diagnostic::{Diagnostic, Place};

/// The shell's variables, and `PWD` where the shell has none.
pub fn shell(cx: &Context<'_>) -> Variables {
    let nowhere = Span::default();
    let mut variables: Variables = cx
        .request
        .environment
        .iter()
        .map(|(key, value)| (key.clone(), (value.clone(), nowhere)))
        .collect();
    let pwd = || (cx.request.cwd.to_string_lossy().into_owned(), nowhere);
    variables.entry("PWD".to_owned()).or_insert_with(pwd);
    variables
}

/// The files that `--env-file` or `COMPOSE_ENV_FILES` name.
pub fn asked(cx: &Context<'_>) -> Vec<String> {
    if !cx.request.env_files.is_empty() {
        return cx.request.env_files.clone();
    }
    let listed = cx.request.environment.get("COMPOSE_ENV_FILES");
    let listed = listed.map(String::as_str).unwrap_or_default().split(',');
    listed
        .filter(|file| !file.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The environment files of a folder: those asked for, else its `.env`.
pub fn project_files(cx: &mut Context<'_>, dir: &Path) -> Phase<Vec<(PathBuf, Span)>> {
    let asked = asked(cx);
    if !asked.is_empty() {
        let cwd = &cx.request.cwd;
        return Ok(asked
            .iter()
            .map(|file| (absolute(cwd, file), Span::default()))
            .collect());
    }
    if let Some(word) = cx.request.environment.get("COMPOSE_DISABLE_ENV_FILE") {
        match word.as_str() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => return Ok(Vec::new()),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => {}
            word => {
                let message = format!("`COMPOSE_DISABLE_ENV_FILE` must be a boolean, not `{word}`");
                return cx.halt(Diagnostic::error(message));
            }
        }
    }
    let own = dir.join(".env");
    Ok(match cx.request.disk.has(&own) {
        true => vec![(own, Span::default())],
        false => Vec::new(),
    })
}

/// Compose's own switches (`COMPOSE_*`) in env files; empty where one cannot be read, which is said
/// when the project is.
pub fn switches(
    files: &[PathBuf],
    environment: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for path in files {
        let Ok(text) = read::text(path) else {
            return BTreeMap::new();
        };
        let outer = |key: &str| environment.get(key).map(String::as_str);
        let earlier = |key: &str| found.get(key).map(String::as_str);
        let Ok(entries) = dotenv::parse(&text, &outer, &earlier) else {
            return BTreeMap::new();
        };
        let entries: Vec<_> = entries
            .into_iter()
            .map(|entry| (entry.key, entry.value))
            .collect();
        found.extend(entries);
    }
    found.retain(|key, _| key.starts_with("COMPOSE_"));
    found
}

/// Variables with those of files added that they do not have; of several files the later wins.
pub fn with_files(
    cx: &mut Context<'_>,
    variables: &Variables,
    files: &[(PathBuf, Span)],
) -> Phase<Variables> {
    let mut read_so_far: BTreeMap<String, (String, Span)> = BTreeMap::new();
    for (path, named) in files {
        let name = display_path(path, &cx.request.cwd);
        let text = match cx.request.disk.text(path) {
            Ok(text) => text,
            Err(error) => {
                let error =
                    Diagnostic::error(format!("cannot read the env file `{name}`: {error}"))
                        .at(cx.place(*named))
                        .hint(match named.file {
                            0 => "it is named by `--env-file` or `COMPOSE_ENV_FILES`",
                            _ => "create it, or take it out",
                        });
                return cx.halt(error);
            }
        };
        let number = cx.sources.add(name, text.clone());
        let outer = |key: &str| variables.get(key).map(|(value, _)| value.as_str());
        let earlier = |key: &str| read_so_far.get(key).map(|(value, _)| value.as_str());
        match dotenv::parse(&text, &outer, &earlier) {
            Ok(entries) => {
                let place = |at: &_| cx.sources.place(span(number, at));
                let lost: Vec<Diagnostic> = swallowed::in_file(&text, &entries, place).collect();
                cx.warnings.extend(lost);
                for entry in entries {
                    let at = span(number, &entry.at);
                    read_so_far.insert(entry.key, (entry.value, at));
                }
            }
            Err(error) => {
                let error = malformed(&error, cx.place(span(number, &error.at)));
                return cx.halt(error);
            }
        }
    }
    let mut all = variables.clone();
    for (key, value) in read_so_far {
        all.entry(key).or_insert(value);
    }
    Ok(all)
}

/// The span of a range of a file.
pub fn span(file: u32, range: &std::ops::Range<usize>) -> Span {
    Span {
        file,
        start: u32::try_from(range.start).unwrap_or(u32::MAX),
        end: u32::try_from(range.end).unwrap_or(u32::MAX),
    }
}

/// What is said of an env file that cannot be parsed.
pub fn malformed(error: &dotenv::Error, place: Option<Place>) -> Diagnostic {
    let diagnostic = Diagnostic::error(error.kind.to_string()).at(place);
    match error.kind {
        dotenv::ErrorKind::Unterminated => diagnostic.hint("close the quote"),
        dotenv::ErrorKind::Template(_) => diagnostic,
        dotenv::ErrorKind::TooLarge => {
            diagnostic.hint("write out what variables of variables stand for")
        }
        _ => diagnostic.hint("each line is `NAME=value`, or a comment: `# …`"),
    }
}
