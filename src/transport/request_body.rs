//! The body of a request, which every attempt sends from its beginning, and how far an attempt has come.

#![cfg_attr(not(feature = "batch"), expect(dead_code, reason = "other bodies than JSON are those of Global Batch"))]

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use reqwest::header::HeaderValue;

/// The body of a request. Clones share it.
#[derive(Clone)]
pub(crate) enum RequestBody {
    Json(Bytes),
    None,
    Stream(Arc<StreamBody>),
}

/// A body that is read piece by piece, and opened anew for each attempt.
pub(crate) struct StreamBody {
    pub(crate) content_type: HeaderValue,
    /// In bytes.
    pub(crate) length: u64,
    pub(crate) open: Box<dyn Fn() -> Pieces + Send + Sync>,
}

/// The pieces of a body.
type Pieces = Pin<Box<dyn futures_core::Stream<Item = io::Result<Bytes>> + Send + Sync>>;

impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> Self {
        Self::Json(bytes)
    }
}

impl RequestBody {
    pub(super) fn content_type(&self) -> Option<HeaderValue> {
        match self {
            Self::Json(_) => Some(HeaderValue::from_static("application/json")),
            Self::None => None,
            Self::Stream(body) => Some(body.content_type.clone()),
        }
    }

    /// The body of one attempt, which sets its stage when a connection takes it.
    pub(super) fn start(&self, stage: &Stage) -> reqwest::Body {
        let (content, length) = match self {
            Self::Json(bytes) => (Content::Bytes(Some(bytes.clone())), bytes.len() as u64),
            Self::None => (Content::Bytes(Some(Bytes::new())), 0),
            Self::Stream(body) => (Content::Pieces((body.open)()), body.length),
        };
        // hyper sends an empty body without reading it
        if length == 0 {
            stage.set_sent();
        }
        reqwest::Body::wrap(AttemptBody { content, left: length, stage: stage.clone() })
    }
}

enum Content {
    Bytes(Option<Bytes>),
    Pieces(Pieces),
}

/// A connection reads the body once it has written the head, so a connection that never came about has not read it.
struct AttemptBody {
    content: Content,
    /// In bytes.
    left: u64,
    stage: Stage,
}

impl Body for AttemptBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.stage.set_sent();
        let piece = match &mut self.content {
            Content::Bytes(bytes) => bytes.take().map(Ok),
            Content::Pieces(pieces) => std::task::ready!(pieces.as_mut().poll_next(cx)),
        };
        if let Some(Ok(bytes)) = &piece {
            self.left = self.left.saturating_sub(bytes.len() as u64);
        }
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Bytes(bytes) => bytes.is_none(),
            Content::Pieces(_) => self.left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

const TOKEN: u8 = 0;
const CONNECTION: u8 = 1;
const SENT: u8 = 2;
const ANSWERED: u8 = 3;

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
        self.0.load(Ordering::Relaxed) >= SENT
    }

    /// The thing that an unsent attempt waits for, for the text of an error.
    pub(super) fn waits_for(&self) -> Option<&'static str> {
        match self.0.load(Ordering::Relaxed) {
            TOKEN => Some("a token"),
            CONNECTION => Some("a connection"),
            _ => None,
        }
    }

    /// Notes that a connection has taken the request.
    pub(super) fn set_sent(&self) {
        // the answer may come before the whole request has left
        self.0.fetch_max(SENT, Ordering::Relaxed);
    }

    /// Notes that the head of an answer has come.
    pub(super) fn set_answered(&self) {
        self.0.store(ANSWERED, Ordering::Relaxed);
    }

    pub(super) fn is_answered(&self) -> bool {
        self.0.load(Ordering::Relaxed) == ANSWERED
    }
}

#[cfg(all(test, feature = "batch"))]
mod tests {
    use super::*;

    #[test]
    fn an_empty_body_counts_as_sent_since_it_is_never_read() {
        let stage = Stage::default();
        drop(RequestBody::None.start(&stage));
        assert!(stage.is_sent());
        let stage = Stage::default();
        drop(RequestBody::from(Bytes::from_static(b"{}")).start(&stage));
        assert!(!stage.is_sent());
    }
}
