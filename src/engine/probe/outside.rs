//! Waits for something that is no container of the project: a host and port, a URL.

use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::http;
use crate::gate::{Condition, PortTarget, Protocol, Verdict};

/// Time between two tries: a connection is opened each time.
const PERIOD: Duration = Duration::from_millis(100);

/// A host that says nothing for this long is asked again.
const CONNECT: Duration = Duration::from_secs(2);

/// Waits until a host accepts connections, or answers an HTTP request below 400.
pub async fn outside(host: &str, condition: &Condition, limit: Duration) -> Verdict {
    let begun = Instant::now();
    loop {
        let left = limit.saturating_sub(begun.elapsed());
        if matches!(timeout(left, ready(host, condition)).await, Ok(true)) {
            return Verdict::Ready;
        }
        if begun.elapsed() >= limit {
            return Verdict::TimedOut;
        }
        sleep(PERIOD).await;
    }
}

async fn ready(host: &str, condition: &Condition) -> bool {
    match condition {
        Condition::Listening(ports) => {
            let tcp = |port: &&PortTarget| port.protocol == Protocol::Tcp;
            for port in ports.iter().filter(tcp) {
                if connect(host, port.number).await.is_some() {
                    return true;
                }
            }
            false
        }
        Condition::Http(url) => {
            let Some(target) = http::Target::parse(url) else {
                return false;
            };
            match connect(host, target.port).await {
                Some(stream) => target.encrypted || http::answers_on(stream, &target).await,
                None => false,
            }
        }
        _ => false,
    }
}

async fn connect(host: &str, port: u16) -> Option<TcpStream> {
    let connecting = TcpStream::connect((host, port));
    timeout(CONNECT, connecting).await.ok()?.ok()
}
