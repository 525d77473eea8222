//! The engine of the tests on a port of loopback, where it could be another machine's for all that
//! dco knows.

use std::net::{SocketAddr, TcpListener};

use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpStream, UnixStream};

use super::engine;

/// A listener whose connections lead to the engine; dropped, it ends.
pub struct Tcp {
    runtime: Option<tokio::runtime::Runtime>,
    address: SocketAddr,
}

impl Tcp {
    /// Listens.
    pub fn start() -> Self {
        Self::serve(pass_on)
    }

    /// Listens, and hands each connection to `each`.
    pub(super) fn serve<F>(each: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        listener.set_nonblocking(true).expect("a socket");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a socket");
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(each(stream));
            }
        });
        Self {
            runtime: Some(runtime),
            address,
        }
    }

    /// As `DOCKER_HOST` names it.
    pub fn host(&self) -> String {
        format!("tcp://{}", self.address)
    }
}

impl Drop for Tcp {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// To the engine and back until either side is done.
pub(super) async fn pass_on(mut from: impl AsyncRead + AsyncWrite + Unpin) {
    let host = engine::host();
    let _ = match host.split_once("://") {
        Some(("unix", path)) => match UnixStream::connect(path).await {
            Ok(mut to) => copy_bidirectional(&mut from, &mut to).await,
            Err(error) => Err(error),
        },
        Some((_, address)) => match TcpStream::connect(address).await {
            Ok(mut to) => copy_bidirectional(&mut from, &mut to).await,
            Err(error) => Err(error),
        },
        None => return,
    };
}
