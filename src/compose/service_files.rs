//! The files that services name with `env_file` and `label_file`, read into their environment and
//! labels.
//!
//! A project's own variables (`.env`) are there before: see [`super::environment`].

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::dotenv::{self, Entry};
use super::environment::{malformed, span};
use super::sources::{Sources, absolute, display_path};
use super::{explain, read, swallowed};
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::name::ServiceName;
use crate::project::{EnvFile, Origin, Origins, Project, Provenance, Service};

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
        if env_files == EnvFiles::Read {
            files.complete_environment(project, name, service);
        }
        files.complete_labels(project, name, service);
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
    /// Gives bare keys their value from outside, and adds what the env files say.
    fn complete_environment(
        &mut self,
        project: &Project,
        name: &ServiceName,
        service: &mut Service,
    ) {
        for (key, value) in &mut service.environment {
            if value.is_none() {
                *value = project.environment.get(key).cloned();
            }
        }
        if service.env_file.is_empty() {
            return;
        }
        let own = std::mem::take(&mut service.environment);
        let outer = |key: &str| {
            let outside = project.environment.get(key);
            outside
                .or_else(|| own.get(key)?.as_ref())
                .map(String::as_str)
        };
        let mut lines: BTreeMap<String, Place> = BTreeMap::new();
        let mut all: BTreeMap<String, String> = own
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), value.clone()?)))
            .collect();
        for (index, file) in service.env_file.iter().enumerate() {
            let index = index.to_string();
            let named = project.place(&["services", name, "env_file", &index, "path"]);
            let Some((number, entries)) = self.env_file(file, named, &outer, &all) else {
                continue;
            };
            for entry in entries {
                let origin = self.origin(number, &entry, &lines, &outer);
                let place = origin.place.clone();
                lines.extend(place.map(|place| (entry.key.clone(), place)));
                let found = (name.to_string(), "environment", entry.key.clone());
                self.found.insert(found, origin);
                all.insert(entry.key, entry.value);
            }
        }
        let all = all.into_iter().map(|(key, value)| (key, Some(value)));
        service.environment = all.chain(own).collect();
        service.env_file.clear();
    }

    /// Puts what the label files say below the service's own labels.
    fn complete_labels(&mut self, project: &Project, name: &ServiceName, service: &mut Service) {
        let own = std::mem::take(&mut service.labels);
        for (index, path) in service.label_file.iter().enumerate() {
            let index = index.to_string();
            let named = project.place(&["services", name, "label_file", &index]);
            let Some((number, entries)) = self.label_file(path, named, &service.labels) else {
                continue;
            };
            for entry in entries {
                let origin = self.origin(number, &entry, &BTreeMap::new(), &|_| None);
                let found = (name.to_string(), "labels", entry.key.clone());
                self.found.insert(found, origin);
                service.labels.insert(entry.key, entry.value);
            }
        }
        service.labels.extend(own);
    }

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
