//! The completion in OpenAI's shape, for services that pass answers on to OpenAI clients.

use serde_json::{Map, Value};

use super::completion::ChatCompletion;

/// The members of bodies, chunks and choices that only Azure has.
const OF_BODY_AND_CHOICE: &[&str] = &[
    "prompt_filter_results",
    "prompt_annotations",
    "content_filter_results",
    "content_filter_result",
    "content_filter_offsets",
    "content_filter_raw",
];

impl ChatCompletion {
    /// The JSON of the answer as OpenAI would send it: without the content filter's results and the `context` of On Your
    /// Data. Everything else is as the service sent it.
    ///
    /// # Example: what is left out
    ///
    /// ```
    /// # let body = r#"{"id":"chatcmpl-1","prompt_filter_results":[],"choices":[{"index":0,"content_filter_results":{}}]}"#;
    /// use azure_openai_chat::ChatCompletion;
    /// use serde_json::json;
    ///
    /// let completion: ChatCompletion = serde_json::from_str(body)?;
    /// let expected = json!({"id": "chatcmpl-1", "object": "chat.completion", "choices": [{"index": 0}]});
    /// assert_eq!(completion.to_openai(), expected);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[must_use]
    pub fn to_openai(&self) -> Value {
        to_openai(&self.body, "chat.completion", "message")
    }
}

/// The JSON of a body or chunk without Azure's members; `message` is the member of a choice that has the text.
pub(crate) fn to_openai(body: &impl serde::Serialize, object: &str, message: &str) -> Value {
    let mut value = serde_json::to_value(body).unwrap_or_default();
    let Some(members) = value.as_object_mut() else {
        return value;
    };
    remove(members, OF_BODY_AND_CHOICE);
    // empty in Azure's chunks of filter results
    if members.get("object").and_then(Value::as_str).is_none_or(str::is_empty) {
        members.insert("object".to_owned(), object.into());
    }
    for choice in members.get_mut("choices").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(choice) = choice.as_object_mut() {
            remove(choice, OF_BODY_AND_CHOICE);
        }
        if let Some(message) = choice.get_mut(message).and_then(Value::as_object_mut) {
            remove(message, &["context"]);
        }
    }
    value
}

fn remove(members: &mut Map<String, Value>, names: &[&str]) {
    members.retain(|name, _| !names.contains(&name.as_str()));
}
