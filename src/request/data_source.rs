//! The data sources of On Your Data.
//!
//! One type for the five sources of the service, with a constructor each that takes what that source
//! requires; any other source is JSON. Dated api versions and the v1 preview accept data sources, v1 does
//! not.
//!
//! Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/references/on-your-data>

use serde_json::Value;

use super::setters::setters;
use crate::wire::{List, open_enum, wire_struct};

open_enum! {
    /// The kind of a data source.
    pub enum DataSourceType {
        /// Azure AI Search.
        AzureSearch = "azure_search",
        /// Azure Cosmos DB for MongoDB vCore.
        AzureCosmosDb = "azure_cosmos_db",
        /// Elasticsearch.
        Elasticsearch = "elasticsearch",
        /// Pinecone.
        Pinecone = "pinecone",
        /// MongoDB Atlas.
        MongoDb = "mongo_db",
    }

    /// The method of the search.
    pub enum QueryType {
        /// By keywords.
        Simple = "simple",
        /// By keywords, ranked by meaning.
        Semantic = "semantic",
        /// By vectors.
        Vector = "vector",
        /// By keywords and vectors.
        VectorSimpleHybrid = "vector_simple_hybrid",
        /// By keywords and vectors, ranked by meaning.
        VectorSemanticHybrid = "vector_semantic_hybrid",
    }

    /// A member of the answer's `context`.
    pub enum IncludeContext {
        /// The cited passages.
        Citations = "citations",
        /// The search queries.
        Intent = "intent",
        /// All retrieved passages.
        AllRetrievedDocuments = "all_retrieved_documents",
    }
}

wire_struct! {
    /// A data source of On Your Data.
    ///
    /// # Example: an index of Azure AI Search
    ///
    /// ```
    /// use azure_openai_chat::request::{DataSource, DataSourceAuthentication};
    ///
    /// let source = DataSource::azure_search(
    ///     "https://contoso.search.windows.net",
    ///     "handbook",
    ///     DataSourceAuthentication::system_assigned_managed_identity(),
    /// )
    /// .top_n_documents(5)
    /// .in_scope(true);
    /// # let _ = source;
    /// ```
    pub struct DataSource {
        /// The wire's `type`.
        kind: DataSourceType = "type",
        parameters: DataSourceParameters = private "parameters",
    }

    /// The settings of a source. Which of them apply depends on its kind.
    pub(crate) struct DataSourceParameters {
        pub(super) endpoint: String = "endpoint",
        pub(super) index_name: String = "index_name",
        pub(super) database_name: String = "database_name",
        pub(super) container_name: String = "container_name",
        pub(super) collection_name: String = "collection_name",
        pub(super) app_name: String = "app_name",
        pub(super) environment: String = "environment",
        pub(super) authentication: DataSourceAuthentication = "authentication",
        pub(super) top_n_documents: u64 = "top_n_documents",
        pub(super) max_search_queries: u64 = "max_search_queries",
        pub(super) allow_partial_result: bool = "allow_partial_result",
        pub(super) in_scope: bool = "in_scope",
        pub(super) strictness: u64 = "strictness",
        pub(super) query_type: QueryType = "query_type",
        pub(super) semantic_configuration: String = "semantic_configuration",
        pub(super) filter: String = hidden "filter",
        pub(super) fields_mapping: FieldsMapping = "fields_mapping",
        pub(super) embedding_dependency: EmbeddingDependency = "embedding_dependency",
        pub(super) include_contexts: List<IncludeContext> = "include_contexts",
        pub(super) role_information: String = hidden "role_information",
    }
}

setters! {
    /// Which fields of a document hold what. What is unset is not sent, and the service decides.
    ///
    /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/references/on-your-data>
    pub struct FieldsMapping;

    /// Sets the field that holds the title.
    title_field / get_title_field: String = "title_field";
    /// Sets the field that holds the address.
    url_field / get_url_field: String = "url_field";
    /// Sets the field that holds the file's name.
    filepath_field / get_filepath_field: String = "filepath_field";
    /// Sets the fields that hold the text.
    content_fields / get_content_fields: List<String> = "content_fields";
    /// Sets what goes between several text fields. When unset, a line end.
    content_fields_separator / get_content_fields_separator: String = "content_fields_separator";
    /// Sets the fields that hold vectors.
    vector_fields / get_vector_fields: List<String> = "vector_fields";
    /// Sets the fields that hold vectors of images.
    image_vector_fields / get_image_vector_fields: List<String> = "image_vector_fields";
}

wire_struct! {
    /// How the service signs in to a source. Its secrets are not in `Debug`.
    pub struct DataSourceAuthentication {
        pub(super) kind: String = "type",
        pub(super) key: String = hidden "key",
        pub(super) key_id: String = hidden "key_id",
        pub(super) encoded_api_key: String = hidden "encoded_api_key",
        pub(super) connection_string: String = hidden "connection_string",
        pub(super) access_token: String = hidden "access_token",
        pub(super) username: String = hidden "username",
        pub(super) password: String = hidden "password",
        pub(super) managed_identity_resource_id: String = "managed_identity_resource_id",
    }
}

/// Makes the constructor of each kind of a type, whose wire name is that of the constructor, with the fields that it takes.
macro_rules! kinds {
    ($Type:ident: $( $(#[$meta:meta])* $kind:ident($($field:ident),*); )*) => {
        impl $Type { $(
            $(#[$meta])*
            #[must_use]
            pub fn $kind($($field: impl Into<String>),*) -> Self {
                Self { kind: Some(stringify!($kind).to_owned()), $($field: Some($field.into()),)* ..Self::EMPTY }
            }
        )* }
    };
}

kinds! { DataSourceAuthentication:
    /// With an API key.
    api_key(key);
    /// With a connection string.
    connection_string(connection_string);
    /// With a key and its id.
    key_and_key_id(key, key_id);
    /// With an encoded API key of Elasticsearch.
    encoded_api_key(encoded_api_key);
    /// With an access token.
    access_token(access_token);
    /// With a user name and a password.
    username_and_password(username, password);
    /// With the resource's own identity.
    system_assigned_managed_identity();
    /// With an identity assigned to the resource.
    user_assigned_managed_identity(managed_identity_resource_id);
}

wire_struct! {
    /// The source of the vectors for a vector search.
    pub struct EmbeddingDependency {
        pub(super) kind: String = "type",
        pub(super) endpoint: String = "endpoint",
        pub(super) authentication: Box<DataSourceAuthentication> = "authentication",
        pub(super) deployment_name: String = "deployment_name",
        pub(super) model_id: String = "model_id",
        pub(super) dimensions: u64 = "dimensions",
    }
}

kinds! { EmbeddingDependency:
    /// An embedding deployment of the same resource.
    deployment_name(deployment_name);
    /// A model of Elasticsearch.
    model_id(model_id);
    /// The vectorizer of the search index.
    integrated();
}

impl EmbeddingDependency {
    /// An embedding endpoint elsewhere.
    #[must_use]
    pub fn endpoint(endpoint: impl Into<String>, authentication: DataSourceAuthentication) -> Self {
        let (kind, endpoint) = (Some("endpoint".to_owned()), Some(endpoint.into()));
        Self { kind, endpoint, authentication: Some(Box::new(authentication)), ..Self::EMPTY }
    }
}

setters! { dependency: EmbeddingDependency => dependency; dependency: EmbeddingDependency => Some(dependency);
    /// Sets how many dimensions the vectors have. When unset, as many as the model gives.
    dimensions / get_dimensions: u64;
}

impl DataSource {
    fn of(kind: DataSourceType, set: impl FnOnce(&mut DataSourceParameters)) -> Self {
        let mut parameters = DataSourceParameters::EMPTY;
        set(&mut parameters);
        Self { kind: Some(kind), parameters: Some(parameters), ..Self::EMPTY }
    }

    /// An index of Azure AI Search.
    #[must_use]
    pub fn azure_search(
        endpoint: impl Into<String>,
        index_name: impl Into<String>,
        authentication: DataSourceAuthentication,
    ) -> Self {
        Self::of(DataSourceType::AzureSearch, |parameters| {
            parameters.endpoint = Some(endpoint.into());
            parameters.index_name = Some(index_name.into());
            parameters.authentication = Some(authentication);
        })
    }

    /// A container of Azure Cosmos DB for MongoDB vCore.
    #[must_use]
    pub fn azure_cosmos_db(
        connection_string: impl Into<String>,
        database_name: impl Into<String>,
        container_name: impl Into<String>,
        index_name: impl Into<String>,
        embedding_dependency: EmbeddingDependency,
        fields_mapping: FieldsMapping,
    ) -> Self {
        Self::of(DataSourceType::AzureCosmosDb, |parameters| {
            parameters.authentication = Some(DataSourceAuthentication::connection_string(connection_string));
            parameters.database_name = Some(database_name.into());
            parameters.container_name = Some(container_name.into());
            parameters.index_name = Some(index_name.into());
            parameters.embedding_dependency = Some(embedding_dependency);
            parameters.fields_mapping = Some(fields_mapping);
        })
    }

    /// An index of Elasticsearch.
    #[must_use]
    pub fn elasticsearch(
        endpoint: impl Into<String>,
        index_name: impl Into<String>,
        authentication: DataSourceAuthentication,
    ) -> Self {
        Self { kind: Some(DataSourceType::Elasticsearch), ..Self::azure_search(endpoint, index_name, authentication) }
    }

    /// An index of Pinecone.
    #[must_use]
    pub fn pinecone(
        environment: impl Into<String>,
        index_name: impl Into<String>,
        api_key: impl Into<String>,
        embedding_dependency: EmbeddingDependency,
        fields_mapping: FieldsMapping,
    ) -> Self {
        Self::of(DataSourceType::Pinecone, |parameters| {
            parameters.environment = Some(environment.into());
            parameters.index_name = Some(index_name.into());
            parameters.authentication = Some(DataSourceAuthentication::api_key(api_key));
            parameters.embedding_dependency = Some(embedding_dependency);
            parameters.fields_mapping = Some(fields_mapping);
        })
    }

    /// A collection of MongoDB Atlas.
    #[must_use]
    #[expect(clippy::too_many_arguments, reason = "the service asks for all of them")]
    pub fn mongo_db(
        endpoint: impl Into<String>,
        database_name: impl Into<String>,
        collection_name: impl Into<String>,
        app_name: impl Into<String>,
        index_name: impl Into<String>,
        authentication: DataSourceAuthentication,
        embedding_dependency: EmbeddingDependency,
        fields_mapping: FieldsMapping,
    ) -> Self {
        Self::of(DataSourceType::MongoDb, |parameters| {
            parameters.endpoint = Some(endpoint.into());
            parameters.database_name = Some(database_name.into());
            parameters.collection_name = Some(collection_name.into());
            parameters.app_name = Some(app_name.into());
            parameters.index_name = Some(index_name.into());
            parameters.authentication = Some(authentication);
            parameters.embedding_dependency = Some(embedding_dependency);
            parameters.fields_mapping = Some(fields_mapping);
        })
    }

    /// A source that is not modelled here, by its `type` and its `parameters`.
    #[must_use]
    pub fn other(kind: impl AsRef<str>, parameters: Value) -> Self {
        let mut source = Self { kind: Some(kind.as_ref().into()), ..Self::EMPTY };
        match serde_json::from_value(parameters.clone()) {
            Ok(parameters) => source.parameters = Some(parameters),
            Err(_) => source.extra.keep("parameters", parameters),
        }
        source
    }
}

setters! {
    source: DataSource => source.parameters.get_or_insert_default();
    source: DataSource => source.parameters.as_ref();

    /// Sets which fields of a document hold what. When unset, the service decides.
    fields_mapping / get_fields_mapping: FieldsMapping;
    /// Limits the search queries that the model makes. When unset, the service decides.
    max_search_queries / get_max_search_queries: u64;
    /// Sets whether the request succeeds when some of the searches fail. When unset, it fails.
    allow_partial_result / get_allow_partial_result: bool;
    /// Sets the semantic configuration of Azure AI Search, for a `query_type` with `semantic` in its name. When unset, none is
    /// sent.
    semantic_configuration / get_semantic_configuration: String;
    /// Sets the filter of Azure AI Search, in its own language. When unset, every document is searched.
    filter / get_filter: String;
    /// Sets how many passages the answer is based on. When unset, 5.
    top_n_documents / get_top_n_documents: u64;
    /// Sets whether answers are limited to the source. When unset, they are.
    in_scope / get_in_scope: bool;
    /// Sets how well passages must match, 1 to 5. When unset, 3.
    strictness / get_strictness: u64;
    /// Sets the method of the search. When unset, `simple`.
    query_type / get_query_type: QueryType;
    /// Sets the source of the vectors; vector searches require it.
    embedding_dependency / get_embedding_dependency: EmbeddingDependency;
    /// Sets instructions about how to answer from the source; api versions before `2024-08-01-preview` and the stable
    /// ones only.
    role_information / get_role_information: String;
    /// Sets the members of the answer's `context`. When unset, `citations` and `intent`.
    include_contexts / get_include_contexts: List<IncludeContext>;
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_index_is_written_as_the_service_wants_it() {
        let source = DataSource::azure_search("https://s", "i", DataSourceAuthentication::api_key("k"))
            .query_type(QueryType::Vector)
            .embedding_dependency(EmbeddingDependency::deployment_name("embed").dimensions(256));
        assert_eq!(
            serde_json::to_value(source).unwrap(),
            json!({"type": "azure_search", "parameters": {
                "endpoint": "https://s", "index_name": "i", "query_type": "vector",
                "authentication": {"type": "api_key", "key": "k"},
                "embedding_dependency": {"type": "deployment_name", "deployment_name": "embed", "dimensions": 256}
            }})
        );
    }

    #[test]
    fn what_a_setter_set_is_read_by_its_getter() {
        let mapping =
            FieldsMapping::new().title_field("t").url_field("u").filepath_field("p").content_fields(["a", "b"]);
        let mapping = mapping.content_fields_separator("|").vector_fields(["v"]).image_vector_fields(["i"]);
        let texts = [mapping.get_title_field(), mapping.get_url_field(), mapping.get_filepath_field()];
        assert_eq!((texts, mapping.get_content_fields_separator()), ([Some("t"), Some("u"), Some("p")], Some("|")));
        assert_eq!(
            (mapping.get_content_fields(), mapping.get_vector_fields()),
            (&["a", "b"].map(str::to_owned)[..], &["v".to_owned()][..])
        );
        assert_eq!(mapping.get_image_vector_fields(), ["i"]);

        let dependency = EmbeddingDependency::deployment_name("embed").dimensions(256);
        assert_eq!(dependency.get_dimensions(), Some(256));

        let source = DataSource::azure_search("https://s", "i", DataSourceAuthentication::api_key("k"));
        assert_eq!((source.get_filter(), source.get_include_contexts()), (None, &[][..]));
        let source = source.fields_mapping(&mapping).embedding_dependency(&dependency).query_type("vector");
        let source = source.max_search_queries(2).allow_partial_result(true).semantic_configuration("s").filter("f");
        let source = source.top_n_documents(3).in_scope(false).strictness(4).role_information("r");
        let source = source.include_contexts(["intent"]);
        assert_eq!(
            (source.get_fields_mapping(), source.get_embedding_dependency()),
            (Some(&mapping), Some(&dependency))
        );
        let counts = [source.get_max_search_queries(), source.get_top_n_documents(), source.get_strictness()];
        assert_eq!((counts, source.get_query_type()), ([Some(2), Some(3), Some(4)], Some(&QueryType::Vector)));
        assert_eq!((source.get_allow_partial_result(), source.get_in_scope()), (Some(true), Some(false)));
        let texts = [source.get_semantic_configuration(), source.get_filter(), source.get_role_information()];
        assert_eq!(
            (texts, source.get_include_contexts()),
            ([Some("s"), Some("f"), Some("r")], &[IncludeContext::Intent][..])
        );
    }

    #[test]
    fn an_unknown_source_goes_in_as_json() {
        let parameters = json!({"endpoint": "https://s", "depth": 3});
        let source = DataSource::other("new_store", parameters.clone());
        assert_eq!(serde_json::to_value(source).unwrap(), json!({"type": "new_store", "parameters": parameters}));
        let source = DataSource::other("odd", json!([1]));
        assert_eq!(serde_json::to_value(source).unwrap(), json!({"type": "odd", "parameters": [1]}));
    }

    #[test]
    fn secrets_are_not_in_debug() {
        let source = DataSource::azure_search("https://s", "i", DataSourceAuthentication::api_key("canary"));
        assert!(!format!("{source:?}").contains("canary"));
    }
}
