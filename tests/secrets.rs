//! Whatever goes wrong, nothing that this crate prints holds a key, a token, a prompt or an answer.
//!
//! Every secret of this test begins with the same word, and everything that can be printed is searched for it:
//! `Debug`, `Display` and its alternate form, the sources of errors, and all logs at TRACE, those of other
//! crates included. Servers repeat what they were sent, in every place an error has.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test binary")]

#[path = "support/raw_server.rs"]
mod raw_server;

use std::error::Error as StdError;
use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use azure_openai_chat::request::{DataSource, DataSourceAuthentication};
use azure_openai_chat::transport::Token;
use azure_openai_chat::{
    ApiKey, Backend, CallOptions, ChatClient, ChatCompletionRequest, ContentPart, Credential, Error, ErrorKind,
    Message, ResponseFormat, RetryPolicy, Tool, Validation,
};
use futures::StreamExt;
use raw_server::{RawServer, Script, Step, send};
use serde_json::json;

/// The word that no output may hold, in any case.
const CANARY: &str = "canary";

const KEY: &str = "CANARY-key-0123456789abcdef";
const TOKEN: &str = "eyJ0CANARY-token-0123456789abcdef0123456789abcdef0123456789";

/// All that was printed, and where.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<String>>);

impl Output {
    fn add(&self, place: &str, text: &str) {
        let _ = writeln!(self.0.lock().unwrap(), "{place}: {text}");
    }

    fn debug(&self, place: &str, value: &impl Debug) {
        self.add(place, &format!("{value:?} {value:#?}"));
    }

    fn error(&self, place: &str, error: &Error) {
        self.add(place, &format!("{error} {error:#} {error:?} {error:#?}"));
        self.debug(place, &error.service_error());
        self.debug(place, &error.metadata());
        self.debug(place, &error.content_filter());
        let mut source = error.source();
        while let Some(cause) = source {
            self.add(place, &format!("{cause} {cause:#} {cause:?} {cause:#?}"));
            source = cause.source();
        }
    }

    /// Lines with the word.
    fn leaks(&self) -> Vec<String> {
        let all = self.0.lock().unwrap();
        assert!(!all.is_empty(), "nothing was printed at all");
        all.lines()
            .filter(|line| line.to_lowercase().contains(CANARY))
            .map(|line| line.chars().take(700).collect())
            .collect()
    }

    fn holds(&self, words: &str) -> bool {
        self.0.lock().unwrap().contains(words)
    }
}

impl std::io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A request with a secret in every place that takes words.
fn request() -> ChatCompletionRequest {
    let call = json!({"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"q\":\"CANARY arguments of mine\"}"}});
    let call: azure_openai_chat::ToolCall = serde_json::from_value(call).unwrap();
    ChatCompletionRequest::builder("gpt")
        .system("CANARY system prompt: be kind\nand \"short\"\nplease")
        .message(Message::user_parts([
            ContentPart::text("CANARY question about my salary"),
            ContentPart::image_url("https://contoso.com/CANARY-picture.png?sig=CANARY-signature"),
        ]))
        .message(Message::assistant_tool_calls([call]))
        .tool_result("c1", "CANARY result of the tool")
        .tool(
            Tool::function("f")
                .description("CANARY description of the tool")
                .parameters(json!({"type": "object", "properties": {"CANARY property": {"type": "string"}}})),
        )
        .response_format(ResponseFormat::json_schema(
            "n",
            json!({"type": "object", "description": "CANARY schema text"}),
        ))
        .metadata([("customer", "CANARY metadata value")])
        .end_user("CANARY-user-id-1234")
        .stop(["CANARY stop words"])
        .data_source(DataSource::azure_search(
            "https://s.search.windows.net",
            "index",
            DataSourceAuthentication::api_key("CANARY-search-key-0123"),
        ))
        .extra("made_up", "CANARY of an unknown field")
        .build_unchecked()
}

fn plain() -> ChatCompletionRequest {
    ChatCompletionRequest::builder("gpt").user("CANARY question about my salary").build().unwrap()
}

fn options() -> CallOptions {
    CallOptions::new()
        .header("x-my-secret", "CANARY-header-value-0123")
        .retry(RetryPolicy::default().max_retries(1).base_backoff(Duration::from_millis(1)))
}

/// A whole answer whose end is the end of the connection.
fn answer(status: u16, headers: &str, body: &str) -> Script {
    vec![send(format!("HTTP/1.1 {status} X\r\n{headers}connection: close\r\n\r\n{body}")), Step::Close]
}

const BEGUN: &str = "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"CANARY answer\"}}]}\n\n\
    data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" to your question\"}}]}\n\n\
    data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"CANARY thoughts of the model\"}}]}\n\n\
    data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"refusal\":\"CANARY refusal of the model\"}}]}\n\n\
    data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"CANARY arguments of the model\"}}]}}]}\n\n";

const COMPLETION: &str = r#"{"id":"x","unknown":"CANARY unknown value","choices":[{"index":0,"finish_reason":"stop","logprobs":{"content":[{"token":"CANARY token","logprob":-1,"bytes":[67],"top_logprobs":[]}]},"message":{"role":"assistant","content":"CANARY answer","refusal":"CANARY refusal","reasoning_content":"CANARY thoughts","annotations":[{"type":"url_citation","url_citation":{"url":"https://CANARY","title":"CANARY title"}}],"audio":{"id":"a","data":"CANARYdata","transcript":"CANARY transcript"},"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{\"a\":\"CANARY arguments\"}"}}],"context":{"intent":"CANARY intent","citations":[{"content":"CANARY citation","title":"CANARY title","url":"CANARY url","filepath":"CANARY path"}]}}}]}"#;

/// What servers repeat: everything that was sent, or what they answered.
const SAID: [&str; 11] = [
    "@REQUEST@",
    KEY,
    TOKEN,
    "CANARY question about my salary",
    "CANARY arguments of mine",
    "CANARY metadata value",
    "CANARY-search-key-0123",
    "CANARY-header-value-0123",
    "CANARY-user-id-1234",
    // as JSON inside of JSON writes it
    r#"CANARY system prompt: be kind\\nand \\\"short\\\"\\nplease"#,
    "CANARY-signature",
];

/// Everywhere an error body can repeat something.
fn echoes(said: &str) -> Vec<String> {
    let plain = said.replace("\\\\", "\\");
    vec![
        format!(r#"{{"error":{{"message":"invalid: {said}","code":"c","type":"t"}}}}"#),
        format!(r#"{{"error":{{"message":"no","code":"{said}"}}}}"#),
        format!(r#"{{"error":{{"message":"no","code":"unsupported_parameter","param":"{said}"}}}}"#),
        format!(r#"{{"error":{{"message":"no","type":"{said}"}}}}"#),
        format!(r#"{{"error":{{"message":"no","code":"c","innererror":{{"code":"{said}"}}}}}}"#),
        format!(r#"{{"error":"{said}"}}"#),
        format!(r#"{{"statusCode":400,"message":"{said}"}}"#),
        format!(r#"{{"detail":[{{"loc":["body"],"input":"{said}"}}]}}"#),
        format!(r#""{said}""#),
        format!("cannot read: {plain}"),
        format!("<html><head><title>{plain}</title></head></html>"),
        format!(r#"{{"error":{{"message":"{said}"#),
    ]
}

fn clients(url: &str) -> Vec<ChatClient> {
    let token = Credential::from_fn(|_| async {
        Ok::<_, std::io::Error>(Token::new(TOKEN, SystemTime::now() + Duration::from_secs(3600)))
    });
    [Credential::from(ApiKey::new(KEY)), token]
        .into_iter()
        .map(|credential| {
            ChatClient::builder(url, credential)
                // to read the roots of the system takes a while
                .configure_http(|http| http.tls_certs_only([]))
                .validation(Validation::Off)
                .answer_timeout(Duration::from_secs(5))
                .defaults(
                    CallOptions::new()
                        .header("x-team", "CANARY-default-header-77")
                        .first_event_timeout(Duration::from_secs(5)),
                )
                .stream_idle_timeout(Duration::from_millis(300))
                .build()
                .unwrap()
        })
        .collect()
}

/// Makes both kinds of call and prints all there is to print of them.
async fn drive(output: &Output, place: &str, script: Script, request: &ChatCompletionRequest) {
    let server = RawServer::start(vec![script]).await;
    for client in clients(&server.url) {
        output.debug(place, &client);
        match client.complete_with(request, &options()).await {
            Ok(completion) => {
                output.debug(place, &completion);
                output.debug(place, &completion.choices());
                output.debug(place, &completion.metadata());
            }
            Err(error) => output.error(place, &error),
        }
        let mut stream = match client.stream_with(request, &options()).await {
            Ok(stream) => stream,
            Err(error) => {
                output.error(place, &error);
                continue;
            }
        };
        while let Some(item) = stream.next().await {
            match item {
                Ok(chunk) => output.debug(place, &chunk),
                Err(error) => output.error(place, &error),
            }
            output.debug(place, &stream);
        }
        output.debug(place, &stream.partial());
        match stream.into_completion() {
            Ok(completion) => output.debug(place, &completion),
            Err(error) => output.error(place, &error),
        }
        if let Ok(mut stream) = client.stream_with(request, &options()).await {
            let mut events = stream.events();
            while let Some(event) = events.next().await {
                output.debug(place, &event);
            }
            output.debug(place, &events);
        }
    }
}

/// Things that are made before anything is sent.
fn print_local_things(output: &Output) {
    output.debug("request", &request());
    output.debug("builder", &ChatCompletionRequest::builder("gpt").user("CANARY question"));
    output.debug("options", &options());
    output.debug("key", &ApiKey::new(KEY).with_bearer());
    output.debug("token", &Token::new(TOKEN, SystemTime::now()));
    output.debug("credential", &Credential::fixed_token(TOKEN));
    output.debug("backend", &Backend::new(format!("https://u:{KEY}@h.example"), ApiKey::new(KEY)));
    output.debug(
        "client builder",
        &ChatClient::builder("https://h.example", ApiKey::new(KEY)).defaults(CallOptions::new().header("a", KEY)),
    );
    for violation in request().violations(Some(true), None) {
        output.add("violation", &format!("{violation} {violation:?}"));
    }
    let strange = ChatCompletionRequest::builder("gpt")
        .user("CANARY question")
        .tool(Tool::function("CANARY name").parameters(json!({"type": "CANARY type"})))
        .temperature(9.0)
        .build();
    // names and values of parameters are the caller's own and may be told; what is said may not
    let told = strange.err().map(|error| format!("{error}")).unwrap_or_default();
    assert!(!told.contains("CANARY question"), "{told}");
    for (endpoint, key) in [
        (format!("https://user:{KEY}@h.example"), "k".to_owned()),
        (format!("https://h.example/?code={KEY}"), "k".to_owned()),
        (format!("https://h.example/?api-version={KEY}&sig=1"), "k".to_owned()),
        (format!("https://h.example/#{KEY}"), "k".to_owned()),
        (format!("{KEY}@h.example"), "k".to_owned()),
        (format!("http://h.example/{KEY}"), "k".to_owned()),
        ("https://h.example".to_owned(), format!("{KEY}\n")),
        ("https://h.example".to_owned(), format!("{KEY}\u{e9}")),
    ] {
        let error = ChatClient::new(endpoint, ApiKey::new(key)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        output.error("config", &error);
    }
}

/// Credentials that put secrets where they do not belong. Their panics are their own; what we make of them is ours.
async fn print_credential_failures(output: &Output) {
    let server = RawServer::start(vec![answer(200, "", "{}")]).await;
    let panicking = Credential::from_fn(|scope: String| async move {
        if !scope.is_empty() {
            std::panic::panic_any(TOKEN);
        }
        Err::<Token, _>("never")
    });
    let unsendable = Credential::fixed_token(format!("{TOKEN}\n"));
    for credential in [panicking, unsendable] {
        let client = ChatClient::new(&server.url, credential).unwrap();
        let error = client.complete_with(&plain(), &options()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Credential);
        output.error("credential", &error);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_printed_holds_a_secret() {
    let logs = Output::default();
    let writer = logs.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let panics = Output::default();
    let heard = panics.clone();
    std::panic::set_hook(Box::new(move |info| {
        // a payload that is no text of ours belongs to the credential of this test
        heard.add("panic", &format!("{:?}", info.location()));
    }));
    let output = Output::default();

    print_local_things(&output);
    print_credential_failures(&output).await;
    drive(&output, "answer", answer(200, "apim-request-id: r1\r\n", COMPLETION), &request()).await;
    let stream = format!("{BEGUN}data: [DONE]\n\n");
    drive(&output, "stream", answer(200, "", &stream), &request()).await;
    for rest in [
        "",
        "data: {\"choices\":[{\"delta\":{\"content\":\"CANARY half",
        "data: CANARY no JSON\n\n",
        "data: {\"choices\": \"CANARY\"}\n\ndata: \"CANARY\"\n\n",
        "event: error\ndata: plain words\n\n",
        "data: {\"a\":\"CANARY\u{1}\"}\n\n",
    ] {
        drive(&output, "broken stream", answer(200, "", &format!("{BEGUN}{rest}")), &plain()).await;
    }
    for body in
        ["CANARY words", "{\"CANARY\":", "[\"CANARY\"]", "{\"CANARY\":\"CANARY\"}", "<p>CANARY</p>", "\"CANARY\""]
    {
        drive(&output, "odd body", answer(200, "", body), &plain()).await;
    }
    for said in SAID {
        for (at, echo) in echoes(said).iter().enumerate() {
            let place = |what: &str| format!("{what} {at} with {}", said.replace("CANARY", "C."));
            drive(&output, &place("refusal"), answer(400, "", echo), &request()).await;
        }
        // in one line, as an event is
        for (at, echo) in echoes(said).iter().enumerate().take(7) {
            let place = |what: &str| format!("{what} {at} with {}", said.replace("CANARY", "C."));
            drive(&output, &place("good status"), answer(200, "", echo), &request()).await;
            let stream = format!("{BEGUN}event: error\ndata: {echo}\n\n");
            drive(&output, &place("mid-stream"), answer(200, "", &stream), &request()).await;
        }
    }
    for said in [
        "CANARY answer to your question",
        "CANARY thoughts of the model",
        "CANARY refusal of the model",
        "CANARY arguments of the model",
    ] {
        for echo in echoes(said).iter().take(7) {
            let stream = format!("{BEGUN}event: error\ndata: {echo}\n\n");
            drive(&output, "the answer's echo", answer(200, "", &stream), &plain()).await;
        }
    }
    drive(&output, "redirect", answer(307, "location: http://127.0.0.1:9/CANARY?CANARY\r\n", ""), &plain()).await;
    drive(&output, "reset", vec![Step::Reset], &plain()).await;

    let _ = std::panic::take_hook();
    for (what, output) in [("texts", &output), ("logs", &logs), ("panics", &panics)] {
        let leaks = output.leaks();
        assert!(leaks.is_empty(), "{} leaks in {what}:\n{}", leaks.len(), leaks[..leaks.len().min(25)].join("\n"));
    }
    // the search would have found something
    assert!(logs.holds("azure_openai_chat::transport") && logs.holds("answered"));
    assert!(output.holds("answered 400"));
}

#[tokio::test]
async fn what_the_service_said_is_at_hand_for_those_who_ask() {
    let server = RawServer::start(vec![answer(
        400,
        "",
        r#"{"error":{"message":"bad: CANARY question about my salary","code":"c"}}"#,
    )])
    .await;
    let client = &clients(&server.url)[0];
    let error = client.complete_with(&plain(), &options()).await.unwrap_err();
    assert!(error.message().contains("CANARY question about my salary"));
    assert!(error.service_error().unwrap().body().contains("CANARY"));
    assert!(!error.to_string().contains("CANARY"));
    assert!(error.to_string().contains("(c)"), "{error}");
}
