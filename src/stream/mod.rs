//! The answer as it arrives: bytes, events, chunks, and the completion they add up to.
//!
//! [`ChatCompletionStream`] is polled and owns no task: dropping it stops everything. It ends in success only after
//! `[DONE]`, or when the body ends after every choice had its finish reason; any other end is an error, and
//! [`partial`](ChatCompletionStream::partial) still has what came. [`sse`] is the framing underneath, of use for other
//! bodies too; [`ChunkFold`] adds up chunks without a stream.

#[cfg(feature = "client")]
pub(crate) use self::byte_source::ByteSource;
pub use self::chunk::{ChatCompletionChunk, ChatCompletionChunkBuilder, ChunkChoice, ToolCallDelta};
pub use self::completion_stream::ChatCompletionStream;
#[cfg(feature = "client")]
pub(crate) use self::decode::TemplateStore;
pub use self::events::StreamEvent;
pub use self::fold::ChunkFold;
#[cfg(feature = "client")]
pub(crate) use self::observer::{StreamEnd, StreamObserver};
pub use self::views::{Events, IntoEvents, IntoPartialJson, IntoText, PartialJsonStream, TextStream};

mod byte_source;
mod chunk;
mod completion_stream;
mod decode;
mod events;
mod fold;
mod from_chunks;
mod observer;
mod other_body;
mod partial_json;
pub mod sse;
mod views;
