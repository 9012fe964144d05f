//! The stream of an answer, [`ChatCompletionStream`]: from the events of a body to chunks.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;

use super::byte_source::{ByteSource, Pieces};
use super::chunk::ChatCompletionChunk;
use super::decode::{Decoded, Decoder, TemplateStore};
use super::event_body::EventBody;
use super::events::EventQueue;
#[cfg(feature = "client")]
use super::observer::StreamObserver;
use super::partial_json::PartialAnswer;
use super::sse::{SseError, SseEvent, SseItem, is_done};
use super::streamed_answer::StreamedAnswer;
use crate::error::{Error, ErrorKind, Result, ServiceError};
use crate::response::{ChatCompletion, ResponseMetadata, Usage};

/// An answer that arrives chunk by chunk.
///
/// A [`Stream`] of [`ChatCompletionChunk`]s; [`text`](Self::text), [`events`](Self::events) and
/// [`partial_json`](Self::partial_json) are other views of it. In every view it adds up what came.
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
/// # Errors
///
/// The stream yields at most one error, and ends after it:
///
/// - [`ErrorKind::Interrupted`]: the body ended, or broke, before the answer was complete. The text names what is
///   missing.
/// - An error of the service inside the stream, with [`Error::code`]: the kind of the status that it names by number or
///   by code, as for a refused call. [`ErrorKind::Service`] when it names none.
/// - [`ErrorKind::Decode`]: the body is not an event stream, or an event is not a JSON object.
/// - [`ErrorKind::Timeout`]: no event came for longer than the idle timeout of the client.
///
/// # Cancel safety
///
/// Polling can be abandoned at any time without losing a chunk. Dropping the stream before its end closes the
/// connection over HTTP/1.1, and resets the stream over HTTP/2.
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-streaming>
#[repr(C)]
#[doc(alias = "ChatCompletionResponseStream")]
#[doc(alias = "AsyncChatCompletionStream")]
pub struct ChatCompletionStream {
    // what each chunk reads is at the end of the answer and at the beginning of the body, side by side: with thousands of
    // streams it is in no processor cache
    answer: StreamedAnswer,
    decoder: Decoder,
    body: EventBody,
    /// The state of the event view, once there was one.
    event_queue: Option<Box<EventQueue>>,
    /// The state of the partial JSON view, once there was one.
    partial_answer: Option<Box<PartialAnswer>>,
}

impl ChatCompletionStream {
    pub(crate) fn new(
        source: Box<dyn ByteSource>,
        metadata: Arc<ResponseMetadata>,
        templates: Arc<TemplateStore>,
    ) -> Self {
        Self {
            answer: StreamedAnswer::new(metadata),
            decoder: Decoder::new(templates),
            body: EventBody::new(source),
            event_queue: None,
            partial_answer: None,
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
        Self::new(Box::new(Pieces(Box::pin(pieces))), Arc::default(), Arc::default())
    }

    /// Sets the size of the largest event, in bytes of its lines, and of a body that is no event stream; 16 MiB when unset.
    /// A larger one is an error, [`ErrorKind::Decode`].
    #[must_use]
    pub fn max_event_bytes(mut self, limit: usize) -> Self {
        self.body.set_max_event_bytes(limit);
        self
    }

    /// Parses every event, for comparison with decoding by template.
    #[cfg(test)]
    pub(super) fn without_templates(mut self) -> Self {
        self.decoder = Decoder::parsing_only();
        self
    }

    #[cfg(feature = "client")]
    pub(crate) fn for_call(mut self, deployment: &str, choices: u64) -> Self {
        self.answer.set_call(deployment, choices);
        self
    }

    /// The same stream with this metadata, for a recording or a test.
    #[must_use]
    pub fn with_metadata(mut self, metadata: impl Into<Arc<ResponseMetadata>>) -> Self {
        self.answer.metadata = metadata.into();
        self
    }

    #[cfg(feature = "client")]
    pub(crate) fn shared_metadata(&self) -> &Arc<ResponseMetadata> {
        &self.answer.metadata
    }

    #[cfg(feature = "client")]
    pub(crate) fn with_observer(mut self, observer: Option<Box<dyn StreamObserver>>) -> Self {
        self.answer.set_observer(observer);
        self
    }

    /// The status and headers of the answer, and the number of attempts.
    #[must_use]
    pub fn metadata(&self) -> &ResponseMetadata {
        &self.answer.metadata
    }

    /// The number of chunks that have come.
    #[must_use]
    pub fn chunk_count(&self) -> u64 {
        self.answer.fold.chunk_count()
    }

    /// Whether the answer is complete: `[DONE]` came, or every finish reason and the end of the body.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.answer.is_complete()
    }

    /// The text of the first choice so far, without a copy: for a screen that shows it after each chunk.
    ///
    /// Text that a view has read counts as well. Empty until text comes; also there after an error.
    #[must_use]
    #[doc(alias = "snapshot")]
    pub fn text_so_far(&self) -> &str {
        self.answer.text()
    }

    /// The completion that the chunks so far add up to; also after an error. It is a copy: for the text alone use
    /// [`text_so_far`](Self::text_so_far).
    #[must_use]
    pub fn partial(&self) -> ChatCompletion {
        self.answer.partial()
    }

    /// The completion that the chunks add up to: text, tool calls, usage and filter results of every choice.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Interrupted`] when the stream was not read to its end; the error of the stream, once more, when it
    /// failed. Use [`partial`](Self::partial) for what came until then.
    pub fn into_completion(mut self) -> Result<ChatCompletion> {
        self.answer.take_completion()
    }

    /// The next chunk, or `None` at the end of the answer. As [`Stream`], without a trait in scope.
    ///
    /// # Errors
    ///
    /// Those of the stream; see the errors of the type.
    pub async fn next_chunk(&mut self) -> Result<Option<ChatCompletionChunk>> {
        std::future::poll_fn(|cx| self.poll_chunk(cx)).await.transpose()
    }

    /// Reads the stream to its end, and returns the completion that all chunks add up to.
    ///
    /// # Errors
    ///
    /// Those of the stream; see the errors of the type.
    pub async fn finish(mut self) -> Result<ChatCompletion> {
        while self.next_chunk().await?.is_some() {}
        self.into_completion()
    }

    /// The tokens of the call so far, without a copy of the answer. Most api versions report them in the last chunk.
    #[must_use]
    pub fn usage(&self) -> Option<&Usage> {
        self.answer.usage()
    }

    pub(super) fn event_queue(&mut self) -> &mut EventQueue {
        self.event_queue.get_or_insert_default()
    }

    /// Queues the events of a chunk that was read, or of the end of an answer that is complete.
    pub(super) fn queue_events(&mut self, chunk: Option<&ChatCompletionChunk>) {
        let queue = self.event_queue.get_or_insert_default();
        match chunk {
            Some(chunk) => queue.push_chunk(chunk, &mut self.answer.fold),
            None if self.answer.is_complete() => queue.push_end(&mut self.answer.fold),
            None => {}
        }
    }

    /// The state of the partial JSON view, and the text of the first choice so far.
    pub(super) fn partial_answer(&mut self) -> (&mut PartialAnswer, &str) {
        (self.partial_answer.get_or_insert_default(), self.answer.text())
    }

    /// The next chunk.
    pub(super) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<ChatCompletionChunk>>> {
        loop {
            // most pieces of a body are one event, and then there is nothing left to read
            if !self.body.needs_bytes()
                && let Some(next) = self.read_chunk()
            {
                return Poll::Ready(next);
            }
            if let Err(error) = ready!(self.body.poll_bytes(cx)) {
                return Poll::Ready(self.fail_source(error));
            }
        }
    }

    /// The next chunk, or the end, from the bytes that came; `None` if more are needed.
    #[inline(never)]
    fn read_chunk(&mut self) -> Option<Option<Result<ChatCompletionChunk>>> {
        loop {
            if self.answer.has_ended() {
                return Some(None);
            }
            let decoder = &mut self.decoder;
            let mut chunk = None;
            self.body.skip_event(|bytes| decoder.decode_by_template(bytes, &mut chunk));
            if let Some(chunk) = chunk {
                self.push_chunk(&chunk);
                return Some(Some(Ok(chunk)));
            }
            match self.body.next_item() {
                Some(Ok(SseItem::Event(event))) => match self.read_event(event) {
                    Ok(Some(chunk)) => return Some(Some(Ok(chunk))),
                    Ok(None) => {}
                    Err(error) => return Some(self.fail(error)),
                },
                Some(Ok(SseItem::Comment)) => {}
                Some(Err(error)) => return Some(self.fail_framing(error)),
                None if self.body.has_ended() => return Some(self.end_of_body()),
                None => return None,
            }
        }
    }

    fn push_chunk(&mut self, chunk: &ChatCompletionChunk) {
        if self.answer.push_chunk(chunk) {
            self.body.note_first_event();
        }
    }

    fn read_event(&mut self, event: SseEvent) -> Result<Option<ChatCompletionChunk>> {
        let is_complete = event.is_complete();
        let is_error = event.name() == Some("error");
        let data = event.into_data();
        if data.trim_ascii().is_empty() {
            return Ok(None);
        }
        if is_done(&data) {
            self.answer.complete();
            self.body.finish();
            return Ok(None);
        }
        match self.decoder.decode(&data) {
            Ok(Decoded::Chunk(chunk)) if !is_error => {
                self.push_chunk(&chunk);
                Ok(Some(chunk))
            }
            Ok(Decoded::Refusal(refusal)) => Err(self.answer.refusal(*refusal)),
            // half an event at the end of the body was cut off, and is not malformed
            Err(error) if !is_complete => {
                let what = format!("the stream ended in the middle of an event: {}", self.answer.missing());
                Err(Error::new(ErrorKind::Interrupted, what).with_source(error).with_body(data))
            }
            Err(error) if !is_error => Err(error.with_body(data)),
            Ok(Decoded::Chunk(_)) | Err(_) => Err(self.answer.refusal(ServiceError::from_body(&data))),
        }
    }

    fn end_of_body(&mut self) -> Option<Result<ChatCompletionChunk>> {
        let ended = match self.body.take_other() {
            Some(body) => self.answer.end_with(body, self.body.event_limit()),
            None => self.answer.end(),
        };
        ended.err().and_then(|error| self.fail(error))
    }

    fn fail_framing(&mut self, error: SseError) -> Option<Result<ChatCompletionChunk>> {
        let kind = match error {
            SseError::CutCharacter { .. } => ErrorKind::Interrupted,
            _ => ErrorKind::Decode,
        };
        self.fail(Error::new(kind, "the event stream cannot be read").with_source(error))
    }

    /// Fails with an error of the source, unless all finish reasons came before it.
    #[cold]
    fn fail_source(&mut self, error: Error) -> Option<Result<ChatCompletionChunk>> {
        match self.answer.end_at(error) {
            Ok(()) => {
                self.body.close();
                None
            }
            Err(error) => self.fail(error),
        }
    }

    fn fail(&mut self, error: Error) -> Option<Result<ChatCompletionChunk>> {
        self.body.close();
        Some(Err(self.answer.fail(error)))
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
            .field("chunks", &self.chunk_count())
            .field("is_complete", &self.is_complete())
            .field("metadata", &self.answer.metadata)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::{StreamExt, stream};

    use super::*;
    use crate::error::Error;

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
    fn a_body_that_is_no_stream_is_recognised_by_its_first_bytes() {
        for (body, kind, text) in [
            ("", ErrorKind::Interrupted, "before its first event"),
            (" \r\n ", ErrorKind::Interrupted, "before its first event"),
            (": ping\n\n", ErrorKind::Interrupted, "before its first event"),
            ("<html>", ErrorKind::Decode, "HTML"),
            ("{\"error\": {\"code\": \"x\"}}", ErrorKind::Service, "(x)"),
            ("{\"statusCode\": 500, \"message\": \"gateway\"}", ErrorKind::Service, "gateway"),
            ("{\"choices\": [{\"message\"", ErrorKind::Interrupted, "in the middle"),
            ("[1]", ErrorKind::Decode, "neither"),
            ("plain text", ErrorKind::Interrupted, "before its first event"),
            ("data: plain text\n\n", ErrorKind::Decode, "not a JSON object"),
            ("data: {\"cho", ErrorKind::Interrupted, "in the middle of an event"),
        ] {
            let error = read(body).1.unwrap();
            assert_eq!(error.kind(), kind, "{body}: {error}");
            assert!(error.to_string().contains(text), "{body}: {error}");
        }
    }

    #[test]
    fn an_error_in_a_stream_has_the_kind_of_the_status_or_code_that_it_names() {
        for (error, status) in [
            (r#"{"code":"429","message":"m"}"#, 429),
            (r#"{"code":"rate_limit_exceeded"}"#, 429),
            (r#"{"code":"DeploymentNotFound"}"#, 404),
            (r#"{"code":401}"#, 401),
            (r#"{"code":"invalid_api_key"}"#, 401),
            (r#"{"type":"invalid_request_error","code":null}"#, 400),
            (r#"{"code":"context_length_exceeded"}"#, 400),
            (r#"{"code":"content_filter"}"#, 400),
            (r#"{"code":"server_error"}"#, 500),
            (r#"{"code":"a_new_code"}"#, 500),
        ] {
            let body = format!("{{\"error\":{error}}}");
            let expected = Error::from_response(ResponseMetadata::new(status, [("a", "b")]), body.as_bytes());
            let came = read(format!("data: {body}\n\n").leak()).1.unwrap();
            assert_eq!(came.kind(), expected.kind(), "{error}");
            // alone in place of a stream as well
            assert_eq!(read(body.leak()).1.unwrap().kind(), expected.kind(), "{error}");
        }
    }

    #[test]
    fn what_could_not_be_read_is_with_the_error_and_not_in_its_text() {
        for body in ["data: secret text\n\n", "data: {\"cho"] {
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
    fn a_whole_completion_is_kept() {
        for size in [1, 2 * 1024 * 1024] {
            let text = "a".repeat(size);
            let body = format!(r#"{{"choices":[{{"message":{{"content":"{text}"}}}}],"usage":{{"total_tokens":3}}}}"#);
            let (stream, error) = read(body.leak());
            assert_eq!(error.unwrap().kind(), ErrorKind::Decode);
            assert_eq!(stream.partial().text(), Some(&*text));
            assert_eq!(stream.text_so_far(), text);
            assert_eq!(stream.usage().map(Usage::total_tokens), Some(3));
        }
        let (stream, _) = read(r#"{"choices":[{"message":{"content":null}}]}"#);
        assert_eq!((stream.text_so_far(), stream.usage()), ("", None));
    }

    #[test]
    fn a_body_in_place_of_a_stream_has_the_limit_of_an_event() {
        let body = r#"{"choices":[{"message":{"content":"a secret"}}]}"#;
        for limit in [body.len() - 1, body.len()] {
            let pieces = stream::iter(body.as_bytes().chunks(7).map(|piece| Ok::<_, std::io::Error>(piece.into())));
            let mut stream = ChatCompletionStream::from_bytes(pieces).max_event_bytes(limit);
            let error = block_on(stream.next()).unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Decode);
            let is_larger = error.to_string().contains(&format!("larger than {limit} bytes"));
            assert_eq!(is_larger, limit < body.len(), "{error}");
            assert_eq!(stream.text_so_far(), if is_larger { "" } else { "a secret" });
        }
        let cut = &body[..body.len() - 5];
        let error = read(cut).1.unwrap();
        assert_eq!(error.kind(), ErrorKind::Interrupted);
        assert_eq!(error.body().unwrap(), cut);
        assert!(!format!("{error} {error:?}").contains("secret"));
    }

    #[test]
    fn a_recording_has_the_metadata_it_was_given_and_so_has_its_error() {
        let stream_of = |body: &'static str| {
            let pieces = stream::iter([Ok::<_, std::io::Error>(Bytes::from(body))]);
            let metadata = ResponseMetadata::new(200, [("apim-request-id", "id-1")]);
            ChatCompletionStream::from_bytes(pieces).with_metadata(metadata)
        };
        let completion = block_on(stream_of("data: [DONE]\n\n").finish()).unwrap();
        assert_eq!(completion.metadata().request_id(), Some("id-1"));
        for body in [
            "",
            "data: nonsense\n\n",
            "data: {\"error\":{\"code\":\"x\"}}\n\n",
            "{\"error\":{\"code\":\"x\"}}",
            "<html>",
        ] {
            let error = block_on(stream_of(body).finish()).unwrap_err();
            assert_eq!((error.request_id(), error.status()), (Some("id-1"), Some(200)), "{body}");
        }
    }

    #[test]
    fn the_error_of_a_stream_is_also_that_of_its_completion() {
        for (body, kind) in [
            ("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n", ErrorKind::Interrupted),
            ("data: {\"error\":{\"code\":\"429\",\"message\":\"busy\"}}\n\n", ErrorKind::RateLimited),
            ("data: {\"error\":{\"code\":\"content_filter\"}}\n\n", ErrorKind::ContentFiltered),
            ("data: nonsense\n\n", ErrorKind::Decode),
            ("<html>", ErrorKind::Decode),
            ("{\"choices\":[{\"message\":{\"content\":\"a\"}}]}", ErrorKind::Decode),
        ] {
            let (stream, error) = read(body);
            let (error, again) = (error.unwrap(), stream.into_completion().unwrap_err());
            assert_eq!((error.kind(), again.kind(), again.code()), (kind, kind, error.code()), "{body}");
            assert_eq!(error.to_string(), again.to_string());
        }
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
    fn done_needs_no_data_before_it() {
        let text = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n";
        for end in ["\n[DONE]\n\n", "\n[DONE]\n", "\n[DONE]", "[DONE]\n\n", "\n [done] \n", "\n: ping\n[DONE]\n"] {
            let (stream, error) = read(format!("{text}{end}").leak());
            assert!(error.is_none(), "{end:?}: {error:?}");
            assert_eq!(stream.into_completion().unwrap().text(), Some("a"), "{end:?}");
        }
        for alone in ["[DONE]", "[DONE]\n\n", "data: [DONE]\n\n"] {
            let (stream, error) = read(alone);
            assert!(error.is_none() && stream.is_complete(), "{alone:?}: {error:?}");
        }
        let (_, error) = read(format!("{text}\n[DON").leak());
        assert_eq!(error.unwrap().kind(), ErrorKind::Interrupted);
    }

    #[test]
    fn done_without_data_ends_a_stream_whose_connection_stays_open() {
        let body = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n[DONE]\n";
        let pieces = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(body.as_bytes()))]);
        let mut stream = ChatCompletionStream::from_bytes(pieces.chain(stream::pending()));
        assert!(block_on(stream.next()).unwrap().is_ok());
        assert!(block_on(stream.next()).is_none());
        assert!(stream.is_complete());
    }

    #[test]
    fn the_error_of_a_stream_that_ends_early_names_what_is_missing() {
        let piece = |index: u8, finish: &str| {
            format!("data: {{\"choices\":[{{\"index\":{index},\"delta\":{{}},\"finish_reason\":{finish}}}]}}\n\n")
        };
        let cut = "data: {\"usage\": {\"total";
        for (body, missing) in [
            (piece(0, "null"), "no finish reason and no `[DONE]` came"),
            (piece(0, "null") + &piece(1, "\"stop\""), "no finish reason of 1 of its 2 choices and no `[DONE]` came"),
            (piece(0, "null") + &piece(1, "null"), "no finish reason of its 2 choices and no `[DONE]` came"),
            (piece(0, "\"stop\"") + cut, "middle of an event: no `[DONE]` came"),
            (piece(0, "null") + cut, "middle of an event: no finish reason and no `[DONE]` came"),
        ] {
            let (stream, error) = read(body.leak());
            let error = error.unwrap();
            assert_eq!(error.kind(), ErrorKind::Interrupted);
            assert!(error.to_string().contains(missing), "{error}");
            assert_eq!(stream.into_completion().unwrap_err().kind(), ErrorKind::Interrupted);
        }
        let broken = stream::iter([Ok(Bytes::from(piece(0, "null"))), Err(std::io::Error::other("reset"))]);
        let mut stream = ChatCompletionStream::from_bytes(broken);
        let error = block_on(async { stream.next().await.unwrap().and(stream.next().await.unwrap()) }).unwrap_err();
        assert!(error.to_string().contains("no finish reason and no `[DONE]` came"), "{error}");
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
