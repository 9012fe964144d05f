//! A batch job in a folder, [`BatchRun`].

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::client::BatchClient;
use super::super::file_error::file_error;
use super::super::writer::BatchWriter;
use super::state::{Part, State};
use super::status::{BatchRunPhase, BatchRunStatus};
use crate::error::{Error, ErrorKind, Result};
use crate::response::Usage;

pub(super) const INPUT: &str = "input.jsonl";
pub(super) const OUTPUT: &str = "output";
pub(super) const ERRORS: &str = "errors";
pub(super) const NEXT: &str = "next";

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
    pub(super) folder: PathBuf,
    pub(super) batches: BatchClient,
    /// None until the input is written.
    pub(super) state: Option<State>,
    pub(super) expires_after: Option<Duration>,
}

impl BatchRun {
    /// Opens the run in a folder, which is created where there is none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] when the folder cannot be created or read.
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

    /// Cancels the batches that have not ended, and creates no others. [`finish`](Self::finish) then waits until they are
    /// cancelled, and downloads the results until then; all other lines are in the [next run](Self::next_run).
    ///
    /// # Errors
    ///
    /// Any [`ErrorKind`]: the first one, after all batches were tried. `finish` cancels the others again.
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

    /// Changes a part, and saves the state.
    pub(super) fn change(&mut self, index: usize, change: impl FnOnce(&mut Part)) -> Result<()> {
        let folder = &self.folder;
        let state = self.state.as_mut().ok_or_else(not_prepared)?;
        if let Some(part) = state.parts.get_mut(index) {
            change(part);
        }
        state.save(folder)
    }

    pub(super) fn part(&self, index: usize) -> Result<&Part> {
        self.state()?.parts.get(index).ok_or_else(not_prepared)
    }

    pub(super) fn state(&self) -> Result<&State> {
        self.state.as_ref().ok_or_else(not_prepared)
    }

    pub(super) fn results_path(&self, part: usize, name: &str) -> PathBuf {
        self.folder.join(format!("{name}-{}.jsonl", part.saturating_add(1)))
    }
}

pub(super) fn not_prepared() -> Error {
    Error::new(ErrorKind::Config, "the run has no input").with_hint("write it with .prepare(|input| ..) first")
}

impl fmt::Debug for BatchRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchRun").field("folder", &self.folder).field("status", &self.status()).finish_non_exhaustive()
    }
}
