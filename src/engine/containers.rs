//! Containers: one method per call of the engine's API.

use bollard::models::{
    ContainerConfig, ContainerCreateResponse, ContainerInspectResponse, ContainerSummary,
    ContainerSummaryStateEnum, ContainerTopResponse, ContainerUpdateBody, ContainerWaitResponse,
};
use bollard::query_parameters as query;
use http_body_util::BodyExt;
use hyper::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Engine;
use super::error::{Error, Result};
use super::filters::{Filters, filters};
use super::podman;
use super::transport::{Call, broken, unexpected};

/// Whether a start did anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// The container starts now.
    Now,
    /// It ran already.
    Already,
}

/// Whether a container in this state has processes.
fn runs(state: ContainerSummaryStateEnum) -> bool {
    use ContainerSummaryStateEnum::{PAUSED, RESTARTING, RUNNING};
    matches!(state, RUNNING | PAUSED | RESTARTING)
}

/// Which containers a list names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those that run.
    Running,
    /// All of them.
    All,
}

/// How a container is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removal {
    /// Kills it first, where it runs.
    pub force: bool,
    /// Its anonymous volumes go with it.
    pub volumes: bool,
}

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// The container does not run; at once, where it does not.
    NotRunning,
    /// It ends the next time; for one that is about to be started.
    NextExit,
    /// It is removed.
    Removed,
}

/// An image made of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// `repository[:tag]`; none for an image without a name.
    pub reference: Option<String>,
    /// Who made it.
    pub author: Option<String>,
    /// What for.
    pub message: Option<String>,
    /// Dockerfile instructions that are applied.
    pub changes: Vec<String>,
    /// Whether the container stands still meanwhile.
    pub pause: bool,
}

/// A wait that the engine has begun: nothing that happens from now on is missed.
pub struct Waiting(hyper::Response<hyper::body::Incoming>, String);

impl Waiting {
    /// The exit code, when there is one.
    ///
    /// # Errors
    ///
    /// The connection broke, or the engine lost the container.
    pub async fn exit_code(self) -> Result<i64> {
        let body = self.0.into_body().collect().await;
        let bytes = body.map_err(|cause| broken(&self.1, cause))?.to_bytes();
        let response: ContainerWaitResponse =
            serde_json::from_slice(&bytes).map_err(unexpected(self.1))?;
        match response.error.and_then(|error| error.message) {
            Some(message) if !message.is_empty() => Err(Error::Failed(message)),
            _ => Ok(response.status_code),
        }
    }
}

/// Calls about containers. Each takes an id or a name and gives the engine's own errors
/// ([`Error::is_not_found`], [`Error::is_conflict`]).
impl Engine {
    /// Lists containers; without a call per container, the list knows state, health, exit code
    /// (in its status text), mounts, ports and networks.
    pub async fn list_containers(
        &self,
        which: Which,
        by: &Filters,
    ) -> Result<Vec<ContainerSummary>> {
        if self.ping().await?.podman {
            let mut all: Vec<ContainerSummary> = podman::again(async || {
                let call = Call::get("/containers/json")
                    .query("all", true)
                    .query("filters", serde_json::json!(by));
                self.in_dockers_words(call).await
            })
            .await?;
            // Podman counts what is paused among those that do not run.
            all.retain(|one| which == Which::All || one.state.is_some_and(runs));
            return Ok(all);
        }
        let options = query::ListContainersOptionsBuilder::default()
            .all(which == Which::All)
            .filters(&filters(by))
            .build();
        Ok(self.docker.list_containers(Some(options)).await?)
    }

    /// Everything about one container.
    pub async fn inspect_container(&self, id: &str) -> Result<ContainerInspectResponse> {
        if self.ping().await?.podman {
            let call = Call::get(format!("/containers/{id}/json"));
            return self.in_dockers_words(call).await;
        }
        let options = None::<query::InspectContainerOptions>;
        Ok(self.docker.inspect_container(id, options).await?)
    }

    /// An answer of Podman's, whose containers can be in states that Docker has no word for.
    async fn in_dockers_words<T: DeserializeOwned>(&self, call: Call) -> Result<T> {
        let name = call.name();
        let mut answer: Value = self.transport.json(call).await?;
        match &mut answer {
            Value::Array(containers) => containers.iter_mut().for_each(podman::listed),
            container => podman::inspected(container),
        }
        serde_json::from_value(answer).map_err(unexpected(name))
    }

    /// Creates a container, for a platform where one is given.
    ///
    /// `body` is [`crate::convert::ContainerBody`], or whatever else is written as one: bollard's
    /// model knows nothing of what the newest API has dropped.
    pub async fn create_container(
        &self,
        name: &str,
        platform: Option<&str>,
        body: &impl serde::Serialize,
    ) -> Result<ContainerCreateResponse> {
        let call = Call::post("/containers/create")
            .query("name", name)
            .query_if("platform", platform);
        let call = match self.ping().await?.podman {
            true => {
                let mut body = serde_json::to_value(body).map_err(unexpected(call.name()))?;
                podman::creation(&mut body);
                call.document(&body)?
            }
            false => call.document(body)?,
        };
        self.transport.json(call).await
    }

    /// Starts a container, and says whether it ran already.
    pub async fn start_container(&self, id: &str) -> Result<Started> {
        let start = async || {
            let call = Call::post(format!("/containers/{id}/start"));
            self.transport.call(call).await
        };
        let response = podman::again(start).await?;
        Ok(match response.status() {
            StatusCode::NOT_MODIFIED => Started::Already,
            _ => Started::Now,
        })
    }

    /// Stops a container; `grace` in seconds, none for the container's own, -1 for no limit. Takes
    /// as long as the container takes.
    pub async fn stop_container(&self, id: &str, grace: Option<i32>) -> Result<()> {
        let call = Call::post(format!("/containers/{id}/stop")).query_if("t", grace);
        self.transport.done(call).await
    }

    /// Stops and starts a container in place; `grace` as [`Engine::stop_container`] takes it.
    pub async fn restart_container(&self, id: &str, mut grace: Option<i32>) -> Result<()> {
        // Podman kills at once where no time is given.
        if grace.is_none() && self.ping().await?.podman {
            let config = self.inspect_container(id).await?.config.unwrap_or_default();
            grace = config.stop_timeout.and_then(|own| own.try_into().ok());
        }
        podman::again(async || {
            let call = Call::post(format!("/containers/{id}/restart")).query_if("t", grace);
            self.transport.done(call).await
        })
        .await
    }

    /// Has Podman run a container's healthcheck once; its inspection tells what came of it.
    pub async fn check_health(&self, id: &str) -> Result<()> {
        let call = Call::get(format!("/libpod/containers/{id}/healthcheck"));
        self.transport.done(call).await
    }

    /// Sends a signal, by name or number.
    pub async fn kill_container(&self, id: &str, signal: &str) -> Result<()> {
        let options = query::KillContainerOptionsBuilder::default()
            .signal(signal)
            .build();
        Ok(self.docker.kill_container(id, Some(options)).await?)
    }

    /// Freezes a container.
    pub async fn pause_container(&self, id: &str) -> Result<()> {
        Ok(self.docker.pause_container(id).await?)
    }

    /// Thaws a container.
    pub async fn unpause_container(&self, id: &str) -> Result<()> {
        Ok(self.docker.unpause_container(id).await?)
    }

    /// Gives a container another name.
    pub async fn rename_container(&self, id: &str, to: &str) -> Result<()> {
        let options = query::RenameContainerOptionsBuilder::default().name(to);
        Ok(self.docker.rename_container(id, options.build()).await?)
    }

    /// Removes a container.
    pub async fn remove_container(&self, id: &str, how: Removal) -> Result<()> {
        let options = query::RemoveContainerOptionsBuilder::default()
            .force(how.force)
            .v(how.volumes)
            .build();
        Ok(self.docker.remove_container(id, Some(options)).await?)
    }

    /// Changes limits and the restart policy of a container.
    pub async fn update_container(&self, id: &str, body: ContainerUpdateBody) -> Result<()> {
        Ok(self.docker.update_container(id, body).await?)
    }

    /// The processes of a container.
    pub async fn top(&self, id: &str) -> Result<ContainerTopResponse> {
        let podman = self.ping().await?.podman;
        let options = podman.then(|| {
            let columns = query::TopOptionsBuilder::default().ps_args(podman::COLUMNS);
            columns.build()
        });
        let mut top = self.docker.top_processes(id, options).await?;
        if podman {
            podman::top(&mut top);
        }
        Ok(top)
    }

    /// Begins to wait; when this returns, the engine waits, so that a start afterwards cannot end
    /// unseen.
    pub async fn wait_container(&self, id: &str, until: Until) -> Result<Waiting> {
        let condition = match until {
            Until::NotRunning => "not-running",
            Until::NextExit => "next-exit",
            // Podman forgets the exit code with the container.
            Until::Removed if self.ping().await?.podman => "next-exit",
            Until::Removed => "removed",
        };
        let call = Call::post(format!("/containers/{id}/wait")).query("condition", condition);
        let name = call.name();
        Ok(Waiting(self.transport.call(call).await?, name))
    }

    /// Sets the size of a container's terminal, in columns and rows.
    pub async fn resize_container(&self, id: &str, (columns, rows): (u16, u16)) -> Result<()> {
        let call = Call::post(format!("/containers/{id}/resize"))
            .query("h", rows)
            .query("w", columns);
        self.transport.done(call).await
    }

    /// Makes an image of a container and returns its id.
    pub async fn commit_container(&self, id: &str, commit: &Commit) -> Result<String> {
        let (repository, tag) = match &commit.reference {
            Some(reference) => super::images::split_tag(reference),
            None => ("", None),
        };
        let mut call = Call::post("/commit")
            .query("container", id)
            .query("repo", repository)
            .query_if("tag", tag)
            .query_if("author", commit.author.as_deref())
            .query_if("comment", commit.message.as_deref())
            .query("pause", u8::from(commit.pause));
        for change in &commit.changes {
            call = call.query("changes", change);
        }
        let call = call.document(&ContainerConfig::default())?;
        let answer: bollard::models::IdResponse = self.transport.json(call).await?;
        Ok(match answer.id.contains(':') {
            true => answer.id,
            // Podman leaves the algorithm out.
            false => format!("sha256:{}", answer.id),
        })
    }

    /// A container's whole file system, as a tar that is read as it comes.
    pub async fn export_container(&self, id: &str) -> Result<super::streams::Bytes> {
        let call = Call::new(Method::GET, format!("/containers/{id}/export"));
        let name = call.name();
        let response = self.transport.call(call).await?;
        Ok(super::streams::Bytes::new(name, response.into_body()))
    }
}
