//! The steps of a run's input files, from upload to results. The files are worked on side by side, and one is uploaded or
//! downloaded at a time.
//!
//! The state is saved before a file is uploaded or a batch created. Where no answer came, or the process ended before the
//! answer was saved, the file is looked up by its name and the batch by its input file, and sent again only where there is
//! none.

use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::TryStreamExt;

use super::super::client::{BatchClient, is_over_quota};
use super::super::create_batch::CreateBatch;
use super::super::object::Batch;
use super::super::upload::Upload;
use super::super::wait::Waits;
use super::super::writer::{file_error, partial};
use super::state::{BatchRunStatus, ERRORS, OUTPUT, Part, State, not_prepared, results_path, sync_folder_of};
use crate::error::Result;

/// How often results that end inside a line are downloaded.
const DOWNLOADS: u32 = 3;

/// What the steps need of a run.
pub(super) struct Steps<'a> {
    pub(super) folder: &'a Path,
    pub(super) batches: &'a BatchClient,
    pub(super) expires_after: Option<Duration>,
    pub(super) progress: Mutex<Progress<'a>>,
    /// Held while a file is uploaded or downloaded, so that each has the whole line.
    pub(super) transfer: tokio::sync::Mutex<()>,
}

/// The state, and who is called when the status changes.
pub(super) struct Progress<'a> {
    pub(super) state: &'a mut State,
    pub(super) on_status: &'a mut (dyn FnMut(&BatchRunStatus) + Send),
}

impl<'a> Steps<'a> {
    /// Takes the steps of an input file. After a retryable error it waits, and resumes them.
    pub(super) async fn finish(&self, index: usize) -> Result<()> {
        let interval = self.batches.poll_interval;
        let (mut retries, mut quota) = (Waits::polling(interval), Waits::for_quota(interval));
        while let Err(error) = self.resume(index, &mut quota).await {
            if !error.is_retryable() {
                return Err(error);
            }
            tracing::debug!(part = index, error = %error, "a step of a batch run is tried again");
            retries.sleep(error.retry_after()).await;
        }
        Ok(())
    }

    async fn resume(&self, index: usize, quota: &mut Waits) -> Result<()> {
        loop {
            let part = self.part(index)?;
            let is_cancelled = self.is_cancelled();
            if part.has_results {
                return Ok(());
            }
            if is_cancelled && part.batch_id.is_none() && !part.has_begun_creation {
                return self.change(index, |part| part.has_results = true);
            }
            let file = match part.file_id {
                Some(file) => file,
                None => self.upload(index).await?,
            };
            if !part.is_processed {
                self.batches.wait_for_file(&file).await?;
                self.change(index, |part| part.is_processed = true)?;
            }
            let id = match part.batch_id {
                Some(id) => Some(id),
                None => self.create(index, &file, quota).await?,
            };
            let Some(id) = id else { continue };
            let batch = self.wait(index, &id).await?;
            if is_cancelled || !batch.is_over_quota() {
                return self.download(index, &batch).await;
            }
            self.change(index, |part| {
                part.over_quota.extend(part.batch_id.take());
                part.has_begun_creation = false;
                part.batch = None;
            })?;
            quota.sleep(None).await;
        }
    }

    async fn upload(&self, index: usize) -> Result<String> {
        let _alone = self.transfer.lock().await;
        let (part, name) = (self.part(index)?, self.progress().state.file_name(index));
        let found = if part.has_begun_upload { self.batches.find_file(&name).await? } else { None };
        let file = match found {
            Some(file) => file,
            None => {
                self.change(index, |part| part.has_begun_upload = true)?;
                let mut upload = Upload::new(self.folder.join(part.input)).file_name(name);
                if let Some(time) = self.expires_after {
                    upload = upload.expires_after(time);
                }
                self.batches.upload(upload).await?
            }
        };
        let id = file.id().unwrap_or_default().to_owned();
        self.change(index, |part| part.file_id = Some(id.clone()))?;
        Ok(id)
    }

    /// Creates the batch, and returns its id; none where a cancelled run has no batch, and after a wait for quota.
    async fn create(&self, index: usize, file: &str, quota: &mut Waits) -> Result<Option<String>> {
        let part = self.part(index)?;
        let is_new = |batch: &Batch| part.over_quota.iter().all(|known| batch.id() != Some(known));
        let found = match part.has_begun_creation {
            true => self.batches.find_batch(file, is_new).await?,
            false => None,
        };
        let batch = match found {
            Some(batch) => batch,
            None if self.is_cancelled() => {
                self.change(index, |part| part.has_begun_creation = false)?;
                return Ok(None);
            }
            None => {
                self.change(index, |part| part.has_begun_creation = true)?;
                let mut batch = CreateBatch::new(file).metadata("run", self.progress().state.file_name(index));
                if let Some(time) = self.expires_after {
                    batch = batch.output_expires_after(time);
                }
                match self.batches.create_once(&batch).await {
                    Err(error) if is_over_quota(&error) => {
                        // refused, so there is no batch to look up
                        self.change(index, |part| part.has_begun_creation = false)?;
                        quota.sleep(error.retry_after()).await;
                        return Ok(None);
                    }
                    created => created?,
                }
            }
        };
        let id = batch.id().map(str::to_owned);
        self.change(index, |part| part.batch_id.clone_from(&id))?;
        Ok(id)
    }

    /// Waits until the batch has ended; that of a cancelled run is cancelled.
    async fn wait(&self, index: usize, id: &str) -> Result<Batch> {
        let note = |batch: &Batch| match self.part(index)?.batch.as_ref() == Some(batch) {
            true => Ok(()),
            false => self.change(index, |part| part.batch = Some(batch.clone())),
        };
        if self.is_cancelled() {
            note(&self.batches.end(id).await?)?;
        }
        let mut noted = Ok(());
        let is_enough = |batch: &Batch| {
            noted = note(batch);
            noted.is_err()
        };
        let batch = self.batches.wait_until(id, is_enough).await?;
        noted.map(|()| batch)
    }

    /// Downloads both files of results into the folder.
    async fn download(&self, index: usize, batch: &Batch) -> Result<()> {
        let _alone = self.transfer.lock().await;
        for (name, id) in [OUTPUT, ERRORS].into_iter().zip(batch.result_files()) {
            if let Some(id) = id {
                self.download_file(index, name, id).await?;
            }
        }
        self.change(index, |part| part.has_results = true)
    }

    async fn download_file(&self, index: usize, name: &str, id: &str) -> Result<()> {
        let path = results_path(self.folder, index, name);
        if path.exists() {
            return Ok(());
        }
        let failed = |error| file_error(&path, "written", error);
        for download in 1.. {
            let mut file = std::fs::File::create(partial(&path)).map_err(failed)?;
            let mut content = self.batches.file_content(id);
            let mut last = b'\n';
            while let Some(bytes) = content.try_next().await? {
                file.write_all(&bytes).map_err(failed)?;
                last = bytes.last().copied().unwrap_or(last);
            }
            file.sync_all().map_err(failed)?;
            // a last line without its line end is complete when it ends with a brace; its parser checks the rest
            if last == b'\n' || last == b'}' || download >= DOWNLOADS {
                break;
            }
            tracing::warn!(file = id, "the results end inside a line; they are downloaded again");
        }
        std::fs::rename(partial(&path), &path).and_then(|()| sync_folder_of(&path)).map_err(failed)
    }

    fn progress(&self) -> MutexGuard<'_, Progress<'a>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_cancelled(&self) -> bool {
        self.progress().state.cancelled
    }

    fn part(&self, index: usize) -> Result<Part> {
        self.progress().state.parts.get(index).cloned().ok_or_else(not_prepared)
    }

    /// Changes a part, saves the state, and reports a new status.
    fn change(&self, index: usize, change: impl FnOnce(&mut Part)) -> Result<()> {
        let mut progress = self.progress();
        let Progress { state, on_status } = &mut *progress;
        let before = BatchRunStatus::of(Some(state));
        state.parts.get_mut(index).map(change);
        state.save(self.folder)?;
        let status = BatchRunStatus::of(Some(state));
        if status != before {
            on_status(&status);
        }
        Ok(())
    }
}
