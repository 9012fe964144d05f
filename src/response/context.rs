//! Where an answer is from: the documents of On Your Data, and annotations of the text.

use serde_json::Number;

use crate::wire::{Merge, open_enum, wire_struct};

wire_struct! {
    /// What On Your Data found and used.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/references/on-your-data>
    pub struct MessageContext {
        /// The passages the answer cites, in the order of its `[doc1]` marks.
        pub citations: Vec<Citation> = "citations",
        /// What was searched for: a JSON list, encoded as a string. See [`MessageContext::intents`].
        pub intent: String = hidden "intent",
        /// Everything that was found, used or not.
        pub all_retrieved_documents: Vec<RetrievedDocument> = "all_retrieved_documents",
    }
}

wire_struct! {
    /// A passage that the answer cites.
    pub struct Citation {
        /// The passage.
        pub content: String = hidden "content",
        /// The document's title.
        pub title: String = hidden "title",
        /// The document's address.
        pub url: String = hidden "url",
        /// The document's file.
        pub filepath: String = hidden "filepath",
        /// Which part of the document.
        pub chunk_id: String = hidden "chunk_id",
        /// How well it fits, after ranking again.
        pub rerank_score: Number = "rerank_score",
    }
}

wire_struct! {
    /// A passage that the search found.
    pub struct RetrievedDocument {
        /// The passage.
        pub content: String = hidden "content",
        /// The document's title.
        pub title: String = hidden "title",
        /// The document's address.
        pub url: String = hidden "url",
        /// The document's file.
        pub filepath: String = hidden "filepath",
        /// Which part of the document.
        pub chunk_id: String = hidden "chunk_id",
        /// How well it fits, after ranking again.
        pub rerank_score: Number = "rerank_score",
        /// The searches that found it.
        pub search_queries: Vec<String> = hidden "search_queries",
        /// Which of the request's data sources.
        pub data_source_index: u64 = "data_source_index",
        /// How well it fits, as the search said.
        pub original_search_score: Number = "original_search_score",
        /// Why it was left out.
        pub filter_reason: FilterReason = "filter_reason",
    }
}

open_enum! {
    /// Why a found passage was left out.
    pub enum FilterReason {
        /// It fits too little.
        Score = "score",
        /// It fits too little after ranking again.
        Rerank = "rerank",
    }
}

impl MessageContext {
    /// The cited passages.
    #[must_use]
    pub fn citations(&self) -> &[Citation] {
        self.citations.as_deref().unwrap_or_default()
    }

    /// Everything that was found.
    #[must_use]
    pub fn all_retrieved_documents(&self) -> &[RetrievedDocument] {
        self.all_retrieved_documents.as_deref().unwrap_or_default()
    }

    /// What was searched for: the list in `intent`, or `intent` itself when it is no list.
    #[must_use]
    pub fn intents(&self) -> Vec<String> {
        match self.intent.as_deref() {
            None => Vec::new(),
            Some(text) => serde_json::from_str(text).unwrap_or_else(|_| vec![text.to_owned()]),
        }
    }

    /// Takes over the context of a later chunk: lists grow, and nothing is taken back by a missing, `null` or empty
    /// member.
    pub(crate) fn merge(&mut self, newer: &Self) {
        let Self { citations, intent, all_retrieved_documents, extra } = newer;
        merge_list(&mut self.citations, citations.as_deref());
        merge_list(&mut self.all_retrieved_documents, all_retrieved_documents.as_deref());
        if let Some(intent) = intent.as_ref().filter(|intent| self.intent.is_none() || !intent.is_empty()) {
            self.intent = Some(intent.clone());
        }
        self.extra.merge(extra, Merge::Repeated);
    }
}

/// A list that begins with all that came before replaces it; any other adds its elements.
fn merge_list<T: Clone + PartialEq>(list: &mut Option<Vec<T>>, newer: Option<&[T]>) {
    let Some(newer) = newer else { return };
    let list = list.get_or_insert_default();
    let new = if newer.starts_with(list) { newer.get(list.len()..).unwrap_or_default() } else { newer };
    list.extend_from_slice(new);
}

wire_struct! {
    /// A remark on a part of the text.
    pub struct Annotation {
        /// What kind, such as `url_citation`.
        pub kind: String = "type",
        /// The page a statement is from.
        pub url_citation: UrlCitation = "url_citation",
    }
}

wire_struct! {
    /// A page that a part of the text is from.
    pub struct UrlCitation {
        /// The first character it supports.
        pub start_index: u64 = "start_index",
        /// One past the last character.
        pub end_index: u64 = "end_index",
        /// The page's address.
        pub url: String = hidden "url",
        /// The page's title.
        pub title: String = hidden "title",
    }
}

wire_struct! {
    /// Spoken answer.
    pub struct Audio {
        /// The id by which a later request refers to it.
        pub id: String = "id",
        /// Until when, in seconds since 1970.
        pub expires_at: u64 = "expires_at",
        /// The sound in base64, in the format the request asked for.
        pub data: String = hidden "data",
        /// What is said.
        pub transcript: String = hidden "transcript",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_later_context_takes_nothing_back() {
        let read = |value: serde_json::Value| serde_json::from_value::<MessageContext>(value).unwrap();
        let mut context = read(json!({"citations": [{"title": "a"}], "intent": "[]", "more": {"a": 1}}));
        for later in [json!({"citations": [], "intent": "", "more": null}), json!({"citations": null}), json!({})] {
            let before = context.clone();
            context.merge(&read(later));
            assert_eq!(context, before);
        }
        context.merge(&read(json!({"citations": [{"title": "a"}, {"title": "b"}]})));
        context.merge(&read(json!({"citations": [{"title": "c"}]})));
        let titles: Vec<_> = context.citations().iter().filter_map(|citation| citation.title.as_deref()).collect();
        assert_eq!(titles, ["a", "b", "c"]);
    }

    #[test]
    fn intents_are_unpacked() {
        let context: MessageContext = serde_json::from_str(r#"{"intent": "[\"cat food\",\"cats\"]"}"#).unwrap();
        assert_eq!(context.intents(), ["cat food", "cats"]);
        let context: MessageContext = serde_json::from_str(r#"{"intent": "dogs"}"#).unwrap();
        assert_eq!(context.intents(), ["dogs"]);
    }
}
