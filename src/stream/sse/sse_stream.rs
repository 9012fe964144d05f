//! The stream of items, [`SseStream`]: a reader over a stream of pieces.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;

use super::event::{SseError, SseItem};
use super::reader::SseReader;

/// The number of pieces read in one poll before other tasks run: a body that is always ready would otherwise hold its
/// thread until a whole event has come.
const PIECES_A_POLL: usize = 64;

/// Turns a stream of pieces into a stream of items.
///
/// It is polled, without task or channel; dropping it drops the stream of pieces. After an error, or after the last item,
/// it ends and the stream of pieces is not polled again.
///
/// # Example: any stream of bytes
///
/// ```
/// use azure_openai_chat::stream::sse::{SseItem, SseReader, SseStream};
/// use bytes::Bytes;
/// use futures::{StreamExt, TryStreamExt, stream};
///
/// # futures::executor::block_on(async {
/// let body = stream::iter(["data: a\n\nda", "ta: b\n\n"]).map(|piece| Ok::<_, std::io::Error>(Bytes::from(piece)));
/// let items: Vec<SseItem> = SseStream::new(body, SseReader::new()).try_collect().await?;
/// assert_eq!(items.len(), 2);
/// # Ok::<(), azure_openai_chat::stream::sse::SseStreamError<std::io::Error>>(())
/// # }).unwrap();
/// ```
pub struct SseStream<S> {
    /// `None` once it has ended or failed.
    pieces: Option<S>,
    reader: SseReader,
}

impl<S> SseStream<S> {
    /// Reads `pieces` with `reader`, which has the limits.
    #[must_use]
    pub fn new(pieces: S, reader: SseReader) -> Self {
        Self { pieces: Some(pieces), reader }
    }
}

impl<S> fmt::Debug for SseStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SseStream").field("has_ended", &self.pieces.is_none()).field("reader", &self.reader).finish()
    }
}

impl<S, E> Stream for SseStream<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    type Item = Result<SseItem, SseStreamError<E>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Self { pieces, reader } = &mut *self;
        for _ in 0..PIECES_A_POLL {
            if let Some(item) = reader.next_item() {
                if item.is_err() {
                    *pieces = None;
                }
                return Poll::Ready(Some(item.map_err(SseStreamError::Framing)));
            }
            let Some(stream) = pieces else {
                return Poll::Ready(reader.finish().map(|item| item.map_err(SseStreamError::Framing)));
            };
            match Pin::new(stream).poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(piece))) => reader.push(piece),
                Poll::Ready(None) => *pieces = None,
                Poll::Ready(Some(Err(error))) => {
                    *pieces = None;
                    reader.close();
                    return Poll::Ready(Some(Err(SseStreamError::Pieces(error))));
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Why an [`SseStream`] failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SseStreamError<E> {
    /// The bytes are not an event stream.
    #[error(transparent)]
    Framing(SseError),
    /// The stream of pieces failed. The events before it were returned, except one that had no blank line yet.
    #[error("the connection failed before the event stream ended")]
    Pieces(#[source] E),
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{StreamExt, stream};
    use std::io::{Error, ErrorKind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    fn events<S>(body: S) -> Vec<Result<String, SseStreamError<Error>>>
    where
        S: Stream<Item = Result<Bytes, Error>> + Unpin,
    {
        let items = futures::executor::block_on(SseStream::new(body, SseReader::new()).collect::<Vec<_>>());
        items
            .into_iter()
            .map(|item| {
                item.map(|item| match item {
                    SseItem::Event(event) => String::from_utf8(event.into_data().into()).unwrap(),
                    SseItem::Comment => ":".to_owned(),
                })
            })
            .collect()
    }

    fn body(pieces: &'static [&'static str]) -> impl Stream<Item = Result<Bytes, Error>> + Unpin {
        stream::iter(pieces).map(|piece| Ok(Bytes::from_static(piece.as_bytes())))
    }

    #[test]
    fn hands_out_every_item_and_the_last_event_without_its_blank_line() {
        let items = events(body(&["da", "ta: a\n", "\n:\ndata: b\n\n", "", "data: c"]));
        let texts: Vec<_> = items.into_iter().map(Result::unwrap).collect();
        assert_eq!(texts, ["a", ":", "b", "c"]);
    }

    #[test]
    fn ends_after_an_error_of_the_pieces() {
        let broken = stream::once(async { Err(Error::from(ErrorKind::ConnectionReset)) });
        let items = events(body(&["data: a\n\ndata: b"]).chain(Box::pin(broken)).chain(body(&["\n\n"])));
        assert_eq!(items[0].as_deref().unwrap(), "a");
        assert!(matches!(items[1], Err(SseStreamError::Pieces(_))));
        assert_eq!(items.len(), 2);
    }

    #[test]
    fn ends_after_an_error_of_framing_and_reads_no_further() {
        let never = stream::poll_fn(|_| panic!("polled after the error"));
        let wrong = stream::iter([Ok(Bytes::from_static(b"data: a\n\n\xff"))]);
        let items = events(wrong.chain(never));
        assert_eq!(items[0].as_deref().unwrap(), "a");
        assert!(matches!(items[1], Err(SseStreamError::Framing(SseError::InvalidUtf8 { at: 9 }))));
        assert_eq!(items.len(), 2);
    }

    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_body_that_is_always_ready_lets_others_run() {
        let wakes = Arc::new(Wakes(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&wakes));
        let polls = AtomicUsize::new(0);
        let endless = stream::poll_fn(|_| {
            polls.fetch_add(1, Ordering::Relaxed);
            Poll::Ready(Some(Ok::<_, Error>(Bytes::from_static(b"x"))))
        });
        let mut stream = SseStream::new(endless, SseReader::new());
        let polled = Pin::new(&mut stream).poll_next(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        assert_eq!(polls.load(Ordering::Relaxed), PIECES_A_POLL);
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1, "it must be polled again");
    }

    #[test]
    fn waits_when_the_body_does() {
        let mut stream = SseStream::new(stream::pending::<Result<Bytes, Error>>(), SseReader::new());
        let polled = Pin::new(&mut stream).poll_next(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    }
}
