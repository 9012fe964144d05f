//! Tests of the control interface over HTTP: a change takes effect, in its session only.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "these helpers are tests, too")]

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use azure_openai_emulator::{
    Answer, DeploymentSettings, Emulator, FilterPolicy, FilterTrigger, Outcome, Quota, SignIn,
};
use reqwest::Method;
use serde_json::{Value, json};

use self::support::Peer;

mod batches;
#[cfg(feature = "client")]
mod client;
mod faults;
mod filters;
#[cfg(feature = "record")]
mod recordings;
mod support;

#[tokio::test]
async fn deployments_are_made_changed_and_taken_away() {
    let emulator = Emulator::builder().only_declared(true).start().await.unwrap();
    let peer = Peer::of(&emulator);
    assert_eq!(peer.ask("triage", "hi").await.0, 404);
    peer.control(Method::PUT, "deployments/triage", json!("gpt-4o-2024-11-20")).await;
    assert_eq!(peer.ask("triage", "hi").await.1["model"], "gpt-4o-2024-11-20");
    let changed =
        peer.control(Method::PATCH, "deployments/triage", json!({"quota": {"requests": 1, "seconds": 60}})).await;
    assert_eq!((&changed["model"], &changed["quota"]["requests"]), (&json!("gpt-4o-2024-11-20"), &json!(1)));
    // The window that began with the first request goes on.
    assert_eq!(peer.ask("triage", "hi").await.0, 429);
    peer.control(Method::PUT, "quotas/triage", json!({"requests": 5})).await;
    assert_eq!(peer.ask("triage", "hi").await.0, 200);
    peer.control(Method::DELETE, "deployments/triage", Value::Null).await;
    assert_eq!(peer.ask("triage", "hi").await.0, 404);
}

#[tokio::test]
async fn rules_scripts_and_faults_take_effect_in_their_session_alone() {
    let emulator = Emulator::start().await.unwrap();
    let (one, other) = (Peer::of(&emulator).in_session("one"), Peer::of(&emulator).in_session("other"));
    let rule =
        json!({"matches": "refund of (\\d+)", "answers": [{"template": "{{1}} for {{session}}"}, {"text": "again"}]});
    one.control(Method::POST, "rules", rule).await;
    assert_eq!(one.text("gpt-4o", "a refund of 30, please").await, "30 for one");
    assert_eq!(one.text("gpt-4o", "a refund of 30, please").await, "again");
    assert_ne!(other.text("gpt-4o", "a refund of 30, please").await, "again");
    one.control(Method::POST, "scripts/own", json!([{"text": "first"}, {"text": "then"}])).await;
    assert_eq!((one.text("own", "hi").await, one.text("own", "hi").await), ("first".into(), "then".into()));
    assert_eq!(other.ask("own", "hi").await.0, 404);
    one.control(Method::POST, "faults", json!({"preset": "rate_limit", "next": 1})).await;
    assert_eq!((other.ask("gpt-4o", "hi").await.0, one.ask("gpt-4o", "hi").await.0), (200, 429));
    one.control(Method::POST, "reset", Value::Null).await;
    assert_eq!(one.ask("own", "hi").await.0, 404);
}

#[tokio::test]
async fn the_journal_shows_no_key_and_no_secret_of_a_data_source() {
    let emulator = Emulator::start().await.unwrap();
    let peer = Peer::of(&emulator);
    let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "data_sources": [{
        "type": "azure_search", "parameters": {"endpoint": "https://s.example", "index_name": "i",
            "authentication": {"type": "api_key", "key": "the-secret"}}}]});
    let request = peer.client.post(format!("{}/openai/v1/chat/completions", peer.endpoint));
    let keys = ["api-key", "ocp-apim-subscription-key", "x-api-key", "subscription-key", "authorization", "cookie"];
    let request = keys.iter().fold(request, |request, name| request.header(*name, "the-secret"));
    request.body(body.to_string()).send().await.unwrap();
    let journal = peer.control(Method::GET, "journal", Value::Null).await;
    assert!(!journal.to_string().contains("the-secret"), "{journal}");
    let authentication = &journal["requests"][0]["body"]["data_sources"][0]["parameters"]["authentication"];
    assert_eq!(authentication, &json!({"type": "api_key", "key": "REDACTED"}));
    assert_eq!(emulator.requests()[0].header("subscription-key"), Some("the-secret"));
}

#[tokio::test]
async fn the_journal_is_filtered_and_waited_for() {
    let emulator = Emulator::start().await.unwrap();
    let peer = Peer::of(&emulator);
    let (waited, ()) =
        tokio::join!(peer.control(Method::GET, "journal?deployment=gpt-4o&wait=2&timeout=10", Value::Null), async {
            peer.ask("gpt-4o", "one").await;
            peer.ask("nothing", "two").await;
            peer.ask("gpt-4o", "three").await;
        });
    assert_eq!(waited["count"], 2);
    let entry = &waited["requests"][0];
    assert_eq!(
        (&entry["outcome"], &entry["status"], &entry["headers"]["api-key"]),
        (&json!("answered"), &json!(200), &json!("REDACTED"))
    );
    assert!(entry["completion_tokens"].as_u64().unwrap() > 0 && entry["total_ms"].as_f64().unwrap() >= 0.0);
    let refused = peer.control(Method::GET, "journal?outcome=refused", Value::Null).await;
    assert_eq!(refused["requests"][0]["deployment"], "nothing");
    let (status, answer) = peer.send(Method::GET, "/__emulator/journal?wait=9&timeout=0.05", None).await;
    assert_eq!(status, 408, "{answer}");
    peer.control(Method::DELETE, "journal", Value::Null).await;
    assert!(emulator.requests().is_empty());
}

#[tokio::test]
async fn what_is_wrong_is_named_and_changes_nothing() {
    let emulator = Emulator::start().await.unwrap();
    let peer = Peer::of(&emulator);
    for (path, body, words) in [
        ("faults", json!({"preset": "nothing"}), "unknown variant `nothing`"),
        ("faults", json!({"next": 1}), "a fault has one of preset"),
        ("rules", json!({"matches": "("}), "regex parse error"),
        ("deployments/a", json!({"modle": "x"}), "unknown field `modle`"),
    ] {
        let method = if path.starts_with("deployments") { Method::PUT } else { Method::POST };
        let (status, answer) = peer.send(method, &format!("/__emulator/{path}"), Some(body)).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert!(status == 400 && message.contains(words), "{status} {answer}");
    }
    assert_eq!(peer.send(Method::GET, "/__emulator/nothing", None).await.0, 404);
    assert_eq!(peer.send(Method::PATCH, "/__emulator/faults", None).await.0, 405);
    assert_eq!(peer.control(Method::GET, "faults", Value::Null).await, json!([]));
}

#[tokio::test]
async fn a_name_that_is_no_deployment_is_not_made_one_by_a_quota_or_a_change() {
    let builder = Emulator::builder().only_declared(true).deployment("triage", "gpt-4o");
    let emulator = builder.deployment("of-any-model", DeploymentSettings::default()).start().await.unwrap();
    let peer = Peer::of(&emulator);
    for (method, path) in [
        (Method::PUT, "quotas/triga"),
        (Method::POST, "quotas/triga"),
        (Method::DELETE, "quotas/triga"),
        (Method::GET, "quotas/triga"),
        (Method::GET, "deployments/triga"),
        (Method::DELETE, "deployments/triga"),
    ] {
        let (status, answer) = peer.send(method.clone(), &format!("/__emulator/{path}"), Some(json!({}))).await;
        assert_eq!(status, 404, "{method} {path}");
        assert_eq!(answer["error"]["message"], "There is no deployment 'triga'.");
    }
    for method in [Method::PUT, Method::PATCH] {
        let (status, answer) = peer.send(method, "/__emulator/deployments/triga", Some(json!({"region": "x"}))).await;
        assert_eq!((status, &answer["error"]["message"]), (400, &json!("`triga`: missing `model`")));
    }
    assert_eq!(peer.ask("triga", "hi").await.0, 404);
    peer.control(Method::PATCH, "deployments/gpt-4o", json!({"region": "x"})).await;
    assert_eq!(peer.ask("gpt-4o", "hi").await.0, 200);
}

#[tokio::test]
async fn reading_the_scripts_deploys_nothing() {
    let emulator = Emulator::start().await.unwrap();
    let peer = Peer::of(&emulator);
    peer.control(Method::PUT, "scripts/own", json!([{"text": "first"}])).await;
    peer.control(Method::DELETE, "deployments/own", Value::Null).await;
    assert_eq!(peer.control(Method::GET, "scripts", Value::Null).await, json!({"own": [{"text": "first"}]}));
    peer.control(Method::POST, "scripts", json!({"deployment": "more", "answers": [{"text": "x"}]})).await;
    assert_eq!((peer.ask("own", "hi").await.0, peer.ask("more", "hi").await.0), (404, 200));
    peer.control(Method::PUT, "scripts", json!([])).await;
    assert_eq!(peer.control(Method::GET, "scripts", Value::Null).await, json!({}));
}

#[tokio::test]
async fn each_path_of_the_overview_takes_its_methods() {
    let emulator = Emulator::builder().deployment("d", "gpt-4o").start().await.unwrap();
    let peer = Peer::of(&emulator);
    peer.control(Method::PUT, "policies/strict", json!({"triggers": []})).await;
    let overview = peer.control(Method::GET, "", Value::Null).await;
    for path in overview["paths"].as_object().unwrap().keys() {
        let (methods, path) = path.split_once(" /").unwrap();
        let path = path.split('?').next().unwrap().replace("{name}", "strict").replace("{deployment}", "d");
        let path = if path.contains("deployments/") { path.replace("strict", "d") } else { path };
        for method in methods.split(' ') {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let (status, answer) = peer.send(method.clone(), &format!("/{path}"), Some(json!([]))).await;
            assert!(!matches!(status, 404 | 405), "{method} {path}: {status} {answer}");
            peer.control(Method::PUT, "policies/strict", json!({"triggers": []})).await;
            peer.control(Method::PUT, "deployments/d", json!("gpt-4o")).await;
        }
    }
    let policy = json!({"triggers": [{"phrase": "p", "category": "hate", "severity": "medium", "on": "prompt", "annotate_only": false}]});
    peer.control(Method::PUT, "policies/strict", policy.clone()).await;
    assert_eq!(peer.control(Method::GET, "policies/strict", Value::Null).await, policy);
    assert_eq!(peer.send(Method::GET, "/__emulator/policies/strikt", None).await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closure_that_answers_may_change_the_emulator() {
    let own = Arc::new(OnceLock::<Emulator>::new());
    let handle = Arc::clone(&own);
    let builder = Emulator::builder().respond(move |_| {
        handle.get()?.deploy("more", "gpt-4o");
        Some(Answer::text("deployed"))
    });
    let emulator = builder.start().await.unwrap();
    let peer = Peer::of(own.get_or_init(|| emulator));
    let asked = tokio::time::timeout(Duration::from_secs(10), peer.text("gpt-4o", "hi")).await;
    assert_eq!(asked.as_deref(), Ok("deployed"));
    assert_eq!(peer.ask("more", "hi").await.0, 200);
}

#[tokio::test]
async fn test_tokens_sign_in_where_they_fit() {
    let sign_in = SignIn::new().audience("https://ai.azure.com").tenant("contoso").keys_disabled();
    let emulator = Emulator::builder().sign_in(sign_in).start().await.unwrap();
    let peer = Peer::of(&emulator);
    let (status, answer) = peer.ask("gpt-4o", "hi").await;
    assert_eq!((status, &answer["error"]["code"]), (403, &json!("AuthenticationTypeDisabled")));
    let url = format!("{}/openai/v1/chat/completions", emulator.endpoint());
    let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}).to_string();
    for (query, wanted, code) in [
        ("audience=https://ai.azure.com&tenant=contoso", 200, Value::Null),
        ("scope=https://ai.azure.com/.default&tenant=contoso", 200, Value::Null),
        ("tenant=contoso", 401, json!("Unauthorized")),
        ("audience=https://ai.azure.com&tenant=contoso&expires_in=-1", 401, json!("Unauthorized")),
        (
            "audience=https://ai.azure.com&tenant=other",
            400,
            json!("Tenant provided in token does not match resource token"),
        ),
    ] {
        let token = peer.control(Method::GET, &format!("token?{query}"), Value::Null).await;
        let token = token["access_token"].as_str().unwrap();
        let response = peer.client.post(&url).bearer_auth(token).body(body.clone()).send().await.unwrap();
        let status = response.status().as_u16();
        let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!((status, answer["error"]["code"].clone()), (wanted, code), "{query}");
    }
}

#[tokio::test]
async fn deployments_differ_in_key_region_strictness_and_spillover() {
    let busy = DeploymentSettings::of("gpt-4o-2024-11-20").quota(Quota::requests(0)).spillover("spare");
    let spare = DeploymentSettings::of("gpt-4o-mini-2024-07-18").region("Sweden Central").key("spare-key");
    let loose = DeploymentSettings::of("o1-2024-12-17").strictness(azure_openai_emulator::Strictness::Off);
    let emulator = Emulator::builder().deployment("busy", busy).deployment("spare", spare).deployment("loose", loose);
    let emulator = emulator.start().await.unwrap();
    let ask = async |deployment: &str, key: &str, extra: Value| {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut body = json!({"model": deployment, "messages": [{"role": "user", "content": "hi"}]});
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let url = format!("{}/openai/v1/chat/completions", emulator.endpoint());
        client.post(url).header("api-key", key).body(body.to_string()).send().await.unwrap()
    };
    assert_eq!(ask("spare", "other", json!({})).await.status(), 401);
    let answer = ask("spare", "spare-key", json!({})).await;
    assert_eq!((answer.status().as_u16(), answer.headers()["x-ms-region"].to_str().unwrap()), (200, "Sweden Central"));
    let spilled = ask("busy", "spare-key", json!({})).await;
    assert_eq!(spilled.headers()["x-ms-spillover-from-deployment"], "busy");
    assert_eq!(spilled.headers()["x-ms-deployment-name"], "spare");
    let not_spilled = ask("busy", "other", json!({})).await;
    assert_eq!(
        (not_spilled.status().as_u16(), not_spilled.headers()["x-ms-spillover-error"].to_str().unwrap()),
        (429, "401")
    );
    assert_eq!(ask("loose", "any", json!({"temperature": 5, "tomorrow": 1})).await.status(), 200);
}

#[tokio::test]
async fn tokens_are_limited_as_requests_are() {
    let small =
        DeploymentSettings::of("gpt-4o-2024-11-20").quota(Quota::default().tokens(100).per(Duration::from_secs(30)));
    let emulator = Emulator::builder().deployment("small", small).start().await.unwrap();
    let peer = Peer::of(&emulator);
    let body =
        |limit: u64| json!({"model": "small", "max_tokens": limit, "messages": [{"role": "user", "content": "hi"}]});
    assert_eq!(peer.send(Method::POST, "/openai/v1/chat/completions", Some(body(20))).await.0, 200);
    let (status, answer) = peer.send(Method::POST, "/openai/v1/chat/completions", Some(body(200))).await;
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(status == 429 && message.contains("exceeded token rate limit"), "{status} {message}");
}

#[tokio::test]
async fn a_client_that_leaves_is_recorded() {
    let emulator =
        Emulator::builder().script("gpt-4o", Answer::words(50)).pace(Duration::from_millis(50)).start().await.unwrap();
    let body = json!({"model": "gpt-4o", "stream": true, "messages": [{"role": "user", "content": "hi"}]}).to_string();
    let request = reqwest::Client::new().post(format!("{}/openai/v1/chat/completions", emulator.endpoint()));
    let mut response = request.header("api-key", "k").body(body).send().await.unwrap();
    response.chunk().await.unwrap();
    drop(response);
    assert!(emulator.wait_for_requests(1, Duration::from_secs(10)).await);
    let requests = emulator.requests().to("gpt-4o");
    assert_eq!((requests[0].outcome(), requests[0].status()), (Outcome::Disconnected, Some(200)));
    assert_eq!(requests[0].request().unwrap().messages().len(), 1);
}

#[tokio::test]
async fn sound_older_functions_and_the_prompt_cache_are_answered() {
    let emulator = Emulator::builder().deployment("sound", "gpt-4o-audio-preview-2024-12-17").start().await.unwrap();
    let peer = Peer::of(&emulator);
    let post = async |body: Value| peer.send(Method::POST, "/openai/v1/chat/completions", Some(body)).await;
    let messages = json!([{"role": "user", "content": "Say hello"}]);
    let (status, answer) = post(json!({"model": "sound", "messages": messages, "modalities": ["text", "audio"],
        "audio": {"voice": "alloy", "format": "wav"}}))
    .await;
    assert_eq!(status, 200, "{answer}");
    let audio = &answer["choices"][0]["message"]["audio"];
    assert!(audio["data"].as_str().unwrap().starts_with("UklGR") && audio["transcript"].is_string());

    let heard = json!([{"role": "user", "content": [{"type": "input_audio",
        "input_audio": {"data": audio["data"], "format": "wav"}}]}]);
    let (_, answer) = post(json!({"model": "sound", "messages": heard})).await;
    let of_prompt = &answer["usage"]["prompt_tokens_details"]["audio_tokens"];
    assert!(of_prompt.as_u64().unwrap() > 0 && of_prompt.as_u64() < answer["usage"]["prompt_tokens"].as_u64());

    let function =
        json!({"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}});
    let (_, answer) = post(json!({"model": "gpt-4o", "functions": [function],
        "messages": [{"role": "user", "content": "How is the weather in Paris?"}]}))
    .await;
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "function_call", "{answer}");
    assert_eq!(choice["message"]["function_call"], json!({"name": "get_weather", "arguments": "{\"city\":\"Paris\"}"}));

    let long = json!({"model": "gpt-4o", "messages": [{"role": "system", "content": "a b c d e f g h ".repeat(400)},
        {"role": "user", "content": "hi"}]});
    let cached = |answer: &Value| answer["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap();
    assert_eq!(cached(&post(long.clone()).await.1), 0);
    let known = cached(&post(long).await.1);
    assert!(known >= 1024 && known % 128 == 0, "{known}");
}

#[tokio::test]
async fn a_request_picks_a_filter_policy_by_name_and_an_unknown_one_is_refused() {
    let policy = FilterPolicy::new().trigger(FilterTrigger::in_prompts("make it bleed", "violence"));
    let emulator = Emulator::builder().policy("strict", policy).start().await.unwrap();
    let ask = async |policy: Option<&str>| {
        let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "please make it bleed"}]});
        let url = format!("{}/openai/v1/chat/completions", emulator.endpoint());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut request = client.post(url).header("api-key", "key").body(body.to_string());
        if let Some(policy) = policy {
            request = request.header("x-policy-id", policy);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        (status, answer["error"]["code"].clone())
    };
    assert_eq!(ask(None).await, (200, Value::Null));
    assert_eq!(ask(Some("strict")).await, (400, json!("content_filter")));
    assert_eq!(ask(Some("other")).await, (400, json!("InvalidContentFilterPolicy")));
}
