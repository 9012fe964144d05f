//! The rules about the deployment: its name, and whether its model has chat completions, streams, or is retired.

use super::rule::{Check, Findings};
use crate::model::{Lifecycle, Parameter, Support};
use crate::request::violation::Rule;

/// The name of a deployment is one path segment of the URL.
pub(super) fn deployment_name(check: &Check<'_>, found: &mut Findings<'_>) {
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
    found.add("model", Rule::InvalidName, problem);
}

/// o3-pro, the codex models and the like have no chat completions.
pub(super) fn chat_completions(check: &Check<'_>, found: &mut Findings<'_>) {
    let Some(capabilities) = check.capabilities else { return };
    let why = if capabilities.is_responses_only() {
        "answers only on the Responses API"
    } else if capabilities.chat_completions() == Support::No {
        "has no chat completions"
    } else {
        return;
    };
    found.add_of_model("model", Rule::NoChatCompletions, format!("{why}: deploy a model with chat completions"));
}

/// The service answers `unsupported_value` with the parameter `stream`.
pub(super) fn streaming(check: &Check<'_>, found: &mut Findings<'_>) {
    if check.streaming == Some(true) && check.refuses(Parameter::Streaming) {
        let problem = "does not stream on Azure: use complete() instead of stream()";
        found.add_of_model("stream", Rule::UnsupportedParameter, problem);
    }
}

/// Dates of retirement move, so that only one that has passed is advised on, and none stops a request.
pub(super) fn retirement(check: &Check<'_>, found: &mut Findings<'_>) {
    if check.request.advised().retires.is_none_or(|begins| begins > check.now) {
        return;
    }
    let when = match check.capabilities.map(|capabilities| capabilities.lifecycle().at(check.now)) {
        Some(Lifecycle::Retired(Some(date))) => format!("was retired on {date}"),
        _ => "is retired".to_owned(),
    };
    found.add_of_model("model", Rule::Advice, format!("{when}: move the deployment to a newer model"));
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use serde_json::json;

    use super::super::tests::{
        assert_advised, assert_fine, assert_refused, assert_violations, model, read, request_to,
    };
    use super::*;
    use crate::model::{ApiVersion, Capabilities, Deployment, Model};
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
        assert_violations(&unread, &[("model", Rule::WrongType, "model cannot be this number: pass a string")]);
        assert_violations(&unread.with_deployment("d"), &[]);
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
            request_to(Model::O3_PRO_2025_06_10),
            "model",
            Rule::NoChatCompletions,
            "o3-pro-2025-06-10 answers only on the Responses API: deploy a model with chat completions",
        );
        assert_refused(
            request_to(Model::GPT_35_TURBO_INSTRUCT_0914),
            "model",
            Rule::NoChatCompletions,
            "gpt-35-turbo-instruct-0914 has no chat completions: deploy a model with chat completions",
        );
        assert_fine(request_to(Model::O1_PRO_2025_03_19));
    }

    #[test]
    fn o1_does_not_stream() {
        let request = request_to(Model::O1_2024_12_17).build_unchecked();
        let findings = request.violations(Some(true), None);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].parameter(), "stream");
        assert_eq!(findings[0].message(), "o1-2024-12-17 does not stream on Azure: use complete() instead of stream()");
        assert!(request.violations(Some(false), None).is_empty());
        assert!(request.violations(None, None).is_empty());
        let silent = model(|unknown| unknown);
        assert!(request_to(silent).build_unchecked().violations(Some(true), None).is_empty());
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
        ] {
            assert_advised(request_to(model.parse().unwrap()), &ApiVersion::V1, &[("model", message)]);
        }
        for lasting in ["gpt-5:2025-08-07", "gpt-chat-latest:2026-08-06"] {
            assert_advised(request_to(lasting.parse().unwrap()), &ApiVersion::V1, &[]);
        }
        let own = Model::custom("mine", Capabilities::unknown().with_status("retired 2025-01-01"));
        assert_advised(
            ChatCompletionRequest::builder(Deployment::new("d").model(own)).user("hi"),
            &ApiVersion::V1,
            &[("model", "mine was retired on 2025-01-01: move the deployment to a newer model")],
        );
    }

    #[test]
    fn a_retirement_is_advised_on_from_its_date_on_by_the_clock() {
        let request = request_to("gpt-5:2025-08-07".parse().unwrap()).build_unchecked();
        let on = |days: u64| -> Vec<String> {
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400);
            super::super::advice(&request, &ApiVersion::V1, false, now).iter().map(ToString::to_string).collect()
        };
        // the schedule has 2027-02-09, which is day 20858
        assert!(on(20_857).is_empty());
        let message = "model: gpt-5-2025-08-07 was retired on 2027-02-09: move the deployment to a newer model";
        assert_eq!(on(20_858), [message]);
        assert_eq!(on(30_000), [message]);
    }
}
