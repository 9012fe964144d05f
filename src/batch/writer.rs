//! The writer of input files, [`BatchWriter`].

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::custom_id::CustomIds;
use crate::client::ChatClient;
use crate::error::{Error, ErrorKind, Result};
use crate::model::ApiVersion;
use crate::request::{ChatCompletionRequest, Rule, ValidationError, Violation};
use crate::wire::{getters, setters};

/// The most lines of a file.
const MOST_LINES: u64 = 100_000;
/// The largest file, in bytes.
const MOST_BYTES: u64 = 200_000_000;
/// The `url` of a line, as Microsoft's guide writes it; the specification has `/v1/chat/completions`.
const URL: &str = "/chat/completions";
/// The largest part of a line that is kept in memory between writes.
const BUFFER: usize = 64 * 1024;

/// A writer of requests as lines of an input file, and of further files beyond the limits of one.
///
/// Every request is checked by the rules for sending and by those for a file: one deployment, each id once, no stream.
/// Memory does not grow with the requests; ids of the caller take 20 to 40 bytes each.
///
/// The files have their names once [`finish`](Self::finish) has returned: the first at the given path, the next ones with a
/// number before the extension, as in `input-2.jsonl`. Until then they have the extension `.partial`.
///
/// It writes with `std::fs`, which blocks the task.
///
/// # Example: two requests, one with an id
///
/// ```
/// use azure_openai_chat::ChatCompletionRequest;
/// use azure_openai_chat::batch::BatchWriter;
///
/// # let folder = std::env::temp_dir().join(format!("batch-writer-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("input.jsonl");
/// let mut writer = BatchWriter::create(&path)?;
/// let request = ChatCompletionRequest::builder("gpt-4o-mini").user("Name a river.").build()?;
/// writer.push_with_id("river", &request)?;
/// assert_eq!(writer.push(&request)?, "request-1");
/// let inputs = writer.finish()?;
/// assert_eq!((inputs.len(), inputs[0].lines()), (1, 2));
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch>
pub struct BatchWriter {
    options: BatchWriterOptions,
    path: PathBuf,
    /// The files that are full.
    done: Vec<BatchInput>,
    current: Option<(BatchInput, BufWriter<File>)>,
    ids: CustomIds,
    line: Vec<u8>,
    has_failed: bool,
}

/// The settings of a [`BatchWriter`]; made by [`BatchWriter::options`].
#[derive(Clone)]
pub struct BatchWriterOptions {
    url: String,
    max_lines: u64,
    max_bytes: u64,
    client: Option<ChatClient>,
}

/// An input file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchInput {
    path: PathBuf,
    deployment: String,
    lines: u64,
    bytes: u64,
}

impl BatchInput {
    pub(super) fn new(path: PathBuf, deployment: String, lines: u64, bytes: u64) -> Self {
        Self { path, deployment, lines, bytes }
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

getters! { input: BatchInput => input;
    /// The deployment of its requests.
    deployment: Text;
    /// The number of its requests.
    lines: Plain<u64>;
    /// Its size in bytes.
    bytes: Plain<u64>;
}

impl AsRef<Path> for BatchInput {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

impl BatchWriterOptions {
    /// Sets the `url` of the lines: `/chat/completions` by default, as in Microsoft's guide. Some gateways require
    /// `/v1/chat/completions`. [`CreateBatch::endpoint`](super::CreateBatch::endpoint) must be the same.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = url.into();
        self
    }

    /// Sets the most lines of a file; 100,000 by default, which is the service's limit.
    #[must_use]
    pub fn max_lines(mut self, lines: u64) -> Self {
        self.max_lines = lines.max(1);
        self
    }

    setters! {
        []
        /// Sets the largest file in bytes; 200,000,000 by default, which is the service's limit. With your own storage
        /// account it is 1 GB.
        max_bytes: u64;
    }

    /// Checks requests by the models that this client declares and with its [`Validation`](crate::Validation).
    #[must_use]
    pub fn check_with(mut self, client: &ChatClient) -> Self {
        self.client = Some(client.clone());
        self
    }

    /// Creates the first file. An existing file at the path is replaced when the writer has finished.
    ///
    /// # Errors
    ///
    /// When the file cannot be created.
    pub fn create(self, path: impl Into<PathBuf>) -> Result<BatchWriter> {
        let path = path.into();
        let mut writer = BatchWriter {
            options: self,
            path,
            done: Vec::new(),
            current: None,
            ids: CustomIds::default(),
            line: Vec::new(),
            has_failed: false,
        };
        writer.start_file("")?;
        Ok(writer)
    }
}

/// A line of an input file.
#[derive(Serialize)]
struct Line<'a, B> {
    custom_id: &'a str,
    method: &'static str,
    url: &'a str,
    body: B,
}

impl BatchWriter {
    /// Creates the first file, with the limits and the `url` of the service. An existing file at the path is replaced when the
    /// writer has finished.
    ///
    /// # Errors
    ///
    /// When the file cannot be created.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self> {
        Self::options().create(path)
    }

    /// The settings of a writer with another `url` or other limits.
    #[must_use]
    pub fn options() -> BatchWriterOptions {
        BatchWriterOptions { url: URL.to_owned(), max_lines: MOST_LINES, max_bytes: MOST_BYTES, client: None }
    }

    /// Writes a request, and returns the id that was made for it.
    ///
    /// # Errors
    ///
    /// As [`push_with_id`](Self::push_with_id).
    pub fn push(&mut self, request: &ChatCompletionRequest) -> Result<String> {
        self.check(request)?;
        let id = self.ids.make();
        self.write(&id, request)?;
        Ok(id)
    }

    /// Writes a request with this `custom_id`, which its result will have.
    ///
    /// # Errors
    ///
    /// - [`ErrorKind::InvalidRequest`]: the request breaks a rule, streams, or names another deployment than those before
    ///   it; the id is empty or was used before. Nothing was written, and the writer can be used on.
    /// - [`ErrorKind::Config`]: the file could not be written, as on a full disk. Every later call returns an error.
    pub fn push_with_id(&mut self, custom_id: impl AsRef<str>, request: &ChatCompletionRequest) -> Result<()> {
        let id = custom_id.as_ref();
        self.check(request)?;
        if id.is_empty() {
            return Err(invalid("custom_id", Rule::InvalidName, "an id has at least one character"));
        }
        if self.ids.is_used(id) {
            return Err(invalid("custom_id", Rule::Contradiction, format!("the id '{id}' was given before")));
        }
        self.write(id, request)?;
        self.ids.keep(id);
        Ok(())
    }

    /// The lines that were written so far.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.files().map(|input| input.lines).sum()
    }

    /// Ends the last file, syncs it to disk, and renames the files from `.partial`.
    ///
    /// # Errors
    ///
    /// When there is no line, and when a file cannot be written.
    pub fn finish(mut self) -> Result<Vec<BatchInput>> {
        self.check_state()?;
        if self.lines() == 0 {
            return Err(Error::new(
                ErrorKind::InvalidRequest,
                "no request was written, and the service refuses an empty file",
            ));
        }
        self.end_file()?;
        for input in &self.done {
            fs::rename(partial(&input.path), &input.path).map_err(|error| file_error(&input.path, "named", error))?;
        }
        Ok(std::mem::take(&mut self.done))
    }

    fn files(&self) -> impl Iterator<Item = &BatchInput> {
        self.done.iter().chain(self.current.iter().map(|(input, _)| input))
    }

    fn check_state(&self) -> Result<()> {
        if self.has_failed {
            return Err(Error::new(ErrorKind::Config, "an earlier line could not be written: start again"));
        }
        Ok(())
    }

    fn check(&self, request: &ChatCompletionRequest) -> Result<()> {
        self.check_state()?;
        match &self.options.client {
            Some(client) => client.admit(request)?,
            None => ValidationError::unless_empty(request.violations(Some(false), Some(&ApiVersion::V1)))?,
        }
        if request.asks_for_stream() == Some(true) {
            return Err(invalid("stream", Rule::UnsupportedValue, "a batch does not stream: leave it out"));
        }
        if !request.data_sources().is_empty() {
            return Err(invalid("data_sources", Rule::UnsupportedParameter, "a batch takes none: leave it out"));
        }
        let deployment = request.deployment().name();
        if let Some(first) = self.files().next().map(|input| &input.deployment).filter(|first| !first.is_empty())
            && first != deployment
        {
            let text = format!("a file has one deployment, and its first line names '{first}', not '{deployment}'");
            return Err(invalid("model", Rule::Contradiction, text));
        }
        Ok(())
    }

    fn write(&mut self, id: &str, request: &ChatCompletionRequest) -> Result<()> {
        self.line.clear();
        let body = request.body(&ApiVersion::V1, false);
        let line = Line { custom_id: id, method: "POST", url: &self.options.url, body };
        serde_json::to_writer(&mut self.line, &line).map_err(|error| {
            Error::new(ErrorKind::InvalidRequest, "the request cannot be written as JSON").with_source(error)
        })?;
        self.line.push(b'\n');
        let length = self.line.len() as u64;
        if length > self.options.max_bytes {
            let most = self.options.max_bytes;
            let text = format!("its line has {length} bytes, and a file at most {most}");
            return Err(invalid("messages", Rule::Limit, text));
        }
        let is_full = self.current.as_ref().is_some_and(|(input, _)| {
            input.lines >= self.options.max_lines || input.bytes.saturating_add(length) > self.options.max_bytes
        });
        let written = if is_full { self.next_file() } else { Ok(()) }.and_then(|()| self.write_line(request, length));
        self.has_failed |= written.is_err();
        self.line.shrink_to(BUFFER);
        written
    }

    fn write_line(&mut self, request: &ChatCompletionRequest, length: u64) -> Result<()> {
        let Some((input, file)) = &mut self.current else {
            return Err(Error::new(ErrorKind::Config, "the writer has no file"));
        };
        file.write_all(&self.line).map_err(|error| file_error(&input.path, "written", error))?;
        if input.deployment.is_empty() {
            request.deployment().name().clone_into(&mut input.deployment);
        }
        input.lines = input.lines.saturating_add(1);
        input.bytes = input.bytes.saturating_add(length);
        Ok(())
    }

    fn next_file(&mut self) -> Result<()> {
        let deployment = self.files().next().map(|input| input.deployment.clone()).unwrap_or_default();
        self.end_file()?;
        self.start_file(&deployment)
    }

    fn start_file(&mut self, deployment: &str) -> Result<()> {
        let path = numbered(&self.path, self.done.len().saturating_add(1));
        let file = File::create(partial(&path)).map_err(|error| file_error(&path, "created", error))?;
        let input = BatchInput::new(path, deployment.to_owned(), 0, 0);
        self.current = Some((input, BufWriter::with_capacity(BUFFER, file)));
        Ok(())
    }

    fn end_file(&mut self) -> Result<()> {
        if let Some((input, mut file)) = self.current.take() {
            let flushed = file.flush().and_then(|()| file.get_ref().sync_all());
            flushed.map_err(|error| file_error(&input.path, "written", error))?;
            self.done.push(input);
        }
        Ok(())
    }
}

impl fmt::Debug for BatchWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchWriter").field("path", &self.path).field("lines", &self.lines()).finish_non_exhaustive()
    }
}

impl fmt::Debug for BatchWriterOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, max_lines, max_bytes, client: _ } = self;
        f.debug_struct("BatchWriterOptions")
            .field("url", url)
            .field("max_lines", max_lines)
            .field("max_bytes", max_bytes)
            .finish_non_exhaustive()
    }
}

fn invalid(parameter: &str, rule: Rule, message: impl Into<String>) -> Error {
    ValidationError::of(Violation::new(parameter, rule, message)).into()
}

/// The path of the file with this number, from 1: `input.jsonl`, `input-2.jsonl`.
fn numbered(path: &Path, number: usize) -> PathBuf {
    if number == 1 {
        return path.to_owned();
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
    path.with_file_name(format!("{stem}-{number}{ending}"))
}

/// The path of a file that is not complete.
pub(super) fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

/// The error for a file or folder that could not be read or written: `what` is `read`, `written` and the like.
pub(super) fn file_error(path: &Path, what: &str, error: io::Error) -> Error {
    let text = format!("'{}' could not be {what}", path.display());
    Error::new(ErrorKind::Config, text).with_source(error)
}
