//! The observers of a client: what they get, and in which order.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::summary::CallSummary;
use crate::transport::{AttemptEvent, RetryEvent};
use crate::wire::getters;

/// Gets the events of a client's calls; set by [`ClientBuilder::observer`](crate::ClientBuilder::observer).
///
/// For each call: [`on_attempt`](Self::on_attempt) before each attempt, [`on_retry`](Self::on_retry) for each that failed
/// and is followed by another, [`on_first_chunk`](Self::on_first_chunk) for a stream, and once
/// [`on_end`](Self::on_end), whether the call was completed, failed or dropped. A stream ends when it was read to its end,
/// fails, or is dropped. A request that is refused before it is sent has only the end. All events of a call have its
/// [`client_request_id`](CallSummary::client_request_id).
///
/// Events hold no key, no token and nothing of prompt or answer. The methods run inside the call and should return at
/// once. A panic in one is logged once, at WARN, and does not end the call. A client without observers keeps no record of a
/// call, unless its end is logged at DEBUG. A call that is repaired (`repair_once`) has a failed attempt without a retry
/// event. Calls of Global Batch have no deployment.
///
/// What is logged without an observer is in the documentation of [`transport`](crate::transport#logging).
///
/// # Example: a line for each call, by deployment
///
/// ```
/// use azure_openai_chat::{ApiKey, CallEnd, CallSummary, ChatClient, Observer};
///
/// struct Lines;
///
/// impl Observer for Lines {
///     fn on_end(&self, call: &CallSummary) {
///         let tokens = call.usage().map_or(0, |usage| usage.total_tokens());
///         match call.end() {
///             CallEnd::Completed => println!("{}: {tokens} tokens in {:?}", call.deployment(), call.duration()),
///             end => println!("{}: {end} after {} attempts", call.deployment(), call.attempts()),
///         }
///     }
/// }
///
/// let client = ChatClient::builder("https://my-resource.openai.azure.com", ApiKey::new("key")).observer(Lines).build()?;
/// # let _ = client;
/// # Ok::<(), azure_openai_chat::Error>(())
/// ```
pub trait Observer: Send + Sync {
    /// An attempt is about to be sent.
    fn on_attempt(&self, attempt: &AttemptEvent) {
        let _ = attempt;
    }

    /// An attempt failed, and another follows after a wait.
    fn on_retry(&self, retry: &RetryEvent) {
        let _ = retry;
    }

    /// The first chunk of a stream was read.
    fn on_first_chunk(&self, chunk: &FirstChunkEvent) {
        let _ = chunk;
    }

    /// The call has ended.
    fn on_end(&self, call: &CallSummary) {
        let _ = call;
    }
}

impl<O: Observer + ?Sized> Observer for Arc<O> {
    fn on_attempt(&self, attempt: &AttemptEvent) {
        (**self).on_attempt(attempt);
    }

    fn on_retry(&self, retry: &RetryEvent) {
        (**self).on_retry(retry);
    }

    fn on_first_chunk(&self, chunk: &FirstChunkEvent) {
        (**self).on_first_chunk(chunk);
    }

    fn on_end(&self, call: &CallSummary) {
        (**self).on_end(call);
    }
}

/// The first chunk of a stream, as [`Observer::on_first_chunk`] gets it. Holds nothing of the answer.
#[derive(Debug, Clone)]
pub struct FirstChunkEvent {
    pub(super) deployment: Arc<str>,
    pub(super) client_request_id: Arc<str>,
    pub(super) time_to_first_chunk: Duration,
}

getters! { event: FirstChunkEvent => event;
    /// The deployment of the request.
    deployment: Text;
    /// The id that all attempts of the call share.
    client_request_id: Text;
    /// The time from the start of the call to its first chunk, retries included.
    time_to_first_chunk: Plain<Duration>;
}

/// The observers of a client, in the order in which they were set.
#[derive(Default)]
pub(super) struct Observers {
    list: Vec<Box<dyn Observer>>,
    has_panicked: AtomicBool,
}

impl Observers {
    pub(super) fn push(&mut self, observer: impl Observer + 'static) {
        self.list.push(Box::new(observer));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn notify(&self, call: impl Fn(&dyn Observer)) {
        for observer in &self.list {
            let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| call(observer.as_ref())));
            if outcome.is_err() && !self.has_panicked.swap(true, Ordering::Relaxed) {
                tracing::warn!("an observer panicked; the call goes on");
            }
        }
    }
}
