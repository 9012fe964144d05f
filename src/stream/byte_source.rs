//! The source of a stream's bytes: the transport, or any stream of pieces.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;

use crate::error::{Error, ErrorKind, Result};

/// The body of an answer, piece by piece.
pub(crate) trait ByteSource: Send {
    /// The next piece, or `None` at the end.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>>;

    /// Ends the wait for the first event, which has a timeout of its own.
    fn note_event(&mut self) {}

    /// Ends the reading at `[DONE]`: the remainder of the body may be read in the background, so that its connection
    /// can be used again.
    fn finish(self: Box<Self>) {}
}

/// Any stream of pieces as a [`ByteSource`].
pub(super) struct Pieces<S>(pub(super) Pin<Box<S>>);

impl<S, E> ByteSource for Pieces<S>
where
    S: Stream<Item = Result<Bytes, E>> + Send,
    E: std::error::Error + Send + Sync + 'static,
{
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let piece = ready!(self.0.as_mut().poll_next(cx));
        Poll::Ready(piece.map(|piece| {
            piece.map_err(|error| {
                Error::new(ErrorKind::Interrupted, "the stream broke before the answer was complete").with_source(error)
            })
        }))
    }
}
