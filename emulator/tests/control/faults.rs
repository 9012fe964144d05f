//! Tests of faults: the requests they apply to, and reading and setting them over HTTP.

use azure_openai_emulator::{Emulator, Fault, Outcome, Preset};
use reqwest::Method;
use serde_json::{Value, json};

use super::support::Peer;

#[tokio::test]
async fn a_fault_applies_to_requests_with_a_header_or_a_phrase() {
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
async fn a_header_with_an_unknown_fault_is_an_error() {
    let emulator = Emulator::start().await.unwrap();
    let request = reqwest::Client::new().get(format!("{}/openai/v1/models", emulator.endpoint()));
    let response = request.header("x-emulator-fault", "rate_limt").send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert!(response.text().await.unwrap().contains("There is no preset 'rate_limt'"));
}

#[tokio::test]
async fn a_fault_that_is_read_is_the_one_that_was_set() {
    let emulator = Emulator::start().await.unwrap();
    let peer = Peer::of(&emulator);
    let faults = json!([
        {"preset": "rate_limit", "retry_after_ms": 20, "headers": {"x-more": "1"}, "next": 2},
        {"preset": "firewall", "body": "closed", "always": true},
        {"html": 502, "headers": {"content-type": "text/plain"}, "every": 3},
        {"status": 503, "body": "{}", "retry_after_ms": 1500, "probability": 0.25, "seed": 7},
        {"delay_ms": 5, "next": 1, "deployment": "d", "header": "x-test: 7", "phrase": "p"},
        {"reset": true, "next": 1},
        {"content_type": "text/html", "next": 1},
        {"truncate_after": 1, "next": 1},
        {"cut_after": 2, "next": 1},
        {"stall_after": 3, "next": 1},
        {"malformed_after": 4, "next": 1},
        {"error_after": 5, "next": 1},
        {"extra_after_done": "more", "next": 1},
        {"late_end_ms": 6, "next": 1},
        {"trickle_ms": 7, "next": 1},
    ]);
    assert_eq!(peer.control(Method::PUT, "faults", faults.clone()).await, faults);
    let read = peer.control(Method::GET, "faults", Value::Null).await;
    assert_eq!(peer.control(Method::PUT, "faults", read).await, faults);
}

#[tokio::test]
async fn what_belongs_to_another_fault_is_refused() {
    let emulator = Emulator::start().await.unwrap();
    let peer = Peer::of(&emulator);
    for (fault, message) in [
        (
            json!({"cut_after": 1, "retry_after_ms": 1}),
            "retry_after_ms, body and headers belong to preset, status or html",
        ),
        (json!({"cut_after": 1, "seed": 1}), "seed belongs to probability"),
        (json!({"cut_after": 1, "probability": 1.5}), "invalid value: 1.5, expected a number from 0 to 1"),
    ] {
        let (status, answer) = peer.send(Method::POST, "/__emulator/faults", Some(fault)).await;
        assert!(status == 400 && answer["error"]["message"].as_str().unwrap().contains(message), "{answer}");
    }
}

#[tokio::test]
async fn a_header_of_a_fault_takes_the_place_of_its_own() {
    let page = Fault::html(502).header("Content-Type", "text/plain").header("x-proxy", "nginx");
    let emulator = Emulator::builder().fault(page).start().await.unwrap();
    let response = reqwest::get(format!("{}/openai/v1/models", emulator.endpoint())).await.unwrap();
    let types: Vec<_> = response.headers().get_all("content-type").iter().collect();
    assert_eq!(types, ["text/plain"]);
    assert_eq!(response.headers()["x-proxy"], "nginx");
}

#[tokio::test]
async fn a_seed_repeats_the_requests_that_a_fault_applies_to() {
    let struck = async |share: f64, seed: u64| {
        let fault = Fault::status(503).with_probability(share, seed);
        let emulator = Emulator::builder().fault(fault).start().await.unwrap();
        let peer = Peer::of(&emulator);
        let mut statuses = Vec::new();
        for _ in 0..60 {
            statuses.push(peer.ask("gpt-4o-mini", "hi").await.0);
        }
        statuses
    };
    let one = struck(0.5, 7).await;
    assert!((15..45).contains(&one.iter().filter(|status| **status == 503).count()), "{one:?}");
    assert_eq!(struck(0.5, 7).await, one);
    assert_ne!(struck(0.5, 8).await, one);
    assert!(struck(0.0, 7).await.iter().all(|status| *status == 200));
    assert!(struck(1.0, 7).await.iter().all(|status| *status == 503));
}

#[tokio::test]
async fn a_fault_that_cannot_be_followed_is_refused_with_the_reason() {
    for (fault, reason) in [
        (r#"{"status": 9999}"#, "status is from 100 to 999"),
        (r#"{"html": 9}"#, "html is from 100 to 999"),
        (r#"{"status": 503, "every": 0}"#, "every is from 1"),
        (r#"{"status": 503, "headers": {"a b": "c"}}"#, "\"a b\" and its value are no header"),
        (r#"{"status": 503, "headers": {"Content-Length": "5"}}"#, "the header Content-Length follows the body"),
    ] {
        let error = serde_json::from_str::<Fault>(fault).unwrap_err().to_string();
        assert!(error.starts_with(reason), "{error}");
    }
    let emulator = Emulator::builder().fault(Fault::status(503).header("Content-Length", "5")).start().await.unwrap();
    let response = reqwest::get(format!("{}/openai/v1/models", emulator.endpoint())).await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(response.text().await.unwrap().contains("A fault of the emulator."));
}
