//! Deployments that a client declares, for requests that only name them.

use azure_openai_chat::{
    ApiKey, Capabilities, ChatClient, ChatCompletionRequest, ClientBuilder, Deployment, ErrorKind, Model, ModelCatalog,
};
use serde_json::json;

use crate::support::{completion, ok_json, serving, untouched};

fn on_azure() -> ClientBuilder {
    ChatClient::builder("https://my-resource.openai.azure.com", ApiKey::new("k"))
}

/// A request read from JSON, with a parameter that o1 refuses and gpt-4o takes.
fn from_json(deployment: &str) -> ChatCompletionRequest {
    let json = json!({"model": deployment, "temperature": 0.5, "messages": [{"role": "user", "content": "hi"}]});
    serde_json::from_value(json).unwrap()
}

fn refused(client: &ChatClient, request: &ChatCompletionRequest) -> Vec<String> {
    client.check(request).violations().iter().map(|violation| violation.parameter().to_owned()).collect()
}

#[tokio::test]
async fn a_request_read_from_json_is_checked_by_the_declared_model_and_not_sent() {
    let server = untouched("refused before sending").await;
    let client = ChatClient::builder(server.uri(), ApiKey::new("k"))
        .deployment(Deployment::new("triage").model(Model::O1_2024_12_17))
        .build()
        .unwrap();
    let request = from_json("triage");
    for error in [client.complete(&request).await.unwrap_err(), client.stream(&request).await.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert_eq!(error.violations()[0].parameter(), "temperature");
    }
}

#[tokio::test]
async fn a_deployment_that_is_not_declared_is_called_as_before() {
    let server = serving("one call", vec![ok_json(&completion("hello"))]).await;
    let client = ChatClient::builder(server.uri(), ApiKey::new("k"))
        .deployments([Deployment::new("triage").model(Model::O1_2024_12_17)])
        .build()
        .unwrap();
    assert_eq!(client.complete(&from_json("other")).await.unwrap().text(), Some("hello"));
}

#[test]
fn the_client_gives_the_declared_deployment_by_its_name() {
    let declared = [Deployment::new("triage").model(Model::O1_2024_12_17), Deployment::new("plain")];
    let client = on_azure().deployments(declared).deployment("gpt-4o").build().unwrap();
    assert_eq!(client.deployment("triage").declared_model(), Some(&Model::O1_2024_12_17));
    assert_eq!(client.deployment("plain").declared_model(), None);
    assert_eq!(client.deployment("unknown"), Deployment::from("unknown"));
    assert_eq!(client.deployment("gpt-4o").declared_model().unwrap().name(), "gpt-4o");
    let request = ChatCompletionRequest::builder(client.deployment("triage")).user("hi").temperature(0.5).build();
    assert_eq!(request.unwrap_err().violations()[0].parameter(), "temperature");
}

#[test]
fn the_clients_declaration_counts_before_the_name_and_after_the_requests_own() {
    let client = on_azure().deployment(Deployment::new("gpt-4o").model(Model::O1_2024_12_17)).build().unwrap();
    assert_eq!(refused(&client, &from_json("gpt-4o")), ["temperature", "max_completion_tokens"]);
    let own = Deployment::new("gpt-4o").model(Model::GPT_4O_2024_11_20);
    assert!(refused(&client, &from_json("gpt-4o").with_deployment(own)).is_empty());
}

#[test]
fn what_a_caller_declares_in_json_does_not_lift_the_clients_rules() {
    let declaring = |name: &str, declared: serde_json::Value| -> ChatCompletionRequest {
        let mut json = json!(from_json(name));
        json["declared"] = declared;
        serde_json::from_value(json).unwrap()
    };
    let client = on_azure().deployment(Deployment::new("triage").model(Model::O1_2024_12_17)).build().unwrap();
    let of_table = on_azure().deployment("o1-2024-12-17").build().unwrap();
    let by_catalog = Model::custom("house", Capabilities::of(&Model::O1_2024_12_17));
    let of_catalog = on_azure().catalog(ModelCatalog::built_in().with(by_catalog)).build().unwrap();
    for declared in [
        json!({"model": "gpt-4o"}),
        json!({"model": "gpt-4o", "uncapped": true}),
        json!({"model": null, "uncapped": true}),
        json!({"uncapped": true}),
    ] {
        for (client, name) in [(&client, "triage"), (&of_table, "o1-2024-12-17"), (&of_catalog, "house")] {
            let rules = ["temperature", "max_completion_tokens"];
            let request = declaring(name, declared.clone());
            assert_eq!(refused(client, &request), rules, "{name} {declared}");
            assert_eq!(refused(client, &request.to_builder().user("more").build_unchecked()), rules);
            assert_eq!(refused(client, &request.with_message(azure_openai_chat::Message::user("more"))), rules);
        }
    }
    // without a declaration of the client, and from code, it counts
    let (o1, plain) = (json!({"model": "o1-2024-12-17", "uncapped": true}), on_azure().build().unwrap());
    assert_eq!(refused(&plain, &declaring("triage", o1.clone())), ["temperature"]);
    assert_eq!(refused(&client, &declaring("triage", o1).uncapped()), ["temperature"]);
    let with_catalog = on_azure().catalog(ModelCatalog::built_in()).build().unwrap();
    let stored = json!({"model": "o1-2024-12-17", "uncapped": true});
    assert_eq!(refused(&with_catalog, &declaring("triage", stored)), ["temperature"]);
    let own = Deployment::new("triage").model(Model::GPT_4O_2024_11_20);
    assert!(refused(&client, &declaring("triage", json!({"model": "o1"})).with_deployment(own)).is_empty());
}

#[test]
fn clients_whose_catalogs_differ_about_one_id_check_one_request_apart() {
    let client = |base: Model| {
        let model = Model::custom("house", Capabilities::of(&base));
        on_azure().catalog(ModelCatalog::built_in().with(model)).build().unwrap()
    };
    let (o1, gpt, request) = (client(Model::O1_2024_12_17), client(Model::GPT_4O_2024_11_20), from_json("house"));
    assert_eq!([&o1, &gpt, &o1].map(|client| refused(client, &request).len()), [2, 0, 2]);
}

#[test]
fn a_catalog_replaces_the_table_for_names_and_for_declared_models() {
    let base = Capabilities::of(&Model::O1_2024_12_17);
    let catalog = ModelCatalog::built_in().with(Model::custom("house-model", base));
    let client = on_azure().catalog(catalog.clone()).build().unwrap();
    assert!(refused(&client, &from_json("house-model")).contains(&"temperature".to_owned()));
    assert!(refused(&on_azure().build().unwrap(), &from_json("house-model")).is_empty());

    let corrected = r#"{"models": [{"name": "o1", "version": "2024-12-17", "base": "gpt-4o-2024-08-06"}]}"#;
    let client = on_azure()
        .deployment(Deployment::new("triage").model(Model::O1_2024_12_17))
        .catalog(ModelCatalog::from_json(corrected).unwrap())
        .build()
        .unwrap();
    assert!(refused(&client, &from_json("triage")).is_empty());
}

#[test]
fn a_declaration_that_cannot_hold_is_refused_when_the_client_is_built() {
    let o1 = || Deployment::new("triage").model(Model::O1_2024_12_17);
    let error = on_azure().deployments([o1(), Deployment::new("triage")]).build().unwrap_err();
    assert_eq!(error.to_string(), "the deployment 'triage' is declared twice, with two models; keep one");
    assert!(on_azure().deployments([o1(), o1()]).build().is_ok());
    let house = |base: Model| Deployment::new("d").model(Model::custom("house", Capabilities::of(&base)));
    let both = [house(Model::O1_2024_12_17), house(Model::GPT_4O_2024_11_20)];
    assert!(on_azure().deployments(both).build().is_err(), "one id, two sets of capabilities");
    let error = on_azure().deployment("").build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("deployment"), "{error}");
}
