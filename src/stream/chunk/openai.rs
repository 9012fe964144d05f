//! The chunk in OpenAI's shape, for services that pass answers on to OpenAI clients.

use serde_json::{Value, json};

use super::ChatCompletionChunk;
use crate::response::to_openai;

impl ChatCompletionChunk {
    /// The JSON of the chunk as OpenAI would send it: without the content filter's results and the `context` of On Your
    /// Data, and without choices that have only these. Everything else, `obfuscation` included, is as the service sent
    /// it.
    ///
    /// Azure also sends chunks with nothing but filter results, of which OpenAI clients get nothing;
    /// [`to_openai_event`](Self::to_openai_event) leaves them out.
    #[must_use]
    pub fn to_openai(&self) -> Value {
        let mut value = to_openai(&self.to_body(), "chat.completion.chunk", "delta");
        if let Some(choices) = value.get_mut("choices").and_then(Value::as_array_mut) {
            choices.retain_mut(is_part_of_answer);
        }
        value
    }

    /// The JSON of the chunk for an OpenAI client, or `None` when there is nothing to send. `include_usage` is that of
    /// the client's `stream_options`: without it `usage` is left out.
    ///
    /// # Example: the chunks of a stream for an OpenAI client
    ///
    /// ```
    /// use azure_openai_chat::ChatCompletionChunk;
    ///
    /// let events = [
    ///     r#"{"choices":[],"id":"","object":"","prompt_filter_results":[{"prompt_index":0}]}"#,
    ///     r#"{"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}"#,
    ///     r#"{"choices":[],"usage":{"total_tokens":9}}"#,
    /// ];
    /// let mut sent = Vec::new();
    /// for event in events {
    ///     let chunk: ChatCompletionChunk = serde_json::from_str(event)?;
    ///     sent.extend(chunk.to_openai_event(false));
    /// }
    /// assert_eq!(sent.len(), 1);
    /// assert_eq!(sent[0]["choices"][0]["delta"]["content"], "Hi");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[must_use]
    pub fn to_openai_event(&self, include_usage: bool) -> Option<Value> {
        let mut value = self.to_openai();
        if !include_usage && let Some(members) = value.as_object_mut() {
            members.remove("usage");
        }
        let has_choices = value.get("choices").and_then(Value::as_array).is_some_and(|choices| !choices.is_empty());
        let has_usage = value.get("usage").is_some_and(|usage| !usage.is_null());
        (has_choices || has_usage).then_some(value)
    }
}

/// Whether a choice has more than filter results. Gives it the members that OpenAI requires: the choice of a filter's
/// verdict has a finish reason but no `delta`.
fn is_part_of_answer(choice: &mut Value) -> bool {
    let Some(members) = choice.as_object_mut() else {
        return false;
    };
    let finish_reason = members.entry("finish_reason").or_insert_with(|| json!(null));
    if finish_reason == "" {
        *finish_reason = json!(null);
    }
    let is_part = !finish_reason.is_null() || members.contains_key("delta");
    members.entry("delta").or_insert_with(|| json!({}));
    is_part
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(chunk: Value, include_usage: bool) -> Option<Value> {
        serde_json::from_value::<ChatCompletionChunk>(chunk).unwrap().to_openai_event(include_usage)
    }

    #[test]
    fn only_what_openai_has_is_sent() {
        let filter = json!({"hate": {"filtered": false, "severity": "safe"}});
        let offsets = json!({"check_offset": 1, "start_offset": 1, "end_offset": 2});
        let prelude = json!({"choices": [], "created": 0, "id": "", "model": "", "object": "",
            "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": filter}]});
        assert_eq!(event(prelude, true), None);
        let annotation = json!({"id": "", "object": "", "choices": [{"index": 0, "finish_reason": null,
            "content_filter_results": filter, "content_filter_raw": [], "content_filter_offsets": offsets}]});
        assert_eq!(event(annotation, true), None);
        let verdict = json!({"id": "", "object": "", "choices": [{"index": 0, "finish_reason": "content_filter",
            "content_filter_results": filter, "content_filter_offsets": offsets}]});
        assert_eq!(
            event(verdict, true),
            Some(json!({"id": "", "object": "chat.completion.chunk",
                "choices": [{"index": 0, "finish_reason": "content_filter", "delta": {}}]}))
        );
        let text = json!({"id": "c", "object": "chat.completion.chunk", "obfuscation": "x", "choices": [{
            "index": 0, "delta": {"content": "a", "context": {"intent": "[]"}}, "finish_reason": "", "logprobs": null,
            "content_filter_results": filter}]});
        assert_eq!(
            event(text, true),
            Some(json!({"id": "c", "object": "chat.completion.chunk", "obfuscation": "x",
                "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": null, "logprobs": null}]}))
        );
    }

    #[test]
    fn usage_is_sent_to_those_who_asked_for_it() {
        let usage = json!({"choices": [], "usage": {"total_tokens": 9}});
        assert_eq!(event(usage.clone(), true).unwrap()["usage"]["total_tokens"], 9);
        assert_eq!(event(usage, false), None);
        // on the last chunk, and as `null` on all before it
        for usage in [json!({"total_tokens": 9}), json!(null)] {
            let last = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage});
            assert_eq!(event(last.clone(), true).unwrap()["usage"], usage);
            assert!(event(last, false).unwrap().get("usage").is_none());
        }
    }
}
