//! The answer of a stream as far as it was read, [`StreamedAnswer`]: the sum of its chunks, its end, and the errors of an
//! answer that is not complete.

use std::mem;
use std::sync::Arc;

use bytes::Bytes;

use super::chunk::ChatCompletionChunk;
use super::fold::ChunkFold;
use super::observer::{StreamEnd, StreamObserver};
use crate::error::{Error, ErrorKind, Result, ServiceError, completion_or_error, unexpected_body};
use crate::response::body_form::BodyForm;
use crate::response::{ChatCompletion, ResponseMetadata, Usage};

/// An answer as far as it came. Its observer is notified when it is dropped with its stream.
#[repr(C)]
pub(super) struct StreamedAnswer {
    pub(super) metadata: Arc<ResponseMetadata>,
    deployment: Option<String>,
    expected_choices: usize,
    observer: Option<Box<dyn StreamObserver>>,
    /// A whole completion that came in place of an event stream.
    whole: Option<Box<ChatCompletion>>,
    pub(super) fold: ChunkFold,
    /// Whether the observer gets the next chunk, and not only the end.
    observes_chunks: bool,
    end: End,
}

#[derive(Debug)]
enum End {
    /// More may come.
    Open,
    /// The answer is complete: `[DONE]` came, or all finish reasons and the end of the body.
    Done,
    /// This error was returned.
    Failed(Error),
}

impl StreamedAnswer {
    pub(super) fn new(metadata: Arc<ResponseMetadata>) -> Self {
        Self {
            metadata,
            deployment: None,
            expected_choices: 1,
            observer: None,
            whole: None,
            fold: ChunkFold::new(),
            observes_chunks: false,
            end: End::Open,
        }
    }

    /// Sets the deployment, which errors name, and the `n` of the request.
    #[cfg(feature = "client")]
    pub(super) fn set_call(&mut self, deployment: &str, choices: u64) {
        self.deployment = Some(deployment.to_owned());
        self.expected_choices = usize::try_from(choices).unwrap_or(1);
    }

    #[cfg(feature = "client")]
    pub(super) fn set_observer(&mut self, observer: Option<Box<dyn StreamObserver>>) {
        self.observes_chunks = observer.is_some();
        self.observer = observer;
    }

    /// Adds a chunk. Returns whether it is the first.
    pub(super) fn push_chunk(&mut self, chunk: &ChatCompletionChunk) -> bool {
        // the first chunk never appends, so that those that do need not look for the first
        let is_first = !self.fold.append(chunk) && {
            self.fold.merge(chunk);
            self.fold.chunk_count() == 1
        };
        if self.observes_chunks {
            self.observes_chunks = self.observer.as_mut().is_some_and(|observer| observer.on_chunk(chunk));
        }
        is_first
    }

    pub(super) fn is_complete(&self) -> bool {
        matches!(self.end, End::Done)
    }

    pub(super) fn has_ended(&self) -> bool {
        !matches!(self.end, End::Open)
    }

    /// The text of the first choice.
    pub(super) fn text(&self) -> &str {
        let text = match &self.whole {
            Some(whole) => whole.text(),
            None => self.fold.content(0),
        };
        text.unwrap_or_default()
    }

    pub(super) fn usage(&self) -> Option<&Usage> {
        match &self.whole {
            Some(whole) => whole.has_usage().then(|| whole.usage()),
            None => self.fold.usage(),
        }
    }

    pub(super) fn partial(&self) -> ChatCompletion {
        let whole = self.whole.as_deref().cloned();
        let completion =
            whole.unwrap_or_else(|| self.fold.clone().into_whole()).with_metadata(Arc::clone(&self.metadata));
        if self.is_complete() { completion } else { completion.into_partial() }
    }

    /// The completion of an answer that is complete, without a copy; else the error that ended it.
    pub(super) fn take_completion(&mut self) -> Result<ChatCompletion> {
        match &self.end {
            End::Done => Ok(mem::take(&mut self.fold).into_whole().with_metadata(Arc::clone(&self.metadata))),
            End::Failed(error) => Err(error.clone()),
            End::Open => {
                let why = format!("the stream was not read to its end: {}", self.missing());
                Err(self.with_call(Error::new(ErrorKind::Interrupted, why)).with_hint("partial() has what came"))
            }
        }
    }

    /// The answer is complete.
    pub(super) fn complete(&mut self) {
        self.end = End::Done;
        self.observe_end(StreamEnd::Completed);
    }

    /// The answer failed. Returns the error with the call in it.
    pub(super) fn fail(&mut self, error: Error) -> Error {
        let error = self.with_call(error);
        self.observe_end(StreamEnd::Failed(&error));
        self.end = End::Failed(error.clone());
        error
    }

    /// Ends the answer with its body, which had no `[DONE]`: an error, unless it has all finish reasons.
    pub(super) fn end(&mut self) -> Result<()> {
        if self.is_finished() {
            self.complete();
            return Ok(());
        }
        let what = if self.fold.chunk_count() == 0 {
            "the stream ended before its first event".to_owned()
        } else {
            format!("the stream ended before the answer was complete: {}", self.missing())
        };
        Err(Error::new(ErrorKind::Interrupted, what))
    }

    /// Ends the answer at an error of its source: an error, unless it has all finish reasons.
    pub(super) fn end_at(&mut self, error: Error) -> Result<()> {
        if self.is_finished() {
            self.complete();
            return Ok(());
        }
        if self.fold.chunk_count() == 0 || error.kind() != ErrorKind::Interrupted {
            return Err(error);
        }
        Err(error.with_missing(&self.missing()))
    }

    /// Ends the answer with a body that is no event stream: an error, also where it is a whole completion, which is kept.
    pub(super) fn end_with(&mut self, body: Bytes, limit: usize) -> Result<()> {
        // the first byte of a lone `[DONE]` could begin a JSON list
        if super::sse::is_done(&body) {
            self.complete();
            return Ok(());
        }
        self.whole = Some(Box::new(self.read_completion(body, limit)?));
        Err(unexpected_body::whole_completion())
    }

    fn read_completion(&self, body: Bytes, limit: usize) -> Result<ChatCompletion> {
        if body.len() > limit && BodyForm::of(&body) == BodyForm::Json {
            return Err(unexpected_body::too_large(limit));
        }
        match ChatCompletion::from_bytes(body.clone()) {
            Ok(completion) => completion_or_error(completion, body, &self.metadata, true),
            Err(error) => Err(unexpected_body::no_stream(body, &error)),
        }
    }

    fn is_finished(&self) -> bool {
        self.fold.is_finished(self.expected_choices)
    }

    /// The missing parts of an answer that is not complete: finish reasons, `[DONE]`, or both.
    pub(super) fn missing(&self) -> String {
        const NO_DONE: &str = "no `[DONE]` came";
        let (finished, all) = self.fold.finished(self.expected_choices);
        let reasons = match all.saturating_sub(finished) {
            0 => return NO_DONE.to_owned(),
            _ if all == 1 => "no finish reason".to_owned(),
            unfinished if unfinished == all => format!("no finish reason of its {all} choices"),
            unfinished => format!("no finish reason of {unfinished} of its {all} choices"),
        };
        format!("{reasons} and {NO_DONE}")
    }

    /// The error for an error object of the service inside the stream.
    pub(super) fn refusal(&self, refusal: ServiceError) -> Error {
        Error::service(refusal, Arc::clone(&self.metadata))
    }

    /// Adds the metadata of the answer and the deployment.
    fn with_call(&self, mut error: Error) -> Error {
        if self.metadata.status() != 0 {
            error = error.with_metadata(Arc::clone(&self.metadata));
        }
        match &self.deployment {
            Some(deployment) => error.with_deployment(deployment),
            None => error,
        }
    }

    fn observe_end(&mut self, end: StreamEnd<'_>) {
        if let Some(observer) = self.observer.take() {
            observer.on_end(end, &self.fold);
        }
    }
}

impl Drop for StreamedAnswer {
    fn drop(&mut self) {
        self.observe_end(StreamEnd::Dropped);
    }
}
