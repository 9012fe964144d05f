//! The views of a stream: its text, its events, its structured answer so far.
//!
//! The state of a view is kept in the stream. So a view that is made anew for each item gives the same items as one that is
//! kept, and one that is dropped half-way loses nothing. Each chunk belongs to the view that reads it; the events of a
//! chunk that were not taken yet stay for the next event view.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use serde::de::DeserializeOwned;

use super::completion_stream::ChatCompletionStream;
use super::events::StreamEvent;
use crate::error::Result;
use crate::response::{ChatCompletion, ResponseMetadata, Usage};

impl ChatCompletionStream {
    /// The text of the first choice, piece by piece, without empty ones. The stream can be used on after it.
    pub fn text(&mut self) -> TextStream<'_> {
        TextStream { stream: self }
    }

    /// As [`text`](Self::text), with the stream inside: to be returned or moved to another task.
    #[must_use]
    pub fn into_text(self) -> IntoText {
        IntoText { stream: self }
    }

    /// The answer as events: text, refusals, reasoning, tool calls, filter results, usage, ends, and members of a `delta`
    /// that are not modelled here. Those of a chunk or a choice, and parts of the content that are not text, are in
    /// [`partial`](Self::partial). The stream can be used on after it, also before the events of a chunk are all taken.
    ///
    /// # Example: a view made anew for each event
    ///
    /// ```
    /// use azure_openai_chat::{ChatCompletionStream, StreamEvent};
    /// use bytes::Bytes;
    /// use futures::{TryStreamExt, executor::block_on, stream};
    ///
    /// # let chunk = r#"{"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}"#;
    /// # let body = format!("data: {chunk}\n\ndata: [DONE]\n\n");
    /// # let pieces = stream::iter([Ok::<_, std::io::Error>(Bytes::from(body))]);
    /// let mut stream = ChatCompletionStream::from_bytes(pieces);
    /// let mut count = 0;
    /// while let Some(event) = block_on(stream.events().try_next())? {
    ///     count += 1;
    ///     assert!(matches!(event, StreamEvent::Content { .. } | StreamEvent::Finished { .. }));
    /// }
    /// assert_eq!(count, 2);
    /// # Ok::<(), azure_openai_chat::Error>(())
    /// ```
    pub fn events(&mut self) -> Events<'_> {
        Events { stream: self }
    }

    /// As [`events`](Self::events), with the stream inside: to be returned or moved to another task.
    #[must_use]
    pub fn into_events(self) -> IntoEvents {
        IntoEvents { stream: self }
    }

    /// The structured answer of the first choice so far, each time it grows: by a member, an element, or a part of a string.
    /// Two items in turn are equal only where `T` does not show what has grown: a member that it leaves out, or has a
    /// default for.
    ///
    /// Strings, lists and objects that are not complete yet end where the text ends, and members without a value are
    /// left out, so `T` should have optional fields or defaults; a state that does not fit `T` yet gives no item.
    ///
    /// # Errors
    ///
    /// Those of the stream, and [`ErrorKind::Decode`](crate::ErrorKind::Decode) when the text is not JSON, with the
    /// position as its source.
    pub fn partial_json<T: DeserializeOwned>(&mut self) -> PartialJsonStream<'_, T> {
        PartialJsonStream { stream: self, target: PhantomData }
    }

    /// As [`partial_json`](Self::partial_json), with the stream inside: to be returned or moved to another task.
    #[must_use]
    pub fn into_partial_json<T: DeserializeOwned>(self) -> IntoPartialJson<T> {
        IntoPartialJson { stream: self, target: PhantomData }
    }

    fn poll_text(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<String>>> {
        loop {
            match ready!(self.poll_chunk(cx)) {
                Some(Ok(chunk)) => {
                    if let Some(text) = chunk.into_text().filter(|text| !text.is_empty()) {
                        return Poll::Ready(Some(Ok(text)));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<StreamEvent>>> {
        loop {
            if let Some(event) = self.event_queue().pop() {
                return Poll::Ready(Some(Ok(event)));
            }
            match ready!(self.poll_chunk(cx)) {
                Some(Ok(chunk)) => self.queue_events(Some(&chunk)),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    self.queue_events(None);
                    return Poll::Ready(self.event_queue().pop().map(Ok));
                }
            }
        }
    }

    fn poll_partial_json<T: DeserializeOwned>(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        if self.partial_answer().0.is_over() {
            return Poll::Ready(None);
        }
        loop {
            let next = ready!(self.poll_chunk(cx));
            let (answer, text) = self.partial_answer();
            match next {
                Some(Ok(_)) => {
                    if let Some(state) = answer.grow(text).transpose() {
                        return Poll::Ready(Some(state));
                    }
                }
                Some(Err(error)) => {
                    answer.abort();
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    // text that another view has read since the last state
                    let grown = answer.grow(text);
                    let last = grown.and_then(|state| Ok(answer.end(text)?.or(state)));
                    return Poll::Ready(last.transpose());
                }
            }
        }
    }
}

/// A [`Stream`] of the pieces of text of the first choice. Made by [`ChatCompletionStream::text`].
#[derive(Debug)]
pub struct TextStream<'a> {
    stream: &'a mut ChatCompletionStream,
}

/// A [`Stream`] of [`StreamEvent`]s. Made by [`ChatCompletionStream::events`].
#[derive(Debug)]
pub struct Events<'a> {
    stream: &'a mut ChatCompletionStream,
}

/// A [`Stream`] of the structured answer so far. Made by [`ChatCompletionStream::partial_json`].
///
/// Each item is a whole `T`. In answers beyond a few hundred bytes, states that differ by less than a
/// sixty-fourth of the text come as one; the last state always comes.
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/structured-outputs>
pub struct PartialJsonStream<'a, T> {
    stream: &'a mut ChatCompletionStream,
    target: PhantomData<fn() -> T>,
}

/// A [`TextStream`] with the stream inside. Made by [`ChatCompletionStream::into_text`].
#[derive(Debug)]
pub struct IntoText {
    stream: ChatCompletionStream,
}

/// [`Events`] with the stream inside. Made by [`ChatCompletionStream::into_events`].
#[derive(Debug)]
pub struct IntoEvents {
    stream: ChatCompletionStream,
}

/// A [`PartialJsonStream`] with the stream inside. Made by [`ChatCompletionStream::into_partial_json`].
pub struct IntoPartialJson<T> {
    stream: ChatCompletionStream,
    target: PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for PartialJsonStream<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartialJsonStream").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for IntoPartialJson<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntoPartialJson").field("stream", &self.stream).finish_non_exhaustive()
    }
}

macro_rules! poll_by {
    ($([$($generics:tt)*] $View:ty => $poll:ident -> $Item:ty;)*) => { $(
        impl<$($generics)*> Stream for $View {
            type Item = Result<$Item>;

            fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
                self.stream.$poll(cx)
            }
        }
    )* };
}

poll_by! {
    [] TextStream<'_> => poll_text -> String;
    [] IntoText => poll_text -> String;
    [] Events<'_> => poll_event -> StreamEvent;
    [] IntoEvents => poll_event -> StreamEvent;
    [T: DeserializeOwned] PartialJsonStream<'_, T> => poll_partial_json -> T;
    [T: DeserializeOwned] IntoPartialJson<T> => poll_partial_json -> T;
}

macro_rules! look_into {
    ($([$($generics:tt)*] $View:ty;)*) => { $(
        impl<$($generics)*> $View {
            /// The completion that the chunks so far add up to; also after an error.
            #[must_use]
            pub fn partial(&self) -> ChatCompletion {
                self.stream.partial()
            }

            /// The text of the first choice so far, without a copy.
            #[must_use]
            pub fn text_so_far(&self) -> &str {
                self.stream.text_so_far()
            }

            /// The tokens of the call so far. Most api versions report them in the last chunk.
            #[must_use]
            pub fn usage(&self) -> Option<&Usage> {
                self.stream.usage()
            }

            /// The status and headers of the answer, and the number of attempts.
            #[must_use]
            pub fn metadata(&self) -> &ResponseMetadata {
                self.stream.metadata()
            }

            /// The completion that the chunks add up to.
            ///
            /// # Errors
            ///
            /// As [`ChatCompletionStream::into_completion`].
            pub fn into_completion(self) -> Result<ChatCompletion> {
                self.stream.into_completion()
            }
        }
    )* };
}

look_into! {
    [] IntoText;
    [] IntoEvents;
    [T] IntoPartialJson<T>;
}

#[cfg(test)]
mod tests;
