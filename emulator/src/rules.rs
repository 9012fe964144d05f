//! What the emulated models refuse, from the crate's own capability table.
//!
//! A capability that the table calls unknown refuses nothing, and neither does a model it does not know.

use serde_json::{Value, json};

use super::ask::{Ask, role, text};
use super::refusals::Refusal;
use super::strict;
use azure_openai_chat::model::{ApiVersion, Capabilities, Model, Parameter, ReasoningEffort, Support};

/// A deployment and the model behind it.
#[derive(Debug, Clone)]
pub(super) struct Served {
    pub(super) deployment: String,
    /// The model as answers name it.
    pub(super) model: String,
    capabilities: Capabilities,
}

impl Served {
    /// A deployment that the user declared; a model that the table does not have serves everything.
    pub(super) fn declared(deployment: &str, model: &str) -> Self {
        Self::known(deployment, model).unwrap_or_else(|| Self {
            deployment: deployment.to_owned(),
            model: model.to_owned(),
            capabilities: Capabilities::unknown(),
        })
    }

    /// A deployment of a model that the table has.
    pub(super) fn known(deployment: &str, model: &str) -> Option<Self> {
        let model: Model = model.parse().ok()?;
        let capabilities = model.capabilities().clone();
        Some(Self { deployment: deployment.to_owned(), model: model.to_string(), capabilities })
    }

    fn refuses(&self, parameter: Parameter) -> bool {
        self.capabilities.supports(parameter) == Support::No
    }

    /// Whether a parameter is refused at the effort of a request.
    fn refuses_at(&self, ask: Ask<'_>, parameter: Parameter) -> bool {
        let effort = ask.word("reasoning_effort").map(ReasoningEffort::from);
        self.capabilities.supports_at(parameter, effort.as_ref()) == Support::No
    }

    pub(super) fn calls_in_parallel(&self) -> bool {
        !self.refuses(Parameter::ParallelToolCalls)
    }

    /// How many tokens the model thinks before it answers: in steps of 64 like the real ones, more for a
    /// higher effort and for a longer prompt.
    pub(super) fn reasoning_tokens(&self, ask: Ask<'_>) -> u64 {
        if !self.capabilities.is_reasoning() {
            return 0;
        }
        let default = self.capabilities.default_reasoning_effort();
        let default = default.map_or("medium", |effort| effort.as_str());
        let steps = match ask.word("reasoning_effort").unwrap_or(default) {
            "none" | "minimal" => 0,
            "low" => 1,
            "high" => 6,
            "xhigh" | "max" => 10,
            _ => 3,
        };
        (steps * 64_u64).saturating_mul(1 + ask.prompt_tokens() / 50)
    }

    /// Why the model refuses a request, if it does.
    pub(super) fn refusal(&self, ask: Ask<'_>) -> Option<Refusal> {
        if self.capabilities.is_responses_only() || self.capabilities.chat_completions() == Support::No {
            return Some(Refusal::no_chat(&self.model));
        }
        self.messages(ask)
            .or_else(|| self.parameters(ask))
            .or_else(|| self.efforts_and_tools(ask))
            .or_else(|| self.format(ask))
            .or_else(|| strict::refusal(ask))
            .or_else(|| self.prediction(ask))
            .or_else(|| self.length(ask))
    }

    fn messages(&self, ask: Ask<'_>) -> Option<Refusal> {
        let messages = ask.messages();
        if ask.given("messages").is_none() {
            return Some(Refusal::missing("messages"));
        }
        if messages.is_empty() {
            let message = "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an \
                empty array instead.";
            return Some(Refusal::invalid(message, "messages", "empty_array"));
        }
        let mut open_calls: Vec<&Value> = Vec::new();
        for (at, message) in messages.iter().enumerate() {
            let (role, param) = (role(message), format!("messages[{at}].role"));
            let refused = match role {
                "system" => self.refuses(Parameter::SystemMessages),
                "developer" => self.refuses(Parameter::DeveloperMessages),
                "user" | "assistant" | "tool" | "function" => false,
                _ => {
                    let known = "'system', 'assistant', 'user', 'function', 'tool', and 'developer'";
                    let message = format!("Invalid value: '{role}'. Supported values are: {known}.");
                    return Some(Refusal::invalid(message, param, "invalid_value"));
                }
            };
            if refused {
                return Some(Refusal::value(&param, &format!("'{role}'"), ""));
            }
            if role == "tool" {
                let id = message.get("tool_call_id").unwrap_or(&Value::Null);
                let Some(open) = open_calls.iter().position(|call| *call == id) else {
                    let message = "Invalid parameter: messages with role 'tool' must be a response to a preceeding \
                        message with 'tool_calls'.";
                    return Some(Refusal::invalid(message, param, Value::Null));
                };
                open_calls.swap_remove(open);
            } else if !open_calls.is_empty() {
                break;
            } else {
                let calls = message.get("tool_calls").and_then(Value::as_array);
                open_calls = calls.into_iter().flatten().filter_map(|call| call.get("id")).collect();
            }
        }
        if !open_calls.is_empty() {
            let message = "An assistant message with 'tool_calls' must be followed by tool messages responding to \
                each 'tool_call_id'.";
            return Some(Refusal::invalid(message, "messages", Value::Null));
        }
        let says = |wanted| messages.iter().any(|m| role(m) == wanted);
        if self.capabilities.is_reasoning() && says("system") && says("developer") {
            let message = "Unsupported value: 'messages' does not support 'system' beside 'developer' with this model.";
            return Some(Refusal::invalid(message, "messages", "unsupported_value"));
        }
        for (kind, parameter) in [("image_url", Parameter::Images), ("input_audio", Parameter::Audio)] {
            if ask.has_part(kind) && self.refuses(parameter) {
                let message = format!("Invalid content type. {kind} is only supported by certain models.");
                return Some(Refusal::invalid(message, "messages", Value::Null));
            }
        }
        None
    }

    fn parameters(&self, ask: Ask<'_>) -> Option<Refusal> {
        let plain = [
            ("max_tokens", Parameter::MaxTokens),
            ("max_completion_tokens", Parameter::MaxCompletionTokens),
            ("top_p", Parameter::TopP),
            ("presence_penalty", Parameter::PresencePenalty),
            ("frequency_penalty", Parameter::FrequencyPenalty),
            ("top_logprobs", Parameter::TopLogprobs),
            ("logit_bias", Parameter::LogitBias),
            ("stop", Parameter::Stop),
            ("verbosity", Parameter::Verbosity),
            ("tools", Parameter::Tools),
            ("functions", Parameter::Tools),
            ("audio", Parameter::Audio),
            ("prediction", Parameter::Prediction),
        ];
        // `false` asks for nothing, but reasoning models do not know the parameter
        let in_parallel = match self.capabilities.is_reasoning() {
            true => ask.given("parallel_tool_calls").is_some(),
            false => ask.flag("parallel_tool_calls"),
        };
        let switches = [
            ("logprobs", Parameter::Logprobs, ask.flag("logprobs")),
            ("parallel_tool_calls", Parameter::ParallelToolCalls, in_parallel),
        ];
        if let Some(name) = ["tools", "functions"].into_iter().find(|name| ask.given(name) == Some(&json!([]))) {
            let message = format!(
                "Invalid '{name}': empty array. Expected an array with minimum length 1, but got an empty array instead."
            );
            return Some(Refusal::invalid(message, name, "empty_array"));
        }
        let plain = plain.into_iter().map(|(name, parameter)| (name, parameter, ask.given(name).is_some()));
        let mut given = plain.chain(switches).filter(|(_, _, is_given)| *is_given);
        if let Some((name, ..)) = given.find(|(_, parameter, _)| self.refuses_at(ask, *parameter)) {
            return Some(Refusal::parameter(name));
        }
        if let Some(refusal) = self.output_limit(ask) {
            return Some(refusal);
        }
        if let Some(refusal) = self.temperature(ask) {
            return Some(refusal);
        }
        let metadata = ask.given("metadata").and_then(Value::as_object);
        if let Some((key, _)) = metadata.iter().copied().flatten().find(|(_, value)| !value.is_string()) {
            let param = format!("metadata.{key}");
            let message = format!("Invalid type for '{param}': expected a string.");
            return Some(Refusal::invalid(message, param, "invalid_type"));
        }
        if ask.flag("stream") && self.refuses_at(ask, Parameter::Streaming) {
            return Some(Refusal::value("stream", "true", "false"));
        }
        if ask.number("n").is_some_and(|n| n > 1) && self.refuses_at(ask, Parameter::MultipleChoices) {
            return Some(Refusal::value("n", "more than one choice", "1"));
        }
        if ask.given("top_logprobs").is_some() && !ask.flag("logprobs") {
            let message = "'top_logprobs' needs 'logprobs' to be true.";
            return Some(Refusal::invalid(message, "top_logprobs", Value::Null));
        }
        if ask.stops().len() > 4 {
            let message = "Invalid 'stop': array too long. Expected an array with maximum length 4.";
            return Some(Refusal::invalid(message, "stop", "array_above_max_length"));
        }
        None
    }

    /// Some models do not know the parameter, others know one value of it.
    fn temperature(&self, ask: Ask<'_>) -> Option<Refusal> {
        let temperature = ask.given("temperature").filter(|_| self.refuses_at(ask, Parameter::Temperature))?;
        if !self.capabilities.only_default_temperature() {
            return Some(Refusal::parameter("temperature"));
        }
        let message = format!(
            "Unsupported value: 'temperature' does not support {temperature} with this model. Only the default (1) value \
             is supported."
        );
        let is_default = temperature.as_f64() == Some(1.0);
        (!is_default).then(|| Refusal::invalid(message, "temperature", "unsupported_value"))
    }

    /// The model's own limit, where the table has one that is enforced.
    fn output_limit(&self, ask: Ask<'_>) -> Option<Refusal> {
        let most = self.capabilities.output_limit()?;
        ["max_tokens", "max_completion_tokens"].into_iter().find_map(|name| {
            let limit = ask.given(name).and_then(Value::as_u64).filter(|limit| *limit > most)?;
            Some(Refusal::above_output_limit(name, limit, most))
        })
    }

    fn efforts_and_tools(&self, ask: Ask<'_>) -> Option<Refusal> {
        let effort = ask.word("reasoning_effort");
        let tools = !ask.list("tools").is_empty() || !ask.list("functions").is_empty();
        let is_strict = |tool: &&Value| tool.pointer("/function/strict") == Some(&json!(true));
        if self.refuses(Parameter::StructuredOutputs) && ask.list("tools").iter().any(|tool| is_strict(&tool)) {
            let message = "Invalid tools: 'strict' functions are not supported with this model.";
            return Some(Refusal::invalid(message, "tools", Value::Null));
        }
        if let Some(effort) = effort {
            if self.refuses(Parameter::ReasoningEffort) {
                return Some(match self.capabilities.is_reasoning() {
                    true => Refusal::parameter("reasoning_effort"),
                    false => Refusal::unrecognized("reasoning_effort"),
                });
            }
            let accepted = self.capabilities.reasoning_efforts();
            if let Some(accepted) = accepted.filter(|all| !all.iter().any(|one| one.as_str() == effort)) {
                let names: Vec<String> = accepted.iter().map(|one| format!("'{}'", one.as_str())).collect();
                let effort = format!("'{effort}'");
                return Some(Refusal::value("reasoning_effort", &effort, &names.join(", ")));
            }
        }
        let mut of_tools = ["tool_choice", "parallel_tool_calls"].into_iter();
        if ask.list("tools").is_empty()
            && let Some(name) = of_tools.find(|name| ask.given(name).is_some())
        {
            let message = format!("Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified.");
            return Some(Refusal::invalid(message, name, Value::Null));
        }
        if tools && effort == Some("minimal") && ask.flag("parallel_tool_calls") {
            return Some(Refusal::value("parallel_tool_calls", "true", "false"));
        }
        if tools && self.capabilities.effort_excludes_tools(effort.map(ReasoningEffort::from).as_ref()) {
            let message = format!(
                "Function tools with reasoning_effort are not supported for {} in /v1/chat/completions. To use function \
                 tools, use /v1/responses or set reasoning_effort to 'none'.",
                self.model
            );
            return Some(Refusal::invalid(message, "reasoning_effort", Value::Null));
        }
        None
    }

    fn format(&self, ask: Ask<'_>) -> Option<Refusal> {
        let schema = ask.given("response_format")?.pointer("/json_schema/schema");
        match ask.format()? {
            "json_schema" if self.refuses(Parameter::StructuredOutputs) => {
                let message = "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this \
                    model.";
                Some(Refusal::invalid(message, Value::Null, Value::Null))
            }
            "json_schema" if schema.is_none() => Some(Refusal::missing("response_format.json_schema")),
            "json_object" if !ask.messages().iter().any(|m| text(m).to_lowercase().contains("json")) => {
                let message = "'messages' must contain the word 'json' in some form, to use 'response_format' of type \
                    'json_object'.";
                Some(Refusal::invalid(message, "messages", Value::Null))
            }
            _ => None,
        }
    }

    fn prediction(&self, ask: Ask<'_>) -> Option<Refusal> {
        ask.given("prediction")?;
        let positive = |name| ask.given(name).and_then(Value::as_f64).is_some_and(|value| value > 0.0);
        let conflicts = [
            ("tools", !ask.list("tools").is_empty()),
            ("functions", ask.given("functions").is_some()),
            ("n", ask.number("n").is_some_and(|n| n > 1)),
            ("logprobs", ask.flag("logprobs")),
            ("presence_penalty", positive("presence_penalty")),
            ("frequency_penalty", positive("frequency_penalty")),
            ("max_completion_tokens", ask.given("max_completion_tokens").is_some()),
            ("audio", ask.given("audio").is_some() || ask.has_part("input_audio")),
            ("modalities", ask.list("modalities").iter().any(|m| m == "audio")),
        ];
        let (name, _) = conflicts.iter().find(|(_, conflicts)| *conflicts)?;
        Some(Refusal::beside_prediction(name))
    }

    fn length(&self, ask: Ask<'_>) -> Option<Refusal> {
        let (limit, tokens) = (self.capabilities.context_tokens()?, ask.prompt_tokens());
        (tokens > limit).then(|| Refusal::too_long(limit, tokens))
    }
}

/// Whether a dated route of this version exists.
pub(super) fn is_dated_version(version: &str) -> bool {
    let version = ApiVersion::new(version);
    version.is_known() && !version.is_v1()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::filter::merge;
    use super::*;

    fn refused(model: &str, extra: Value) -> Option<(Value, Value)> {
        let body = merge(json!({"messages": [{"role": "user", "content": "hi"}]}), extra);
        let served = Served::known("d", model).expect(model);
        let error = served.refusal(Ask::new(&body))?.body["error"].take();
        Some((error["code"].clone(), error["param"].clone()))
    }

    /// A line each: model, what is added to the request, code and parameter of the refusal, if there is one.
    const TABLE: &str = r#"
        o1-2024-12-17      | {"max_tokens": 5}                        | unsupported_parameter | max_tokens
        o1-2024-12-17      | {"temperature": 1}                       | unsupported_parameter | temperature
        o1-2024-12-17      | {"logprobs": true}                       | unsupported_parameter | logprobs
        o1-2024-12-17      | {"prediction": {"content": ""}}          | unsupported_parameter | prediction
        o1-2024-12-17      | {"stream": true}                         | unsupported_value     | stream
        o1-2024-12-17      | {"reasoning_effort": "minimal"}          | unsupported_value     | reasoning_effort
        o1-2024-12-17      | {"max_completion_tokens": 5, "reasoning_effort": "high", "temperature": null}
        o1-2024-12-17      | {}
        o3-mini-2025-01-31 | {"messages": [{"role": "user", "content": [IMAGE]}, {"role": "user", "content": "hi"}]} | null | messages
        gpt-4o-2024-08-06  | {"messages": [{"role": "user", "content": [IMAGE]}, {"role": "user", "content": "hi"}]}
        gpt-4o-2024-08-06  | {"messages": [{"role": "user", "content": [SOUND]}, {"role": "user", "content": "hi"}]} | null | messages
        o1-mini-2024-09-12 | {"tools": [TOOL]}                        | unsupported_parameter | tools
        o1-mini-2024-09-12 | {"reasoning_effort": "low"}              | unsupported_parameter | reasoning_effort
        o1-mini-2024-09-12 | {"messages": [{"role": "system"}]}       | unsupported_value     | messages[0].role
        o3-mini-2025-01-31 | {"messages": [{"role": "system"}, {"role": "developer"}]} | unsupported_value | messages
        o3-pro-2025-06-10  | {}                                       | OperationNotSupported | null
        gpt-4o-2024-05-13  | {"prediction": {"content": ""}}          | unsupported_parameter | prediction
        gpt-4o-2024-08-06  | {"prediction": {"content": ""}, "n": 2}  | unsupported_parameter | n
        gpt-4o-2024-08-06  | {"prediction": {"content": ""}, "tools": [TOOL]} | unsupported_parameter | tools
        gpt-4o-2024-08-06  | {"prediction": {}, "presence_penalty": 1} | unsupported_parameter | presence_penalty
        gpt-4o-2024-08-06  | {"prediction": {}, "max_completion_tokens": 9} | unsupported_parameter | max_completion_tokens
        gpt-4o-2024-08-06  | {"prediction": {}, "presence_penalty": -1, "n": 1, "logprobs": false}
        gpt-4o-2024-08-06  | {"stream": true, "n": 2, "logprobs": true, "top_logprobs": 2}
        gpt-4o-2024-08-06  | {"messages": []}                         | empty_array           | messages
        gpt-4o-2024-08-06  | {"messages": null}                       | missing_required_parameter | messages
        gpt-4o-2024-08-06  | {"tool_choice": "auto"}                  | null                  | tool_choice
        gpt-4o-2024-08-06  | {"parallel_tool_calls": false}           | null                  | parallel_tool_calls
        gpt-4o-2024-08-06  | {"response_format": {"type": "json_object"}} | null              | messages
        gpt-5.6-sol-2026-07-09 | {"tools": [TOOL]}                    | null                  | reasoning_effort
        gpt-5.6-sol-2026-07-09 | {"tools": [TOOL], "reasoning_effort": "none"}
        gpt-5.6-sol-2026-07-09 | {"functions": [{"name": "f"}]}       | null                  | reasoning_effort
        gpt-5.4-2026-03-05 | {"tools": [TOOL], "reasoning_effort": "low"} | null              | reasoning_effort
        gpt-5.4-2026-03-05 | {"tools": [TOOL]}
        gpt-5.6-sol-2026-07-09 | {"temperature": 0.7}                 | unsupported_value     | temperature
        gpt-5.6-sol-2026-07-09 | {"temperature": 1}
        gpt-5.6-sol-2026-07-09 | {"temperature": 0.7, "reasoning_effort": "none"}
        gpt-5.6-sol-2026-07-09 | {"logprobs": true}                   | unsupported_parameter | logprobs
        gpt-5.6-sol-2026-07-09 | {"logprobs": true, "reasoning_effort": "none"}
        gpt-5.6-sol-2026-07-09 | {"logit_bias": {}, "reasoning_effort": "none"} | unsupported_parameter | logit_bias
        gpt-5.6-sol-2026-07-09 | {"stop": "a"}                        | unsupported_parameter | stop
        gpt-5.2-2025-12-11 | {"top_p": 0.7}
        gpt-5.2-2025-12-11 | {"top_p": 0.7, "reasoning_effort": "low"} | unsupported_parameter | top_p
        gpt-4o-2024-08-06  | {"reasoning_effort": "low"}              | null                  | null
        gpt-4o-2024-08-06  | {"max_tokens": 16384}
        gpt-4o-2024-08-06  | {"max_tokens": 16385}                    | invalid_value         | max_tokens
        o3-mini-2025-01-31 | {"max_completion_tokens": 100001}        | invalid_value         | max_completion_tokens
        gpt-4-0613         | {"max_tokens": 9000}
        gpt-5-2025-08-07   | {"temperature": 0.7}                     | unsupported_value     | temperature
        gpt-5-2025-08-07   | {"temperature": 1}
        gpt-5-2025-08-07   | {"top_p": 1}                             | unsupported_parameter | top_p
        gpt-5-2025-08-07   | {"logprobs": false}
        gpt-4o-2024-08-06  | {"tools": []}                            | empty_array           | tools
        gpt-4o-2024-08-06  | {"tool_choice": "none"}                  | null                  | tool_choice
        gpt-4o-2024-08-06  | {"metadata": {"a": 1}}                   | invalid_type          | metadata.a
        gpt-4o-2024-05-13  | {"tools": [{"type": "function", "function": {"name": "f", "strict": true}}]} | null | tools
    "#;

    #[test]
    fn each_model_refuses_what_azure_refuses_and_nothing_else() {
        let table = TABLE.replace("TOOL", r#"{"type": "function", "function": {"name": "f"}}"#);
        let table =
            table.replace("IMAGE", r#"{"type": "image_url", "image_url": {"url": "https://contoso.com/a.png"}}"#);
        let table =
            table.replace("SOUND", r#"{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}"#);
        for line in table.lines().filter(|line| line.contains('|')) {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let got = refused(cells[0], serde_json::from_str(cells[1]).unwrap());
            let value = |word: &str| if word == "null" { Value::Null } else { word.into() };
            let wanted = (cells.len() > 2).then(|| (value(cells[2]), value(cells[3])));
            assert_eq!(got, wanted, "{line}");
        }
    }

    #[test]
    fn tool_messages_answer_calls() {
        let call = json!({"role": "assistant", "tool_calls": [{"id": "1"}, {"id": "2"}]});
        let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": ""});
        let messages = |all: &[Value]| refused("gpt-4o-2024-08-06", json!({"messages": all}));
        assert_eq!(messages(&[call.clone(), result("2"), result("1")]), None);
        assert!(messages(&[call.clone(), result("2")]).is_some());
        assert!(messages(&[call, result("3")]).is_some());
        assert!(messages(&[result("1")]).is_some());
    }
}
