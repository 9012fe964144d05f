//! What the caller said, wherever it is in a request: no text of ours may hold it, also when the service
//! repeats it in an error.
//!
//! Names of models, deployments, tools and parameters are no such texts, since errors are about them.

use serde_json::{Map, Value};

use super::format::Stop;
use super::message::{Message, MessageContent};
use super::{ChatCompletionRequest, RequestBody};

/// Members of a schema that hold words of the caller's.
const SCHEMA_TEXTS: [&str; 6] = ["const", "default", "description", "examples", "pattern", "title"];

impl ChatCompletionRequest {
    /// Every text the caller put in, so that an error of the service is not printed if it repeats one.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let RequestBody { prediction, metadata, stop, user_security_context: context, .. } = &self.body;
        let predicted = prediction.iter().filter_map(|prediction| prediction.content.as_ref());
        let metadata = metadata.iter().flat_map(Map::values).filter_map(Value::as_str);
        let stop = stop.iter().flat_map(|stop| match stop {
            Stop::One(text) => std::slice::from_ref(text),
            Stop::Many(texts) => texts.as_slice(),
        });
        let context = context.iter().flat_map(|context| {
            [&context.application_name, &context.end_user_id, &context.end_user_tenant_id, &context.source_ip]
        });
        let ids = [&self.body.user, &self.body.safety_identifier, &self.body.prompt_cache_key];
        self.messages()
            .iter()
            .flat_map(Message::texts)
            .chain(predicted.flat_map(MessageContent::texts))
            .chain(metadata)
            .chain(stop.map(String::as_str))
            .chain(ids.into_iter().chain(context).flatten().map(String::as_str))
            .chain(self.described())
    }

    /// What tools and formats are for.
    fn described(&self) -> impl Iterator<Item = &str> {
        let mut texts = Vec::new();
        let functions = self.body.tools.iter().flat_map(|tools| tools.iter().filter_map(|tool| tool.function.as_ref()));
        for function in functions.chain(self.body.functions.iter().flat_map(|functions| functions.iter())) {
            texts.extend(function.description.as_deref());
            collect_schema_texts(function.parameters.as_ref(), &mut texts);
        }
        for custom in self.body.tools.iter().flat_map(|tools| tools.iter().filter_map(|tool| tool.custom.as_ref())) {
            texts.extend(custom.description.as_deref());
            let grammar = custom.format.as_ref().and_then(|format| format.grammar.as_ref());
            texts.extend(grammar.and_then(|grammar| grammar.definition.as_deref()));
        }
        if let Some(format) = self.body.response_format.as_ref().and_then(|format| format.json_schema.as_ref()) {
            texts.extend(format.description.as_deref());
            collect_schema_texts(format.schema.as_ref(), &mut texts);
        }
        let place = self.body.web_search_options.as_ref().and_then(|options| options.user_location.as_ref());
        place.into_iter().for_each(|place| collect_texts(place, &mut texts));
        texts.into_iter()
    }

    /// The secrets that sign the service in to data sources.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let sources = self.body.data_sources.as_deref().map(Vec::as_slice).unwrap_or_default();
        let mut secrets = Vec::new();
        for source in sources {
            collect_secrets(&serde_json::to_value(source).unwrap_or_default(), false, &mut secrets);
        }
        secrets
    }
}

fn collect_schema_texts<'a>(schema: Option<&'a Value>, texts: &mut Vec<&'a str>) {
    match schema {
        Some(Value::Array(all)) => all.iter().for_each(|value| collect_schema_texts(Some(value), texts)),
        Some(Value::Object(members)) => {
            for (name, value) in members {
                // a property may have such a name, and then holds a schema
                if SCHEMA_TEXTS.contains(&name.as_str()) && !value.is_object() {
                    collect_texts(value, texts);
                } else {
                    collect_schema_texts(Some(value), texts);
                }
            }
        }
        _ => {}
    }
}

fn collect_texts<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(all) => all.iter().for_each(|value| collect_texts(value, texts)),
        Value::Object(members) => members.values().for_each(|value| collect_texts(value, texts)),
        _ => {}
    }
}

/// Every text below a member named for signing in, but for the kind of it.
fn collect_secrets(value: &Value, is_secret: bool, secrets: &mut Vec<String>) {
    match value {
        Value::String(text) if is_secret => secrets.push(text.clone()),
        Value::Array(all) => all.iter().for_each(|value| collect_secrets(value, is_secret, secrets)),
        Value::Object(members) => {
            for (name, value) in members.iter().filter(|(name, _)| *name != "type") {
                collect_secrets(value, is_secret || name == "authentication", secrets);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_text_is_found_and_no_name() {
        let request: ChatCompletionRequest = serde_json::from_value(json!({
            "model": "name", "stop": ["text 1"], "user": "text 2", "safety_identifier": "text 3",
            "prompt_cache_key": "text 4", "metadata": {"key": "text 5"}, "prediction": {"type": "content", "content": "text 6"},
            "user_security_context": {"application_name": "text 7", "end_user_id": "text 8"},
            "web_search_options": {"search_context_size": "low", "user_location": {"approximate": {"city": "text 9"}}},
            "response_format": {"type": "json_schema", "json_schema": {"name": "name", "description": "text 10", "schema": {
                "type": "object", "required": ["name"],
                "properties": {"title": {"type": "string", "description": "text 11", "default": "text 12"}}
            }}},
            "tools": [
                {"type": "function", "function": {"name": "name", "description": "text 13", "parameters": {
                    "type": "object", "properties": {"a": {"enum": ["name"], "examples": ["text 14"]}}
                }}},
                {"type": "custom", "custom": {"name": "name", "description": "text 15", "format": {
                    "type": "grammar", "grammar": {"syntax": "lark", "definition": "text 16"}
                }}}
            ],
            "messages": [
                {"role": "user", "name": "text 17", "content": [
                    {"type": "text", "text": "text 18"},
                    {"type": "image_url", "image_url": {"url": "text 19", "detail": "low"}},
                    {"type": "input_audio", "input_audio": {"data": "text 20", "format": "wav"}},
                    {"type": "file", "file": {"filename": "text 21", "file_data": "text 22", "file_id": "text 23"}}
                ]},
                {"role": "assistant", "refusal": "text 24", "tool_calls": [
                    {"id": "name", "type": "function", "function": {"name": "name", "arguments": "text 25"}}
                ]}
            ]
        }))
        .unwrap();
        let mut found: Vec<u32> =
            request.texts().map(|text| text.strip_prefix("text ").expect(text).parse().unwrap()).collect();
        found.sort_unstable();
        assert_eq!(found, (1..=25).collect::<Vec<_>>());
    }
}
