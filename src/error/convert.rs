//! Errors of other kinds as an error of this crate, and the reverse.

use std::convert::Infallible;

use super::{Error, ErrorKind};
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
                let code = || serde_json::json!({"error": {"code": error_code}}).to_string();
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
