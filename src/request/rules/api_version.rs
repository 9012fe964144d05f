//! The rules about the api version: whether it is documented, and documents each parameter of the request.

use super::rule::{Check, Findings};
use crate::model::{ApiVersion, first_documented};
use crate::request::violation::Rule;

/// `data_sources` is refused on v1 and accepted on dated versions and the v1 preview.
pub(super) fn data_sources(check: &Check<'_>, found: &mut Findings<'_>) {
    let sources = check.body.data_sources.as_ref().is_some_and(|list| !list.is_empty());
    if check.api_version == Some(&ApiVersion::V1) && sources {
        let message = "the v1 api has no data_sources: use ApiVersion::V2024_10_21, or ApiVersion::V1_PREVIEW";
        found.add("data_sources", Rule::ApiVersion, message);
    }
}

/// A version that is younger than this crate is advised on and sent as it is.
pub(super) fn api_version(check: &Check<'_>, found: &mut Findings<'_>) {
    let Some(version) = check.api_version else { return };
    if version.is_known() {
        return;
    }
    let message = if !version.is_well_formed() {
        format!(
            "'{version}' is no api version: use v1, or a date such as 2024-10-21 or 2025-04-01-preview \
             (a model version such as 2024-08-06 is something else)"
        )
    } else {
        format!("'{version}' is not among the documented api versions: v1 and 2024-10-21 are the stable ones")
    };
    found.add("api-version", Rule::Advice, message);
}

/// Without `stream_options` no chunk has `usage`. For a request that sets the option itself, [`parameters`] reports it.
pub(super) fn usage(check: &Check<'_>, found: &mut Findings<'_>) {
    let Some(version) = check.api_version.filter(|_| check.streaming == Some(true)) else { return };
    let is_set = check.body.stream_options.is_some() || check.is_unread("stream_options");
    if version.documents("stream_options") == Some(false) && !is_set {
        let message = format!(
            "{version} has no stream_options, so the usage of this stream will be unknown: set another \
             .api_version(..), such as ApiVersion::V1"
        );
        found.add("stream_options", Rule::Advice, message);
    }
}

/// Members, message roles and types that are documented from a later api version on, or that this one leaves out.
pub(super) fn parameters(check: &Check<'_>, found: &mut Findings<'_>) {
    let Some(version) = check.api_version else { return };
    for (name, parameter) in &check.request.advised().survey.dated {
        if version.documents(name) != Some(false) {
            continue;
        }
        let Some((_, first, _)) = first_documented(name) else { continue };
        let message =
            format!("{name} is documented from {first} on, {version} does not list it: set another .api_version(..)");
        found.add(parameter, Rule::Advice, message);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{assert_advised, november_2026, read, request_to, request_to_any};
    use crate::model::ApiVersion;
    use crate::request::{
        Advice, ChatCompletionRequest, ChatCompletionRequestBuilder, DataSource, DataSourceAuthentication,
        StreamOptions,
    };

    #[test]
    fn on_your_data_is_not_on_v1() {
        let source = DataSource::azure_search("https://s", "i", DataSourceAuthentication::api_key("k"));
        let request = request_to_any().data_source(source).build_unchecked();
        let findings = request.violations(None, Some(&ApiVersion::V1));
        assert_eq!(findings.len(), 1);
        assert_eq!(
            findings[0].to_string(),
            "data_sources: the v1 api has no data_sources: use ApiVersion::V2024_10_21, or ApiVersion::V1_PREVIEW"
        );
        for version in [ApiVersion::V1_PREVIEW, ApiVersion::V2024_10_21, ApiVersion::new("nonsense")] {
            assert!(request.violations(None, Some(&version)).is_empty(), "{version}");
        }
        let none = read(json!({"model": "d", "messages": [{"role": "user"}], "data_sources": []}));
        assert!(none.violations(None, Some(&ApiVersion::V1)).is_empty());
    }

    #[test]
    fn a_parameter_younger_than_the_api_version_is_told() {
        assert_advised(
            request_to_any().prediction("x"),
            &ApiVersion::V2024_10_21,
            &[(
                "prediction",
                "prediction is documented from 2025-01-01-preview on, 2024-10-21 does not list it: \
                 set another .api_version(..)",
            )],
        );
        assert_advised(request_to_any().prediction("x"), &ApiVersion::V2025_01_01_PREVIEW, &[]);
        assert_advised(
            request_to_any().developer("a"),
            &ApiVersion::V2024_10_21,
            &[(
                "messages",
                "developer is documented from 2024-12-01-preview on, 2024-10-21 does not list it: \
                 set another .api_version(..)",
            )],
        );
        // what is no version cannot be older
        let findings = request_to_any().prediction("x").build_unchecked().advice(&ApiVersion::new("?"));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].parameter(), "api-version");
    }

    #[test]
    fn everything_the_documents_date_is_looked_for() {
        let parts = json!([{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]);
        for (name, value, parameter) in [
            ("max_completion_tokens", json!(5), "max_completion_tokens"),
            ("reasoning_effort", json!("low"), "reasoning_effort"),
            ("stream_options", json!({}), "stream_options"),
            ("store", json!(true), "store"),
            ("metadata", json!({}), "metadata"),
            ("user_security_context", json!({}), "user_security_context"),
            ("modalities", json!(["text"]), "modalities"),
            ("audio", json!({}), "audio"),
            ("functions", json!([]), "functions"),
            ("function_call", json!("auto"), "function_call"),
            ("data_sources", json!([]), "data_sources"),
            ("logprobs", json!(true), "logprobs"),
            ("top_logprobs", json!(1), "top_logprobs"),
            ("seed", json!(1), "seed"),
            ("response_format", json!({"type": "json_schema"}), "response_format"),
            ("verbosity", json!("low"), "verbosity"),
            ("prompt_cache_key", json!("k"), "prompt_cache_key"),
            ("prompt_cache_retention", json!("24h"), "prompt_cache_retention"),
            ("safety_identifier", json!("s"), "safety_identifier"),
            ("tools", json!([]), "tools"),
            ("tool_choice", json!("auto"), "tool_choice"),
        ] {
            let findings = request_to_any().extra(name, value).build_unchecked().advice(&ApiVersion::V2023_05_15);
            let findings: Vec<&str> = findings.iter().map(Advice::parameter).collect();
            assert_eq!(findings, [parameter], "{name}");
        }
        for (name, value, parameter) in [
            ("stream_options", json!({"include_obfuscation": true}), "stream_options"),
            ("tools", json!([{"type": "custom", "custom": {"name": "c"}}]), "tools"),
            ("tool_choice", json!({"type": "allowed_tools", "allowed_tools": {}}), "tool_choice"),
            ("messages", parts, "messages"),
            // a type without what belongs to it
            ("tools", json!([{"type": "custom"}]), "tools"),
        ] {
            let request = ChatCompletionRequest::builder("d").extra(name, value).build_unchecked();
            let findings = request.advice(&ApiVersion::V2025_04_01_PREVIEW);
            let findings: Vec<&str> = findings.iter().map(Advice::parameter).collect();
            assert_eq!(findings, [parameter], "{name}");
            assert!(request.advice(&ApiVersion::V1).is_empty(), "{name}");
        }
    }

    #[test]
    fn a_plain_question_gets_no_advice() {
        for version in ApiVersion::KNOWN {
            assert_advised(request_to_any(), version, &[]);
            assert_advised(request_to("gpt-4.1".parse().unwrap()), version, &[]);
        }
    }

    #[test]
    fn an_api_version_that_is_none_is_told() {
        assert_advised(
            request_to_any(),
            &ApiVersion::new("2024-8-6"),
            &[(
                "api-version",
                "'2024-8-6' is no api version: use v1, or a date such as 2024-10-21 or 2025-04-01-preview \
                 (a model version such as 2024-08-06 is something else)",
            )],
        );
        assert_advised(
            request_to_any(),
            &ApiVersion::new("2024-08-06"),
            &[(
                "api-version",
                "'2024-08-06' is not among the documented api versions: v1 and 2024-10-21 are the stable ones",
            )],
        );
    }

    #[test]
    fn a_stream_on_a_version_that_cannot_report_usage_is_told() {
        let advised = |builder: &ChatCompletionRequestBuilder, version: &ApiVersion, is_streamed| -> Vec<String> {
            let advice =
                super::super::advice(&builder.clone().build_unchecked(), version, is_streamed, november_2026());
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
            assert_eq!(advised(&request_to_any(), &version, true), expected);
            assert_eq!(advised(&request_to_any(), &version, false), Vec::<String>::new());
            // with the request's own `stream`
            let json = request_to_any().extra("stream", true).build_unchecked().advice(&version);
            assert_eq!(json.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
        }
        // one advice about the option, not two
        let builder = request_to_any().stream_options(StreamOptions::new().include_usage(true));
        let advice = advised(&builder, &ApiVersion::V2024_10_21, true);
        assert_eq!(advice.len(), 1);
        assert!(advice[0].contains("is documented from 2024-09-01-preview on"), "{advice:?}");
    }
}
