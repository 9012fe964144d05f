//! Where calls go: what the server sees for every form of endpoint and name, and what never leaves.

use azure_openai_chat::{
    ApiKey, ApiVersion, Backend, CallOptions, ChatClient, ChatCompletionRequest, ErrorKind, Model, RetryPolicy,
    Validation,
};
use serde_json::Value;
use tracing_subscriber::filter::LevelFilter;

use crate::support::{
    KEY, Log, builder, client, completion, ok_json, sent_bodies, sent_headers, serving, shown, untouched,
};

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
        // a gateway's OpenAI-compatible base
        ("/v1", None, "/v1/chat/completions".to_owned()),
        ("/team/v1/", Some(ApiVersion::V1), "/team/v1/chat/completions".to_owned()),
        ("/llm/chat/completions", None, "/llm/chat/completions".to_owned()),
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
        if expected.contains("/deployments/") {
            assert_eq!(named, &Value::Null, "{pasted}");
        } else {
            assert_eq!(named, "gpt", "{pasted}");
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
        ("my-res", "use https://my-res.openai.azure.com"),
        ("Endpoint=https://r.openai.azure.com/;Key=canary", "is a connection string"),
        ("https://r.openai.azure.com/;canary", "';'"),
        ("https://r.openai.azure.com canary", "has ' ' in it"),
        ("\"https://r.openai.azure.com/canary\"", "has quotes"),
        ("<https://canary.openai.azure.com>", "angle brackets"),
        ("https://r.openai.azure.com/openai/deployments/gpt/v1", "are two routes"),
        ("https://canary.eastus2.models.ai.azure.com", "serverless"),
        ("/openai/v1", "no scheme and host"),
        ("openai/v1", "use https://openai"),
        ("https//r.openai.azure.com", "no '://' after 'https'"),
        ("r.openai.azure.com", "use https://r.openai.azure.com"),
        ("https://", "not a URL"),
        ("http://r.openai.azure.com", "use https://r.openai.azure.com"),
        ("http://10.0.0.1", "plain http"),
        ("http://localhost.contoso.net", "plain http"),
        ("http://127.0.0.1.contoso.net", "plain http"),
        ("http://[::2]:8080", "plain http"),
        ("ftp://r.openai.azure.com", "scheme is not https"),
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
async fn plain_http_is_for_this_machine_and_for_those_who_allow_it() {
    let (log, _guard) = Log::listen(LevelFilter::WARN);
    for host in ["127.0.0.1", "localhost", "[::1]", "127.8.8.8"] {
        let client = builder(format!("http://{host}:9")).allow_plain_http().build().unwrap();
        assert_eq!(client.endpoint().as_str(), format!("http://{host}:9"));
    }
    let https = builder("https://gw.contoso.net/v1").allow_plain_http().build().unwrap();
    assert!(https.url_for(&ask("gpt")).unwrap().starts_with("https://"));
    assert_eq!(log.lines(), [""; 0]);

    let refused = builder("http://gw.contoso.net/v1").build().unwrap_err();
    assert_eq!(
        (refused.kind(), refused.to_string().as_str()),
        (
            ErrorKind::Config,
            "the endpoint is plain http, which would show the credential to the network; use https://gw.contoso.net, or, \
             for a gateway in your own network, .allow_plain_http() on the client builder"
        )
    );
    let plain = |host: &str| Backend::new(format!("http://{host}/v1"), ApiKey::new(KEY));
    let client =
        builder("http://gw.contoso.net:4000/v1").allow_plain_http().backend(plain("10.0.0.1")).build().unwrap();
    assert_eq!(client.url_for(&ask("gpt")).unwrap(), "http://gw.contoso.net:4000/v1/chat/completions");
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("WARN") && lines[0].contains("plain http was allowed"), "{lines:?}");
    assert!(lines[0].contains("http://gw.contoso.net:4000/v1, http://10.0.0.1/v1"), "{lines:?}");
    assert!(!lines[0].contains(KEY));
}

#[tokio::test]
async fn a_key_goes_to_a_compatible_gateway_in_either_header() {
    let server = serving("two keys", vec![ok_json(&completion("hello")); 2]).await;
    let base = format!("{}/v1", server.uri());
    ChatClient::new(&base, ApiKey::new("k")).unwrap().complete(&ask("gpt")).await.unwrap();
    ChatClient::new(&base, ApiKey::new("k").with_bearer()).unwrap().complete(&ask("gpt")).await.unwrap();
    assert_eq!(sent_headers(&server, "api-key").await, ["k", ""]);
    assert_eq!(sent_headers(&server, "authorization").await, ["", "Bearer k"]);
}

#[tokio::test]
async fn a_compatible_gateway_that_refuses_the_key_may_want_it_as_a_bearer_token() {
    let refusal = wiremock::ResponseTemplate::new(401).set_body_json(serde_json::json!({"error": {"message": "no"}}));
    for (path, expected) in [("/v1", true), ("", false)] {
        let server = serving("a refused key", [refusal.clone()]).await;
        let error = client(format!("{}{path}", server.uri())).complete(&ask("gpt")).await.unwrap_err();
        assert_eq!(error.to_string().contains("ApiKey::new(key).with_bearer()"), expected, "{error}");
    }
}

#[test]
fn a_compatible_gateway_and_a_dated_version_do_not_go_together() {
    let endpoint = "https://gw.contoso.net/v1";
    for version in [ApiVersion::V2024_10_21, ApiVersion::V1_PREVIEW] {
        let of_client = builder(endpoint).api_version(version.clone()).build().unwrap_err();
        let backend = Backend::new(endpoint, ApiKey::new(KEY)).api_version(version.clone());
        let of_backend = builder("https://r.openai.azure.com").backend(backend).build().unwrap_err();
        for error in [of_client, of_backend] {
            assert!(error.to_string().contains("is an OpenAI-compatible base, which takes no api version"), "{error}");
        }
        // beside Azure's own, a gateway says what it takes
        let backend = Backend::new(endpoint, ApiKey::new(KEY)).api_version(ApiVersion::V1);
        builder("https://r.openai.azure.com").api_version(version).backend(backend).build().unwrap();
    }
}

#[test]
fn a_malformed_api_version_is_refused_wherever_it_was_set() {
    let form = "; use v1, or a date such as 2024-10-21 or 2025-04-01-preview";
    for (version, what) in [
        ("", "is empty"),
        ("canary", "is not an api version"),
        ("2024-10", "is not an api version"),
        ("2024-13-01", "is not an api version"),
        ("2024-10-21&canary=1", "is not an api version"),
        ("\"2024-10-21\"", "has quotes around it"),
    ] {
        let base = "https://r.openai.azure.com";
        let of_client = builder(base).api_version(version).build().unwrap_err();
        assert_eq!(of_client.to_string(), format!("the api version of the client builder {what}{form}"));
        let backend = Backend::new(format!("{base}/openai"), ApiKey::new(KEY)).api_version(version);
        let of_backend = builder(base).backend(backend).build().unwrap_err();
        assert_eq!(of_backend.to_string(), format!("the api version of the backend {base} {what}{form}"));
        for error in [of_client, of_backend] {
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(!shown(&error).contains("canary"), "{error}");
        }
    }
    let pasted = builder("https://r.openai.azure.com?api-version=canary").build().unwrap_err();
    assert_eq!(pasted.to_string(), format!("the endpoint's api-version is not an api version{form}"));
}

#[tokio::test]
async fn query_parameters_reach_the_server_and_no_log_and_no_error() {
    let refusal = serde_json::json!({"error": {"code": "418", "message": "no canary-b, no canary-a"}});
    let server = serving(
        "calls with a query",
        [ok_json(&completion("hello")), wiremock::ResponseTemplate::new(400).set_body_json(refusal)],
    )
    .await;
    let (log, _guard) = Log::listen(LevelFilter::TRACE);
    let client = builder(format!("{}?api-version=2024-10-21", server.uri()))
        .defaults(CallOptions::new().query("code", "canary-a").query("team", "search & ads"))
        .build()
        .unwrap();
    client.complete(&ask("gpt")).await.unwrap();
    let options = CallOptions::new().query("code", "canary-b");
    let error = client.complete_with(&ask("gpt"), &options).await.unwrap_err();

    let seen = server.received_requests().await.unwrap();
    assert_eq!(seen[0].url.query(), Some("api-version=2024-10-21&code=canary-a&team=search+%26+ads"));
    assert_eq!(seen[1].url.query(), Some("api-version=2024-10-21&team=search+%26+ads&code=canary-b"));
    let sent = format!("{}{}?{}", server.uri(), seen[0].url.path(), seen[0].url.query().unwrap());
    assert_eq!(client.url_for(&ask("gpt")).unwrap(), sent);
    assert!(log.lines().iter().any(|line| line.contains("answered")), "{:?}", log.lines());
    for text in [format!("{options:?} {client:?}"), shown(&error), log.lines().join("\n")] {
        assert!(!text.contains("canary") && !text.contains("search & ads"), "{text}");
    }

    let nobody = builder("http://127.0.0.1:1")
        .retry(RetryPolicy::none())
        .defaults(CallOptions::new().query("code", "canary"))
        .build()
        .unwrap();
    let error = nobody.complete(&ask("gpt")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(!shown(&error).contains("canary"), "{error:?}");

    let error = builder("https://r.openai.azure.com")
        .defaults(CallOptions::new().query("api-version", "canary"))
        .build()
        .unwrap_err();
    assert!(error.to_string().contains("use .api_version(..)") && !shown(&error).contains("canary"), "{error}");
}

#[tokio::test]
async fn another_deployment_than_the_pasted_one_is_called_and_logged_once() {
    let server = serving("six calls", vec![ok_json(&completion("hello")); 6]).await;
    let (log, _guard) = Log::listen(LevelFilter::WARN);
    let pasted = format!("{}/openai/deployments/pasted?api-version=2024-10-21", server.uri());
    let client = client(&pasted);
    assert_eq!(client.endpoint().deployment(), Some("pasted"));
    assert_eq!(self::client(server.uri()).endpoint().deployment(), None);
    for name in ["pasted", "mine", "mine", "pasted", "other"] {
        client.complete(&ask(name)).await.unwrap();
    }
    let lines = log.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let text = "the endpoint was given with deployment 'pasted', and the request calls 'mine'";
    assert!(lines[0].contains("WARN") && lines[0].contains(text), "{lines:?}");
    assert!(lines[1].contains("calls 'other'"), "{lines:?}");

    assert!(client.check(&ask("pasted")).is_clean());
    assert_eq!(client.check(&ask("mine")).advice()[0].parameter(), "deployment");
    let strict = builder(&pasted).validation(Validation::Strict).build().unwrap();
    let error = strict.complete(&ask("mine")).await.unwrap_err();
    assert!(error.violations()[0].to_string().contains(text), "{error}");

    // a backend's own name for the deployment is what counts there
    let backend = Backend::new(&pasted, ApiKey::new(KEY)).deployment("mine", "pasted");
    let several = builder(server.uri()).backend(backend).build().unwrap();
    assert!(several.check(&ask("mine")).is_clean());
    several.complete(&ask("mine")).await.unwrap();
    assert_eq!(log.lines().len(), 2);
}

/// What the example prints; `cargo test` builds it, a run of this test alone may not.
fn inspected(arguments: &[&str]) -> Option<Value> {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent()?.parent()?.join("examples/inspect");
    let changed = |path: &std::path::Path| path.metadata().and_then(|found| found.modified()).ok();
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/inspect.rs");
    if changed(&program)? < changed(&source)? {
        return None;
    }
    let output = std::process::Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn inspect_prints_where_an_address_leads_or_why_it_does_not() {
    for (pasted, expected) in [
        (
            "https://r.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21",
            serde_json::json!({
                "url": "https://r.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21",
                "api_version": "2024-10-21",
                "deployment": "gpt",
            }),
        ),
        (
            "https://r.openai.azure.com/?api-version=2024-10-21",
            serde_json::json!({
                "url": "https://r.openai.azure.com/openai/deployments/deployment/chat/completions?api-version=2024-10-21",
                "api_version": "2024-10-21",
                "deployment": null,
            }),
        ),
        (
            "https://gw.contoso.net/v1",
            serde_json::json!({
                "url": "https://gw.contoso.net/v1/chat/completions", "api_version": "v1", "deployment": null,
            }),
        ),
        (
            "my-res",
            serde_json::json!({
                "error": "the endpoint 'my-res' is a name without a domain; use https://my-res.openai.azure.com",
            }),
        ),
        ("", serde_json::json!({"error": "the endpoint is empty; use the form https://{resource}.openai.azure.com"})),
    ] {
        let Some(printed) = inspected(&["endpoint", pasted]) else {
            use std::io::Write;
            let _ = writeln!(std::io::stderr(), "SKIPPED: examples/inspect is not built; cargo build --examples");
            return;
        };
        assert_eq!(printed, expected, "{pasted}");
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
