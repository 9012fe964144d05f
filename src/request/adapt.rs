//! Makes a request fit the declared model, and tells every change.
//!
//! Only what would be refused is touched: a request that passes validation comes back unchanged.

use std::fmt;

use serde_json::{Map, Value};

use super::violation::{Rule, ValidationError, Violation};
use super::{ChatCompletionRequest, RequestBody};
use crate::model::{Parameter, Support};
use crate::response::Role;

/// A request that fits its model, and what was done to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapted {
    request: ChatCompletionRequest,
    adaptations: Vec<Adaptation>,
}

impl Adapted {
    /// What was changed; empty when nothing had to be.
    #[must_use]
    pub fn adaptations(&self) -> &[Adaptation] {
        &self.adaptations
    }

    /// The request that fits.
    #[must_use]
    pub fn request(&self) -> &ChatCompletionRequest {
        &self.request
    }

    /// The request that fits, by value.
    #[must_use]
    pub fn into_request(self) -> ChatCompletionRequest {
        self.request
    }
}

impl std::ops::Deref for Adapted {
    type Target = ChatCompletionRequest;
    fn deref(&self) -> &ChatCompletionRequest {
        &self.request
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adaptation {
    parameter: String,
    change: String,
    cause: Violation,
}

impl Adaptation {
    /// The wire name of what was changed.
    #[must_use]
    pub fn parameter(&self) -> &str {
        &self.parameter
    }

    /// What was done.
    #[must_use]
    pub fn change(&self) -> &str {
        &self.change
    }

    /// Why: the violation it would have been.
    #[must_use]
    pub fn cause(&self) -> &Violation {
        &self.cause
    }
}

impl fmt::Display for Adaptation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.parameter, self.change)
    }
}

impl ChatCompletionRequest {
    /// Rewrites what has an equal, drops what the declared model refuses, and tells each change.
    ///
    /// # Errors
    ///
    /// The violations that no change of this kind can mend.
    pub fn adapt(self) -> Result<Adapted, ValidationError> {
        adapt(self)
    }
}

pub(super) fn adapt(mut request: ChatCompletionRequest) -> Result<Adapted, ValidationError> {
    let mut adaptations = Vec::new();
    loop {
        // one change at a time: a change can mend several violations, or uncover one
        let violations = request.violations(None, None);
        let mended = violations.iter().find_map(|violation| {
            let mut candidate = request.clone();
            let change = mend(&mut candidate, violation).filter(|_| candidate != request)?;
            let parameter = violation.parameter().to_owned();
            Some((
                candidate,
                Adaptation {
                    parameter,
                    change,
                    cause: violation.clone(),
                },
            ))
        });
        let Some((candidate, adaptation)) = mended else {
            ValidationError::unless_empty(violations)?;
            return Ok(Adapted { request, adaptations });
        };
        request = candidate;
        adaptations.push(adaptation);
    }
}

/// Mends one violation, or leaves the request alone. Every change removes something or gives a message a
/// role the model takes, so that mending comes to an end.
fn mend(request: &mut ChatCompletionRequest, violation: &Violation) -> Option<String> {
    let parameter = violation.parameter();
    match violation.rule() {
        Rule::UnsupportedParameter if parameter == "max_tokens" => {
            let limit = request.body.max_tokens.take()?;
            let kept = *request.body.max_completion_tokens.get_or_insert(limit);
            Some(format!("rewritten as max_completion_tokens = {kept}"))
        }
        Rule::UnsupportedParameter if parameter == "max_completion_tokens" => {
            let limit = request.body.max_completion_tokens.take()?;
            let kept = *request.body.max_tokens.get_or_insert(limit);
            Some(format!("rewritten as max_tokens = {kept}"))
        }
        Rule::UnsupportedRole => change_role(request, parameter),
        Rule::MixedInstructions => {
            for message in &mut request.body.messages.as_mut()?.0 {
                if message.role == Some(Role::System) {
                    message.role = Some(Role::Developer);
                }
            }
            Some("system messages became developer messages".to_owned())
        }
        Rule::RequiredParameter if parameter == "max_completion_tokens" => {
            request.uncapped = true;
            Some("sent without a limit".to_owned())
        }
        Rule::PredictionConflict => {
            request.body.prediction.take()?;
            Some("the prediction was dropped: it only saves time".to_owned())
        }
        Rule::EffortConflict | Rule::UnsupportedValue => drop_member(request, parameter),
        Rule::UnsupportedParameter if parameter.contains(['[', '.']) => drop_place(request, parameter),
        Rule::UnsupportedParameter => drop_member(request, parameter),
        Rule::Contradiction if !parameter.contains('[') => drop_member(request, parameter),
        _ => None,
    }
}

fn drop_member(request: &mut ChatCompletionRequest, name: &str) -> Option<String> {
    edit(request, |members| members.remove(name).map(|_| ()))?;
    Some("dropped".to_owned())
}

/// `messages[1].role`: the role the model takes instead, else the user's.
fn change_role(request: &mut ChatCompletionRequest, parameter: &str) -> Option<String> {
    let at: usize = parameter.strip_prefix("messages[")?.split_once(']')?.0.parse().ok()?;
    let capabilities = request.deployment.declared_model()?.capabilities();
    let takes = |parameter| capabilities.supports(parameter) != Support::No;
    let role = if takes(Parameter::DeveloperMessages) {
        Role::Developer
    } else if takes(Parameter::SystemMessages) {
        Role::System
    } else {
        Role::User
    };
    let message = request.body.messages.as_mut()?.0.get_mut(at)?;
    let change = format!("the message became a {role} message");
    message.role = Some(role);
    Some(change)
}

/// `messages[1].content[0]` and `tools[0].function.strict`.
fn drop_place(request: &mut ChatCompletionRequest, parameter: &str) -> Option<String> {
    let steps: Vec<&str> = parameter
        .split(['[', ']', '.'])
        .filter(|step| !step.is_empty())
        .collect();
    let (last, path) = steps.split_last()?;
    edit(request, |members| {
        let (first, path) = path.split_first()?;
        let mut place = members.get_mut(*first)?;
        for step in path {
            place = match step.parse::<usize>() {
                Ok(at) => place.get_mut(at)?,
                Err(_) => place.get_mut(*step)?,
            };
        }
        match (place, last.parse::<usize>()) {
            (Value::Array(list), Ok(at)) if at < list.len() => {
                list.remove(at);
                Some(())
            }
            (Value::Object(object), _) => object.remove(*last).map(|_| ()),
            _ => None,
        }
    })?;
    Some("dropped".to_owned())
}

/// Changes the request's JSON and reads it again.
fn edit(request: &mut ChatCompletionRequest, change: impl FnOnce(&mut Map<String, Value>) -> Option<()>) -> Option<()> {
    let Ok(Value::Object(mut members)) = serde_json::to_value(&request.body) else {
        return None;
    };
    change(&mut members)?;
    request.body = serde_json::from_value::<RequestBody>(Value::Object(members)).ok()?;
    Some(())
}
