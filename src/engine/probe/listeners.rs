//! Listening sockets: what they are, and how the kernel's text tables show them.

use crate::gate::{PortTarget, Protocol, Reach};

/// A TCP socket that listens, or a UDP socket that is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listener {
    /// Where.
    pub port: PortTarget,
    /// On which interfaces.
    pub scope: Scope,
}

/// On which interfaces a socket listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// On one that other containers reach.
    Network,
    /// On the loopback interface only.
    Loopback,
    /// On the engine's own name server's address, 127.0.0.11: it is in every container.
    NameServer,
}

impl Listener {
    /// Whether it is what somebody with this reach connects to.
    pub fn counts(self, reach: Reach) -> bool {
        match (self.scope, reach) {
            (Scope::Network, _) | (Scope::Loopback, Reach::Namespace) => true,
            (Scope::Loopback, Reach::Network) | (Scope::NameServer, _) => false,
        }
    }
}

/// Whether one of `ports` is among the listeners.
pub(super) fn answers(listeners: &[Listener], ports: &[PortTarget], reach: Reach) -> bool {
    listeners
        .iter()
        .any(|listener| listener.counts(reach) && ports.contains(&listener.port))
}

/// The scope of an address, as its 4 or 16 bytes.
pub(super) fn scope(address: &[u8]) -> Scope {
    let v4 = match address {
        [a, b, c, d] => [*a, *b, *c, *d],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d] => [*a, *b, *c, *d],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] => return Scope::Loopback,
        _ => return Scope::Network,
    };
    match v4 {
        [127, 0, 0, 11] => Scope::NameServer,
        [127, ..] => Scope::Loopback,
        _ => Scope::Network,
    }
}

/// The state of a listening TCP socket, and of an unconnected UDP socket, as the kernel counts them.
pub(super) const TCP_LISTEN: u8 = 10;
/// See [`TCP_LISTEN`].
pub(super) const UDP_UNCONNECTED: u8 = 7;

/// Reads `/proc/net/{tcp,tcp6,udp,udp6}`: one socket a line, addresses in words of host order.
pub(super) fn parse_table(text: &str, protocol: Protocol) -> Vec<Listener> {
    let wanted = match protocol {
        Protocol::Tcp => TCP_LISTEN,
        Protocol::Udp => UDP_UNCONNECTED,
    };
    let line = |line: &str| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let (address, port) = words.next()?.split_once(':')?;
        let state = u8::from_str_radix(words.nth(1)?, 16).ok()?;
        let number = u16::from_str_radix(port, 16).ok()?;
        (state == wanted && number != 0).then_some(Listener {
            port: PortTarget { number, protocol },
            scope: scope(&bytes(address)?),
        })
    };
    text.lines().filter_map(line).collect()
}

/// `0100007F` → 127.0.0.1: words of 32 bits, each printed as the machine reads it.
fn bytes(hex: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(16);
    for at in (0..hex.len()).step_by(8) {
        let word = u32::from_str_radix(hex.get(at..at + 8)?, 16).ok()?;
        bytes.extend(word.to_ne_bytes());
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn the_kernels_tables_show_listeners_and_their_scope() {
        let tcp = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n   \
            0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n   \
            1: 00000000:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n   \
            2: 0B00007F:A1B2 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0\n   \
            3: 020012AC:1538 030012AC:D6D8 01 00000000:00000000 00:00000000 00000000     0\n";
        let tcp = parse_table(tcp, Protocol::Tcp);
        let listener = |number, scope| Listener {
            port: PortTarget::tcp(number),
            scope,
        };
        assert_eq!(
            tcp,
            [
                listener(8000, Scope::Loopback),
                listener(5432, Scope::Network),
                listener(41394, Scope::NameServer),
            ]
        );
        let six = "sl\n 0: 00000000000000000000000000000000:1F90 0:0 0A\n \
            1: 00000000000000000000000001000000:1F91 0:0 0A\n \
            2: 0000000000000000FFFF00000100007F:1F92 0:0 0A\n";
        assert_eq!(
            parse_table(six, Protocol::Tcp),
            [
                listener(8080, Scope::Network),
                listener(8081, Scope::Loopback),
                listener(8082, Scope::Loopback),
            ]
        );
    }

    #[test]
    fn loopback_counts_inside_the_namespace_only_and_the_name_server_never() {
        let on = |scope| Listener {
            port: PortTarget::tcp(80),
            scope,
        };
        assert!(on(Scope::Network).counts(Reach::Network));
        assert!(!on(Scope::Loopback).counts(Reach::Network));
        assert!(on(Scope::Loopback).counts(Reach::Namespace));
        assert!(!on(Scope::NameServer).counts(Reach::Namespace));
    }
}
