//! The answer: plain data, read from any body the service sends and written back unchanged.
//!
//! Every field of an answer is optional, as on the wire: Azure leaves out `logprobs`, `delta` and `message`, sends empty
//! ids, and adds objects without a new api version. A value of an unexpected type never fails a body; it is kept in
//! `extra()`. Only a body that is not a JSON object is an error. See [`ChatCompletion`], the whole answer, and [`Usage`],
//! its tokens.

pub use self::audio::Audio;
pub use self::choice::{Choice, FinishReason};
pub use self::completion::{ChatCompletion, ServiceTier};
pub use self::content::AnswerContent;
pub use self::content_filter::{
    BlocklistMatch, BlocklistResult, CodeCitation, ContentFilterOffsets, ContentFilterResults, CustomTopicMatch,
    CustomTopicResult, DetectionResult, ExternalSafetyFinding, ExternalSafetyResult, FilterError, FilterState,
    PersonalInformationCategory, PersonalInformationResult, PromptFilterResult, ProtectedCodeResult, Severity,
    SeverityResult, TextSpan, UngroundedResult,
};
pub use self::context::{Citation, FilterReason, MessageContext, RetrievedDocument};
pub use self::logprobs::{Logprobs, TokenLogprob, TopLogprob};
pub use self::message::{Annotation, AssistantMessage, Role, UrlCitation};
pub use self::metadata::{RateLimits, ResponseMetadata};
pub use self::parse::{ParseError, ParseOutcome};
pub use self::tool_call::{CustomToolCall, FunctionCall, ToolArguments, ToolCall, ToolCallType};
pub use self::usage::{CompletionTokensDetails, PromptTokensDetails, Usage};

pub(crate) use self::completion::{CompletionBody, parse_json};
pub(crate) use self::partial_json::{PartialJson, PartialJsonError};

mod audio;
mod choice;
mod completion;
mod content;
mod content_filter;
mod context;
mod logprobs;
mod message;
mod metadata;
mod parse;
mod partial_json;
mod tool_call;
mod usage;
