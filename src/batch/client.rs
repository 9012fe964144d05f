//! The client for files and batches, [`BatchClient`].

use std::fmt;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream;
use futures_util::{TryStreamExt, stream};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::create_batch::CreateBatch;
use super::object::{Batch, BatchFile, Page};
use super::status::{BatchFileStatus, BatchStatus};
use super::upload::Upload;
use super::wait::Waits;
use crate::client::ChatClient;
use crate::error::{Error, ErrorKind, Result};
use crate::response::ResponseMetadata;
use crate::transport::body::ByteStream;
use crate::transport::{Call, CallOptions, Method, RequestBody};

/// The time between two polls of a batch. The guide recommends at least a minute.
const POLL_INTERVAL: Duration = Duration::from_secs(60);

/// The time for a whole call. A file of 200 MB takes half an hour on a line of 1 Mbit/s.
const CALL_TIMEOUT: Duration = Duration::from_secs(3600);

/// Files and batches of a resource, with the connections, the authentication and the retries of a [`ChatClient`].
///
/// Files and batches belong to one resource: of several backends the first is called.
///
/// An upload, and the creation of a batch, are retried only where the service cannot have accepted them: without a
/// connection, and after a 429. After any other failure [`Error::may_have_reached_service`] is true when they may have been
/// accepted; a [`BatchRun`](super::BatchRun) looks them up.
///
/// # Example: from a file to its results
///
/// ```no_run
/// use azure_openai_chat::{ApiKey, ChatClient};
/// use azure_openai_chat::batch::BatchClient;
/// use futures::TryStreamExt;
///
/// # async fn run() -> azure_openai_chat::Result<()> {
/// let client = ChatClient::new("https://my-resource.openai.azure.com", ApiKey::new("key"))?;
/// let batches = BatchClient::new(&client);
/// let file = batches.upload("input.jsonl").await?;
/// let file = batches.wait_for_file(file.id().unwrap_or_default()).await?;
/// let batch = batches.submit(&file).await?;
/// let batch = batches.wait(batch.id().unwrap_or_default()).await?;
/// let mut results = batches.results(&batch);
/// while let Some(item) = results.try_next().await? {
///     match item.result() {
///         Ok(completion) => println!("{}: {}", item.custom_id(), completion.text().unwrap_or_default()),
///         Err(error) => println!("{}: {error}", item.custom_id()),
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch>
#[derive(Clone)]
pub struct BatchClient {
    pub(super) client: ChatClient,
    options: CallOptions,
    pub(super) poll_interval: Duration,
}

impl BatchClient {
    /// The files and batches of the client's resource.
    #[must_use]
    pub fn new(client: &ChatClient) -> Self {
        let options = CallOptions::new().answer_timeout(CALL_TIMEOUT);
        Self { client: client.clone(), options, poll_interval: POLL_INTERVAL }
    }

    /// Sets options for every call of files and batches, in preference to those of the client. When unset, a call may take an
    /// hour, since a large file on a slow line does.
    #[must_use]
    pub fn with_options(mut self, options: CallOptions) -> Self {
        self.options = options.over(&self.options);
        self
    }

    /// Sets the time between two polls of a batch or a file; 60 seconds by default, which is the least that the guide allows.
    /// Zero counts as a millisecond. It grows up to five times, and each wait has up to a tenth more, by chance. Waits for
    /// quota start with this time and double, up to sixteen times.
    #[must_use]
    pub fn with_poll_interval(mut self, interval: Duration) -> Self {
        self.poll_interval = interval.max(Duration::from_millis(1));
        self
    }

    /// The client that sends the calls.
    #[must_use]
    pub fn client(&self) -> &ChatClient {
        &self.client
    }

    /// Uploads a file of requests.
    ///
    /// # Errors
    ///
    /// Any [`ErrorKind`]; `Config` when the file cannot be read. When [`Error::may_have_reached_service`] is true, the file may
    /// be on the resource.
    pub async fn upload(&self, upload: impl Into<Upload>) -> Result<BatchFile> {
        with_id(self.call(Method::POST, &["files"], &[], upload.into().body()?).await?, BatchFile::id)
    }

    /// A file, as it is now.
    ///
    /// # Errors
    ///
    /// Any [`ErrorKind`]; a file that does not exist is a 404.
    pub async fn file(&self, id: &str) -> Result<BatchFile> {
        self.call(Method::GET, &["files", id], &[], RequestBody::None).await.map(|(file, _)| file)
    }

    /// Waits until a file can be used.
    ///
    /// # Errors
    ///
    /// As [`file`](Self::file); [`ErrorKind::Service`] when the service could not process it.
    pub async fn wait_for_file(&self, id: &str) -> Result<BatchFile> {
        let is_ready = |file: &BatchFile| {
            use BatchFileStatus::{Deleted, Deleting, Error, Processed};
            matches!(file.status(), Processed | Error | Deleting | Deleted)
        };
        let file = self.poll(&["files", id], Waits::for_file(self.poll_interval), is_ready).await?;
        if file.status() == BatchFileStatus::Processed {
            return Ok(file);
        }
        let text = format!("the service could not process the file: its status is '{}'", file.status());
        // the details may quote the file
        Err(Error::new(ErrorKind::Service, text).with_hint("`status_details()` of the file has the reason"))
    }

    /// All files of the resource, page by page, the newest first where the service sorts them.
    ///
    /// # Errors
    ///
    /// Any [`ErrorKind`], as an item; the stream then ends.
    pub fn files(&self) -> impl Stream<Item = Result<BatchFile>> + Send + Unpin + use<> {
        Box::pin(self.clone().pages("files", &[("purpose", "batch")]))
    }

    /// Deletes a file.
    ///
    /// # Errors
    ///
    /// Any [`ErrorKind`]; a file that does not exist is a 404.
    pub async fn delete_file(&self, id: &str) -> Result<()> {
        let deleted: Result<(Value, _)> = self.call(Method::DELETE, &["files", id], &[], RequestBody::None).await;
        match deleted {
            // some services answer without a body
            Err(error) if error.kind() == ErrorKind::Decode && error.status() == Some(204) => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Creates a batch for a file that is processed. While the service refuses it because the quota of enqueued tokens is
    /// full, it waits and tries again, with growing pauses and without end.
    ///
    /// Most regions check the quota after the creation, and the batch fails; see [`submit`](Self::submit).
    ///
    /// # Errors
    ///
    /// Any [`ErrorKind`]. When the service may have accepted it although no answer came, the batch is looked up by its file;
    /// the error is returned when there is none.
    pub async fn create(&self, batch: impl Into<CreateBatch>) -> Result<Batch> {
        self.create_waiting(&batch.into(), &mut Waits::for_quota(self.poll_interval)).await
    }

    /// Creates a batch and waits until its input is checked. While it fails because the quota of enqueued tokens is full,
    /// it waits and creates another, with growing pauses and without end.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create). A batch that failed for another reason is no error of this call: see
    /// [`Batch::status`].
    pub async fn submit(&self, batch: impl Into<CreateBatch>) -> Result<Batch> {
        let batch = batch.into();
        let mut quota = Waits::for_quota(self.poll_interval);
        loop {
            let created = self.create_waiting(&batch, &mut quota).await?;
            let id = created.id().unwrap_or_default();
            let checked = self.wait_until(id, |batch| batch.status() != BatchStatus::Validating).await?;
            if !checked.is_over_quota() {
                return Ok(checked);
            }
            tracing::debug!(batch = id, "the quota of enqueued tokens is full; waiting to create another");
            quota.sleep(None).await;
        }
    }

    async fn create_waiting(&self, batch: &CreateBatch, quota: &mut Waits) -> Result<Batch> {
        loop {
            match self.create_once(batch).await {
                Err(error) if is_over_quota(&error) => quota.sleep(error.retry_after()).await,
                Err(error) if error.may_have_reached_service() && error.is_retryable() => {
                    // a batch that has ended was created by an earlier call
                    let is_new = |found: &Batch| !found.status().is_final();
                    return self.find_batch(&batch.input_file_id, is_new).await?.ok_or(error);
                }
                other => return other,
            }
        }
    }

    /// Sends one creation.
    pub(super) async fn create_once(&self, batch: &CreateBatch) -> Result<Batch> {
        let body = serde_json::to_vec(&batch.body()).map_err(|error| {
            Error::new(ErrorKind::InvalidRequest, "the batch cannot be written as JSON").with_source(error)
        })?;
        with_id(self.call(Method::POST, &["batches"], &[], RequestBody::Json(body.into())).await?, Batch::id)
    }

    /// The newest batch of an input file that `is_it` accepts.
    pub(super) async fn find_batch(
        &self,
        input_file_id: &str,
        is_it: impl Fn(&Batch) -> bool + Send + Sync,
    ) -> Result<Option<Batch>> {
        let is_of_file = |batch: &Batch| batch.input_file_id() == Some(input_file_id) && batch.id().is_some();
        self.batches().try_filter(|batch| ready(is_of_file(batch) && is_it(batch))).try_next().await
    }

    /// The file with this name, if it was uploaded.
    pub(super) async fn find_file(&self, name: &str) -> Result<Option<BatchFile>> {
        let is_it = |file: &BatchFile| file.filename() == Some(name) && file.id().is_some();
        self.files().try_filter(|file| ready(is_it(file))).try_next().await
    }

    /// A batch, as it is now.
    ///
    /// # Errors
    ///
    /// Any [`ErrorKind`]; a batch that does not exist is a 404.
    pub async fn batch(&self, id: &str) -> Result<Batch> {
        self.call(Method::GET, &["batches", id], &[], RequestBody::None).await.map(|(batch, _)| batch)
    }

    /// Waits until a batch has a final status, which takes up to 24 hours and at times longer. Retryable errors, such as a lost
    /// connection, do not end the wait.
    ///
    /// # Errors
    ///
    /// Any [`ErrorKind`] that is not retryable.
    pub async fn wait(&self, id: &str) -> Result<Batch> {
        self.wait_until(id, |batch| batch.status().is_final()).await
    }

    /// Polls a batch until `is_enough` returns true for it, or it has a final status. For a progress bar the closure returns
    /// false.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    pub async fn wait_until(&self, id: &str, mut is_enough: impl FnMut(&Batch) -> bool + Send) -> Result<Batch> {
        let waits = Waits::polling(self.poll_interval);
        self.poll(&["batches", id], waits, |batch: &Batch| is_enough(batch) || batch.status().is_final()).await
    }

    /// All batches of the resource, page by page, the newest first.
    ///
    /// # Errors
    ///
    /// Any [`ErrorKind`], as an item; the stream then ends.
    pub fn batches(&self) -> impl Stream<Item = Result<Batch>> + Send + Unpin + use<> {
        Box::pin(self.clone().pages("batches", &[]))
    }

    /// Cancels a batch. It is cancelling for up to ten minutes; the answers until then are in its results.
    ///
    /// # Errors
    ///
    /// Any [`ErrorKind`]; a batch that has ended cannot be cancelled.
    pub async fn cancel(&self, id: &str) -> Result<Batch> {
        self.call(Method::POST, &["batches", id, "cancel"], &[], RequestBody::None).await.map(|(batch, _)| batch)
    }

    /// Cancels a batch, unless it has ended.
    pub(super) async fn end(&self, id: &str) -> Result<Batch> {
        let is_ending = |batch: &Batch| batch.status().is_final() || batch.status() == BatchStatus::Cancelling;
        match self.cancel(id).await {
            Ok(batch) => Ok(batch),
            Err(error) => self.batch(id).await.ok().filter(is_ending).ok_or(error),
        }
    }

    /// The content of a file from its first byte, in one try.
    pub(super) async fn open(&self, id: &str) -> Result<ByteStream> {
        let path = ["files", id, "content"];
        self.client.open_resource(Call::of_resource(Method::GET, &path, &self.options)).await
    }

    /// Polls an object until `is_done` returns true for it. Retryable errors do not end the wait.
    async fn poll<T: DeserializeOwned + Send>(
        &self,
        path: &[&str],
        mut waits: Waits,
        mut is_done: impl FnMut(&T) -> bool + Send,
    ) -> Result<T> {
        loop {
            let hint = match self.call(Method::GET, path, &[], RequestBody::None).await {
                Ok((object, _)) if is_done(&object) => return Ok(object),
                Ok((_, metadata)) => metadata.retry_after(),
                Err(error) if error.is_retryable() => error.retry_after(),
                Err(error) => return Err(error),
            };
            waits.sleep(hint).await;
        }
    }

    fn pages<T: DeserializeOwned + Send + 'static>(
        self,
        list: &'static str,
        query: &'static [(&'static str, &'static str)],
    ) -> impl Stream<Item = Result<T>> + Send + use<T> {
        let pages = stream::try_unfold(Some(String::new()), move |after| {
            let this = self.clone();
            async move {
                let Some(after) = after else {
                    return Ok::<_, Error>(None);
                };
                let mut query = query.to_vec();
                if !after.is_empty() {
                    query.push(("after", &after));
                }
                let (mut page, _): (Page, _) = this.call(Method::GET, &[list], &query, RequestBody::None).await?;
                let data = page.data.take().unwrap_or_default();
                let last = page.last_id().or_else(|| data.last()?.get("id")?.as_str()).map(str::to_owned);
                let next = last.filter(|last| page.has_more() == Some(true) && *last != after);
                let unread =
                    |error| Error::new(ErrorKind::Decode, "a list has something else in it").with_source(error);
                let items = data.into_iter().map(move |item| serde_json::from_value(item).map_err(unread));
                Ok(Some((stream::iter(items), next)))
            }
        });
        pages.try_flatten()
    }

    async fn call<T: DeserializeOwned + Send>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: RequestBody,
    ) -> Result<(T, Arc<ResponseMetadata>)> {
        let mut options = self.options.clone();
        for (name, value) in query {
            options = options.query(*name, *value);
        }
        let answer = self.client.call_resource(Call::of_resource(method, path, &options), body).await?;
        Ok((answer.parse()?, Arc::clone(answer.shared_metadata())))
    }
}

impl fmt::Debug for BatchClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchClient")
            .field("endpoint", self.client.endpoint())
            .field("poll_interval", &self.poll_interval)
            .finish_non_exhaustive()
    }
}

/// Whether the service refused to create a batch because the quota of enqueued tokens is full.
pub(super) fn is_over_quota(error: &Error) -> bool {
    error.code() == Some("token_limit_exceeded")
}

/// The object that was created, or an error where it has no id: it could not be looked up again.
fn with_id<T>(created: (T, Arc<ResponseMetadata>), id: fn(&T) -> Option<&str>) -> Result<T> {
    let (object, metadata) = created;
    match id(&object) {
        None | Some("") => Err(Error::new(ErrorKind::Decode, "the answer has no id").with_metadata(metadata)),
        Some(_) => Ok(object),
    }
}
