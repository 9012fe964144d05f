//! The upload of a file, [`Upload`]: a multipart body that is read from disk while it is sent.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_util::{StreamExt, stream};
use reqwest::header::HeaderValue;
use tokio::io::AsyncReadExt;

use super::writer::file_error;
use crate::error::{Error, ErrorKind, Result};
use crate::transport::{RequestBody, StreamBody};
use crate::wire::{clone_converts, setters, text_converts};

/// The bytes of one read from disk.
const PIECE: usize = 64 * 1024;

type Progress = Arc<dyn Fn(u64, u64) + Send + Sync>;

/// A file to be uploaded, with the name and expiry that it has on the resource. Paths convert.
///
/// # Example: a file that the service deletes after two weeks
///
/// ```
/// use std::time::Duration;
/// use azure_openai_chat::batch::Upload;
///
/// let upload = Upload::new("input.jsonl")
///     .expires_after(Duration::from_secs(14 * 24 * 3600))
///     .on_progress(|sent, total| eprintln!("{sent} of {total} bytes"));
/// # let _ = upload;
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch>
#[derive(Clone)]
pub struct Upload {
    pub(super) path: PathBuf,
    file_name: Option<String>,
    expires_after: Option<Duration>,
    progress: Option<Progress>,
}

impl Upload {
    /// The file at this path, under its own name, without expiry.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), file_name: None, expires_after: None, progress: None }
    }

    setters! {
        []
        /// Sets the name of the file on the resource; that of the path by default. Several files may have the same.
        file_name: into String;

        /// Sets the time after which the service deletes the file: 14 to 30 days. When unset it is kept; a resource holds
        /// 500 files that do not expire, and 10,000 that do.
        expires_after: Duration;
    }

    /// Sets a callback for the bytes sent so far and those of the whole file. An attempt that failed starts again at 0.
    #[must_use]
    pub fn on_progress(mut self, progress: impl Fn(u64, u64) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(progress));
        self
    }

    /// A multipart body with the file at its present size.
    pub(super) fn body(&self) -> Result<RequestBody> {
        let read = |error| file_error(&self.path, "read", error);
        let metadata = std::fs::metadata(&self.path).map_err(read)?;
        if !metadata.is_file() {
            return Err(read(io::Error::other("it is no file")));
        }
        if metadata.len() == 0 {
            let text = format!("'{}' is empty, and the service refuses an empty file", self.path.display());
            return Err(Error::new(ErrorKind::Config, text));
        }
        let name = self.file_name.clone().or_else(|| Some(self.path.file_name()?.to_string_lossy().into_owned()));
        let boundary = format!("batch-{:032x}", fastrand::u128(..));
        let mut head = String::new();
        let mut field = |name: &str, value: &str| {
            head.push_str(&format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            ));
        };
        field("purpose", "batch");
        if let Some(time) = self.expires_after {
            field("expires_after.seconds", &time.as_secs().to_string());
            field("expires_after.anchor", "created_at");
        }
        head.push_str(&format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\n\
             Content-Type: application/json\r\n\r\n",
            escaped(&name.unwrap_or_default())
        ));
        let (head, tail) = (Bytes::from(head), Bytes::from(format!("\r\n--{boundary}--\r\n")));
        let (path, size, progress) = (self.path.clone(), metadata.len(), self.progress.clone());
        Ok(RequestBody::Stream(Arc::new(StreamBody {
            content_type: HeaderValue::try_from(format!("multipart/form-data; boundary={boundary}"))
                .unwrap_or(HeaderValue::from_static("multipart/form-data")),
            length: size.saturating_add(head.len() as u64).saturating_add(tail.len() as u64),
            open: Box::new(move || {
                let one = |bytes: &Bytes| stream::iter([Ok(bytes.clone())]);
                Box::pin(one(&head).chain(content(path.clone(), size, progress.clone())).chain(one(&tail)))
            }),
        })))
    }
}

/// The first `size` bytes of a file, read while they are sent.
fn content(
    path: PathBuf,
    size: u64,
    progress: Option<Progress>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + Sync {
    stream::try_unfold((None, 0), move |(file, sent)| {
        let (path, progress) = (path.clone(), progress.clone());
        async move {
            let left = size.saturating_sub(sent);
            if left == 0 {
                return Ok(None);
            }
            let mut file = match file {
                Some(file) => file,
                None => tokio::fs::File::open(path).await?,
            };
            let mut piece = BytesMut::with_capacity(usize::try_from(left).unwrap_or(PIECE).min(PIECE));
            let read = (&mut file).take(left).read_buf(&mut piece).await?;
            if read == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter"));
            }
            let sent = sent.saturating_add(read as u64);
            if let Some(progress) = &progress {
                progress(sent, size);
            }
            Ok(Some((piece.freeze(), (Some(file), sent))))
        }
    })
}

/// A file name for use within quotes, escaped as browsers do.
fn escaped(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

text_converts!(Upload, Upload::new);
clone_converts!(Upload);

impl From<PathBuf> for Upload {
    fn from(path: PathBuf) -> Self {
        Self::new(path)
    }
}

impl From<&PathBuf> for Upload {
    fn from(path: &PathBuf) -> Self {
        Self::new(path)
    }
}

impl From<&Path> for Upload {
    fn from(path: &Path) -> Self {
        Self::new(path)
    }
}

impl From<&super::BatchInput> for Upload {
    fn from(input: &super::BatchInput) -> Self {
        Self::new(input.path())
    }
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("path", &self.path)
            .field("file_name", &self.file_name)
            .field("expires_after", &self.expires_after)
            .finish_non_exhaustive()
    }
}
