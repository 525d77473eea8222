//! One HTTP request to a container's own address: does it answer with a status below 400?

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::look::Look;

/// A server that says nothing for this long is asked again.
const PATIENCE: Duration = Duration::from_secs(5);

/// A URL, taken apart as far as a probe needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The port, by number or by scheme.
    pub(super) port: u16,
    /// Host and port as written.
    host: String,
    /// The path and the query.
    path: String,
    /// Whether the connection is encrypted: then only the port is asked.
    pub(super) encrypted: bool,
}

impl Target {
    /// Takes `http://host[:port][/path]` apart.
    pub(super) fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let encrypted = match scheme {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let path = path.split('#').next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or(authority);
        let port = match host.rsplit_once(':') {
            Some((_, port)) => port.parse().ok()?,
            None if encrypted => 443,
            None => 80,
        };
        let slash = if path.starts_with('/') { "" } else { "/" };
        Some(Self {
            port,
            host: host.to_owned(),
            path: format!("{slash}{path}"),
            encrypted,
        })
    }
}

/// Whether the container answers the request with a status below 400.
pub(super) async fn answers(look: &Look, target: &Target) -> bool {
    match look.dial(target.port).await {
        Ok(stream) => answers_on(stream, target).await,
        Err(_) => false,
    }
}

/// Whether what is at the other end answers the request with a status below 400.
pub(super) async fn answers_on(stream: TcpStream, target: &Target) -> bool {
    matches!(timeout(PATIENCE, status(stream, target)).await, Ok(Some(status)) if status < 400)
}

async fn status(mut stream: TcpStream, target: &Target) -> Option<u16> {
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: dco\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        target.path, target.host
    );
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut head = Vec::new();
    let mut piece = [0; 256];
    // `HTTP/1.1 200`: the twelve bytes that matter.
    while head.len() < 12 {
        match stream.read(&mut piece).await.ok()? {
            0 => return None,
            length => head.extend_from_slice(&piece[..length]),
        }
    }
    let head = String::from_utf8_lossy(&head);
    let version = head.starts_with("HTTP/1.");
    version.then(|| head.get(9..12)?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        for (url, port, host, path) in [
            (
                "http://api:8000/health?x=1#y",
                8000,
                "api:8000",
                "/health?x=1",
            ),
            ("http://api", 80, "api", "/"),
            ("http://u:p@api?x", 80, "api", "/?x"),
            ("https://api/", 443, "api", "/"),
        ] {
            let target = Target::parse(url).unwrap();
            assert_eq!(
                (target.port, target.host.as_str(), target.path.as_str()),
                (port, host, path),
                "{url}"
            );
        }
        assert_eq!(Target::parse("tcp://db:5432"), None);
    }
}
