//! How one running container is looked at: the best way that this engine and our rights allow.
//!
//! Never through a published port: the engine's proxy accepts before anyone listens.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::exec::Tables;
use super::helper::Helper;
use super::listeners::{Listener, Scope, answers};
use super::process::{Process, Pulse};
use super::{Machine, Sight};
use crate::engine::Engine;
use crate::gate::verdict::Answer;
use crate::gate::{PortTarget, Protocol, Reach};

/// A container's address answers within this, or is not to be reached from here.
const CONNECT: Duration = Duration::from_millis(150);

/// This many connects that neither succeed nor are refused: the address is not to be reached.
const UNREACHABLE: u32 = 3;

/// One socket closed and another opened leave the counts as they were: tables are read again then.
const STALE: Duration = Duration::from_secs(1);

/// The ways to look, the best first.
enum Way {
    /// Ask the kernel, inside the container's network namespace.
    #[cfg(target_os = "linux")]
    Diag(super::diag::Diag),
    /// Connect to the container's addresses.
    Connect { failures: u32 },
    /// Read the kernel's tables of the container's process, when the counts say that they changed.
    Tables {
        counts: String,
        last: Vec<Listener>,
        read: Instant,
    },
    /// Have a program in the container print its tables.
    Exec(Box<Tables>),
    /// Have a container beside it print them: its image has no shell.
    Helper(Box<Helper>),
    /// There is no way: a remote engine, an image without a shell, and none that has one.
    None,
}

/// Looks at one running container.
pub(super) struct Look {
    engine: Engine,
    machine: Machine,
    sight: Sight,
    process: Option<Process>,
    way: Way,
}

impl Look {
    /// Finds the best way to look at a container that runs.
    pub(super) async fn at(engine: &Engine, machine: Machine, sight: &Sight, reach: Reach) -> Self {
        let process = match machine {
            Machine::This => Process::of(sight.pid, &sight.id),
            Machine::Another => None,
        };
        let mut look = Self {
            engine: engine.clone(),
            machine,
            sight: sight.clone(),
            way: Way::None,
            process,
        };
        look.way = look.best(machine, reach).await;
        look
    }

    async fn best(&self, machine: Machine, reach: Reach) -> Way {
        #[cfg(target_os = "linux")]
        if let Some(process) = &self.process
            && let Ok(diag) = super::diag::Diag::enter(process.pid).await
        {
            return Way::Diag(diag);
        }
        let connects =
            machine == Machine::This && reach == Reach::Network && !self.sight.addresses.is_empty();
        match connects {
            true => Way::Connect { failures: 0 },
            false => self.second_best(),
        }
    }

    fn second_best(&self) -> Way {
        match &self.process {
            Some(_) => Way::Tables {
                counts: String::new(),
                last: Vec::new(),
                read: Instant::now(),
            },
            None => Way::Exec(Box::new(Tables::new(&self.engine, &self.sight.id))),
        }
    }

    /// Whether the container listens on one of `ports`.
    pub(super) async fn answer(&mut self, ports: &[PortTarget], reach: Reach) -> Answer {
        if let Way::Connect { failures } = &mut self.way {
            let udp = ports.iter().any(|port| port.protocol == Protocol::Udp);
            match connect(&self.sight.addresses, ports).await {
                Connected::Yes => return Answer::Yes,
                Connected::Refused if !udp => {
                    *failures = 0;
                    return Answer::No;
                }
                Connected::Refused => {}
                Connected::Neither => *failures += 1,
            }
            if !udp && *failures < UNREACHABLE {
                return Answer::No;
            }
            self.way = self.second_best();
        }
        let had_a_way = !matches!(self.way, Way::None);
        let mut found = self.listeners(ports).await;
        // Only a wait is worth a container of its own, and one attempt.
        if found.is_none()
            && had_a_way
            && let Some(mut helper) = Helper::beside(&self.engine, &self.sight.id).await
        {
            found = helper.next().await;
            self.way = Way::Helper(Box::new(helper));
        }
        match found {
            Some(found) if answers(&found, ports, reach) => Answer::Yes,
            Some(_) => Answer::No,
            None if self.runs().await => Answer::Unseen,
            // Nothing can be run in what ended meanwhile: the engine says so in a moment.
            None => Answer::No,
        }
    }

    /// Whether it runs, and has not been started again.
    async fn runs(&self) -> bool {
        let found = self.engine.inspect_container(&self.sight.id).await;
        let state = found.ok().and_then(|found| found.state);
        state.is_some_and(|state| {
            state.running == Some(true)
                && state.restarting != Some(true)
                && state.pid == Some(self.sight.pid)
        })
    }

    /// Whether its answers come from connecting to an address.
    pub(super) fn connects(&self) -> bool {
        matches!(self.way, Way::Connect { .. })
    }

    /// Whether the container listens anywhere, its name server aside; none where nobody can tell.
    pub(super) async fn listens(&mut self) -> Option<bool> {
        if matches!(self.way, Way::Connect { .. }) {
            self.way = self.second_best();
        }
        let found = self.listeners(&[PortTarget::tcp(0)]).await?;
        Some(found.iter().any(|one| one.scope != Scope::NameServer))
    }

    /// The listeners of the protocols that `ports` have; none where nobody can tell.
    async fn listeners(&mut self, ports: &[PortTarget]) -> Option<Vec<Listener>> {
        let has = |protocol| ports.iter().any(|port| port.protocol == protocol);
        let protocols = [Protocol::Tcp, Protocol::Udp]
            .into_iter()
            .filter(|one| has(*one));
        match &mut self.way {
            #[cfg(target_os = "linux")]
            Way::Diag(diag) => {
                let all = protocols.map(|protocol| diag.listeners(protocol));
                // The process is gone: the engine says so in a moment.
                Some(all.flatten().flatten().collect())
            }
            Way::Connect { .. } => Some(Vec::new()),
            Way::Tables { counts, last, read } => {
                let process = self.process.as_ref()?;
                let now = process.socket_counts().unwrap_or_default();
                if now != *counts || read.elapsed() >= STALE {
                    *read = Instant::now();
                    *last = protocols
                        .filter_map(|protocol| process.tables(protocol))
                        .flatten()
                        .collect();
                    *counts = now;
                }
                Some(last.clone())
            }
            Way::Exec(tables) => match tables.next().await {
                Some(found) => Some(found),
                None => {
                    self.way = Way::None;
                    None
                }
            },
            Way::Helper(helper) => helper.next().await,
            Way::None => None,
        }
    }

    /// Takes away what was made for looking.
    pub(super) async fn end(&mut self) {
        if let Way::Helper(helper) = std::mem::replace(&mut self.way, Way::None) {
            helper.remove().await;
        }
    }

    /// Every listener, as well as this way of looking shows them: for diagnosis.
    pub(super) async fn everything(&mut self) -> Vec<Listener> {
        if matches!(self.way, Way::Connect { .. }) {
            self.way = self.second_best();
        }
        let both = [PortTarget::tcp(0), PortTarget::udp(0)];
        let mut found = self.listeners(&both).await.unwrap_or_default();
        found.retain(|one| one.scope != Scope::NameServer);
        found.sort();
        found.dedup();
        found
    }

    /// The CPU time that the container used so far.
    pub(super) fn cpu(&self) -> Option<Duration> {
        self.process.as_ref()?.cpu()
    }

    /// Whether its process was gone before it could be looked at. Podman goes on for a while to say
    /// that such a container runs; elsewhere a process that is not here may be on another machine.
    pub(super) async fn has_vanished(&self) -> bool {
        let pid = self.sight.pid;
        let here = || Path::new("/proc").join(pid.to_string()).exists();
        let unseen = self.machine == Machine::This && self.process.is_none();
        unseen && pid > 0 && !here() && self.engine.ping().await.is_ok_and(|ping| ping.podman)
    }

    /// How its processes fare.
    pub(super) fn pulse(&self) -> Pulse {
        self.process
            .as_ref()
            .map(Process::pulse)
            .unwrap_or_default()
    }

    /// A connection to one of the container's ports, for an HTTP request.
    pub(super) async fn dial(&self, port: u16) -> std::io::Result<TcpStream> {
        let mut failure = std::io::Error::from(ErrorKind::AddrNotAvailable);
        for address in &self.sight.addresses {
            match timeout(CONNECT, TcpStream::connect((*address, port))).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failure = error,
                Err(_) => failure = ErrorKind::TimedOut.into(),
            }
        }
        #[cfg(target_os = "linux")]
        if self.sight.addresses.is_empty()
            && let Some(process) = &self.process
        {
            let stream = super::diag::connect(process.pid, port, CONNECT).await?;
            stream.set_nonblocking(true)?;
            return TcpStream::from_std(stream);
        }
        Err(failure)
    }
}

enum Connected {
    Yes,
    Refused,
    Neither,
}

/// Connects to every address and TCP port until one accepts.
async fn connect(addresses: &[IpAddr], ports: &[PortTarget]) -> Connected {
    let mut result = Connected::Neither;
    for port in ports.iter().filter(|port| port.protocol == Protocol::Tcp) {
        for address in addresses {
            let to = SocketAddr::new(*address, port.number);
            match timeout(CONNECT, TcpStream::connect(to)).await {
                Ok(Ok(_)) => return Connected::Yes,
                Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => {
                    result = Connected::Refused;
                }
                Ok(Err(_)) | Err(_) => {}
            }
        }
    }
    result
}
