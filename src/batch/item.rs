//! The result of one line of a batch, [`BatchItem`].

use std::sync::Arc;

use bytes::Bytes;

use super::status::{BatchErrorCode, snake_case};
use crate::error::{Error, ErrorKind, Result, ServiceError, completion_or_error};
use crate::response::{ChatCompletion, CompletionBody, ResponseMetadata, parse_json};
use crate::wire::json_cursor::JsonCursor;
use crate::wire::wire_struct;

/// The result of one request, by its `custom_id`: an answer, or an error.
///
/// # Example: the answer in a line
///
/// ```
/// use azure_openai_chat::batch::BatchItem;
///
/// let line = br#"{"custom_id":"a","response":{"status_code":200,"request_id":"r1",
///     "body":{"choices":[{"message":{"content":"Paris"},"finish_reason":"stop"}]}},"error":null}"#;
/// let item = BatchItem::from_line(&line[..])?;
/// assert_eq!(item.custom_id(), "a");
/// assert_eq!(item.result().unwrap().text(), Some("Paris"));
/// # Ok::<(), azure_openai_chat::Error>(())
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch>
#[derive(Debug, Clone)]
pub struct BatchItem {
    custom_id: String,
    result: Result<ChatCompletion>,
    code: Option<BatchErrorCode>,
}

impl BatchItem {
    /// The result in one line of an output file or an error file.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Decode`] when the line is not JSON, or has no `custom_id`; [`ErrorKind::Interrupted`] when it is cut. The
    /// error of the request itself is in the item.
    pub fn from_line(line: impl Into<Bytes>) -> Result<Self> {
        let line = line.into();
        let read: ResultLine = parse_json(&line).map_err(|error| unreadable(line.clone(), &error))?;
        let custom_id = read.custom_id.ok_or_else(|| {
            Error::new(ErrorKind::Decode, "a line of results has no custom_id").with_body(line.clone())
        })?;
        let code = read.error.as_ref().and_then(|error| error.code.as_deref()).map(|code| snake_case(code).into());
        let Some(response) = read.response else {
            if read.error.is_none() {
                let text = "a line of results has neither a response nor an error";
                let error = Error::new(ErrorKind::Decode, text).with_body(line);
                return Ok(Self { custom_id, result: Err(error), code });
            }
            let body = member(&line, &["error"])
                .map_or_else(Bytes::new, |error| Bytes::from([br#"{"error":"#.as_slice(), &error, b"}"].concat()));
            // status 200, since the service answered the batch, and the error is that of this line alone
            let error = Error::from_response(metadata(200, None), &body);
            return Ok(Self { custom_id, result: Err(error), code });
        };
        let status = response.status_code.unwrap_or(200);
        let metadata = Arc::new(metadata(u16::try_from(status).unwrap_or(500), response.request_id.as_deref()));
        let body = member(&line, &["response", "body"]).unwrap_or_default();
        let result = match response.body {
            Some(completion) if (200..300).contains(&status) => {
                let completion = ChatCompletion::from_parts(completion, body.clone());
                completion_or_error(completion, body, &metadata, false)
            }
            _ => Err(Error::service(ServiceError::from_body(&body), metadata)),
        };
        Ok(Self { custom_id, result, code })
    }

    /// A result that is not read from a file.
    pub(super) fn new(custom_id: String, result: Result<ChatCompletion>, code: Option<BatchErrorCode>) -> Self {
        Self { custom_id, result, code }
    }

    /// The `custom_id` of the request.
    #[must_use]
    pub fn custom_id(&self) -> &str {
        &self.custom_id
    }

    /// The answer, or the error in place of one.
    ///
    /// # Errors
    ///
    /// The error of the service for this request, such as [`ErrorKind::ContentFiltered`].
    pub fn result(&self) -> Result<&ChatCompletion, &Error> {
        self.result.as_ref()
    }

    /// The answer. `None` when the request failed.
    #[must_use]
    pub fn completion(&self) -> Option<&ChatCompletion> {
        self.result().ok()
    }

    /// Why the request failed. `None` when it was answered.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        self.result().err()
    }

    /// The code of the batch for a line that was not answered, such as [`BatchErrorCode::BatchExpired`]. The code of the
    /// model's error is in [`error`](Self::error).
    #[must_use]
    pub fn code(&self) -> Option<&BatchErrorCode> {
        self.code.as_ref()
    }

    /// Whether the same request may succeed in another batch: it expired, was cancelled or not answered, or its error is
    /// [retryable](Error::is_retryable).
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        let may_pass = matches!(self.code, Some(BatchErrorCode::BatchExpired | BatchErrorCode::BatchCancelled));
        self.error().is_some_and(|error| may_pass || error.is_retryable())
    }
}

wire_struct! {
    /// A line of an output file or an error file.
    struct ResultLine {
        custom_id: String = private "custom_id",
        response: LineResponse = private "response",
        error: LineError = private "error",
    }
}

wire_struct! {
    struct LineResponse {
        status_code: u64 = private "status_code",
        request_id: String = private "request_id",
        body: CompletionBody = private hidden "body",
    }
}

wire_struct! {
    struct LineError {
        code: String = private "code",
    }
}

fn metadata(status: u16, request_id: Option<&str>) -> ResponseMetadata {
    ResponseMetadata::new(status, request_id.map(|id| ("apim-request-id", id)))
}

/// The JSON of a member, by its path, in a line that was parsed before.
fn member(line: &Bytes, path: &[&str]) -> Option<Bytes> {
    let mut found = None;
    find_member(&mut JsonCursor::new(line), path, &mut found);
    found.map(|value| line.slice_ref(value))
}

fn find_member<'l>(cursor: &mut JsonCursor<'l>, path: &[&str], found: &mut Option<&'l [u8]>) -> Option<()> {
    let (first, others) = path.split_first()?;
    cursor.each_member(|cursor, name| {
        let is_first = name == first.as_bytes();
        if is_first && cursor.peek()? == b'{' && !others.is_empty() {
            return find_member(cursor, others, found);
        }
        cursor.peek()?;
        let value = cursor.remaining();
        cursor.skip_value()?;
        if is_first && others.is_empty() {
            *found = value.get(..value.len().checked_sub(cursor.remaining().len())?);
        }
        Some(())
    })
}

fn unreadable(line: Bytes, error: &serde_json::Error) -> Error {
    let (kind, what) = match error.is_eof() {
        true => (ErrorKind::Interrupted, "the results end inside a line"),
        false => (ErrorKind::Decode, "a line of results is not JSON"),
    };
    Error::new(kind, format!("{what}, at its column {}", error.column())).with_body(line)
}
