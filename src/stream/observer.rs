//! The observer of a stream, which gets its chunks and its end.

use super::chunk::ChatCompletionChunk;
use super::fold::ChunkFold;
use crate::error::Error;

/// Gets the chunks of a client's stream, and its end.
pub(crate) trait StreamObserver: Send {
    /// Gets a chunk that came. False when no more chunks are wanted; the end comes all the same.
    fn on_chunk(&mut self, chunk: &ChatCompletionChunk) -> bool;

    /// Gets the end of the stream, and what its chunks add up to.
    fn on_end(self: Box<Self>, end: StreamEnd<'_>, fold: &ChunkFold);
}

/// How a stream ended.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(not(feature = "client"), allow(dead_code, reason = "read by the client"))]
pub(crate) enum StreamEnd<'a> {
    Completed,
    Failed(&'a Error),
    /// Dropped before it had ended.
    Dropped,
}
