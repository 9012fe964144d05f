//! How likely the model found its own words.

use serde_json::Number;

use crate::wire::{Merge, wire_struct};

wire_struct! {
    /// The log probabilities of a choice, token by token.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#chatcompletiontokenlogprob>
    pub struct Logprobs {
        /// Of the answer's text.
        pub content: Vec<TokenLogprob> = "content",
        /// Of a refusal.
        pub refusal: Vec<TokenLogprob> = "refusal",
    }
}

wire_struct! {
    /// One token and its alternatives.
    pub struct TokenLogprob {
        /// The token's text.
        pub token: String = hidden "token",
        /// The natural logarithm of its probability.
        pub logprob: Number = "logprob",
        /// The token's bytes, for tokens that are part of a character.
        pub bytes: Vec<u8> = hidden "bytes",
        /// The likeliest tokens at this place.
        pub top_logprobs: Vec<TopLogprob> = "top_logprobs",
    }
}

wire_struct! {
    /// A token that could have stood here.
    pub struct TopLogprob {
        /// The token's text.
        pub token: String = hidden "token",
        /// The natural logarithm of its probability.
        pub logprob: Number = "logprob",
        /// The token's bytes, for tokens that are part of a character.
        pub bytes: Vec<u8> = hidden "bytes",
    }
}

impl Logprobs {
    /// The tokens of the answer's text.
    #[must_use]
    pub fn content(&self) -> &[TokenLogprob] {
        self.content.as_deref().unwrap_or_default()
    }

    /// The tokens of a refusal.
    #[must_use]
    pub fn refusal(&self) -> &[TokenLogprob] {
        self.refusal.as_deref().unwrap_or_default()
    }

    /// Appends what a later chunk brought.
    pub(crate) fn append(&mut self, newer: &Self) {
        let extend = |list: &mut Option<Vec<TokenLogprob>>, more: &Option<Vec<TokenLogprob>>| {
            if let Some(more) = more {
                list.get_or_insert_default().extend_from_slice(more);
            }
        };
        let Self { content, refusal, extra } = newer;
        extend(&mut self.content, content);
        extend(&mut self.refusal, refusal);
        self.extra.merge(extra, Merge::Piece);
    }
}

impl TokenLogprob {
    /// The natural logarithm of the token's probability.
    #[must_use]
    pub fn logprob(&self) -> Option<f64> {
        self.logprob.as_ref()?.as_f64()
    }

    /// The likeliest tokens at this place.
    #[must_use]
    pub fn top_logprobs(&self) -> &[TopLogprob] {
        self.top_logprobs.as_deref().unwrap_or_default()
    }
}

impl TopLogprob {
    /// The natural logarithm of the token's probability.
    #[must_use]
    pub fn logprob(&self) -> Option<f64> {
        self.logprob.as_ref()?.as_f64()
    }
}
