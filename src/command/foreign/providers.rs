//! Services that another program gives (`provider:`).
//!
//! The protocol is Docker Compose's `docs/extension.md`: `PROGRAM compose --project-name=P up --k=v
//! SERVICE`, which answers by a JSON object on each line.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Result;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;

use super::super::Context;
use super::program::{call, in_path, last_line, plugin};
use crate::diagnostic::Diagnostic;
use crate::event::{Event, Events, Resource, Status};
use crate::history::store::write_whole;
use crate::name::ServiceName;
use crate::project::{Project, Provider};

/// What a provider is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::command) enum Ask {
    /// To bring the service up; it may be up already.
    Up,
    /// To release what it holds.
    Down,
    /// To stop it, where it can.
    Stop,
}

impl Ask {
    fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Stop => "stop",
        }
    }

    /// Compose's words: while it goes on, when it is done, and in an error.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Up => ("Creating", "Created", "create"),
            Self::Down => ("Removing", "Removed", "remove"),
            Self::Stop => ("Stopping", "Stopped", "stop"),
        }
    }
}

/// What a provider says of the options that it takes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    description: String,
    up: Parameters,
    down: Parameters,
    stop: Option<Parameters>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Parameters {
    parameters: Option<Vec<Parameter>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Parameter {
    name: String,
    required: bool,
}

impl Metadata {
    /// What it takes for a command; none where it does not have it.
    fn of(&self, ask: Ask) -> Option<&Parameters> {
        match ask {
            Ask::Up => Some(&self.up),
            Ask::Down => Some(&self.down),
            Ask::Stop => self.stop.as_ref(),
        }
    }

    /// Whether it says nothing of its options, so that it gets all of them.
    fn is_empty(&self) -> bool {
        let none = |one: &Parameters| one.parameters.is_none();
        self.description.is_empty() && none(&self.up) && none(&self.down)
    }
}

impl Parameters {
    fn list(&self) -> &[Parameter] {
        self.parameters.as_deref().unwrap_or_default()
    }
}

/// One line of a provider's answer.
#[derive(Debug, Deserialize)]
struct Message {
    r#type: String,
    message: String,
}

/// What a provider sets in the services that depend on it.
#[derive(Debug, Default)]
struct Variables {
    /// Behind the service's name.
    prefixed: BTreeMap<String, String>,
    /// As they are.
    raw: BTreeMap<String, String>,
}

/// Asks all providers to bring their services up; a dry run asks nobody.
///
/// # Errors
/// See [`ask`].
pub(super) async fn up(cx: &Context, project: &mut Project) -> Result<()> {
    match cx.globals.dry_run {
        true => Ok(()),
        false => ask(cx, project, (Ask::Up, &BTreeSet::new())).await,
    }
}

/// Asks the providers of these services to end them; of all where none is named.
///
/// # Errors
/// See [`ask`].
pub(in crate::command) async fn end(
    cx: &Context,
    project: &Project,
    (what, services): (Ask, &BTreeSet<ServiceName>),
) -> Result<()> {
    let mut services_given = project.services.values();
    match services_given.any(|service| service.provider.is_some()) {
        true => ask(cx, &mut project.clone(), (what, services)).await,
        false => Ok(()),
    }
}

/// Asks the providers of these services, side by side where none depends on another; with `Up`,
/// what they set goes into the environment of those that depend on them.
///
/// # Errors
/// A provider that is not there, fails, or says what nobody understands.
async fn ask(
    cx: &Context,
    project: &mut Project,
    (what, services): (Ask, &BTreeSet<ServiceName>),
) -> Result<()> {
    let is_wanted = |name: &ServiceName| services.is_empty() || services.contains(name);
    let mut due: BTreeSet<ServiceName> = project
        .services
        .iter()
        .filter(|(name, service)| service.provider.is_some() && is_wanted(name))
        .map(|(name, _)| name.clone())
        .collect();
    while !due.is_empty() {
        let waits = |name: &&ServiceName| {
            let dependencies = project.services[*name].depends_on.keys();
            dependencies.into_iter().any(|other| due.contains(other))
        };
        let mut ready: Vec<ServiceName> = due.iter().filter(|name| !waits(name)).cloned().collect();
        if what != Ask::Up || ready.is_empty() {
            ready = due.iter().cloned().collect();
        }
        let asker = Asker {
            cx,
            project,
            what,
            events: cx.events(),
        };
        let mut answers: FuturesUnordered<_> = ready
            .iter()
            .map(|name| async { (name.clone(), asker.ask(name).await) })
            .collect();
        let mut said = Vec::new();
        while let Some((name, answer)) = answers.next().await {
            said.push((name, answer?));
        }
        drop(answers);
        for (name, variables) in said {
            due.remove(&name);
            if what == Ask::Up {
                set(cx, project, &name, &variables);
            }
        }
    }
    Ok(())
}

/// Sets what a provider said in the services that depend on it.
fn set(cx: &Context, project: &mut Project, provider: &ServiceName, variables: &Variables) {
    let prefix = format!("{}_", provider.to_uppercase());
    for (name, service) in &mut project.services {
        if !service.depends_on.contains_key(provider) {
            continue;
        }
        for (key, value) in &variables.prefixed {
            let key = format!("{prefix}{key}");
            service.environment.insert(key, Some(value.clone()));
        }
        for (key, value) in &variables.raw {
            let before = service.environment.insert(key.clone(), Some(value.clone()));
            if before.is_some_and(|before| before.as_ref() != Some(value)) {
                cx.reporter().show(&Diagnostic::warning(format!(
                    "provider `{provider}` overrides environment variable `{key}` of service `{name}`"
                )));
            }
        }
    }
}

struct Asker<'a> {
    cx: &'a Context,
    project: &'a Project,
    what: Ask,
    events: Events,
}

impl Asker<'_> {
    async fn ask(&self, name: &ServiceName) -> Result<Variables, Diagnostic> {
        let Some(provider) = &self.project.services[name].provider else {
            return Ok(Variables::default());
        };
        let answered = self.run(name, provider).await;
        answered.map_err(|error| {
            let at = self.project.place(&["services", name, "provider"]);
            match error.places.is_empty() {
                true => error.at(at),
                false => error,
            }
        })
    }

    async fn run(&self, name: &ServiceName, provider: &Provider) -> Result<Variables, Diagnostic> {
        let program = self.find(&provider.r#type)?;
        let metadata = self.metadata(&program, &provider.r#type).await;
        let Some(parameters) = metadata.of(self.what) else {
            return Ok(Variables::default());
        };
        if !metadata.is_empty() {
            let missing = parameters.list().iter().find(|parameter| {
                parameter.required && !provider.options.contains_key(&parameter.name)
            });
            if let Some(missing) = missing {
                return Err(Diagnostic::error(format!(
                    "required parameter \"{}\" is missing from provider \"{}\" definition",
                    missing.name, provider.r#type
                )));
            }
        }
        let takes =
            |key: &str| metadata.is_empty() || parameters.list().iter().any(|one| one.name == key);
        let mut command = call(self.project, &program);
        command.arg("compose");
        command.arg(format!("--project-name={}", self.project.name));
        command.arg(self.what.word());
        for (key, values) in provider.options.iter().filter(|(key, _)| takes(key)) {
            command.args(values.iter().map(|value| format!("--{key}={value}")));
        }
        command.arg(name.as_str());
        self.converse(name, command).await
    }

    /// Runs the program to its end and takes in what it says.
    async fn converse(
        &self,
        name: &ServiceName,
        mut command: Command,
    ) -> Result<Variables, Diagnostic> {
        let (doing, done, verb) = self.what.words();
        self.say(name, (Status::Working, doing), "");
        let failed = |why: String| {
            self.say(name, (Status::Error, "Error"), &why);
            Diagnostic::error(format!("failed to {verb} service provider: {why}"))
        };
        let spawned = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = spawned.map_err(|error| failed(error.to_string()))?;
        let output = child.stdout.take();
        let mut errors = child.stderr.take();
        let listen = async {
            let mut variables = Variables::default();
            let Some(output) = output else {
                return Ok(variables);
            };
            let mut lines = BufReader::new(output).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if !line.trim().is_empty() {
                    self.hear(name, &line, &mut variables)?;
                }
            }
            Ok(variables)
        };
        let read_errors = async {
            let mut text = String::new();
            if let Some(errors) = errors.as_mut() {
                let _ = errors.read_to_string(&mut text).await;
            }
            text
        };
        let (variables, errors) = tokio::join!(listen, read_errors);
        let variables: Variables = variables?;
        let status = child.wait().await;
        let status = status.map_err(|error| failed(error.to_string()))?;
        if !status.success() {
            return Err(failed(match last_line(&errors) {
                Some(last) => format!("{status}: {last}"),
                None => status.to_string(),
            }));
        }
        self.say(name, (Status::Done, done), "");
        Ok(variables)
    }

    fn hear(
        &self,
        name: &ServiceName,
        line: &str,
        variables: &mut Variables,
    ) -> Result<(), Diagnostic> {
        let invalid =
            |what: &str| Diagnostic::error(format!("invalid response from plugin: {what}"));
        let Message { r#type, message } = serde_json::from_str(line).map_err(|_| invalid(line))?;
        match r#type.as_str() {
            "error" => {
                let first = message.lines().next().unwrap_or_default();
                self.say(name, (Status::Error, ""), first);
                return Err(Diagnostic::error(message));
            }
            "info" => {
                let first = message.lines().next().unwrap_or_default();
                self.say(name, (Status::Working, ""), first);
            }
            "debug" => tracing::debug!(target: "dco::provider", service = %name, "{message}"),
            kind @ ("setenv" | "rawsetenv") => {
                let (key, value) = message.split_once('=').ok_or_else(|| invalid(&message))?;
                let into = match kind {
                    "setenv" => &mut variables.prefixed,
                    _ => &mut variables.raw,
                };
                into.insert(key.to_owned(), value.to_owned());
            }
            other => return Err(invalid(other)),
        }
        Ok(())
    }

    fn say(&self, name: &ServiceName, (status, text): (Status, &str), details: &str) {
        self.events.emit(Event::Progress {
            resource: Resource::Service {
                name: name.clone(),
                image: String::new(),
            },
            status,
            text: text.to_owned(),
            details: details.to_owned(),
            transfer: None,
        });
    }

    /// What the program says of its options; nothing where it says nothing.
    async fn metadata(&self, program: &Path, kind: &str) -> Metadata {
        let mut command = call(self.project, program);
        command.args(["compose", "metadata"]);
        let output = match command.output().await {
            Ok(output) if output.status.success() => output.stdout,
            _ => return Metadata::default(),
        };
        let Ok(metadata) = serde_json::from_slice(&output) else {
            return Metadata::default();
        };
        self.keep(kind, &output);
        metadata
    }

    /// Leaves what a program said where Compose does: editors complete options from it.
    fn keep(&self, kind: &str, metadata: &[u8]) {
        let folder = self.cx.docker_config().dir.join("compose/providers");
        // Nothing here reads it.
        if std::fs::create_dir_all(&folder).is_ok() {
            let _ = write_whole(&folder.join(format!("{kind}.json")), metadata);
        }
    }

    /// A plugin of docker's of that name, else a program in `$PATH`.
    fn find(&self, kind: &str) -> Result<PathBuf, Diagnostic> {
        if kind == "compose" {
            return Err(Diagnostic::error(
                "'compose' is not a valid provider type".to_owned(),
            ));
        }
        let found = plugin(self.cx, kind).or_else(|| in_path(self.cx, self.project, kind));
        found.ok_or_else(|| {
            Diagnostic::error(format!(
                "exec: \"{kind}\": executable file not found in $PATH"
            ))
            .hint(format!(
                "`provider.type` names a plugin of docker's (`docker-{kind}`) or a program; install it"
            ))
        })
    }
}
