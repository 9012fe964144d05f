//! The completion of a run: the steps of its parts until all are done, then the totals and the next run.

use std::fs;
use std::io::{BufWriter, Write};

use tokio::time::Instant;

use super::super::file_error::file_error;
use super::job::{BatchRun, INPUT, NEXT, not_prepared};
use super::results::Join;
use super::state::{Part, State, Totals, sync_folder_of};
use super::status::BatchRunStatus;
use super::step::{Next, Pauses};
use crate::error::Result;

impl BatchRun {
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
        let count = self.state()?.parts.len();
        let mut pauses: Vec<Pauses> = (0..count).map(|_| Pauses::new(self.batches.poll_interval)).collect();
        let mut due: Vec<Option<Instant>> = vec![Some(Instant::now()); count];
        let mut seen = self.status();
        on_status(&seen);
        while let Some(next) = due.iter().flatten().min().copied() {
            tokio::time::sleep_until(next).await;
            for (index, (pauses, due)) in pauses.iter_mut().zip(&mut due).enumerate() {
                if due.is_some_and(|due| due <= Instant::now()) {
                    *due = match self.advance(index, pauses).await? {
                        Next::Wait(time) => Some(Instant::now().checked_add(time).unwrap_or_else(Instant::now)),
                        Next::Done => None,
                    };
                    let status = self.status();
                    if status != seen {
                        seen = status;
                        on_status(&seen);
                    }
                }
            }
        }
        if self.state()?.totals.is_none() {
            self.conclude()?;
            seen = self.status();
            on_status(&seen);
        }
        Ok(seen)
    }

    /// Computes the totals of the results, and writes the next run.
    fn conclude(&mut self) -> Result<()> {
        let (next, unfinished) = (self.folder.join(NEXT), self.folder.join(format!("{NEXT}.partial")));
        let failed = |error| file_error(&unfinished, "written", error);
        // left by a process that ended here
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(failed)?;
        }
        let (mut totals, mut parts) = (Totals::default(), Vec::new());
        for index in 0..self.state()?.parts.len() {
            let mut join = Join::new(self.part_files(index)?)?;
            let input = numbered_input(index);
            let path = unfinished.join(&input);
            let mut file = None;
            let mut lines = 0_u64;
            while let Some(joined) = join.next()? {
                match joined.item.completion() {
                    Some(completion) => {
                        totals.answered = totals.answered.saturating_add(1);
                        totals.usage += completion.usage();
                    }
                    None => {
                        totals.failed = totals.failed.saturating_add(1);
                        if !joined.is_refused {
                            lines = lines.saturating_add(1);
                            if file.is_none() {
                                fs::create_dir_all(&unfinished).map_err(failed)?;
                                file = Some(BufWriter::new(fs::File::create(&path).map_err(failed)?));
                            }
                            if let Some(file) = &mut file {
                                file.write_all(joined.line).map_err(failed)?;
                            }
                        }
                    }
                }
            }
            if let Some(file) = file {
                file.into_inner().map_err(|error| failed(error.into_error()))?.sync_all().map_err(failed)?;
                let deployment = self.state()?.parts.get(index).map(|part| part.deployment.clone());
                parts.push(Part::new(input, lines, deployment.unwrap_or_default()));
            }
        }
        if next.exists() {
            // written by a process that ended before it saved the totals
            let _ = fs::remove_dir_all(&unfinished);
        } else if !parts.is_empty() {
            State::new(parts).save(&unfinished)?;
            fs::rename(&unfinished, &next).and_then(|()| sync_folder_of(&next)).map_err(failed)?;
        }
        let state = self.state.as_mut().ok_or_else(not_prepared)?;
        state.totals = Some(totals);
        state.save(&self.folder)
    }
}

fn numbered_input(index: usize) -> String {
    match index {
        0 => INPUT.to_owned(),
        _ => format!("input-{}.jsonl", index.saturating_add(1)),
    }
}
