//! The smaller things a request can say.

use serde::de::SeqAccess;
use serde::ser::{Serialize, Serializer};

use crate::wire::{Field, FieldVisitor, FromWire, List, Path, deserialize_wire, open_enum, wire_struct};

open_enum! {
    /// How much the model writes.
    pub enum Verbosity {
        /// Short.
        Low = "low",
        /// As usual.
        Medium = "medium",
        /// At length.
        High = "high",
    }
}

open_enum! {
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

wire_struct! {
    /// What a stream carries besides the answer.
    pub struct StreamOptions {
        /// Whether a last chunk tells the usage. When unset, [`stream`](crate::ChatClient::stream) asks
        /// for it wherever the api version knows the option.
        pub include_usage: bool = "include_usage",
        /// Whether chunks are padded so that their size tells nothing; v1 only.
        pub include_obfuscation: bool = "include_obfuscation",
    }
}

impl StreamOptions {
    /// Options that say nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::EMPTY
    }

    /// Whether a last chunk tells the usage.
    #[must_use]
    pub fn include_usage(mut self, include: bool) -> Self {
        self.include_usage = Some(include);
        self
    }

    /// Whether chunks are padded so that their size tells nothing.
    #[must_use]
    pub fn include_obfuscation(mut self, include: bool) -> Self {
        self.include_obfuscation = Some(include);
        self
    }
}

wire_struct! {
    /// Who is behind the call, for the security alerts of Microsoft Defender.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference-preview>
    pub struct UserSecurityContext {
        /// The application's name.
        pub application_name: String = hidden "application_name",
        /// The end user's id.
        pub end_user_id: String = hidden "end_user_id",
        /// The end user's tenant.
        pub end_user_tenant_id: String = hidden "end_user_tenant_id",
        /// The end user's address.
        pub source_ip: String = hidden "source_ip",
    }
}

impl UserSecurityContext {
    /// A context that says nothing yet; set its fields.
    #[must_use]
    pub fn new() -> Self {
        Self::EMPTY
    }
}

wire_struct! {
    /// How search-enabled models search the web.
    pub struct WebSearchOptions {
        /// How much of what is found is read: `low`, `medium` or `high`.
        pub search_context_size: String = "search_context_size",
        /// Roughly where the user is.
        pub user_location: serde_json::Value = hidden "user_location",
    }
}

impl WebSearchOptions {
    /// Options that say nothing yet; set their fields.
    #[must_use]
    pub fn new() -> Self {
        Self::EMPTY
    }
}

/// Where the answer ends: one sequence or up to four.
#[derive(Debug, Clone, PartialEq)]
pub enum Stop {
    /// One sequence.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Stop {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many(list) => list.len(),
        }
    }
}

impl From<&str> for Stop {
    fn from(text: &str) -> Self {
        Self::One(text.to_owned())
    }
}

impl From<String> for Stop {
    fn from(text: String) -> Self {
        Self::One(text)
    }
}

impl<T: Into<String>> From<Vec<T>> for Stop {
    fn from(list: Vec<T>) -> Self {
        Self::Many(list.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<String>, const N: usize> From<[T; N]> for Stop {
    fn from(list: [T; N]) -> Self {
        Self::Many(list.into_iter().map(Into::into).collect())
    }
}

impl FromWire for Stop {
    const EXPECTED: &'static str = "a string or a list of strings";

    fn visit<'a>(&'a self, path: &Path<'_>, visitor: &mut dyn FieldVisitor<'a>) {
        match self {
            Self::One(text) => text.visit(path, visitor),
            Self::Many(list) => list.visit(path, visitor),
        }
    }
    fn from_str(text: &str) -> Option<Self> {
        Some(text.into())
    }
    fn from_seq<'de, A: SeqAccess<'de>>(seq: A) -> Result<Field<Self>, A::Error> {
        List::from_seq(seq).map(|field| field.map(|List(list)| Self::Many(list)))
    }
}

deserialize_wire!(Stop);

impl Serialize for Stop {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(text) => serializer.serialize_str(text),
            Self::Many(list) => list.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn stop_keeps_its_shape() {
        for wire in [json!("a"), json!(["a", "b"]), json!([])] {
            let stop: Stop = serde_json::from_value(wire.clone()).unwrap();
            assert_eq!(serde_json::to_value(&stop).unwrap(), wire);
        }
        assert!(serde_json::from_value::<Stop>(json!(["a", 1])).is_err());
    }
}
