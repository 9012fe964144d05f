//! The change that removes each kind of violation.

use serde_json::{Map, Value};

use crate::model::{Parameter, ReasoningEffort, ToolsAndEffort};
use crate::request::ChatCompletionRequest;
use crate::request::violation::{Rule, Violation};
use crate::response::Role;

/// Removes one violation, and returns the parameter that was changed and a description of the change; none where no
/// change removes it.
///
/// This comes to an end, since no change makes room for its opposite: a limit is renamed only to a name the
/// model accepts, a role changed only to one it takes, an effort set only to one it takes, and all else is
/// removed.
pub(super) fn change_for(request: &mut ChatCompletionRequest, violation: &Violation) -> Option<(String, String)> {
    let parameter = violation.parameter();
    let refuses = |parameter| request.refuses(parameter);
    let prefers_max_tokens = !refuses(Parameter::MaxTokens) && !refuses(Parameter::Prediction);
    let change = match violation.rule() {
        Rule::UnsupportedParameter if parameter == "max_tokens" && !refuses(Parameter::MaxCompletionTokens) => {
            let limit = request.body_mut().max_tokens.take()?;
            let kept = *request.body_mut().max_completion_tokens.get_or_insert(limit);
            format!("rewritten as max_completion_tokens = {kept}")
        }
        Rule::UnsupportedParameter if parameter == "max_completion_tokens" && !refuses(Parameter::MaxTokens) => {
            rewrite_as_max_tokens(request)?
        }
        Rule::PredictionConflict if parameter == "max_completion_tokens" && prefers_max_tokens => {
            rewrite_as_max_tokens(request)?
        }
        Rule::PredictionConflict => {
            request.body_mut().prediction.take()?;
            return Some(("prediction".to_owned(), "dropped: it only saves time".to_owned()));
        }
        Rule::UnsupportedRole => change_role(request, parameter)?,
        Rule::MixedInstructions => {
            for message in request.messages_mut() {
                if message.role() == Role::System {
                    message.fields_mut().role = Some(Role::Developer);
                }
            }
            "system messages became developer messages".to_owned()
        }
        Rule::RequiredParameter if parameter == "max_completion_tokens" => {
            request.changed();
            request.uncapped = true;
            "sent without a limit".to_owned()
        }
        Rule::EffortConflict if parameter == "reasoning_effort" => change_effort(request)?,
        Rule::UnsupportedParameter if parameter == "stream" => {
            drop_member(request, parameter)?;
            "dropped: the answer comes whole".to_owned()
        }
        // without its `url` nothing is left of an image
        Rule::UnsupportedValue if parameter.ends_with(".image_url.url") => return None,
        Rule::UnsupportedValue if parameter.ends_with(".parameters") => add_properties(request, parameter)?,
        Rule::UnsupportedParameter | Rule::UnsupportedValue | Rule::EffortConflict => drop_place(request, parameter)?,
        Rule::Limit => lower_limit(request, parameter)?,
        Rule::Contradiction if !parameter.contains('[') && parameter != "messages" => drop_member(request, parameter)?,
        _ => return None,
    };
    Some((parameter.to_owned(), change))
}

fn rewrite_as_max_tokens(request: &mut ChatCompletionRequest) -> Option<String> {
    let limit = request.body_mut().max_completion_tokens.take()?;
    let kept = *request.body_mut().max_tokens.get_or_insert(limit);
    Some(format!("rewritten as max_tokens = {kept}"))
}

/// Changes the effort that excludes the tools, and keeps the tools.
fn change_effort(request: &mut ChatCompletionRequest) -> Option<String> {
    let capabilities = request.deployment.declared_model()?.capabilities();
    if capabilities.tools_and_effort() != ToolsAndEffort::OnlyWithNone {
        return drop_member(request, "reasoning_effort");
    }
    let takes_none = |accepted: &[ReasoningEffort]| accepted.contains(&ReasoningEffort::None);
    if !capabilities.reasoning_efforts().is_none_or(takes_none) {
        return None;
    }
    request.body_mut().reasoning_effort = Some(ReasoningEffort::None);
    Some("set to none: the model takes tools only so".to_owned())
}

/// Lowers a token limit to the model's; the answer can be no longer either way.
fn lower_limit(request: &mut ChatCompletionRequest, parameter: &str) -> Option<String> {
    let most = request.deployment.declared_model().and_then(|model| model.capabilities().output_limit())?;
    let limit = match parameter {
        "max_tokens" => request.body_mut().max_tokens.as_mut()?,
        "max_completion_tokens" => request.body_mut().max_completion_tokens.as_mut()?,
        _ => return None,
    };
    // another limit of the service than the model's stays an error
    (*limit > most).then(|| {
        *limit = most;
        format!("lowered to {most}, the model's limit")
    })
}

fn drop_member(request: &mut ChatCompletionRequest, name: &str) -> Option<String> {
    *request.body_mut() = request.body.edited(|members| members.remove(name).map(|_| ()))?;
    Some("dropped".to_owned())
}

/// `messages[1].role`: the role the model takes instead, else the user's.
fn change_role(request: &mut ChatCompletionRequest, parameter: &str) -> Option<String> {
    let at: usize = steps(parameter).nth(1)?.parse().ok()?;
    let role = if !request.refuses(Parameter::DeveloperMessages) {
        Role::Developer
    } else if !request.refuses(Parameter::SystemMessages) {
        Role::System
    } else {
        Role::User
    };
    let message = request.messages_mut().get_mut(at)?;
    let change = format!("the message became a {role} message");
    message.fields_mut().role = Some(role);
    Some(change)
}

/// `temperature`, `messages[1].content[0]`, `tools[0].function.strict`.
fn drop_place(request: &mut ChatCompletionRequest, parameter: &str) -> Option<String> {
    let steps: Vec<&str> = steps(parameter).collect();
    let (last, path) = steps.split_last()?;
    let Some((first, path)) = path.split_first() else {
        return drop_member(request, parameter);
    };
    *request.body_mut() = request.body.edited(|members| {
        match (value_at(members.get_mut(*first)?, path.iter().copied())?, last.parse::<usize>()) {
            // a message of which nothing is left would be refused, too
            (Value::Array(list), Ok(at)) if at < list.len() && list.len() > 1 => {
                list.remove(at);
                Some(())
            }
            (Value::Object(object), _) => object.remove(*last).map(|_| ()),
            _ => None,
        }
    })?;
    Some("dropped".to_owned())
}

/// `tools[0].function.parameters`: an object schema gets the `properties` it lacks.
fn add_properties(request: &mut ChatCompletionRequest, parameter: &str) -> Option<String> {
    *request.body_mut() = request.body.edited(|members| {
        let mut steps = steps(parameter);
        value_at(members.get_mut(steps.next()?)?, steps)?
            .as_object_mut()?
            .insert("properties".to_owned(), Value::Object(Map::new()));
        Some(())
    })?;
    Some("got properties: {}".to_owned())
}

/// The value that names and indices lead to.
fn value_at<'v, 's>(value: &'v mut Value, mut steps: impl Iterator<Item = &'s str>) -> Option<&'v mut Value> {
    steps.try_fold(value, |value, step| match step.parse::<usize>() {
        Ok(at) => value.get_mut(at),
        Err(_) => value.get_mut(step),
    })
}

/// The names and indices of a parameter: `tools`, `0` and `function` of `tools[0].function`.
fn steps(parameter: &str) -> impl Iterator<Item = &str> {
    parameter.split(['[', ']', '.']).filter(|step| !step.is_empty())
}

/// The indices of a message and its part: 1 and 0 of `messages[1].content[0]`.
pub(super) fn part_place(parameter: &str) -> Option<(usize, usize)> {
    let mut steps = steps(parameter);
    let message = steps.nth(1)?.parse().ok()?;
    let part = steps.nth(1)?.parse().ok()?;
    Some((message, part))
}
