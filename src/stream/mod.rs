//! The answer as it arrives: bytes, events, chunks, and the completion they add up to.
//!
//! [`ChatCompletionStream`] is polled and owns no task: dropping it stops everything. It ends in success only after
//! `[DONE]`, or when the body ends after every choice had its finish reason; any other end is an error, and
//! [`partial`](crate::ChatCompletionStream::partial) still has what came. [`sse`] is the framing underneath, of use for
//! other bodies too; [`ChatCompletionChunk`] is one event's data, and [`ChunkFold`] adds up chunks without a stream. Of
//! the stream's views, [`events`](crate::ChatCompletionStream::events) gives [`StreamEvent`](crate::StreamEvent)s.

pub use self::chunk::{ChatCompletionChunkBuilder, ChunkChoice, ToolCallDelta};
pub use self::views::{Events, IntoEvents, IntoPartialJson, IntoText, PartialJsonStream, TextStream};

#[cfg(feature = "client")]
pub(crate) use self::byte_source::ByteSource;
#[cfg(feature = "client")]
pub(crate) use self::chunk::ChatCompletionChunk;
#[cfg(feature = "client")]
pub(crate) use self::completion_stream::ChatCompletionStream;
#[cfg(feature = "client")]
pub(crate) use self::decode::TemplateStore;
#[cfg(feature = "client")]
pub(crate) use self::fold::ChunkFold;
#[cfg(feature = "client")]
pub(crate) use self::observer::{StreamEnd, StreamObserver};

mod byte_source;
pub(crate) mod chunk;
pub(crate) mod completion_stream;
mod decode;
mod event_body;
pub(crate) mod events;
pub(crate) mod fold;
mod from_chunks;
mod observer;
mod partial_json;
pub mod sse;
mod streamed_answer;
mod views;
