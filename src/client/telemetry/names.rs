//! The names of spans, attributes, events and metrics.
//!
//! Those under `gen_ai.` are of the OpenTelemetry semantic conventions 1.41, the last release with them in that
//! repository, unless [`Names`] has two: then also of release 0.1 of the repository for generative AI. The conventions have
//! nothing for content filters, regions and spillover; these names are our own, under `azure.ai.openai.`.
//!
//! Sources: <https://github.com/open-telemetry/semantic-conventions/tree/v1.41.0/docs/gen-ai> and
//! <https://github.com/open-telemetry/semantic-conventions-genai>

pub(super) const SCOPE: &str = "azure-openai-chat";

pub(super) const CHAT: &str = "chat";
pub(super) const PROVIDER: &str = "azure.ai.openai";
pub(super) const NAMESPACE: &str = "Microsoft.CognitiveServices";
pub(super) const CHAT_COMPLETIONS: &str = "chat_completions";

pub(super) const OPERATION_NAME: &str = "gen_ai.operation.name";
pub(super) const PROVIDER_NAME: &str = "gen_ai.provider.name";
pub(super) const SERVER_ADDRESS: &str = "server.address";
pub(super) const SERVER_PORT: &str = "server.port";
pub(super) const ERROR_TYPE: &str = "error.type";

pub(super) const REQUEST_MODEL: &str = "gen_ai.request.model";
pub(super) const REQUEST_STREAM: &str = "gen_ai.request.stream";
pub(super) const REQUEST_CHOICE_COUNT: &str = "gen_ai.request.choice.count";
pub(super) const REQUEST_SEED: &str = "gen_ai.request.seed";
pub(super) const REQUEST_MAX_TOKENS: &str = "gen_ai.request.max_tokens";
pub(super) const REQUEST_TEMPERATURE: &str = "gen_ai.request.temperature";
pub(super) const REQUEST_TOP_P: &str = "gen_ai.request.top_p";
pub(super) const REQUEST_FREQUENCY_PENALTY: &str = "gen_ai.request.frequency_penalty";
pub(super) const REQUEST_PRESENCE_PENALTY: &str = "gen_ai.request.presence_penalty";
pub(super) const REQUEST_STOP_SEQUENCES: &str = "gen_ai.request.stop_sequences";
pub(super) const OUTPUT_TYPE: &str = "gen_ai.output.type";
pub(super) const API_TYPE: &str = "openai.api.type";
pub(super) const REQUEST_SERVICE_TIER: &str = "openai.request.service_tier";
pub(super) const RESOURCE_NAMESPACE: &str = "azure.resource_provider.namespace";

pub(super) const RESPONSE_ID: &str = "gen_ai.response.id";
pub(super) const RESPONSE_MODEL: &str = "gen_ai.response.model";
pub(super) const RESPONSE_FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
pub(super) const RESPONSE_TIME_TO_FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";
pub(super) const RESPONSE_SERVICE_TIER: &str = "openai.response.service_tier";
pub(super) const RESPONSE_SYSTEM_FINGERPRINT: &str = "openai.response.system_fingerprint";
pub(super) const REQUEST_ID: &str = "azure.service.request.id";

pub(super) const USAGE_INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
pub(super) const USAGE_OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
pub(super) const USAGE_CACHE_READ_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
pub(super) const USAGE_REASONING_TOKENS: &str = "gen_ai.usage.reasoning.output_tokens";

pub(super) const INPUT_MESSAGES: &str = "gen_ai.input.messages";
pub(super) const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
pub(super) const TOOL_DEFINITIONS: &str = "gen_ai.tool.definitions";

pub(super) const DEPLOYMENT: &str = "azure.ai.openai.deployment";
pub(super) const RESPONSE_DEPLOYMENT: &str = "azure.ai.openai.response.deployment";
pub(super) const REGION: &str = "azure.ai.openai.region";
pub(super) const SPILLOVER_FROM: &str = "azure.ai.openai.spillover_from";
pub(super) const CONTENT_FILTER: &str = "azure.ai.openai.content_filter.state";
pub(super) const END: &str = "azure.ai.openai.end";
pub(super) const ATTEMPTS: &str = "azure.ai.openai.attempts";
pub(super) const ATTEMPT: &str = "azure.ai.openai.attempt";
pub(super) const RETRY: &str = "azure.ai.openai.retry";
pub(super) const ATTEMPT_NUMBER: &str = "azure.ai.openai.attempt.number";
pub(super) const RETRY_CAUSE: &str = "azure.ai.openai.retry.cause";
pub(super) const RETRY_WAIT: &str = "azure.ai.openai.retry.wait";

/// `error.type` of a call that was dropped.
pub(super) const DROPPED: &str = "dropped";

pub(super) const SECONDS: &str = "s";
pub(super) const TOKENS: &str = "{token}";
pub(super) const INPUT: &str = "input";
pub(super) const OUTPUT: &str = "output";

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
