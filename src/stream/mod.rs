//! How an answer arrives: bytes, events, chunks, and what they add up to.
//!
//! [`ChatCompletionStream`] is polled and owns no task: dropping it stops everything. It ends in success
//! only after `[DONE]`, or when the body ends after every choice had its finish reason; any other end is an
//! error, and [`partial`](ChatCompletionStream::partial) still holds what came. [`sse`] is the framing
//! underneath, of use for other bodies too; [`ChunkFold`] adds chunks up without a stream.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;

use self::decode::Decoder;
use self::sse::SseReader;
use crate::error::{Error, ErrorKind, Result};
use crate::response::{ChatCompletion, ResponseMetadata};

pub use self::chunk::{ChatCompletionChunk, ChunkChoice, ToolCallDelta};
pub use self::events::{Events, StreamEvent};
pub use self::fold::ChunkFold;
pub use self::partial::PartialJsonStream;
pub use self::text::TextStream;

mod chunk;
mod decode;
mod ending;
mod events;
mod fold;
mod partial;
mod reading;
pub mod sse;
mod text;

/// Where the bytes come from. Implemented by whoever knows the transport.
pub(crate) trait ByteSource: Send {
    /// The next bytes, or the end.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>>;

    /// An event came: the wait for the first one is over.
    fn note_event(&mut self) {}

    /// Nothing more is needed; what is left of the body may be read in the background.
    fn finish(self: Box<Self>) {}
}

/// Is told which model answers.
type ModelWatch = Box<dyn FnOnce(&str) + Send>;

/// An answer that arrives chunk by chunk.
///
/// A [`Stream`] of [`ChatCompletionChunk`]s; [`text`](Self::text) and [`events`](Self::events) show it in
/// other ways. Whatever way it is read, it adds up what came.
///
/// # Example: print as it comes, then look at the whole
///
/// ```no_run
/// use azure_openai_chat::{ApiKey, ChatClient, ChatCompletionRequest};
/// use futures::TryStreamExt;
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let client = ChatClient::new("https://my-resource.openai.azure.com", ApiKey::new("key"))?;
/// let request = ChatCompletionRequest::builder("gpt-4o-mini").user("Write a haiku.").build()?;
/// let mut stream = client.stream(&request).await?;
/// while let Some(chunk) = stream.try_next().await? {
///     print!("{}", chunk.text().unwrap_or_default());
/// }
/// println!("\n{} tokens", stream.into_completion()?.usage().completion_tokens());
/// # Ok(())
/// # }
/// ```
///
/// # Cancel safety
///
/// Polling can be abandoned at any time without losing a chunk. Dropping the stream before its end closes
/// the connection over HTTP/1.1, and resets the stream over HTTP/2.
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-streaming>
pub struct ChatCompletionStream {
    source: Option<Box<dyn ByteSource>>,
    reader: SseReader,
    decoder: Decoder,
    fold: ChunkFold,
    metadata: Arc<ResponseMetadata>,
    deployment: Option<String>,
    watch_model: Option<ModelWatch>,
    expected_choices: usize,
    /// An answer that came in one piece although a stream was asked for.
    whole: Option<Box<ChatCompletion>>,
    end: End,
    /// Bytes from the start of a body, until it is known what it is; then those of a body that is no event
    /// stream.
    opening: Opening,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// More may come.
    Open,
    /// No more bytes come, but the reader may hold an event.
    Drained,
    /// `[DONE]`, or all finish reasons and the end of the body.
    Done,
    /// An error was handed out.
    Failed,
}

enum Opening {
    Unknown,
    Events,
    /// The body is something else: JSON, HTML or text.
    Stray(BytesMut),
}

impl ChatCompletionStream {
    pub(crate) fn new(source: Box<dyn ByteSource>, metadata: Arc<ResponseMetadata>) -> Self {
        Self {
            source: Some(source),
            reader: SseReader::new().with_bare_done(),
            decoder: Decoder::new(),
            fold: ChunkFold::new(),
            metadata,
            deployment: None,
            watch_model: None,
            expected_choices: 1,
            whole: None,
            end: End::Open,
            opening: Opening::Unknown,
        }
    }

    /// Reads an event stream from any pieces of bytes: a recording, a proxy, another transport.
    ///
    /// # Example: a recorded stream
    ///
    /// ```
    /// use azure_openai_chat::ChatCompletionStream;
    /// use bytes::Bytes;
    /// use futures::{StreamExt, executor::block_on, stream};
    ///
    /// let body = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\ndata: [DONE]\n\n";
    /// let pieces = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(body.as_bytes()))]);
    /// let mut stream = ChatCompletionStream::from_bytes(pieces);
    /// while let Some(chunk) = block_on(stream.next()) {
    ///     chunk?;
    /// }
    /// assert_eq!(stream.into_completion()?.text(), Some("Hi"));
    /// # Ok::<(), azure_openai_chat::Error>(())
    /// ```
    pub fn from_bytes<S, E>(pieces: S) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        Self::new(Box::new(Pieces(Box::pin(pieces))), Arc::default())
    }

    /// The size of the largest event, in bytes of its lines; 16 MiB when unset.
    #[must_use]
    pub fn max_event_bytes(mut self, limit: usize) -> Self {
        self.reader = self.reader.max_event_bytes(limit);
        self
    }

    /// Parses every event, to hold decoding by template against.
    #[cfg(test)]
    fn without_templates(mut self) -> Self {
        self.decoder = Decoder::parsing_only();
        self
    }

    #[cfg(feature = "client")]
    pub(crate) fn for_call(mut self, deployment: &str, choices: u64) -> Self {
        self.deployment = Some(deployment.to_owned());
        self.expected_choices = usize::try_from(choices).unwrap_or(1);
        self
    }

    #[cfg(feature = "client")]
    pub(crate) fn with_metadata(self, metadata: Arc<ResponseMetadata>) -> Self {
        Self { metadata, ..self }
    }

    /// Calls `watch` with the name of the model that answers, once.
    #[cfg(feature = "client")]
    pub(crate) fn watch_model(mut self, watch: ModelWatch) -> Self {
        self.watch_model = Some(watch);
        self
    }

    /// What the headers said.
    #[must_use]
    pub fn metadata(&self) -> &ResponseMetadata {
        &self.metadata
    }

    /// How many chunks have come.
    #[must_use]
    pub fn chunk_count(&self) -> u64 {
        self.fold.chunk_count()
    }

    /// Whether the answer is complete: `[DONE]` came, or every finish reason and the end of the body.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.end == End::Done
    }

    /// What has come so far, put together; also after an error.
    #[must_use]
    pub fn partial(&self) -> ChatCompletion {
        let whole = self.whole.as_deref().cloned();
        whole.unwrap_or_else(|| self.fold.completion()).with_metadata(Arc::clone(&self.metadata))
    }

    /// What the chunks add up to: text, tool calls, usage and filters of every choice.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Interrupted`] when the stream was not read to its end, or failed on the way. Use
    /// [`partial`](Self::partial) for what came until then.
    pub fn into_completion(self) -> Result<ChatCompletion> {
        if self.end != End::Done {
            let why = match self.end {
                End::Failed => "the stream failed before the answer was complete",
                _ => "the stream was not read to its end",
            };
            let why = format!("{why}: {}", self.missing());
            return Err(self.dress(Error::new(ErrorKind::Interrupted, why)).with_hint("partial() has what came"));
        }
        Ok(self.fold.into_completion().with_metadata(self.metadata))
    }

    /// The words of the first choice, as they come. The stream can be used on after it.
    pub fn text(&mut self) -> TextStream<'_> {
        TextStream::new(self)
    }

    /// What happens, event by event: words, refusals, tool calls, filters, usage, the end.
    pub fn events(&mut self) -> Events<'_> {
        Events::new(self)
    }

    /// The structured answer of the first choice so far, each time it grows.
    ///
    /// What is not complete yet is left out or cut, so `T` should have optional fields or defaults; a state
    /// that does not fit `T` yet is passed over. The text is scanned once, in all.
    pub fn partial_json<T: serde::de::DeserializeOwned>(&mut self) -> PartialJsonStream<'_, T> {
        PartialJsonStream::new(self)
    }

    pub(crate) fn fold(&self) -> &ChunkFold {
        &self.fold
    }
}

impl Stream for ChatCompletionStream {
    type Item = Result<ChatCompletionChunk>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_chunk(cx)
    }
}

impl fmt::Debug for ChatCompletionStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatCompletionStream")
            .field("chunks", &self.fold.chunk_count())
            .field("end", &self.end)
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}

struct Pieces<S>(Pin<Box<S>>);

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
