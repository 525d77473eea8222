//! Bytes that a task of their own takes in, so that whoever reads gets all that came meanwhile.
//!
//! The engine sends a log as one HTTP chunk for each line, and hands over one chunk at a time: a
//! reader that comes for each of them is woken 50,000 times for as many lines.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use futures_util::{Stream, StreamExt};
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinSet;
use tokio_util::io::poll_read_buf;

use crate::engine::error::Result;

/// So much lies ready at most; who sends more waits. Enough for ten thousand lines, so that the
/// engine goes on with a log whose turn to be printed has not come.
const ROOM: usize = 1024 * 1024;

/// So much is handed over at once.
const PIECE: usize = 64 * 1024;

/// The pieces of a stream, joined where several are there.
pub(super) struct Gathered {
    ready: DuplexStream,
    buffer: BytesMut,
    /// One task, which ends with the stream; dropped, it is stopped.
    source: JoinSet<Result<()>>,
}

impl Gathered {
    /// Begins to take in a stream.
    pub(super) fn new<B: AsRef<[u8]> + Send>(
        mut pieces: impl Stream<Item = Result<B>> + Unpin + Send + 'static,
    ) -> Self {
        let (mut writer, ready) = duplex(ROOM);
        let mut source = JoinSet::new();
        source.spawn(async move {
            while let Some(piece) = pieces.next().await {
                // It fails where nobody reads any more.
                if writer.write_all(piece?.as_ref()).await.is_err() {
                    break;
                }
            }
            Ok(())
        });
        Self {
            ready,
            buffer: BytesMut::new(),
            source,
        }
    }
}

impl Stream for Gathered {
    type Item = Result<BytesMut>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        this.buffer.reserve(PIECE);
        if let Ok(1..) = ready!(poll_read_buf(
            Pin::new(&mut this.ready),
            cx,
            &mut this.buffer
        )) {
            return Poll::Ready(Some(Ok(this.buffer.split())));
        }
        match ready!(this.source.poll_join_next(cx)) {
            Some(Ok(Err(error))) => Poll::Ready(Some(Err(error))),
            // It ended, or this is asked once more after its error.
            _ => Poll::Ready(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Error;
    use futures_util::stream;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.build().expect("a runtime");
        runtime.block_on(future)
    }

    #[test]
    fn what_came_meanwhile_comes_at_once_and_an_error_after_it() {
        let pieces = (0..1000).map(|number| Ok(format!("{number}\n").into_bytes()));
        let broken = Err(Error::Failed("the engine is gone".into()));
        let (count, bytes, end) = block_on(async {
            let mut gathered = Gathered::new(stream::iter(pieces.chain([broken])));
            let (mut count, mut bytes) = (0, Vec::new());
            loop {
                match gathered.next().await {
                    Some(Ok(piece)) => bytes.extend_from_slice(&piece),
                    Some(Err(error)) => break (count, bytes, Some(error.to_string())),
                    None => break (count, bytes, None),
                }
                count += 1;
            }
        });
        assert!(count < 20, "{count} pieces");
        let whole: String = (0..1000).map(|number| format!("{number}\n")).collect();
        assert_eq!(bytes, whole.as_bytes());
        assert_eq!(end.as_deref(), Some("the engine is gone"));
    }

    #[test]
    fn more_than_there_is_room_for_comes_whole() {
        let length = block_on(async {
            let pieces = stream::iter((0..4).map(|_| Ok(vec![b'x'; ROOM])));
            let gathered = Gathered::new(pieces);
            gathered
                .fold(0, |sum, piece| async move {
                    sum + piece.map_or(0, |it| it.len())
                })
                .await
        });
        assert_eq!(length, 4 * ROOM);
    }
}
