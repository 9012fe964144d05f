//! The context of a message: the passages that On Your Data found and the answer cites.

use serde_json::Number;

use crate::wire::{Merge, extend_repeated, open_enum, wire_struct};

wire_struct! {
    /// The passages that On Your Data found, and those that the answer cites.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/references/on-your-data>
    pub struct MessageContext {
        /// The passages the answer cites, in the order of its `[doc1]` marks.
        citations: Vec<Citation> = "citations",
        intent: String = private hidden "intent",
        /// All passages found, cited or not. Sent if the data source's `include_contexts` has it.
        all_retrieved_documents: Vec<RetrievedDocument> = "all_retrieved_documents",
    }

    /// A passage that the answer cites.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/references/on-your-data#citation>
    pub struct Citation {
        /// The text of the passage.
        content: String = hidden "content",
        /// The title of the document.
        title: String = hidden "title",
        /// The URL of the document.
        url: String = hidden "url",
        /// The file path of the document.
        filepath: String = hidden "filepath",
        /// The id of the passage within the document.
        chunk_id: String = hidden "chunk_id",
        /// The relevance score after reranking.
        rerank_score: Number = "rerank_score",
    }

    /// A passage that the search found.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/references/on-your-data#retrieved-documents>
    pub struct RetrievedDocument {
        /// The text of the passage.
        content: String = hidden "content",
        /// The title of the document.
        title: String = hidden "title",
        /// The URL of the document.
        url: String = hidden "url",
        /// The file path of the document.
        filepath: String = hidden "filepath",
        /// The id of the passage within the document.
        chunk_id: String = hidden "chunk_id",
        /// The relevance score after reranking.
        rerank_score: Number = "rerank_score",
        /// The queries that found it.
        search_queries: Vec<String> = hidden "search_queries",
        /// The position of its data source in the request.
        data_source_index: u64 = "data_source_index",
        /// The relevance score of the search.
        original_search_score: Number = "original_search_score",
        /// Why the answer could not use it; absent for a passage that it could.
        filter_reason: FilterReason = "filter_reason",
    }
}

open_enum! {
    /// Why a passage that was found was left out.
    pub enum FilterReason {
        /// Its search score is below the threshold of `strictness`.
        Score = "score",
        /// It ranked below `top_n_documents` after reranking.
        Rerank = "rerank",
    }
}

impl MessageContext {
    /// The queries of the search: the list in the wire's `intent`, or `intent` itself when it is no list.
    #[must_use]
    pub fn intents(&self) -> Vec<String> {
        match self.intent.as_deref() {
            None => Vec::new(),
            Some(text) => serde_json::from_str(text).unwrap_or_else(|_| vec![text.to_owned()]),
        }
    }

    /// Merges the context of a later chunk: lists grow, and a missing, `null` or empty member changes nothing.
    pub(crate) fn merge(&mut self, newer: &Self) {
        let Self { citations, intent, all_retrieved_documents, extra } = newer;
        if let Some(newer) = citations {
            extend_repeated(self.citations.get_or_insert_default(), newer);
        }
        if let Some(newer) = all_retrieved_documents {
            extend_repeated(self.all_retrieved_documents.get_or_insert_default(), newer);
        }
        if let Some(intent) = intent.as_ref().filter(|intent| self.intent.is_none() || !intent.is_empty()) {
            self.intent = Some(intent.clone());
        }
        self.extra.merge(extra, Merge::Repeated);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_empty_later_context_changes_nothing() {
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
    fn intents_are_parsed() {
        let context: MessageContext = serde_json::from_str(r#"{"intent": "[\"cat food\",\"cats\"]"}"#).unwrap();
        assert_eq!(context.intents(), ["cat food", "cats"]);
        let context: MessageContext = serde_json::from_str(r#"{"intent": "dogs"}"#).unwrap();
        assert_eq!(context.intents(), ["dogs"]);
    }
}
