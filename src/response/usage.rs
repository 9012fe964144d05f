//! The tokens of a call, [`Usage`].

use std::borrow::Borrow;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

use crate::wire::{Extra, Merge, wire_struct};

/// A number of tokens; 0 when the service sent none.
type Count = u64;

wire_struct! {
    /// The tokens of a call, prompt and answer.
    ///
    /// Usages add up: a service that bills its callers keeps one sum for each.
    ///
    /// # Example: the tokens of several calls
    ///
    /// ```
    /// use azure_openai_chat::Usage;
    ///
    /// let usages = [Usage::new(10, 5), Usage::new(20, 7).with_cached_tokens(8)];
    /// let mut total: Usage = usages.iter().sum();
    /// total += &usages[0];
    /// assert_eq!((total.total_tokens(), total.cached_tokens()), (57, 8));
    /// ```
    ///
    /// # Example: how well a prediction did
    ///
    /// ```
    /// let usage: azure_openai_chat::Usage = serde_json::from_str(
    ///     r#"{"completion_tokens_details": {"accepted_prediction_tokens": 30, "rejected_prediction_tokens": 10}}"#,
    /// )?;
    /// assert_eq!(usage.accepted_prediction_tokens(), 30);
    /// assert_eq!(usage.prediction_acceptance(), Some(0.75));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#completionusage>
    #[doc(alias = "CompletionUsage")]
    pub struct Usage {
        /// Tokens of the prompt; 0 when the service sent none.
        prompt_tokens: Count = "prompt_tokens",
        /// Tokens of the answer: visible text, hidden reasoning and rejected predictions; 0 when the service sent none.
        completion_tokens: Count = "completion_tokens",
        /// Prompt and answer together; 0 when the service sent none.
        total_tokens: Count = "total_tokens",
        /// The kinds of prompt tokens.
        prompt_tokens_details: PromptTokensDetails = "prompt_tokens_details",
        /// The kinds of completion tokens.
        completion_tokens_details: CompletionTokensDetails = "completion_tokens_details",
    }

    /// The kinds of prompt tokens.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#completionusage>
    pub struct PromptTokensDetails {
        /// Tokens of audio in the prompt.
        audio_tokens: Count = "audio_tokens",
        /// Tokens found in the prompt cache.
        cached_tokens: Count = "cached_tokens",
        /// Tokens written to the prompt cache.
        cache_write_tokens: Count = "cache_write_tokens",
    }

    /// The kinds of completion tokens.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#completionusage>
    pub struct CompletionTokensDetails {
        /// Tokens of the prediction that the answer used.
        accepted_prediction_tokens: Count = "accepted_prediction_tokens",
        /// Tokens of audio in the answer.
        audio_tokens: Count = "audio_tokens",
        /// Tokens of hidden reasoning, billed as output.
        reasoning_tokens: Count = "reasoning_tokens",
        /// Tokens of the prediction that the answer did not use, billed as output all the same.
        rejected_prediction_tokens: Count = "rejected_prediction_tokens",
    }
}

/// Implements the merging of counts that come more than once, as in the chunks of a stream: a later count replaces an
/// earlier one, a missing or `null` one does not. And the adding of counts of several calls: a missing one adds nothing.
/// Each struct is taken apart without `..`, so that no field is forgotten.
macro_rules! merge_counts {
    ($Name:ident, $($count:ident),*; $($details:ident),*) => {
        impl $Name {
            pub(crate) fn merge(&mut self, newer: &Self) {
                let Self { $($count,)* $($details,)* extra } = newer;
                $( self.$count = $count.or(self.$count); )*
                $(
                    if let Some(newer) = $details {
                        self.$details.get_or_insert_default().merge(newer);
                    }
                )*
                self.extra.merge(extra, Merge::Repeated);
            }

            fn add_counts(&mut self, other: &Self) {
                let Self { $($count,)* $($details,)* extra: _ } = other;
                $(
                    if let Some(count) = $count {
                        self.$count = Some(self.$count().saturating_add(*count));
                    }
                )*
                $(
                    if let Some(other) = $details {
                        self.$details.get_or_insert_default().add_counts(other);
                    }
                )*
                // what members without a field count, if anything, is not known
                self.extra = Extra::EMPTY;
            }
        }
    };
}

merge_counts!(Usage, prompt_tokens, completion_tokens, total_tokens; prompt_tokens_details, completion_tokens_details);
merge_counts!(PromptTokensDetails, audio_tokens, cached_tokens, cache_write_tokens;);
merge_counts!(
    CompletionTokensDetails, accepted_prediction_tokens, audio_tokens, reasoning_tokens, rejected_prediction_tokens;
);

/// Adds the tokens of another call. Members without a field here are left out of a sum.
impl<U: Borrow<Self>> AddAssign<U> for Usage {
    fn add_assign(&mut self, other: U) {
        self.add_counts(other.borrow());
    }
}

impl<U: Borrow<Self>> Add<U> for Usage {
    type Output = Self;
    fn add(mut self, other: U) -> Self {
        self += other;
        self
    }
}

impl<U: Borrow<Self>> Sum<U> for Usage {
    fn sum<I: Iterator<Item = U>>(usages: I) -> Self {
        usages.fold(Self::EMPTY, |sum, usage| sum + usage)
    }
}

/// Makes a getter for each count of the details.
macro_rules! counts_of_details {
    ($( $(#[$meta:meta])* $get:ident = $details:ident.$count:ident; )*) => {
        impl Usage { $(
            $(#[$meta])*
            #[must_use]
            pub fn $get(&self) -> u64 {
                self.$details.as_ref().map_or(0, |details| details.$count())
            }
        )* }
    };
}

counts_of_details! {
    /// Tokens of hidden reasoning, part of the completion tokens; 0 when the service sent none.
    #[doc(alias = "usage.completion_tokens_details.reasoning_tokens")]
    reasoning_tokens = completion_tokens_details.reasoning_tokens;
    /// Tokens of the prediction that the answer used; 0 when the service sent none.
    #[doc(alias = "usage.completion_tokens_details.accepted_prediction_tokens")]
    accepted_prediction_tokens = completion_tokens_details.accepted_prediction_tokens;
    /// Tokens of the prediction that the answer did not use, billed as output; 0 when the service sent none.
    #[doc(alias = "usage.completion_tokens_details.rejected_prediction_tokens")]
    rejected_prediction_tokens = completion_tokens_details.rejected_prediction_tokens;
    /// Tokens of the prompt found in the prompt cache; 0 when the service sent none.
    #[doc(alias = "usage.prompt_tokens_details.cached_tokens")]
    cached_tokens = prompt_tokens_details.cached_tokens;
    /// Tokens of the prompt written to the prompt cache; 0 when the service sent none.
    #[doc(alias = "usage.prompt_tokens_details.cache_write_tokens")]
    cache_write_tokens = prompt_tokens_details.cache_write_tokens;
    /// Tokens of audio in the prompt; 0 when the service sent none.
    #[doc(alias = "usage.prompt_tokens_details.audio_tokens")]
    input_audio_tokens = prompt_tokens_details.audio_tokens;
    /// Tokens of audio in the answer; 0 when the service sent none.
    #[doc(alias = "usage.completion_tokens_details.audio_tokens")]
    output_audio_tokens = completion_tokens_details.audio_tokens;
}

impl Usage {
    /// The usage of a call, for a test. The total is the sum of both.
    #[must_use]
    pub fn new(prompt_tokens: u64, completion_tokens: u64) -> Self {
        Self {
            prompt_tokens: Some(prompt_tokens),
            completion_tokens: Some(completion_tokens),
            total_tokens: Some(prompt_tokens.saturating_add(completion_tokens)),
            ..Self::EMPTY
        }
    }

    /// The same usage with so many of the prompt tokens from the prompt cache.
    #[must_use]
    pub fn with_cached_tokens(mut self, tokens: u64) -> Self {
        self.prompt_tokens_details.get_or_insert_default().cached_tokens = Some(tokens);
        self
    }

    /// The same usage with so many of the completion tokens spent on hidden reasoning.
    #[must_use]
    pub fn with_reasoning_tokens(mut self, tokens: u64) -> Self {
        self.completion_tokens_details.get_or_insert_default().reasoning_tokens = Some(tokens);
        self
    }

    /// The share of the prediction that was accepted, 0 to 1; `None` when nothing was predicted.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^52")]
    pub fn prediction_acceptance(&self) -> Option<f64> {
        let accepted = self.accepted_prediction_tokens() as f64;
        let all = accepted + self.rejected_prediction_tokens() as f64;
        (all > 0.0).then(|| accepted / all)
    }

    /// The share of the prompt that came from the prompt cache, 0 to 1; `None` without a prompt.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^52")]
    pub fn cached_ratio(&self) -> Option<f64> {
        (self.prompt_tokens() > 0).then(|| self.cached_tokens() as f64 / self.prompt_tokens() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_may_be_null_or_missing() {
        for body in [
            r#"{"completion_tokens_details": null}"#,
            "{}",
            r#"{"completion_tokens_details": {"reasoning_tokens": null}}"#,
        ] {
            let usage: Usage = serde_json::from_str(body).unwrap();
            assert_eq!(usage.reasoning_tokens(), 0);
            assert_eq!(usage.prediction_acceptance(), None);
            assert_eq!(usage.cached_ratio(), None);
        }
    }

    #[test]
    fn a_sum_has_every_count_and_missing_ones_add_nothing() {
        let read = |value: serde_json::Value| serde_json::from_value::<Usage>(value).unwrap();
        let full = serde_json::json!({
            "prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3,
            "prompt_tokens_details": {"audio_tokens": 4, "cached_tokens": 5, "cache_write_tokens": 6},
            "completion_tokens_details": {"accepted_prediction_tokens": 7, "audio_tokens": 8, "reasoning_tokens": 9,
                "rejected_prediction_tokens": 10},
        });
        let full = read(full);
        let none = [Usage::default(), read(serde_json::json!({"prompt_tokens": null, "prompt_tokens_details": null}))];
        assert_eq!([&none[0], &full, &none[1]].into_iter().sum::<Usage>(), full);
        let doubled = full.clone() + full.clone();
        assert_eq!(doubled, [full.clone(), full].into_iter().sum());
        assert_eq!((doubled.input_audio_tokens(), doubled.cache_write_tokens()), (8, 12));
        assert_eq!((doubled.accepted_prediction_tokens(), doubled.rejected_prediction_tokens()), (14, 20));
        assert_eq!((doubled.output_audio_tokens(), doubled.reasoning_tokens()), (16, 18));

        let mut total = Usage::new(u64::MAX, 1);
        total += Usage::new(1, 1);
        assert_eq!(total.prompt_tokens(), u64::MAX);
        let costs = read(serde_json::json!({"prompt_tokens": 1, "cost": 0.1}));
        assert_eq!((costs + Usage::default()).extra(), None);
    }
}
