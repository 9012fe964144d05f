//! The names of attributes that spans and metrics share, and those that differ between two releases of the conventions.
//!
//! All names under `gen_ai.` are of the OpenTelemetry semantic conventions 1.41, the last release with them in that
//! repository, unless [`Names`] has two: then also of release 0.1 of the repository for generative AI. The conventions have
//! nothing for content filters, regions and spillover; these names are our own, under `azure.ai.openai.`.
//!
//! Sources: <https://github.com/open-telemetry/semantic-conventions/tree/v1.41.0/docs/gen-ai> and
//! <https://github.com/open-telemetry/semantic-conventions-genai>

pub(super) const CHAT: &str = "chat";
pub(super) const PROVIDER: &str = "azure.ai.openai";
pub(super) const OPERATION_NAME: &str = "gen_ai.operation.name";
pub(super) const PROVIDER_NAME: &str = "gen_ai.provider.name";
pub(super) const ERROR_TYPE: &str = "error.type";
pub(super) const REQUEST_MODEL: &str = "gen_ai.request.model";
pub(super) const RESPONSE_MODEL: &str = "gen_ai.response.model";
pub(super) const DEPLOYMENT: &str = "azure.ai.openai.deployment";
pub(super) const ATTEMPT_NUMBER: &str = "azure.ai.openai.attempt.number";

/// The names that differ between the two releases.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) reasoning_effort: Option<&'static str>,
    pub(super) duration: &'static str,
    pub(super) time_to_first_chunk: &'static str,
    pub(super) time_per_output_chunk: &'static str,
    pub(super) input_tokens: &'static str,
    pub(super) output_tokens: &'static str,
    /// The attribute that distinguishes both, where they are one metric.
    pub(super) token_type: Option<&'static str>,
}

pub(super) static V1_41: Names = Names {
    reasoning_effort: None,
    duration: "gen_ai.client.operation.duration",
    time_to_first_chunk: "gen_ai.client.operation.time_to_first_chunk",
    time_per_output_chunk: "gen_ai.client.operation.time_per_output_chunk",
    input_tokens: "gen_ai.client.token.usage",
    output_tokens: "gen_ai.client.token.usage",
    token_type: Some("gen_ai.token.type"),
};

pub(super) static LATEST: Names = Names {
    reasoning_effort: Some("gen_ai.request.reasoning.level"),
    duration: "gen_ai.client.inference.duration",
    time_to_first_chunk: "gen_ai.client.inference.time_to_first_chunk",
    time_per_output_chunk: "gen_ai.client.inference.time_per_output_chunk",
    input_tokens: "gen_ai.client.inference.operation.input_tokens",
    output_tokens: "gen_ai.client.inference.operation.output_tokens",
    token_type: None,
};

/// Upper bounds of the buckets for times, in seconds: 0.01 doubling to 81.92.
pub(super) fn second_bounds() -> Vec<f64> {
    (0..14).map(|power| 0.01 * f64::from(1 << power)).collect()
}

/// Upper bounds of the buckets for tokens: the powers of 4 from 1 to 67,108,864.
pub(super) fn token_bounds() -> Vec<f64> {
    (0..14).map(|power| f64::from(1 << (2 * power))).collect()
}
