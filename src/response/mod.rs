//! The answer: plain data, read from any body the service sends and written back unchanged.
//!
//! Every field of an answer is optional, as on the wire: Azure leaves out `logprobs`, `delta` and `message`, sends empty
//! ids, and adds objects without a new api version. A value of an unexpected type never fails a body; it is kept in
//! `extra()`. Only a body that is not a JSON object is an error.
//!
//! The types that most programs name are at the root of the crate: [`ChatCompletion`], the whole answer, its [`Choice`]s
//! with an [`AssistantMessage`], a [`FinishReason`] and [`ContentFilterResults`] each, the [`ToolCall`]s, [`Usage`], its
//! tokens, and [`ResponseMetadata`], its headers. What they are made of is here.

pub use self::audio::Audio;
pub use self::builder::ChatCompletionBuilder;
pub use self::content::AnswerContent;
pub use self::content_filter::{
    BlocklistMatch, BlocklistResult, CodeCitation, ContentFilterOffsets, CustomTopicMatch, CustomTopicResult,
    DetectionResult, ExternalSafetyFinding, ExternalSafetyResult, FilterError, PersonalInformationCategory,
    PersonalInformationResult, ProtectedCodeResult, SeverityResult, TextSpan, UngroundedResult,
};
pub use self::context::{Citation, FilterReason, MessageContext, RetrievedDocument};
pub use self::logprobs::{TokenLogprob, TopLogprob};
pub use self::message::{Annotation, UrlCitation};
pub use self::rate_limits::RateLimits;
pub use self::tool_call::{FunctionCall, ToolCallType};
pub use self::usage::{CompletionTokensDetails, PromptTokensDetails};

pub(crate) use self::choice::{Choice, FinishReason};
pub(crate) use self::completion::{ChatCompletion, CompletionBody, ServiceTier, parse_json};
pub(crate) use self::content_filter::{ContentFilterResults, FilterState, PromptFilterResult};
pub(crate) use self::logprobs::Logprobs;
pub(crate) use self::message::{AssistantMessage, Role};
pub(crate) use self::metadata::ResponseMetadata;
pub(crate) use self::openai::to_openai;
pub(crate) use self::parse::{ParseError, ParseOutcome};
pub(crate) use self::tool_call::{CustomToolCall, ToolCall};
pub(crate) use self::usage::Usage;

mod audio;
pub(crate) mod body_form;
mod builder;
pub(crate) mod choice;
pub(crate) mod completion;
mod content;
pub(crate) mod content_filter;
mod context;
pub(crate) mod logprobs;
pub(crate) mod message;
pub(crate) mod metadata;
mod openai;
pub(crate) mod parse;
mod rate_limits;
pub(crate) mod tool_call;
pub(crate) mod usage;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::content_filter::Severity;
    use super::*;

    /// What most programs read of an answer, as most would write it.
    #[test]
    fn an_answer_is_read_by_getters() {
        let completion: ChatCompletion = serde_json::from_value(json!({
            "choices": [{
                "index": 0, "finish_reason": "stop",
                "logprobs": {"content": [{"token": "hi", "logprob": -0.5, "bytes": [104, 105], "top_logprobs": []}]},
                "message": {"role": "assistant", "content": "hi", "refusal": null, "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}
                ], "function_call": {"name": "g", "arguments": "{}"}},
                "content_filter_results": {"hate": {"filtered": false, "severity": "low"}}
            }],
            "usage": {"prompt_tokens": 3, "completion_tokens_details": {"reasoning_tokens": 2}}
        }))
        .unwrap();
        let choice = &completion.choices()[0];
        assert_eq!((choice.index(), choice.finish_reason()), (Some(0), Some(&FinishReason::Stop)));
        let token = &choice.logprobs().unwrap().content()[0];
        assert_eq!((token.token(), token.logprob(), token.bytes()), (Some("hi"), Some(-0.5), &b"hi"[..]));
        let hate = choice.content_filter().hate().unwrap();
        assert_eq!((hate.filtered(), hate.severity()), (Some(false), Some(&Severity::Low)));

        let message = choice.message().unwrap();
        assert_eq!((message.text(), message.refusal(), message.role()), (Some("hi"), None, Some(&Role::Assistant)));
        let content = message.content().unwrap();
        assert_eq!(content, "hi");
        assert_eq!(format!("{content} has {} bytes", content.len()), "hi has 2 bytes");
        let call = &message.tool_calls()[0];
        assert_eq!((call.id(), call.name(), call.input()), ("c1", "f", "{\"a\":1}"));
        assert_eq!(call.kind(), Some(&ToolCallType::Function));
        let function = message.function_call().unwrap();
        assert_eq!((function.name(), function.input()), ("g", "{}"));

        let usage = completion.usage();
        assert_eq!((usage.prompt_tokens(), usage.completion_tokens(), usage.reasoning_tokens()), (3, 0, 2));
        assert_eq!(usage.completion_tokens_details().unwrap().reasoning_tokens(), 2);
        assert!(usage.prompt_tokens_details().is_none());
    }
}
