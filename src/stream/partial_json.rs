//! The partial JSON view of a stream, [`PartialJsonStream`]: the structured answer so far, each time it grows.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use serde::de::DeserializeOwned;

use super::completion_stream::ChatCompletionStream;
use crate::error::{Error, ErrorKind, Result};
use crate::response::{PartialJson, PartialJsonError};

/// The text is parsed again when it has grown by a 64th. So the sizes of all parses add up to at most 65 times the
/// text, however long it is.
const GROWTH: usize = 64;

/// A [`Stream`] of the structured answer so far. Made by [`ChatCompletionStream::partial_json`].
///
/// Each item is a whole `T`. In answers beyond a few hundred bytes, states that differ by less than a
/// sixty-fourth of the text come as one; the last state always comes.
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/structured-outputs>
pub struct PartialJsonStream<'a, T> {
    stream: &'a mut ChatCompletionStream,
    json: PartialJson,
    /// The size of the text that was parsed last.
    parsed: usize,
    /// Whether that text gave an item.
    gave_item: bool,
    is_over: bool,
    target: PhantomData<fn() -> T>,
}

impl ChatCompletionStream {
    /// The structured answer of the first choice so far, each time it grows.
    ///
    /// Strings, lists and objects that are not complete yet end where the text ends, and members without a value are
    /// left out, so `T` should have optional fields or defaults; a state that does not fit `T` yet gives no item.
    ///
    /// The view keeps the text that it has read: call it once, and poll it to its end.
    ///
    /// # Errors
    ///
    /// Those of the stream, and [`ErrorKind::Decode`] when the text is not JSON, with the position as its source.
    pub fn partial_json<T: DeserializeOwned>(&mut self) -> PartialJsonStream<'_, T> {
        PartialJsonStream {
            stream: self,
            json: PartialJson::default(),
            parsed: 0,
            gave_item: false,
            is_over: false,
            target: PhantomData,
        }
    }
}

impl<T> std::fmt::Debug for PartialJsonStream<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartialJsonStream").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<T: DeserializeOwned> PartialJsonStream<'_, T> {
    /// Adds a piece of the text. Returns the state so far if it grew, is due and fits `T`.
    fn push(&mut self, text: &str) -> Result<Option<T>, PartialJsonError> {
        let grew = self.json.push(text)?;
        let length = self.json.text().len();
        if !grew || length.saturating_sub(self.parsed).saturating_mul(GROWTH) < length {
            return Ok(None);
        }
        self.parsed = length;
        let state = self.json.value()?;
        self.gave_item = state.is_some();
        Ok(state)
    }

    /// The last state, if it was no item yet.
    fn last(&self) -> Result<Option<T>, PartialJsonError> {
        let state = self.json.last_value()?;
        Ok(state.filter(|_| !self.gave_item || self.parsed != self.json.text().len()))
    }

    fn fail(&mut self, error: PartialJsonError) -> Poll<Option<Result<T>>> {
        self.is_over = true;
        Poll::Ready(Some(Err(Error::new(ErrorKind::Decode, "the answer is not JSON").with_source(error))))
    }
}

impl<T: DeserializeOwned> Stream for PartialJsonStream<'_, T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.is_over {
            return Poll::Ready(None);
        }
        loop {
            let Some(chunk) = ready!(this.stream.poll_chunk(cx)) else {
                this.is_over = true;
                return match this.last() {
                    Ok(state) => Poll::Ready(state.map(Ok)),
                    Err(error) => this.fail(error),
                };
            };
            let chunk = match chunk {
                Ok(chunk) => chunk,
                Err(error) => {
                    this.is_over = true;
                    return Poll::Ready(Some(Err(error)));
                }
            };
            let Some(text) = chunk.text().filter(|text| !text.is_empty()) else {
                continue;
            };
            match this.push(text) {
                Ok(Some(state)) => return Poll::Ready(Some(Ok(state))),
                Ok(None) => {}
                Err(error) => return this.fail(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::executor::block_on;
    use futures::{StreamExt, stream};
    use serde_json::{Value, json};

    use super::*;

    /// Reads a list of short strings, each in a chunk of its own. Returns the size of its text, and the bytes parsed.
    fn read<T: DeserializeOwned>(elements: usize) -> (usize, usize) {
        let chunk = |text: &str| json!({"choices": [{"index": 0, "delta": {"content": text}}]}).to_string();
        let texts = ["["].into_iter().chain(std::iter::repeat_n("\"word\",", elements)).chain(["\"end\"]"]);
        let events = texts.map(|text| format!("data: {}\n\n", chunk(text))).chain(["data: [DONE]\n\n".to_owned()]);
        let pieces: Vec<_> = events.map(|event| Ok::<_, std::io::Error>(Bytes::from(event))).collect();
        let mut stream = ChatCompletionStream::from_bytes(stream::iter(pieces));
        let mut view = stream.partial_json::<T>();
        let items = block_on(view.by_ref().map(Result::unwrap).count());
        let length = view.json.text().len();
        assert!(length > 7 * elements && items <= elements, "{length} bytes, {items} items");
        (length, view.json.parsed_bytes())
    }

    #[test]
    fn the_bytes_parsed_are_linear_in_the_text() {
        for elements in [100, 2_000, 20_000] {
            let (length, parsed) = read::<Value>(elements);
            assert!(parsed <= 66 * length, "{parsed} bytes parsed for a text of {length}");
            assert!(parsed >= length, "the bytes are counted");
            // a state that does not fit the type is parsed once more, to see whether it is JSON
            let (length, parsed) = read::<bool>(elements);
            assert!(parsed <= 2 * 66 * length, "{parsed} bytes parsed in vain for a text of {length}");
        }
    }
}
