//! The outcome of a batch line, [`LineOutcome`], and the lines of the files of results.

use std::sync::Arc;

use serde_json::{Value, json};

/// The outcome of a line, by its `custom_id`.
pub(super) type Outcomes = Arc<dyn Fn(&str) -> LineOutcome + Send + Sync>;

/// The outcome of a line of a batch.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum LineOutcome {
    /// Its deployment answers.
    Answered,
    /// It fails with this status and this error object.
    Failed(u16, Value),
    /// It is not processed before the batch expires.
    Expired,
    /// It is in neither file of results.
    Missing,
}

/// A line of results, and whether it belongs in the error file.
pub(super) fn result_line(number: usize, custom_id: &str, status: u16, body: &Value) -> (String, bool) {
    let line = json!({
        "id": format!("batch_req_{number:08x}"), "custom_id": custom_id,
        "response": {"status_code": status, "request_id": format!("{number:032x}"), "body": body}, "error": null,
    });
    (line.to_string(), status >= 300)
}

/// The line of the error file for a line that was not processed.
pub(super) fn unreached_line(number: usize, custom_id: &str, code: &str, message: &str) -> String {
    json!({
        "id": format!("batch_req_{number:08x}"), "custom_id": custom_id, "response": null,
        "error": {"code": code, "message": message},
    })
    .to_string()
}
