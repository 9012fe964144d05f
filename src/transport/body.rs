//! The bytes of an answer: whole and bounded, or as they come and under watch.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::HeaderMap;
use tokio::time::{Instant, Sleep};

use super::clock::{Clock, Limit};
use super::drain::Drains;
use super::http_error::read_error;
use crate::error::{Error, ErrorKind, Result};
use crate::response::ResponseMetadata;

/// What a server announces is believed only as far as it costs nothing.
const BELIEVED: usize = 64 * 1024;

/// The status of an answer without a body.
pub(crate) const NO_CONTENT: u16 = 204;

/// How often silence is looked for before it has lasted too long.
const LOOKS: u32 = 8;

/// The next piece of a body, or none at its end. This is the only place that asks for one, so that the future is
/// compiled into whoever waits and costs a stream nothing.
#[inline]
fn poll_piece(response: &mut reqwest::Response, cx: &mut Context<'_>) -> Poll<reqwest::Result<Option<Bytes>>> {
    // nothing is lost with a future that was not ready: the response itself keeps what it has
    pin!(response.chunk()).poll(cx)
}

/// The same, to wait for.
pub(super) async fn next_piece(response: &mut reqwest::Response) -> reqwest::Result<Option<Bytes>> {
    poll_fn(|cx| poll_piece(response, cx)).await
}

/// Reads a whole body of at most `limit` bytes.
pub(crate) async fn read_whole(mut response: reqwest::Response, limit: usize) -> Result<Bytes> {
    let too_large = || Error::new(ErrorKind::Decode, format!("the answer is larger than the limit of {limit} bytes"));
    let announced = usize::try_from(response.content_length().unwrap_or_default()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(too_large());
    }
    let mut whole = BytesMut::with_capacity(announced.min(BELIEVED));
    loop {
        let received = u64::try_from(whole.len()).unwrap_or(u64::MAX);
        match next_piece(&mut response).await.map_err(|error| read_error(error, received))? {
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
        while let Ok(Some(chunk)) = next_piece(&mut response).await {
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

/// The clocks of a stream. Only time spent waiting for the service counts as silence; how long the reader
/// takes does not.
#[derive(Debug)]
pub(crate) struct Clocks {
    idle: Duration,
    /// Of the whole call.
    end: Option<Limit>,
    /// Until the first event, or else the end.
    fixed: Option<Limit>,
}

/// The timer that is set for the clock that runs out first.
struct Timer {
    sleep: Pin<Box<Sleep>>,
    /// Whom it wakes.
    watcher: Waker,
}

/// A streamed answer. Dropping it closes its connection over HTTP/1.1, and resets its stream over HTTP/2.
pub(crate) struct ByteStream {
    /// None once it has ended, well or badly.
    response: Option<reqwest::Response>,
    first: Option<Bytes>,
    received: u64,
    clocks: Clocks,
    /// Since when nothing has come, as far as that was looked at.
    silent_since: Option<Instant>,
    /// Set to no later than the first of the clocks.
    timer: Option<Timer>,
    metadata: Arc<ResponseMetadata>,
    deployment: String,
    drains: Arc<Drains>,
}

impl ByteStream {
    pub(crate) fn new(
        mut response: reqwest::Response,
        clocks: Clocks,
        metadata: Arc<ResponseMetadata>,
        deployment: String,
        drains: Arc<Drains>,
    ) -> Self {
        // the metadata has them, and a stream may be open for long
        *response.headers_mut() = HeaderMap::new();
        response.extensions_mut().clear();
        Self {
            response: Some(response),
            first: None,
            received: 0,
            clocks,
            silent_since: None,
            timer: None,
            metadata,
            deployment,
            drains,
        }
    }

    /// Waits for the first bytes, so that a stream that breaks or ends before them can be asked for anew.
    pub(crate) async fn wait_for_first(&mut self) -> Result<()> {
        // HTTP/2 has pieces without bytes
        while self.first.as_ref().is_none_or(Bytes::is_empty) && self.response.is_some() {
            self.first = None;
            self.first = poll_fn(|cx| self.poll_next(cx)).await.transpose()?;
        }
        if self.first.is_none() && self.metadata.status() != NO_CONTENT {
            return Err(self.fail(Error::new(ErrorKind::Interrupted, "the answer ended before its first event")));
        }
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
        let Some(response) = &mut self.response else {
            return Poll::Ready(None);
        };
        match poll_piece(response, cx) {
            Poll::Ready(Ok(Some(bytes))) => {
                self.silent_since = None;
                if let Some(clock) = self.clocks.overdue() {
                    return Poll::Ready(Some(Err(self.fail(clock.error()))));
                }
                let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                if self.received == 0 {
                    // from here on silence counts, which may be sooner than what the timer is set to
                    self.timer = None;
                }
                self.received = self.received.saturating_add(length);
                Poll::Ready(Some(Ok(bytes)))
            }
            Poll::Ready(Err(error)) => {
                let error = read_error(error, self.received);
                Poll::Ready(Some(Err(self.fail(error))))
            }
            Poll::Ready(Ok(None)) => {
                self.response = None;
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
        self.clocks.fixed = self.clocks.end;
    }

    /// Ends a stream whose last event was read, and lets the connection serve the next call.
    pub(crate) fn finish(mut self) {
        if let Some(response) = self.response.take() {
            self.drains.drain(response);
        }
    }

    /// Closes the connection with the error, also when the stream itself is kept.
    fn fail(&mut self, error: Error) -> Error {
        self.response = None;
        self.timer = None;
        error.with_metadata(Arc::clone(&self.metadata)).with_deployment(&self.deployment)
    }

    /// Waits for the clock that runs out first. While bytes keep coming nobody asks what time it is: the timer
    /// rings now and then, and only what has come since then is asked.
    fn poll_clocks(&mut self, cx: &mut Context<'_>) -> Poll<Clock> {
        if let Some(timer) = &self.timer
            && timer.watcher.will_wake(cx.waker())
            && !timer.sleep.is_elapsed()
        {
            return Poll::Pending;
        }
        let timer = self.timer.take();
        let mut sleep = timer.map(|timer| timer.sleep);
        loop {
            let now = Instant::now();
            let since = *self.silent_since.get_or_insert(now);
            // before the first byte it is the first event that is waited for
            let idle = Clock::Idle(self.clocks.idle).from(since).filter(|_| self.received > 0);
            let look = idle.and_then(|_| now.checked_add(self.clocks.idle / LOOKS));
            let Some(limit) = Limit::first([idle, self.clocks.fixed]) else {
                return Poll::Pending;
            };
            if limit.at <= now {
                return Poll::Ready(limit.clock);
            }
            let next = look.map_or(limit.at, |look| look.min(limit.at));
            let sleep = match &mut sleep {
                Some(sleep) if sleep.is_elapsed() => {
                    sleep.as_mut().reset(next);
                    sleep
                }
                Some(sleep) => sleep,
                None => sleep.insert(Box::pin(tokio::time::sleep_until(next))),
            };
            if sleep.as_mut().poll(cx).is_pending() {
                break;
            }
        }
        // without budget the timer takes no notice of the task, which is polled again at once
        if tokio::task::coop::has_budget_remaining() {
            self.timer = sleep.map(|sleep| Timer { sleep, watcher: cx.waker().clone() });
        }
        Poll::Pending
    }
}

impl Clocks {
    pub(crate) fn new(idle: Duration, first_event: Option<Limit>, end: Option<Limit>) -> Self {
        Self { idle, end, fixed: Limit::first([first_event, end]) }
    }

    /// A clock that ran out although bytes keep coming. Idle cannot.
    fn overdue(&self) -> Option<Clock> {
        let limit = self.fixed?;
        (limit.at <= Instant::now()).then_some(limit.clock)
    }
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteStream")
            .field("received", &self.received)
            .field("has_ended", &self.response.is_none())
            .finish_non_exhaustive()
    }
}
