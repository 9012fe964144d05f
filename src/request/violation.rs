//! What is wrong with a request, all of it at once.

use std::fmt;

use crate::error::{Error, ErrorKind};

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
            Self::WrongType => "wrong_type",
            Self::InvalidName => "invalid_name",
            Self::ApiVersion => "api_version",
            Self::Advice => "advice",
        }
    }

    /// Where the rule is written down.
    #[must_use]
    pub fn reference(self) -> &'static str {
        match self {
            Self::UnsupportedParameter
            | Self::UnsupportedValue
            | Self::UnsupportedRole
            | Self::MixedInstructions
            | Self::RequiredParameter
            | Self::EffortConflict
            | Self::NoChatCompletions => "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/reasoning",
            Self::PredictionConflict => "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/predicted-outputs",
            Self::StrictSchema => "https://learn.microsoft.com/azure/ai-foundry/openai/how-to/structured-outputs",
            Self::ApiVersion | Self::Advice => {
                "https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle"
            }
            Self::Contradiction | Self::Limit | Self::WrongType | Self::InvalidName => {
                "https://learn.microsoft.com/azure/ai-foundry/openai/reference"
            }
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
        Self {
            parameter: parameter.into(),
            rule,
            message: message.into(),
        }
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

    /// Where the rule is written down.
    #[must_use]
    pub fn reference(&self) -> &'static str {
        self.rule.reference()
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
        if violations.is_empty() {
            Ok(())
        } else {
            Err(Self { violations })
        }
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
        Self::new(ErrorKind::InvalidRequest, "the request was not sent").with_source(error)
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
    fn display_lists_all() {
        let violations = vec![
            Violation::new("temperature", Rule::UnsupportedParameter, "o1 refuses it"),
            Violation::new("n", Rule::Limit, "too many"),
        ];
        let error = ValidationError::unless_empty(violations).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the request breaks 2 rules:\n  temperature: o1 refuses it\n  n: too many"
        );
        let error = Error::from(error);
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert_eq!(error.violations().len(), 2);
    }
}
