//! The calls of a small batch without the Batch API, [`RunNow`]: the same results at once, at the full price.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_util::{StreamExt, stream};
use tokio::time::Instant;

use super::client::BatchClient;
use super::custom_id::CustomIds;
use super::item::BatchItem;
use crate::client::ChatClient;
use crate::error::{Error, Result};
use crate::request::ChatCompletionRequest;
use crate::response::{ChatCompletion, ResponseMetadata, Usage};
use crate::transport::{CallOptions, Pacing};

/// The longest pause that a header of the service can cause.
const LONGEST_PAUSE: std::time::Duration = std::time::Duration::from_secs(60);

type Call = Pin<Box<dyn Future<Output = BatchItem> + Send>>;

/// A request, with its id if it has one. Requests and pairs of an id and a request convert.
#[derive(Debug, Clone)]
pub struct BatchRequest {
    custom_id: Option<String>,
    request: ChatCompletionRequest,
}

impl From<ChatCompletionRequest> for BatchRequest {
    fn from(request: ChatCompletionRequest) -> Self {
        Self { custom_id: None, request }
    }
}

impl From<&ChatCompletionRequest> for BatchRequest {
    fn from(request: &ChatCompletionRequest) -> Self {
        Self { custom_id: None, request: request.clone() }
    }
}

impl<S: Into<String>> From<(S, ChatCompletionRequest)> for BatchRequest {
    fn from((custom_id, request): (S, ChatCompletionRequest)) -> Self {
        Self { custom_id: Some(custom_id.into()), request }
    }
}

impl<S: Into<String>> From<(S, &ChatCompletionRequest)> for BatchRequest {
    fn from((custom_id, request): (S, &ChatCompletionRequest)) -> Self {
        (custom_id, request.clone()).into()
    }
}

/// The progress of a [`RunNow`].
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct RunNowStatus {
    /// The requests that were answered.
    pub answered: u64,
    /// The requests that failed.
    pub failed: u64,
    /// The tokens of those that were answered.
    pub usage: Usage,
}

/// The results of requests that are sent now, in the order of their arrival; made by [`BatchClient::run_now`].
///
/// It works while it is polled, and stops when it is dropped.
pub struct RunNow<'a> {
    items: Pin<Box<dyn Stream<Item = BatchItem> + Send + 'a>>,
    status: RunNowStatus,
}

impl BatchClient {
    /// Sends requests to their deployments now, at most `concurrency` at a time (at least one), and returns the results in the
    /// order of their arrival, one for each request. A request that fails, or breaks a rule, is one result with an error.
    ///
    /// Each call is retried by the client's retry policy. When the `x-ratelimit-*` headers of an answer have no remaining
    /// requests or tokens, no other call to that deployment begins before the limit is renewed, for at most a minute. The
    /// iterator is advanced as calls are sent, so it may be endless.
    ///
    /// # Example: three questions, two at a time
    ///
    /// ```no_run
    /// use azure_openai_chat::batch::BatchClient;
    /// use azure_openai_chat::{ApiKey, ChatClient, ChatCompletionRequest};
    /// use futures::StreamExt;
    ///
    /// # async fn run() -> azure_openai_chat::Result<()> {
    /// let client = ChatClient::new("https://my-resource.openai.azure.com", ApiKey::new("key"))?;
    /// let mut requests = Vec::new();
    /// for river in ["Rhine", "Nile", "Amazon"] {
    ///     let request = ChatCompletionRequest::builder("gpt-4o-mini").user(format!("Where is the {river}?")).build()?;
    ///     requests.push((river, request));
    /// }
    /// let mut results = BatchClient::new(&client).run_now(requests, 2);
    /// while let Some(item) = results.next().await {
    ///     println!("{}: {:?}", item.custom_id(), item.result().map(|completion| completion.text()));
    /// }
    /// println!("{} tokens", results.status().usage.total_tokens());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn run_now<'a, I>(&self, requests: I, concurrency: usize) -> RunNow<'a>
    where
        I: IntoIterator<Item: Into<BatchRequest>, IntoIter: Send + 'a>,
    {
        RunNow::new(Box::pin(self.calls(requests.into_iter()).buffer_unordered(concurrency.max(1))))
    }

    /// As [`run_now`](Self::run_now), with the results in the order of the requests: one that takes long holds back those
    /// after it.
    #[must_use]
    pub fn run_now_in_order<'a, I>(&self, requests: I, concurrency: usize) -> RunNow<'a>
    where
        I: IntoIterator<Item: Into<BatchRequest>, IntoIter: Send + 'a>,
    {
        RunNow::new(Box::pin(self.calls(requests.into_iter()).buffered(concurrency.max(1))))
    }

    fn calls<'a, I>(&self, requests: I) -> impl Stream<Item = Call> + Send + use<'a, I>
    where
        I: Iterator<Item: Into<BatchRequest>> + Send + 'a,
    {
        let (client, pace) = (self.client.clone(), Pace::default());
        let mut ids = CustomIds::default();
        stream::iter(requests.map(move |request| {
            let BatchRequest { custom_id, request } = request.into();
            let custom_id = match custom_id {
                Some(id) => {
                    ids.avoid(&id);
                    id
                }
                None => ids.make(),
            };
            let (client, pace) = (client.clone(), pace.clone());
            let call: Call = Box::pin(async move {
                let result = complete(&client, &request, &pace).await;
                BatchItem::new(custom_id, result, None)
            });
            call
        }))
    }
}

async fn complete(client: &ChatClient, request: &ChatCompletionRequest, pace: &Pace) -> Result<ChatCompletion> {
    let deployment = request.deployment().name();
    pace.wait(deployment).await;
    let result = client.complete_with(request, &CallOptions::new()).await;
    let metadata = match &result {
        Ok(completion) => Some(completion.metadata()),
        Err(error) => Error::metadata(error),
    };
    if let Some(metadata) = metadata {
        pace.note(deployment, metadata);
    }
    result
}

/// The moments before which no call to a deployment begins. Clones share them.
#[derive(Clone, Default)]
struct Pace(Arc<Mutex<Vec<(String, Instant)>>>);

impl Pace {
    fn pauses(&self) -> MutexGuard<'_, Vec<(String, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn until(&self, deployment: &str) -> Option<Instant> {
        self.pauses().iter().find(|(name, _)| name == deployment).map(|(_, until)| *until)
    }

    async fn wait(&self, deployment: &str) {
        // another answer may prolong the pause
        while let Some(until) = self.until(deployment).filter(|until| *until > Instant::now()) {
            tokio::time::sleep_until(until).await;
        }
    }

    fn note(&self, deployment: &str, metadata: &ResponseMetadata) {
        let hint = metadata.retry_after().filter(|hint| *hint <= LONGEST_PAUSE);
        let Some(wait) = hint.or_else(|| Pacing::FromHeaders.wait(metadata, LONGEST_PAUSE)) else {
            return;
        };
        let Some(until) = Instant::now().checked_add(wait) else {
            return;
        };
        let mut pauses = self.pauses();
        match pauses.iter_mut().find(|(name, _)| name == deployment) {
            Some((_, known)) => *known = until.max(*known),
            None => pauses.push((deployment.to_owned(), until)),
        }
    }
}

impl<'a> RunNow<'a> {
    fn new(items: Pin<Box<dyn Stream<Item = BatchItem> + Send + 'a>>) -> Self {
        Self { items, status: RunNowStatus::default() }
    }

    /// The next result; `None` when there is no other.
    pub async fn next_item(&mut self) -> Option<BatchItem> {
        self.next().await
    }

    /// The progress.
    #[must_use]
    pub fn status(&self) -> &RunNowStatus {
        &self.status
    }
}

impl Stream for RunNow<'_> {
    type Item = BatchItem;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<BatchItem>> {
        let item = std::task::ready!(self.items.as_mut().poll_next(cx));
        match item.as_ref().map(BatchItem::completion) {
            Some(Some(completion)) => {
                self.status.answered = self.status.answered.saturating_add(1);
                self.status.usage += completion.usage();
            }
            Some(None) => self.status.failed = self.status.failed.saturating_add(1),
            None => {}
        }
        Poll::Ready(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

impl fmt::Debug for RunNow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunNow").field("status", &self.status).finish_non_exhaustive()
    }
}
