//! The engine of the tests on a port of loopback, where it could be another machine's for all that
//! dco knows.

use std::net::{SocketAddr, TcpListener};

use super::tls::pass_on;

/// A listener whose connections lead to the engine; dropped, it ends.
pub struct Tcp {
    runtime: Option<tokio::runtime::Runtime>,
    address: SocketAddr,
}

impl Tcp {
    /// Listens.
    pub fn start() -> Self {
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
                tokio::spawn(pass_on(stream));
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
