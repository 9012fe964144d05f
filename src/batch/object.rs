//! The JSON objects of the service: [`Batch`] and [`BatchFile`].

use serde_json::{Map, Value};

use super::status::{BatchErrorCode, BatchFileStatus, BatchStatus, snake_case};
use super::timestamp::Timestamp;
use crate::wire::wire_struct;

/// A count; 0 when the service sent none.
type Count = u64;

wire_struct! {
    /// A job of the service: an input file, and how far its requests have come.
    ///
    /// Times are in seconds since 1970, in UTC.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch>
    pub struct Batch {
        /// Its id, such as `batch_..`.
        id: String = "id",
        /// The type of the object, `batch`.
        object: String = "object",
        /// The `url` of its lines.
        endpoint: String = "endpoint",
        /// The model behind the deployment.
        model: String = "model",
        /// The reasons why it was refused.
        errors: BatchErrors = private "errors",
        /// The file of requests.
        input_file_id: String = "input_file_id",
        /// The time within which the service aims to finish, `24h`.
        completion_window: String = "completion_window",
        /// The status.
        status: String = private "status",
        /// The file of answers. `None` before it is finalizing, and where no line succeeded.
        output_file_id: String = "output_file_id",
        /// The file of lines that failed. `None` where none failed.
        error_file_id: String = "error_file_id",
        /// When it was created.
        created_at: Timestamp = "created_at",
        /// When the first request was sent to the model.
        in_progress_at: Timestamp = "in_progress_at",
        /// When it will expire.
        expires_at: Timestamp = "expires_at",
        /// When the last request was done.
        finalizing_at: Timestamp = "finalizing_at",
        /// When the results were written.
        completed_at: Timestamp = "completed_at",
        /// When it was refused.
        failed_at: Timestamp = "failed_at",
        /// When it expired.
        expired_at: Timestamp = "expired_at",
        /// When its cancellation was requested.
        cancelling_at: Timestamp = "cancelling_at",
        /// When it was cancelled.
        cancelled_at: Timestamp = "cancelled_at",
        /// The numbers of lines by outcome. `None` at first.
        request_counts: RequestCounts = private "request_counts",
        /// The tokens of all lines, where the service counts them.
        usage: BatchUsage = "usage",
        /// Up to 16 pairs of the caller.
        metadata: Map<String, Value> = hidden "metadata",
    }
}

impl Batch {
    /// The status; [`Validating`](BatchStatus::Validating) where the service sent nothing.
    #[must_use]
    pub fn status(&self) -> BatchStatus {
        self.status.as_deref().map_or(BatchStatus::Validating, |word| snake_case(word).into())
    }

    /// The file of answers and the file of lines that failed, if they exist. Some services send an empty string as the id of a
    /// file that does not exist.
    pub(super) fn result_files(&self) -> [Option<&str>; 2] {
        [self.output_file_id(), self.error_file_id()].map(|id| id.filter(|id| !id.is_empty()))
    }

    /// The reasons why it was refused; empty when it was not.
    #[must_use]
    pub fn errors(&self) -> &[BatchError] {
        self.errors.as_ref().map_or(&[], BatchErrors::data)
    }

    /// The numbers of lines by outcome; all 0 before the service counts them.
    #[must_use]
    pub fn request_counts(&self) -> &RequestCounts {
        const NONE: &RequestCounts = &RequestCounts::EMPTY;
        self.request_counts.as_ref().unwrap_or(NONE)
    }

    /// Whether it was refused only because the quota of enqueued tokens was full.
    #[must_use]
    pub fn is_over_quota(&self) -> bool {
        let is_quota = |error: &BatchError| error.code() == Some(BatchErrorCode::TokenLimitExceeded);
        self.status() == BatchStatus::Failed && !self.errors().is_empty() && self.errors().iter().all(is_quota)
    }
}

wire_struct! {
    /// The member `errors`: a list of reasons.
    pub(crate) struct BatchErrors {
        data: Vec<BatchError> = "data",
    }
}

wire_struct! {
    /// One reason why a batch was refused.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch>
    pub struct BatchError {
        /// The kind.
        code: String = private "code",
        /// The text. It may quote the request, so keep it out of logs.
        message: String = hidden "message",
        /// The member that is wrong.
        param: String = "param",
        /// The line of the input file, from 1; `None` when the whole file is meant.
        line: u64 = "line",
    }
}

impl BatchError {
    /// The kind.
    #[must_use]
    pub fn code(&self) -> Option<BatchErrorCode> {
        Some(snake_case(self.code.as_deref()?).into())
    }
}

wire_struct! {
    /// The numbers of lines of a batch by outcome.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch>
    pub struct RequestCounts {
        /// All lines.
        total: Count = "total",
        /// Those that were answered.
        completed: Count = "completed",
        /// Those that failed.
        failed: Count = "failed",
    }
}

wire_struct! {
    /// The tokens of a batch as the service counts them.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch>
    pub struct BatchUsage {
        /// Tokens of the prompts.
        input_tokens: Count = "input_tokens" | "prompt_tokens",
        /// Tokens of the answers.
        output_tokens: Count = "output_tokens" | "completion_tokens",
        /// Both together.
        total_tokens: Count = "total_tokens",
    }
}

wire_struct! {
    /// A file on the resource.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch>
    pub struct BatchFile {
        /// Its id, such as `file-..`.
        id: String = "id",
        /// The type of the object, `file`.
        object: String = "object",
        /// Its size in bytes.
        bytes: Count = "bytes",
        /// When it was uploaded, in seconds since 1970.
        created_at: Timestamp = "created_at",
        /// When it will be deleted, in seconds since 1970; `None` when it is kept.
        expires_at: Timestamp = "expires_at",
        /// The name it was uploaded under.
        filename: String = "filename",
        /// Its purpose: `batch`, or `batch_output`.
        purpose: String = "purpose",
        /// The status.
        status: String = private "status",
        /// The reason why the file cannot be used. It may quote the file, so keep it out of logs.
        status_details: String = hidden "status_details",
    }
}

impl BatchFile {
    /// The status; [`Processed`](BatchFileStatus::Processed) where the service sent nothing, as gateways do.
    #[must_use]
    pub fn status(&self) -> BatchFileStatus {
        self.status.as_deref().map_or(BatchFileStatus::Processed, |word| snake_case(word).into())
    }
}

wire_struct! {
    /// A page of a list.
    pub(crate) struct Page {
        data: Vec<Value> = "data",
        has_more: bool = "has_more",
        last_id: String = "last_id",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_sample_with_older_spellings_is_read() {
        let batch: Batch = serde_json::from_value(json!({
            "id": "batch_1", "status": "Validating", "created_at": "2024-07-19T21:33:59.4217551+00:00",
            "in_progress_at": null, "request_counts": null, "errors": null, "output_file_id": null,
            "request_count": {"total": 3}, "endpoint": "/chat/completions"
        }))
        .unwrap();
        assert_eq!((batch.id(), batch.status()), (Some("batch_1"), BatchStatus::Validating));
        assert_eq!((batch.created_at(), batch.in_progress_at()), (Some(1_721_424_839), None));
        assert_eq!(batch.request_counts().total(), 0);
        assert!(batch.errors().is_empty() && batch.output_file_id().is_none() && !batch.is_over_quota());
    }

    #[test]
    fn an_empty_file_id_is_none() {
        let batch: Batch = serde_json::from_value(json!({"output_file_id": "", "error_file_id": "file-1"})).unwrap();
        assert_eq!(batch.result_files(), [None, Some("file-1")]);
    }

    #[test]
    fn a_refused_batch_names_lines_and_codes_known_and_unknown() {
        let batch: Batch = serde_json::from_value(json!({"status": "failed", "errors": {"object": "list", "data": [
            {"code": "duplicate_custom_id", "line": 7, "message": "m", "param": null},
            {"code": "code_of_tomorrow", "line": null},
        ]}}))
        .unwrap();
        let codes: Vec<_> = batch.errors().iter().map(|error| (error.code().unwrap(), error.line())).collect();
        assert_eq!(codes[0], (BatchErrorCode::DuplicateCustomId, Some(7)));
        assert_eq!((codes[1].0.as_str(), codes[1].1), ("code_of_tomorrow", None));
        assert!(!batch.is_over_quota());
    }

    #[test]
    fn a_batch_is_over_quota_when_nothing_else_is_wrong() {
        let batch = |codes: &[&str]| -> Batch {
            let errors: Vec<Value> = codes.iter().map(|code| json!({"code": code})).collect();
            serde_json::from_value(json!({"status": "failed", "errors": {"data": errors}})).unwrap()
        };
        assert!(batch(&["token_limit_exceeded"]).is_over_quota());
        assert!(!batch(&["token_limit_exceeded", "model_not_found"]).is_over_quota());
        assert!(!batch(&[]).is_over_quota());
    }
}
