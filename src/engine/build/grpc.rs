//! gRPC over one HTTP/2 stream: messages with a length before them, a status in the trailers.

use std::future::poll_fn;
use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::{RecvStream, SendStream};
use hyper::HeaderMap;
use hyper::header::HeaderValue;
use prost::Message;

use super::wire::RpcStatus;

/// One flag and four bytes of length stand before every message.
const HEAD: usize = 5;
/// No message that BuildKit sends dco is longer; a length beyond it is not gRPC.
const LONGEST: usize = 64 << 20;

/// How a call ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Status {
    /// 0 for success.
    pub(super) code: i32,
    /// What went wrong.
    pub(super) message: String,
    /// Details that some errors carry.
    pub(super) details: RpcStatus,
}

impl Status {
    /// The call names something that is not there.
    pub(super) const NOT_FOUND: i32 = 5;
    /// There is no such call.
    pub(super) const UNIMPLEMENTED: i32 = 12;
    /// It failed for a reason that only the text gives.
    pub(super) const UNKNOWN: i32 = 2;

    pub(super) fn ok() -> Self {
        Self::default()
    }

    pub(super) fn new(code: i32, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: RpcStatus::default(),
        }
    }

    /// Reads it from the trailers, or from the headers of an answer without messages.
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let text = |name| {
            let value = headers.get(name)?;
            value.to_str().ok()
        };
        let details = text("grpc-status-details-bin").and_then(|value| {
            use base64::Engine as _;
            let engine = base64::engine::GeneralPurpose::new(
                &base64::alphabet::STANDARD,
                base64::engine::general_purpose::NO_PAD
                    .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
            );
            RpcStatus::decode(engine.decode(value).ok()?.as_slice()).ok()
        });
        Self {
            code: text("grpc-status")
                .and_then(|code| code.parse().ok())
                .unwrap_or(Self::UNKNOWN),
            message: unescape(text("grpc-message").unwrap_or_default()),
            details: details.unwrap_or_default(),
        }
    }

    /// As trailers.
    pub(super) fn trailers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-status", HeaderValue::from(self.code));
        if let Ok(value) = HeaderValue::from_str(&escape(&self.message)) {
            headers.insert("grpc-message", value);
        }
        headers
    }
}

/// Percent-encoding, as `grpc-message` and the headers of a file transfer use it.
pub(super) fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3);
        let code = hex
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], code) {
            (b'%', Some(code)) => {
                plain.push(code);
                at += 3;
            }
            (byte, _) => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b' '..=b'~' if byte != b'%' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

/// The messages that the other side sends.
pub(super) struct Receiver {
    stream: RecvStream,
    buffer: BytesMut,
}

impl Receiver {
    pub(super) fn new(stream: RecvStream) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
        }
    }

    /// The next message; none at the end.
    pub(super) async fn next<M: Message + Default>(&mut self) -> io::Result<Option<M>> {
        let length = match self.fill(HEAD).await? {
            false => return Ok(None),
            true => {
                let length = (&self.buffer[1..HEAD]).get_u32() as usize;
                if length > LONGEST {
                    return Err(io::Error::other("a gRPC message beyond all bounds"));
                }
                length
            }
        };
        if !self.fill(HEAD + length).await? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.buffer.advance(HEAD);
        let message = self.buffer.split_to(length).freeze();
        M::decode(message).map(Some).map_err(io::Error::other)
    }

    /// Reads until there are so many bytes; false where the stream ended before.
    async fn fill(&mut self, count: usize) -> io::Result<bool> {
        while self.buffer.len() < count {
            let Some(piece) = self.stream.data().await else {
                return Ok(false);
            };
            let piece = piece.map_err(io::Error::other)?;
            let _ = self.stream.flow_control().release_capacity(piece.len());
            self.buffer.extend_from_slice(&piece);
        }
        Ok(true)
    }

    /// How the call ended; to be asked after the last message.
    pub(super) async fn status(&mut self) -> io::Result<Status> {
        let trailers = self.stream.trailers().await.map_err(io::Error::other)?;
        Ok(trailers.map_or_else(
            || Status::new(Status::UNKNOWN, "the stream ended without a status"),
            |trailers| Status::read(&trailers),
        ))
    }
}

/// The messages that this side sends.
pub(super) struct Sender {
    stream: SendStream<Bytes>,
}

impl Sender {
    pub(super) fn new(stream: SendStream<Bytes>) -> Self {
        Self { stream }
    }

    /// Sends a message as the receiver has room for it.
    pub(super) async fn send(&mut self, message: &impl Message) -> io::Result<()> {
        let length = message.encoded_len();
        let mut framed = BytesMut::with_capacity(HEAD + length);
        framed.put_u8(0);
        framed.put_u32(u32::try_from(length).map_err(io::Error::other)?);
        message.encode(&mut framed).map_err(io::Error::other)?;
        let mut rest = framed.freeze();
        while !rest.is_empty() {
            self.stream.reserve_capacity(rest.len());
            let room = poll_fn(|cx| self.stream.poll_capacity(cx)).await;
            let room = room
                .ok_or(io::ErrorKind::BrokenPipe)?
                .map_err(io::Error::other)?;
            let piece = rest.split_to(room.min(rest.len()));
            self.stream
                .send_data(piece, false)
                .map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// Says that this side has nothing more to say.
    pub(super) fn close(mut self) -> io::Result<()> {
        self.stream
            .send_data(Bytes::new(), true)
            .map_err(io::Error::other)
    }

    /// Ends an answer.
    pub(super) fn finish(mut self, status: &Status) -> io::Result<()> {
        self.stream
            .send_trailers(status.trailers())
            .map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_travels_through_its_trailers() {
        let status = Status::new(5, "no `ä` at 100%\n");
        let trailers = status.trailers();
        assert_eq!(trailers["grpc-message"], "no `%C3%A4` at 100%25%0A");
        assert_eq!(Status::read(&trailers), status);
    }

    #[test]
    fn a_broken_escape_stays_as_it_is() {
        assert_eq!(unescape("50% of %zz and %4"), "50% of %zz and %4");
    }
}
