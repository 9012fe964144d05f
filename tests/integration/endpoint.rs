//! Where calls go: what the server sees for every form of endpoint and name, and what never leaves.

use azure_openai_chat::{ApiKey, ApiVersion, ChatClient, ChatCompletionRequest, ErrorKind, Model};
use serde_json::Value;

use crate::support::{builder, client, completion, ok_json, sent_bodies, serving, shown, untouched};

fn ask(deployment: &str) -> ChatCompletionRequest {
    ChatCompletionRequest::builder(deployment).user("hi").build().unwrap()
}

const V1: &str = "/openai/v1/chat/completions";
const DATED: &str = "/openai/deployments/gpt/chat/completions?api-version=2024-10-21";

#[tokio::test]
async fn every_form_of_endpoint_leads_to_the_address_that_url_for_tells() {
    let dated = || Some(ApiVersion::V2024_10_21);
    for (pasted, version, expected) in [
        ("", None, V1.to_owned()),
        ("/", dated(), DATED.to_owned()),
        ("/openai", None, V1.to_owned()),
        ("/openai/v1", None, V1.to_owned()),
        ("/openai/v1/", dated(), DATED.to_owned()),
        ("", Some(ApiVersion::V1_PREVIEW), format!("{V1}?api-version=preview")),
        ("/?api-version=2024-10-21", None, DATED.to_owned()),
        // a pinned deployment tells the api version; the request names its own deployment
        ("/openai/deployments/gpt/chat/completions?api-version=2024-10-21", None, DATED.to_owned()),
        ("/openai/deployments/other?api-version=2024-10-21", None, DATED.to_owned()),
        ("/team/aoai", None, format!("/team/aoai{V1}")),
        ("/team/aoai/openai/v1", None, format!("/team/aoai{V1}")),
        ("/team/aoai", dated(), format!("/team/aoai{DATED}")),
        ("/team/aoai/openai/deployments/gpt", dated(), format!("/team/aoai{DATED}")),
    ] {
        let server = serving(pasted, [ok_json(&completion("hello"))]).await;
        let mut builder = builder(format!("{}{pasted}", server.uri()));
        if let Some(version) = version {
            builder = builder.api_version(version);
        }
        let client = builder.build().unwrap();
        let request = ask("gpt");
        client.complete(&request).await.unwrap();

        let seen = &server.received_requests().await.unwrap()[0].url;
        let seen = seen.query().map_or_else(|| seen.path().to_owned(), |query| format!("{}?{query}", seen.path()));
        assert_eq!(seen, expected, "{pasted}");
        assert_eq!(client.url_for(&request).unwrap(), format!("{}{seen}", server.uri()), "{pasted}");
        let named = &sent_bodies(&server).await[0]["model"];
        if expected.contains("/v1/") {
            assert_eq!(named, "gpt", "{pasted}");
        } else {
            assert_eq!(named, &Value::Null, "{pasted}");
        }
    }
}

#[tokio::test]
async fn a_name_of_any_signs_is_one_segment_on_the_wire() {
    for (name, segment) in [
        ("my gpt", "my%20gpt"),
        ("a%2fb", "a%252fb"),
        ("%2e%2e", "%252e%252e"),
        ("größe", "gr%C3%B6%C3%9Fe"),
        ("名前", "%E5%90%8D%E5%89%8D"),
        ("a?b=c&d#e", "a%3Fb=c&d%23e"),
        ("gpt-4o.v_2", "gpt-4o.v_2"),
    ] {
        let server = serving(name, vec![ok_json(&completion("hello")); 2]).await;
        let request = ask(name);
        let dated = builder(server.uri()).api_version(ApiVersion::V2024_10_21).build().unwrap();
        dated.complete(&request).await.unwrap();
        client(server.uri()).complete(&request).await.unwrap();

        let seen = server.received_requests().await.unwrap();
        assert_eq!(seen[0].url.path(), format!("/openai/deployments/{segment}/chat/completions"));
        assert_eq!(seen[0].url.query(), Some("api-version=2024-10-21"));
        assert_eq!(seen[1].url.path(), V1);
        assert_eq!(seen[1].body_json::<Value>().unwrap()["model"], name);
    }
}

#[tokio::test]
async fn a_name_that_leaves_its_segment_is_not_sent() {
    let server = untouched("calls to names that are paths").await;
    let of = |version| builder(server.uri()).api_version(version).build().unwrap();
    let clients = [of(ApiVersion::V1), of(ApiVersion::V2024_10_21)];
    for name in ["", "  ", ".", "..", "a/b", "../../secret", "a\\b", "a\nb", "a\0b"] {
        let request = ask("gpt").with_deployment(name);
        for client in &clients {
            for error in [
                client.url_for(&request).unwrap_err(),
                client.complete(&request).await.unwrap_err(),
                client.stream(&request).await.unwrap_err(),
            ] {
                assert!(matches!(error.kind(), ErrorKind::Config | ErrorKind::InvalidRequest), "{name:?}: {error}");
                assert!(shown(&error).contains("deployment"), "{name:?}: {error:?}");
            }
        }
    }
}

#[test]
fn an_endpoint_that_is_none_is_told_with_the_form_to_use() {
    for (endpoint, words) in [
        ("", "use the form https://{resource}.openai.azure.com"),
        (" \n", "use the form https://{resource}.openai.azure.com"),
        ("/openai/v1", "no scheme and host"),
        ("openai/v1", "use https://openai"),
        ("r.openai.azure.com", "use https://r.openai.azure.com"),
        ("https://", "not a URL"),
        ("http://r.openai.azure.com", "use https://r.openai.azure.com"),
        ("http://10.0.0.1", "plain http"),
        ("http://localhost.contoso.net", "plain http"),
        ("http://127.0.0.1.contoso.net", "plain http"),
        ("http://[::2]:8080", "plain http"),
        ("ftp://r.openai.azure.com", "scheme 'ftp' is not https"),
        ("file:///etc/passwd", "endpoint"),
        ("https://me:canary@r.openai.azure.com", "user information"),
        ("https://canary@r.openai.azure.com", "user information"),
        ("https://r.openai.azure.com?subscription-key=canary", "ApiKey::new(key).with_header"),
        ("https://r.openai.azure.com#canary", "fragment"),
        ("https://r.openai.azure.com/openai/deployments/a%2fb", "slash"),
        ("https://r.openai.azure.com/openai/deployments/..%2f", "slash"),
        ("https://r.openai.azure.com/openai/v1?api-version=2024-10-21", "no dated api version"),
        ("https://f.services.ai.azure.com/models", "Foundry"),
    ] {
        let error = ChatClient::new(endpoint, ApiKey::new("k")).expect_err(endpoint);
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::Config, 0), "{endpoint}");
        assert!(error.to_string().contains(words), "{endpoint}: {error}");
        assert!(!shown(&error).contains("canary"), "{endpoint}: {error}");
    }
}

#[tokio::test]
async fn every_deployment_has_its_own_address_each_time() {
    let client = client("https://r.openai.azure.com?api-version=2024-10-21".to_owned());
    for _ in 0..2 {
        for number in 0..100 {
            assert_eq!(
                client.url_for(&ask(&format!("gpt {number}"))).unwrap(),
                format!(
                    "https://r.openai.azure.com/openai/deployments/gpt%20{number}/chat/completions?api-version=2024-10-21"
                )
            );
        }
    }
}

#[tokio::test]
async fn plain_http_is_for_this_machine() {
    for host in ["127.0.0.1", "localhost", "[::1]", "127.8.8.8"] {
        let client = ChatClient::new(format!("http://{host}:9"), ApiKey::new("k")).unwrap();
        assert_eq!(client.endpoint(), format!("http://{host}:9"));
    }
}

#[tokio::test]
async fn another_deployment_than_the_endpoints_own_is_named_when_it_is_missing() {
    let body = serde_json::json!({"error": {"code": "DeploymentNotFound", "message": "gone"}});
    let server = serving("a missing deployment", [wiremock::ResponseTemplate::new(404).set_body_json(body)]).await;
    let client = client(format!("{}/openai/deployments/pinned?api-version=2024-10-21", server.uri()));
    let error = client.complete(&ask("mine")).await.unwrap_err();
    assert!(
        error.to_string().contains("the endpoint was given with deployment 'pinned', but the request names 'mine'"),
        "{error}"
    );
}

#[test]
fn the_name_of_a_known_model_declares_it_and_any_other_none() {
    assert_eq!(ask("gpt-4o-2024-11-20").deployment().declared_model(), Some(&Model::GPT_4O_2024_11_20));
    assert_eq!(ask("my-gpt-4o").deployment().declared_model(), None);
}
