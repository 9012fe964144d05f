//! The log probabilities of a choice, [`Logprobs`], token by token.

use serde_json::Number;

use crate::wire::{Merge, wire_struct};

wire_struct! {
    /// The log probabilities of a choice, token by token.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#chatcompletiontokenlogprob>
    pub struct Logprobs {
        /// The tokens of the text.
        pub content: Vec<TokenLogprob> = "content",
        /// The tokens of a refusal.
        pub refusal: Vec<TokenLogprob> = "refusal",
    }
}

wire_struct! {
    /// A token and its alternatives.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#chatcompletiontokenlogprob>
    pub struct TokenLogprob {
        /// The text of the token.
        pub token: String = hidden "token",
        /// The natural logarithm of its probability.
        pub logprob: Number = "logprob",
        /// The UTF-8 bytes of the token, which may be a part of a character.
        pub bytes: Vec<u8> = hidden "bytes",
        /// The most likely tokens at this position, as many as `top_logprobs` of the request.
        pub top_logprobs: Vec<TopLogprob> = "top_logprobs",
    }
}

wire_struct! {
    /// A likely token at a position.
    pub struct TopLogprob {
        /// The text of the token.
        pub token: String = hidden "token",
        /// The natural logarithm of its probability.
        pub logprob: Number = "logprob",
        /// The UTF-8 bytes of the token, which may be a part of a character.
        pub bytes: Vec<u8> = hidden "bytes",
    }
}

impl Logprobs {
    /// The tokens of the text.
    #[must_use]
    pub fn content(&self) -> &[TokenLogprob] {
        self.content.as_deref().unwrap_or_default()
    }

    /// The tokens of a refusal.
    #[must_use]
    pub fn refusal(&self) -> &[TokenLogprob] {
        self.refusal.as_deref().unwrap_or_default()
    }

    /// Appends the tokens of a later chunk.
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
    /// The natural logarithm of the token's probability. `None` when the service sent none.
    #[must_use]
    pub fn logprob(&self) -> Option<f64> {
        self.logprob.as_ref()?.as_f64()
    }

    /// The most likely tokens at this position.
    #[must_use]
    pub fn top_logprobs(&self) -> &[TopLogprob] {
        self.top_logprobs.as_deref().unwrap_or_default()
    }
}

impl TopLogprob {
    /// The natural logarithm of the token's probability. `None` when the service sent none.
    #[must_use]
    pub fn logprob(&self) -> Option<f64> {
        self.logprob.as_ref()?.as_f64()
    }
}
