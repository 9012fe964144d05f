//! An error as data, for logs and traces.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Error, ServiceError};

/// An object with `kind` and `message` (the text that [`Display`](std::fmt::Display) prints), and with `status`, `code`,
/// `param`, `deployment`, `request_id`, `client_request_id`, `retry_after` (seconds), `attempts` and `is_retryable` where
/// they are known. Nothing of prompt and answer is in it: the service's own message is only there where the text has it.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let service = self.service_error();
        let metadata = self.metadata();
        let client_id = metadata.and_then(|metadata| metadata.client_request_id());
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("kind", &self.kind())?;
        map.serialize_entry("message", &self.to_string())?;
        if let Some(status) = self.status() {
            map.serialize_entry("status", &status)?;
        }
        for (name, value) in [
            ("code", service.and_then(ServiceError::printable_code)),
            ("param", service.and_then(ServiceError::printable_param)),
            ("deployment", self.0.deployment.as_deref()),
            ("request_id", self.request_id()),
            ("client_request_id", client_id.or(self.0.client_request_id.as_deref())),
        ] {
            if let Some(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        if let Some(wait) = self.retry_after() {
            map.serialize_entry("retry_after", &wait.as_secs_f64())?;
        }
        map.serialize_entry("attempts", &self.attempts())?;
        map.serialize_entry("is_retryable", &self.is_retryable())?;
        map.end()
    }
}
