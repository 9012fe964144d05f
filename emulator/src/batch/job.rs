//! A batch job, with its state at a moment and its results.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::file::StoredFile;
use super::outcome::{LineOutcome, result_line, unreached_line};
use super::settings::BatchTiming;
use super::validation::InputLine;

/// The time after which a job expires: `completion_window`.
const WINDOW: Duration = Duration::from_secs(24 * 3600);

/// Clones share the lines and the results.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) input_file_id: String,
    pub(super) endpoint: String,
    pub(super) metadata: Value,
    pub(super) created: Duration,
    pub(super) timing: BatchTiming,
    /// The lines, or the errors of the validation.
    pub(super) input: Arc<Result<Vec<InputLine>, Vec<Value>>>,
    /// Whether the outcomes of the lines were set, and not left to their deployments.
    pub(super) has_outcomes: bool,
    /// The tokens that count against the quota.
    pub(super) tokens: u64,
    pub(super) cancelled: Option<Duration>,
    pub(super) output_expires_after: Option<Duration>,
    /// The ids of the files of results.
    pub(super) files: (String, String),
    /// Whether the files of results were stored, so that a deleted one stays deleted.
    pub(super) has_results: bool,
    /// Written once, however many requests need them at the same time.
    pub(super) results: Arc<OnceLock<[StoredFile; 2]>>,
}

/// The state of a job at a moment.
struct Phase {
    status: &'static str,
    /// The number of lines that were processed.
    reached: usize,
    /// When the job ends, by the present settings.
    end: Duration,
}

impl Job {
    fn lines(&self) -> &[InputLine] {
        self.input.as_ref().as_deref().unwrap_or_default()
    }

    fn has_expiring_line(&self) -> bool {
        self.has_outcomes && self.lines().iter().any(|line| line.outcome == LineOutcome::Expired)
    }

    fn phase(&self, now: Duration) -> Phase {
        let started = self.created + self.timing.validation;
        let total = self.lines().len();
        let reached_at = |moment: Duration| match moment.saturating_sub(started).as_nanos() {
            _ if self.timing.line.is_zero() => total,
            passed => usize::try_from(passed / self.timing.line.as_nanos()).unwrap_or(usize::MAX).min(total),
        };
        let worked_off = started + self.timing.line.saturating_mul(u32::try_from(total).unwrap_or(u32::MAX));
        let done = worked_off + self.timing.finalizing;
        let expiry = self.created + WINDOW;
        let phase = |status, reached, end| Phase { status, reached, end };
        if now < started {
            return phase("validating", 0, started);
        }
        if self.input.is_err() {
            return phase("failed", 0, started);
        }
        if let Some(at) = self.cancelled {
            let end = at + self.timing.cancelling;
            let status = if now < end { "cancelling" } else { "cancelled" };
            return phase(status, reached_at(at), end);
        }
        if self.has_expiring_line() || done > expiry {
            if now >= expiry {
                return phase("expired", reached_at(expiry), expiry);
            }
            return phase("in_progress", reached_at(now), expiry);
        }
        match now {
            _ if now < worked_off => phase("in_progress", reached_at(now), done),
            _ if now < done => phase("finalizing", total, done),
            _ => phase("completed", total, done),
        }
    }

    /// Whether its tokens count against the quota.
    pub(super) fn is_enqueued(&self, now: Duration) -> bool {
        matches!(self.phase(now).status, "validating" | "in_progress" | "finalizing" | "cancelling")
            && self.input.is_ok()
    }

    /// Whether it can be cancelled.
    pub(super) fn is_running(&self, now: Duration) -> bool {
        matches!(self.phase(now).status, "validating" | "in_progress" | "finalizing")
    }

    /// The JSON object of the batch.
    pub(super) fn object(&self, now: Duration) -> Value {
        let phase = self.phase(now);
        let is_final = matches!(phase.status, "completed" | "expired" | "cancelled");
        let reached = self.lines().iter().take(phase.reached);
        let failed = reached.filter(|line| matches!(line.outcome, LineOutcome::Failed(..))).count();
        let at = |status: &[&str]| status.contains(&phase.status).then_some(phase.end.as_secs());
        let mut object = json!({
            "id": self.id, "object": "batch", "endpoint": self.endpoint, "input_file_id": self.input_file_id,
            "completion_window": "24h", "status": phase.status, "metadata": self.metadata, "errors": null,
            "created_at": self.created.as_secs(), "expires_at": (self.created + WINDOW).as_secs(),
            "in_progress_at": null, "finalizing_at": null, "output_file_id": null, "error_file_id": null,
            "completed_at": at(&["completed"]), "failed_at": at(&["failed"]), "expired_at": at(&["expired"]),
            "cancelled_at": at(&["cancelled"]), "cancelling_at": self.cancelled.map(|at| at.as_secs()),
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
        });
        let mut set = |name: &str, value: Value| {
            object.as_object_mut().unwrap_or(&mut Map::new()).insert(name.to_owned(), value);
        };
        match self.input.as_ref() {
            Err(errors) if phase.status == "failed" => set("errors", json!({"object": "list", "data": errors})),
            Ok(lines) if phase.status != "validating" => {
                let completed = phase.reached.saturating_sub(failed);
                set("request_counts", json!({"total": lines.len(), "completed": completed, "failed": failed}));
                set("in_progress_at", (self.created + self.timing.validation).as_secs().into());
                set("model", lines.first().and_then(|line| line.body.get("model")).cloned().unwrap_or_default());
            }
            _ => {}
        }
        if is_final {
            let (output, errors) = self.counts(phase.reached);
            set("finalizing_at", phase.end.as_secs().into());
            set("output_file_id", json!((output > 0).then_some(&self.files.0)));
            set("error_file_id", json!((errors > 0).then_some(&self.files.1)));
        }
        object
    }

    /// The numbers of lines in the output file and in the error file, as far as they can be computed without answering the
    /// lines.
    fn counts(&self, reached: usize) -> (usize, usize) {
        if !self.has_outcomes {
            // a line may be refused by its deployment, so that there may be a file without lines
            return (reached, self.lines().len());
        }
        let mut counts = (0, self.lines().len().saturating_sub(reached));
        for line in self.lines().iter().take(reached) {
            match line.outcome {
                LineOutcome::Answered => counts.0 += 1,
                LineOutcome::Failed(..) | LineOutcome::Expired => counts.1 += 1,
                LineOutcome::Missing => {}
            }
        }
        counts
    }

    /// Both files of results once the job has ended. They are written in the first call.
    pub(super) fn results(&self, now: Duration, answer: &dyn Fn(&Value) -> (u16, Value)) -> Option<&[StoredFile; 2]> {
        let phase = self.phase(now);
        let (code, message) = match phase.status {
            "completed" | "expired" => {
                ("batch_expired", "This request could not be executed before the completion window expired.")
            }
            "cancelled" => ("batch_cancelled", "This request was cancelled."),
            _ => return None,
        };
        Some(self.results.get_or_init(|| self.write(&phase, code, message, answer)))
    }

    /// As on the service, the lines are in another order than in the input. `code` and `message` are those of lines that
    /// were not processed.
    fn write(
        &self,
        phase: &Phase,
        code: &str,
        message: &str,
        answer: &dyn Fn(&Value) -> (u16, Value),
    ) -> [StoredFile; 2] {
        let (mut output, mut errors) = (String::new(), String::new());
        // a step that has no divisor in common with the length visits each line once
        let count = self.lines().len();
        let step = [7919, 104_729, 1].into_iter().find(|step| *step == 1 || !count.is_multiple_of(*step)).unwrap_or(1);
        for turn in 0..count {
            let number = turn.wrapping_mul(step).wrapping_add(count / 2) % count;
            let Some(line) = self.lines().get(number) else { continue };
            let (text, is_error) = match &line.outcome {
                _ if number >= phase.reached => (unreached_line(number, &line.custom_id, code, message), true),
                LineOutcome::Expired => (unreached_line(number, &line.custom_id, code, message), true),
                LineOutcome::Missing => continue,
                LineOutcome::Failed(status, error) => {
                    result_line(number, &line.custom_id, *status, &json!({"error": error}))
                }
                LineOutcome::Answered => {
                    let (status, body) = answer(&line.body);
                    result_line(number, &line.custom_id, status, &body)
                }
            };
            let file = if is_error { &mut errors } else { &mut output };
            file.push_str(&text);
            file.push('\n');
        }
        let file = |id: &String, name: &str, content: String| StoredFile {
            id: id.clone(),
            name: format!("{}_{name}.jsonl", self.id),
            purpose: "batch_output",
            content: content.into(),
            created: phase.end,
            expires_after: self.output_expires_after,
        };
        [file(&self.files.0, "output", output), file(&self.files.1, "error", errors)]
    }
}
