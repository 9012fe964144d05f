//! The request to create a batch, [`CreateBatch`].

use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::object::BatchFile;
use crate::wire::{clone_converts, setters, text_converts};

/// A batch to be created. Files and their ids convert.
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch>
#[derive(Clone)]
pub struct CreateBatch {
    pub(super) input_file_id: String,
    endpoint: String,
    output_expires_after: Option<Duration>,
    metadata: Map<String, Value>,
}

impl CreateBatch {
    /// A batch of the requests in this file.
    #[must_use]
    pub fn new(input_file_id: impl Into<String>) -> Self {
        Self {
            input_file_id: input_file_id.into(),
            endpoint: "/chat/completions".to_owned(),
            output_expires_after: None,
            metadata: Map::new(),
        }
    }

    /// Sets the `url` of its lines: `/chat/completions` by default, as in Microsoft's guide. Some gateways require
    /// `/v1/chat/completions`.
    #[must_use]
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = endpoint.into();
        self
    }

    setters! {
        []
        /// Sets the time after which the service deletes the files of results: 14 to 30 days. When unset they are kept.
        output_expires_after: Duration;
    }

    /// Adds a pair of `metadata` that the service stores with the batch: 16 at most, keys up to 64, values up to 512
    /// characters.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into().into());
        self
    }

    pub(super) fn body(&self) -> Value {
        let mut body = json!({
            "input_file_id": self.input_file_id, "endpoint": self.endpoint, "completion_window": "24h",
        });
        if let Value::Object(members) = &mut body {
            if let Some(time) = self.output_expires_after {
                members.insert(
                    "output_expires_after".to_owned(),
                    json!({"seconds": time.as_secs(), "anchor": "created_at"}),
                );
            }
            if !self.metadata.is_empty() {
                members.insert("metadata".to_owned(), self.metadata.clone().into());
            }
        }
        body
    }
}

/// Leaves the metadata out.
impl fmt::Debug for CreateBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateBatch")
            .field("input_file_id", &self.input_file_id)
            .field("endpoint", &self.endpoint)
            .field("output_expires_after", &self.output_expires_after)
            .finish_non_exhaustive()
    }
}

impl From<&BatchFile> for CreateBatch {
    fn from(file: &BatchFile) -> Self {
        Self::new(file.id().unwrap_or_default())
    }
}

text_converts!(CreateBatch, CreateBatch::new);
clone_converts!(CreateBatch);
