//! A person, or a pipe, in front of a program in a container: what is typed goes in, what it says
//! comes out, the terminal's size and the signals follow.

mod keys;
mod raw;

use std::io;
use std::time::Duration;

use anyhow::{Context as _, Result};
use futures_util::StreamExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::timeout;

pub use keys::{DetachKeys, Pressed};
pub use raw::{RawMode, is_in_foreground, restore_on_panic, size};

use crate::engine::{Channel, Engine, Hijacked, HijackedOutput, Input};
use crate::report::RawOutput;

/// Whose terminal follows the window's size.
pub enum Sized<'a> {
    /// An exec, by id.
    Exec(&'a str),
    /// A container, by id.
    Container(&'a str),
}

/// A running program and what stands in front of it.
pub struct Session<'a> {
    /// Where it runs.
    pub engine: &'a Engine,
    /// Its streams.
    pub streams: Hijacked,
    /// Its terminal, where it has one.
    pub terminal: Option<Sized<'a>>,
    /// Whether standard input is passed on.
    pub stdin: Stdin,
    /// The keys that leave it alone; they mean something on a terminal only.
    pub detach: DetachKeys,
}

/// What a program reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdin {
    /// Our standard input.
    Forward,
    /// Nothing.
    Nothing,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The program closed its output.
    Finished,
    /// The user left with the detach keys.
    Detached,
}

impl Session<'_> {
    /// Runs until the program ends or the user leaves.
    ///
    /// # Errors
    ///
    /// The connection broke, the terminal refused raw mode, nobody reads our output.
    pub async fn run(self) -> Result<End> {
        let typing = self.stdin == Stdin::Forward
            && self.terminal.is_some()
            && rustix::termios::isatty(rustix::stdio::stdin());
        let raw = match typing {
            true => Some(RawMode::on().context("cannot set the terminal to raw mode")?),
            false => None,
        };
        let Hijacked { output, input } = self.streams;
        let detach = typing.then_some(self.detach);
        let feeding = async {
            match self.stdin {
                Stdin::Forward => feed(input, detach).await,
                // Kept open: the end of it would be the end of the input.
                Stdin::Nothing => {
                    let _input = input;
                    std::future::pending().await
                }
            }
        };
        let sizing = async {
            match &self.terminal {
                Some(target) => follow_size(self.engine, target).await,
                None => std::future::pending().await,
            }
        };
        let end = tokio::select! {
            result = drain(output) => result.map(|()| End::Finished),
            () = feeding => Ok(End::Detached),
            () = sizing => unreachable!("it follows for ever"),
        };
        drop(raw);
        end
    }
}

/// Writes what the program says, as it says it.
async fn drain(mut output: HijackedOutput) -> Result<()> {
    let mut out = RawOutput::new()?;
    while let Some(chunk) = output.next().await {
        let chunk = chunk?;
        match chunk.channel {
            Channel::Stdout => out.stdout(&chunk.bytes)?,
            Channel::Stderr => out.stderr(&chunk.bytes)?,
        }
    }
    Ok(())
}

/// Passes standard input on and closes the program's when ours ends; returns when the user left
/// with the detach keys, and only then.
async fn feed(mut input: Input, mut detach: Option<DetachKeys>) {
    let mut typed = read_stdin();
    while let Some(bytes) = typed.recv().await {
        let (bytes, pressed) = match &mut detach {
            Some(keys) => keys.typed(&bytes),
            None => (bytes, Pressed::NotAll),
        };
        // A program that ended reads nothing more; its output tells the rest.
        if !bytes.is_empty() && input.send(&bytes).await.is_err() {
            return std::future::pending().await;
        }
        if pressed == Pressed::All {
            return;
        }
    }
    let _ = input.close().await;
    std::future::pending().await
}

/// Reads standard input on a thread of its own: a read of a terminal cannot be taken back, so the
/// thread ends with the process.
pub fn read_stdin() -> mpsc::Receiver<Vec<u8>> {
    /// Large for pipes; a key press comes alone in any case.
    const PIECE: usize = 64 * 1024;
    let (send, receive) = mpsc::channel(4);
    std::thread::spawn(move || {
        let mut buffer = vec![0; PIECE];
        loop {
            match rustix::io::read(rustix::stdio::stdin(), &mut buffer) {
                Ok(0) => break,
                Ok(length) => {
                    if send.blocking_send(buffer[..length].to_vec()).is_err() {
                        break;
                    }
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => {
                    // Somebody left the terminal in non-blocking mode.
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(_) => break,
            }
        }
    });
    receive
}

/// Gives the program's terminal the window's size, now and whenever that changes.
async fn follow_size(engine: &Engine, target: &Sized<'_>) {
    /// A program is started a moment after its streams are there, and refuses a size before.
    const RETRIES: u32 = 500;
    const PAUSE: Duration = Duration::from_millis(10);
    /// Podman loses a size now and then while it is busy, or does not answer: the last is told
    /// again after so many milliseconds each, at last when it had time for all before.
    const AGAIN: [u64; 3] = [100, 400, 1500];
    const ANSWER: Duration = Duration::from_secs(2);
    let mut changes = signal(SignalKind::window_change()).ok();
    let give = async || {
        let Some(size) = size() else {
            return true;
        };
        let told = async {
            match target {
                Sized::Exec(id) => engine.resize_exec(id, size).await,
                Sized::Container(id) => engine.resize_container(id, size).await,
            }
        };
        timeout(ANSWER, told).await.is_ok_and(|told| told.is_ok())
    };
    let mut changed = async || match &mut changes {
        Some(changes) => changes.recv().await.is_some(),
        None => false,
    };
    let again = match engine.ping().await {
        Ok(ping) if ping.podman => &AGAIN[..],
        _ => &[],
    };
    'change: loop {
        for _ in 0..RETRIES {
            if give().await {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        for pause in again {
            match timeout(Duration::from_millis(*pause), changed()).await {
                Ok(true) => continue 'change,
                Ok(false) | Err(_) => give().await,
            };
        }
        if !changed().await {
            return std::future::pending().await;
        }
    }
}

/// Passes signals on to a container's main process; never returns. For verbs that listen to
/// signals themselves.
pub async fn proxy_signals(engine: &Engine, container: &str) -> io::Result<()> {
    let (send, mut receive) = mpsc::channel(8);
    let kinds = [
        (SignalKind::interrupt(), "SIGINT"),
        (SignalKind::terminate(), "SIGTERM"),
        (SignalKind::hangup(), "SIGHUP"),
        (SignalKind::quit(), "SIGQUIT"),
        (SignalKind::user_defined1(), "SIGUSR1"),
        (SignalKind::user_defined2(), "SIGUSR2"),
    ];
    let mut listeners = tokio::task::JoinSet::new();
    for (kind, name) in kinds {
        let mut arrivals = signal(kind)?;
        let send = send.clone();
        listeners.spawn(async move {
            while arrivals.recv().await.is_some() {
                if send.send(name).await.is_err() {
                    break;
                }
            }
        });
    }
    drop(send);
    while let Some(name) = receive.recv().await {
        // A container that ended has nothing to be told.
        let _ = engine.kill_container(container, name).await;
    }
    Ok(())
}
