//! What the service is known to refuse, rule by rule. Each rule is a small pure function over the request
//! and the declared model; a cell of the table that is unknown refuses nothing.
//!
//! Rules come from the reasoning and predicted-outputs pages and from recorded refusals. The order of
//! [`RULES`] is the order in which violations are told.

use serde_json::Value;

use super::format::ResponseFormatType;
use super::message::{ContentPart, Message};
use super::options::Modality;
use super::schema::lint_schema;
use super::tool::{FunctionDefinition, Tool};
use super::violation::{Rule, Violation};
use super::{ChatCompletionRequest, RequestBody};
use crate::model::{ApiVersion, Capabilities, Parameter, ReasoningEffort, Support};
use crate::response::Role;

const RULES: &[fn(&Check<'_>, &mut Vec<Violation>)] = &[
    deployment_name,
    no_chat,
    wrong_types,
    no_messages,
    roles,
    mixed_instructions,
    plain_parameters,
    reasoning_effort,
    effort_conflicts,
    tools,
    structured_outputs,
    images_and_audio,
    streaming,
    prediction_model,
    prediction_conflicts,
    completion_limit,
    strict_schemas,
    contradictions,
    tool_messages,
    limits,
    api_version,
];

struct Check<'a> {
    request: &'a ChatCompletionRequest,
    body: &'a RequestBody,
    model: String,
    capabilities: Option<&'a Capabilities>,
    streaming: Option<bool>,
    api_version: Option<&'a ApiVersion>,
}

impl Check<'_> {
    /// Whether the declared model is known to refuse it.
    fn refuses(&self, parameter: Parameter) -> bool {
        self.capabilities
            .is_some_and(|capabilities| capabilities.supports(parameter) == Support::No)
    }

    fn messages(&self) -> impl Iterator<Item = (usize, &Message)> {
        self.request.messages().iter().enumerate()
    }

    fn functions(&self) -> impl Iterator<Item = (String, &FunctionDefinition)> {
        let tools = self.body.tools.iter().flat_map(|tools| tools.iter().enumerate());
        tools.filter_map(|(at, tool)| Some((format!("tools[{at}].function"), tool.function.as_ref()?)))
    }
}

pub(super) fn violations(
    request: &ChatCompletionRequest,
    streaming: Option<bool>,
    api_version: Option<&ApiVersion>,
) -> Vec<Violation> {
    let model = request.deployment.declared_model();
    let check = Check {
        request,
        body: &request.body,
        model: model.map(ToString::to_string).unwrap_or_default(),
        capabilities: model.map(|model| model.capabilities()),
        streaming,
        api_version,
    };
    let mut found = Vec::new();
    for rule in RULES {
        rule(&check, &mut found);
    }
    found
}

/// A deployment is one path segment.
fn deployment_name(check: &Check<'_>, found: &mut Vec<Violation>) {
    let name = check.request.deployment.name();
    let problem = if name.is_empty() {
        "the deployment has no name: pass the name the model was deployed under"
    } else if name == "." || name == ".." || name.contains(['/', '\\']) || name.chars().any(char::is_control) {
        "a deployment name is one path segment: no '/', no '\\', no control characters, not '.' or '..'"
    } else {
        return;
    };
    found.push(Violation::new("model", Rule::InvalidName, problem));
}

/// o3-pro, the codex models and the like have no chat completions.
fn no_chat(check: &Check<'_>, found: &mut Vec<Violation>) {
    let Some(capabilities) = check.capabilities else { return };
    let why = if capabilities.is_responses_only() {
        "answers only on the Responses API"
    } else if capabilities.chat_completions() == Support::No {
        "has no chat completions"
    } else {
        return;
    };
    found.push(Violation::new(
        "model",
        Rule::NoChatCompletions,
        format!("{} {why}: deploy a model with chat completions", check.model),
    ));
}

/// A member this version models, whose value it could not read.
fn wrong_types(check: &Check<'_>, found: &mut Vec<Violation>) {
    let mut report = |path: String, extra: Option<&serde_json::Map<String, Value>>, fields: &[&str]| {
        for (name, value) in extra.into_iter().flatten() {
            if fields.contains(&name.as_str()) && !value.is_null() {
                let parameter = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                found.push(Violation::new(
                    &parameter,
                    Rule::WrongType,
                    format!("{name} cannot be {}: pass {}", kind_of(value), expected(name)),
                ));
            }
        }
    };
    report(String::new(), check.body.extra(), RequestBody::FIELDS);
    for (at, message) in check.messages() {
        report(format!("messages[{at}]"), message.extra(), Message::FIELDS);
        for (part_at, part) in message
            .content
            .iter()
            .flat_map(|content| content.part_list())
            .enumerate()
        {
            report(
                format!("messages[{at}].content[{part_at}]"),
                part.extra(),
                ContentPart::FIELDS,
            );
        }
    }
    for (at, tool) in check.body.tools.iter().flat_map(|tools| tools.iter().enumerate()) {
        report(format!("tools[{at}]"), tool.extra(), Tool::FIELDS);
    }
    for (path, function) in check.functions() {
        report(path, function.extra(), FunctionDefinition::FIELDS);
    }
    if let Some(format) = &check.body.response_format {
        report(
            "response_format".to_owned(),
            format.extra(),
            super::ResponseFormat::FIELDS,
        );
    }
    if let Some(prediction) = &check.body.prediction {
        report("prediction".to_owned(), prediction.extra(), super::Prediction::FIELDS);
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "this number",
        Value::String(_) => "a string",
        Value::Array(_) => "this list",
        Value::Object(_) => "an object",
    }
}

fn expected(name: &str) -> &'static str {
    match name {
        "temperature" | "top_p" | "presence_penalty" | "frequency_penalty" => "a number",
        "max_tokens" | "max_completion_tokens" | "n" | "top_logprobs" => "a whole number of at least 0",
        "seed" => "a whole number",
        "logprobs" | "parallel_tool_calls" | "store" | "stream" | "strict" => "true or false",
        "messages" => "a list of objects with role and content",
        "tools" | "functions" | "data_sources" => "a list of objects",
        "tool_calls" => "a list of calls with id, type and function",
        "modalities" => "a list of words",
        "content" => "a string or a list of parts",
        "stop" => "a string or a list of strings",
        "tool_choice" | "function_call" => "a word or an object",
        "logit_bias"
        | "metadata"
        | "response_format"
        | "prediction"
        | "audio"
        | "stream_options"
        | "user_security_context"
        | "web_search_options"
        | "function"
        | "custom"
        | "image_url"
        | "input_audio"
        | "file"
        | "json_schema"
        | "context" => "an object",
        _ => "a string",
    }
}

fn no_messages(check: &Check<'_>, found: &mut Vec<Violation>) {
    let unread = check.body.extra().is_some_and(|extra| extra.contains_key("messages"));
    if check.request.messages().is_empty() && !unread {
        found.push(Violation::new(
            "messages",
            Rule::RequiredParameter,
            "there are no messages: add at least one turn, such as .user(\"..\")",
        ));
    }
}

/// o1-mini and o1-preview take neither kind of instructions.
fn roles(check: &Check<'_>, found: &mut Vec<Violation>) {
    for (role, parameter, other) in [
        (Role::Developer, Parameter::DeveloperMessages, Parameter::SystemMessages),
        (Role::System, Parameter::SystemMessages, Parameter::DeveloperMessages),
    ] {
        if !check.refuses(parameter) {
            continue;
        }
        let instead = match (check.refuses(other), &role) {
            (true, _) => "put the instructions into the first user message",
            (false, Role::System) => "use a developer message",
            (false, _) => "use a system message",
        };
        for (at, _) in check
            .messages()
            .filter(|(_, message)| message.role.as_ref() == Some(&role))
        {
            found.push(Violation::new(
                format!("messages[{at}].role"),
                Rule::UnsupportedRole,
                format!("{} takes no {role} messages: {instead}", check.model),
            ));
        }
    }
}

fn mixed_instructions(check: &Check<'_>, found: &mut Vec<Violation>) {
    let reasoning = check.capabilities.is_some_and(Capabilities::is_reasoning);
    let refused = check.refuses(Parameter::DeveloperMessages) || check.refuses(Parameter::SystemMessages);
    if reasoning && !refused && check.body.has_role(&Role::System) && check.body.has_role(&Role::Developer) {
        found.push(Violation::new(
            "messages",
            Rule::MixedInstructions,
            format!(
                "{} takes system or developer messages, not both: keep the developer messages",
                check.model
            ),
        ));
    }
}

/// Parameters that a model has or has not, whatever their value.
fn plain_parameters(check: &Check<'_>, found: &mut Vec<Violation>) {
    let body = check.body;
    for (name, set, parameter) in [
        ("temperature", body.temperature.is_some(), Parameter::Temperature),
        ("top_p", body.top_p.is_some(), Parameter::TopP),
        (
            "presence_penalty",
            body.presence_penalty.is_some(),
            Parameter::PresencePenalty,
        ),
        (
            "frequency_penalty",
            body.frequency_penalty.is_some(),
            Parameter::FrequencyPenalty,
        ),
        ("logprobs", body.logprobs.is_some(), Parameter::Logprobs),
        ("top_logprobs", body.top_logprobs.is_some(), Parameter::TopLogprobs),
        ("logit_bias", body.logit_bias.is_some(), Parameter::LogitBias),
        ("max_tokens", body.max_tokens.is_some(), Parameter::MaxTokens),
        (
            "max_completion_tokens",
            body.max_completion_tokens.is_some(),
            Parameter::MaxCompletionTokens,
        ),
        ("verbosity", body.verbosity.is_some(), Parameter::Verbosity),
        ("stop", body.stop.is_some(), Parameter::Stop),
        ("n", body.n.is_some_and(|n| n > 1), Parameter::MultipleChoices),
    ] {
        if !set || !check.refuses(parameter) {
            continue;
        }
        let instead = match name {
            "max_tokens" => "use max_completion_tokens instead".to_owned(),
            "max_completion_tokens" => "use max_tokens instead".to_owned(),
            "n" => "leave n at 1 and ask again".to_owned(),
            _ => format!("leave {name} out"),
        };
        found.push(Violation::new(
            name,
            Rule::UnsupportedParameter,
            format!("{} does not take {name}: {instead}", check.model),
        ));
    }
}

fn reasoning_effort(check: &Check<'_>, found: &mut Vec<Violation>) {
    let (Some(effort), Some(capabilities)) = (&check.body.reasoning_effort, check.capabilities) else {
        return;
    };
    if capabilities.supports(Parameter::ReasoningEffort) == Support::No {
        found.push(Violation::new(
            "reasoning_effort",
            Rule::UnsupportedParameter,
            format!("{} does not take reasoning_effort: leave it out", check.model),
        ));
        return;
    }
    if let Some(accepted) = capabilities.reasoning_efforts()
        && !accepted.contains(effort)
    {
        let words: Vec<&str> = accepted.iter().map(ReasoningEffort::as_str).collect();
        found.push(Violation::new(
            "reasoning_effort",
            Rule::UnsupportedValue,
            format!(
                "{} does not take the effort '{effort}': use {}",
                check.model,
                words.join(", ")
            ),
        ));
    }
}

/// Efforts that exclude tools or parallel tool calls.
fn effort_conflicts(check: &Check<'_>, found: &mut Vec<Violation>) {
    let effort = check.body.reasoning_effort.as_ref();
    if effort == Some(&ReasoningEffort::Minimal) && check.body.parallel_tool_calls == Some(true) {
        found.push(Violation::new(
            "parallel_tool_calls",
            Rule::EffortConflict,
            "the effort 'minimal' excludes parallel tool calls: leave parallel_tool_calls out, or use the effort 'low'",
        ));
    }
    let Some(capabilities) = check.capabilities.filter(|_| check.body.offers_tools()) else {
        return;
    };
    let none = effort == Some(&ReasoningEffort::None);
    let problem = if capabilities.tools_need_effort_none() && !none {
        "takes tools on chat completions only with the effort 'none': set .reasoning_effort(ReasoningEffort::None), \
         or leave the tools out"
    } else if capabilities.explicit_effort_excludes_tools() && effort.is_some() && !none {
        "refuses tools together with an effort: leave reasoning_effort or the tools out"
    } else {
        return;
    };
    found.push(Violation::new(
        "reasoning_effort",
        Rule::EffortConflict,
        format!("{} {problem}", check.model),
    ));
}

fn tools(check: &Check<'_>, found: &mut Vec<Violation>) {
    if check.refuses(Parameter::Tools) {
        for (name, offered) in [
            (
                "tools",
                check.body.tools.as_ref().is_some_and(|tools| !tools.is_empty()),
            ),
            (
                "functions",
                check
                    .body
                    .functions
                    .as_ref()
                    .is_some_and(|functions| !functions.is_empty()),
            ),
        ] {
            if offered {
                let message = format!("{} does not call tools: leave {name} out", check.model);
                found.push(Violation::new(name, Rule::UnsupportedParameter, message));
            }
        }
    }
    if check.refuses(Parameter::ParallelToolCalls) && check.body.parallel_tool_calls == Some(true) {
        found.push(Violation::new(
            "parallel_tool_calls",
            Rule::UnsupportedParameter,
            format!(
                "{} calls one tool at a time: leave parallel_tool_calls out",
                check.model
            ),
        ));
    }
}

fn structured_outputs(check: &Check<'_>, found: &mut Vec<Violation>) {
    if !check.refuses(Parameter::StructuredOutputs) {
        return;
    }
    let format = check
        .body
        .response_format
        .as_ref()
        .and_then(|format| format.kind.as_ref());
    if format == Some(&ResponseFormatType::JsonSchema) {
        found.push(Violation::new(
            "response_format",
            Rule::UnsupportedParameter,
            format!(
                "{} does not follow a JSON schema: describe the format in a message",
                check.model
            ),
        ));
    }
    for (path, _) in check.functions().filter(|(_, function)| function.strict == Some(true)) {
        found.push(Violation::new(
            format!("{path}.strict"),
            Rule::UnsupportedParameter,
            format!("{} has no strict functions: leave strict out", check.model),
        ));
    }
}

fn images_and_audio(check: &Check<'_>, found: &mut Vec<Violation>) {
    for (message_at, message) in check.messages() {
        for (at, part) in message
            .content
            .iter()
            .flat_map(|content| content.part_list())
            .enumerate()
        {
            let problem = if part.image_url.is_some() && check.refuses(Parameter::Images) {
                "does not see images: leave the part out"
            } else if part.input_audio.is_some() && check.refuses(Parameter::Audio) {
                "does not hear audio: leave the part out"
            } else {
                continue;
            };
            found.push(Violation::new(
                format!("messages[{message_at}].content[{at}]"),
                Rule::UnsupportedParameter,
                format!("{} {problem}", check.model),
            ));
        }
    }
    if !check.refuses(Parameter::Audio) {
        return;
    }
    let speaks = asks_for_audio(check.body);
    for (name, set) in [("modalities", speaks), ("audio", check.body.audio.is_some())] {
        if set {
            let message = format!("{} does not speak: leave {name} out", check.model);
            found.push(Violation::new(name, Rule::UnsupportedParameter, message));
        }
    }
}

fn asks_for_audio(body: &RequestBody) -> bool {
    body.modalities
        .as_ref()
        .is_some_and(|modalities| modalities.contains(&Modality::Audio))
}

fn streaming(check: &Check<'_>, found: &mut Vec<Violation>) {
    if check.streaming == Some(true) && check.refuses(Parameter::Streaming) {
        found.push(Violation::new(
            "stream",
            Rule::UnsupportedParameter,
            format!(
                "{} does not stream on Azure: use complete() instead of stream()",
                check.model
            ),
        ));
    }
}

fn prediction_model(check: &Check<'_>, found: &mut Vec<Violation>) {
    if check.body.prediction.is_some() && check.refuses(Parameter::Prediction) {
        found.push(Violation::new(
            "prediction",
            Rule::UnsupportedParameter,
            format!(
                "{} takes no prediction: leave it out, or use gpt-4o, gpt-4o-mini or a gpt-4.1 model",
                check.model
            ),
        ));
    }
}

/// The predicted-outputs page lists what cannot be sent along.
fn prediction_conflicts(check: &Check<'_>, found: &mut Vec<Violation>) {
    let body = check.body;
    if body.prediction.is_none() {
        return;
    }
    let positive =
        |number: &Option<serde_json::Number>| number.as_ref().and_then(|n| n.as_f64()).is_some_and(|n| n > 0.0);
    let hears = check
        .messages()
        .flat_map(|(_, message)| message.content.iter().flat_map(|content| content.part_list()))
        .any(|part| part.input_audio.is_some());
    for (name, conflict, instead) in [
        (
            "tools",
            body.tools.as_ref().is_some_and(|tools| !tools.is_empty()),
            "leave the tools out",
        ),
        (
            "functions",
            body.functions.as_ref().is_some_and(|list| !list.is_empty()),
            "leave the functions out",
        ),
        ("audio", body.audio.is_some(), "leave audio out"),
        ("modalities", asks_for_audio(body), "leave modalities out"),
        ("messages", hears, "leave the audio parts out"),
        ("n", body.n.is_some_and(|n| n > 1), "leave n at 1"),
        ("logprobs", body.logprobs == Some(true), "leave logprobs out"),
        ("presence_penalty", positive(&body.presence_penalty), "leave it at 0"),
        ("frequency_penalty", positive(&body.frequency_penalty), "leave it at 0"),
        (
            "max_completion_tokens",
            body.max_completion_tokens.is_some(),
            "leave it out, or use max_tokens",
        ),
    ] {
        if conflict {
            found.push(Violation::new(
                name,
                Rule::PredictionConflict,
                format!("{name} cannot be combined with prediction: {instead}"),
            ));
        }
    }
}

fn completion_limit(check: &Check<'_>, found: &mut Vec<Violation>) {
    let required = check
        .capabilities
        .is_some_and(Capabilities::max_completion_tokens_required);
    if required && check.body.max_completion_tokens.is_none() && !check.request.uncapped {
        found.push(Violation::new(
            "max_completion_tokens",
            Rule::RequiredParameter,
            format!(
                "{} spends hidden reasoning tokens without limit: set .max_completion_tokens(..), or say .uncapped()",
                check.model
            ),
        ));
    }
}

fn strict_schemas(check: &Check<'_>, found: &mut Vec<Violation>) {
    let mut lint = |path: &str, schema: &Value| {
        for finding in lint_schema(schema) {
            found.push(Violation::new(
                format!("{path}{}", finding.pointer()),
                Rule::StrictSchema,
                finding.message().to_owned(),
            ));
        }
    };
    let format = check
        .body
        .response_format
        .as_ref()
        .and_then(|format| format.json_schema.as_ref());
    if let Some(format) = format
        && format.strict == Some(true)
        && let Some(schema) = &format.schema
    {
        lint("response_format.json_schema.schema", schema);
    }
    for (path, function) in check.functions().filter(|(_, function)| function.strict == Some(true)) {
        if let Some(schema) = &function.parameters {
            lint(&format!("{path}.parameters"), schema);
        }
    }
    if let Some(format) = format {
        let name = format.name.as_deref().unwrap_or_default();
        let valid = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || name.len() > 64 || !name.chars().all(valid) {
            found.push(Violation::new(
                "response_format.json_schema.name",
                Rule::InvalidName,
                "a schema's name is 1 to 64 letters, digits, '_' or '-'",
            ));
        }
    }
}

fn contradictions(check: &Check<'_>, found: &mut Vec<Violation>) {
    let body = check.body;
    let mut contradiction = |parameter: &str, message: &str| {
        found.push(Violation::new(parameter, Rule::Contradiction, message));
    };
    if body.top_logprobs.is_some() && body.logprobs != Some(true) {
        contradiction("top_logprobs", "top_logprobs needs logprobs: set .logprobs(true)");
    }
    let no_tools = body.tools.as_ref().is_none_or(|tools| tools.is_empty());
    if no_tools && body.tool_choice.is_some() {
        contradiction(
            "tool_choice",
            "tool_choice needs tools: add .tool(..), or leave tool_choice out",
        );
    }
    if no_tools && body.parallel_tool_calls.is_some() {
        contradiction(
            "parallel_tool_calls",
            "parallel_tool_calls needs tools: add .tool(..), or leave parallel_tool_calls out",
        );
    }
}

/// A tool's result answers a call made earlier in the conversation.
fn tool_messages(check: &Check<'_>, found: &mut Vec<Violation>) {
    let mut called: Vec<&str> = Vec::new();
    for (at, message) in check.messages() {
        called.extend(message.tool_calls().iter().filter_map(|call| call.id.as_deref()));
        if message.role != Some(Role::Tool) {
            continue;
        }
        let parameter = format!("messages[{at}].tool_call_id");
        match message.tool_call_id.as_deref() {
            None if message.extra().is_some_and(|extra| extra.contains_key("tool_call_id")) => {}
            None | Some("") => found.push(Violation::new(
                parameter,
                Rule::RequiredParameter,
                "a tool message names the call it answers: pass the id of the tool call",
            )),
            Some(id) if !called.contains(&id) => found.push(Violation::new(
                parameter,
                Rule::Contradiction,
                "no earlier assistant message made this tool call: put the answer with its tool calls before it",
            )),
            Some(_) => {}
        }
    }
}

fn limits(check: &Check<'_>, found: &mut Vec<Violation>) {
    let body = check.body;
    let mut limit = |parameter: String, message: String| found.push(Violation::new(parameter, Rule::Limit, message));
    if let Some(count) = body.stop.as_ref().map(super::Stop::len).filter(|count| *count > 4) {
        limit(
            "stop".to_owned(),
            format!("there are {count} stop sequences: the service takes at most 4"),
        );
    }
    let Some(metadata) = &body.metadata else { return };
    if metadata.len() > 16 {
        limit(
            "metadata".to_owned(),
            format!("there are {} pairs: the service takes at most 16", metadata.len()),
        );
    }
    for (at, (key, value)) in metadata.iter().enumerate() {
        // the keys are the caller's own words, so the place is told by number
        if key.chars().count() > 64 {
            limit(
                format!("metadata[{at}]"),
                "the key is longer than 64 characters: shorten it".to_owned(),
            );
        }
        match value {
            Value::String(text) if text.chars().count() > 512 => {
                limit(
                    format!("metadata[{at}]"),
                    "the value is longer than 512 characters: shorten it".to_owned(),
                );
            }
            Value::String(_) => {}
            other => limit(
                format!("metadata[{at}]"),
                format!("the value cannot be {}: pass a string", kind_of(other)),
            ),
        }
    }
}

/// v1 has no On Your Data; the dated versions and the v1 preview do.
fn api_version(check: &Check<'_>, found: &mut Vec<Violation>) {
    if check.api_version == Some(&ApiVersion::V1) && check.body.data_sources.is_some() {
        found.push(Violation::new(
            "data_sources",
            Rule::ApiVersion,
            "the v1 api has no data_sources: use ApiVersion::V2024_10_21, or ApiVersion::V1_PREVIEW",
        ));
    }
}
