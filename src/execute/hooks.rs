//! Hooks: programs that a service runs after its start, before its stop, or before it first runs.

use bollard::models::ExecConfig;
use futures_util::StreamExt;

use super::site::{Site, Subject};
use crate::diagnostic::Diagnostic;
use crate::engine::Error;
use crate::name::ServiceName;
use crate::plan::HookKind;
use crate::project::Hook;

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
        match (self.run_hook(subject, hook).await, kind) {
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

    async fn run_hook(&self, subject: &Subject, hook: &Hook) -> Result<i64, Error> {
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
        let engine = self.tools.engine;
        let exec = engine.create_exec(&subject.id, &config).await?;
        let mut running = engine.start_exec(&exec, false).await?;
        // Its output ends when it does.
        while let Some(chunk) = running.output.next().await {
            chunk?;
        }
        let ended = engine.inspect_exec(&exec).await?;
        Ok(ended.exit_code.unwrap_or_default())
    }
}
