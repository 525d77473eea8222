//! Builds by `docker buildx bake`, for what the engine's own builder does not do: checks, other
//! builders, attestations, images for several platforms.

use std::process::{ExitCode, Stdio};

use anyhow::{Context as _, Result};
use tokio::io::AsyncWriteExt;

use super::Context;
use super::foreign::{call, plugin};
use crate::convert::Bake;
use crate::diagnostic::Diagnostic;
use crate::project::Project;
use crate::report::Exit;

/// The plugin that bakes.
const PLUGIN: &str = "buildx";

/// What the command line says to bake beside the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags {
    /// `--builder`.
    pub(super) builder: Option<String>,
    /// `--provenance`.
    pub(super) provenance: Option<String>,
    /// `--sbom`.
    pub(super) sbom: Option<String>,
    /// How it says what it does; none for its own choice.
    pub(super) progress: Option<String>,
}

impl Flags {
    fn words(&self, bake: &Bake) -> Vec<String> {
        let mut words = vec!["bake".to_owned(), "--file".to_owned(), "-".to_owned()];
        if let Some(progress) = &self.progress {
            words.extend(["--progress".to_owned(), progress.clone()]);
        }
        for path in &bake.reads {
            words.extend(["--allow".to_owned(), format!("fs.read={path}")]);
        }
        if bake.insecure {
            words.extend(["--allow".to_owned(), "security.insecure".to_owned()]);
        }
        for (flag, value) in [("sbom", &self.sbom), ("provenance", &self.provenance)] {
            words.extend(value.iter().map(|value| format!("--{flag}={value}")));
        }
        if let Some(builder) = &self.builder {
            words.extend(["--builder".to_owned(), builder.clone()]);
        }
        words
    }
}

/// Bakes; buildx says itself what it does and what fails.
///
/// # Errors
/// Buildx is not there (`what` wants it), or fails.
pub(super) async fn bake(
    cx: &Context,
    project: &Project,
    bake: &Bake,
    (flags, what): (&Flags, &str),
) -> Result<ExitCode> {
    let Some(program) = plugin(cx, PLUGIN) else {
        return Err(Diagnostic::error(format!(
            "{what} needs docker buildx, which is not installed"
        ))
        .hint("install `docker-buildx` (Debian) or `docker-buildx-plugin` (Docker's packages)")
        .into());
    };
    let mut command = call(project, &program);
    let globals = &cx.globals;
    if let Some(host) = globals.host.last() {
        command
            .env("DOCKER_HOST", host)
            .env_remove("DOCKER_CONTEXT");
    }
    if let Some(context) = &globals.context {
        command
            .env("DOCKER_CONTEXT", context)
            .env_remove("DOCKER_HOST");
    }
    if let Some(config) = &globals.config {
        command.env("DOCKER_CONFIG", config);
    }
    command.args(flags.words(bake)).envs(&bake.secrets);
    let mut child = command
        .stdin(Stdio::piped())
        .spawn()
        .with_context(|| format!("{} cannot be run", program.display()))?;
    let mut input = child.stdin.take().context("buildx without an input")?;
    let text = bake.text();
    let (written, status) = tokio::join!(
        async move { input.write_all(text.as_bytes()).await },
        child.wait()
    );
    let status = status?;
    if !status.success() {
        // It has said why.
        return Err(Exit(1).into());
    }
    written?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_and_what_has_to_be_allowed_are_words_of_bakes() {
        let bake = Bake {
            reads: vec!["/src".to_owned()],
            insecure: true,
            ..Bake::default()
        };
        let flags = Flags {
            builder: Some("far".to_owned()),
            provenance: Some("mode=max".to_owned()),
            sbom: Some("true".to_owned()),
            progress: Some("plain".to_owned()),
        };
        assert_eq!(
            flags.words(&bake).join(" "),
            "bake --file - --progress plain --allow fs.read=/src --allow security.insecure \
             --sbom=true --provenance=mode=max --builder far"
        );
    }
}
