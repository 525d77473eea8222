//! `ports` in the short form: `[[ip:]published[-range]:]target[-range][/protocol]`.
//!
//! The rules are those of Docker's `nat.ParsePortSpecs`, as `docker run -p` has them.

use std::fmt;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use crate::project::Port;

/// Why a port cannot be read. Every variant carries the part that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// Nothing stands where the container's port should.
    NoPort,
    /// A protocol other than tcp, udp and sctp.
    Protocol(String),
    /// What stands before the second colon is no address.
    Ip(String),
    /// The container's port or range is none.
    Target(String),
    /// The host's port or range is none.
    Published(String),
    /// Two ranges of different lengths.
    Ranges {
        /// The container's.
        target: String,
        /// The host's.
        published: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPort => f.write_str("no container port is given"),
            Self::Protocol(text) => write!(f, "`{text}` is not a protocol: tcp, udp or sctp"),
            Self::Ip(text) => write!(f, "`{text}` is not an IP address"),
            Self::Target(text) => write!(f, "`{text}` is not a container port (0 to 65535)"),
            Self::Published(text) => write!(f, "`{text}` is not a host port (0 to 65535)"),
            Self::Ranges { target, published } => write!(
                f,
                "the ranges `{published}` (host) and `{target}` (container) differ in length"
            ),
        }
    }
}

/// Reads one port; a range becomes several, sorted as Compose sorts them: as texts.
///
/// # Errors
/// The part of the text that is wrong.
pub fn parse(text: &str) -> Result<Vec<Port>, Error> {
    let (front, container) = text.rsplit_once(':').unwrap_or(("", text));
    let (ip, host) = front.rsplit_once(':').unwrap_or(("", front));
    let mut parts = container.split('/');
    let target = parts.next().unwrap_or_default();
    if target.is_empty() {
        return Err(Error::NoPort);
    }
    let protocol = match parts.next().unwrap_or_default().to_lowercase() {
        none if none.is_empty() => "tcp".to_owned(),
        known if ["tcp", "udp", "sctp"].contains(&known.as_str()) => known,
        other => return Err(Error::Protocol(other)),
    };
    let ip = address(ip)?;
    let targets = range(target).ok_or_else(|| Error::Target(target.to_owned()))?;
    let published = match host {
        "" => None,
        host => Some(range(host).ok_or_else(|| Error::Published(host.to_owned()))?),
    };
    if let Some(published) = &published
        && targets.len() > 1
        && targets.len() != published.len()
    {
        return Err(Error::Ranges {
            target: target.to_owned(),
            published: host.to_owned(),
        });
    }
    let dynamic = targets.len() == 1;
    let mut ports: Vec<Port> = targets
        .enumerate()
        .map(|(index, target)| Port {
            mode: "ingress".to_owned(),
            host_ip: ip.to_owned(),
            target: target.into(),
            published: match &published {
                None => String::new(),
                Some(host) if dynamic && host.len() > 1 => {
                    format!("{}-{}", host.start(), host.end())
                }
                Some(host) => (usize::from(*host.start()) + index).to_string(),
            },
            protocol: protocol.clone(),
            ..Port::default()
        })
        .collect();
    ports.sort_by_cached_key(|port| format!("{}/", port.target));
    Ok(ports)
}

/// An address without the brackets that IPv6 may stand in.
fn address(text: &str) -> Result<&str, Error> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    if !bare.is_empty() && bare.parse::<IpAddr>().is_err() || text == "[]" {
        return Err(Error::Ip(text.to_owned()));
    }
    Ok(bare)
}

/// `80` or `8000-8010`; Docker overlooks a third number, and so does this.
fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut numbers = text.split('-').map(number);
    let start = numbers.next()??;
    let end = numbers.next().unwrap_or(Some(start))?;
    (start <= end).then_some(start..=end)
}

fn number(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The right side is what Docker Compose 2.40.3 made of the port; but 2.40.3 wants IPv6
    /// addresses in brackets, which 5.x does not.
    #[test]
    fn every_port_is_read_as_compose_reads_it() {
        for (text, expected) in [
            ("80", "||80/tcp"),
            ("8080:80", "|8080|80/tcp"),
            ("127.0.0.1:8080:80", "127.0.0.1|8080|80/tcp"),
            ("127.0.0.1::80", "127.0.0.1||80/tcp"),
            ("8080:80/udp", "|8080|80/udp"),
            ("8080:80/UDP", "|8080|80/udp"),
            ("53:53/sctp", "|53|53/sctp"),
            (
                "3000-3005",
                "||3000/tcp ||3001/tcp ||3002/tcp ||3003/tcp ||3004/tcp ||3005/tcp",
            ),
            ("9-11", "||10/tcp ||11/tcp ||9/tcp"),
            ("9090-9091:8080-8081", "|9090|8080/tcp |9091|8081/tcp"),
            ("8000-8010:80", "|8000-8010|80/tcp"),
            (
                "127.0.0.1:5000-5002:5000-5002/udp",
                "127.0.0.1|5000|5000/udp 127.0.0.1|5001|5001/udp 127.0.0.1|5002|5002/udp",
            ),
            ("[::1]:80:80", "::1|80|80/tcp"),
            ("[::1]::80", "::1||80/tcp"),
            ("0.0.0.0:80:80", "0.0.0.0|80|80/tcp"),
            ("6060:6060/tcp", "|6060|6060/tcp"),
            (":80", "||80/tcp"),
            ("3000-3000:80", "|3000|80/tcp"),
            ("0080:0090", "|80|90/tcp"),
            ("80/", "||80/tcp"),
            ("::80", "||80/tcp"),
            ("1-2-3:80", "|1-2|80/tcp"),
            ("[127.0.0.1]:80:80", "127.0.0.1|80|80/tcp"),
            ("80-80", "||80/tcp"),
            ("65535:65535", "|65535|65535/tcp"),
            ("0:80", "|0|80/tcp"),
            ("8000-8002:80-80", "|8000-8002|80/tcp"),
            ("80/tcp/x", "||80/tcp"),
            ("::1:80:80", "::1|80|80/tcp"),
            ("::ffff:1.2.3.4:80:80", "::ffff:1.2.3.4|80|80/tcp"),
        ] {
            let ports: Vec<_> = parse(text)
                .unwrap()
                .iter()
                .map(|p| format!("{}|{}|{}/{}", p.host_ip, p.published, p.target, p.protocol))
                .collect();
            assert_eq!(ports.join(" "), expected, "{text}");
        }
    }

    #[test]
    fn every_error_names_the_part_that_is_wrong() {
        for (text, message) in [
            ("", "no container port is given"),
            ("80:", "no container port is given"),
            ("/tcp", "no container port is given"),
            ("a:80", "`a` is not a host port (0 to 65535)"),
            ("70000:80", "`70000` is not a host port (0 to 65535)"),
            ("80:a", "`a` is not a container port (0 to 65535)"),
            ("80:70000", "`70000` is not a container port (0 to 65535)"),
            ("80-70", "`80-70` is not a container port (0 to 65535)"),
            ("+80", "`+80` is not a container port (0 to 65535)"),
            ("-1", "`-1` is not a container port (0 to 65535)"),
            ("80-a", "`80-a` is not a container port (0 to 65535)"),
            (" 80", "` 80` is not a container port (0 to 65535)"),
            ("8080:80/xyz", "`xyz` is not a protocol: tcp, udp or sctp"),
            ("300.0.0.1:80:80", "`300.0.0.1` is not an IP address"),
            ("localhost:80:80", "`localhost` is not an IP address"),
            ("80:80:80", "`80` is not an IP address"),
            ("[::1:80:80", "`[::1` is not an IP address"),
            ("fe80::1%eth0:80:80", "`fe80::1%eth0` is not an IP address"),
            ("127.0.0.01:80:80", "`127.0.0.01` is not an IP address"),
            (
                "8000-8003:80-81",
                "the ranges `8000-8003` (host) and `80-81` (container) differ in length",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), message, "{text:?}");
        }
    }
}
