//! The kernel's list of listening sockets in a container's network namespace (sock_diag(7)).
//!
//! A socket belongs to the namespace that its thread was in when it was opened: a thread of its
//! own enters the container's namespace, opens one netlink socket, and ends. The socket is asked
//! from anywhere afterwards, 30 µs a time, and no connection is ever opened.

use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::net::{netlink, recv, send, socket_with};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::listeners::{Listener, TCP_LISTEN, UDP_UNCONNECTED, scope};
use crate::gate::{PortTarget, Protocol};

/// `SOCK_DIAG_BY_FAMILY`, the only request (linux/sock_diag.h).
const BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST | NLM_F_DUMP` (linux/netlink.h).
const REQUEST_DUMP: u16 = 0x301;
/// The end of a dump, and an error (linux/netlink.h).
const DONE: u16 = 3;
const ERROR: u16 = 2;
/// Sizes of `nlmsghdr` and `inet_diag_req_v2`.
const HEADER: usize = 16;
const REQUEST: usize = 56;
/// The kernel answers at once or not at all.
const PATIENCE: Duration = Duration::from_millis(500);

/// A netlink socket in somebody's network namespace.
#[derive(Debug)]
pub(super) struct Diag {
    socket: OwnedFd,
}

impl Diag {
    /// Opens the socket in the namespace of a process; needs CAP_SYS_ADMIN.
    pub(super) async fn enter(pid: u32) -> io::Result<Self> {
        let socket = inside(pid, || {
            let socket = socket_with(
                AddressFamily::NETLINK,
                SocketType::DGRAM,
                SocketFlags::CLOEXEC,
                Some(netlink::SOCK_DIAG),
            )?;
            set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
            Ok(socket)
        })
        .await?;
        let this = Self { socket };
        // Some kernels have no sock_diag for TCP: that shows here, not while waiting.
        this.listeners(Protocol::Tcp)?;
        Ok(this)
    }

    /// Every listener of a protocol, over IPv4 and IPv6.
    pub(super) fn listeners(&self, protocol: Protocol) -> io::Result<Vec<Listener>> {
        let mut found = self.dump(AddressFamily::INET, protocol)?;
        // Without IPv6 in the kernel there are no sockets of it.
        found.extend(
            self.dump(AddressFamily::INET6, protocol)
                .unwrap_or_default(),
        );
        Ok(found)
    }

    fn dump(&self, family: AddressFamily, protocol: Protocol) -> io::Result<Vec<Listener>> {
        send(&self.socket, &request(family, protocol), SendFlags::empty())?;
        let mut found = Vec::new();
        let mut buffer = vec![0_u8; 32 * 1024];
        loop {
            let (length, _) = recv(&self.socket, &mut buffer[..], RecvFlags::empty())?;
            if parse(&buffer[..length], protocol, &mut found)? {
                return Ok(found);
            }
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// Connects to a port of a process's own loopback interface, from inside its namespace.
pub(super) async fn connect(pid: u32, port: u16, limit: Duration) -> io::Result<TcpStream> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    inside(pid, move || TcpStream::connect_timeout(&address, limit)).await
}

/// Does something in the network namespace of a process, on a thread that ends with it: a thread
/// that changed its namespace must never be used for anything else.
async fn inside<T: Send + 'static>(
    pid: u32,
    what: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (say, hear) = tokio::sync::oneshot::channel();
    std::thread::Builder::new()
        .name("netns".to_owned())
        .spawn(move || {
            let done = File::open(format!("/proc/{pid}/ns/net")).and_then(|namespace| {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
                what()
            });
            drop(say.send(done));
        })?;
    hear.await
        .unwrap_or_else(|_| Err(io::Error::other("the thread in the namespace ended early")))
}

/// `nlmsghdr`, then `inet_diag_req_v2`: everything of a family in the state that listens.
fn request(family: AddressFamily, protocol: Protocol) -> Vec<u8> {
    /// `IPPROTO_TCP` and `IPPROTO_UDP`.
    const NUMBERS: (u8, u8) = (6, 17);
    let (number, state) = match protocol {
        Protocol::Tcp => (NUMBERS.0, TCP_LISTEN),
        Protocol::Udp => (NUMBERS.1, UDP_UNCONNECTED),
    };
    let length = HEADER + REQUEST;
    let mut bytes = Vec::with_capacity(length);
    bytes.extend((length as u32).to_ne_bytes());
    bytes.extend(BY_FAMILY.to_ne_bytes());
    bytes.extend(REQUEST_DUMP.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([family.as_raw() as u8, number, 0, 0]);
    bytes.extend((1_u32 << state).to_ne_bytes());
    bytes.resize(length, 0);
    bytes
}

/// Reads the messages of one datagram; true where the dump ends with it.
fn parse(mut rest: &[u8], protocol: Protocol, found: &mut Vec<Listener>) -> io::Result<bool> {
    while let Some(header) = rest.first_chunk::<HEADER>() {
        let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let kind = u16::from_ne_bytes([header[4], header[5]]);
        if length < HEADER || length > rest.len() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        match kind {
            DONE => return Ok(true),
            ERROR => return Err(io::ErrorKind::Unsupported.into()),
            BY_FAMILY => found.extend(listener(&rest[HEADER..length], protocol)),
            _ => {}
        }
        // Messages begin at multiples of four.
        rest = &rest[length.next_multiple_of(4).min(rest.len())..];
    }
    Ok(false)
}

/// `inet_diag_msg`: family, state, timer, retransmissions, then the source port in network order,
/// the other port, and the source address.
fn listener(message: &[u8], protocol: Protocol) -> Option<Listener> {
    let family = u16::from(*message.first()?);
    let number = u16::from_be_bytes([*message.get(4)?, *message.get(5)?]);
    let width = match family == AddressFamily::INET.as_raw() {
        true => 4,
        false => 16,
    };
    let address = message.get(8..8 + width)?;
    (number != 0).then(|| Listener {
        port: PortTarget { number, protocol },
        scope: scope(address),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::probe::listeners::Scope;

    #[test]
    fn our_own_listeners_are_found_with_their_scope() {
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            Some(netlink::SOCK_DIAG),
        );
        let diag = Diag {
            socket: socket.unwrap(),
        };
        let everywhere = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
        let local = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
        let tcp = diag.listeners(Protocol::Tcp).unwrap();
        let has = |all: &[Listener], port, scope| all.contains(&Listener { port, scope });
        let port = |address: SocketAddr| address.port();
        let open = PortTarget::tcp(port(everywhere.local_addr().unwrap()));
        let closed = PortTarget::tcp(port(local.local_addr().unwrap()));
        assert!(has(&tcp, open, Scope::Network), "{tcp:?}");
        assert!(has(&tcp, closed, Scope::Loopback), "{tcp:?}");
        let udp_port = PortTarget::udp(port(udp.local_addr().unwrap()));
        let bound = diag.listeners(Protocol::Udp).unwrap();
        assert!(has(&bound, udp_port, Scope::Network), "{bound:?}");
        drop(everywhere);
        let tcp = diag.listeners(Protocol::Tcp).unwrap();
        assert!(!has(&tcp, open, Scope::Network), "{tcp:?}");
    }
}
