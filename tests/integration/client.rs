//! The client as a whole: what it checks before sending, what it logs, its settings, several backends.

use std::time::Duration;

use azure_openai_chat::request::{DataSource, DataSourceAuthentication};
use azure_openai_chat::{
    ApiKey, ApiVersion, Backend, CallOptions, ChatClient, ChatCompletionRequest, Deployment, Error, ErrorKind, Model,
    RetryPolicy, Rule, Validation, ValidationError,
};
use azure_openai_emulator::Emulator;
use futures::TryStreamExt;
use serde_json::json;
use tracing_subscriber::filter::LevelFilter;
use wiremock::ResponseTemplate;

use crate::support::{
    KEY, Log, builder, client, completion, delta, events, finish, ok_json, ok_stream, question, sent_bodies,
    sent_headers, serving, untouched,
};

/// Breaks no rule, but the documents discourage it: an api version that does not know `reasoning_effort`.
fn discouraged(deployment: &str) -> ChatCompletionRequest {
    let request = ChatCompletionRequest::builder(deployment).user("hi").reasoning_effort("low");
    request.build().unwrap()
}

/// Breaks two rules of its model.
fn wrong() -> ChatCompletionRequest {
    let o1 = Deployment::new("o1").model(Model::O1_2024_12_17);
    ChatCompletionRequest::builder(o1).user("hi").temperature(0.5).build_unchecked()
}

fn parameters(error: &Error) -> Vec<(String, Rule)> {
    let source = std::error::Error::source(error).unwrap();
    let violations = source.downcast_ref::<ValidationError>().unwrap().violations();
    violations.iter().map(|violation| (violation.parameter().to_owned(), violation.rule())).collect()
}

#[tokio::test]
async fn advice_is_sent_all_the_same_and_logged_once_for_each_deployment() {
    let (log, _guard) = Log::listen(LevelFilter::WARN);
    let server = serving("four calls", vec![ok_json(&completion("hello")); 4]).await;
    let client = builder(server.uri()).api_version(ApiVersion::V2024_02_01).build().unwrap();
    for deployment in ["one", "one", "two", "one"] {
        client.complete(&discouraged(deployment)).await.unwrap();
    }
    let lines = log.lines();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    for (line, deployment) in lines.iter().zip(["one", "two"]) {
        assert!(line.trim_start().starts_with("WARN"), "{line}");
        assert!(line.contains(&format!("deployment=\"{deployment}\"")), "{line}");
        assert!(line.contains("reasoning_effort is documented from 2024-12-01-preview on"), "{line}");
    }
}

#[tokio::test]
async fn advisory_validation_stops_violations_before_they_are_sent() {
    let server = untouched("calls that break a rule").await;
    let client = client(server.uri());
    for error in [client.complete(&wrong()).await.unwrap_err(), client.stream(&wrong()).await.unwrap_err()] {
        assert_eq!((error.kind(), error.attempts()), (ErrorKind::InvalidRequest, 0));
        let broken = parameters(&error);
        assert!(broken.contains(&("temperature".to_owned(), Rule::UnsupportedParameter)), "{broken:?}");
        assert!(broken.contains(&("max_completion_tokens".to_owned(), Rule::RequiredParameter)), "{broken:?}");
    }
    let silent: ChatCompletionRequest = serde_json::from_value(json!({"model": "gpt"})).unwrap();
    let error = client.complete(&silent).await.unwrap_err();
    assert_eq!(parameters(&error), [("messages".to_owned(), Rule::RequiredParameter)]);
}

#[tokio::test]
async fn strict_validation_stops_advice_too() {
    let (log, _guard) = Log::listen(LevelFilter::WARN);
    let server = untouched("calls that are discouraged").await;
    let client = builder(server.uri()).api_version(ApiVersion::V2024_02_01).validation(Validation::Strict);
    let error = client.build().unwrap().complete(&discouraged("one")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert_eq!(parameters(&error), [("reasoning_effort".to_owned(), Rule::Advice)]);
    assert!(log.lines().is_empty(), "{:#?}", log.lines());
}

#[tokio::test]
async fn without_validation_anything_is_sent_and_nothing_said() {
    let (log, _guard) = Log::listen(LevelFilter::WARN);
    let server = serving("two calls", vec![ok_json(&completion("hello")); 2]).await;
    let client = builder(server.uri()).api_version("2024-02-31").validation(Validation::Off).build().unwrap();
    client.complete(&wrong()).await.unwrap();
    client.complete(&discouraged("one")).await.unwrap();
    assert_eq!(sent_bodies(&server).await[0]["temperature"], 0.5);
    assert!(log.lines().is_empty(), "{:#?}", log.lines());
}

#[tokio::test]
async fn an_unknown_api_version_is_sent_with_a_word_about_it() {
    let (log, _guard) = Log::listen(LevelFilter::WARN);
    let server = serving("a call", [ok_json(&completion("hello"))]).await;
    let client = builder(server.uri()).api_version("2027-01-01-preview").build().unwrap();
    client.complete(&question()).await.unwrap();
    let seen = server.received_requests().await.unwrap();
    assert_eq!(seen[0].url.query(), Some("api-version=2027-01-01-preview"));
    assert!(log.lines()[0].contains("'2027-01-01-preview'"), "{:#?}", log.lines());
}

#[tokio::test]
async fn another_model_than_declared_is_told_once_whole_or_streamed() {
    let answered = "gpt-4o-mini-2024-07-18";
    let mut whole = completion("hello");
    whole["model"] = json!(answered);
    let mut chunk = delta("hello");
    chunk["model"] = json!(answered);
    let streamed = events(&[json!({"model": "", "choices": []}), chunk, finish("stop")]);
    let declared = |name: &str, model: Model| {
        ChatCompletionRequest::builder(Deployment::new(name).model(model)).user("hi").build().unwrap()
    };
    for stream_first in [false, true] {
        let (log, _guard) = Log::listen(LevelFilter::WARN);
        let answers = [ok_json(&whole), ok_stream(streamed.clone())];
        let order = if stream_first { [1, 0, 1] } else { [0, 1, 0] };
        let mut turn: Vec<_> = order.iter().map(|at| answers[*at].clone()).collect();
        turn.push(answers[0].clone());
        let server = serving("four calls", turn).await;
        let client = client(server.uri());
        let request = declared("team", Model::GPT_4O_2024_08_06);
        for at in order {
            if at == 0 {
                client.complete(&request).await.unwrap();
            } else {
                let mut stream = client.stream(&request).await.unwrap();
                while stream.try_next().await.unwrap().is_some() {}
            }
        }
        client.complete(&declared("right", answered.parse().unwrap())).await.unwrap();
        let lines = log.lines();
        assert_eq!(lines.len(), 1, "{lines:#?}");
        assert!(lines[0].contains("deployment=\"team\""), "{lines:#?}");
        assert!(lines[0].contains(&format!("declared as gpt-4o-2024-08-06 but answered as {answered}")), "{lines:#?}");
    }
}

#[tokio::test]
async fn a_prediction_in_a_region_without_them_is_told() {
    let emulator = Emulator::builder().region("Southeast Asia").start().await.unwrap();
    let request = ChatCompletionRequest::builder("gpt-4o-mini").user("hi").prediction("hi").build().unwrap();
    for streaming in [false, true] {
        let (log, _guard) = Log::listen(LevelFilter::WARN);
        let client = client(emulator.endpoint());
        if streaming {
            client.stream(&request).await.unwrap();
        } else {
            client.complete(&request).await.unwrap();
        }
        assert!(
            log.lines().iter().any(|line| line.contains("Southeast Asia does not offer predicted outputs")),
            "{:#?}",
            log.lines()
        );
    }
}

#[tokio::test]
async fn a_check_says_what_sending_would_without_sending() {
    let server = untouched("checks").await;
    let client = builder(server.uri()).api_version(ApiVersion::V2024_02_01).build().unwrap();
    assert!(client.check(&question()).is_clean());
    let check = client.check(&wrong());
    assert_eq!(check.violations()[0].parameter(), "temperature");
    let check = client.check(&discouraged("one"));
    assert!(check.violations().is_empty());
    assert_eq!(check.advice()[0].parameter(), "reasoning_effort");
    let o1 = json!({"model": "o1", "stream": true, "max_completion_tokens": 30_000, "messages": [{"role": "user", "content": "hi"}]});
    let request: ChatCompletionRequest = serde_json::from_value(o1).unwrap();
    assert_eq!(client.check(&request).violations()[0].parameter(), "stream");
}

#[tokio::test]
async fn a_check_of_a_stream_sees_what_stream_would_refuse() {
    let server = untouched("checks").await;
    let client = builder(server.uri()).build().unwrap();
    let request = ChatCompletionRequest::builder("o1").user("hi").uncapped().build().unwrap();
    assert!(client.check(&request).violations().is_empty());
    let check = client.check_stream(&request);
    let [violation] = check.violations() else { panic!("{check:?}") };
    let expected = "stream: o1 does not stream on Azure: use complete() instead of stream()";
    assert_eq!(violation.to_string(), expected);
    let error = client.stream(&request).await.unwrap_err();
    assert_eq!(error.violations(), check.violations());
}

#[tokio::test]
async fn a_check_of_a_stream_says_that_its_usage_will_be_unknown() {
    let server = untouched("checks").await;
    let client = builder(server.uri()).api_version(ApiVersion::V2024_10_21).build().unwrap();
    assert!(client.check(&question()).is_clean());
    let check = client.check_stream(&question());
    assert!(check.violations().is_empty());
    let advice: Vec<String> = check.advice().iter().map(ToString::to_string).collect();
    assert_eq!(
        advice,
        ["stream_options: 2024-10-21 has no stream_options, so the usage of this stream will be unknown: set another \
          .api_version(..), such as ApiVersion::V1"]
    );
}

#[tokio::test]
async fn a_strict_client_checks_as_strictly_as_it_sends() {
    let server = untouched("checks").await;
    let strict = builder(server.uri()).api_version(ApiVersion::V2024_10_21).validation(Validation::Strict);
    let client = strict.build().unwrap();
    let check = client.check_stream(&question());
    assert_eq!(check.violations()[0].rule(), Rule::Advice);
    assert_eq!(client.stream(&question()).await.unwrap_err().violations(), check.violations());
    assert!(client.check(&question()).is_clean());
}

#[tokio::test]
async fn a_check_is_content_with_one_backend_that_serves_the_request() {
    let server = untouched("checks").await;
    let source = DataSource::azure_search("https://s", "i", DataSourceAuthentication::api_key("k"));
    let request = ChatCompletionRequest::builder("d").user("hi").data_source(source).build().unwrap();
    let on_v1 = || builder(server.uri()).api_version(ApiVersion::V1);
    assert_eq!(on_v1().build().unwrap().check(&request).violations()[0].parameter(), "data_sources");
    let dated = Backend::new(server.uri(), ApiKey::new("k")).api_version(ApiVersion::V2024_10_21);
    assert!(on_v1().backend(dated).build().unwrap().check(&request).violations().is_empty());
}

#[test]
fn settings_that_cannot_work_are_told_when_the_client_is_built() {
    let fresh = || ChatClient::builder("https://r.openai.azure.com", ApiKey::new("k"));
    let header = |name: &str| fresh().defaults(CallOptions::new().header(name, "v"));
    let eleven = (0..11)
        .fold(fresh(), |builder, number| builder.defaults(CallOptions::new().header(format!("x-{number}"), "v")));
    for (builder, words) in [
        (header("no name"), "\"no name\""),
        (header("api-key"), "'api-key'"),
        (fresh().defaults(CallOptions::new().client_request_id("1")), "client_request_id is for one call"),
        (eleven, "11 custom headers"),
        (fresh().backend(Backend::new("", ApiKey::new("k"))), "endpoint is empty"),
        (fresh().backend(Backend::new("https://s.openai.azure.com", ApiKey::new(""))), "API key is empty"),
        (fresh().backend(Backend::new("https://s.openai.azure.com", ApiKey::new("k")).weight(0)), "weight 0"),
    ] {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn the_clients_own_clocks_and_transport_are_used() {
    let slow = ok_json(&completion("late")).set_delay(Duration::from_secs(5));
    let server = serving("slow calls", vec![slow; 2]).await;
    let impatient = builder(server.uri()).answer_timeout(Duration::from_millis(100)).build().unwrap();
    assert_eq!(impatient.complete(&question()).await.unwrap_err().kind(), ErrorKind::Timeout);
    let impatient = builder(server.uri())
        .defaults(CallOptions::new().first_event_timeout(Duration::from_millis(100)))
        .build()
        .unwrap();
    let options = CallOptions::new().client_request_id("c1");
    let error = impatient.stream_with(&question(), &options).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::Timeout, "deployment 'gpt': no first event within 0.1 s [client request id c1]")
    );

    let server = serving("a call with an HTTP client that was configured", [ok_json(&completion("hello"))]).await;
    let client = builder(server.uri()).configure_http(|http| http.user_agent("mine")).build().unwrap();
    client.complete(&question()).await.unwrap();
    assert_eq!(sent_headers(&server, "user-agent").await, ["mine"]);
}

#[tokio::test]
async fn clones_share_connections_and_what_was_told() {
    let (log, _guard) = Log::listen(LevelFilter::WARN);
    let server = serving("two calls", vec![ok_json(&completion("hello")); 2]).await;
    let client = builder(server.uri()).api_version(ApiVersion::V2024_02_01).build().unwrap();
    client.complete(&discouraged("one")).await.unwrap();
    client.clone().complete(&discouraged("one")).await.unwrap();
    assert_eq!(log.lines().len(), 1);
}

#[tokio::test]
async fn a_busy_backend_rests_and_the_next_takes_over() {
    let busy =
        ResponseTemplate::new(429).insert_header("retry-after", "30").set_body_json(json!({"error": {"code": "429"}}));
    let first = serving("the busy one", [busy]).await;
    let second = serving("the next one", vec![ok_json(&completion("hello")); 2]).await;
    let standby = Backend::new(second.uri(), ApiKey::new("other-key")).priority(1).deployment("gpt", "gpt-standard");
    let client = builder(first.uri()).retry(RetryPolicy::none()).backend(standby).build().unwrap();
    let completion = client.complete(&question()).await.unwrap();
    assert_eq!(completion.metadata().attempts(), 2);
    assert_eq!(completion.metadata().endpoint(), Some(second.uri().as_str()));
    client.complete(&question()).await.unwrap();
    assert_eq!(sent_headers(&first, "api-key").await, [KEY]);
    assert_eq!(sent_headers(&second, "api-key").await, ["other-key"; 2]);
    assert_eq!(sent_bodies(&second).await[0]["model"], "gpt-standard");
}

/// Takes data of one's own, which the v1 route does not.
fn dated(url: String) -> Backend {
    Backend::new(url, ApiKey::new(KEY)).api_version(ApiVersion::V2024_10_21).priority(1)
}

fn on_own_data() -> ChatCompletionRequest {
    let login = DataSourceAuthentication::system_assigned_managed_identity();
    let source = DataSource::azure_search("https://s.search.windows.net", "index", login);
    ChatCompletionRequest::builder("gpt").user("hi").data_source(source).build().unwrap()
}

#[tokio::test]
async fn a_backend_whose_api_version_cannot_serve_a_request_is_passed_over() {
    let down = || ResponseTemplate::new(503);
    let first = serving("the dated one", [down()]).await;
    let second = untouched("data of one's own").await;
    let v1 = Backend::new(second.uri(), ApiKey::new(KEY)).api_version(ApiVersion::V1).priority(1);
    let client = builder(first.uri()).api_version(ApiVersion::V2024_10_21).retry(RetryPolicy::none()).backend(v1);
    let error = client.build().unwrap().complete(&on_own_data()).await.unwrap_err();
    assert_eq!(error.status(), Some(503));

    let first = untouched("data of one's own").await;
    let second = serving("the dated one", [ok_json(&completion("hello"))]).await;
    let client = builder(first.uri()).backend(dated(second.uri())).build().unwrap();
    assert_eq!(client.complete(&on_own_data()).await.unwrap().text(), Some("hello"));

    let (first, second) = (untouched("no dated one").await, untouched("no dated one").await);
    let v1 = Backend::new(second.uri(), ApiKey::new(KEY));
    let client = builder(first.uri()).backend(v1).build().unwrap();
    assert_eq!(client.complete(&on_own_data()).await.unwrap_err().kind(), ErrorKind::InvalidRequest);
}

#[tokio::test]
async fn no_level_of_the_log_shows_a_secret_a_prompt_or_an_answer() {
    let (log, _guard) = Log::listen(LevelFilter::TRACE);
    let echo = ResponseTemplate::new(503).set_body_json(json!({"error": {"code": "503", "message": "canary-prompt"}}));
    let stream = ok_stream(events(&[delta("canary-answer"), finish("stop")]));
    let server = serving("three calls", [echo, ok_json(&completion("canary-answer")), stream]).await;
    let client =
        builder(server.uri()).defaults(CallOptions::new().header("x-secret", "canary-header")).build().unwrap();
    let request = ChatCompletionRequest::builder("gpt").user("canary-prompt").build().unwrap();
    client.complete(&request).await.unwrap();
    let mut stream = client.stream(&request).await.unwrap();
    while stream.try_next().await.unwrap().is_some() {}
    let lines = log.lines();
    assert!(lines.iter().any(|line| line.contains("trying again")), "{lines:#?}");
    assert!(lines.iter().all(|line| !line.contains("canary")), "{lines:#?}");
    assert!(!format!("{client:?} {request:?} {stream:?}").contains("canary"));
}

#[test]
fn a_credential_of_azure_identity_is_taken_as_it_is() {
    let credential = azure_identity::DeveloperToolsCredential::new(None).unwrap();
    let client = ChatClient::new("https://my-resource.openai.azure.com", credential).unwrap();
    assert_eq!(client.api_version(), &ApiVersion::V1);
    assert_eq!(client.endpoint(), "https://my-resource.openai.azure.com");
}
