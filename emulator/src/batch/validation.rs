//! The validation of an input file, with the error codes of the service.

use std::collections::HashSet;

use axum::body::Bytes;
use serde_json::{Value, json};

use super::outcome::LineOutcome;

/// The most lines of an input file.
pub(super) const MOST_LINES: usize = 100_000;

/// A line of an input file that was read.
pub(super) struct InputLine {
    pub(super) custom_id: String,
    pub(super) body: Value,
    /// Set when its batch is created.
    pub(super) outcome: LineOutcome,
}

/// The lines of an input file, or its errors as elements of `errors.data`. `is_deployed(name)` is true when the resource
/// has a deployment of that name.
pub(super) fn check(
    content: &Bytes,
    endpoint: &str,
    most_lines: usize,
    is_deployed: &dyn Fn(&str) -> bool,
) -> Result<Vec<InputLine>, Vec<Value>> {
    if content.starts_with(b"\xEF\xBB\xBF") {
        let message = "Validation failed: A valid model deployment name couldn't be extracted from the input file.";
        return Err(vec![error("invalid_request", message, None)]);
    }
    let texts: Vec<&[u8]> = content.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect();
    if texts.is_empty() {
        return Err(vec![error("empty_file", "The input file is empty.", None)]);
    }
    if texts.len() > most_lines {
        let message = format!("The input file has more than {most_lines} lines.");
        return Err(vec![error("too_many_tasks", &message, None)]);
    }
    let (mut lines, mut errors) = (Vec::with_capacity(texts.len()), Vec::new());
    let (mut ids, mut model) = (HashSet::new(), None::<String>);
    for (text, number) in texts.into_iter().zip(1..) {
        let mut wrong = |code, message: &str| errors.push(error(code, message, Some(number)));
        let Ok(mut line) = serde_json::from_slice::<Value>(text) else {
            wrong("invalid_json_line", "A line is not parseable as valid JSON.");
            continue;
        };
        let word = |name: &str| line.get(name).and_then(Value::as_str).map(str::to_owned);
        let deployment = line.pointer("/body/model").and_then(Value::as_str).map(str::to_owned);
        let (Some(custom_id), Some("POST"), Some(url), Some(deployment)) =
            (word("custom_id"), word("method").as_deref(), word("url"), deployment)
        else {
            wrong("invalid_request", "A line lacks custom_id, method, url, or a model in its body.");
            continue;
        };
        if url.trim_start_matches("/v1") != endpoint.trim_start_matches("/v1") {
            wrong("url_mismatch", "The URL of a line does not match the endpoint of the batch.");
        } else if !is_deployed(&deployment) {
            wrong("model_not_found", "The model deployment of a line was not found.");
        } else if model.get_or_insert_with(|| deployment.clone()) != &deployment {
            wrong("model_mismatch", "All lines of a file must name the same model deployment.");
        } else if !ids.insert(custom_id.clone()) {
            wrong("duplicate_custom_id", "The custom_id of a line was used before.");
        } else {
            let body = line.get_mut("body").map(Value::take).unwrap_or_default();
            lines.push(InputLine { custom_id, body, outcome: LineOutcome::Answered });
        }
    }
    if errors.is_empty() { Ok(lines) } else { Err(errors) }
}

/// An element of `errors.data`.
pub(super) fn error(code: &str, message: &str, line: Option<u64>) -> Value {
    json!({"code": code, "message": message, "param": null, "line": line})
}
