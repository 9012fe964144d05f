//! The expected answer of predicted outputs.

use super::content_part::{ContentPart, MessageContent};
use crate::wire::{text_converts, wire_struct};

wire_struct! {
    /// An expected answer. Tokens that match arrive faster; those that do not are billed like output tokens.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/predicted-outputs>
    #[doc(alias = "PredictionContent")]
    pub struct Prediction {
        kind: String = private "type",
        /// The expected answer: text, or parts of text.
        content: MessageContent = "content",
    }
}

impl Prediction {
    /// An expected answer in text parts.
    #[must_use]
    pub fn parts(texts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::of(texts.into_iter().map(ContentPart::text).collect())
    }

    fn text(text: String) -> Self {
        Self::of(text.into())
    }

    fn of(content: MessageContent) -> Self {
        Self { kind: Some("content".to_owned()), content: Some(content), ..Self::EMPTY }
    }
}

text_converts!(Prediction, Prediction::text);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_prediction_is_text_or_parts() {
        assert_eq!(serde_json::to_value(Prediction::from("x")).unwrap(), json!({"type": "content", "content": "x"}));
        assert_eq!(
            serde_json::to_value(Prediction::parts(["x"])).unwrap(),
            json!({"type": "content", "content": [{"type": "text", "text": "x"}]})
        );
    }
}
