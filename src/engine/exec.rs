//! Programs in containers, and the containers' own streams.

use bollard::models::{ExecConfig, ExecInspectResponse, ExecStartConfig, IdResponse};

use super::Engine;
use super::error::Result;
use super::streams::{Framing, Hijacked};
use super::transport::Call;

/// Which of a container's streams an attach takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attach {
    /// Sends to its stdin.
    pub stdin: bool,
    /// Begins with what its log holds already.
    pub logs: bool,
    /// The keys that end the attachment on the engine's side; none for the engine's default.
    pub detach_keys: Option<String>,
}

/// Calls about programs in containers.
impl Engine {
    /// Prepares a program in a container and returns the exec's id.
    pub async fn create_exec(&self, container: &str, config: &ExecConfig) -> Result<String> {
        let call = Call::post(format!("/containers/{container}/exec")).document(config)?;
        let answer: IdResponse = self.transport.json(call).await?;
        Ok(answer.id)
    }

    /// Starts a prepared program and takes its streams; `tty` as it was prepared with.
    pub async fn start_exec(&self, exec: &str, tty: bool) -> Result<Hijacked> {
        let config = ExecStartConfig {
            detach: Some(false),
            tty: Some(tty),
            console_size: None,
        };
        let call = Call::post(format!("/exec/{exec}/start")).document(&config)?;
        self.hijack(call, Framing::of_tty(tty)).await
    }

    /// Starts a prepared program and leaves it alone.
    pub async fn start_exec_detached(&self, exec: &str, tty: bool) -> Result<()> {
        let config = ExecStartConfig {
            detach: Some(true),
            tty: Some(tty),
            console_size: None,
        };
        let call = Call::post(format!("/exec/{exec}/start")).document(&config)?;
        self.transport.done(call).await
    }

    /// How a program stands: whether it runs, its exit code, its process.
    pub async fn inspect_exec(&self, exec: &str) -> Result<ExecInspectResponse> {
        Ok(self.docker.inspect_exec(exec).await?)
    }

    /// Sets the size of a program's terminal, in columns and rows.
    pub async fn resize_exec(&self, exec: &str, (columns, rows): (u16, u16)) -> Result<()> {
        let call = Call::post(format!("/exec/{exec}/resize"))
            .query("h", rows)
            .query("w", columns);
        self.transport.done(call).await
    }

    /// Takes the streams of a container's main process; `framing` from the container's `Tty`.
    pub async fn attach(&self, id: &str, framing: Framing, how: &Attach) -> Result<Hijacked> {
        let call = Call::post(format!("/containers/{id}/attach"))
            .query("stream", 1)
            .query("stdout", 1)
            .query("stderr", 1)
            .query("stdin", u8::from(how.stdin))
            .query("logs", u8::from(how.logs))
            .query_if("detachKeys", how.detach_keys.as_deref());
        self.hijack(call, framing).await
    }
}
