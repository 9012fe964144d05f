//! Looks into captured traffic: bodies, streams, errors and requests, decoded by this crate.
//!
//! ```text
//! inspect response FILE|-
//! inspect stream   FILE|- [--split N]
//! inspect error    STATUS FILE|- [--header name:value]... [--sent key|token|credential]
//! inspect request  FILE|- [--model ID] [--api-version V]
//! inspect call     FILE|- --deployment D [--stream] [--model ID] [--api-version V]
//!                  [--max-retries N] [--timeout-ms N] [--idle-ms N]
//! inspect endpoint TEXT
//! ```
//!
//! Results are JSON on standard output. Files of `../shared/wire` can be given as they are: of a recording
//! with a `body`, `raw` or example request inside, that part is taken.
//!
//! `endpoint` reads a pasted address as a client does. `url` is the address of a call to the deployment in the text, or
//! without one to a deployment called `deployment`; `deployment` is the one in the text, or null; `api_version` is the one
//! in the text, or `v1`. An address that is refused is `{"error": text}`.

mod support;

use std::error::Error as StdError;
use std::io::{Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use azure_openai_chat::{
    ApiKey, ApiVersion, CallOptions, ChatClient, ChatCompletion, ChatCompletionRequest, ChatCompletionStream,
    Deployment, Error, ErrorKind, ResponseMetadata, RetryPolicy, Sent,
};
use bytes::Bytes;
use futures::{StreamExt, stream};
use serde_json::{Value, json};

type Fallible<T> = Result<T, Box<dyn StdError>>;

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = Arguments(std::env::args().skip(1).collect());
    let result = match arguments.next("a command").as_deref() {
        Ok("response") => response(&mut arguments),
        Ok("stream") => stream_command(&mut arguments).await,
        Ok("error") => error(&mut arguments),
        Ok("request") => request(&mut arguments),
        Ok("call") => call(&mut arguments).await,
        Ok("endpoint") => endpoint(&mut arguments),
        Ok(other) => {
            Err(format!("unknown command '{other}': response, stream, error, request, call or endpoint").into())
        }
        Err(missing) => Err(missing.to_string().into()),
    };
    match result.and_then(|value| Ok(serde_json::to_string_pretty(&value)?)) {
        Ok(text) => {
            // who closes the pipe early has seen enough
            let _ = writeln!(std::io::stdout(), "{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}", support::chain(&*error));
            ExitCode::FAILURE
        }
    }
}

fn response(arguments: &mut Arguments) -> Fallible<Value> {
    let body = part_of(&arguments.file()?, &["/body", "/responses/200/body"]);
    arguments.end()?;
    let completion: ChatCompletion = serde_json::from_slice(&body)?;
    Ok(serde_json::to_value(completion)?)
}

async fn stream_command(arguments: &mut Arguments) -> Fallible<Value> {
    let split = arguments.number("--split")?;
    let body = arguments.file()?;
    arguments.end()?;
    let size = split.map_or(body.len(), |size| size as usize).max(1);
    let pieces: Vec<_> =
        body.chunks(size).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece))).collect();
    let mut stream = ChatCompletionStream::from_bytes(stream::iter(pieces));
    let error = read_to_end(&mut stream).await;
    Ok(json!({
        "chunks": stream.chunk_count(),
        "completion": completion_of(&stream),
        "ended": ended(error.as_ref()),
        "error": error.as_ref().map(|error| json!({
            "kind": error.kind().as_str(),
            "code": error.code(),
            "message": error.message(),
        })),
    }))
}

async fn read_to_end(stream: &mut ChatCompletionStream) -> Option<Error> {
    while let Some(chunk) = stream.next().await {
        if let Err(error) = chunk {
            return Some(error);
        }
    }
    None
}

/// What was received, whether or not the stream ended well.
fn completion_of(stream: &ChatCompletionStream) -> Value {
    if stream.chunk_count() == 0 { Value::Null } else { json!(stream.partial()) }
}

fn ended(error: Option<&Error>) -> &'static str {
    match error.map(Error::kind) {
        None => "done",
        Some(ErrorKind::Interrupted) => "interrupted",
        Some(_) => "error",
    }
}

fn error(arguments: &mut Arguments) -> Fallible<Value> {
    let mut headers = Vec::new();
    while let Some(header) = arguments.option("--header")? {
        let (name, value) = header.split_once(':').ok_or("--header takes name:value")?;
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    let sent = match arguments.option("--sent")?.as_deref() {
        None => None,
        Some("key") => Some(Sent::Key { header: "api-key".to_owned() }),
        Some("token") => Some(Sent::Token),
        Some("credential") => Some(Sent::Credential { scope: None }),
        Some(other) => return Err(format!("--sent takes key, token or credential, not '{other}'").into()),
    };
    let status: u16 = arguments.next("the status")?.parse()?;
    let body = arguments.file()?;
    arguments.end()?;
    let error = Error::from_response(ResponseMetadata::new(status, headers), &part_of(&body, &["/raw", "/body"]));
    let error = match sent {
        Some(sent) => error.with_sent(sent),
        None => error,
    };
    Ok(json!({
        "kind": error.kind().as_str(),
        "status": error.status(),
        "code": error.code(),
        "message": error.message(),
        "param": error.param(),
        "request_id": error.request_id(),
        "retry_after_ms": error.retry_after().map(millis),
        "retryable": error.is_retryable(),
        "content_filter": error.content_filter(),
        "text": error.to_string(),
    }))
}

fn request(arguments: &mut Arguments) -> Fallible<Value> {
    let model = arguments.option("--model")?;
    let version = ApiVersion::from(arguments.option("--api-version")?.unwrap_or_else(|| "v1".to_owned()));
    let request: ChatCompletionRequest = serde_json::from_slice(&asked(&arguments.file()?))?;
    arguments.end()?;
    let request = declare(request, None, model.as_deref())?;
    let streaming = request.asks_for_stream().unwrap_or(false);
    let violations = request.violations(Some(streaming), Some(&version));
    Ok(json!({
        "violations": violations.iter().map(|violation| json!({
            "parameter": violation.parameter(),
            "rule": violation.rule().as_str(),
            "message": violation.message(),
        })).collect::<Vec<_>>(),
        "advice": request.advice(&version).iter().map(|advice| json!({
            "parameter": advice.parameter(),
            "message": advice.message(),
        })).collect::<Vec<_>>(),
        "request": request.body(&version, streaming),
    }))
}

/// Names the deployment, and declares the model of the command line.
fn declare(
    request: ChatCompletionRequest,
    deployment: Option<&str>,
    model: Option<&str>,
) -> Fallible<ChatCompletionRequest> {
    let own = request.deployment().clone();
    let name = deployment.unwrap_or(if own.name().is_empty() { "deployment" } else { own.name() });
    Ok(match model {
        Some(id) => request.with_deployment(Deployment::new(name).model(id.parse()?)),
        None => request.with_deployment(Deployment::from(name)),
    })
}

fn endpoint(arguments: &mut Arguments) -> Fallible<Value> {
    let text = arguments.next("an address")?;
    arguments.end()?;
    let client = match ChatClient::new(text, ApiKey::new("none")) {
        Ok(client) => client,
        Err(error) => return Ok(json!({"error": support::chain(&error)})),
    };
    let name = client.endpoint().deployment().unwrap_or("deployment");
    let request = ChatCompletionRequest::builder(name).user("?").build()?;
    Ok(json!({
        "url": client.url_for(&request)?,
        "api_version": client.api_version(),
        "deployment": client.endpoint().deployment(),
    }))
}

async fn call(arguments: &mut Arguments) -> Fallible<Value> {
    let deployment = arguments.option("--deployment")?.ok_or("--deployment is missing")?;
    let model = arguments.option("--model")?;
    let version = arguments.option("--api-version")?;
    let streamed = arguments.flag("--stream");
    let mut options = CallOptions::new();
    if let Some(retries) = arguments.number("--max-retries")? {
        options = options.retry(RetryPolicy::default().max_retries(u32::try_from(retries)?));
    }
    if let Some(millis) = arguments.number("--timeout-ms")? {
        options =
            options.answer_timeout(Duration::from_millis(millis)).first_event_timeout(Duration::from_millis(millis));
    }
    if let Some(millis) = arguments.number("--idle-ms")? {
        options = options.stream_idle_timeout(Duration::from_millis(millis));
    }
    let request: ChatCompletionRequest = serde_json::from_slice(&asked(&arguments.file()?))?;
    arguments.end()?;
    let request = declare(request, Some(&deployment), model.as_deref())?;

    let place = support::Place::find().await?;
    eprintln!("{}", place.describe());
    let client = place.client_builder().and_then(|builder| match version {
        Some(version) => builder.api_version(ApiVersion::from(version)).build(),
        None => builder.build(),
    });
    let client = match client {
        Ok(client) => client,
        Err(error) => return Ok(report(Value::Null, 0, Some(&error), None)),
    };
    Ok(if streamed || request.asks_for_stream() == Some(true) {
        call_streamed(&client, &request, &options).await
    } else {
        match client.complete_with(&request, &options).await {
            Ok(completion) => report(json!(completion), 0, None, Some(completion.metadata())),
            Err(error) => report(Value::Null, 0, Some(&error), error.metadata()),
        }
    })
}

async fn call_streamed(client: &ChatClient, request: &ChatCompletionRequest, options: &CallOptions) -> Value {
    match client.stream_with(request, options).await {
        Ok(mut stream) => {
            let error = read_to_end(&mut stream).await;
            report(completion_of(&stream), stream.chunk_count(), error.as_ref(), Some(stream.metadata()))
        }
        Err(error) => report(Value::Null, 0, Some(&error), error.metadata()),
    }
}

fn report(completion: Value, chunks: u64, error: Option<&Error>, metadata: Option<&ResponseMetadata>) -> Value {
    json!({
        "completion": completion,
        "chunks": chunks,
        "ended": ended(error),
        "error": error.map(|error| json!({
            "kind": error.kind().as_str(),
            "status": error.status(),
            "code": error.code(),
            "message": error.message(),
            "param": error.param(),
            "retry_after_ms": error.retry_after().map(millis),
            "attempts": error.attempts(),
            "text": support::chain(error),
            "violations": error.violations().iter().map(ToString::to_string).collect::<Vec<_>>(),
        })),
        "metadata": {
            "status": metadata.map(ResponseMetadata::status),
            "request_id": metadata.and_then(ResponseMetadata::request_id),
            "client_request_id": metadata.and_then(ResponseMetadata::client_request_id),
            "region": metadata.and_then(ResponseMetadata::region),
            "deployment": metadata.and_then(ResponseMetadata::deployment),
            "spillover_from": metadata.and_then(ResponseMetadata::spillover_from),
            "processing_ms": metadata.and_then(ResponseMetadata::processing_time).map(millis),
            "time_to_headers_ms": metadata.and_then(ResponseMetadata::time_to_headers).map(millis),
            "attempts": error.map(Error::attempts).or(metadata.map(ResponseMetadata::attempts)),
            "repaired": metadata.map(ResponseMetadata::repaired),
        },
    })
}

fn millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(u64::MAX)
}

/// The request in a file: recordings and examples keep it in a member.
fn asked(file: &[u8]) -> Vec<u8> {
    part_of(file, &["/request/body", "/parameters/body"])
}

/// The first of these members, of a file that is a recording or an example; else the file itself.
fn part_of(file: &[u8], members: &[&str]) -> Vec<u8> {
    let Ok(value) = serde_json::from_slice::<Value>(file) else {
        return file.to_vec();
    };
    let is_record = value.get("headers").is_some() || value.get("responses").is_some();
    match members.iter().filter(|_| is_record).find_map(|member| value.pointer(member)) {
        Some(Value::String(text)) => text.as_bytes().to_vec(),
        Some(part) => part.to_string().into_bytes(),
        None => file.to_vec(),
    }
}

/// The command line: options anywhere, the rest in order.
struct Arguments(Vec<String>);

impl Arguments {
    fn option(&mut self, name: &str) -> Fallible<Option<String>> {
        let Some(at) = self.0.iter().position(|argument| argument == name) else {
            return Ok(None);
        };
        self.0.remove(at);
        if at < self.0.len() { Ok(Some(self.0.remove(at))) } else { Err(format!("{name} needs a value").into()) }
    }

    fn number(&mut self, name: &str) -> Fallible<Option<u64>> {
        let Some(value) = self.option(name)? else {
            return Ok(None);
        };
        value.parse().map(Some).map_err(|_| format!("{name} takes a whole number, not '{value}'").into())
    }

    fn flag(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|argument| argument != name);
        self.0.len() < before
    }

    fn next(&mut self, what: &str) -> Fallible<String> {
        if self.0.is_empty() { Err(format!("{what} is missing").into()) } else { Ok(self.0.remove(0)) }
    }

    fn file(&mut self) -> Fallible<Vec<u8>> {
        let name = self.next("a file, or - for standard input,")?;
        let mut bytes = Vec::new();
        if name == "-" {
            std::io::stdin().read_to_end(&mut bytes)?;
        } else {
            bytes = std::fs::read(&name).map_err(|error| format!("{name}: {error}"))?;
        }
        Ok(bytes)
    }

    fn end(&self) -> Fallible<()> {
        match self.0.first() {
            None => Ok(()),
            Some(left) => Err(format!("'{left}' is one argument too many").into()),
        }
    }
}
