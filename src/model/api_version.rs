//! The api version of a request, and the request fields that each version documents.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::wire::{clone_converts, text_converts};

/// The api version of a request: a date, or one of the two undated kinds of the v1 route.
///
/// Open: a date that came out after this crate is written as it is. Ordered, so that first versions compare:
/// whatever is no version at all first, then by date, a GA version before the preview of the same
/// day, then [`V1`](Self::V1), last [`V1_PREVIEW`](Self::V1_PREVIEW). The default is `V1`.
///
/// # Example: older, newer, unknown
///
/// ```
/// use azure_openai_chat::ApiVersion;
///
/// assert!(ApiVersion::V2024_10_21 < ApiVersion::V2025_01_01_PREVIEW);
/// assert!(ApiVersion::V2025_01_01_PREVIEW < ApiVersion::default());
///
/// let tomorrow = ApiVersion::new("2027-03-01-preview");
/// assert!(tomorrow.is_well_formed() && !tomorrow.is_known());
/// assert_eq!(tomorrow.documents("prediction"), Some(true));
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle>
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String")]
pub struct ApiVersion(Cow<'static, str>);

macro_rules! api_versions {
    ($( $NAME:ident = $text:literal ),* $(,)?) => {
        impl ApiVersion {
            $(
                #[doc = concat!("The api version `", $text, "`.")]
                ///
                /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle>
                pub const $NAME: Self = Self(Cow::Borrowed($text));
            )*

            /// Every version that the documents name, oldest first.
            pub const KNOWN: &'static [Self] = &[$( Self::$NAME, )* Self::V1, Self::V1_PREVIEW];
        }
    };
}

api_versions! {
    V2022_03_01_PREVIEW = "2022-03-01-preview",
    V2022_06_01_PREVIEW = "2022-06-01-preview",
    V2022_12_01 = "2022-12-01",
    V2023_03_15_PREVIEW = "2023-03-15-preview",
    V2023_05_15 = "2023-05-15",
    V2023_06_01_PREVIEW = "2023-06-01-preview",
    V2023_07_01_PREVIEW = "2023-07-01-preview",
    V2023_08_01_PREVIEW = "2023-08-01-preview",
    V2023_09_01_PREVIEW = "2023-09-01-preview",
    V2023_10_01_PREVIEW = "2023-10-01-preview",
    V2023_12_01_PREVIEW = "2023-12-01-preview",
    V2024_02_01 = "2024-02-01",
    V2024_02_15_PREVIEW = "2024-02-15-preview",
    V2024_03_01_PREVIEW = "2024-03-01-preview",
    V2024_04_01_PREVIEW = "2024-04-01-preview",
    V2024_05_01_PREVIEW = "2024-05-01-preview",
    V2024_06_01 = "2024-06-01",
    V2024_07_01_PREVIEW = "2024-07-01-preview",
    V2024_08_01_PREVIEW = "2024-08-01-preview",
    V2024_09_01_PREVIEW = "2024-09-01-preview",
    V2024_10_01_PREVIEW = "2024-10-01-preview",
    V2024_10_21 = "2024-10-21",
    V2024_12_01_PREVIEW = "2024-12-01-preview",
    V2025_01_01_PREVIEW = "2025-01-01-preview",
    V2025_02_01_PREVIEW = "2025-02-01-preview",
    V2025_03_01_PREVIEW = "2025-03-01-preview",
    V2025_04_01_PREVIEW = "2025-04-01-preview",
}

impl ApiVersion {
    /// The v1 route, which has no date: the deployment is the body's `model`.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle>
    pub const V1: Self = Self(Cow::Borrowed("v1"));

    /// The v1 route with its preview features, `api-version=preview`.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle>
    pub const V1_PREVIEW: Self = Self(Cow::Borrowed("preview"));

    /// Takes any text as a version: surrounding blanks go, letters become lower case.
    ///
    /// Never fails, since tomorrow's versions are unknown today; [`is_well_formed`](Self::is_well_formed)
    /// distinguishes a version from a typing error.
    #[must_use]
    pub fn new(version: impl Into<String>) -> Self {
        Self(Cow::Owned(version.into().trim().to_ascii_lowercase()))
    }

    /// The text on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether requests take the v1 route: [`V1`](Self::V1) or [`V1_PREVIEW`](Self::V1_PREVIEW).
    #[must_use]
    pub fn is_v1(&self) -> bool {
        *self == Self::V1 || *self == Self::V1_PREVIEW
    }

    /// Whether the service may change this version without notice.
    #[must_use]
    pub fn is_preview(&self) -> bool {
        matches!(self.rank(), Rank::V1Preview | Rank::Dated(_, "-preview"))
    }

    /// Whether the documents that this crate was written from name this version.
    #[must_use]
    pub fn is_known(&self) -> bool {
        // the newest are the most used
        Self::KNOWN.iter().rev().any(|known| known == self)
    }

    /// Year, month and day; `None` for the v1 kinds and for what is no version.
    #[must_use]
    pub fn date(&self) -> Option<(u16, u8, u8)> {
        match self.rank() {
            Rank::Dated(date, _) => Some(date),
            _ => None,
        }
    }

    /// Whether this is `v1`, `preview`, or a date such as `2024-10-21` with or without a suffix such as
    /// `-preview`.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        self.rank() != Rank::Malformed
    }

    /// Whether this version documents a request field, such as `prediction`.
    ///
    /// `None` when the field is as old as chat itself, when nothing is known about it, and when
    /// the version is not well formed. `Some(false)` is advice, never a refusal: the service has been seen
    /// to honour fields under versions older than the fields.
    ///
    /// The names are those of the wire, plus `developer` for that role, `json_schema` for that response format,
    /// `custom` for that kind of tool, `allowed_tools` for that choice of tools, and `file` for that part of a
    /// message.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle>
    #[must_use]
    pub fn documents(&self, field: &str) -> Option<bool> {
        let (_, first, left_out) = first_documented(field)?;
        // most calls are on v1: no date is read for them
        let is_later = || self.is_v1() || self >= first;
        self.is_well_formed().then(|| is_later() && left_out.as_ref() != Some(self))
    }

    fn rank(&self) -> Rank<'_> {
        match self.as_str() {
            "v1" => Rank::V1,
            "preview" => Rank::V1Preview,
            text => split_date(text).map_or(Rank::Malformed, |(date, suffix)| Rank::Dated(date, suffix)),
        }
    }
}

/// The rank of a version among the others; the order of the variants is the order of versions. The
/// suffix orders GA (empty) before any preview.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank<'a> {
    Malformed,
    Dated((u16, u8, u8), &'a str),
    V1,
    V1Preview,
}

/// Takes `2024-10-21-preview` apart into its date and `-preview`.
fn split_date(text: &str) -> Option<((u16, u8, u8), &str)> {
    let (date, suffix) = text.split_at_checked("YYYY-MM-DD".len())?;
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = date.as_bytes() else { return None };
    let number = |digits: &[u8]| {
        let all_digits = digits.iter().all(u8::is_ascii_digit);
        all_digits.then(|| digits.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0')))
    };
    let (year, month, day) = (number(&[y1, y2, y3, y4])?, number(&[m1, m2])?, number(&[d1, d2])?);
    let suffix_is_a_word = match suffix.strip_prefix('-') {
        Some(word) => !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
        None => suffix.is_empty(),
    };
    let is_a_day = (1..=12).contains(&month) && (1..=31).contains(&day);
    let (month, day) = (u8::try_from(month).ok()?, u8::try_from(day).ok()?);
    (is_a_day && suffix_is_a_word).then_some(((year, month, day), suffix))
}

impl Default for ApiVersion {
    fn default() -> Self {
        Self::V1
    }
}

impl Ord for ApiVersion {
    /// Texts decide between two that rank alike, so that only equal versions compare as equal.
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank()).then_with(|| self.as_str().cmp(other.as_str()))
    }
}

impl PartialOrd for ApiVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

text_converts!(ApiVersion, ApiVersion::new);
clone_converts!(ApiVersion);

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiVersion({self})")
    }
}

/// Each member of a request, type of a part or tool, and role that came later than chat itself: the first api version that
/// lists it, and the later one, if any, whose own schema lacks it. For advice only: the service honours members under older
/// versions than these.
///
/// Where two documents disagree the older version counts (`parallel_tool_calls`), unless a published schema confirms
/// only the younger one (`store`, `metadata`). For `logprobs`, `top_logprobs` and `seed` the oldest published schema
/// lists them already.
const FIELDS: &[(&str, ApiVersion, Option<ApiVersion>)] = &[
    ("data_sources", ApiVersion::V2023_06_01_PREVIEW, Some(ApiVersion::V1)),
    ("functions", ApiVersion::V2023_07_01_PREVIEW, None),
    ("function_call", ApiVersion::V2023_07_01_PREVIEW, None),
    ("tools", ApiVersion::V2023_12_01_PREVIEW, None),
    ("tool_choice", ApiVersion::V2023_12_01_PREVIEW, None),
    ("logprobs", ApiVersion::V2024_06_01, None),
    ("top_logprobs", ApiVersion::V2024_06_01, None),
    ("seed", ApiVersion::V2024_06_01, None),
    ("json_schema", ApiVersion::V2024_08_01_PREVIEW, None),
    ("max_completion_tokens", ApiVersion::V2024_09_01_PREVIEW, None),
    ("parallel_tool_calls", ApiVersion::V2024_09_01_PREVIEW, None),
    ("stream_options", ApiVersion::V2024_09_01_PREVIEW, Some(ApiVersion::V2024_10_21)),
    ("store", ApiVersion::V2024_12_01_PREVIEW, None),
    ("metadata", ApiVersion::V2024_12_01_PREVIEW, None),
    ("reasoning_effort", ApiVersion::V2024_12_01_PREVIEW, None),
    ("developer", ApiVersion::V2024_12_01_PREVIEW, None),
    ("user_security_context", ApiVersion::V2024_12_01_PREVIEW, None),
    ("prediction", ApiVersion::V2025_01_01_PREVIEW, None),
    ("audio", ApiVersion::V2025_01_01_PREVIEW, None),
    ("modalities", ApiVersion::V2025_01_01_PREVIEW, None),
    ("allowed_tools", ApiVersion::V1, None),
    ("custom", ApiVersion::V1, None),
    ("file", ApiVersion::V1, None),
    ("include_obfuscation", ApiVersion::V1, None),
    ("verbosity", ApiVersion::V1, Some(ApiVersion::V1_PREVIEW)),
    ("prompt_cache_key", ApiVersion::V1, Some(ApiVersion::V1_PREVIEW)),
    ("prompt_cache_retention", ApiVersion::V1, Some(ApiVersion::V1_PREVIEW)),
    ("safety_identifier", ApiVersion::V1, Some(ApiVersion::V1_PREVIEW)),
];

/// The line of a field in [`FIELDS`]; `None` for fields that always were or are not known here.
pub(crate) fn first_documented(field: &str) -> Option<&'static (&'static str, ApiVersion, Option<ApiVersion>)> {
    FIELDS.iter().find(|(name, ..)| *name == field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_versions_are_listed_oldest_first() {
        assert_eq!(ApiVersion::KNOWN.len(), 29);
        assert!(ApiVersion::KNOWN.is_sorted_by(|a, b| a < b));
        assert!(ApiVersion::KNOWN.iter().all(|v| v.is_known() && v.is_well_formed()));
    }

    #[test]
    fn the_order_follows_dates_then_suffixes_then_the_v1_kinds() {
        let ordered = [
            "",
            "2024-13-01",
            "latest-and-greatest",
            "2024-10-21",
            "2024-10-21-beta",
            "2024-10-21-preview",
            "2025-01-01-preview",
            "2031-01-01",
            "v1",
            "preview",
        ]
        .map(ApiVersion::from);
        for (i, left) in ordered.iter().enumerate() {
            for (j, right) in ordered.iter().enumerate() {
                assert_eq!(left.cmp(right), i.cmp(&j), "{left} against {right}");
                assert_eq!(left == right, left.cmp(right).is_eq());
            }
        }
    }

    #[test]
    fn text_is_trimmed_and_lowered() {
        assert_eq!(ApiVersion::new(" V1 "), ApiVersion::V1);
        assert_eq!(ApiVersion::new("2025-04-01-Preview"), ApiVersion::V2025_04_01_PREVIEW);
        assert_eq!(ApiVersion::from("Preview".to_owned()), ApiVersion::V1_PREVIEW);
    }

    #[test]
    fn a_date_is_read_only_from_a_date() {
        assert_eq!(ApiVersion::V2024_10_21.date(), Some((2024, 10, 21)));
        assert_eq!(ApiVersion::V2025_01_01_PREVIEW.date(), Some((2025, 1, 1)));
        assert_eq!(ApiVersion::V1.date(), None);
        for text in [
            "",
            "2024",
            "2024-1-001",
            "2024-10-2",
            "+024-10-21",
            "2024-00-10",
            "2024-10-32",
            "2024-10-21preview",
            "2024-10-21-",
            "2024-10-2é",
            "ééééé-10-21",
            "2024/10/21",
        ] {
            let version = ApiVersion::from(text);
            assert_eq!(version.date(), None, "{text}");
            assert!(!version.is_well_formed(), "{text}");
            assert_eq!(version.documents("tools"), None, "{text}");
        }
    }

    #[test]
    fn preview_and_v1_are_told_apart() {
        assert!(ApiVersion::V1.is_v1() && !ApiVersion::V1.is_preview());
        assert!(ApiVersion::V1_PREVIEW.is_v1() && ApiVersion::V1_PREVIEW.is_preview());
        assert!(ApiVersion::V2024_08_01_PREVIEW.is_preview() && !ApiVersion::V2024_08_01_PREVIEW.is_v1());
        assert!(!ApiVersion::V2024_10_21.is_preview());
    }

    #[test]
    fn json_is_the_bare_text() {
        assert_eq!(serde_json::to_string(&ApiVersion::V2024_10_21).unwrap(), "\"2024-10-21\"");
        let read: ApiVersion = serde_json::from_str("\"2030-01-01\"").unwrap();
        assert_eq!(read.as_str(), "2030-01-01");
    }

    #[test]
    fn each_field_is_listed_once_and_under_a_known_version() {
        for (index, (name, version, _)) in FIELDS.iter().enumerate() {
            assert!(version.is_known(), "{name}");
            assert!(FIELDS.iter().skip(index + 1).all(|(other, ..)| other != name), "{name}");
        }
        assert!(FIELDS.is_sorted_by(|(_, a, _), (_, b, _)| a <= b));
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
        assert_eq!(ApiVersion::new("soon").documents("prediction"), None);
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
