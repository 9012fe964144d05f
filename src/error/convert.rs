//! Conversions of errors: from other kinds to that of this crate, and from it to those of azure_core and of OpenAI's API.

use std::convert::Infallible;

use serde_json::{Value, json};

use super::{Error, ErrorKind, ServiceError};
use crate::response::ParseError;

impl From<ParseError> for Error {
    fn from(error: ParseError) -> Self {
        let metadata = error.completion().map(|completion| completion.metadata().clone());
        let this = Self::new(ErrorKind::Parse, error.to_string()).with_source(error);
        match metadata {
            Some(metadata) => this.with_metadata(metadata.into()),
            None => this,
        }
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// By its kind. An answer's status, headers and body are read as those of Azure OpenAI; an error that was one of this
/// crate becomes that again.
#[cfg(feature = "azure_core")]
impl From<azure_core::Error> for Error {
    fn from(error: azure_core::Error) -> Self {
        use azure_core::error::ErrorKind as Azure;

        let error = match error.into_downcast::<Self>() {
            Ok(ours) => return ours,
            Err(error) => error,
        };
        let (kind, text) = match error.kind() {
            Azure::HttpResponse { status, error_code, raw_response } => {
                let answered = raw_response.as_deref();
                let headers = answered.into_iter().flat_map(|answer| answer.headers().iter());
                let headers = headers.map(|(name, value)| (name.as_str().to_owned(), value.as_str().to_owned()));
                let metadata = crate::response::ResponseMetadata::new(u16::from(*status), headers);
                let code = || json!({"error": {"code": error_code}}).to_string();
                let body = answered.map_or_else(|| code().into_bytes(), |answer| answer.body().to_vec());
                return Self::from_response(metadata, &body).with_source(error);
            }
            Azure::Connection => (ErrorKind::Connect, "no connection came about"),
            Azure::Io => (ErrorKind::Connect, "the connection failed"),
            Azure::DataConversion => (ErrorKind::Decode, "a value could not be converted"),
            Azure::Credential => (ErrorKind::Credential, "the credential gave no token"),
            _ => (ErrorKind::Service, "an operation of Azure failed"),
        };
        Self::new(kind, text).with_source(error)
    }
}

/// With the status and the code of the answer, where there is one. The source is the whole error.
#[cfg(feature = "azure_core")]
impl From<Error> for azure_core::Error {
    fn from(error: Error) -> Self {
        use azure_core::error::ErrorKind as Azure;

        let kind = match (error.status(), error.kind()) {
            (Some(status), kind) if kind != ErrorKind::Parse && status >= 400 => Azure::HttpResponse {
                status: status.into(),
                error_code: error.code().map(str::to_owned),
                raw_response: None,
            },
            (_, ErrorKind::Connect) if !error.may_have_reached_service() => Azure::Connection,
            (_, ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Interrupted) => Azure::Io,
            (_, ErrorKind::Decode | ErrorKind::Parse) => Azure::DataConversion,
            (_, ErrorKind::Credential) => Azure::Credential,
            _ => Azure::Other,
        };
        Self::new(kind, error)
    }
}

impl Error {
    /// The status and the body of this error in the shape of OpenAI's API, for the callers of a service of one's own.
    ///
    /// The status is [`ErrorKind::http_status`], and the service's own where it refused the request (400, 413, 422). The
    /// body is `{"error": {"message", "type", "param", "code"}}`. The message is what a caller can act on: the violations,
    /// or the service's message where it cannot repeat a prompt. What is about the service itself (its endpoints,
    /// deployments, keys and identities) is left out; that is in the text of the error, for its log.
    ///
    /// # Example: a refusal passed on
    ///
    /// ```
    /// use azure_openai_chat::{Error, ResponseMetadata};
    ///
    /// let metadata = ResponseMetadata::new(429, [("retry-after", "7")]);
    /// let error = Error::from_response(metadata, br#"{"error": {"code": "429", "message": "Slow down."}}"#);
    /// let (status, body) = error.to_openai();
    /// assert_eq!(status, 429);
    /// assert_eq!(body["error"]["type"], "rate_limit_error");
    /// assert_eq!(body["error"]["message"], "Slow down.");
    /// ```
    ///
    /// OpenAI reference: <https://platform.openai.com/docs/guides/error-codes>
    #[must_use]
    pub fn to_openai(&self) -> (u16, Value) {
        let kind = self.kind();
        let status = match self.status() {
            Some(status) if kind == ErrorKind::Rejected => status,
            _ => kind.http_status(),
        };
        // what is wrong with the service's own sign-in or setup is not for its callers
        let service = self.service_error().filter(|_| status < 500 && kind != ErrorKind::NotFound);
        let (error_type, code, message) = match kind {
            ErrorKind::InvalidRequest => ("invalid_request_error", "invalid_request", "the request breaks a rule"),
            ErrorKind::Rejected => ("invalid_request_error", "invalid_request", "the model refused the request"),
            ErrorKind::ContentFiltered => {
                ("invalid_request_error", "content_filter", "the prompt was blocked by the content filter")
            }
            ErrorKind::NotFound => ("invalid_request_error", "model_not_found", "the model does not exist"),
            ErrorKind::RateLimited => ("rate_limit_error", "rate_limit_exceeded", "too many requests; try again later"),
            ErrorKind::Timeout => ("server_error", "timeout", "the model did not answer in time"),
            ErrorKind::Connect | ErrorKind::Service => ("server_error", "server_error", "the model is unavailable"),
            ErrorKind::Interrupted => ("server_error", "interrupted", "the answer broke off"),
            ErrorKind::Decode | ErrorKind::Parse => ("server_error", kind.as_str(), "the answer could not be used"),
            ErrorKind::Config | ErrorKind::Credential | ErrorKind::Unauthorized => {
                ("server_error", "server_error", "the service is not set up for this model")
            }
        };
        let printable = service.and_then(|service| service.printable_message(self.0.answered()));
        let message = match self.violations() {
            [] => printable.unwrap_or_else(|| message.to_owned()),
            violations => violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        };
        let is_status = |code: &str| code.bytes().all(|byte| byte.is_ascii_digit());
        let named = service.and_then(ServiceError::printable_code).filter(|code| !is_status(code));
        let param = service
            .and_then(ServiceError::printable_param)
            .or(self.violations().first().map(|first| first.parameter()));
        let code = named.unwrap_or(code);
        (status, json!({"error": {"message": message, "type": error_type, "param": param, "code": code}}))
    }
}
