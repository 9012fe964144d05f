//! A stream of given chunks, for tests of programs that use the client.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::byte_source::ByteSource;
use super::chunk::ChatCompletionChunk;
use super::completion_stream::ChatCompletionStream;
use crate::error::{Error, ErrorKind, Result};

impl ChatCompletionStream {
    /// A stream of these chunks, for a test: it ends with `[DONE]`, as a stream of the service does. For one that breaks,
    /// or has an error of the service in it, see [`from_bytes`](Self::from_bytes).
    ///
    /// # Example: a stream without a service
    ///
    /// ```
    /// use azure_openai_chat::{ChatCompletionChunk, ChatCompletionStream};
    ///
    /// let chunks = ["Hel", "lo"].map(|text| ChatCompletionChunk::builder().text(text).build());
    /// let stream = ChatCompletionStream::from_chunks(chunks);
    /// let completion = futures::executor::block_on(stream.finish())?;
    /// assert_eq!(completion.whole_text()?, "Hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn from_chunks(chunks: impl IntoIterator<Item = ChatCompletionChunk>) -> Self {
        let data = chunks.into_iter().map(|chunk| {
            serde_json::to_string(&chunk)
                .map_err(|error| Error::new(ErrorKind::Decode, "a chunk cannot be written").with_source(error))
        });
        let data: Vec<_> = data.chain([Ok("[DONE]".to_owned())]).collect();
        let events = data.into_iter().map(|data| Ok(format!("data: {}\n\n", data?).into()));
        Self::new(Box::new(Events(events)), Arc::default(), Arc::default())
    }
}

struct Events<I>(I);

impl<I: Iterator<Item = Result<Bytes>> + Send> ByteSource for Events<I> {
    fn poll_bytes(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        Poll::Ready(self.0.next())
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use serde_json::json;

    use super::*;
    use crate::response::{FinishReason, ResponseMetadata, ToolCall, Usage};

    #[test]
    fn the_chunks_arrive_and_add_up() {
        let chunk = ChatCompletionChunk::builder;
        let sent = [
            chunk().role("assistant".into()).text("").build(),
            chunk().reasoning_content("hm").build(),
            chunk().text("It is ").build(),
            chunk().tool_call(0, ToolCall::function("c1", "f", "{\"a\"")).build(),
            chunk().tool_call(0, ToolCall::function("", "", ":1}")).build(),
            chunk().text("4").finish_reason(FinishReason::ToolCalls).build(),
            chunk().usage(Usage::new(3, 2)).build(),
        ];
        let metadata = ResponseMetadata::new(200, [("apim-request-id", "id-1")]);
        let mut stream = ChatCompletionStream::from_chunks(sent.clone()).with_metadata(metadata);
        let mut came = Vec::new();
        while let Some(chunk) = block_on(stream.next_chunk()).unwrap() {
            came.push(chunk);
        }
        assert_eq!(came, sent);
        let completion = stream.into_completion().unwrap();
        assert_eq!(completion.metadata().request_id(), Some("id-1"));
        assert_eq!(
            serde_json::to_value(&completion).unwrap(),
            json!({"id": "chatcmpl-1", "object": "chat.completion", "choices": [{
                "index": 0, "finish_reason": "tool_calls", "message": {
                    "role": "assistant", "content": "It is 4", "reasoning_content": "hm",
                    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}]
                }}], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}})
        );
    }

    #[test]
    fn what_came_of_an_unfinished_stream_is_no_whole_text() {
        let text = |text: &str| ChatCompletionChunk::builder().text(text).build();
        let mut stream = ChatCompletionStream::from_chunks([text("Half"), text(" of")]);
        block_on(stream.next_chunk()).unwrap();
        let partial = stream.partial();
        assert_eq!(partial.whole_text().unwrap_err().outcome().as_str(), "interrupted");
        assert_eq!(partial.text(), Some("Half"));
        assert_eq!(block_on(stream.finish()).unwrap().whole_text().unwrap(), "Half of");
    }
}
