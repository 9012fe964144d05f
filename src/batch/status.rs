//! The statuses of batches and files, and the error codes of batches.

use crate::wire::open_enum;

open_enum! {
    /// The status of a batch.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch>
    pub enum BatchStatus {
        /// The input is checked.
        Validating = "validating",
        /// The input was refused; [`Batch::errors`](super::Batch::errors) has the reasons.
        Failed = "failed",
        /// The requests are processed.
        InProgress = "in_progress",
        /// The results are written.
        Finalizing = "finalizing",
        /// The results can be downloaded.
        Completed = "completed",
        /// The window of 24 hours ended first; the answers until then are in the results.
        Expired = "expired",
        /// It is being cancelled, which takes up to ten minutes.
        Cancelling = "cancelling",
        /// It was cancelled; the answers until then are in the results.
        Cancelled = "cancelled",
    }
}

impl BatchStatus {
    /// Whether the status will not change any more.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Failed | Self::Completed | Self::Expired | Self::Cancelled)
    }
}

open_enum! {
    /// The status of a file.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch>
    pub enum BatchFileStatus {
        /// It has arrived.
        Uploaded = "uploaded",
        /// Its processing has not begun.
        Pending = "pending",
        /// It is being processed.
        Running = "running",
        /// It can be used.
        Processed = "processed",
        /// It cannot be used.
        Error = "error",
        /// It is being deleted.
        Deleting = "deleting",
        /// It was deleted.
        Deleted = "deleted",
    }
}

open_enum! {
    /// The reason why a batch, or a line of its input, was refused.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/batch>
    pub enum BatchErrorCode {
        /// A line is not JSON.
        InvalidJsonLine = "invalid_json_line",
        /// The file has more than 100,000 lines.
        TooManyTasks = "too_many_tasks",
        /// A line has another `url` than the batch, or than the lines before it.
        UrlMismatch = "url_mismatch",
        /// A line names a deployment that does not exist.
        ModelNotFound = "model_not_found",
        /// Two lines have the same `custom_id`.
        DuplicateCustomId = "duplicate_custom_id",
        /// The file has no line.
        EmptyFile = "empty_file",
        /// A line names another deployment than the lines before it.
        ModelMismatch = "model_mismatch",
        /// A request of a line is malformed.
        InvalidRequest = "invalid_request",
        /// The file changed after the batch was created.
        InputModified = "input_modified",
        /// The file cannot be read.
        InputNoPermissions = "input_no_permissions",
        /// The quota of enqueued tokens is full: wait until other batches have ended.
        TokenLimitExceeded = "token_limit_exceeded",
        /// The line was not answered within the window of 24 hours.
        BatchExpired = "batch_expired",
        /// The line was not answered before the batch was cancelled.
        BatchCancelled = "batch_cancelled",
    }
}

/// The value in the spelling of the specification: `in_progress` for the `InProgress` of some samples.
pub(super) fn snake_case(word: &str) -> String {
    let mut snake = String::with_capacity(word.len() + 2);
    for letter in word.trim().chars() {
        match letter {
            ' ' | '-' => snake.push('_'),
            upper if upper.is_ascii_uppercase() => {
                if !snake.is_empty() && !snake.ends_with('_') {
                    snake.push('_');
                }
                snake.push(upper.to_ascii_lowercase());
            }
            other => snake.push(other),
        }
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_samples_are_read_as_those_of_the_specification() {
        for (word, status) in [
            ("Validating", BatchStatus::Validating),
            ("in_progress", BatchStatus::InProgress),
            ("InProgress", BatchStatus::InProgress),
            ("in progress", BatchStatus::InProgress),
            ("Completed", BatchStatus::Completed),
        ] {
            assert_eq!(BatchStatus::from(snake_case(word)), status, "{word}");
        }
    }
}
