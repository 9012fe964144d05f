//! The deployment: its name, whether its model has chat completions and streams, and whether it is retired.

use std::time::Duration;

use super::rule::Check;
use crate::model::{Capabilities, Lifecycle, Parameter, Support};
use crate::request::violation::{Rule, Violation};

/// A deployment is one path segment.
pub(super) fn deployment_name(check: &Check<'_>, found: &mut Vec<Violation>) {
    let name = check.request.deployment.name();
    let problem = if name.is_empty() && check.is_unread("model") {
        return;
    } else if name.trim().is_empty() {
        "the deployment has no name: pass the name the model was deployed under"
    } else if name == "." || name == ".." || name.contains(['/', '\\']) || name.chars().any(char::is_control) {
        "a deployment name is one path segment: no '/', no '\\', no control characters, not '.' or '..'"
    } else {
        return;
    };
    found.push(Violation::new("model", Rule::InvalidName, problem));
}

/// o3-pro, the codex models and the like have no chat completions.
pub(super) fn chat_completions(check: &Check<'_>, found: &mut Vec<Violation>) {
    let Some(capabilities) = check.capabilities else { return };
    let why = if capabilities.is_responses_only() {
        "answers only on the Responses API"
    } else if capabilities.chat_completions() == Support::No {
        "has no chat completions"
    } else {
        return;
    };
    found.push(Violation::new(
        "model",
        Rule::NoChatCompletions,
        format!("{} {why}: deploy a model with chat completions", check.model),
    ));
}

/// The service answers `unsupported_value` with the parameter `stream`.
pub(super) fn streaming(check: &Check<'_>, found: &mut Vec<Violation>) {
    if check.streaming == Some(true) && check.refuses(Parameter::Streaming) {
        found.push(Violation::new(
            "stream",
            Rule::UnsupportedParameter,
            format!("{} does not stream on Azure: use complete() instead of stream()", check.model),
        ));
    }
}

/// How long before its date a retirement is advised on: the notice that Azure gives for generally available models.
const NOTICE: Duration = Duration::from_secs(60 * 24 * 3_600);

/// Dates move, so they never stop a request.
pub(super) fn retirement(check: &Check<'_>, found: &mut Vec<Violation>) {
    let Some(lifecycle) = check.capabilities.map(Capabilities::lifecycle) else { return };
    let soon = check.now.checked_add(NOTICE);
    let is_soon = || soon.is_some_and(|then| matches!(lifecycle.at(then), Lifecycle::Retired(_)));
    let when = match lifecycle.at(check.now) {
        Lifecycle::Retired(None) => "is retired".to_owned(),
        Lifecycle::Retired(Some(date)) => format!("was retired on {date}"),
        Lifecycle::Retiring(date) if is_soon() => format!("retires on {date}"),
        _ => return,
    };
    let message = format!("{} {when}: move the deployment to a newer model", check.model);
    found.push(Violation::new("model", Rule::Advice, message));
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use serde_json::json;

    use super::super::testing::{ask, assert_advised, assert_fine, assert_refused, assert_told, model, read};
    use super::*;
    use crate::model::{ApiVersion, Deployment, Model};
    use crate::request::ChatCompletionRequest;

    #[test]
    fn a_deployment_without_a_name_is_refused() {
        for name in ["", " ", "\u{a0} \t"] {
            assert_refused(
                ChatCompletionRequest::builder(name).user("hi"),
                "model",
                Rule::InvalidName,
                "the deployment has no name: pass the name the model was deployed under",
            );
        }
        let unread = read(json!({"model": 5, "messages": [{"role": "user", "content": "hi"}]}));
        assert_told(&unread, &[("model", Rule::WrongType, "model cannot be this number: pass a string")]);
        assert_told(&unread.with_deployment("d"), &[]);
    }

    #[test]
    fn a_deployment_is_one_path_segment() {
        for name in ["a/b", "a\\b", "..", ".", "a\nb"] {
            assert_refused(
                ChatCompletionRequest::builder(name).user("hi"),
                "model",
                Rule::InvalidName,
                "a deployment name is one path segment: no '/', no '\\', no control characters, not '.' or '..'",
            );
        }
        for name in ["a.b", "...", "a b", "größe", "a%2Fb"] {
            assert_fine(ChatCompletionRequest::builder(name).user("hi"));
        }
    }

    #[test]
    fn models_without_chat_are_refused_as_a_whole() {
        assert_refused(
            ask(Model::O3_PRO_2025_06_10),
            "model",
            Rule::NoChatCompletions,
            "o3-pro-2025-06-10 answers only on the Responses API: deploy a model with chat completions",
        );
        assert_refused(
            ask(Model::GPT_35_TURBO_INSTRUCT_0914),
            "model",
            Rule::NoChatCompletions,
            "gpt-35-turbo-instruct-0914 has no chat completions: deploy a model with chat completions",
        );
        assert_fine(ask(Model::O1_PRO_2025_03_19));
    }

    #[test]
    fn o1_does_not_stream() {
        let request = ask(Model::O1_2024_12_17).build_unchecked();
        let told = request.violations(Some(true), None);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].parameter(), "stream");
        assert_eq!(told[0].message(), "o1-2024-12-17 does not stream on Azure: use complete() instead of stream()");
        assert!(request.violations(Some(false), None).is_empty());
        assert!(request.violations(None, None).is_empty());
        let silent = model(|unknown| unknown);
        assert!(ask(silent).build_unchecked().violations(Some(true), None).is_empty());
    }

    #[test]
    fn the_deployments_name_is_not_the_models() {
        let declared = Deployment::new("o3-pro").model(Model::GPT_4O_2024_08_06);
        assert_fine(ChatCompletionRequest::builder(declared).user("hi"));
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
            assert_advised(ask(model.parse().unwrap()), &ApiVersion::V1, &[("model", message)]);
        }
        assert_advised(ask("gpt-5:2025-08-07".parse().unwrap()), &ApiVersion::V1, &[]);
        let own = Model::custom("mine", Capabilities::unknown().with_status("retired 2025-01-01"));
        assert_advised(
            ChatCompletionRequest::builder(Deployment::new("d").model(own)).user("hi"),
            &ApiVersion::V1,
            &[("model", "mine was retired on 2025-01-01: move the deployment to a newer model")],
        );
    }

    #[test]
    fn a_retirement_is_advised_on_from_its_notice_on_and_by_the_clock() {
        let asked = ask("gpt-5:2025-08-07".parse().unwrap()).build_unchecked();
        let on = |days: u64| -> Vec<String> {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400);
            super::super::advice(&asked, &ApiVersion::V1, false, now).iter().map(ToString::to_string).collect()
        };
        // the schedule says 2027-02-09, which is day 20858
        assert!(on(20_797).is_empty());
        let message =
            |when| [format!("model: gpt-5-2025-08-07 {when} 2027-02-09: move the deployment to a newer model")];
        assert_eq!(on(20_798), message("retires on"));
        assert_eq!(on(20_857), message("retires on"));
        assert_eq!(on(20_858), message("was retired on"));
    }
}
