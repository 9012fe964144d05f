//! Whether the deployment can be asked like this at all: its name, chat completions, streaming, the api
//! version.

use super::Check;
use crate::model::{ApiVersion, Parameter, Support};
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

/// v1 has no On Your Data; the dated versions and the v1 preview do.
pub(super) fn api_version(check: &Check<'_>, found: &mut Vec<Violation>) {
    let sources = check.body.data_sources.as_ref().is_some_and(|list| !list.is_empty());
    if check.api_version == Some(&ApiVersion::V1) && sources {
        found.push(Violation::new(
            "data_sources",
            Rule::ApiVersion,
            "the v1 api has no data_sources: use ApiVersion::V2024_10_21, or ApiVersion::V1_PREVIEW",
        ));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{ask, ask_any, assert_fine, assert_refused, assert_told, model, read};
    use super::*;
    use crate::model::{Deployment, Model};
    use crate::request::{ChatCompletionRequest, DataSource, DataSourceAuthentication};

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
    fn on_your_data_is_not_on_v1() {
        let source = DataSource::azure_search("https://s", "i", DataSourceAuthentication::api_key("k"));
        let request = ask_any().data_source(source).build_unchecked();
        let told = request.violations(None, Some(&ApiVersion::V1));
        assert_eq!(told.len(), 1);
        assert_eq!(
            told[0].to_string(),
            "data_sources: the v1 api has no data_sources: use ApiVersion::V2024_10_21, or ApiVersion::V1_PREVIEW"
        );
        for version in [ApiVersion::V1_PREVIEW, ApiVersion::V2024_10_21, ApiVersion::new("nonsense")] {
            assert!(request.violations(None, Some(&version)).is_empty(), "{version}");
        }
        let none = read(json!({"model": "d", "messages": [{"role": "user"}], "data_sources": []}));
        assert!(none.violations(None, Some(&ApiVersion::V1)).is_empty());
    }

    #[test]
    fn the_deployments_name_is_not_the_models() {
        let declared = Deployment::new("o3-pro").model(Model::GPT_4O_2024_08_06);
        assert_fine(ChatCompletionRequest::builder(declared).user("hi"));
    }
}
