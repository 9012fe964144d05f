//! Every field of a request can be set without writing JSON.

use std::collections::BTreeSet;

use azure_openai_chat::request::{
    AudioFormat, AudioOutput, DataSource, DataSourceAuthentication, EmbeddingDependency, FieldsMapping, GrammarSyntax,
    IncludeContext, InputAudioFormat, Modality, PromptCacheRetention, QueryType, ToolChoiceMode, UserSecurityContext,
    Verbosity, Voice,
};
use azure_openai_chat::{
    ApiVersion, ChatCompletionRequest, ChatCompletionRequestBuilder, ContentPart, Deployment, ImageDetail, Message,
    Prediction, ReasoningEffort, ResponseFormat, StreamOptions, Tool, ToolCall, ToolChoice,
};
use serde_json::{Value, json};

use super::spec::{path, specs};
use super::{as_sent, report};
use crate::support::shared;

/// Fields that have no setter, by their place: the old way of calling functions, which tools replaced in
/// 2023-12-01-preview. They are read, validated and sent when they come as JSON or through `extra`.
const NO_SETTER: &[&str] = &[
    "function_call",
    "function_call.name",
    "functions",
    "functions[].description",
    "functions[].name",
    "functions[].parameters",
    "messages[].function_call",
    "messages[].function_call.arguments",
    "messages[].function_call.name",
];

fn from(deployment: &str) -> ChatCompletionRequestBuilder {
    ChatCompletionRequest::builder(Deployment::new(deployment))
}

/// Requests that together use every setter. They need not make sense: they are never sent.
fn requests() -> Vec<ChatCompletionRequestBuilder> {
    let mut requests = vec![plain(), conversation(), data_sources()];
    requests.extend(tools());
    requests
}

fn plain() -> ChatCompletionRequestBuilder {
    let who = UserSecurityContext::new()
        .application_name("app")
        .end_user_id("user")
        .end_user_tenant_id("tenant")
        .source_ip("192.0.2.1");
    from("plain")
        .max_tokens(1)
        .max_completion_tokens(1)
        .n(2)
        .stop("end")
        .seed(1)
        .logprobs(true)
        .top_logprobs(3)
        .logit_bias([(7, -100)])
        .temperature(0.5)
        .top_p(0.5)
        .presence_penalty(0.5)
        .frequency_penalty(0.5)
        .end_user("user")
        .reasoning_effort(ReasoningEffort::Low)
        .verbosity(Verbosity::Low)
        .prediction(Prediction::parts(["mostly this"]))
        .response_format(
            ResponseFormat::json_schema("answer", json!({"type": "object"})).description("an answer").strict(true),
        )
        .modalities([Modality::Text, Modality::Audio])
        .audio(AudioOutput::new(Voice::Alloy, AudioFormat::Mp3))
        .stream_options(StreamOptions::new().include_usage(true).include_obfuscation(false))
        .store(true)
        .metadata([("team", "search")])
        .prompt_cache_key("key")
        .prompt_cache_retention(PromptCacheRetention::Hours24)
        .safety_identifier("user")
        .user_security_context(who)
}

fn conversation() -> ChatCompletionRequestBuilder {
    let citation =
        json!({"chunk_id": "1", "content": "text", "filepath": "a.md", "title": "text", "url": "https://a.b"});
    let context = serde_json::from_value(json!({"citations": [citation], "intent": "[\"cats\"]"})).unwrap();
    from("conversation").messages([
        Message::system("be brief"),
        Message::user("hello").with_name("ann"),
        Message::user_parts([
            ContentPart::text("look"),
            ContentPart::image("image/png", b"png").detail(ImageDetail::Low),
            ContentPart::input_audio(InputAudioFormat::Wav, b"wav"),
            ContentPart::file("a.pdf", "application/pdf", b"pdf"),
            ContentPart::file_id("file-1"),
        ]),
        Message::assistant(ContentPart::refusal("no")),
        Message::assistant("found").with_context(context),
        Message::assistant_refusal("no"),
        Message::assistant_audio("audio_1"),
        Message::assistant("calling")
            .with_tool_calls([ToolCall::function("call_1", "f", "{}"), ToolCall::custom("call_2", "c", "text")]),
        Message::tool_result("call_1", "42"),
    ])
}

fn tools() -> Vec<ChatCompletionRequestBuilder> {
    let function = Tool::function("f").description("f").parameters(json!({})).strict(true);
    let custom = Tool::custom("c").description("c").grammar(GrammarSyntax::Regex, "a+");
    let choices = [
        ToolChoice::function("f"),
        ToolChoice::custom("c"),
        ToolChoice::allowed(ToolChoiceMode::Auto, [&function, &custom]),
    ];
    let offer = from("tools").tools([function, custom]).parallel_tool_calls(false);
    choices.into_iter().map(|choice| offer.clone().tool_choice(choice)).collect()
}

fn data_sources() -> ChatCompletionRequestBuilder {
    use DataSourceAuthentication as Auth;
    let fields = FieldsMapping::new()
        .title_field("title")
        .url_field("url")
        .filepath_field("file")
        .content_fields(["text"])
        .content_fields_separator(" ")
        .vector_fields(["vector"])
        .image_vector_fields(["image"]);
    let embedding = || EmbeddingDependency::deployment_name("embed").dimensions(256);
    let search = |authentication| DataSource::azure_search("https://search", "index", authentication);
    let elastic = |authentication| DataSource::elasticsearch("https://elastic", "index", authentication);
    let mongo = DataSource::mongo_db(
        "https://mongo",
        "database",
        "collection",
        "app",
        "index",
        Auth::username_and_password("user", "password"),
        embedding(),
        fields.clone(),
    );
    from("data")
        .data_source(
            search(Auth::user_assigned_managed_identity("id"))
                .fields_mapping(fields.clone())
                .max_search_queries(1)
                .allow_partial_result(true)
                .semantic_configuration("default")
                .filter("a eq 1")
                .top_n_documents(5)
                .in_scope(true)
                .strictness(3)
                .role_information("be kind")
                .query_type(QueryType::Semantic)
                .include_contexts([IncludeContext::Citations]),
        )
        .data_source(
            search(Auth::api_key("key"))
                .embedding_dependency(EmbeddingDependency::endpoint("https://embed", Auth::access_token("token"))),
        )
        .data_source(
            search(Auth::system_assigned_managed_identity())
                .embedding_dependency(EmbeddingDependency::endpoint("https://embed", Auth::api_key("key"))),
        )
        .data_source(DataSource::azure_cosmos_db(
            "connection",
            "database",
            "container",
            "index",
            EmbeddingDependency::integrated(),
            fields.clone(),
        ))
        .data_source(
            elastic(Auth::key_and_key_id("key", "id")).embedding_dependency(EmbeddingDependency::model_id("model")),
        )
        .data_source(elastic(Auth::encoded_api_key("key")))
        .data_source(search(Auth::access_token("token")))
        .data_source(DataSource::pinecone("environment", "index", "key", embedding(), fields))
        .data_source(mongo)
}

/// Every place at which something stands.
fn places_in(value: &Value, at: &str, places: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let at = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                places_in(value, &at, places);
                places.insert(at);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| places_in(value, &format!("{at}[]"), places)),
        _ => {}
    }
}

#[test]
fn every_field_of_a_request_has_a_setter() {
    let Some(folder) = shared("wire/spec") else { return };
    let mut settable = BTreeSet::new();
    for request in requests() {
        // whether to stream is said by the method that sends
        let body = json!(request.build_unchecked().body(&ApiVersion::V1, true));
        places_in(&body, "", &mut settable);
    }
    let mut missing = BTreeSet::new();
    for mut spec in specs(&folder) {
        as_sent(&mut spec);
        for (object, place) in spec.places(&spec.roots["request"]) {
            for field in spec.fields(&object) {
                let at = path(&place, &field.name);
                if settable.contains(&at) == NO_SETTER.contains(&at.as_str()) {
                    missing.insert(at);
                }
            }
        }
    }
    report(&missing);
}
