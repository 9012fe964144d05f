//! The smaller options of a request: `verbosity`, `stop`, `stream_options`, caching, web search.

use serde_json::Value;

use super::setters::setters;
use crate::wire::{List, list_converts, open_enum, text_converts, wire_either};

open_enum! {
    /// How long answers are.
    pub enum Verbosity {
        /// Short.
        Low = "low",
        /// As usual.
        Medium = "medium",
        /// At length.
        High = "high",
    }

    /// How long a prompt stays in the cache.
    pub enum PromptCacheRetention {
        /// Minutes; as the guide spells it.
        InMemory = "in_memory",
        /// Minutes; as the v1 specification spells it.
        InMemoryHyphen = "in-memory",
        /// A day.
        Hours24 = "24h",
    }
}

setters! {
    /// What a stream has besides the answer.
    #[doc(alias = "ChatCompletionStreamOptions")]
    pub struct StreamOptions;

    /// Sets whether a last chunk has `usage`. When unset, [`stream`](crate::ChatClient::stream) requests it wherever the
    /// api version has the option.
    include_usage / includes_usage: bool = "include_usage";
    /// Sets whether chunks have `obfuscation`, which hides the length of their text from observers of the network; v1
    /// only.
    include_obfuscation / includes_obfuscation: bool = "include_obfuscation";
}

setters! {
    /// The end user and application of a call, for the security alerts of Microsoft Defender.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference-preview>
    pub struct UserSecurityContext;

    /// Sets the application's name.
    application_name / get_application_name: String = hidden "application_name";
    /// Sets the end user's id.
    end_user_id / get_end_user_id: String = hidden "end_user_id";
    /// Sets the end user's tenant.
    end_user_tenant_id / get_end_user_tenant_id: String = hidden "end_user_tenant_id";
    /// Sets the end user's address.
    source_ip / get_source_ip: String = hidden "source_ip";
}

setters! {
    /// How search-enabled models search the web.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference-preview>
    pub struct WebSearchOptions;

    /// Sets how much of the search results the model reads: `low`, `medium` or `high`.
    search_context_size / get_search_context_size: String = "search_context_size";
    /// Sets the approximate location of the user, as an object. When unset, none is sent.
    user_location / get_user_location: Value = hidden "user_location";
}

/// The wire's `stop`: one sequence at which the answer ends, or up to four.
#[derive(Debug, Clone, PartialEq)]
pub enum Stop {
    /// One sequence.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Stop {
    pub(super) fn as_slice(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(list) => list,
        }
    }
}

text_converts!(Stop, Stop::One);

impl<T: Into<String>> FromIterator<T> for Stop {
    fn from_iter<I: IntoIterator<Item = T>>(list: I) -> Self {
        Self::Many(list.into_iter().map(Into::into).collect())
    }
}

list_converts!(Stop: [T: Into<String>,] [T: AsRef<str>,] T, AsRef::as_ref);
wire_either!(Stop: "a string or a list of strings" = One(String) | Many(List<String>));

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_setter_set_is_read_by_its_getter() {
        let options = StreamOptions::new().include_usage(true);
        assert_eq!((options.includes_usage(), options.includes_obfuscation()), (Some(true), None));
        assert_eq!(options.include_obfuscation(false).includes_obfuscation(), Some(false));

        let user = UserSecurityContext::new().application_name("a").end_user_id("i").end_user_tenant_id("t");
        let user = user.source_ip("192.0.2.1");
        assert_eq!((user.get_application_name(), user.get_end_user_id()), (Some("a"), Some("i")));
        assert_eq!((user.get_end_user_tenant_id(), user.get_source_ip()), (Some("t"), Some("192.0.2.1")));

        let web = WebSearchOptions::new().search_context_size("low").user_location(json!({"type": "approximate"}));
        assert_eq!(web.get_search_context_size(), Some("low"));
        assert_eq!(web.get_user_location(), Some(&json!({"type": "approximate"})));
    }

    #[test]
    fn stop_keeps_its_shape() {
        for wire in [json!("a"), json!(["a", "b"]), json!([])] {
            let stop: Stop = serde_json::from_value(wire.clone()).unwrap();
            assert_eq!(serde_json::to_value(&stop).unwrap(), wire);
        }
        assert!(serde_json::from_value::<Stop>(json!(["a", 1])).is_err());
    }
}
