//! The bytes of an answer: a whole body within a limit, or a stream within its timeouts.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use reqwest::header::HeaderMap;
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep};

use super::http_error::read_error;
use super::timeout::{Deadline, Timeout};
use crate::error::{Error, ErrorKind, Result};
use crate::response::ResponseMetadata;

/// Upper bound of what is allocated for a `content-length` before the bytes are there.
const LARGEST_PREALLOCATION: usize = 64 * 1024;

/// The status of an answer without a body.
pub(crate) const NO_CONTENT: u16 = 204;

/// The idle timer is re-armed at most this many times per timeout; arming it for each read costs more than the read.
const IDLE_CHECKS: u32 = 8;

/// After the last event of a stream, the rest of its body is read for at most this time and this many bytes.
const DRAIN_TIME: Duration = Duration::from_secs(1);
const DRAIN_BYTES: usize = 64 * 1024;

/// The next piece of a body, or none at its end. Inlined into the caller's future, so that a stream allocates none.
#[inline(always)]
fn poll_piece(response: &mut reqwest::Response, cx: &mut Context<'_>) -> Poll<reqwest::Result<Option<Bytes>>> {
    // a future that was not ready holds nothing: the response itself keeps what has come
    pin!(response.chunk()).poll(cx)
}

async fn next_piece(response: &mut reqwest::Response) -> reqwest::Result<Option<Bytes>> {
    poll_fn(|cx| poll_piece(response, cx)).await
}

/// Reads a whole body of at most `limit` bytes.
pub(crate) async fn read_whole(mut response: reqwest::Response, limit: usize) -> Result<Bytes> {
    let too_large = || {
        Error::new(ErrorKind::Decode, format!("the answer is larger than the limit of {limit} bytes"))
            .with_hint(".max_response_bytes(..) on the client builder raises it")
    };
    let announced = usize::try_from(response.content_length().unwrap_or_default()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(too_large());
    }
    let mut whole = BytesMut::with_capacity(announced.min(LARGEST_PREALLOCATION));
    loop {
        let received = u64::try_from(whole.len()).unwrap_or(u64::MAX);
        match next_piece(&mut response).await.map_err(|error| read_error(error, received))? {
            None => return Ok(whole.freeze()),
            Some(chunk) if whole.len().saturating_add(chunk.len()) > limit => return Err(too_large()),
            Some(chunk) => whole.extend_from_slice(&chunk),
        }
    }
}

/// Reads the beginning of an error's body, within a limit and a time. A body that breaks off does not hide the status.
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

/// Reads the rest of an answer, usually nothing but the terminating chunk, so that its connection can serve another
/// call: at once if it is there, else in the background.
fn drain(mut response: reqwest::Response) {
    let mut left = DRAIN_BYTES;
    loop {
        match next_piece(&mut response).now_or_never() {
            Some(Ok(Some(bytes))) if bytes.len() <= left => left = left.saturating_sub(bytes.len()),
            Some(_) => return,
            None => break,
        }
    }
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(async move { read_some(response, left, DRAIN_TIME).await });
    }
}

/// The timeouts of a stream. Only time spent waiting for the service counts as silence; how long the reader takes does
/// not.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct StreamTimeouts {
    idle: Duration,
    /// Of the whole call.
    end: Option<Deadline>,
    /// The earlier of `end` and that of the first event, which ends with that event.
    fixed: Option<Deadline>,
}

/// The timer of a stream that waits.
struct Timer {
    sleep: Pin<Box<Sleep>>,
    /// The task that it wakes.
    waker: Waker,
}

/// A streamed answer. Dropping it closes its connection over HTTP/1.1, and resets its stream over HTTP/2.
///
/// What each read touches is side by side, before the response: among thousands of streams it is not in the processor's
/// cache.
#[repr(C)]
pub(crate) struct ByteStream {
    metadata: Arc<ResponseMetadata>,
    deployment: String,
    timeouts: StreamTimeouts,
    first: Option<Bytes>,
    received: u64,
    /// When the current silence was first noticed.
    silent_since: Option<Instant>,
    /// Set to no later than the earliest deadline.
    timer: Option<Timer>,
    /// None once it has ended, well or badly.
    response: Option<reqwest::Response>,
}

impl ByteStream {
    pub(crate) fn new(
        mut response: reqwest::Response,
        timeouts: StreamTimeouts,
        metadata: Arc<ResponseMetadata>,
        deployment: String,
    ) -> Self {
        // the metadata has them, and a stream may be open for long
        *response.headers_mut() = HeaderMap::new();
        response.extensions_mut().clear();
        Self {
            response: Some(response),
            first: None,
            received: 0,
            timeouts,
            silent_since: None,
            timer: None,
            metadata,
            deployment,
        }
    }

    /// Waits for the first bytes, so that a stream that breaks before them can be retried. False when it ended before them.
    pub(crate) async fn wait_for_first(&mut self) -> Result<bool> {
        // HTTP/2 has pieces without bytes
        while self.first.as_ref().is_none_or(Bytes::is_empty) && self.response.is_some() {
            self.first = None;
            self.first = poll_fn(|cx| self.poll_next(cx)).await.transpose()?;
        }
        Ok(self.first.is_some())
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
                if let Some(timeout) = self.timeouts.overdue() {
                    return Poll::Ready(Some(Err(self.fail(timeout.error()))));
                }
                let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                if self.received == 0 {
                    // the idle timeout counts from here on, and may end sooner than the timer
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
            Poll::Pending => match self.poll_timeouts(cx) {
                Poll::Ready(timeout) => Poll::Ready(Some(Err(self.fail(timeout.error())))),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    /// The first event has come: from here on only the idle timeout and the end of the call count.
    pub(crate) fn note_event(&mut self) {
        self.timeouts.fixed = self.timeouts.end;
    }

    /// Ends a stream whose last event was read, and gives its connection back.
    pub(crate) fn finish(mut self) {
        if let Some(response) = self.response.take() {
            drain(response);
        }
    }

    /// Closes the connection, also where the stream itself is kept.
    pub(super) fn fail(&mut self, error: Error) -> Error {
        self.response = None;
        self.timer = None;
        error.with_metadata(Arc::clone(&self.metadata)).with_deployment(&self.deployment)
    }

    /// The timeout that has run out. The timer is left as it is while bytes keep coming; when it fires, it is set anew
    /// from the time of the last bytes.
    fn poll_timeouts(&mut self, cx: &mut Context<'_>) -> Poll<Timeout> {
        if let Some(timer) = &self.timer
            && timer.waker.will_wake(cx.waker())
            && !timer.sleep.is_elapsed()
        {
            return Poll::Pending;
        }
        let mut sleep = self.timer.take().map(|timer| timer.sleep);
        loop {
            let now = Instant::now();
            let since = *self.silent_since.get_or_insert(now);
            // before the first byte the timeout of the first event counts
            let idle = Timeout::Idle(self.timeouts.idle).deadline_from(since).filter(|_| self.received > 0);
            let check = idle.and_then(|_| now.checked_add(self.timeouts.idle / IDLE_CHECKS));
            let Some(deadline) = Deadline::earliest([idle, self.timeouts.fixed]) else {
                return Poll::Pending;
            };
            if deadline.at <= now {
                return Poll::Ready(deadline.timeout);
            }
            let next = check.map_or(deadline.at, |check| check.min(deadline.at));
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
        // without budget the timer does not register the task, which tokio polls again at once
        if tokio::task::coop::has_budget_remaining() {
            self.timer = sleep.map(|sleep| Timer { sleep, waker: cx.waker().clone() });
        }
        Poll::Pending
    }
}

impl StreamTimeouts {
    pub(crate) fn new(idle: Duration, first_event: Option<Deadline>, end: Option<Deadline>) -> Self {
        Self { idle, end, fixed: Deadline::earliest([first_event, end]) }
    }

    /// A timeout that ran out although bytes keep coming. The idle timeout cannot.
    fn overdue(&self) -> Option<Timeout> {
        let deadline = self.fixed?;
        (deadline.at <= Instant::now()).then_some(deadline.timeout)
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
