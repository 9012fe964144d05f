//! The text view of a stream, [`TextStream`]: the pieces of the first choice's content.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use super::completion_stream::ChatCompletionStream;
use crate::error::Result;

/// A [`Stream`] of the pieces of text of the first choice. Made by [`ChatCompletionStream::text`].
#[derive(Debug)]
pub struct TextStream<'a> {
    stream: &'a mut ChatCompletionStream,
}

impl ChatCompletionStream {
    /// The text of the first choice, piece by piece, without empty ones. The stream can be used on after it.
    pub fn text(&mut self) -> TextStream<'_> {
        TextStream { stream: self }
    }
}

impl Stream for TextStream<'_> {
    type Item = Result<String>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(self.stream.poll_chunk(cx)) {
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
}
