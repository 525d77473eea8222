//! An engine on another machine, behind ssh: one connection for a whole command, and in it a
//! channel to the docker CLI there (`docker system dial-stdio`) for each connection that is wanted.
//!
//! Authentication is ssh's own affair: its configuration, its agent, its questions on the terminal.

use std::fs;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::OnceCell;

/// Seconds that a machine may take to answer at all, where ssh's configuration says nothing: what
/// is wrong shows while its user still looks.
const CONNECT_LIMIT: u32 = 4;

/// Seconds that a connection outlives a dco that was killed.
const IDLE: u32 = 5;

/// Who is meant, as ssh takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) user: Option<String>,
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

impl Target {
    fn command(&self) -> std::process::Command {
        let mut command = std::process::Command::new("ssh");
        if let Some(user) = &self.user {
            command.args(["-l", user]);
        }
        if let Some(port) = self.port {
            command.args(["-p", &port.to_string()]);
        }
        command
    }
}

/// The one connection that all channels share.
#[derive(Default)]
pub(super) struct Shared(OnceCell<Master>);

/// Whose connection is shared.
enum Master {
    /// One that ssh's own configuration shares (`ControlMaster`, `ControlPath`): nothing to do.
    Configured,
    /// One that dco opened.
    Own(Own),
}

impl Shared {
    /// Opens a channel, over a new connection the first time.
    ///
    /// # Errors
    /// There is no ssh, or it cannot connect: the text is its own.
    pub(super) async fn open(&self, target: &Target) -> io::Result<Channel> {
        let master = self.0.get_or_try_init(|| Master::open(target)).await?;
        let mut command = target.command();
        // A question would wait for an answer that no one can give: the terminal is dco's.
        command.args(["-T", "-o", "BatchMode=yes"]);
        if let Master::Own(own) = master {
            command.args(["-o", "ControlMaster=no", "-o", &own.option()]);
        }
        command.args(["--", &target.host, "docker", "system", "dial-stdio"]);
        Channel::spawn(command)
    }
}

impl Master {
    async fn open(target: &Target) -> io::Result<Self> {
        let mut command = target.command();
        command.args(["-G", "--", &target.host]);
        let output = Command::from(command).output().await.map_err(missing)?;
        let settings = Settings::read(&String::from_utf8_lossy(&output.stdout));
        Ok(match settings.shares {
            true => Self::Configured,
            false => Self::Own(Own::open(target, &settings).await?),
        })
    }
}

fn missing(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("ssh cannot be run: {error}"))
}

/// What `ssh -G` says that matters here.
#[derive(Debug, Default, PartialEq, Eq)]
struct Settings {
    /// Whether connections are shared without dco's doing.
    shares: bool,
    /// Whether it says how long a connection may take.
    limited: bool,
}

impl Settings {
    fn read(text: &str) -> Self {
        let value = |name: &str| {
            let lines = text.lines().filter_map(|line| line.split_once(' '));
            let mut values = lines.filter(|(key, _)| key.eq_ignore_ascii_case(name));
            values.next().map(|(_, value)| value.trim())
        };
        let set = |name| !matches!(value(name), None | Some("none" | "no" | "false"));
        Self {
            shares: set("controlmaster") && set("controlpath"),
            limited: set("connecttimeout"),
        }
    }
}

/// A connection of dco's own, in the background; ends when this is dropped.
struct Own {
    target: Target,
    /// Holds its socket, for this user alone.
    folder: PathBuf,
}

impl Own {
    /// Connects; ssh asks its questions, and goes to the background when it is let in. There a
    /// Ctrl-C does not reach it: what is under way can be wound down.
    async fn open(target: &Target, settings: &Settings) -> io::Result<Self> {
        let own = Self {
            target: target.clone(),
            folder: private_folder()?,
        };
        // Not a pipe: some versions keep it open in the background.
        let said = own.folder.join("said");
        let mut command = target.command();
        command.args(["-f", "-N", "-M", "-o", &own.option()]);
        command.args(["-o", &format!("ControlPersist={IDLE}")]);
        if !settings.limited {
            command.args(["-o", &format!("ConnectTimeout={CONNECT_LIMIT}")]);
        }
        command
            .args(["--", &target.host])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&said)?);
        let mut child = Command::from(command)
            .kill_on_drop(true)
            .spawn()
            .map_err(missing)?;
        let status = child.wait().await?;
        match status.success() {
            true => Ok(own),
            false => Err(refusal(&fs::read_to_string(&said)?, Some(status))),
        }
    }

    fn option(&self) -> String {
        format!("ControlPath={}", self.folder.join("s").display())
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let mut command = self.target.command();
        command.args(["-O", "exit", "-o", &self.option(), "--", &self.target.host]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        // Where it cannot be told to end it does so by itself, being idle.
        let _ = command.stderr(Stdio::null()).status();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A new folder that only this user can look into, with a path short enough for a socket's.
fn private_folder() -> io::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt;
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let base = runtime.filter(|path| path.is_dir());
    let base = base.unwrap_or_else(|| Path::new("/tmp").to_owned());
    let mut number = 0;
    loop {
        let path = base.join(format!("dco-ssh-{}-{number}", std::process::id()));
        match fs::DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            made => return made.map(|()| path),
        }
    }
}

/// What ssh said when it did not connect, in one line.
fn refusal(said: &str, status: Option<ExitStatus>) -> io::Error {
    let lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let text = lines.collect::<Vec<_>>().join("; ");
    let text = match (text.as_str(), status) {
        ("", Some(status)) => format!("ssh ended with {status}"),
        ("", None) => "ssh ended without a word".to_owned(),
        (text, _) => format!("ssh: {}", text.trim_start_matches("ssh: ")),
    };
    io::Error::new(io::ErrorKind::ConnectionRefused, text)
}

/// A channel to the engine: the input and output of `docker system dial-stdio` over there.
pub(super) struct Channel {
    /// Held so that the process ends with the connection.
    child: Child,
    to: Option<ChildStdin>,
    from: ChildStdout,
    /// Whether anything came back: if nothing does before the end, ssh's own words are the error.
    answered: bool,
    complaint: Option<Pin<Box<dyn Future<Output = io::Error> + Send>>>,
}

impl Channel {
    fn spawn(command: std::process::Command) -> io::Result<Self> {
        let mut child = Command::from(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Out of the terminal's Ctrl-C.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(missing)?;
        let (to, from) = (child.stdin.take(), child.stdout.take());
        Ok(Self {
            child,
            to,
            from: from.ok_or_else(|| io::Error::other("ssh without an output"))?,
            answered: false,
            complaint: None,
        })
    }
}

impl AsyncRead for Channel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Some(complaint) = &mut this.complaint {
            return complaint.as_mut().poll(cx).map(Err);
        }
        let before = buf.filled().len();
        match Pin::new(&mut this.from).poll_read(cx, buf) {
            Poll::Ready(Ok(())) if buf.filled().len() == before && !this.answered => {
                let stderr = this.child.stderr.take();
                let mut complaint = Box::pin(async move {
                    let mut text = Vec::new();
                    if let Some(mut stderr) = stderr {
                        let _ = stderr.read_to_end(&mut text).await;
                    }
                    refusal(&String::from_utf8_lossy(&text), None)
                });
                let polled = complaint.as_mut().poll(cx).map(Err);
                this.complaint = Some(complaint);
                polled
            }
            other => {
                this.answered |= buf.filled().len() > before;
                other
            }
        }
    }
}

impl AsyncWrite for Channel {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.to {
            Some(to) => Pin::new(to).poll_write(cx, buf),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.to {
            Some(to) => Pin::new(to).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Closing the pipe is the half close: dial-stdio passes it on.
        self.to = None;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ssh_is_configured_to_do_is_left_to_it() {
        let read = |text| {
            let Settings { shares, limited } = Settings::read(text);
            (shares, limited)
        };
        let plain = "controlmaster false\ncontrolpersist no\nconnecttimeout none\n";
        assert_eq!(read(plain), (false, false));
        let shared = "controlmaster auto\ncontrolpath /run/x-%C\nconnecttimeout 30\n";
        assert_eq!(read(shared), (true, true));
        assert_eq!(
            read("controlmaster auto\ncontrolpath none\n"),
            (false, false)
        );
        assert_eq!(
            read("controlmaster false\ncontrolpath /x\n"),
            (false, false)
        );
    }

    #[test]
    fn the_words_of_ssh_are_one_line() {
        let said = "ssh: connect to host far port 22: Connection refused\r\n";
        let text = |said| refusal(said, None).to_string();
        assert_eq!(
            text(said),
            "ssh: connect to host far port 22: Connection refused"
        );
        assert_eq!(
            text("Warning: x\nme@far: Permission denied (publickey).\n"),
            "ssh: Warning: x; me@far: Permission denied (publickey)."
        );
        assert_eq!(text("\n"), "ssh ended without a word");
    }
}
