//! What is wrong with a request, all of it at once.

use std::fmt;

use crate::error::{Error, ErrorKind};

const REASONING: &str = "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/reasoning";
const PREDICTED_OUTPUTS: &str = "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/predicted-outputs";
const STRUCTURED_OUTPUTS: &str = "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/structured-outputs";
const FUNCTION_CALLING: &str = "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/function-calling";
const AUDIO: &str = "https://learn.microsoft.com/azure/ai-foundry/openai/audio-completions-quickstart";
const MODELS: &str = "https://learn.microsoft.com/azure/ai-foundry/openai/concepts/models";
const API_VERSIONS: &str = "https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle";
const REFERENCE: &str = "https://learn.microsoft.com/azure/ai-foundry/openai/reference";

/// Why a request is refused before it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// The model does not take the parameter.
    UnsupportedParameter,
    /// The model takes the parameter, but not with this value.
    UnsupportedValue,
    /// The model does not take messages of this role.
    UnsupportedRole,
    /// `system` and `developer` in one request to a reasoning model.
    MixedInstructions,
    /// The model asks for the parameter.
    RequiredParameter,
    /// `prediction` together with something it excludes.
    PredictionConflict,
    /// A reasoning effort together with something it excludes.
    EffortConflict,
    /// The model has no chat completions; most such models answer on the Responses API.
    NoChatCompletions,
    /// The schema is not valid for strict mode.
    StrictSchema,
    /// The request contradicts itself.
    Contradiction,
    /// More, or longer, than the service takes.
    Limit,
    /// A number outside of its documented range.
    OutOfRange,
    /// A value of the wrong type.
    WrongType,
    /// A name the service cannot take.
    InvalidName,
    /// The api version does not have the parameter.
    ApiVersion,
    /// An advice, taken as a violation because the client is strict.
    Advice,
}

impl Rule {
    /// The rule's name in words, such as `unsupported_parameter`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnsupportedParameter => "unsupported_parameter",
            Self::UnsupportedValue => "unsupported_value",
            Self::UnsupportedRole => "unsupported_role",
            Self::MixedInstructions => "mixed_instructions",
            Self::RequiredParameter => "required_parameter",
            Self::PredictionConflict => "prediction_conflict",
            Self::EffortConflict => "effort_conflict",
            Self::NoChatCompletions => "no_chat_completions",
            Self::StrictSchema => "strict_schema",
            Self::Contradiction => "contradiction",
            Self::Limit => "limit",
            Self::OutOfRange => "out_of_range",
            Self::WrongType => "wrong_type",
            Self::InvalidName => "invalid_name",
            Self::ApiVersion => "api_version",
            Self::Advice => "advice",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One broken rule: where, which, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    parameter: String,
    rule: Rule,
    message: String,
}

impl Violation {
    pub(crate) fn new(parameter: impl Into<String>, rule: Rule, message: impl Into<String>) -> Self {
        Self { parameter: parameter.into(), rule, message: message.into() }
    }

    /// The wire name of the parameter, with its place where it has one: `messages[2].role`.
    #[must_use]
    pub fn parameter(&self) -> &str {
        &self.parameter
    }

    /// Which rule.
    #[must_use]
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// What is wrong and what to do instead.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Where the rule is written down: a page of the documentation.
    #[must_use]
    pub fn reference(&self) -> &'static str {
        match self.rule {
            Rule::StrictSchema => STRUCTURED_OUTPUTS,
            Rule::PredictionConflict => PREDICTED_OUTPUTS,
            Rule::MixedInstructions | Rule::EffortConflict | Rule::UnsupportedRole => REASONING,
            Rule::NoChatCompletions => MODELS,
            Rule::ApiVersion | Rule::Advice => API_VERSIONS,
            Rule::UnsupportedParameter | Rule::UnsupportedValue | Rule::RequiredParameter => self.page(),
            Rule::Contradiction | Rule::Limit | Rule::OutOfRange | Rule::WrongType | Rule::InvalidName => REFERENCE,
        }
    }

    /// The page about the parameter.
    fn page(&self) -> &'static str {
        match self.parameter.as_str() {
            "prediction" => PREDICTED_OUTPUTS,
            "tools" | "functions" | "parallel_tool_calls" => FUNCTION_CALLING,
            "response_format" => STRUCTURED_OUTPUTS,
            "modalities" | "audio" => AUDIO,
            place if place.ends_with(".strict") => STRUCTURED_OUTPUTS,
            place if place.contains("].content[") => MODELS,
            place if place.contains(['[', '.']) || place == "messages" => REFERENCE,
            _ => REASONING,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.parameter, self.message)
    }
}

/// Everything that is wrong with a request. Prints one violation a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidationError {
    violations: Vec<Violation>,
}

impl ValidationError {
    pub(crate) fn unless_empty(violations: Vec<Violation>) -> Result<(), Self> {
        if violations.is_empty() { Ok(()) } else { Err(Self { violations }) }
    }

    /// The violations, in the order of the rules.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }
}

impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.violations.as_slice() {
            [one] => write!(f, "the request breaks a rule: {one}"),
            many => {
                write!(f, "the request breaks {} rules:", many.len())?;
                many.iter().try_for_each(|violation| write!(f, "\n  {violation}"))
            }
        }
    }
}

impl std::error::Error for ValidationError {}

impl From<ValidationError> for Error {
    fn from(error: ValidationError) -> Self {
        let names: Vec<&str> = error.violations.iter().map(Violation::parameter).collect();
        let what = if names.len() == 1 { "violation" } else { "violations" };
        let text = format!("the request was not sent: {} {what} ({})", names.len(), names.join(", "));
        Self::new(ErrorKind::InvalidRequest, text).with_source(error)
    }
}

impl Error {
    /// The violations, when the request was refused before it was sent.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        std::error::Error::source(self)
            .and_then(|source| source.downcast_ref::<ValidationError>())
            .map(ValidationError::violations)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_violation_is_one_line() {
        let error = ValidationError::unless_empty(vec![Violation::new("n", Rule::Limit, "too many")]).unwrap_err();
        assert_eq!(error.to_string(), "the request breaks a rule: n: too many");
        assert!(ValidationError::unless_empty(Vec::new()).is_ok());
    }

    #[test]
    fn a_violation_leads_to_the_page_about_its_parameter() {
        for (parameter, rule, page) in [
            ("temperature", Rule::UnsupportedParameter, REASONING),
            ("reasoning_effort", Rule::UnsupportedValue, REASONING),
            ("max_completion_tokens", Rule::RequiredParameter, REASONING),
            ("max_completion_tokens", Rule::PredictionConflict, PREDICTED_OUTPUTS),
            ("prediction", Rule::UnsupportedParameter, PREDICTED_OUTPUTS),
            ("tools", Rule::UnsupportedParameter, FUNCTION_CALLING),
            ("tools[0].function.strict", Rule::UnsupportedParameter, STRUCTURED_OUTPUTS),
            ("messages[1].content[0]", Rule::UnsupportedParameter, MODELS),
            ("messages[1].tool_call_id", Rule::RequiredParameter, REFERENCE),
            ("messages", Rule::RequiredParameter, REFERENCE),
            ("model", Rule::NoChatCompletions, MODELS),
            ("data_sources", Rule::ApiVersion, API_VERSIONS),
        ] {
            assert_eq!(Violation::new(parameter, rule, "").reference(), page, "{parameter} {rule}");
        }
    }

    #[test]
    fn display_lists_all() {
        let violations = vec![
            Violation::new("temperature", Rule::UnsupportedParameter, "o1 refuses it"),
            Violation::new("n", Rule::Limit, "too many"),
        ];
        let error = ValidationError::unless_empty(violations).unwrap_err();
        assert_eq!(error.to_string(), "the request breaks 2 rules:\n  temperature: o1 refuses it\n  n: too many");
        let error = Error::from(error);
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert_eq!(error.violations().len(), 2);
    }
}
