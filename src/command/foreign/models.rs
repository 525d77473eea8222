//! `models:`: the `docker model` plugin pulls and configures each, and the services that ask for
//! one are told its name and where it answers.
//!
//! The calls are Docker Compose's (`pkg/compose/model.go`): `ls --json`, `status --json`, `pull`,
//! `configure`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use anyhow::Result;
use futures_util::future::try_join_all;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use super::super::Context;
use super::super::work::Quiet;
use super::program::{call, last_line, plugin};
use crate::diagnostic::Diagnostic;
use crate::event::{Event, Events, Resource, Status};
use crate::project::{Model, Project};

/// What `ls --json` says of a model.
#[derive(Debug, Deserialize)]
struct Listed {
    #[serde(default)]
    tags: Vec<String>,
}

/// What `status --json` says.
#[derive(Debug, Deserialize)]
struct Running {
    #[serde(default)]
    endpoint: String,
}

/// Pulls the models that are missing, configures all of them, and tells the services.
///
/// # Errors
/// The plugin is not there, or a call of it fails.
pub(super) async fn bring_up(cx: &Context, project: &mut Project, quiet: Quiet) -> Result<()> {
    if cx.globals.dry_run {
        return look(cx, project).await;
    }
    if project.models.is_empty() {
        return Ok(());
    }
    let runner = Runner {
        program: find(cx, project)?,
        project,
        events: quiet.hush(cx.events()),
        quiet,
    };
    let there = runner.list().await?;
    let provided = project
        .models
        .iter()
        .map(|(key, model)| runner.provide(key, model, &there));
    let (endpoint, _) = tokio::try_join!(runner.endpoint(), try_join_all(provided))?;
    set(project, &endpoint);
    Ok(())
}

/// Tells the services where their models answer, and changes nothing.
///
/// # Errors
/// The plugin is not there, or does not say it.
pub(super) async fn look(cx: &Context, project: &mut Project) -> Result<()> {
    if project.models.is_empty() {
        return Ok(());
    }
    let runner = Runner {
        program: find(cx, project)?,
        project,
        events: cx.events(),
        quiet: Quiet::default(),
    };
    let endpoint = runner.endpoint().await?;
    set(project, &endpoint);
    Ok(())
}

/// The plugin.
fn find(cx: &Context, project: &Project) -> Result<PathBuf, Diagnostic> {
    plugin(cx, "model").ok_or_else(|| {
        let first = project.models.keys().next().map_or("", String::as_str);
        Diagnostic::error("'models' support requires Docker Model plugin")
            .at(project.place(&["models", first]))
            .hint("install `docker-model` (Docker Model Runner), or run the model yourself and give the service its URL in `environment`")
    })
}

/// Sets the variables of every service that asks for a model; names as the service says them.
fn set(project: &mut Project, endpoint: &str) {
    for service in project.services.values_mut() {
        for (key, how) in &service.models {
            let Some(model) = project.models.get(key) else {
                continue;
            };
            let prefix = key.to_uppercase().replace('-', "_");
            let named = |name: fn(&crate::project::ServiceModel) -> &String, end: &str| {
                let own = how.as_ref().map(name).filter(|own| !own.is_empty());
                own.cloned().unwrap_or_else(|| format!("{prefix}_{end}"))
            };
            let variables: BTreeMap<String, &str> = [
                (named(|how| &how.model_var, "MODEL"), model.model.as_str()),
                (named(|how| &how.endpoint_var, "URL"), endpoint),
            ]
            .into();
            for (variable, value) in variables {
                let value = Some(value.to_owned());
                service.environment.insert(variable, value);
            }
        }
    }
}

/// Who calls the plugin.
struct Runner<'a> {
    program: PathBuf,
    project: &'a Project,
    events: Events,
    quiet: Quiet,
}

impl Runner<'_> {
    /// The models that are there, by all of their names.
    async fn list(&self) -> Result<BTreeSet<String>, Diagnostic> {
        let doing = "error checking available models";
        let listed: Vec<Listed> = self.ask(&["ls", "--json"], doing).await?;
        Ok(listed.into_iter().flat_map(|one| one.tags).collect())
    }

    /// Where models answer.
    async fn endpoint(&self) -> Result<String, Diagnostic> {
        let doing = "error checking docker-model status";
        let running: Running = self.ask(&["status", "--json"], doing).await?;
        Ok(running.endpoint)
    }

    async fn ask<T: for<'de> Deserialize<'de>>(
        &self,
        args: &[&str],
        doing: &str,
    ) -> Result<T, Diagnostic> {
        let output = call(self.project, &self.program).args(args).output().await;
        let output = self.succeeded(output, doing)?;
        serde_json::from_slice(&output.stdout)
            .map_err(|cause| self.failed(doing, &cause.to_string()))
    }

    /// Makes a model what the file asks for.
    async fn provide(
        &self,
        key: &str,
        model: &Model,
        there: &BTreeSet<String>,
    ) -> Result<(), Diagnostic> {
        let name = match model.name.as_str() {
            "" => key,
            name => name,
        };
        let done = async {
            if !there.contains(&model.model) {
                self.pull(name, &model.model).await?;
            }
            self.configure(name, model).await
        };
        done.await.map_err(|error: Diagnostic| {
            self.say(name, (Status::Error, "Error"), &error.message);
            error.at(self.project.place(&["models", key]))
        })
    }

    async fn pull(&self, name: &str, model: &str) -> Result<(), Diagnostic> {
        let doing = format!("failed to pull model `{model}`");
        let failed = |cause: std::io::Error| self.failed(&doing, &cause.to_string());
        self.say(name, (Status::Working, "Pulling"), "");
        let mut command = call(self.project, &self.program);
        command.args(["pull", model]);
        let spawned = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = spawned.map_err(failed)?;
        let (output, errors) = (child.stdout.take(), child.stderr.take());
        let listen = async {
            let Some(output) = output else { return };
            let mut lines = BufReader::new(output).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if !self.quiet.pulls && !line.trim().is_empty() {
                    self.say(name, (Status::Working, "Pulling"), line.trim());
                }
            }
        };
        let read_errors = async {
            let mut text = Vec::new();
            if let Some(mut errors) = errors {
                // What cannot be read is told without.
                let _ = errors.read_to_end(&mut text).await;
            }
            text
        };
        let ((), stderr) = tokio::join!(listen, read_errors);
        let status = child.wait().await.map_err(failed)?;
        let output = Output {
            status,
            stdout: Vec::new(),
            stderr,
        };
        self.succeeded(Ok(output), &doing)?;
        self.say(name, (Status::Working, "Pulled"), "");
        Ok(())
    }

    async fn configure(&self, name: &str, model: &Model) -> Result<(), Diagnostic> {
        self.say(name, (Status::Working, "Configuring"), "");
        let mut command = call(self.project, &self.program);
        command.arg("configure");
        if model.context_size > 0 {
            command.args(["--context-size", &model.context_size.to_string()]);
        }
        command.arg(&model.model);
        if !model.runtime_flags.is_empty() {
            command.arg("--").args(&model.runtime_flags);
        }
        let doing = format!("failed to configure model `{}`", model.model);
        self.succeeded(command.output().await, &doing)?;
        self.say(name, (Status::Done, "Configured"), "");
        Ok(())
    }

    /// A call's output; its end, and what it said last, where it failed.
    fn succeeded(
        &self,
        output: std::io::Result<Output>,
        doing: &str,
    ) -> Result<Output, Diagnostic> {
        let output = output.map_err(|cause| self.failed(doing, &cause.to_string()))?;
        if output.status.success() {
            return Ok(output);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(self.failed(
            doing,
            &match last_line(&said) {
                Some(last) => format!("{}: {last}", output.status),
                None => output.status.to_string(),
            },
        ))
    }

    fn failed(&self, doing: &str, cause: &str) -> Diagnostic {
        let program = Path::new(&self.program).display();
        Diagnostic::error(format!("{doing}: {cause}")).hint(format!("it was asked of `{program}`"))
    }

    fn say(&self, name: &str, (status, text): (Status, &str), details: &str) {
        self.events.emit(Event::Progress {
            resource: Resource::Model(name.to_owned()),
            status,
            text: text.to_owned(),
            details: details.to_owned(),
            transfer: None,
        });
    }
}
