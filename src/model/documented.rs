//! Since which api version the documents know each request field.
//!
//! For advice only. The service is known to honour fields under older versions than these, so nothing here
//! ever stops a request.
//!
//! Where two documents disagree the older date stands (`parallel_tool_calls`), unless only the younger one
//! is confirmed by a published schema (`store`, `metadata`). For `logprobs`, `top_logprobs` and `seed` the
//! oldest schema that has them is known, not the first.
//!
//! Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle>

use super::ApiVersion;

const FIRST: &[(&str, ApiVersion)] = &[
    ("data_sources", ApiVersion::V2023_06_01_PREVIEW),
    ("functions", ApiVersion::V2023_07_01_PREVIEW),
    ("function_call", ApiVersion::V2023_07_01_PREVIEW),
    ("tools", ApiVersion::V2023_12_01_PREVIEW),
    ("tool_choice", ApiVersion::V2023_12_01_PREVIEW),
    ("logprobs", ApiVersion::V2024_06_01),
    ("top_logprobs", ApiVersion::V2024_06_01),
    ("seed", ApiVersion::V2024_06_01),
    ("json_schema", ApiVersion::V2024_08_01_PREVIEW),
    ("max_completion_tokens", ApiVersion::V2024_09_01_PREVIEW),
    ("parallel_tool_calls", ApiVersion::V2024_09_01_PREVIEW),
    ("stream_options", ApiVersion::V2024_09_01_PREVIEW),
    ("store", ApiVersion::V2024_12_01_PREVIEW),
    ("metadata", ApiVersion::V2024_12_01_PREVIEW),
    ("reasoning_effort", ApiVersion::V2024_12_01_PREVIEW),
    ("developer", ApiVersion::V2024_12_01_PREVIEW),
    ("user_security_context", ApiVersion::V2024_12_01_PREVIEW),
    ("prediction", ApiVersion::V2025_01_01_PREVIEW),
    ("audio", ApiVersion::V2025_01_01_PREVIEW),
    ("modalities", ApiVersion::V2025_01_01_PREVIEW),
    ("allowed_tools", ApiVersion::V1),
    ("custom", ApiVersion::V1),
    ("file", ApiVersion::V1),
    ("include_obfuscation", ApiVersion::V1),
    ("verbosity", ApiVersion::V1),
    ("prompt_cache_key", ApiVersion::V1),
    ("prompt_cache_retention", ApiVersion::V1),
    ("safety_identifier", ApiVersion::V1),
];

/// Versions whose own schema lacks a field that an older one had.
const LEFT_OUT: &[(&str, ApiVersion)] = &[
    ("stream_options", ApiVersion::V2024_10_21),
    ("data_sources", ApiVersion::V1),
    ("verbosity", ApiVersion::V1_PREVIEW),
    ("prompt_cache_key", ApiVersion::V1_PREVIEW),
    ("prompt_cache_retention", ApiVersion::V1_PREVIEW),
    ("safety_identifier", ApiVersion::V1_PREVIEW),
];

/// The first version that documents a field; `None` for fields that always were or are not known here.
pub(crate) fn first_documented(field: &str) -> Option<ApiVersion> {
    FIRST.iter().find(|(name, _)| *name == field).map(|(_, version)| version.clone())
}

/// Whether a version lacks a field although older versions have it.
pub(super) fn is_left_out(field: &str, version: &ApiVersion) -> bool {
    LEFT_OUT.iter().any(|(name, gap)| *name == field && gap == version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_listed_once_and_under_a_known_version() {
        for (index, (name, version)) in FIRST.iter().enumerate() {
            assert!(version.is_known(), "{name}");
            assert!(FIRST.iter().skip(index + 1).all(|(other, _)| other != name), "{name}");
        }
        assert!(FIRST.is_sorted_by(|(_, a), (_, b)| a <= b));
        assert_eq!(first_documented("messages"), None);
    }

    #[test]
    fn a_version_documents_what_came_before_it() {
        let ga = ApiVersion::V2024_10_21;
        assert_eq!(ga.documents("max_completion_tokens"), Some(true));
        assert_eq!(ga.documents("json_schema"), Some(true));
        assert_eq!(ga.documents("parallel_tool_calls"), Some(true));
        assert_eq!(ga.documents("reasoning_effort"), Some(false));
        assert_eq!(ga.documents("prediction"), Some(false));
        assert_eq!(ga.documents("messages"), None);
        assert_eq!(ApiVersion::V2025_01_01_PREVIEW.documents("prediction"), Some(true));
        assert_eq!(ApiVersion::V2025_04_01_PREVIEW.documents("verbosity"), Some(false));
        assert_eq!(ApiVersion::V1.documents("verbosity"), Some(true));
    }

    #[test]
    fn a_gap_is_no_longer_there_in_the_next_version() {
        assert_eq!(ApiVersion::V2024_10_01_PREVIEW.documents("stream_options"), Some(true));
        assert_eq!(ApiVersion::V2024_10_21.documents("stream_options"), Some(false));
        assert_eq!(ApiVersion::V2024_12_01_PREVIEW.documents("stream_options"), Some(true));
        assert_eq!(ApiVersion::V1.documents("data_sources"), Some(false));
        assert_eq!(ApiVersion::V1_PREVIEW.documents("data_sources"), Some(true));
        assert_eq!(ApiVersion::V1_PREVIEW.documents("safety_identifier"), Some(false));
    }
}
