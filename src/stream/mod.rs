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

use self::decode::{Decoded, Decoder};
use self::sse::{SseError, SseEvent, SseItem, SseReader};
use crate::error::{Error, ErrorKind, Result, ServiceError};
use crate::response::{ChatCompletion, ResponseMetadata};

pub use self::chunk::{ChatCompletionChunk, ChunkChoice, ToolCallDelta};
pub use self::events::{Events, StreamEvent};
pub use self::fold::ChunkFold;
pub use self::partial::PartialJsonStream;
pub use self::text::TextStream;

mod chunk;
mod decode;
mod events;
mod fold;
mod large;
mod locate;
mod partial;
mod results;
pub mod sse;
mod template;
mod text;

/// So much of a body that is no event stream is read to find out what it says.
const STRAY_BODY: usize = 1024 * 1024;

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
/// the connection.
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-streaming>
pub struct ChatCompletionStream {
    source: Option<Box<dyn ByteSource>>,
    reader: SseReader,
    decoder: Decoder,
    fold: ChunkFold,
    metadata: Arc<ResponseMetadata>,
    deployment: Option<String>,
    /// What the caller said; `None` when that was too much to keep, or is not known.
    sent: Option<Arc<[String]>>,
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
            reader: SseReader::new(),
            decoder: Decoder::new(),
            fold: ChunkFold::new(),
            metadata,
            deployment: None,
            sent: None,
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

    /// Parses every event anew, instead of only what differs from the event before. For comparisons: the
    /// chunks are the same.
    #[doc(hidden)]
    #[must_use]
    pub fn without_templates(mut self) -> Self {
        self.decoder = Decoder::parsing_only();
        self
    }

    #[cfg(feature = "client")]
    pub(crate) fn for_call(mut self, deployment: &str, sent: Option<Arc<[String]>>, choices: u64) -> Self {
        self.deployment = Some(deployment.to_owned());
        self.sent = sent;
        self.expected_choices = usize::try_from(choices).unwrap_or(1);
        self
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

    /// The next chunk.
    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<ChatCompletionChunk>>> {
        loop {
            // between two pieces of the body there is mostly nothing left to look at
            let needs_more = self.end == End::Open && self.reader.is_empty();
            if !needs_more && let Some(found) = self.take_at_hand() {
                return Poll::Ready(found);
            }
            let Some(source) = &mut self.source else {
                self.drained();
                continue;
            };
            match ready!(source.poll_bytes(cx)) {
                Some(Ok(bytes)) => {
                    let chunk = self.take_bytes(bytes);
                    if chunk.is_some() {
                        return Poll::Ready(self.accepted(chunk));
                    }
                }
                Some(Err(error)) => return Poll::Ready(self.fail_reading(error)),
                None => self.drained(),
            }
        }
    }

    #[cold]
    fn drained(&mut self) {
        self.source = None;
        self.end = End::Drained;
    }

    /// What the bytes at hand say; `None` if more are needed.
    #[inline(never)]
    fn take_at_hand(&mut self) -> Option<Option<Result<ChatCompletionChunk>>> {
        loop {
            let item = match self.end {
                End::Done | End::Failed => return Some(None),
                End::Drained => self.reader.finish(),
                End::Open => {
                    let decoder = &mut self.decoder;
                    let mut chunk = None;
                    if self.reader.pass_whole(|text| decoder.decode_familiar(text, &mut chunk)) {
                        return Some(self.accepted(chunk));
                    }
                    self.reader.next_item()
                }
            };
            match item {
                Some(Ok(SseItem::Event(event))) => {
                    self.note_event();
                    match self.take_event(event) {
                        Ok(Some(chunk)) => return Some(Some(Ok(chunk))),
                        Ok(None) => {}
                        Err(error) => return Some(self.fail(error)),
                    }
                }
                Some(Ok(SseItem::Comment)) => {}
                Some(Err(error)) => return Some(self.fail_framing(error)),
                None if self.end == End::Drained => return Some(self.finish_drained()),
                None => return None,
            }
        }
    }

    /// Takes a piece of the body, and the event at its start if that fits a template: most do, and then
    /// neither its lines nor its JSON have to be taken apart.
    fn take_bytes(&mut self, bytes: Bytes) -> Option<ChatCompletionChunk> {
        let mut chunk = None;
        if matches!(self.opening, Opening::Events) {
            let decoder = &mut self.decoder;
            self.reader.push_whole(bytes, |text| decoder.decode_familiar(text, &mut chunk));
        } else {
            self.open_with(bytes);
        }
        chunk
    }

    /// Takes what a body begins with. The content type is not to be trusted, the first bytes are.
    #[cold]
    fn open_with(&mut self, bytes: Bytes) {
        if let Opening::Unknown = self.opening {
            match without_mark(&bytes).trim_ascii_start().first() {
                None => {}
                Some(b'{' | b'[' | b'<') => self.opening = Opening::Stray(BytesMut::new()),
                Some(_) => self.opening = Opening::Events,
            }
        }
        let Opening::Stray(body) = &mut self.opening else {
            self.reader.push(bytes);
            return;
        };
        let room = STRAY_BODY.saturating_sub(body.len());
        body.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
        if room <= bytes.len() {
            self.source = None;
            self.end = End::Drained;
        }
    }

    /// The first event ends the wait for it.
    fn note_event(&mut self) {
        if self.fold.chunk_count() == 0
            && let Some(source) = &mut self.source
        {
            source.note_event();
        }
    }

    #[inline]
    fn accepted(&mut self, chunk: Option<ChatCompletionChunk>) -> Option<Result<ChatCompletionChunk>> {
        if let Some(chunk) = &chunk {
            self.accept(chunk);
        }
        chunk.map(Ok)
    }

    #[inline]
    fn accept(&mut self, chunk: &ChatCompletionChunk) {
        self.fold.push(chunk);
        if self.watch_model.is_some()
            && let Some(model) = chunk.model().filter(|model| !model.is_empty())
            && let Some(watch) = self.watch_model.take()
        {
            watch(model);
        }
    }

    fn take_event(&mut self, event: SseEvent) -> Result<Option<ChatCompletionChunk>> {
        let complete = event.is_complete();
        let named_error = event.name() == Some("error");
        let data = event.into_data();
        let words = data.trim_ascii();
        if words.is_empty() {
            return Ok(None);
        }
        if words.first() == Some(&b'[') && is_done(words) {
            self.done();
            return Ok(None);
        }
        let large = if named_error { Err(data) } else { self.decoder.decode_large(data) };
        let data = match large {
            Ok(chunk) => {
                self.accept(&chunk);
                return Ok(Some(chunk));
            }
            Err(data) => data,
        };
        let decoded = match self.decoder.decode(&data) {
            Ok(decoded) => decoded,
            // half an event at the end of the body is a cut, not nonsense
            Err(error) if !complete => {
                let error =
                    Error::new(ErrorKind::Interrupted, "the stream ended in the middle of an event").with_source(error);
                return Err(error.with_body(data));
            }
            Err(_) if named_error => Decoded::Refusal(Box::new(ServiceError::from_body(&data))),
            Err(error) => return Err(error.with_body(data)),
        };
        match decoded {
            Decoded::Chunk(_) if named_error => Err(self.refusal(ServiceError::from_body(&data))),
            Decoded::Chunk(chunk) => {
                self.accept(&chunk);
                Ok(Some(chunk))
            }
            Decoded::Refusal(refusal) => Err(self.refusal(*refusal)),
        }
    }

    fn refusal(&self, refusal: ServiceError) -> Error {
        Error::service(refusal, Arc::clone(&self.metadata))
    }

    fn done(&mut self) {
        self.end = End::Done;
        if let Some(source) = self.source.take() {
            source.finish();
        }
    }

    fn is_finished(&self) -> bool {
        self.fold.is_finished(self.expected_choices)
    }

    fn finish_drained(&mut self) -> Option<Result<ChatCompletionChunk>> {
        if let Opening::Stray(body) = std::mem::replace(&mut self.opening, Opening::Events) {
            let error = self.stray(body.freeze());
            return self.fail(error);
        }
        if self.is_finished() {
            self.end = End::Done;
            return None;
        }
        let what = if self.fold.chunk_count() == 0 {
            "the stream ended before its first event"
        } else {
            "the stream ended before the answer was complete"
        };
        self.fail(Error::new(ErrorKind::Interrupted, what))
    }

    /// A body that is no event stream: an error object, a whole completion, a page.
    fn stray(&mut self, body: Bytes) -> Error {
        let body = body.slice_ref(without_mark(&body).trim_ascii());
        if body.first() == Some(&b'<') {
            return Error::new(ErrorKind::Decode, "the answer is a page of HTML, not an event stream")
                .with_hint("a proxy or a wrong endpoint answered");
        }
        match ChatCompletion::decode(body.clone()) {
            Ok(completion) if !completion.choices().is_empty() => {
                self.whole = Some(Box::new(completion));
                Error::new(ErrorKind::Decode, "the answer is one JSON body, not an event stream")
                    .with_hint("partial() has it; use complete() for this deployment, or check the gateway")
            }
            Ok(completion) => {
                let service = ServiceError::from_body(&body);
                let envelope = completion.extra().and_then(|extra| extra.get("error"));
                if envelope.is_some_and(|error| !error.is_null()) || service.is_telling() {
                    return self.refusal(service);
                }
                Error::new(ErrorKind::Decode, "the answer is no completion and no event stream")
                    .with_hint("a gateway or another operation answered")
            }
            Err(error) if error.is_eof() => {
                Error::new(ErrorKind::Interrupted, "the answer ended in the middle of a JSON body")
            }
            Err(_) => {
                Error::new(ErrorKind::Decode, "the answer is neither an event stream nor a JSON object").with_body(body)
            }
        }
    }

    fn fail_framing(&mut self, error: SseError) -> Option<Result<ChatCompletionChunk>> {
        let kind = match error {
            SseError::CutCharacter { .. } => ErrorKind::Interrupted,
            _ => ErrorKind::Decode,
        };
        self.fail(Error::new(kind, "the event stream cannot be read").with_source(error))
    }

    #[cold]
    fn fail_reading(&mut self, error: Error) -> Option<Result<ChatCompletionChunk>> {
        if self.is_finished() {
            self.source = None;
            self.end = End::Done;
            return None;
        }
        self.fail(error)
    }

    fn fail(&mut self, error: Error) -> Option<Result<ChatCompletionChunk>> {
        self.end = End::Failed;
        self.source = None;
        Some(Err(self.dress(error)))
    }

    /// Tells where the error comes from, and hides words of the service that repeat somebody's.
    fn dress(&self, error: Error) -> Error {
        let mut error = match (&self.sent, &self.deployment) {
            (Some(sent), _) => error.withhold_echo(sent.iter().map(String::as_str)),
            (None, Some(_)) => error.withhold_message(),
            (None, None) => error,
        };
        error = error.withhold_echo(self.fold.texts());
        if self.metadata.status() != 0 {
            error = error.with_metadata(Arc::clone(&self.metadata));
        }
        match &self.deployment {
            Some(deployment) => error.with_deployment(deployment),
            None => error,
        }
    }
}

/// Without the byte order mark that some gateways begin with.
fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}

/// `[DONE]`, also as gateways write it.
fn is_done(words: &[u8]) -> bool {
    let inner = words.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]"));
    inner.is_some_and(|inner| inner.trim_ascii().eq_ignore_ascii_case(b"DONE"))
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

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::{StreamExt, stream};

    use super::*;

    fn read(body: &'static str) -> (ChatCompletionStream, Option<Error>) {
        let pieces = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(body.as_bytes()))]);
        let mut stream = ChatCompletionStream::from_bytes(pieces);
        let error = block_on(async {
            while let Some(chunk) = stream.next().await {
                if let Err(error) = chunk {
                    return Some(error);
                }
            }
            None
        });
        (stream, error)
    }

    #[test]
    fn a_body_that_is_no_stream_is_told_by_its_first_bytes() {
        for (body, kind, words) in [
            ("", ErrorKind::Interrupted, "before its first event"),
            (" \r\n ", ErrorKind::Interrupted, "before its first event"),
            (": ping\n\n", ErrorKind::Interrupted, "before its first event"),
            ("<html>", ErrorKind::Decode, "HTML"),
            ("{\"error\": {\"code\": \"x\"}}", ErrorKind::Service, "(x)"),
            ("{\"statusCode\": 500, \"message\": \"gateway\"}", ErrorKind::Service, "gateway"),
            ("{\"choices\": [{\"message\"", ErrorKind::Interrupted, "in the middle"),
            ("[1]", ErrorKind::Decode, "neither"),
            ("plain words", ErrorKind::Interrupted, "before its first event"),
            ("data: plain words\n\n", ErrorKind::Decode, "not a JSON object"),
            ("data: {\"cho", ErrorKind::Interrupted, "in the middle of an event"),
        ] {
            let error = read(body).1.unwrap();
            assert_eq!(error.kind(), kind, "{body}: {error}");
            assert!(error.to_string().contains(words), "{body}: {error}");
        }
    }

    #[test]
    fn what_could_not_be_read_is_with_the_error_and_not_in_its_text() {
        for body in ["data: secret words\n\n", "data: {\"cho"] {
            let error = read(body).1.unwrap();
            let data = body.trim_start_matches("data: ").trim_end();
            assert_eq!(error.body().unwrap(), data);
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
    }

    #[test]
    fn a_pair_of_surrogates_cut_by_a_gateway_ends_no_stream() {
        let half = |half: &str| format!(r#"data: {{"choices":[{{"index":0,"delta":{{"content":"a{half}"}}}}]}}"#);
        let body = format!("{}\n\n{}\n\ndata: [DONE]\n\n", half(r"\ud83d"), half(r"\ude00"));
        let (stream, error) = read(body.leak());
        assert!(error.is_none());
        assert_eq!(stream.into_completion().unwrap().text(), Some("a\u{fffd}a\u{fffd}"));
    }

    #[test]
    fn an_answer_in_one_piece_is_kept() {
        let (stream, error) = read("{\"choices\": [{\"message\": {\"content\": \"all\"}}]}");
        assert_eq!(error.unwrap().kind(), ErrorKind::Decode);
        assert_eq!(stream.partial().text(), Some("all"));
    }

    #[test]
    fn done_is_understood_as_gateways_write_it() {
        let finish = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n";
        for done in ["[DONE]", " [DONE] ", "[done]", "[ DONE ]"] {
            let body: &'static str = format!("{finish}data: {done}\n\n").leak();
            let (stream, error) = read(body);
            assert!(error.is_none(), "{done}");
            assert!(stream.is_complete());
        }
        let (stream, error) = read(format!("{finish}data: [DON").leak());
        assert_eq!(error.unwrap().kind(), ErrorKind::Interrupted);
        assert_eq!(stream.partial().text(), Some("a"));
    }

    #[test]
    fn every_finish_reason_and_the_end_of_the_body_are_an_end() {
        let (stream, error) =
            read("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n");
        assert!(error.is_none());
        assert_eq!(stream.into_completion().unwrap().text(), Some("a"));
    }

    #[test]
    fn what_was_not_read_to_its_end_is_no_completion() {
        let (stream, error) = read("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n");
        assert_eq!(error.unwrap().kind(), ErrorKind::Interrupted);
        assert_eq!(stream.partial().text(), Some("a"));
        assert_eq!(stream.into_completion().unwrap_err().kind(), ErrorKind::Interrupted);
    }
}
