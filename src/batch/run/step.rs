//! The steps of one input file, from its upload to its results.
//!
//! The state is saved before a file is uploaded or a batch created. Where no answer came, or the process ended before the
//! answer was saved, the file is looked up by its name and the batch by its input file, and sent again only where there is
//! none.

use std::io::Write;
use std::time::Duration;

use futures_util::TryStreamExt;

use super::super::client::{is_over_quota, unusable};
use super::super::create_batch::CreateBatch;
use super::super::file_error::file_error;
use super::super::object::{Batch, BatchFile};
use super::super::status::{BatchFileStatus, BatchStatus};
use super::super::upload::Upload;
use super::super::wait::Waits;
use super::job::{BatchRun, ERRORS, OUTPUT};
use super::state::{sync_folder_of, temporary};
use crate::error::Result;

/// How often results that end inside a line are downloaded.
const DOWNLOADS: u32 = 3;

/// The next step of a part.
pub(super) enum Next {
    /// To be advanced again after this time.
    Wait(Duration),
    Done,
}

/// The pauses of a part.
pub(super) struct Pauses {
    file: Waits,
    poll: Waits,
    quota: Waits,
}

impl Pauses {
    pub(super) fn new(interval: Duration) -> Self {
        Self { file: Waits::for_file(interval), poll: Waits::polling(interval), quota: Waits::for_quota(interval) }
    }
}

impl BatchRun {
    /// Takes the steps of a part until one has to wait. After a retryable error it waits as well.
    pub(super) async fn advance(&mut self, part: usize, pauses: &mut Pauses) -> Result<Next> {
        match self.try_advance(part, pauses).await {
            Err(error) if error.is_retryable() => {
                tracing::debug!(part, error = %error, "a step of a batch run is tried again");
                Ok(Next::Wait(pauses.poll.next(error.retry_after())))
            }
            other => other,
        }
    }

    async fn try_advance(&mut self, index: usize, pauses: &mut Pauses) -> Result<Next> {
        loop {
            let Some(part) = self.state.as_ref().and_then(|state| state.parts.get(index)) else {
                return Ok(Next::Done);
            };
            if part.has_results {
                return Ok(Next::Done);
            }
            let is_cancelled = self.state()?.cancelled;
            let wait = match (part.file_id.clone(), part.batch_id.clone()) {
                (_, None) if is_cancelled && !part.has_begun_creation => {
                    self.change(index, |part| part.has_results = true)?;
                    None
                }
                (None, _) => self.upload(index).await?,
                (Some(file), None) if !part.is_processed => self.look_at_file(index, &file, pauses).await?,
                (Some(file), None) => self.create(index, &file, pauses).await?,
                (_, Some(_)) if part.batch.as_ref().is_some_and(|batch| batch.status().is_final()) => {
                    self.download(index).await?;
                    None
                }
                (_, Some(batch)) => self.look_at_batch(index, &batch, pauses).await?,
            };
            if let Some(wait) = wait {
                return Ok(Next::Wait(wait));
            }
        }
    }

    async fn upload(&mut self, index: usize) -> Result<Option<Duration>> {
        let name = self.state()?.file_name(index);
        let part = self.part(index)?;
        let found = if part.has_begun_upload { self.batches.find_file(&name).await? } else { None };
        let file = match found {
            Some(file) => file,
            None => {
                self.change(index, |part| part.has_begun_upload = true)?;
                let path = self.folder.join(&self.part(index)?.input);
                let mut upload = Upload::new(path).file_name(name);
                if let Some(time) = self.expires_after {
                    upload = upload.expires_after(time);
                }
                self.batches.upload(upload).await?
            }
        };
        self.change(index, |part| part.file_id = file.id().map(str::to_owned))?;
        Ok(None)
    }

    async fn look_at_file(&mut self, index: usize, file: &str, pauses: &mut Pauses) -> Result<Option<Duration>> {
        let file: BatchFile = self.batches.file(file).await?;
        match file.status() {
            BatchFileStatus::Processed => self.change(index, |part| part.is_processed = true).map(|()| None),
            BatchFileStatus::Error | BatchFileStatus::Deleting | BatchFileStatus::Deleted => Err(unusable(&file)),
            _ => Ok(Some(pauses.file.next(None))),
        }
    }

    async fn create(&mut self, index: usize, file: &str, pauses: &mut Pauses) -> Result<Option<Duration>> {
        let part = self.part(index)?;
        let is_new = |batch: &Batch| part.over_quota.iter().all(|known| batch.id() != Some(known));
        let found = match part.has_begun_creation {
            true => self.batches.find_batch(file, is_new).await?,
            false => None,
        };
        let batch = match found {
            Some(batch) => batch,
            None if self.state()?.cancelled => {
                self.change(index, |part| part.has_begun_creation = false)?;
                return Ok(None);
            }
            None => {
                self.change(index, |part| part.has_begun_creation = true)?;
                let mut batch = CreateBatch::new(file).metadata("run", self.state()?.file_name(index));
                if let Some(time) = self.expires_after {
                    batch = batch.output_expires_after(time);
                }
                match self.batches.create_once(&batch).await {
                    Ok(batch) => batch,
                    Err(error) if is_over_quota(&error) => {
                        // refused, so there is no batch to look up
                        self.change(index, |part| part.has_begun_creation = false)?;
                        return Ok(Some(pauses.quota.next(error.retry_after())));
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        self.change(index, |part| part.batch_id = batch.id().map(str::to_owned))?;
        Ok(None)
    }

    async fn look_at_batch(&mut self, index: usize, id: &str, pauses: &mut Pauses) -> Result<Option<Duration>> {
        let mut batch: Batch = self.batches.batch(id).await?;
        if self.state()?.cancelled {
            if !batch.status().is_final() && batch.status() != BatchStatus::Cancelling {
                batch = self.batches.end(id).await?;
            }
        } else if batch.is_over_quota() {
            self.change(index, |part| {
                part.over_quota.extend(part.batch_id.take());
                part.has_begun_creation = false;
                part.batch = None;
            })?;
            return Ok(Some(pauses.quota.next(None)));
        }
        let is_final = batch.status().is_final();
        if self.part(index)?.batch.as_ref() != Some(&batch) {
            self.change(index, |part| part.batch = Some(batch))?;
        }
        Ok(if is_final { None } else { Some(pauses.poll.next(None)) })
    }

    /// Downloads both files of results into the folder.
    async fn download(&mut self, index: usize) -> Result<()> {
        let batch = self.part(index)?.batch.clone().unwrap_or_default();
        for (name, id) in [OUTPUT, ERRORS].into_iter().zip(batch.result_files()) {
            if let Some(id) = id {
                self.download_file(index, name, id).await?;
            }
        }
        self.change(index, |part| part.has_results = true)
    }

    async fn download_file(&self, index: usize, name: &str, id: &str) -> Result<()> {
        let path = self.results_path(index, name);
        if path.exists() {
            return Ok(());
        }
        let failed = |error| file_error(&path, "written", error);
        for download in 1.. {
            let mut file = std::fs::File::create(temporary(&path)).map_err(failed)?;
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
        std::fs::rename(temporary(&path), &path).and_then(|()| sync_folder_of(&path)).map_err(failed)
    }
}
