//! The variables of a project: the shell's, then those of `.env` and `--env-file`; and the files
//! that services name with `env_file` and `label_file`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::context::{Context, Phase, Variables};
use super::dotenv::{self, Entry};
use super::node::Span;
use super::sources::{Sources, absolute, display_path};
use super::{explain, read, swallowed};
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::project::{EnvFile, Origin, Origins, Project, Provenance};

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

fn span(file: u32, range: &std::ops::Range<usize>) -> Span {
    Span {
        file,
        start: u32::try_from(range.start).unwrap_or(u32::MAX),
        end: u32::try_from(range.end).unwrap_or(u32::MAX),
    }
}

fn malformed(error: &dotenv::Error, place: Option<Place>) -> Diagnostic {
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

/// Reads the `env_file` and `label_file` entries of every service into its environment and labels.
///
/// What a service says itself goes before its files; of several files the later wins. The lists of
/// files are dropped, as they have been folded in. What is odd in them is added to the project's
/// warnings.
///
/// # Errors
/// A file that is missing and required, or malformed.
pub fn resolve_files(project: &mut Project, cwd: &Path) -> Result<(), Diagnostics> {
    resolve(project, cwd, EnvFiles::Read)
}

/// Drops the lists of label files, as `config` does; for containers they stay part of the hash.
pub fn drop_label_files(project: &mut Project) {
    for service in project.services.values_mut() {
        service.label_file.clear();
    }
}

/// Reads the `label_file` entries only: what Docker Compose does even where env files stay unread.
///
/// # Errors
/// A file that is missing or malformed.
pub fn resolve_labels(project: &mut Project, cwd: &Path) -> Result<(), Diagnostics> {
    resolve(project, cwd, EnvFiles::Leave)
}

/// Whether the environment is resolved beside the labels.
#[derive(Clone, Copy, PartialEq, Eq)]
enum EnvFiles {
    Read,
    Leave,
}

fn resolve(project: &mut Project, cwd: &Path, env_files: EnvFiles) -> Result<(), Diagnostics> {
    let mut files = Files {
        sources: Sources::default(),
        cwd,
        texts: BTreeMap::new(),
        found: BTreeMap::new(),
        errors: Vec::new(),
        warnings: Vec::new(),
    };
    let mut services = std::mem::take(&mut project.services);
    for (name, service) in &mut services {
        for (key, value) in &mut service.environment {
            if value.is_none() && env_files == EnvFiles::Read {
                *value = project.environment.get(key).cloned();
            }
        }
        if !service.env_file.is_empty() && env_files == EnvFiles::Read {
            let own = service.environment.clone();
            let mut lines: BTreeMap<String, Place> = BTreeMap::new();
            let mut all: BTreeMap<String, String> = own
                .iter()
                .filter_map(|(key, value)| Some((key.clone(), value.clone()?)))
                .collect();
            for (index, file) in service.env_file.iter().enumerate() {
                let index = index.to_string();
                let named = project.place(&["services", name, "env_file", &index, "path"]);
                let outer = |key: &str| {
                    let outside = project.environment.get(key);
                    outside
                        .or_else(|| own.get(key)?.as_ref())
                        .map(String::as_str)
                };
                let Some((number, entries)) = files.env_file(file, named, &outer, &all) else {
                    continue;
                };
                for entry in entries {
                    let origin = files.origin(number, &entry, &lines, &outer);
                    let place = origin.place.clone();
                    lines.extend(place.map(|place| (entry.key.clone(), place)));
                    let found = (name.to_string(), "environment", entry.key.clone());
                    files.found.insert(found, origin);
                    all.insert(entry.key, entry.value);
                }
            }
            let all = all.into_iter().map(|(key, value)| (key, Some(value)));
            service.environment = all.chain(own).collect();
            service.env_file.clear();
        }
        let own = std::mem::take(&mut service.labels);
        for (index, path) in service.label_file.iter().enumerate() {
            let index = index.to_string();
            let named = project.place(&["services", name, "label_file", &index]);
            let earlier = service.labels.clone();
            let Some((number, entries)) = files.label_file(path, named, &earlier) else {
                continue;
            };
            for entry in entries {
                let origin = files.origin(number, &entry, &BTreeMap::new(), &|_| None);
                let found = (name.to_string(), "labels", entry.key.clone());
                files.found.insert(found, origin);
                service.labels.insert(entry.key, entry.value);
            }
        }
        service.labels.extend(own);
    }
    project.services = services;
    project.warnings.append(&mut files.warnings);
    if !files.errors.is_empty() {
        return Err(Diagnostics(files.errors));
    }
    if !files.found.is_empty() {
        project.provenance = Provenance(Some(Arc::new(WithFiles {
            inner: project.provenance.clone(),
            found: files.found,
        })));
    }
    Ok(())
}

/// A look-up of values that live longer than they have to.
fn shorter<'s, 'e: 's>(
    lookup: &'s dyn Fn(&str) -> Option<&'e str>,
) -> impl Fn(&str) -> Option<&'s str> {
    move |key| lookup(key)
}

/// A service, `environment` or `labels`, and a key.
type Found = BTreeMap<(String, &'static str, String), Origin>;

struct Files<'c> {
    sources: Sources,
    cwd: &'c Path,
    texts: BTreeMap<String, (u32, Arc<str>)>,
    found: Found,
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

impl Files<'_> {
    fn text(&mut self, path: &str) -> Result<(u32, Arc<str>), read::Error> {
        if let Some(known) = self.texts.get(path) {
            return Ok(known.clone());
        }
        let text = read::text(&absolute(self.cwd, path))?;
        let number = self
            .sources
            .add(display_path(Path::new(path), self.cwd), text.clone());
        let known = (number, Arc::from(text));
        self.texts.insert(path.to_owned(), known.clone());
        Ok(known)
    }

    fn missing(&mut self, what: &str, path: &str, error: &read::Error, named: Option<Place>) {
        let shown = display_path(Path::new(path), self.cwd);
        let message = match error {
            // Docker Compose's words.
            read::Error::System(error) if error.kind() == std::io::ErrorKind::NotFound => {
                format!("{what} {shown} not found")
            }
            error => format!("cannot read the {what} `{shown}`: {error}"),
        };
        let mut diagnostic = Diagnostic::error(message).at(named);
        diagnostic = match (error, what) {
            (read::Error::System(_), "env file") => {
                diagnostic.hint("create it, or write `required: false` beside its `path`")
            }
            (read::Error::System(_), _) => diagnostic.hint("create it, or take it out"),
            (error, _) => {
                diagnostic.hints.extend(error.hint().map(str::to_owned));
                diagnostic
            }
        };
        self.errors.push(diagnostic);
    }

    fn env_file<'e>(
        &mut self,
        file: &EnvFile,
        named: Option<Place>,
        outer: &dyn Fn(&str) -> Option<&'e str>,
        earlier: &BTreeMap<String, String>,
    ) -> Option<(u32, Vec<Entry>)> {
        let (number, text) = match self.text(&file.path) {
            Ok(text) => text,
            Err(read::Error::System(error))
                if error.kind() == std::io::ErrorKind::NotFound && !file.required.0 =>
            {
                return None;
            }
            Err(error) => {
                self.missing("env file", &file.path, &error, named);
                return None;
            }
        };
        let outer = shorter(outer);
        let entries = match file.format.as_str() {
            "" | ".env" | "dotenv" => {
                dotenv::parse(&text, &outer, &|key| earlier.get(key).map(String::as_str))
            }
            "raw" => dotenv::parse_raw(&text, &outer),
            format => {
                let message = format!("`{format}` is no format of env files");
                let error = Diagnostic::error(message)
                    .at(named)
                    .hint("leave `format` out, or write `raw`");
                self.errors.push(error);
                return None;
            }
        };
        if let Ok(entries) = &entries {
            let place = |at: &_| self.sources.place(span(number, at));
            for warning in swallowed::in_file(&text, entries, place) {
                if !self.warnings.contains(&warning) {
                    self.warnings.push(warning);
                }
            }
        }
        self.entries(number, entries)
    }

    fn label_file(
        &mut self,
        path: &str,
        named: Option<Place>,
        earlier: &BTreeMap<String, String>,
    ) -> Option<(u32, Vec<Entry>)> {
        let (number, text) = match self.text(path) {
            Ok(text) => text,
            Err(error) => {
                self.missing("label file", path, &error, named);
                return None;
            }
        };
        let entries = dotenv::parse(&text, &|key| earlier.get(key).map(String::as_str), &|_| {
            None
        });
        self.entries(number, entries)
    }

    fn entries(
        &mut self,
        number: u32,
        entries: Result<Vec<Entry>, dotenv::Error>,
    ) -> Option<(u32, Vec<Entry>)> {
        match entries {
            Ok(entries) => Some((number, entries)),
            Err(error) => {
                let place = self.sources.place(span(number, &error.at));
                self.errors.push(malformed(&error, place));
                None
            }
        }
    }

    /// Where an entry of a file comes from.
    fn origin<'e>(
        &self,
        number: u32,
        entry: &Entry,
        lines: &BTreeMap<String, Place>,
        outside: &dyn Fn(&str) -> Option<&'e str>,
    ) -> Origin {
        let file = self.sources.file(number);
        file.map_or_else(Origin::default, |file| {
            explain::written(file, entry, lines, outside)
        })
    }
}

/// Origins of values that came out of `env_file` and `label_file`, before all others.
#[derive(Debug)]
struct WithFiles {
    inner: Provenance,
    found: Found,
}

impl WithFiles {
    fn found(&self, path: &[&str]) -> Option<&Origin> {
        let [_, service, section, key] = path else {
            return None;
        };
        let section = match *section {
            "labels" => "labels",
            "environment" => "environment",
            _ => return None,
        };
        self.found
            .get(&((*service).to_owned(), section, (*key).to_owned()))
    }
}

impl Origins for WithFiles {
    fn place(&self, path: &[&str]) -> Option<Place> {
        let inner = self.inner.0.as_ref().and_then(|inner| inner.place(path));
        inner.or_else(|| self.found(path)?.place.clone())
    }

    fn origin(&self, path: &[&str]) -> Option<Origin> {
        let inner = self.inner.0.as_ref().and_then(|inner| inner.origin(path));
        inner.or_else(|| self.found(path).cloned())
    }

    fn key_place(&self, path: &[&str]) -> Option<Place> {
        let inner = self
            .inner
            .0
            .as_ref()
            .and_then(|inner| inner.key_place(path));
        inner.or_else(|| self.found(path)?.place.clone())
    }
}
