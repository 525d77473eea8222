//! Signals, in the order they come: the first winds a command down, the second stops it now.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT, SIGTERM and SIGHUP as one stream.
pub struct Interrupts {
    signals: Vec<Signal>,
    seen: usize,
}

impl Interrupts {
    /// Listens from now on.
    ///
    /// # Errors
    /// The system refuses.
    pub fn listen() -> std::io::Result<Self> {
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ];
        let signals = kinds.into_iter().map(signal).collect::<Result<_, _>>()?;
        Ok(Self { signals, seen: 0 })
    }

    /// None that ever comes, for tests and for commands whose caller listens.
    pub fn none() -> Self {
        Self {
            signals: Vec::new(),
            seen: 0,
        }
    }

    /// Waits for the next one and says how many there have been.
    pub async fn next(&mut self) -> usize {
        let any = std::future::poll_fn(|cx| {
            let mut came = self.signals.iter_mut().map(|one| one.poll_recv(cx));
            match came.any(|poll| poll.is_ready()) {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        });
        any.await;
        self.seen += 1;
        self.seen
    }

    /// How many there have been.
    pub fn seen(&self) -> usize {
        self.seen
    }
}
