//! Connections that stop being HTTP: a container's or an exec's stdin and output, both ways at once.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use hyper::StatusCode;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf, ReadHalf, WriteHalf};

use super::demux::{Chunk, Demux, Framing};
use crate::engine::Engine;
use crate::engine::error::{Error, Result};
use crate::engine::transport::{Call, broken};

/// The two directions of a hijacked connection.
pub struct Hijacked {
    /// What the process says.
    pub output: HijackedOutput,
    /// What it reads.
    pub input: Input,
}

/// What a process says, as it says it.
pub struct HijackedOutput {
    call: String,
    from: ReadHalf<TokioIo<Upgraded>>,
    demux: Demux,
    buffer: BytesMut,
}

/// As much as is read at once.
const PIECE: usize = 32 * 1024;

impl Stream for HijackedOutput {
    type Item = Result<Chunk>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(chunk) = this.demux.next() {
                return Poll::Ready(Some(chunk));
            }
            this.buffer.resize(PIECE, 0);
            let mut read = ReadBuf::new(&mut this.buffer);
            if let Err(cause) = ready!(Pin::new(&mut this.from).poll_read(cx, &mut read)) {
                return Poll::Ready(Some(Err(broken(&this.call, cause))));
            }
            let length = read.filled().len();
            if length == 0 {
                return Poll::Ready(None);
            }
            let piece: Bytes = this.buffer.split_to(length).freeze();
            this.demux.push(piece);
        }
    }
}

/// What a process reads.
pub struct Input {
    to: WriteHalf<TokioIo<Upgraded>>,
}

impl Input {
    /// Sends bytes; they are on their way when this returns.
    ///
    /// # Errors
    ///
    /// The process, or the connection, is gone.
    pub async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.to.write_all(bytes).await?;
        self.to.flush().await
    }

    /// Says that nothing more comes: the process reads an end of file, and its output goes on.
    ///
    /// # Errors
    ///
    /// The connection is gone.
    pub async fn close(mut self) -> std::io::Result<()> {
        self.to.shutdown().await
    }
}

impl Engine {
    /// Makes a call whose connection then speaks another protocol.
    pub(in crate::engine) async fn upgrade(
        &self,
        call: Call,
        protocol: &'static str,
    ) -> Result<TokioIo<Upgraded>> {
        let name = call.name();
        let call = call
            .header("connection", "Upgrade")
            .header("upgrade", protocol);
        let response = self.transport.call(call).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(Error::Unexpected {
                call: name,
                cause: format!("status {} where 101 belongs", response.status()).into(),
            });
        }
        let upgraded = hyper::upgrade::on(response).await;
        let upgraded = upgraded.map_err(|cause| broken(&name, cause))?;
        Ok(TokioIo::new(upgraded))
    }

    /// Makes a call that takes its connection over.
    pub(in crate::engine) async fn hijack(&self, call: Call, framing: Framing) -> Result<Hijacked> {
        let name = call.name();
        let (from, to) = tokio::io::split(self.upgrade(call, "tcp").await?);
        Ok(Hijacked {
            output: HijackedOutput {
                call: name,
                from,
                demux: Demux::new(framing),
                buffer: BytesMut::new(),
            },
            input: Input { to },
        })
    }
}
