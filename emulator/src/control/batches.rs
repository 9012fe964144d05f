//! The control of files and batches over HTTP, with the settings of [`Batches`](crate::Batches).

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Control, ControlError};
use crate::batch::{BatchQuota, BatchTiming, Batches, LineOutcome};
use crate::settings::{from_zero, seconds};

/// The settings in a request; what is absent stays as it is.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Changes {
    #[serde(deserialize_with = "from_zero")]
    advance_seconds: Option<f64>,
    timing: Option<Timing>,
    quota: Option<TokenQuota>,
    /// By `custom_id`; the other lines are answered.
    outcomes: Option<BTreeMap<String, Line>>,
    most_lines: Option<usize>,
    cut_results: Option<usize>,
    hold_answer_after: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Timing {
    #[serde(deserialize_with = "from_zero")]
    file_seconds: Option<f64>,
    #[serde(deserialize_with = "from_zero")]
    validation_seconds: Option<f64>,
    #[serde(deserialize_with = "from_zero")]
    line_seconds: Option<f64>,
    #[serde(deserialize_with = "from_zero")]
    finalizing_seconds: Option<f64>,
    #[serde(deserialize_with = "from_zero")]
    cancelling_seconds: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenQuota {
    tokens: u64,
    #[serde(default)]
    fails_fast: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Answered,
    Failed { status: u16, error: Value },
    Expired,
    Missing,
}

fn time(number: Option<f64>) -> Duration {
    seconds(number.unwrap_or(0.0))
}

impl Control<'_> {
    pub(super) fn batches(&self) -> Result<Value, ControlError> {
        let batches = Batches::of(&self.shared.batches);
        match self.parts.method {
            Method::GET => {}
            Method::POST => {
                let changes: Changes = self.one()?;
                batches.advance(time(changes.advance_seconds));
                if let Some(timing) = changes.timing {
                    batches.set_timing(BatchTiming {
                        file: time(timing.file_seconds),
                        validation: time(timing.validation_seconds),
                        line: time(timing.line_seconds),
                        finalizing: time(timing.finalizing_seconds),
                        cancelling: time(timing.cancelling_seconds),
                    });
                }
                if let Some(TokenQuota { tokens, fails_fast }) = changes.quota {
                    batches.set_quota(Some(BatchQuota { tokens, fails_fast }));
                }
                if let Some(lines) = changes.outcomes {
                    batches.set_outcomes(move |custom_id| match lines.get(custom_id) {
                        None | Some(Line::Answered) => LineOutcome::Answered,
                        Some(Line::Failed { status, error }) => LineOutcome::Failed(*status, error.clone()),
                        Some(Line::Expired) => LineOutcome::Expired,
                        Some(Line::Missing) => LineOutcome::Missing,
                    });
                }
                if let Some(lines) = changes.most_lines {
                    batches.set_most_lines(lines);
                }
                if let Some(bytes) = changes.cut_results {
                    batches.cut_results(bytes);
                }
                if let Some(requests) = changes.hold_answer_after {
                    batches.hold_answer_after(requests);
                }
            }
            Method::DELETE => batches.reset(),
            _ => return Err(ControlError::method()),
        }
        Ok(json!({
            "created": batches.created(), "uploads": batches.uploads(), "held_answers": batches.held_answers(),
        }))
    }
}
