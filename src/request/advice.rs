//! What the documents discourage, or date differently from the wire. Advice never stops a request by
//! itself: recordings show that the service honours newer parameters on older api versions.

use std::fmt;
use std::time::{Duration, SystemTime};

use super::{ChatCompletionRequest, RequestBody};
use crate::model::{ApiVersion, Capabilities, Lifecycle, Model, Parameter, ReasoningEffort, Support};
use crate::response::Role;

mod dates;

/// What the documents ask to leave for hidden reasoning, in tokens.
const REASONING_BUDGET: u64 = 25_000;

/// Something to reconsider about a request that is sent all the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Advice {
    parameter: String,
    message: String,
}

impl Advice {
    pub(crate) fn new(parameter: impl Into<String>, message: impl Into<String>) -> Self {
        Self { parameter: parameter.into(), message: message.into() }
    }

    /// The wire name of the parameter, or `model` or `api-version`.
    #[must_use]
    pub fn parameter(&self) -> &str {
        &self.parameter
    }

    /// What to reconsider.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.parameter, self.message)
    }
}

/// How long before its date a retirement is advised on: the notice that Azure gives for generally available models.
const NOTICE: Duration = Duration::from_secs(60 * 24 * 3_600);

/// All advice on a request that is sent at `now`.
pub(super) fn advice(
    request: &ChatCompletionRequest,
    version: &ApiVersion,
    is_streamed: bool,
    now: SystemTime,
) -> Vec<Advice> {
    let mut found = Vec::new();
    let body = &request.body;
    let model = request.deployment.declared_model();
    about_version(version, &mut found);
    if let Some(model) = model {
        about_retirement(model, now, &mut found);
        about_reasoning(model, body, &mut found);
    }
    dates::about_dates(body, version, &mut found);
    if is_streamed {
        about_usage(body, version, &mut found);
    }
    about_limits(body, &mut found);
    about_tools(model, body, &mut found);
    super::validate::strict_advice(body, &mut found);
    found
}

fn about_version(version: &ApiVersion, found: &mut Vec<Advice>) {
    let message = if !version.is_well_formed() {
        format!(
            "'{version}' is no api version: use v1, or a date such as 2024-10-21 or 2025-04-01-preview \
             (a model version such as 2024-08-06 is something else)"
        )
    } else if !version.is_known() {
        format!("'{version}' is not among the documented api versions: v1 and 2024-10-21 are the stable ones")
    } else {
        return;
    };
    found.push(Advice::new("api-version", message));
}

/// Without `stream_options` no chunk has `usage`. A request that sets the option itself is about its date.
fn about_usage(body: &RequestBody, version: &ApiVersion, found: &mut Vec<Advice>) {
    let is_set =
        body.stream_options.is_some() || body.extra().is_some_and(|extra| extra.contains_key("stream_options"));
    if version.documents("stream_options") == Some(false) && !is_set {
        let message = format!(
            "{version} has no stream_options, so the usage of this stream will be unknown: set another \
             .api_version(..), such as ApiVersion::V1"
        );
        found.push(Advice::new("stream_options", message));
    }
}

/// Dates move, so they never stop a request.
fn about_retirement(model: &Model, now: SystemTime, found: &mut Vec<Advice>) {
    let lifecycle = model.capabilities().lifecycle();
    let is_soon = || now.checked_add(NOTICE).is_some_and(|then| matches!(lifecycle.at(then), Lifecycle::Retired(_)));
    let when = match lifecycle.at(now) {
        Lifecycle::Retired(None) => "is retired".to_owned(),
        Lifecycle::Retired(Some(date)) => format!("was retired on {date}"),
        Lifecycle::Retiring(date) if is_soon() => format!("retires on {date}"),
        _ => return,
    };
    found.push(Advice::new("model", format!("{model} {when}: move the deployment to a newer model")));
}

fn about_reasoning(model: &Model, body: &RequestBody, found: &mut Vec<Advice>) {
    let capabilities = model.capabilities();
    if !capabilities.is_reasoning() {
        return;
    }
    if capabilities.system_becomes_developer() && body.has_role(&Role::System) && !body.has_role(&Role::Developer) {
        found.push(Advice::new(
            "messages",
            format!("{model} treats system messages as developer messages: write .developer(..)"),
        ));
    }
    // Of the models with `verbosity`, which are those from gpt-5 on, all that were measured refuse `stop`.
    let is_alike = capabilities.supports(Parameter::Verbosity) == Support::Yes;
    if body.stop.is_some() && is_alike && capabilities.supports(Parameter::Stop) == Support::Unknown {
        found.push(Advice::new(
            "stop",
            format!("{model} may refuse stop, as the models beside it do: leave stop out, and cut the answer yourself"),
        ));
    }
    let limit = body.max_completion_tokens.filter(|limit| *limit < REASONING_BUDGET);
    if let Some(limit) = limit.filter(|_| thinks(body, capabilities)) {
        found.push(Advice::new(
            "max_completion_tokens",
            format!(
                "{limit} tokens include the hidden reasoning: leave about {REASONING_BUDGET} for it, or the answer may \
                 be cut or empty"
            ),
        ));
    }
}

fn thinks(body: &RequestBody, capabilities: &Capabilities) -> bool {
    let effort = body.reasoning_effort.as_ref();
    effort.or(capabilities.default_reasoning_effort()) != Some(&ReasoningEffort::None)
}

fn about_limits(body: &RequestBody, found: &mut Vec<Advice>) {
    if body.max_tokens.is_some() && body.max_completion_tokens.is_some() {
        found.push(Advice::new("max_tokens", "max_completion_tokens says the same: keep one of them"));
    }
    if let Some(n) = body.n.filter(|n| *n > 1) {
        found.push(Advice::new(
            "n",
            format!("{n} answers are billed {n} times, and their chunks come interleaved in a stream"),
        ));
    }
}

fn about_tools(model: Option<&Model>, body: &RequestBody, found: &mut Vec<Advice>) {
    let mut tell = |parameter: &str, message: &str| found.push(Advice::new(parameter, message));
    let one_at_a_time =
        model.is_some_and(|model| model.capabilities().supports(Parameter::ParallelToolCalls) == Support::No);
    let mut tools = body.tools.iter().flat_map(|tools| tools.iter());
    let strict = tools.any(|tool| tool.function.as_ref().is_some_and(|function| function.strict == Some(true)));
    let follows_schema = strict || (body.asks_for_schema() && body.offers_tools());
    if follows_schema && !one_at_a_time && body.parallel_tool_calls != Some(false) {
        tell(
            "parallel_tool_calls",
            "a JSON schema is not kept in parallel tool calls: set .parallel_tool_calls(false)",
        );
    }
    if body.asks_for_schema() && body.data_sources.is_some() {
        tell("response_format", "a JSON schema is not kept together with data_sources");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Deployment;
    use crate::request::{ChatCompletionRequestBuilder, DataSource, DataSourceAuthentication, ResponseFormat, Tool};

    fn ask(model: &str) -> ChatCompletionRequestBuilder {
        let model: Model = model.parse().unwrap();
        ChatCompletionRequest::builder(Deployment::new("d").model(model)).user("hi")
    }

    fn ask_any() -> ChatCompletionRequestBuilder {
        ChatCompletionRequest::builder(Deployment::new("d")).user("hi")
    }

    #[track_caller]
    fn assert_told(asked: ChatCompletionRequestBuilder, version: ApiVersion, expected: &[(&str, &str)]) {
        let request = asked.build_unchecked();
        let told = advice(&request, &version, request.asks_for_stream() == Some(true), november_2026());
        let told: Vec<_> = told.iter().map(|advice| (advice.parameter(), advice.message())).collect();
        assert_eq!(told, expected);
    }

    /// 2026-11-27
    fn november_2026() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(20_784 * 86_400)
    }

    #[test]
    fn a_retirement_is_advised_on_from_its_notice_on_and_by_the_clock() {
        let asked = ask("gpt-5:2025-08-07").build_unchecked();
        let on = |days: u64| -> Vec<String> {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400);
            advice(&asked, &ApiVersion::V1, false, now).iter().map(ToString::to_string).collect()
        };
        // the schedule says 2027-02-09, which is day 20858
        assert!(on(20_797).is_empty());
        let message =
            |when| [format!("model: gpt-5-2025-08-07 {when} 2027-02-09: move the deployment to a newer model")];
        assert_eq!(on(20_798), message("retires on"));
        assert_eq!(on(20_857), message("retires on"));
        assert_eq!(on(20_858), message("was retired on"));
    }

    #[test]
    fn stop_is_advised_against_where_models_of_the_same_kind_refuse_it() {
        let advised = |model: &str| {
            let asked = ask(model).stop("a").build_unchecked();
            asked.advice(&ApiVersion::V1).iter().any(|advice| advice.parameter() == "stop")
        };
        for model in ["gpt-5.1", "gpt-5.2", "gpt-5.4", "gpt-5.4-nano", "gpt-5.5", "gpt-6-sol", "gpt-6.1-sol"] {
            assert!(advised(model), "{model}");
        }
        // refused, or of another kind
        for model in ["gpt-5", "gpt-5.4-mini", "gpt-5.6-sol", "o1", "o3-mini", "gpt-4o", "gpt-oss-20b"] {
            assert!(!advised(model), "{model}");
        }
    }

    #[test]
    fn a_plain_question_gets_no_advice() {
        for version in ApiVersion::KNOWN {
            assert_told(ask_any(), version.clone(), &[]);
            assert_told(ask("gpt-4.1"), version.clone(), &[]);
        }
    }

    #[test]
    fn an_api_version_that_is_none_is_told() {
        assert_told(
            ask_any(),
            ApiVersion::new("2024-8-6"),
            &[(
                "api-version",
                "'2024-8-6' is no api version: use v1, or a date such as 2024-10-21 or 2025-04-01-preview \
                 (a model version such as 2024-08-06 is something else)",
            )],
        );
        assert_told(
            ask_any(),
            ApiVersion::new("2024-08-06"),
            &[(
                "api-version",
                "'2024-08-06' is not among the documented api versions: v1 and 2024-10-21 are the stable ones",
            )],
        );
    }

    #[test]
    fn a_model_that_is_gone_is_told() {
        for (model, message) in [
            ("gpt-4:0314", "gpt-4-0314 was retired on 2025-06-06: move the deployment to a newer model"),
            ("gpt-4:0125-Preview", "gpt-4-0125-Preview is retired: move the deployment to a newer model"),
            ("gpt-4o:2024-05-13", "gpt-4o-2024-05-13 was retired on 2026-10-01: move the deployment to a newer model"),
            ("o1:2024-12-17", "o1-2024-12-17 was retired on 2026-11-19: move the deployment to a newer model"),
            (
                "gpt-chat-latest:2026-08-06",
                "gpt-chat-latest-2026-08-06 retires on 2026-12-02: move the deployment to a newer model",
            ),
        ] {
            assert_told(ask(model), ApiVersion::V1, &[("model", message)]);
        }
        assert_told(ask("gpt-5:2025-08-07"), ApiVersion::V1, &[]);
        let own = Model::custom("mine", Capabilities::unknown().with_status("retired 2025-01-01"));
        assert_told(
            ChatCompletionRequest::builder(Deployment::new("d").model(own)).user("hi"),
            ApiVersion::V1,
            &[("model", "mine was retired on 2025-01-01: move the deployment to a newer model")],
        );
    }

    #[test]
    fn o1_reads_system_messages_as_developer_messages() {
        let messages = |asked: ChatCompletionRequestBuilder| -> Vec<String> {
            let advice = asked.build_unchecked().advice(&ApiVersion::V1);
            let about = advice.into_iter().filter(|advice| advice.parameter() == "messages");
            about.map(|advice| advice.message).collect()
        };
        assert_eq!(
            messages(ask("o1:2024-12-17").system("a")),
            ["o1-2024-12-17 treats system messages as developer messages: write .developer(..)"]
        );
        assert!(messages(ask("o1").developer("a")).is_empty());
        assert!(messages(ask("o3-mini").system("a")).is_empty());
    }

    #[test]
    fn hidden_reasoning_needs_a_budget() {
        let message = "5000 tokens include the hidden reasoning: leave about 25000 for it, or the answer may be cut \
                       or empty";
        let budget = &[("max_completion_tokens", message)];
        assert_told(ask("gpt-5").max_completion_tokens(5000), ApiVersion::V1, budget);
        assert_told(ask("gpt-5").max_completion_tokens(25_000), ApiVersion::V1, &[]);
        assert_told(ask("gpt-4.1").max_completion_tokens(5), ApiVersion::V1, &[]);
        // 5.1 does not think unless it is told to
        let low = ask("gpt-5.1").max_completion_tokens(5000);
        assert_told(low.clone(), ApiVersion::V1, &[]);
        assert_told(low.reasoning_effort(ReasoningEffort::Low), ApiVersion::V1, budget);
        let silent = ask("gpt-5.6-sol").max_completion_tokens(5);
        assert_told(silent.reasoning_effort(ReasoningEffort::None), ApiVersion::V1, &[]);
    }

    #[test]
    fn two_limits_are_one_too_many() {
        assert_told(
            ask_any().max_tokens(5).max_completion_tokens(5),
            ApiVersion::V1,
            &[("max_tokens", "max_completion_tokens says the same: keep one of them")],
        );
    }

    #[test]
    fn several_answers_cost_several_times() {
        assert_told(
            ask_any().n(3),
            ApiVersion::V1,
            &[("n", "3 answers are billed 3 times, and their chunks come interleaved in a stream")],
        );
        assert_told(ask_any().n(1), ApiVersion::V1, &[]);
    }

    #[test]
    fn schemas_are_not_kept_in_parallel_calls() {
        let format = || ResponseFormat::json_schema("a", json!({}));
        let message = "a JSON schema is not kept in parallel tool calls: set .parallel_tool_calls(false)";
        let told = &[("parallel_tool_calls", message)];
        let both = ask_any().response_format(format()).tool(Tool::function("f"));
        assert_told(both.clone(), ApiVersion::V1, told);
        assert_told(ask_any().tool(Tool::function("f").strict(true)), ApiVersion::V1, told);
        assert_told(both.parallel_tool_calls(false), ApiVersion::V1, &[]);
        assert_told(ask_any().response_format(format()), ApiVersion::V1, &[]);
        assert_told(ask("gpt-5-pro").response_format(format()).tool(Tool::function("f")), ApiVersion::V1, &[]);
    }

    #[test]
    fn schemas_are_not_kept_with_data_sources() {
        let source = DataSource::azure_search("https://s", "i", DataSourceAuthentication::api_key("k"));
        assert_told(
            ask_any().response_format(ResponseFormat::json_schema("a", json!({}))).data_source(source),
            ApiVersion::V1_PREVIEW,
            &[("response_format", "a JSON schema is not kept together with data_sources")],
        );
    }

    #[test]
    fn parallel_tool_calls_are_no_advice_beside_what_is_refused() {
        for asked in [
            ask_any().parallel_tool_calls(false),
            ask("gpt-5-pro").tool(Tool::function("f")).parallel_tool_calls(false),
            ask("gpt-4.1-nano").tool(Tool::function("f")).parallel_tool_calls(false),
        ] {
            assert_told(asked, ApiVersion::V1, &[]);
        }
        let one_at_a_time = ask("gpt-5-pro").tool(Tool::function("f"));
        for refused in [ask_any().parallel_tool_calls(false), one_at_a_time.parallel_tool_calls(false)] {
            let violations = refused.build_unchecked().violations(None, None);
            assert!(violations.iter().any(|violation| violation.parameter() == "parallel_tool_calls"));
        }
    }

    #[test]
    fn a_stream_on_a_version_that_cannot_report_usage_is_told() {
        let advised = |asked: &ChatCompletionRequestBuilder, version: &ApiVersion, is_streamed| -> Vec<String> {
            let advice = advice(&asked.clone().build_unchecked(), version, is_streamed, november_2026());
            advice.iter().map(ToString::to_string).collect()
        };
        for (version, known) in [
            (ApiVersion::V2023_05_15, false),
            (ApiVersion::V2024_08_01_PREVIEW, false),
            (ApiVersion::V2024_09_01_PREVIEW, true),
            (ApiVersion::V2024_10_01_PREVIEW, true),
            (ApiVersion::V2024_10_21, false),
            (ApiVersion::V2024_12_01_PREVIEW, true),
            (ApiVersion::V1, true),
            (ApiVersion::V1_PREVIEW, true),
        ] {
            let expected = format!(
                "stream_options: {version} has no stream_options, so the usage of this stream will be unknown: set \
                 another .api_version(..), such as ApiVersion::V1"
            );
            let expected = if known { vec![] } else { vec![expected] };
            assert_eq!(advised(&ask_any(), &version, true), expected);
            assert_eq!(advised(&ask_any(), &version, false), Vec::<String>::new());
            // as the request's own JSON says
            let json = ask_any().extra("stream", true).build_unchecked().advice(&version);
            assert_eq!(json.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
        }
        // one advice about the option, not two
        let asked = ask_any().stream_options(crate::request::StreamOptions::new().include_usage(true));
        let advice = advised(&asked, &ApiVersion::V2024_10_21, true);
        assert_eq!(advice.len(), 1);
        assert!(advice[0].contains("is documented from 2024-09-01-preview on"), "{advice:?}");
    }
}
