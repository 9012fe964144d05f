//! Control over HTTP: what is set there takes effect, in its session alone.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "these helpers are tests, too")]

use std::time::Duration;

use azure_openai_emulator::{
    Answer, DeploymentSettings, Emulator, Fault, FilterPolicy, FilterTrigger, Outcome, Preset, Quota, SignIn,
};
use reqwest::Method;
use serde_json::{Value, json};

struct Peer {
    endpoint: String,
    client: reqwest::Client,
    session: Option<&'static str>,
    key: String,
}

impl Peer {
    fn of(emulator: &Emulator) -> Self {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { endpoint: emulator.endpoint(), client, session: None, key: "key".to_owned() }
    }

    fn in_session(&self, name: &'static str) -> Self {
        let (endpoint, client, key) = (self.endpoint.clone(), self.client.clone(), self.key.clone());
        Self { endpoint, client, session: Some(name), key }
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.endpoint)).header("api-key", &self.key);
        if let Some(name) = self.session {
            request = request.header("x-emulator-session", name);
        }
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default())
    }

    async fn control(&self, method: Method, path: &str, body: Value) -> Value {
        let body = (!body.is_null()).then_some(body);
        let (status, answer) = self.send(method, &format!("/__emulator/{path}"), body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    async fn ask(&self, deployment: &str, question: &str) -> (u16, Value) {
        let body = json!({"model": deployment, "messages": [{"role": "user", "content": question}]});
        self.send(Method::POST, "/openai/v1/chat/completions", Some(body)).await
    }

    async fn text(&self, deployment: &str, question: &str) -> String {
        let (status, answer) = self.ask(deployment, question).await;
        assert_eq!(status, 200, "{answer}");
        answer["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned()
    }
}

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
async fn the_journal_is_filtered_waited_for_and_shows_no_key() {
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
async fn a_header_or_a_phrase_asks_for_a_fault() {
    let emulator = Emulator::builder().fault(Fault::preset(Preset::Overloaded).if_prompt_has("break it").always());
    let emulator = emulator.start().await.unwrap();
    let peer = Peer::of(&emulator);
    assert_eq!((peer.ask("gpt-4o", "break it").await.0, peer.ask("gpt-4o", "hi").await.0), (503, 200));
    let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}).to_string();
    let request =
        peer.client.post(format!("{}/openai/v1/chat/completions", emulator.endpoint())).header("api-key", "k");
    let response = request.header("x-emulator-fault", "apim_token_limit").body(body).send().await.unwrap();
    assert_eq!(response.status(), 429);
    assert!(response.text().await.unwrap().starts_with("{\"message\":\"Token limit is exceeded."));
    assert_eq!(emulator.requests().with_outcome(Outcome::Faulted).count(), 2);
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

#[cfg(feature = "record")]
#[tokio::test]
async fn a_recording_is_replayed_and_a_difference_is_named() {
    let folder = std::env::temp_dir().join(format!("emulator-recordings-{}", std::process::id()));
    let real = Emulator::builder().script("gpt-4o", Answer::text("from afar")).start().await.unwrap();
    let recorder = Emulator::builder().record(&folder, real.endpoint()).start().await.unwrap();
    let peer = Peer::of(&recorder);
    assert_eq!(peer.text("gpt-4o", "hello").await, "from afar");
    let file = std::fs::read_to_string(folder.join("00001.json")).unwrap();
    assert!(!file.contains("api-key") && file.contains("from afar"));
    let replay = Emulator::builder().replay(&folder, 0.0).start().await.unwrap();
    let peer = Peer::of(&replay);
    assert_eq!(peer.text("gpt-4o", "hello").await, "from afar");
    let (status, answer) = peer.ask("gpt-4o", "bye").await;
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(status == 404 && message.contains("messages[0].content: recorded \"hello\", sent \"bye\""), "{message}");
    std::fs::remove_dir_all(folder).unwrap();
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
