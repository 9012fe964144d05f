//! The content of files, and the results in it, [`BatchResults`].

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use futures_core::Stream;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::client::BatchClient;
use super::item::BatchItem;
use super::object::Batch;
use crate::error::{Error, ErrorKind, Result};
use crate::transport::body::ByteStream;

/// How often a download is resumed after its connection broke.
const REOPENINGS: u32 = 5;

/// The longest line of results, in bytes.
const LONGEST_LINE: usize = 256 * 1024 * 1024;

/// The results of a batch in the order of their arrival; made by [`BatchClient::results`].
///
/// An error of this stream ends it, such as a connection that cannot be replaced; the error of one request is in its
/// [`BatchItem`]. Dropping it closes its connection.
pub struct BatchResults(Pin<Box<dyn Stream<Item = Result<BatchItem>> + Send>>);

impl BatchClient {
    /// The results of a batch: the lines of its output file, then those of its error file, each by its `custom_id`. The
    /// service does not keep the order of the input, and lines that it did not process may be missing.
    ///
    /// After a broken connection the download is resumed where it was.
    #[must_use]
    pub fn results(&self, batch: &Batch) -> BatchResults {
        let files = batch.result_files().into_iter().flatten();
        BatchResults::new(self.clone(), files.map(str::to_owned).collect())
    }

    /// The results in one file, such as [`Batch::output_file_id`] names.
    #[must_use]
    pub fn results_of_file(&self, file_id: &str) -> BatchResults {
        BatchResults::new(self.clone(), vec![file_id.to_owned()])
    }

    /// The content of a file, piece by piece.
    ///
    /// # Errors
    ///
    /// Any [`ErrorKind`], as an item; the stream then ends.
    pub fn file_content(&self, id: &str) -> impl Stream<Item = Result<Bytes>> + Send + Unpin + use<> {
        Box::pin(content(self.clone(), id.to_owned()))
    }
}

impl BatchResults {
    fn new(client: BatchClient, file_ids: Vec<String>) -> Self {
        let files = stream::iter(file_ids).map(move |id| Ok::<_, Error>(lines(content(client.clone(), id))));
        Self(Box::pin(files.try_flatten()))
    }

    /// The next result; `None` at the end.
    ///
    /// # Errors
    ///
    /// Any [`ErrorKind`]; [`ErrorKind::Interrupted`] when the file ends inside a line.
    pub async fn next_item(&mut self) -> Result<Option<BatchItem>> {
        self.0.try_next().await
    }
}

impl Stream for BatchResults {
    type Item = Result<BatchItem>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for BatchResults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchResults").finish_non_exhaustive()
    }
}

/// A download that is resumed after its connection broke.
struct Download {
    client: BatchClient,
    id: String,
    stream: Option<ByteStream>,
    /// In bytes.
    received: u64,
    reopenings: u32,
}

/// The content of a file. What was received before a connection broke is not handed out again.
pub(super) fn content(client: BatchClient, id: String) -> impl Stream<Item = Result<Bytes>> + Send {
    let download = Download { client, id, stream: None, received: 0, reopenings: 0 };
    stream::try_unfold(
        download,
        |mut download| async move { Ok(download.next().await?.map(|bytes| (bytes, download))) },
    )
}

impl Download {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            let result = match &mut self.stream {
                Some(stream) => poll_fn(|cx| stream.poll_next(cx)).await.transpose(),
                None => self.reopen().await,
            };
            match result {
                Ok(bytes) => {
                    self.received = self.received.saturating_add(bytes.as_ref().map_or(0, Bytes::len) as u64);
                    return Ok(bytes);
                }
                Err(error) if self.reopenings < REOPENINGS && may_reopen(&error) => {
                    self.reopenings = self.reopenings.saturating_add(1);
                    self.stream = None;
                    tracing::debug!(file = self.id, received = self.received, "reading on after a broken connection");
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Opens the file and skips what was received. Returns the first bytes after that.
    async fn reopen(&mut self) -> Result<Option<Bytes>> {
        let mut stream = self.client.open(&self.id).await?;
        let mut to_skip = self.received;
        loop {
            let Some(mut bytes) = poll_fn(|cx| stream.poll_next(cx)).await.transpose()? else {
                self.stream = Some(stream);
                return Ok(None);
            };
            let skipped = usize::try_from(to_skip).unwrap_or(usize::MAX).min(bytes.len());
            bytes.advance(skipped);
            to_skip = to_skip.saturating_sub(skipped as u64);
            if !bytes.is_empty() {
                self.stream = Some(stream);
                return Ok(Some(bytes));
            }
        }
    }
}

fn may_reopen(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::Timeout) || error.is_retryable()
}

/// The results in the lines of a file.
fn lines(content: impl Stream<Item = Result<Bytes>> + Send) -> impl Stream<Item = Result<BatchItem>> + Send {
    let state = (Box::pin(content), LineSplitter::default());
    stream::try_unfold(state, |(mut content, mut splitter)| async move {
        loop {
            if let Some(line) = splitter.next_line()? {
                return Ok(Some((BatchItem::from_line(line)?, (content, splitter))));
            }
            match content.try_next().await? {
                Some(bytes) => splitter.push(&bytes),
                None => {
                    let Some(line) = splitter.last_line() else {
                        return Ok(None);
                    };
                    return Ok(Some((BatchItem::from_line(line)?, (content, splitter))));
                }
            }
        }
    })
}

/// Splits bytes at line ends. Blank lines are left out.
#[derive(Debug, Default)]
struct LineSplitter {
    buffer: BytesMut,
    /// The length of the part of the buffer that is known to have no line end.
    searched: usize,
}

impl LineSplitter {
    fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    fn next_line(&mut self) -> Result<Option<Bytes>> {
        loop {
            let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
            let Some(length) = memchr::memchr(b'\n', unsearched) else {
                self.searched = self.buffer.len();
                if self.searched > LONGEST_LINE {
                    let text = format!("a line of results is longer than {LONGEST_LINE} bytes");
                    return Err(Error::new(ErrorKind::Decode, text));
                }
                return Ok(None);
            };
            let end = self.searched.saturating_add(length);
            let mut line = self.buffer.split_to(end);
            self.buffer.advance(1);
            self.searched = 0;
            if !line.trim_ascii().is_empty() {
                if line.last() == Some(&b'\r') {
                    line.truncate(line.len().saturating_sub(1));
                }
                return Ok(Some(line.freeze()));
            }
        }
    }

    /// What comes after the last line end.
    fn last_line(&mut self) -> Option<Bytes> {
        self.searched = 0;
        let line = self.buffer.split().freeze();
        (!line.trim_ascii().is_empty()).then_some(line)
    }
}
