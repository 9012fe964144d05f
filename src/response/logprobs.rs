//! The log probabilities of a choice, [`Logprobs`], token by token.

use serde_json::Number;

use crate::wire::{Merge, wire_struct};

wire_struct! {
    /// The log probabilities of a choice, token by token.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#chatcompletiontokenlogprob>
    pub struct Logprobs {
        /// The tokens of the text.
        content: Vec<TokenLogprob> = "content",
        /// The tokens of a refusal.
        refusal: Vec<TokenLogprob> = "refusal",
    }

    /// A token and its alternatives.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#chatcompletiontokenlogprob>
    pub struct TokenLogprob {
        /// The text of the token.
        token: String = hidden "token",
        /// The natural logarithm of its probability.
        logprob: Number = "logprob",
        /// The UTF-8 bytes of the token, which may be a part of a character.
        bytes: Vec<u8> = hidden "bytes",
        /// The most likely tokens at this position, as many as `top_logprobs` of the request.
        top_logprobs: Vec<TopLogprob> = "top_logprobs",
    }

    /// A likely token at a position.
    pub struct TopLogprob {
        /// The text of the token.
        token: String = hidden "token",
        /// The natural logarithm of its probability.
        logprob: Number = "logprob",
        /// The UTF-8 bytes of the token, which may be a part of a character.
        bytes: Vec<u8> = hidden "bytes",
    }
}

impl Logprobs {
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
