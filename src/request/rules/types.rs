//! Members this version models, whose value it could not read.
//!
//! They are kept and would be sent as they are; the service refuses a value of another type. `null` says
//! nothing and is no violation. Every object that is modelled is looked into, however deep it lies.

use std::fmt::Arguments;

use serde_json::{Map, Value};

use super::range;
use super::rule::{Check, kind_of};
use crate::request::audio::{AudioReference, InputAudio};
use crate::request::content_part::{ContentPart, FilePart, ImageUrl};
use crate::request::data_source::{DataSource, DataSourceAuthentication, DataSourceParameters};
use crate::request::message::{EarlierContext, Message};
use crate::request::response_format::JsonSchemaFormat;
use crate::request::tool::{AllowedTools, CustomTool, CustomToolFormat, FunctionChoice, Grammar, ToolName};
use crate::request::tool::{FunctionDefinition, NamedToolChoice, Tool, ToolChoice};
use crate::request::violation::{Rule, Violation};
use crate::request::{AudioOutput, EmbeddingDependency, FieldsMapping, Prediction, RequestBody, ResponseFormat};
use crate::request::{StreamOptions, UserSecurityContext, WebSearchOptions};
use crate::response::{Citation, CustomToolCall, FunctionCall, ToolCall};

pub(super) fn wrong_types(check: &Check<'_>, found: &mut Vec<Violation>) {
    let body = check.body;
    let mut look = Look { found };
    // the name of the deployment is sent, not this member
    let told = |name: &str, value: &Value| match name {
        "model" => check.request.deployment.name().is_empty(),
        _ => !range::is_negative_count(name, value),
    };
    for (name, value) in body.extra().into_iter().flatten().filter(|(name, value)| told(name, value)) {
        look.member(name.clone(), name, value, RequestBody::FIELDS);
    }
    for (at, message) in check.messages() {
        look.message(at, message);
    }
    for (at, tool) in body.tools.iter().flat_map(|tools| tools.iter().enumerate()) {
        look.tool(at, tool);
    }
    for (at, function) in body.functions.iter().flat_map(|list| list.iter().enumerate()) {
        look.at(format_args!("functions[{at}]"), function.extra(), FunctionDefinition::FIELDS);
    }
    for (at, source) in body.data_sources.iter().flat_map(|list| list.iter().enumerate()) {
        look.source(at, source);
    }
    look.choices(body);
    look.settings(body);
}

/// Goes through one object after the other. Where nothing is kept aside, it costs nothing: the path is not
/// even written.
struct Look<'f> {
    found: &'f mut Vec<Violation>,
}

impl Look<'_> {
    fn at(&mut self, path: Arguments<'_>, extra: Option<&Map<String, Value>>, fields: &[&str]) {
        for (name, value) in extra.into_iter().flatten() {
            self.member(format!("{path}.{name}"), name, value, fields);
        }
    }

    fn member(&mut self, parameter: String, name: &str, value: &Value, fields: &[&str]) {
        if fields.contains(&name) && !value.is_null() {
            self.found.push(wrong_type(parameter, name, value));
        }
    }

    fn message(&mut self, at: usize, message: &Message) {
        self.at(format_args!("messages[{at}]"), message.extra(), Message::FIELDS);
        for (part_at, part) in message.content.iter().flat_map(|content| content.part_list()).enumerate() {
            self.part(format_args!("messages[{at}].content[{part_at}]"), part);
        }
        for (call_at, call) in message.tool_calls().iter().enumerate() {
            self.call(format_args!("messages[{at}].tool_calls[{call_at}]"), call);
        }
        if let Some(call) = &message.function_call {
            self.function(format_args!("messages[{at}].function_call"), call);
        }
        if let Some(audio) = &message.audio {
            self.at(format_args!("messages[{at}].audio"), audio.extra(), AudioReference::FIELDS);
        }
        if let Some(context) = &message.context {
            self.at(format_args!("messages[{at}].context"), context.extra(), EarlierContext::FIELDS);
            for (cited, citation) in context.citations.iter().flat_map(|list| list.iter().enumerate()) {
                let extra = citation.extra();
                self.at(format_args!("messages[{at}].context.citations[{cited}]"), extra, Citation::FIELDS);
            }
        }
    }

    fn call(&mut self, path: Arguments<'_>, call: &ToolCall) {
        self.at(path, call.extra(), ToolCall::FIELDS);
        if let Some(function) = &call.function {
            self.function(format_args!("{path}.function"), function);
        }
        if let Some(custom) = &call.custom {
            self.at(format_args!("{path}.custom"), custom.extra(), CustomToolCall::FIELDS);
        }
    }

    fn function(&mut self, path: Arguments<'_>, function: &FunctionCall) {
        self.at(path, function.extra(), FunctionCall::FIELDS);
        // an answer's arguments may be an object, a request's may not
        if function.arguments.as_ref().is_some_and(|arguments| arguments.is_object()) {
            self.found.push(wrong_type(format!("{path}.arguments"), "arguments", &Value::Object(Map::new())));
        }
    }

    fn part(&mut self, path: Arguments<'_>, part: &ContentPart) {
        self.at(path, part.extra(), ContentPart::FIELDS);
        if let Some(image) = &part.image_url {
            self.at(format_args!("{path}.image_url"), image.extra(), ImageUrl::FIELDS);
        }
        if let Some(sound) = &part.input_audio {
            self.at(format_args!("{path}.input_audio"), sound.extra(), InputAudio::FIELDS);
        }
        if let Some(file) = &part.file {
            self.at(format_args!("{path}.file"), file.extra(), FilePart::FIELDS);
        }
    }

    fn tool(&mut self, at: usize, tool: &Tool) {
        self.at(format_args!("tools[{at}]"), tool.extra(), Tool::FIELDS);
        if let Some(function) = &tool.function {
            self.at(format_args!("tools[{at}].function"), function.extra(), FunctionDefinition::FIELDS);
        }
        let Some(custom) = &tool.custom else { return };
        self.at(format_args!("tools[{at}].custom"), custom.extra(), CustomTool::FIELDS);
        let Some(format) = &custom.format else { return };
        self.at(format_args!("tools[{at}].custom.format"), format.extra(), CustomToolFormat::FIELDS);
        if let Some(grammar) = &format.grammar {
            self.at(format_args!("tools[{at}].custom.format.grammar"), grammar.extra(), Grammar::FIELDS);
        }
    }

    fn choices(&mut self, body: &RequestBody) {
        if let Some(FunctionChoice::Named(name)) = &body.function_call {
            self.at(format_args!("function_call"), name.extra(), ToolName::FIELDS);
        }
        let Some(ToolChoice::Only(choice)) = &body.tool_choice else { return };
        self.at(format_args!("tool_choice"), choice.extra(), NamedToolChoice::FIELDS);
        if let Some(function) = &choice.function {
            self.at(format_args!("tool_choice.function"), function.extra(), ToolName::FIELDS);
        }
        if let Some(custom) = &choice.custom {
            self.at(format_args!("tool_choice.custom"), custom.extra(), ToolName::FIELDS);
        }
        if let Some(allowed) = &choice.allowed_tools {
            self.at(format_args!("tool_choice.allowed_tools"), allowed.extra(), AllowedTools::FIELDS);
        }
    }

    fn settings(&mut self, body: &RequestBody) {
        if let Some(format) = &body.response_format {
            self.at(format_args!("response_format"), format.extra(), ResponseFormat::FIELDS);
            if let Some(schema) = &format.json_schema {
                self.at(format_args!("response_format.json_schema"), schema.extra(), JsonSchemaFormat::FIELDS);
            }
        }
        if let Some(prediction) = &body.prediction {
            self.at(format_args!("prediction"), prediction.extra(), Prediction::FIELDS);
            for (at, part) in prediction.content.iter().flat_map(|content| content.part_list()).enumerate() {
                self.part(format_args!("prediction.content[{at}]"), part);
            }
        }
        if let Some(options) = &body.stream_options {
            self.at(format_args!("stream_options"), options.extra(), StreamOptions::FIELDS);
        }
        if let Some(audio) = &body.audio {
            self.at(format_args!("audio"), audio.extra(), AudioOutput::FIELDS);
        }
        if let Some(context) = &body.user_security_context {
            self.at(format_args!("user_security_context"), context.extra(), UserSecurityContext::FIELDS);
        }
        if let Some(search) = &body.web_search_options {
            self.at(format_args!("web_search_options"), search.extra(), WebSearchOptions::FIELDS);
        }
    }

    fn source(&mut self, at: usize, source: &DataSource) {
        self.at(format_args!("data_sources[{at}]"), source.extra(), DataSource::FIELDS);
        if let Some(parameters) = &source.parameters {
            self.parameters(format_args!("data_sources[{at}].parameters"), parameters);
        }
    }

    fn parameters(&mut self, path: Arguments<'_>, parameters: &DataSourceParameters) {
        self.at(path, parameters.extra(), DataSourceParameters::FIELDS);
        if let Some(authentication) = &parameters.authentication {
            self.authentication(format_args!("{path}.authentication"), authentication);
        }
        if let Some(mapping) = &parameters.fields_mapping {
            self.at(format_args!("{path}.fields_mapping"), mapping.extra(), FieldsMapping::FIELDS);
        }
        let Some(dependency) = &parameters.embedding_dependency else { return };
        self.at(format_args!("{path}.embedding_dependency"), dependency.extra(), EmbeddingDependency::FIELDS);
        if let Some(authentication) = &dependency.authentication {
            self.authentication(format_args!("{path}.embedding_dependency.authentication"), authentication);
        }
    }

    fn authentication(&mut self, path: Arguments<'_>, authentication: &DataSourceAuthentication) {
        self.at(path, authentication.extra(), DataSourceAuthentication::FIELDS);
    }
}

fn wrong_type(parameter: String, name: &str, value: &Value) -> Violation {
    // a sound's format is a word, a custom tool's an object
    let expected = if parameter.ends_with(".custom.format") { "an object" } else { expected(name) };
    let message = format!("{name} cannot be {}: pass {expected}", kind_of(value));
    Violation::new(parameter, Rule::WrongType, message).expecting(expected)
}

fn expected(name: &str) -> &'static str {
    if let Some(expected) = range::expected(name) {
        return expected;
    }
    match name {
        "rerank_score" => "a number",
        "top_n_documents" | "max_search_queries" | "strictness" | "dimensions" => "a whole number of at least 0",
        "seed" => "a whole number",
        "logprobs"
        | "parallel_tool_calls"
        | "store"
        | "stream"
        | "strict"
        | "include_usage"
        | "include_obfuscation"
        | "allow_partial_result"
        | "in_scope" => "true or false",
        "messages" => "a list of objects with role and content",
        "tools" | "functions" | "data_sources" | "citations" => "a list of objects",
        "tool_calls" => "a list of calls with id, type and function",
        "modalities" | "include_contexts" => "a list of words",
        "content_fields" | "vector_fields" | "image_vector_fields" => "a list of strings",
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
        | "grammar"
        | "allowed_tools"
        | "parameters"
        | "authentication"
        | "fields_mapping"
        | "embedding_dependency"
        | "image_url"
        | "input_audio"
        | "file"
        | "json_schema"
        | "context" => "an object",
        _ => "a string",
    }
}

#[cfg(test)]
mod tests;
