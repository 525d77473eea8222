//! Hooks: programs that a service runs after its start, before its stop, or before it first runs.

use bollard::models::ExecConfig;
use futures_util::{Stream, StreamExt};

use super::site::{Site, Subject};
use crate::convert;
use crate::diagnostic::Diagnostic;
use crate::engine::{Attach, Chunk, Console, Engine, Error, Framing, Removal, Until};
use crate::event::{Event, Resource};
use crate::name::{ContainerId, ServiceName};
use crate::plan::{HookKind, Replica};
use crate::project::Hook;

/// Runs a hook's program in a running container, waits for its end, and gives its exit code; `say`
/// hears each line that it says.
///
/// # Errors
/// The engine's.
pub async fn run_hook(
    engine: &Engine,
    container: &str,
    hook: &Hook,
    say: &dyn Fn(&str),
) -> Result<i64, Error> {
    let environment = hook.environment.iter();
    let config = ExecConfig {
        user: (!hook.user.is_empty()).then(|| hook.user.clone()),
        privileged: Some(hook.privileged),
        working_dir: (!hook.working_dir.is_empty()).then(|| hook.working_dir.clone()),
        env: Some(
            environment
                .map(|(key, value)| match value {
                    Some(value) => format!("{key}={value}"),
                    None => key.clone(),
                })
                .collect(),
        ),
        cmd: hook.command.words().map(<[String]>::to_vec),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..ExecConfig::default()
    };
    let exec = engine.create_exec(container, &config).await?;
    let mut running = engine.start_exec(&exec, Console::None).await?;
    // Its output ends when it does.
    let mut partial = String::new();
    while let Some(chunk) = running.output.next().await {
        whole_lines(&mut partial, &chunk?, say);
    }
    if !partial.is_empty() {
        say(&partial);
    }
    let ended = engine.inspect_exec(&exec).await?;
    Ok(ended.exit_code.unwrap_or_default())
}

impl Site<'_> {
    /// Runs one hook in a container and waits for its end.
    pub(super) async fn hook(
        &self,
        subject: &Subject,
        service: &ServiceName,
        (kind, index): (HookKind, usize),
    ) -> Result<(), Diagnostic> {
        let hooks = self
            .tools
            .project
            .services
            .get(service)
            .map(|service| match kind {
                HookKind::PostStart => &service.post_start,
                HookKind::PreStop => &service.pre_stop,
            });
        let Some(hook) = hooks.and_then(|hooks| hooks.get(index)) else {
            return Ok(());
        };
        let say = |line: &str| {
            self.tools.events.emit(Event::HookSaid {
                container: subject.name.clone(),
                line: line.to_owned(),
            });
        };
        let ended = run_hook(self.tools.engine, &subject.id, hook, &say).await;
        match (ended, kind) {
            (Ok(0), _) => Ok(()),
            (Ok(code), _) => {
                Err(
                    Diagnostic::error(format!("{service} hook exited with status {code}")).hint(
                        format!("it is the {kind} hook {} of `{service}`", index + 1),
                    ),
                )
            }
            // The container is down already: there is nothing to prepare for its end.
            (Err(error), HookKind::PreStop) if error.is_not_found() || error.is_conflict() => {
                Ok(())
            }
            (Err(error), _) => Err(error.diagnostic()),
        }
    }

    /// Runs a `pre_start` hook: a container of its own with the volumes of `subject`, which is not
    /// started unless the hook ends with 0.
    pub(super) async fn pre_start(
        &self,
        subject: &Subject,
        service: &ServiceName,
        index: usize,
    ) -> Result<(), Diagnostic> {
        let hooks = self.tools.project.services.get(service);
        let Some(hook) = hooks.and_then(|service| service.pre_start.get(index)) else {
            return Ok(());
        };
        let id = self.create_hook(subject, service, hook).await?;
        let name = format!("{service} pre_start[{index}]");
        let run = self.run_container(&id, service, &name).await;
        let code = match run {
            Ok(code) => code,
            Err(error) => {
                // One that never ran is not removed by itself.
                let how = Removal {
                    force: true,
                    volumes: false,
                };
                let _ = self.tools.engine.remove_container(&id, how).await;
                return Err(self.failed(Resource::Container(subject.name.clone()), &error));
            }
        };
        if code == 0 {
            return Ok(());
        }
        let index = index.to_string();
        let place = ["services", service.as_str(), "pre_start", &index, "command"];
        Err(
            Diagnostic::error(format!("{name} exited with status {code}"))
                .at(self.tools.project.place(&place))
                .hint(format!("`{service}` is not started unless it ends with 0")),
        )
    }

    /// Creates the container of a `pre_start` hook; its image is pulled where it is missing.
    async fn create_hook(
        &self,
        subject: &Subject,
        service: &ServiceName,
        hook: &Hook,
    ) -> Result<ContainerId, Diagnostic> {
        let replica = Replica {
            service: service.clone(),
            number: 1,
            name: subject.name.clone(),
        };
        let new = self.request(&replica, None, |request| {
            convert::pre_start(request, hook, &subject.id)
        })?;
        let engine = self.tools.engine;
        let platform = new.platform.as_deref();
        let create = || engine.create_container(&new.name, platform, &new.body);
        let created = match create().await {
            Err(error) if error.is_not_found() && !hook.image.is_empty() => {
                self.pull(&hook.image, std::slice::from_ref(service))
                    .await?;
                create().await
            }
            other => other,
        };
        let id = ContainerId::from(created.map_err(|error| error.diagnostic())?.id);
        for connect in new.connect {
            let connected = engine.connect_network(&connect.network, &id, Some(connect.endpoint));
            if let Err(error) = connected.await {
                let _ = engine.remove_container(&id, Removal::default()).await;
                return Err(error.diagnostic());
            }
        }
        Ok(id)
    }

    /// Starts a container that removes itself, says its output, and gives its exit code.
    async fn run_container(
        &self,
        id: &ContainerId,
        service: &ServiceName,
        name: &str,
    ) -> Result<i64, Error> {
        let engine = self.tools.engine;
        // Both before the start: what ends at once is gone with its log. What comes next finds no
        // trace of it.
        let waiting = engine.wait_container(id, Until::Removed).await?;
        let attached = engine
            .attach(id, Framing::Multiplexed, &Attach::default())
            .await?;
        engine.start_container(id).await?;
        let (code, ()) = tokio::join!(
            waiting.exit_code(),
            self.say_lines(attached.output, service, name)
        );
        code
    }

    async fn say_lines(
        &self,
        mut output: impl Stream<Item = Result<Chunk, Error>> + Unpin,
        service: &ServiceName,
        name: &str,
    ) {
        let mut partial = String::new();
        let say = |line: &str| {
            self.tools.events.emit(Event::HookOutput {
                service: service.clone(),
                line: format!("{name} -> {}", line.trim_end_matches('\r')),
            });
        };
        while let Some(Ok(chunk)) = output.next().await {
            whole_lines(&mut partial, &chunk, &say);
        }
        if !partial.is_empty() {
            say(&partial);
        }
    }
}

/// Says the lines that a chunk ends, and keeps what it only begins.
fn whole_lines(partial: &mut String, chunk: &Chunk, say: &dyn Fn(&str)) {
    partial.push_str(&String::from_utf8_lossy(&chunk.bytes));
    while let Some(end) = partial.find('\n') {
        let line: String = partial.drain(..=end).collect();
        say(line.trim_end_matches('\n'));
    }
}
