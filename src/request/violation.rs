//! Findings about a request: violations, which stop it, and advice, which does not.

use std::fmt;

use crate::error::{Error, ErrorKind};
use crate::wire::{closed_enum, getters};

/// The page of a finding that has no page of its own.
pub(super) const REFERENCE: &str = "https://learn.microsoft.com/azure/ai-foundry/openai/reference";

closed_enum! {
    /// Why a request is refused before it leaves.
    #[non_exhaustive]
    pub enum Rule {
        /// The model does not take the parameter.
        UnsupportedParameter = "unsupported_parameter",
        /// The model takes the parameter, but not with this value.
        UnsupportedValue = "unsupported_value",
        /// The model does not take messages of this role.
        UnsupportedRole = "unsupported_role",
        /// `system` and `developer` in one request to a reasoning model.
        MixedInstructions = "mixed_instructions",
        /// The model requires the parameter.
        RequiredParameter = "required_parameter",
        /// `prediction` together with something it excludes.
        PredictionConflict = "prediction_conflict",
        /// A reasoning effort together with something it excludes.
        EffortConflict = "effort_conflict",
        /// The model has no chat completions; most such models answer on the Responses API.
        NoChatCompletions = "no_chat_completions",
        /// The schema is not valid for strict mode.
        StrictSchema = "strict_schema",
        /// The request contradicts itself.
        Contradiction = "contradiction",
        /// More, or longer, than the service takes.
        Limit = "limit",
        /// A number outside of its documented range.
        OutOfRange = "out_of_range",
        /// A value of the wrong type.
        WrongType = "wrong_type",
        /// A name the service cannot take.
        InvalidName = "invalid_name",
        /// The api version does not have the parameter.
        ApiVersion = "api_version",
        /// An advice, taken as a violation because the client is strict.
        Advice = "advice",
    }
}

/// One broken rule: where, which, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Violation {
    parameter: String,
    rule: Rule,
    message: String,
    expected: Option<&'static str>,
    minimum: Option<i64>,
    maximum: Option<i64>,
    reference: &'static str,
}

impl Violation {
    pub(crate) fn new(parameter: impl Into<String>, rule: Rule, message: impl Into<String>) -> Self {
        let (parameter, message) = (parameter.into(), message.into());
        Self { parameter, rule, message, expected: None, minimum: None, maximum: None, reference: REFERENCE }
    }

    pub(crate) fn expecting(self, expected: &'static str) -> Self {
        Self { expected: Some(expected), ..self }
    }

    pub(crate) fn within(self, minimum: impl Into<Option<i64>>, maximum: impl Into<Option<i64>>) -> Self {
        Self { minimum: minimum.into(), maximum: maximum.into(), ..self }
    }

    pub(super) fn on_page(self, reference: &'static str) -> Self {
        Self { reference, ..self }
    }
}

getters! { violation: Violation => violation;
    /// The wire name of the parameter, with its place where it has one: `messages[2].role`.
    parameter: Text;
    /// Which rule.
    rule: Plain<Rule>;
    /// What is wrong and what to do instead.
    message: Text;
    /// What the parameter takes, such as `a string`: of a value of the wrong type.
    expected: Copied<&'static str>;
    /// The least value that the service takes: of a number out of range.
    minimum: Copied<i64>;
    /// The largest value that the service takes, of a number out of range; or the largest count or length, where a
    /// [limit](Rule::Limit) is passed.
    maximum: Copied<i64>;
    /// The page of the documentation that has the rule.
    reference: Plain<&'static str>;
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.parameter, self.message)
    }
}

/// Something to reconsider about a request that is sent all the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Advice(Violation);

impl Advice {
    #[cfg(feature = "client")]
    pub(crate) fn new(parameter: impl Into<String>, message: impl Into<String>) -> Self {
        Violation::new(parameter, Rule::Advice, message).into()
    }
}

getters! { advice: Advice => advice.0;
    /// The wire name of the parameter, or `model` or `api-version`.
    parameter: Text;
    /// What to reconsider.
    message: Text;
    /// The page of the documentation that has it.
    reference: Plain<&'static str>;
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Violation> for Advice {
    fn from(finding: Violation) -> Self {
        Self(Violation { rule: Rule::Advice, ..finding })
    }
}

/// A strict client takes advice as a violation.
impl From<Advice> for Violation {
    fn from(advice: Advice) -> Self {
        advice.0
    }
}

/// Everything that is wrong with a request. Prints one violation a line.
#[derive(Debug, Clone)]
pub struct ValidationError {
    violations: Vec<Violation>,
    /// Whether it is the source of an [`Error`], whose text has the first violation.
    is_source: bool,
}

impl PartialEq for ValidationError {
    fn eq(&self, other: &Self) -> bool {
        self.violations == other.violations
    }
}

impl Eq for ValidationError {}

impl ValidationError {
    pub(crate) fn unless_empty(violations: Vec<Violation>) -> Result<(), Self> {
        if violations.is_empty() { Ok(()) } else { Err(Self { violations, is_source: false }) }
    }

    #[cfg(feature = "batch")]
    pub(crate) fn of(violation: Violation) -> Self {
        Self { violations: vec![violation], is_source: false }
    }

    /// The violations, in the order of the rules.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }
}

impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.violations.len();
        let (head, listed) = match self.violations.as_slice() {
            [_] if self.is_source => return f.write_str("the request breaks a rule"),
            [one] => return write!(f, "the request breaks a rule: {one}"),
            [_, others @ ..] if self.is_source => {
                (format!("the request breaks {count} rules, beside the first:"), others)
            }
            all => (format!("the request breaks {count} rules:"), all),
        };
        f.write_str(&head)?;
        listed.iter().try_for_each(|violation| write!(f, "\n  {violation}"))
    }
}

impl std::error::Error for ValidationError {}

impl From<ValidationError> for Error {
    fn from(error: ValidationError) -> Self {
        let mut text = "the request was not sent".to_owned();
        if let Some((first, others)) = error.violations.split_first() {
            text.push_str(&format!(": {first}"));
            if !others.is_empty() {
                let names: Vec<&str> = others.iter().map(Violation::parameter).collect();
                text.push_str(&format!("; and {} more: {}", names.len(), names.join(", ")));
            }
        }
        Self::new(ErrorKind::InvalidRequest, text).with_source(ValidationError { is_source: true, ..error })
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
