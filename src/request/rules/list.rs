//! The list of rules, in the order in which findings are reported.

use super::rule::AppliesTo::{AsListed, Every, InTable, Reasoning};
use super::rule::RequestRule;
use super::rule::Weight::{Advised, Refused};
use super::{
    api_version, deployment, limits, media, prediction, reasoning_effort, roles, sampling, schema, token_limits,
    tool_calls, tools, types,
};
use crate::request::violation::REFERENCE;

const API_VERSIONS: &str = "https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle";
const AUDIO: &str = "https://learn.microsoft.com/azure/ai-foundry/openai/audio-completions-quickstart";
const FUNCTION_CALLING: &str = "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/function-calling";
const JSON_MODE: &str = "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/json-mode";
const MODELS: &str = "https://learn.microsoft.com/azure/ai-foundry/openai/concepts/models";
const PREDICTED_OUTPUTS: &str = "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/predicted-outputs";
const REASONING: &str = "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/reasoning";
const RETIREMENTS: &str = "https://learn.microsoft.com/azure/ai-foundry/openai/concepts/model-retirements";
const STRUCTURED_OUTPUTS: &str = "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/structured-outputs";

/// Declares the rules: what must hold, the parameters a finding is about, the models, the weight, the page, and the check;
/// `per call` where what it finds depends on streaming, on the api version or on the date.
macro_rules! rules {
    ($(
        $name:literal => [$($parameter:literal),*], $applies_to:ident, $weight:ident, $reference:ident,
        $check:path $(, $per:ident call)?;
    )*) => {
        pub(super) const RULES: &[RequestRule] = &[$(
            RequestRule {
                name: $name,
                parameters: &[$($parameter),*],
                applies_to: $applies_to,
                weight: $weight,
                reference: $reference,
                check: $check,
                is_per_call: !<[&str]>::is_empty(&[$(stringify!($per))?]),
            }
        ),*];
    };
}

rules! {
    "a deployment has a name, and the name is one path segment" =>
        ["model"], Every, Refused, REFERENCE, deployment::deployment_name;
    "the model has chat completions, and not only on the Responses API" =>
        ["model"], AsListed, Refused, MODELS, deployment::chat_completions;
    "a member that is modelled here has its type; `null` is as if it were left out" =>
        [], Every, Refused, REFERENCE, types::wrong_types;
    "there is a message, and each has a role" =>
        ["messages"], Every, Refused, REFERENCE, roles::messages;
    "no `system` and no `developer` messages where the model refuses them" =>
        ["messages"], AsListed, Refused, REASONING, roles::instructions;
    "`system` and `developer` messages exclude each other" =>
        ["messages"], Reasoning, Refused, REASONING, roles::mixed_instructions;
    "the model takes the parameter at the effort in force (sent, else the model's default); `logprobs: false`, `n: 1` and, on most models, `temperature: 1` are defaults and taken" =>
        ["temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias",
         "max_tokens", "max_completion_tokens", "verbosity", "stop", "n"],
         AsListed, Refused, REASONING, sampling::plain;
    "the effort is one the model takes; most models without reasoning take none" =>
        ["reasoning_effort"], AsListed, Refused, REASONING, reasoning_effort::accepted;
    "the effort `minimal` excludes `parallel_tool_calls: true`" =>
        ["parallel_tool_calls"], AsListed, Refused, REASONING, reasoning_effort::in_parallel;
    "tools only with the effort `none`, or not beside an explicit effort above `none`" =>
        ["reasoning_effort"], AsListed, Refused, REASONING, reasoning_effort::tools;
    "`tools`, `functions` and `tool_calls` are not empty lists" =>
        ["tools", "functions", "messages"], Every, Refused, FUNCTION_CALLING, tools::empty_lists;
    "no tools where the model calls none" =>
        ["tools", "functions"], AsListed, Refused, FUNCTION_CALLING, tools::offered;
    "no `parallel_tool_calls: true` where the model calls one tool at a time; on reasoning models not `false` either" =>
        ["parallel_tool_calls"], AsListed, Refused, FUNCTION_CALLING, tools::in_parallel;
    "no JSON schema and no strict functions where the model follows none" =>
        ["response_format", "tools"], AsListed, Refused, STRUCTURED_OUTPUTS, schema::structured_outputs;
    "no images where the model takes none" =>
        ["messages"], AsListed, Refused, MODELS, media::images;
    "no audio where the model takes and makes none" =>
        ["messages", "modalities", "audio"], AsListed, Refused, AUDIO, media::audio;
    "an image's `url` is an http(s) address or a `data:` URL of an image; a file's `data:` URL has a media type" =>
        ["messages"], InTable, Refused, MODELS, media::urls;
    "no stream where the model does not stream" =>
        ["stream"], AsListed, Refused, REASONING, deployment::streaming, per call;
    "no prediction where the model takes none" =>
        ["prediction"], AsListed, Refused, PREDICTED_OUTPUTS, prediction::model;
    "`prediction` excludes tools, functions, audio in and out, `n` above 1, `logprobs: true`, penalties above 0, `max_completion_tokens`" =>
        ["tools", "functions", "audio", "modalities", "messages", "n", "logprobs", "presence_penalty",
         "frequency_penalty", "max_completion_tokens"], Every, Refused, PREDICTED_OUTPUTS, prediction::conflicts;
    "`max_completion_tokens` is set, or the request is `uncapped()`, where the table requires it" =>
        ["max_completion_tokens"], AsListed, Refused, REASONING, token_limits::completion_limit;
    "a token limit is at most the model's output limit, where the sources print it without a remark" =>
        ["max_tokens", "max_completion_tokens"], AsListed, Refused, MODELS, token_limits::output_limit;
    "a strict schema keeps the rules of strict mode, see [`schema`]" =>
        ["response_format", "tools"], Every, Refused, STRUCTURED_OUTPUTS, schema::strict;
    "a JSON schema has a name of up to 64 letters, digits, `_`, `-`" =>
        ["response_format"], Every, Refused, STRUCTURED_OUTPUTS, schema::format;
    "a function's object schema has `properties`, if only `{}`" =>
        ["tools", "functions"], InTable, Refused, FUNCTION_CALLING, tools::objects_without_properties;
    "the format `json_object` has the word \"json\" in a message" =>
        ["messages"], InTable, Refused, JSON_MODE, schema::json_object;
    "`top_logprobs` requires `logprobs: true`" =>
        ["top_logprobs"], Every, Refused, REFERENCE, sampling::alternatives;
    "a function has a name of up to 64 letters, digits, `_`, `-`" =>
        ["tools", "functions"], Every, Refused, FUNCTION_CALLING, tools::names;
    "`parallel_tool_calls` and `tool_choice` require `tools`" =>
        ["parallel_tool_calls", "tool_choice"], Every, Refused, FUNCTION_CALLING, tools::without_tools;
    "`tool_choice` names one of `tools`" =>
        ["tool_choice"], Every, Refused, FUNCTION_CALLING, tools::chosen;
    "every tool call has its result before the next turn, every result its call before it" =>
        ["messages"], Every, Refused, FUNCTION_CALLING, tool_calls::results;
    "the tool calls of the last turn have their results when the request is sent" =>
        ["messages"], Every, Refused, FUNCTION_CALLING, tool_calls::last_results, per call;
    "`temperature` is from 0 to 2, `top_p` from 0 to 1, penalties from -2 to 2, `top_logprobs` from 0 to 20, `n` from 1 to 128, token limits from 1" =>
        ["temperature", "top_p", "presence_penalty", "frequency_penalty", "top_logprobs", "n", "max_tokens",
         "max_completion_tokens"], Every, Refused, REFERENCE, limits::numbers;
    "each bias in `logit_bias` is from -100 to 100" =>
        ["logit_bias"], Every, Refused, REFERENCE, limits::biases;
    "at most 128 tools and 128 functions" =>
        ["tools", "functions"], InTable, Refused, FUNCTION_CALLING, limits::tools;
    "at most 4 stop sequences" =>
        ["stop"], Every, Refused, REFERENCE, limits::stop;
    "at most 16 pairs of metadata, strings, keys of up to 64 and values of up to 512 characters" =>
        ["metadata"], Every, Refused, REFERENCE, limits::metadata;
    "no `data_sources` on the api version `v1`" =>
        ["data_sources"], Every, Refused, API_VERSIONS, api_version::data_sources, per call;
    "the api version is well-formed and documented" =>
        ["api-version"], Every, Advised, API_VERSIONS, api_version::api_version, per call;
    "the model is not retired, by its status or its date" =>
        ["model"], AsListed, Advised, RETIREMENTS, deployment::retirement, per call;
    "`developer` instead of `system` messages where the model treats them as such" =>
        ["messages"], Reasoning, Advised, REASONING, roles::system_as_developer;
    "no `stop` on models that may refuse it, since the models measured beside them do" =>
        ["stop"], Reasoning, Advised, REASONING, sampling::stop_beside_verbosity;
    "`max_completion_tokens` leaves about 25,000 for the hidden reasoning, where the model reasons" =>
        ["max_completion_tokens"], Reasoning, Advised, REASONING, token_limits::budget;
    "a parameter is documented for the api version" =>
        [], Every, Advised, API_VERSIONS, api_version::parameters, per call;
    "a stream has an api version with `stream_options`, else its usage is unknown" =>
        ["stream_options"], Every, Advised, API_VERSIONS, api_version::usage, per call;
    "an answer that is streamed is spoken in the format `pcm16`" =>
        ["audio"], InTable, Advised, AUDIO, media::streamed_audio, per call;
    "one of the two token limits, not both" =>
        ["max_tokens"], Every, Advised, REFERENCE, token_limits::both;
    "`n` above 1 is billed as often" =>
        ["n"], Every, Advised, REFERENCE, limits::choices;
    "a JSON schema is not kept in parallel tool calls" =>
        ["parallel_tool_calls"], Every, Advised, STRUCTURED_OUTPUTS, schema::in_parallel;
    "a JSON schema is not kept together with `data_sources`" =>
        ["response_format"], Every, Advised, STRUCTURED_OUTPUTS, schema::with_data_sources;
    "a strict schema has nothing that only the documentation refuses, see [`schema`]" =>
        ["response_format", "tools"], Every, Advised, STRUCTURED_OUTPUTS, schema::documented;
}

#[cfg(test)]
mod tests {
    use super::super::tests::request_to;
    use super::*;
    use crate::model::{ApiVersion, Model};
    use crate::request::{Advice, RequestBody, Tool};

    #[test]
    fn a_violation_leads_to_the_page_of_its_rule() {
        for (builder, parameter, page) in [
            (request_to(Model::O1_2024_12_17).temperature(0.5), "temperature", REASONING),
            (request_to(Model::O1_2024_12_17).reasoning_effort("max"), "reasoning_effort", REASONING),
            (request_to(Model::GPT_4O_2024_08_06).prediction("x").n(2), "n", PREDICTED_OUTPUTS),
            (request_to(Model::O1_2024_12_17).prediction("x"), "prediction", PREDICTED_OUTPUTS),
            (request_to(Model::O1_MINI_2024_09_12).tool(Tool::function("f")), "tools", FUNCTION_CALLING),
            (request_to(Model::O3_PRO_2025_06_10), "model", MODELS),
            (request_to(Model::GPT_4O_2024_08_06).n(0), "n", REFERENCE),
        ] {
            let violations = builder.build_unchecked().violations(None, None);
            let about: Vec<_> = violations.iter().filter(|violation| violation.parameter() == parameter).collect();
            assert!(!about.is_empty() && about.iter().all(|violation| violation.reference() == page), "{violations:?}");
        }
        let advice = request_to(Model::GPT_4_0314).build_unchecked().advice(&ApiVersion::V2023_05_15);
        assert_eq!(advice.iter().map(Advice::reference).collect::<Vec<_>>(), [RETIREMENTS]);
    }

    #[test]
    fn each_rule_is_listed_once_about_parameters_of_the_wire() {
        let fields = RequestBody::FIELDS;
        for (at, rule) in RULES.iter().enumerate() {
            let is_known = |name: &&str| *name == "api-version" || fields.contains(name);
            assert!(rule.parameters.iter().all(is_known), "{}", rule.name);
            assert!(!rule.name.contains('|') && rule.reference.starts_with("https://learn.microsoft.com/azure/"));
            assert!(RULES.iter().skip(at + 1).all(|other| other.name != rule.name), "{}", rule.name);
        }
    }
}
