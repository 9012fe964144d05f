//! A batch job in a folder, [`BatchRun`], which another process can resume.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::try_join_all;

use self::state::{INPUT, NEXT, Part, State, not_prepared};
use self::steps::{Progress, Steps};
use super::client::BatchClient;
use super::writer::{BatchWriter, file_error};
use crate::error::{Error, Result};
use crate::response::Usage;

pub use self::results::BatchRunResults;
pub use self::state::{BatchRunPhase, BatchRunStatus};

mod results;
mod state;
mod steps;

/// One job in a folder: its input, its state, its results.
///
/// The process may end at any moment. After [`open`](Self::open) with the same folder the run is resumed: no file is uploaded
/// twice, no batch is created twice, no result is lost. One process at a time may work in a folder.
///
/// It relies on two lists of the service, the files with their names and the batches with their input files: each has to
/// have a new element as soon as the service has accepted it.
///
/// # Example: a program that can be started again until the run is finished
///
/// ```no_run
/// use azure_openai_chat::batch::{BatchClient, BatchRun};
/// use azure_openai_chat::{ApiKey, ChatClient, ChatCompletionRequest};
///
/// # async fn run(reviews: Vec<String>) -> azure_openai_chat::Result<()> {
/// let client = ChatClient::new("https://my-resource.openai.azure.com", ApiKey::new("key"))?;
/// let mut run = BatchRun::open("jobs/reviews", &BatchClient::new(&client))?;
/// run.prepare(|input| {
///     for (number, review) in reviews.iter().enumerate() {
///         let request = ChatCompletionRequest::builder("gpt-4o-mini-batch").user(review).build()?;
///         input.push_with_id(format!("review-{number}"), &request)?;
///     }
///     Ok::<_, azure_openai_chat::Error>(())
/// })?;
/// run.finish_with(|status| println!("{} of {}", status.done(), status.lines())).await?;
/// for item in run.results()? {
///     let item = item?;
///     println!("{}: {:?}", item.custom_id(), item.result().map(|completion| completion.text()));
/// }
/// # Ok(())
/// # }
/// ```
pub struct BatchRun {
    folder: PathBuf,
    batches: BatchClient,
    /// None until the input is written.
    state: Option<State>,
    expires_after: Option<Duration>,
}

impl BatchRun {
    /// Opens the run in a folder, which is created where there is none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) when the folder cannot be created or read.
    pub fn open(folder: impl Into<PathBuf>, batches: &BatchClient) -> Result<Self> {
        let folder = folder.into();
        fs::create_dir_all(&folder).map_err(|error| file_error(&folder, "created", error))?;
        let state = State::load(&folder)?;
        Ok(Self { folder, batches: batches.clone(), state, expires_after: None })
    }

    /// Sets the time after which the service deletes the files of the run, input and results: 14 to 30 days. When unset they
    /// are kept.
    #[must_use]
    pub fn with_expiry(mut self, time: Duration) -> Self {
        self.expires_after = Some(time);
        self
    }

    /// Whether the input was written.
    #[must_use]
    pub fn is_prepared(&self) -> bool {
        self.state.is_some()
    }

    /// Writes the input, unless it was written before. After a process that ended while writing, it is written from the
    /// beginning.
    ///
    /// # Errors
    ///
    /// The error of `write`, or one of the writer.
    pub fn prepare<E: From<Error>>(
        &mut self,
        write: impl FnOnce(&mut BatchWriter) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        if self.is_prepared() {
            return Ok(());
        }
        let options = BatchWriter::options().check_with(self.batches.client());
        let mut writer = options.create(self.folder.join(INPUT))?;
        write(&mut writer)?;
        let inputs = writer.finish()?;
        let parts = inputs.iter().map(|input| {
            let name = input.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
            Part::new(name, input.lines(), input.deployment().to_owned())
        });
        let state = State::new(parts.collect());
        state.save(&self.folder)?;
        self.state = Some(state);
        Ok(())
    }

    /// The progress of the run.
    #[must_use]
    pub fn status(&self) -> BatchRunStatus {
        BatchRunStatus::of(self.state.as_ref())
    }

    /// Takes all remaining steps: uploads the input, creates the batches, waits for them, downloads the results into the
    /// folder, and writes the lines that failed as the input of a [next run](Self::next_run). Takes up to a day, and at times
    /// longer.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) before the input is written, and when the folder cannot be written,
    /// as on a full disk. Any other [`ErrorKind`](crate::ErrorKind) that is not retryable. After any error this can be called
    /// again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: the next call resumes the run.
    pub async fn finish(&mut self) -> Result<BatchRunStatus> {
        self.finish_with(|_| {}).await
    }

    /// As [`finish`](Self::finish), with a callback for each change of the status.
    ///
    /// # Errors
    ///
    /// As [`finish`](Self::finish).
    pub async fn finish_with(&mut self, mut on_status: impl FnMut(&BatchRunStatus) + Send) -> Result<BatchRunStatus> {
        let state = self.state.as_mut().ok_or_else(not_prepared)?;
        on_status(&BatchRunStatus::of(Some(state)));
        let parts = 0..state.parts.len();
        let steps = Steps {
            folder: &self.folder,
            batches: &self.batches,
            expires_after: self.expires_after,
            progress: Mutex::new(Progress { state, on_status: &mut on_status }),
            transfer: tokio::sync::Mutex::default(),
        };
        try_join_all(parts.map(|index| steps.finish(index))).await?;
        if self.state()?.totals.is_none() {
            self.conclude()?;
            on_status(&self.status());
        }
        Ok(self.status())
    }

    /// Cancels the batches that have not ended, and creates no others. [`finish`](Self::finish) then waits until they are
    /// cancelled, and downloads the results until then; all other lines are in the [next run](Self::next_run).
    ///
    /// # Errors
    ///
    /// Any [`ErrorKind`](crate::ErrorKind): the first one, after all batches were tried. `finish` cancels the others again.
    pub async fn cancel(&mut self) -> Result<()> {
        let state = self.state.as_mut().ok_or_else(not_prepared)?;
        state.cancelled = true;
        state.save(&self.folder)?;
        let mut cancelled = Ok(());
        for part in self.state()?.parts.iter().filter(|part| !part.has_results) {
            let is_final = part.batch.as_ref().is_some_and(|batch| batch.status().is_final());
            if let Some(id) = part.batch_id.as_deref().filter(|_| !is_final) {
                cancelled = cancelled.and(self.batches.end(id).await.map(|_| ()));
            }
        }
        cancelled
    }

    /// The tokens of all lines that were answered; all 0 before the run is finished.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let totals = self.state.as_ref().and_then(|state| state.totals.as_ref());
        totals.map(|totals| totals.usage.clone()).unwrap_or_default()
    }

    /// The folder of the run with the lines that failed, expired or have no result, to be [opened](Self::open) and
    /// finished as this one; `None` before the run is finished, and where every line was answered. Lines that the service
    /// named as the reason why it refused a whole file are left out, since it would refuse them again.
    #[must_use]
    pub fn next_run(&self) -> Option<PathBuf> {
        Some(self.folder.join(NEXT)).filter(|path| self.status().phase() == BatchRunPhase::Finished && path.exists())
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn state(&self) -> Result<&State> {
        self.state.as_ref().ok_or_else(not_prepared)
    }
}

impl fmt::Debug for BatchRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchRun").field("folder", &self.folder).field("status", &self.status()).finish_non_exhaustive()
    }
}
