//! From bytes to the next chunk.

use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};

use super::decode::Decoded;
use super::sse::{SseEvent, SseItem, is_done};
use super::{ChatCompletionChunk, ChatCompletionStream, End, Opening};
use crate::error::unexpected_body::BodyForm;
use crate::error::{Error, ErrorKind, Result, ServiceError};

/// So much of a body that is no event stream is read to find out what it says.
const STRAY_BODY: usize = 1024 * 1024;

impl ChatCompletionStream {
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
                    if self.reader.pass_whole(|text| decoder.decode_by_template(text, &mut chunk)) {
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
            self.reader.push_whole(bytes, |text| decoder.decode_by_template(text, &mut chunk));
        } else {
            self.open_with(bytes);
        }
        chunk
    }

    /// Takes what a body begins with. The content type is not to be trusted, the first bytes are.
    #[cold]
    fn open_with(&mut self, bytes: Bytes) {
        if let Opening::Unknown = self.opening {
            match BodyForm::of(&bytes) {
                BodyForm::Empty => {}
                BodyForm::Json | BodyForm::Html => self.opening = Opening::Stray(BytesMut::new()),
                BodyForm::EventStream | BodyForm::Text => self.opening = Opening::Events,
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
        let decoded = match self.decoder.decode(&data) {
            Ok(decoded) => decoded,
            // half an event at the end of the body is a cut, not nonsense
            Err(error) if !complete => {
                let what = format!("the stream ended in the middle of an event: {}", self.missing());
                return Err(Error::new(ErrorKind::Interrupted, what).with_source(error).with_body(data));
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
}
