//! Connections to a registry: TLS with the system's authorities and docker's `certs.d`, or plain.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::Uri;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::Trust;
use crate::engine::dial::{Pipe, limited, tls_connector};
use crate::engine::endpoint::{Tls, Verify};

/// Where docker keeps the certificates of registries.
const CERTIFICATES: &str = "/etc/docker/certs.d";

/// Whether a registry is on this machine: the engine takes it without a proof, too.
pub(super) fn is_loopback(domain: &str) -> bool {
    let host = match domain.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => domain.split(':').next().unwrap_or_default(),
    };
    let is_loopback = |address: IpAddr| address.is_loopback();
    host == "localhost" || host.parse().is_ok_and(is_loopback)
}

/// Makes connections; hyper's pool asks it when it has none left.
#[derive(Clone)]
pub(super) struct Connector {
    tls: Arc<Tls>,
    made: Arc<OnceCell<TlsConnector>>,
}

impl Connector {
    pub(super) fn new(domain: &str, trust: Trust) -> Self {
        let folder = Path::new(CERTIFICATES).join(domain);
        let there = |name: &str| Some(folder.join(name)).filter(|path| path.exists());
        let tls = Tls {
            ca: there("ca.crt"),
            identity: there("client.cert").zip(there("client.key")),
            verify: match trust {
                Trust::Proven => Verify::Peer,
                Trust::Anyone => Verify::Nothing,
            },
        };
        Self {
            tls: Arc::new(tls),
            made: Arc::default(),
        }
    }

    async fn connect(self, uri: Uri) -> io::Result<Pipe> {
        let host = uri.host().unwrap_or_default();
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let secure = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let stream = limited(TcpStream::connect((host.as_str(), port))).await?;
        stream.set_nodelay(true)?;
        if !secure {
            return Ok(Pipe::of(Box::new(stream)));
        }
        let made = || async { tls_connector(&self.tls) };
        let connector = self.made.get_or_try_init(made).await?;
        let name = ServerName::try_from(host).map_err(io::Error::other)?;
        let stream = limited(connector.connect(name, stream)).await?;
        Ok(Pipe::of(Box::new(stream)))
    }
}

impl tower_service::Service<Uri> for Connector {
    type Response = Pipe;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Pipe>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_goes_by_several_names() {
        for (domain, here) in [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.0.0.1:5000", true),
            ("127.1.2.3", true),
            ("[::1]:5000", true),
            ("ghcr.io", false),
            ("localhost.example", false),
            ("10.0.0.1:5000", false),
        ] {
            assert_eq!(is_loopback(domain), here, "{domain}");
        }
    }
}
