//! A structured answer while it arrives.

use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use serde::de::DeserializeOwned;

use super::ChatCompletionStream;
use crate::error::{Error, ErrorKind, Result};
use crate::response::partial_json::PartialJson;

/// After this many bytes a state is told only when the text has grown by one part in so many, so that
/// telling costs no more than a constant times the text, however long it gets.
const EVERY: usize = 64;

/// A [`Stream`] of the structured answer so far. Made by [`ChatCompletionStream::partial_json`].
///
/// Each item is a whole `T`. In answers beyond a few hundred bytes, states that differ by less than a
/// sixty-fourth of the text are told together; the last state is always told.
pub struct PartialJsonStream<'a, T> {
    stream: &'a mut ChatCompletionStream,
    json: PartialJson,
    told_at: usize,
    is_over: bool,
    target: PhantomData<fn() -> T>,
}

impl<'a, T> PartialJsonStream<'a, T> {
    pub(super) fn new(stream: &'a mut ChatCompletionStream) -> Self {
        Self { stream, json: PartialJson::new(), told_at: 0, is_over: false, target: PhantomData }
    }
}

impl<T> std::fmt::Debug for PartialJsonStream<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartialJsonStream").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl<T: DeserializeOwned> PartialJsonStream<'_, T> {
    /// The state so far, if it grew and fits `T`.
    fn state(&mut self) -> Option<T> {
        let length = self.json.text().len();
        if length == self.told_at {
            return None;
        }
        let state = self.json.value::<T>()?.ok()?;
        self.told_at = length;
        Some(state)
    }

    fn is_due(&self) -> bool {
        let length = self.json.text().len();
        length.saturating_sub(self.told_at).saturating_mul(EVERY) >= length
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
                return Poll::Ready(this.state().map(Ok));
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
            match this.json.push(text) {
                Ok(grew) => {
                    if grew
                        && this.is_due()
                        && let Some(state) = this.state()
                    {
                        return Poll::Ready(Some(Ok(state)));
                    }
                }
                Err(error) => {
                    this.is_over = true;
                    let error = Error::new(ErrorKind::Decode, "the answer is not JSON").with_source(error);
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}
