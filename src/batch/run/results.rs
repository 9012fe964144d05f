//! The results of a run, joined with its input: each line once, in the order in which it was written. The totals and the
//! next run are made from them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use serde::Deserialize;

use super::super::item::BatchItem;
use super::super::object::{Batch, BatchError};
use super::super::status::BatchErrorCode;
use super::super::writer::file_error;
use super::BatchRun;
use super::state::{ERRORS, INPUT, NEXT, OUTPUT, Part, State, Totals, not_prepared, results_path, sync_folder_of};
use crate::error::{Error, ErrorKind, Result};

/// The results of a [`BatchRun`], joined with its input; made by [`BatchRun::results`].
///
/// It has every request once, in the order in which it was written, also those whose line is missing in the results of the
/// service.
pub struct BatchRunResults {
    /// The parts that have not been read, the next one last.
    parts: Vec<PartFiles>,
    current: Option<Join>,
}

struct PartFiles {
    input: PathBuf,
    /// Output file and error file, if they exist.
    results: Vec<PathBuf>,
    errors: Vec<BatchError>,
}

impl BatchRunResults {
    fn new(run: &BatchRun) -> Result<Self> {
        let parts = (0..run.state()?.parts.len()).rev().map(|index| run.part_files(index)).collect::<Result<_>>()?;
        Ok(Self { parts, current: None })
    }

    fn read(&mut self) -> Result<Option<BatchItem>> {
        loop {
            if let Some(join) = &mut self.current
                && let Some(joined) = join.next()?
            {
                return Ok(Some(joined.item));
            }
            match self.parts.pop() {
                Some(part) => self.current = Some(Join::new(part)?),
                None => return Ok(None),
            }
        }
    }
}

impl Iterator for BatchRunResults {
    type Item = Result<BatchItem>;

    fn next(&mut self) -> Option<Result<BatchItem>> {
        let item = self.read();
        if item.is_err() {
            // the iterator ends after an error
            *self = Self { parts: Vec::new(), current: None };
        }
        item.transpose()
    }
}

impl fmt::Debug for BatchRunResults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchRunResults").finish_non_exhaustive()
    }
}

impl BatchRun {
    /// The results, joined with the input: every request once, in the order in which it was written.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`] before the run is finished, and when a file cannot be read.
    pub fn results(&self) -> Result<BatchRunResults> {
        if self.state()?.totals.is_none() {
            return Err(Error::new(ErrorKind::Config, "the run is not finished").with_hint("await .finish() first"));
        }
        BatchRunResults::new(self)
    }

    /// Computes the totals of the results, and writes the next run.
    pub(super) fn conclude(&mut self) -> Result<()> {
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
                                file = Some(BufWriter::new(File::create(&path).map_err(failed)?));
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

    fn part_files(&self, index: usize) -> Result<PartFiles> {
        let state = self.state()?;
        let part = state.parts.get(index).ok_or_else(not_prepared)?;
        let results = [OUTPUT, ERRORS].map(|name| results_path(&self.folder, index, name));
        Ok(PartFiles {
            input: self.folder.join(&part.input),
            results: results.into_iter().filter(|path| path.exists()).collect(),
            errors: part.batch.as_ref().map_or(&[][..], Batch::errors).to_vec(),
        })
    }
}

/// The lines of one input file with their results.
struct Join {
    files: PartFiles,
    input: BufReader<File>,
    results: Vec<File>,
    /// The position of each result by its id: the file, the first byte, and the length.
    places: HashMap<String, (usize, u64, usize)>,
    /// Counted from 1.
    number: u64,
    line: Vec<u8>,
}

/// A line of the input, and its result.
struct Joined<'a> {
    line: &'a [u8],
    item: BatchItem,
    /// Whether the service named this line as the reason why it refused the whole file.
    is_refused: bool,
}

#[derive(Deserialize)]
struct IdOfLine<'a> {
    #[serde(borrow)]
    custom_id: Cow<'a, str>,
}

impl Join {
    fn new(files: PartFiles) -> Result<Self> {
        let open = |path: &PathBuf| File::open(path).map_err(|error| file_error(path, "read", error));
        let mut places = HashMap::new();
        for (number, path) in files.results.iter().enumerate() {
            let mut lines = BufReader::new(open(path)?);
            let (mut line, mut at) = (Vec::new(), 0_u64);
            while lines.read_until(b'\n', &mut line).map_err(|error| file_error(path, "read", error))? > 0 {
                // a last line that is cut has no id here, or its error when it is read as a result
                if let Ok(id) = serde_json::from_slice::<IdOfLine<'_>>(&line) {
                    places.entry(id.custom_id.into_owned()).or_insert((number, at, line.len()));
                }
                at = at.saturating_add(line.len() as u64);
                line.clear();
            }
        }
        let input = BufReader::new(open(&files.input)?);
        let results = files.results.iter().map(open).collect::<Result<_>>()?;
        Ok(Self { files, input, results, places, number: 0, line: Vec::new() })
    }

    fn next(&mut self) -> Result<Option<Joined<'_>>> {
        self.line.clear();
        let read = self.input.read_until(b'\n', &mut self.line);
        if read.map_err(|error| file_error(&self.files.input, "read", error))? == 0 {
            return Ok(None);
        }
        self.number = self.number.saturating_add(1);
        let id: IdOfLine<'_> = serde_json::from_slice(&self.line).map_err(|error| {
            file_error(&self.files.input, "read", io::Error::new(io::ErrorKind::InvalidData, error))
        })?;
        let mut is_refused = false;
        let item = match self.places.remove(id.custom_id.as_ref()) {
            Some(place) => read_result(&self.files, &mut self.results, place)?,
            None => {
                let named = self.files.errors.iter().find(|error| error.line() == Some(self.number));
                is_refused = named.is_some();
                without_result(id.custom_id.into_owned(), named.or(self.files.errors.first()), is_refused)
            }
        };
        Ok(Some(Joined { line: &self.line, item, is_refused }))
    }
}

fn read_result(files: &PartFiles, results: &mut [File], place: (usize, u64, usize)) -> Result<BatchItem> {
    let (number, start, length) = place;
    let (Some(path), Some(file)) = (files.results.get(number), results.get_mut(number)) else {
        return Err(not_prepared());
    };
    let mut line = vec![0; length];
    let read = file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut line));
    read.map_err(|error| file_error(path, "read", error))?;
    BatchItem::from_line(line)
}

/// The item of a line that has no result.
fn without_result(custom_id: String, error: Option<&BatchError>, is_named: bool) -> BatchItem {
    let Some(error) = error else {
        let text = "the batch ended without a result for this line";
        return BatchItem::new(custom_id, Err(Error::new(ErrorKind::Interrupted, text)), None);
    };
    let code = error.code();
    let word = code.as_ref().map_or("failed", BatchErrorCode::as_str);
    let text = match is_named {
        true => format!("the batch was refused because of this line ({word})"),
        false => format!("the batch was refused, and this line with it ({word})"),
    };
    BatchItem::new(custom_id, Err(Error::new(ErrorKind::Service, text)), code)
}

fn numbered_input(index: usize) -> String {
    match index {
        0 => INPUT.to_owned(),
        _ => format!("input-{}.jsonl", index.saturating_add(1)),
    }
}
