//! Builds of images: by BuildKit where there is one, else by the engine's first builder.

mod agent;
mod classic;
mod context;
mod filesync;
mod grpc;
mod inputs;
mod key;
mod raw;
mod session;
mod solve;
mod transcript;
mod wire;

use std::io;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

pub use inputs::{BindMount, Recipes, recipe, steps};
pub use key::Trouble;
pub use transcript::Numbers;

use bollard::models::SystemInfo;

use super::Engine;
use super::error::Error;
use super::podman;
use crate::convert::{Builder, ImageBuild};
use crate::diagnostic::{Diagnostic, Place, SourceFile};
use crate::name::{ImageId, ServiceName};

/// What the Dockerfile frontend has to be able to do for contexts beside the first.
const NAMED_CONTEXTS: &str = "moby.buildkit.frontend.contexts";

/// One build that is wanted.
pub struct Job<'a> {
    /// What is built.
    pub build: &'a ImageBuild,
    /// Numbers the steps of all builds of a command.
    pub numbers: &'a Numbers,
    /// In which form BuildKit's progress is said.
    pub form: Form,
    /// Takes each line of the builder's output.
    pub say: &'a (dyn Fn(String) + Sync),
}

/// A form of BuildKit's progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Lines for people.
    Plain,
    /// Each status as JSON.
    Raw,
}

/// Why a build failed.
#[derive(Debug)]
pub enum Failure {
    /// The engine did not do as asked.
    Engine(Error),
    /// It was not asked: the file is wrong.
    Refused(Diagnostic),
    /// A file of the context cannot be read.
    Context(io::Error),
    /// The context is no folder.
    NoContext(PathBuf),
    /// There is no such Dockerfile.
    NoDockerfile(PathBuf),
    /// Several platforms, and an engine that keeps images of one.
    OnePlatform,
    /// No agent for this `ssh:` id.
    NoAgent(String),
    /// What `ssh:` names is neither an agent's socket nor a private key.
    NoKey(PathBuf, Trouble),
    /// A step failed, or the Dockerfile is none.
    Build {
        /// Whose build.
        service: ServiceName,
        /// The builder's words.
        message: String,
        /// The exit code of a step, where the builder tells it; else 1.
        code: i64,
        /// Where in the Dockerfile.
        spot: Option<Box<Spot>>,
        /// The last lines of the builder's output, where nothing else shows them any more.
        output: Vec<String>,
    },
}

/// Lines of a Dockerfile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Its path, or what stands for it.
    pub file: String,
    /// What it holds.
    pub text: String,
    /// The lines, from 1.
    pub lines: RangeInclusive<usize>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Refused(diagnostic)
    }
}

impl Failure {
    /// The exit code of the command that wanted the build.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Build { code, .. } => u8::try_from(*code).unwrap_or(1),
            _ => 1,
        }
    }

    /// The text for the user.
    pub fn diagnostic(&self) -> Diagnostic {
        match self {
            Self::Engine(error) => error.diagnostic(),
            Self::Refused(diagnostic) => diagnostic.clone(),
            Self::Context(error) => {
                Diagnostic::error(format!("the build context cannot be read: {error}"))
                    .hint("what the build does not need can be left out in `.dockerignore`")
            }
            Self::NoContext(path) => Diagnostic::error(format!(
                "unable to prepare context: path `{}` not found",
                path.display()
            ))
            .hint("`build.context` is relative to the compose file's folder"),
            Self::NoDockerfile(path) => Diagnostic::error(format!(
                "failed to read dockerfile: `{}` does not exist",
                path.display()
            ))
            .hint("`build.dockerfile` is relative to the build's context"),
            Self::OnePlatform => Diagnostic::error(
                "Multi-platform build is not supported for the docker driver.",
            )
            .hint("the engine keeps images of several platforms in containerd's store only: turn that on, or build for one"),
            Self::NoAgent(id) => Diagnostic::error(
                "invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set",
            )
            .hint(format!(
                "the build wants the SSH agent `{id}`: `eval $(ssh-agent) && ssh-add`, or name a key: `{id}=~/.ssh/id_ed25519`"
            )),
            Self::NoKey(path, trouble) => Diagnostic::error(format!(
                "`{}` is neither an SSH agent's socket nor a key: {trouble}",
                path.display()
            ))
            .hint("add the key to an agent, and leave the path away under `build.ssh`"),
            Self::Build {
                service,
                message,
                spot,
                output,
                ..
            } => {
                let mut text = format!("service `{service}` cannot be built: {message}");
                if !output.is_empty() {
                    text.push_str("\n  output:");
                }
                for line in output {
                    text.push_str("\n    ");
                    text.push_str(line.trim_end());
                }
                let mut diagnostic = Diagnostic::error(text);
                if message.contains(NAMED_CONTEXTS) {
                    diagnostic = diagnostic.hint(
                        "this engine's builder is older than additional contexts: `# syntax=docker/dockerfile:1` as the Dockerfile's first line has a newer one fetched",
                    );
                }
                match spot.as_deref().and_then(Spot::place) {
                    Some(place) => diagnostic.at(place),
                    None => diagnostic,
                }
            }
        }
    }
}

impl Spot {
    fn place(&self) -> Option<Place> {
        let mut starts = self.text.split_inclusive('\n').scan(0, |at, line| {
            let start = *at;
            *at += line.len();
            Some(start..start + line.trim_end().len())
        });
        let first = starts.nth(self.lines.start().checked_sub(1)?)?;
        Some(Place {
            range: first,
            file: Arc::new(SourceFile {
                path: self.file.clone(),
                text: self.text.clone(),
            }),
        })
    }
}

impl Engine {
    /// Who builds here: BuildKit, unless `DOCKER_BUILDKIT` says otherwise or the engine is Podman.
    ///
    /// # Errors
    ///
    /// Nobody answers.
    pub async fn builder(&self, docker_buildkit: Option<&str>) -> Result<Builder, Error> {
        let wanted = match docker_buildkit.map(str::to_ascii_lowercase).as_deref() {
            None | Some("") => true,
            Some("1" | "t" | "true") => true,
            Some(_) => false,
        };
        let podman = self.ping().await?.podman;
        Ok(match wanted {
            _ if podman => Builder::Podman,
            true => Builder::BuildKit,
            false => Builder::Classic,
        })
    }

    /// Builds an image and returns its id. Dropped, it ends the build.
    ///
    /// # Errors
    ///
    /// What the build said when it failed, or why it could not begin.
    pub async fn build_image(&self, job: &Job<'_>, by: Builder) -> Result<ImageId, Failure> {
        if job.build.platforms.len() > 1 && !keeps_several_platforms(&self.info().await?) {
            return Err(Failure::OnePlatform);
        }
        match by {
            Builder::BuildKit => solve::build(self, job).await,
            Builder::Classic => classic::build(self, job).await,
            Builder::Podman => {
                let in_vain = |failure: &Failure| match failure {
                    Failure::Build { message, .. } => podman::went_away(message),
                    _ => false,
                };
                podman::patiently(async || classic::build(self, job).await, in_vain).await
            }
        }
    }
}

/// Whether an image of several platforms can be kept: containerd's store does, the engine's own
/// does not.
fn keeps_several_platforms(info: &SystemInfo) -> bool {
    let status = info.driver_status.iter().flatten();
    status.into_iter().any(|pair| {
        matches!(pair.as_slice(), [key, value] if key == "driver-type" && value.contains("containerd"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containerds_store_keeps_several_platforms() {
        let status = |value: &str| SystemInfo {
            driver_status: Some(vec![vec!["driver-type".to_owned(), value.to_owned()]]),
            ..SystemInfo::default()
        };
        assert!(keeps_several_platforms(&status(
            "io.containerd.snapshotter.v1"
        )));
        assert!(!keeps_several_platforms(&status("overlay2")));
        assert!(!keeps_several_platforms(&SystemInfo::default()));
    }

    #[test]
    fn a_failed_step_is_shown_where_it_stands() {
        let failure = Failure::Build {
            service: "web".into(),
            message: "failed to solve: exit code: 3".into(),
            code: 3,
            spot: Some(Box::new(Spot {
                file: "Dockerfile".into(),
                text: "FROM busybox\nRUN exit 3\n".into(),
                lines: 2..=2,
            })),
            output: vec!["#5 0.1 said".into()],
        };
        assert_eq!(failure.exit_code(), 3);
        assert_eq!(
            failure.diagnostic().to_string(),
            "\
error: service `web` cannot be built: failed to solve: exit code: 3
         output:
           #5 0.1 said
 --> Dockerfile:2:1
  |
2 | RUN exit 3
  | ^^^^^^^^^^"
        );
    }
}
