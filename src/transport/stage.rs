//! The stage of an attempt: waiting for a token, for a connection, or sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

const TOKEN: u8 = 0;
const CONNECTION: u8 = 1;
const SENT: u8 = 2;

/// How far one attempt has come. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Stage(Arc<AtomicU8>);

impl Stage {
    /// Notes that there is a token and that a connection is next.
    pub(super) fn set_connecting(&self) {
        self.0.store(CONNECTION, Ordering::Relaxed);
    }

    /// Whether the request may have reached the service. True from the moment at which it is handed to a
    /// connection, so it may be true for a request that never arrived, and is never false for one that did.
    pub(super) fn is_sent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == SENT
    }

    /// The thing that an unsent attempt waits for, for the text of an error.
    pub(super) fn waits_for(&self) -> Option<&'static str> {
        match self.0.load(Ordering::Relaxed) {
            TOKEN => Some("a token"),
            CONNECTION => Some("a connection"),
            _ => None,
        }
    }

    /// The body of the request, which sets the stage when a connection takes it.
    pub(super) fn body(&self, bytes: Bytes) -> reqwest::Body {
        reqwest::Body::wrap(RequestBody { bytes: Some(bytes), stage: self.clone() })
    }
}

/// A request's body. A connection reads it once it has written the head, so a connection that never came about
/// has not read it.
struct RequestBody {
    bytes: Option<Bytes>,
    stage: Stage,
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.stage.0.store(SENT, Ordering::Relaxed);
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}
