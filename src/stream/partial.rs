//! Partial JSON of a stream: the structured answer so far, each time it grows.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use serde::de::DeserializeOwned;

use super::ChatCompletionStream;
use crate::error::{Error, ErrorKind, Result};
use crate::response::partial_json::{PartialJson, PartialJsonError};

/// The text is read again when it has grown by one part in so many, so that all reads together cost no more than a
/// constant times the text, however long it gets.
const EVERY: usize = 64;

/// A [`Stream`] of the structured answer so far. Made by [`ChatCompletionStream::partial_json`].
///
/// Each item is a whole `T`. In answers beyond a few hundred bytes, states that differ by less than a
/// sixty-fourth of the text come as one; the last state always comes.
pub struct PartialJsonStream<'a, T> {
    stream: &'a mut ChatCompletionStream,
    json: PartialJson,
    /// How long the text was when it was read last, and whether that gave an item.
    read_at: usize,
    has_read: bool,
    is_over: bool,
    target: PhantomData<fn() -> T>,
}

impl<'a, T> PartialJsonStream<'a, T> {
    pub(super) fn new(stream: &'a mut ChatCompletionStream) -> Self {
        Self { stream, json: PartialJson::new(), read_at: 0, has_read: false, is_over: false, target: PhantomData }
    }
}

impl<T> std::fmt::Debug for PartialJsonStream<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartialJsonStream").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<T: DeserializeOwned> PartialJsonStream<'_, T> {
    /// Adds a piece of the text; returns the state so far if it grew, is due and fits `T`.
    fn push(&mut self, text: &str) -> Result<Option<T>, PartialJsonError> {
        let grew = self.json.push(text)?;
        let length = self.json.text().len();
        if !grew || length.saturating_sub(self.read_at).saturating_mul(EVERY) < length {
            return Ok(None);
        }
        self.read_at = length;
        let state = self.json.value()?;
        self.has_read = state.is_some();
        Ok(state)
    }

    /// The last state, if it did not come yet.
    fn last(&self) -> Result<Option<T>, PartialJsonError> {
        let state = self.json.last_value()?;
        Ok(state.filter(|_| !self.has_read || self.read_at != self.json.text().len()))
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
