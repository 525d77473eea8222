//! Programs in containers, and the containers' own streams.

use bollard::models::{ExecConfig, ExecInspectResponse, IdResponse};

use serde_json::{Value, json};

use super::Engine;
use super::error::Result;
use super::podman;
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

/// What a prepared program is started with; as it was prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Console {
    /// No terminal.
    None,
    /// A terminal of so many columns and rows, where they are known.
    Terminal(Option<(u16, u16)>),
}

/// Calls about programs in containers.
impl Engine {
    /// Prepares a program in a container and returns the exec's id.
    pub async fn create_exec(&self, container: &str, config: &ExecConfig) -> Result<String> {
        let call = Call::post(format!("/containers/{container}/exec")).document(config)?;
        let answer: IdResponse = self.transport.json(call).await?;
        Ok(answer.id)
    }

    /// Starts a prepared program and takes its streams. Engines before API 1.42 know no size yet.
    pub async fn start_exec(&self, exec: &str, console: Console) -> Result<Hijacked> {
        let mut start = start(console);
        if self.ping().await?.podman {
            podman::exec_start(&mut start);
        }
        let call = Call::post(format!("/exec/{exec}/start")).document(&start)?;
        let tty = matches!(console, Console::Terminal(_));
        self.hijack(call, Framing::of_tty(tty)).await
    }

    /// Starts a prepared program and leaves it alone.
    pub async fn start_exec_detached(&self, exec: &str, tty: bool) -> Result<()> {
        let start = json!({"Detach": true, "Tty": tty});
        let call = Call::post(format!("/exec/{exec}/start")).document(&start)?;
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

/// What a program is started with whose streams are taken.
fn start(console: Console) -> Value {
    let mut start = json!({"Detach": false, "Tty": console != Console::None});
    if let Console::Terminal(Some((columns, rows))) = console {
        start["ConsoleSize"] = json!([rows, columns]);
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_has_its_size_from_the_start_where_it_is_known() {
        let said = |console| {
            let docker = start(console);
            let mut podman = docker.clone();
            podman::exec_start(&mut podman);
            (docker, podman)
        };
        let bare = json!({"Detach": false, "Tty": false});
        assert_eq!(said(Console::None), (bare.clone(), bare));
        let unknown = json!({"Detach": false, "Tty": true});
        let known = json!({"Detach": false, "Tty": true, "ConsoleSize": [24, 80]});
        assert_eq!(said(Console::Terminal(None)), (unknown.clone(), unknown));
        let mut podman = known.clone();
        podman["h"] = 24.into();
        podman["w"] = 80.into();
        assert_eq!(said(Console::Terminal(Some((80, 24)))), (known, podman));
    }
}
