//! The bytes of an answer: whole and bounded, or as they come and under watch.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_util::{FutureExt, StreamExt};
use tokio::time::{Instant, Sleep};

use super::clock::{Clock, Limit};
use super::http::read_error;
use crate::error::{Error, ErrorKind, Result};
use crate::response::ResponseMetadata;

/// What is left after the end of a stream is read for at most this long and far.
const DRAIN_TIME: Duration = Duration::from_secs(1);
const DRAIN_BYTES: usize = 64 * 1024;

/// Reads a whole body of at most `limit` bytes.
pub(crate) async fn read_whole(mut response: reqwest::Response, limit: usize) -> Result<Bytes> {
    let too_large = || Error::new(ErrorKind::Decode, format!("the answer is larger than the limit of {limit} bytes"));
    let announced = usize::try_from(response.content_length().unwrap_or_default()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(too_large());
    }
    // what a server announces is believed only as far as it costs nothing
    let mut whole = BytesMut::with_capacity(announced.min(DRAIN_BYTES));
    loop {
        let received = u64::try_from(whole.len()).unwrap_or(u64::MAX);
        match response.chunk().await.map_err(|error| read_error(error, received))? {
            None => return Ok(whole.freeze()),
            Some(chunk) if whole.len().saturating_add(chunk.len()) > limit => return Err(too_large()),
            Some(chunk) => whole.extend_from_slice(&chunk),
        }
    }
}

/// Reads what of an error's body comes soon and fits; a broken rest does not hide the status.
pub(crate) async fn read_some(mut response: reqwest::Response, limit: usize, time: Duration) -> Bytes {
    let mut some = BytesMut::new();
    let reading = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            let room = limit.saturating_sub(some.len()).min(chunk.len());
            some.extend_from_slice(&chunk.slice(..room));
            if some.len() >= limit {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(time, reading).await;
    some.freeze()
}

type Body = Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>;

/// The clocks of a stream. Only time spent waiting for the service counts as silence; how long the reader
/// takes does not.
#[derive(Debug)]
pub(crate) struct Clocks {
    pub(crate) idle: Duration,
    /// Until the first event.
    pub(crate) first_event: Option<Limit>,
    /// Of the whole call.
    pub(crate) end: Option<Limit>,
}

/// A streamed answer. Dropping it closes it at once.
pub(crate) struct ByteStream {
    /// None once it has ended, well or badly.
    body: Option<Body>,
    first: Option<Bytes>,
    received: u64,
    clocks: Clocks,
    waiting_since: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
    /// Whom the timer wakes.
    watcher: Option<Waker>,
    metadata: Arc<ResponseMetadata>,
    deployment: String,
}

impl ByteStream {
    pub(crate) fn new(
        response: reqwest::Response,
        clocks: Clocks,
        metadata: Arc<ResponseMetadata>,
        deployment: String,
    ) -> Self {
        Self {
            body: Some(Box::pin(response.bytes_stream())),
            first: None,
            received: 0,
            clocks,
            waiting_since: None,
            sleep: None,
            watcher: None,
            metadata,
            deployment,
        }
    }

    /// Waits for the first bytes, so that a stream that breaks before them can be asked for anew.
    pub(crate) async fn wait_for_first(&mut self) -> Result<()> {
        let first = std::future::poll_fn(|cx| self.poll_next(cx)).await.transpose()?;
        self.first = first;
        Ok(())
    }

    pub(crate) fn metadata(&self) -> &Arc<ResponseMetadata> {
        &self.metadata
    }

    /// The next bytes, or none at the end of the body. After an error the stream has ended.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        match body.as_mut().poll_next(cx) {
            Poll::Ready(Some(Ok(bytes))) => {
                self.waiting_since = None;
                if let Some(clock) = self.clocks.overdue() {
                    return Poll::Ready(Some(Err(self.fail(clock.error()))));
                }
                let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                self.received = self.received.saturating_add(length);
                Poll::Ready(Some(Ok(bytes)))
            }
            Poll::Ready(Some(Err(error))) => {
                let error = read_error(error, self.received);
                Poll::Ready(Some(Err(self.fail(error))))
            }
            Poll::Ready(None) => {
                self.body = None;
                Poll::Ready(None)
            }
            Poll::Pending => match self.poll_clocks(cx) {
                Poll::Ready(clock) => Poll::Ready(Some(Err(self.fail(clock.error())))),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    /// The first event has come, so only silence and the deadline count from here on.
    pub(crate) fn note_event(&mut self) {
        self.clocks.first_event = None;
    }

    /// Ends a stream whose last event was read. What is left of the body, usually nothing but its
    /// terminator, is read if it is there and else drained in the background, bounded in time and bytes, so that
    /// the connection can serve the next call without making anyone wait.
    pub(crate) fn finish(mut self) {
        let Some(mut body) = self.body.take() else { return };
        let mut left = DRAIN_BYTES;
        loop {
            match body.next().now_or_never() {
                Some(Some(Ok(bytes))) if bytes.len() <= left => left = left.saturating_sub(bytes.len()),
                Some(_) => return,
                None => break,
            }
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        runtime.spawn(tokio::time::timeout(DRAIN_TIME, async move {
            while let Some(Ok(bytes)) = body.next().await {
                if bytes.len() > left {
                    return;
                }
                left = left.saturating_sub(bytes.len());
            }
        }));
    }

    /// Closes the connection with the error, also when the stream itself is kept.
    fn fail(&mut self, error: Error) -> Error {
        self.body = None;
        self.sleep = None;
        error.with_metadata(Arc::clone(&self.metadata)).with_deployment(&self.deployment)
    }

    /// Waits for the clock that runs out first. A limit mostly moves later, and then the timer is moved when
    /// it rings, not with each read.
    fn poll_clocks(&mut self, cx: &mut Context<'_>) -> Poll<Clock> {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        // before the first byte it is the first event that is waited for
        let idle = Clock::Idle(self.clocks.idle).from(since).filter(|_| self.received > 0);
        let Some(limit) = Limit::first([idle, self.clocks.first_event, self.clocks.end]) else {
            return Poll::Pending;
        };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(limit.at)));
        if limit.at < sleep.deadline() {
            sleep.as_mut().reset(limit.at);
        } else if !sleep.is_elapsed() && self.watcher.as_ref().is_some_and(|watcher| watcher.will_wake(cx.waker())) {
            // the timer runs and wakes this task: polling it again with each read would change nothing
            return Poll::Pending;
        }
        // without budget the timer takes no notice of the task, which is polled again at once
        self.watcher = tokio::task::coop::has_budget_remaining().then(|| cx.waker().clone());
        while sleep.as_mut().poll(cx).is_ready() {
            if limit.at <= Instant::now() {
                return Poll::Ready(limit.clock);
            }
            sleep.as_mut().reset(limit.at);
        }
        Poll::Pending
    }
}

impl Clocks {
    /// A clock that ran out although bytes keep coming. Idle cannot.
    fn overdue(&self) -> Option<Clock> {
        let limit = Limit::first([self.first_event, self.end])?;
        (limit.at <= Instant::now()).then_some(limit.clock)
    }
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteStream")
            .field("received", &self.received)
            .field("has_ended", &self.body.is_none())
            .finish_non_exhaustive()
    }
}
