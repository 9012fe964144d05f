//! Requests rewritten to fit the declared model, with a list of the changes.
//!
//! Only what would be refused is touched: a request that passes validation comes back unchanged, and what
//! comes back passes.

use std::cmp::Reverse;
use std::fmt;

use serde_json::{Value, json};

use super::ChatCompletionRequest;
#[cfg(feature = "client")]
use super::StreamOptions;
use super::violation::{Rule, ValidationError, Violation};
use crate::model::{Parameter, ReasoningEffort, ToolsAndEffort};
use crate::response::Role;
use crate::wire::getters;

/// A request that fits its model, and what was done to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapted {
    request: ChatCompletionRequest,
    adaptations: Vec<Adaptation>,
}

impl Adapted {
    /// The request that fits, by value.
    #[must_use]
    pub fn into_request(self) -> ChatCompletionRequest {
        self.request
    }
}

getters! { adapted: Adapted => adapted;
    /// What was changed; empty when nothing had to be.
    adaptations: Slice<Adaptation>;
    /// The request that fits.
    request: Ref<ChatCompletionRequest>;
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adaptation {
    parameter: String,
    change: String,
    cause: Violation,
}

getters! { adaptation: Adaptation => adaptation;
    /// The wire name of what was changed, with its place in the request as it was given where it has one.
    parameter: Text;
    /// What was done.
    change: Text;
    /// Why: the violation it would have been.
    cause: Ref<Violation>;
}

impl fmt::Display for Adaptation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.parameter, self.change)
    }
}

impl ChatCompletionRequest {
    /// Makes the request fit the declared model, and lists each change.
    ///
    /// | what the model refuses | what happens |
    /// |---|---|
    /// | `max_tokens`, `max_completion_tokens` | rewritten as the other one, if the model takes that |
    /// | `system`, `developer` messages | get the other role, or `user` where neither is taken |
    /// | `system` and `developer` messages together | all become `developer` |
    /// | a missing `max_completion_tokens` | sent without a limit, as by `uncapped()` |
    /// | tools without the effort `none`, on models that require it | the effort is set to `none` |
    /// | a sampling parameter beside an effort above `none`, on models that take it at `none` | dropped |
    /// | a token limit above the model's | lowered to the model's |
    /// | `prediction` beside what it excludes | dropped, since it only saves time; a `max_completion_tokens` beside it is rewritten as `max_tokens` |
    /// | an image or a recording | dropped, unless the message would be left without any part |
    /// | a function's object schema without `properties` | gets `properties: {}` |
    /// | any other parameter, value or contradiction | dropped, and the service decides |
    /// | anything else: a schema, a limit, a range, an image's address, a wrong type, a missing message, a model without chat | stays an error |
    ///
    /// A schema that is not strict enough can be rewritten with
    /// [`make_strict`](super::schema::make_strict).
    ///
    /// # Errors
    ///
    /// The violations that no such change removes.
    ///
    /// # Example: an old request to a new model
    ///
    /// ```
    /// use azure_openai_chat::{ChatCompletionRequest, Deployment, Model};
    ///
    /// let adapted = ChatCompletionRequest::builder(Deployment::new("d").model(Model::O3_MINI_2025_01_31))
    ///     .user("Why is the sky blue?")
    ///     .max_tokens(30_000)
    ///     .temperature(0.2)
    ///     .adapt()?;
    /// let changes: Vec<String> = adapted.adaptations().iter().map(ToString::to_string).collect();
    /// assert_eq!(
    ///     changes,
    ///     ["temperature: dropped", "max_tokens: rewritten as max_completion_tokens = 30000"]
    /// );
    /// # Ok::<(), azure_openai_chat::ValidationError>(())
    /// ```
    pub fn adapt(self) -> Result<Adapted, ValidationError> {
        let mut request = self;
        let mut adaptations = Vec::new();
        loop {
            // one change at a time: a change can remove several violations, or uncover one
            let violations = request.violations(request.asks_for_stream(), None);
            let mut order: Vec<&Violation> = violations.iter().collect();
            // the effort first, since the verdict on sampling parameters follows from it; parts of messages from the
            // last to the first, so that the places of the others stay
            order.sort_by_key(|violation| {
                let parameter = violation.parameter();
                (parameter != "reasoning_effort", Reverse(part_place(parameter)))
            });
            let changed = order.into_iter().find_map(|violation| {
                let mut candidate = request.clone();
                let (parameter, change) = change_for(&mut candidate, violation)?;
                let adaptation = Adaptation { parameter, change, cause: violation.clone() };
                Some((candidate, adaptation))
            });
            let Some((candidate, adaptation)) = changed else {
                ValidationError::unless_empty(violations)?;
                return Ok(Adapted { request, adaptations });
            };
            request = candidate;
            adaptations.push(adaptation);
        }
    }

    /// The same request without one parameter, for [`repair_once`](crate::ClientBuilder::repair_once); none when it
    /// is not sent, or makes the request what it is. A limit stays one, under its other name.
    #[cfg(feature = "client")]
    pub(crate) fn without(&self, parameter: &str, is_stream: bool) -> Option<Self> {
        let mut next = self.clone();
        match parameter {
            "messages" | "model" | "stream" => return None,
            // the client adds it to streams
            "stream_options" if !is_stream => return None,
            "stream_options" => {
                // one of a wrong type is sent as it is
                drop_place(&mut next, parameter);
                next.body_mut().stream_options = Some(StreamOptions::new().include_usage(false));
            }
            "max_tokens" => {
                rename_limit(&mut next, parameter, "max_completion_tokens")?;
            }
            "max_completion_tokens" => {
                rename_limit(&mut next, parameter, "max_tokens")?;
            }
            _ => {
                drop_place(&mut next, parameter)?;
            }
        }
        Some(next)
    }
}

/// Removes one violation, and returns the parameter that was changed and a description of the change; none where no
/// change removes it.
///
/// This comes to an end, since no change makes room for its opposite: a limit is renamed only to a name the
/// model accepts, a role changed only to one it takes, an effort set only to one it takes, and all else is
/// removed.
fn change_for(request: &mut ChatCompletionRequest, violation: &Violation) -> Option<(String, String)> {
    let parameter = violation.parameter();
    let refuses = |parameter| request.refuses(parameter);
    let prefers_max_tokens = !refuses(Parameter::MaxTokens) && !refuses(Parameter::Prediction);
    let change = match violation.rule() {
        Rule::UnsupportedParameter if parameter == "max_tokens" && !refuses(Parameter::MaxCompletionTokens) => {
            rename_limit(request, parameter, "max_completion_tokens")?
        }
        Rule::UnsupportedParameter if parameter == "max_completion_tokens" && !refuses(Parameter::MaxTokens) => {
            rename_limit(request, parameter, "max_tokens")?
        }
        Rule::PredictionConflict if parameter == "max_completion_tokens" && prefers_max_tokens => {
            rename_limit(request, parameter, "max_tokens")?
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
            drop_place(request, parameter)?;
            "dropped: the answer comes whole".to_owned()
        }
        // without its `url` nothing is left of an image
        Rule::UnsupportedValue if parameter.ends_with(".image_url.url") => return None,
        Rule::UnsupportedValue if parameter.ends_with(".parameters") => add_properties(request, parameter)?,
        Rule::UnsupportedParameter | Rule::UnsupportedValue | Rule::EffortConflict => drop_place(request, parameter)?,
        Rule::Limit => lower_limit(request, parameter)?,
        Rule::Contradiction if !parameter.contains('[') && parameter != "messages" => drop_place(request, parameter)?,
        _ => return None,
    };
    Some((parameter.to_owned(), change))
}

/// Sends a limit under its other name, unless that has one already.
fn rename_limit(request: &mut ChatCompletionRequest, name: &str, other: &str) -> Option<String> {
    let mut kept = Value::Null;
    *request.body_mut() = request.body.edited(|body| {
        let members = body.as_object_mut()?;
        let limit = members.remove(name)?;
        kept = members.entry(other).or_insert(limit).clone();
        Some(())
    })?;
    Some(format!("rewritten as {other} = {kept}"))
}

/// Changes the effort that excludes the tools, and keeps the tools.
fn change_effort(request: &mut ChatCompletionRequest) -> Option<String> {
    let capabilities = request.deployment.declared_model()?.capabilities();
    if capabilities.tools_and_effort() != ToolsAndEffort::OnlyWithNone {
        return drop_place(request, "reasoning_effort");
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

/// `messages[1].role`: the role the model takes instead, else the user's.
fn change_role(request: &mut ChatCompletionRequest, parameter: &str) -> Option<String> {
    let at = indices(parameter).next()?;
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

/// Removes `temperature`, `messages[1].content[0]`, `tools[0].function.strict`.
fn drop_place(request: &mut ChatCompletionRequest, parameter: &str) -> Option<String> {
    *request.body_mut() = request.body.edited(|body| {
        let pointer = pointer(parameter);
        let (around, last) = pointer.rsplit_once('/')?;
        match body.pointer_mut(around)? {
            // a message of which nothing is left would be refused, too
            Value::Array(list) if list.len() > 1 => {
                let at = last.parse().ok().filter(|at| *at < list.len())?;
                list.remove(at);
            }
            Value::Object(members) => {
                members.remove(last)?;
            }
            _ => return None,
        }
        Some(())
    })?;
    Some("dropped".to_owned())
}

/// `tools[0].function.parameters`: an object schema gets the `properties` it lacks.
fn add_properties(request: &mut ChatCompletionRequest, parameter: &str) -> Option<String> {
    *request.body_mut() = request.body.edited(|body| {
        let schema = body.pointer_mut(&pointer(parameter))?.as_object_mut()?;
        schema.insert("properties".to_owned(), json!({}));
        Some(())
    })?;
    Some("got properties: {}".to_owned())
}

/// The JSON pointer to a parameter: `/messages/1/content/0` to `messages[1].content[0]`.
fn pointer(parameter: &str) -> String {
    format!("/{}", parameter.replace(['[', '.'], "/").replace(']', ""))
}

/// The indices in the name of a parameter: 1 and 0 of `messages[1].content[0]`.
fn indices(parameter: &str) -> impl Iterator<Item = usize> {
    parameter.split(['[', ']']).filter_map(|step| step.parse().ok())
}

/// The indices of a message and its part.
fn part_place(parameter: &str) -> Option<(usize, usize)> {
    let mut indices = indices(parameter);
    Some((indices.next()?, indices.next()?))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::{
        ApiVersion, Capabilities, Deployment, Model, Parameter, ReasoningEffort, Support, ToolsAndEffort,
    };
    use crate::request::Rule;
    use crate::request::{ChatCompletionRequestBuilder, ContentPart, Message, Tool, ToolChoice};

    fn request_to(model: Model) -> ChatCompletionRequestBuilder {
        ChatCompletionRequest::builder(Deployment::new("d").model(model)).user("hi")
    }

    fn custom(declare: impl FnOnce(Capabilities) -> Capabilities) -> ChatCompletionRequestBuilder {
        request_to(Model::custom("mine", declare(Capabilities::unknown())))
    }

    /// The changes as text, and the members that are sent.
    #[track_caller]
    fn adapted(builder: ChatCompletionRequestBuilder) -> (Vec<String>, Value) {
        let adapted = builder.adapt().unwrap();
        let changes = adapted.adaptations().iter().map(ToString::to_string).collect();
        let mut sent = json!(adapted.request().body(&ApiVersion::V1, false));
        sent.as_object_mut().unwrap().remove("model");
        (changes, sent)
    }

    fn hi() -> Value {
        json!([{"role": "user", "content": "hi"}])
    }

    #[test]
    fn limits_change_their_name() {
        let (changes, sent) = adapted(request_to(Model::O1_2024_12_17).max_tokens(7));
        assert_eq!(changes, ["max_tokens: rewritten as max_completion_tokens = 7"]);
        assert_eq!(sent, json!({"messages": hi(), "max_completion_tokens": 7}));

        let (changes, sent) = adapted(request_to(Model::O1_2024_12_17).max_tokens(7).max_completion_tokens(9));
        assert_eq!(changes, ["max_tokens: rewritten as max_completion_tokens = 9"]);
        assert_eq!(sent, json!({"messages": hi(), "max_completion_tokens": 9}));

        let old = custom(|unknown| unknown.with(Parameter::MaxCompletionTokens, Support::No));
        let (changes, sent) = adapted(old.max_completion_tokens(7));
        assert_eq!(changes, ["max_completion_tokens: rewritten as max_tokens = 7"]);
        assert_eq!(sent, json!({"messages": hi(), "max_tokens": 7}));
    }

    #[test]
    fn limits_under_neither_name_are_dropped() {
        let neither = custom(|unknown| {
            unknown.with(Parameter::MaxTokens, Support::No).with(Parameter::MaxCompletionTokens, Support::No)
        });
        let (changes, sent) = adapted(neither.max_tokens(7).max_completion_tokens(8));
        assert_eq!(changes, ["max_tokens: dropped", "max_completion_tokens: dropped"]);
        assert_eq!(sent, json!({"messages": hi()}));
    }

    #[test]
    fn a_missing_limit_is_told() {
        let (changes, sent) = adapted(request_to(Model::O1_2024_12_17));
        assert_eq!(changes, ["max_completion_tokens: sent without a limit"]);
        assert_eq!(sent, json!({"messages": hi()}));
    }

    #[test]
    fn instructions_get_a_role_the_model_takes() {
        let (changes, sent) = adapted(request_to(Model::O1_MINI_2024_09_12).uncapped().system("a").developer("b"));
        assert_eq!(
            changes,
            [
                "messages[2].role: the message became a user message",
                "messages[1].role: the message became a user message"
            ]
        );
        assert_eq!(sent["messages"][1], json!({"role": "user", "content": "a"}));

        let modern = custom(|unknown| unknown.with(Parameter::SystemMessages, Support::No));
        let (changes, _) = adapted(modern.system("a"));
        assert_eq!(changes, ["messages[1].role: the message became a developer message"]);
        let older = custom(|unknown| unknown.with(Parameter::DeveloperMessages, Support::No));
        let (changes, _) = adapted(older.developer("a"));
        assert_eq!(changes, ["messages[1].role: the message became a system message"]);
    }

    #[test]
    fn mixed_instructions_become_developer_messages() {
        let (changes, sent) = adapted(request_to(Model::GPT_5_2025_08_07).system("a").developer("b"));
        assert_eq!(changes, ["messages: system messages became developer messages"]);
        let roles: Vec<&str> =
            sent["messages"].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect();
        assert_eq!(roles, ["user", "developer", "developer"]);
    }

    #[test]
    fn what_the_model_refuses_is_dropped() {
        let builder = request_to(Model::O1_MINI_2024_09_12)
            .max_completion_tokens(5)
            .temperature(0.5)
            .reasoning_effort(ReasoningEffort::Low)
            .tool(Tool::function("f"))
            .tool_choice(ToolChoice::required())
            .prediction("x");
        let (changes, sent) = adapted(builder);
        assert_eq!(
            changes,
            [
                "reasoning_effort: dropped",
                "temperature: dropped",
                "tools: dropped",
                "prediction: dropped",
                "tool_choice: dropped"
            ]
        );
        assert_eq!(sent, json!({"messages": hi(), "max_completion_tokens": 5}));
    }

    #[test]
    fn a_temperature_that_asks_for_nothing_is_kept() {
        let (changes, sent) = adapted(request_to(Model::GPT_5_2025_08_07).temperature(1.0));
        assert!(changes.is_empty(), "{changes:?}");
        assert_eq!(sent, json!({"messages": hi(), "temperature": 1.0}));
        let (changes, sent) = adapted(request_to(Model::GPT_5_2025_08_07).temperature(0.2));
        assert_eq!(changes, ["temperature: dropped"]);
        assert_eq!(sent, json!({"messages": hi()}));
    }

    #[test]
    fn a_value_the_model_does_not_know_leaves_the_choice_to_the_service() {
        let (changes, sent) = adapted(request_to(Model::GPT_5_1_2025_11_13).reasoning_effort(ReasoningEffort::Minimal));
        assert_eq!(changes, ["reasoning_effort: dropped"]);
        assert_eq!(sent, json!({"messages": hi()}));
    }

    #[test]
    fn tools_stay_and_the_effort_gives_way() {
        let (changes, sent) = adapted(request_to(Model::GPT_5_6_SOL_2026_07_09).tool(Tool::function("f")));
        assert_eq!(changes, ["reasoning_effort: set to none: the model takes tools only so"]);
        assert_eq!(sent["reasoning_effort"], "none");
        assert_eq!(sent["tools"].as_array().unwrap().len(), 1);

        let builder = request_to(Model::GPT_5_4_2026_03_05).tool(Tool::function("f"));
        let (changes, sent) = adapted(builder.reasoning_effort(ReasoningEffort::High));
        assert_eq!(changes, ["reasoning_effort: dropped"]);
        assert_eq!(sent.get("reasoning_effort"), None);

        let builder = request_to(Model::GPT_5_2025_08_07).tool(Tool::function("f")).parallel_tool_calls(true);
        let (changes, sent) = adapted(builder.reasoning_effort(ReasoningEffort::Minimal));
        assert_eq!(changes, ["parallel_tool_calls: dropped"]);
        assert_eq!(sent["reasoning_effort"], "minimal");
    }

    #[test]
    fn sampling_gives_way_to_an_effort_above_none() {
        let (changes, sent) = adapted(request_to(Model::GPT_5_6_TERRA_2026_07_09).temperature(0.2).top_p(0.5));
        assert_eq!(changes, ["temperature: dropped", "top_p: dropped"]);
        assert_eq!(sent, json!({"messages": hi()}));

        let calm = || request_to(Model::GPT_5_1_2025_11_13).temperature(0.2);
        let (changes, _) = adapted(calm());
        assert!(changes.is_empty(), "{changes:?}");
        let (changes, sent) = adapted(calm().reasoning_effort(ReasoningEffort::High));
        assert_eq!(changes, ["temperature: dropped"]);
        assert_eq!(sent["reasoning_effort"], "high");
    }

    #[test]
    fn the_effort_is_changed_first_and_nothing_is_dropped_that_then_fits() {
        let builder = request_to(Model::GPT_5_6_SOL_2026_07_09).tool(Tool::function("f")).temperature(0.5);
        let (changes, sent) = adapted(builder);
        assert_eq!(changes, ["reasoning_effort: set to none: the model takes tools only so"]);
        assert_eq!(sent["temperature"], 0.5);

        let builder = request_to(Model::GPT_5_1_2025_11_13).reasoning_effort(ReasoningEffort::Minimal).temperature(0.5);
        let (changes, sent) = adapted(builder);
        assert_eq!(changes, ["reasoning_effort: dropped"]);
        assert_eq!(sent["temperature"], 0.5);
    }

    #[test]
    fn a_limit_above_the_models_is_lowered() {
        let (changes, sent) = adapted(request_to(Model::GPT_4O_2024_08_06).max_tokens(20_000));
        assert_eq!(changes, ["max_tokens: lowered to 16384, the model's limit"]);
        assert_eq!(sent["max_tokens"], 16_384);
        let (changes, sent) = adapted(request_to(Model::O3_MINI_2025_01_31).max_tokens(200_000));
        let expected = [
            "max_tokens: rewritten as max_completion_tokens = 200000",
            "max_completion_tokens: lowered to 100000, the model's limit",
        ];
        assert_eq!(changes, expected);
        assert_eq!(sent["max_completion_tokens"], 100_000);
    }

    #[test]
    fn an_effort_that_cannot_be_none_stays_an_error() {
        let builder = custom(|unknown| {
            unknown.with_tools_and_effort(ToolsAndEffort::OnlyWithNone).with_reasoning_efforts([ReasoningEffort::Low])
        });
        let error = builder.tool(Tool::function("f")).adapt().unwrap_err();
        assert_eq!(error.violations().len(), 1);
        assert_eq!(error.violations()[0].rule(), Rule::EffortConflict);
    }

    #[test]
    fn a_prediction_gives_way_to_what_it_excludes() {
        let (changes, sent) = adapted(request_to(Model::GPT_4O_2024_08_06).prediction("x").n(2).logprobs(true));
        assert_eq!(changes, ["prediction: dropped: it only saves time"]);
        assert_eq!(sent, json!({"messages": hi(), "n": 2, "logprobs": true}));

        let (changes, sent) = adapted(request_to(Model::GPT_4O_2024_08_06).prediction("x").max_completion_tokens(5));
        assert_eq!(changes, ["max_completion_tokens: rewritten as max_tokens = 5"]);
        assert_eq!(sent["max_tokens"], 5);
        assert_eq!(sent["prediction"]["content"], "x");

        let builder = request_to(Model::GPT_5_2025_08_07).prediction("x").max_completion_tokens(5);
        let (changes, sent) = adapted(builder);
        assert_eq!(changes, ["prediction: dropped"]);
        assert_eq!(sent, json!({"messages": hi(), "max_completion_tokens": 5}));
    }

    #[test]
    fn refused_parts_are_told_at_their_places() {
        let parts = [
            ContentPart::image_url("https://contoso.com/u.png"),
            ContentPart::text("look"),
            ContentPart::image_url("https://contoso.com/v.png"),
        ];
        let (changes, sent) = adapted(request_to(Model::O3_MINI_2025_01_31).message(Message::user_parts(parts)));
        assert_eq!(changes, ["messages[1].content[2]: dropped", "messages[1].content[0]: dropped"]);
        assert_eq!(sent["messages"][1]["content"], json!([{"type": "text", "text": "look"}]));

        let only = request_to(Model::O3_MINI_2025_01_31)
            .message(Message::user_parts([ContentPart::image_url("https://contoso.com/u.png")]));
        let error = only.adapt().unwrap_err();
        assert_eq!(error.violations()[0].parameter(), "messages[1].content[0]");
    }

    #[test]
    fn one_flag_deep_inside_is_dropped_alone() {
        let builder = request_to(Model::GPT_4O_2024_05_13).tool(Tool::function("f").strict(true));
        let (changes, sent) = adapted(builder);
        assert_eq!(changes, ["tools[0].function.strict: dropped"]);
        assert_eq!(sent["tools"], json!([{"type": "function", "function": {"name": "f"}}]));
    }

    #[test]
    fn lists_without_entries_are_left_out() {
        let request: ChatCompletionRequest = serde_json::from_value(json!({
            "model": "d", "tools": [], "functions": [],
            "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "a", "tool_calls": []}]
        }))
        .unwrap();
        let adapted = request.adapt().unwrap();
        let changes: Vec<String> = adapted.adaptations().iter().map(ToString::to_string).collect();
        assert_eq!(changes, ["tools: dropped", "functions: dropped", "messages[1].tool_calls: dropped"]);
        assert_eq!(
            serde_json::to_value(adapted.request()).unwrap(),
            json!({"model": "d", "messages": [
                {"role": "user", "content": "hi"}, {"role": "assistant", "content": "a"}
            ]})
        );
    }

    #[test]
    fn a_stream_that_is_asked_for_in_json_comes_whole() {
        let request: ChatCompletionRequest = serde_json::from_value(
            json!({"model": "o1", "messages": hi(), "max_completion_tokens": 5, "stream": true}),
        )
        .unwrap();
        let adapted = request.adapt().unwrap();
        assert_eq!(adapted.adaptations()[0].to_string(), "stream: dropped: the answer comes whole");
        assert_eq!(adapted.request().asks_for_stream(), None);
    }

    #[test]
    fn what_cannot_be_mended_stays_an_error() {
        for builder in [
            request_to(Model::O3_PRO_2025_06_10),
            request_to(Model::GPT_4O_2024_08_06).stop(["1", "2", "3", "4", "5"]),
            request_to(Model::GPT_4O_2024_08_06).tool_result("c1", "1"),
            request_to(Model::GPT_4O_2024_08_06).temperature(f64::NAN),
            request_to(Model::GPT_4O_2024_08_06).extra("temperature", "warm"),
            ChatCompletionRequest::builder("d"),
        ] {
            assert_eq!(builder.adapt().unwrap_err().violations().len(), 1);
        }
    }

    #[test]
    fn a_change_knows_its_cause() {
        let adapted = request_to(Model::O1_2024_12_17).uncapped().top_p(0.5).adapt().unwrap();
        let adaptation = &adapted.adaptations()[0];
        assert_eq!((adaptation.parameter(), adaptation.change()), ("top_p", "dropped"));
        assert_eq!(adaptation.cause().rule(), Rule::UnsupportedParameter);
        assert!(adapted.request().validate().is_ok());
    }
}
