//! Spans and metrics of calls, as an exporter gets them.

use std::collections::BTreeMap;

use azure_openai_chat::{
    ApiKey, Backend, CallOptions, ChatClient, ChatCompletionRequest, Deployment, Message, Model, ReasoningEffort,
    RetryPolicy, Telemetry, Tool,
};
use futures::{FutureExt, TryStreamExt};
use opentelemetry::trace::{FutureExt as _, Span, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::{
    KEY, RawServer, Step, builder, completion, delta, events, finish, ok_json, ok_stream, question, serving,
};

/// Providers that keep what they get.
struct Kept {
    spans: InMemorySpanExporter,
    metrics: InMemoryMetricExporter,
    tracers: SdkTracerProvider,
    meters: SdkMeterProvider,
}

impl Kept {
    fn new() -> Self {
        let (spans, metrics) = (InMemorySpanExporter::default(), InMemoryMetricExporter::default());
        let tracers = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
        let meters = SdkMeterProvider::builder().with_periodic_exporter(metrics.clone()).build();
        Self { spans, metrics, tracers, meters }
    }

    fn telemetry(&self) -> Telemetry {
        Telemetry::new().tracer_provider(&self.tracers).meter_provider(&self.meters)
    }

    fn client(&self, url: &str) -> ChatClient {
        builder(url).telemetry(self.telemetry()).build().unwrap()
    }

    fn spans(&self) -> Vec<SpanData> {
        self.spans.get_finished_spans().unwrap()
    }

    /// The only span.
    fn span(&self) -> SpanData {
        let spans = self.spans();
        assert_eq!(spans.len(), 1, "{spans:#?}");
        spans[0].clone()
    }

    /// The points of all histograms: name, attributes, count and sum.
    fn points(&self) -> Vec<Point> {
        self.meters.force_flush().unwrap();
        points(&self.metrics.get_finished_metrics().unwrap())
    }
}

struct Point {
    name: String,
    unit: String,
    attributes: Value,
    count: u64,
    sum: f64,
    bounds: Vec<f64>,
}

fn points(all: &[ResourceMetrics]) -> Vec<Point> {
    let mut points = Vec::new();
    let Some(last) = all.last() else { return points };
    for metric in last.scope_metrics().flat_map(|scope| scope.metrics()) {
        let mut add = |attributes: Vec<&KeyValue>, count, sum, bounds: Vec<f64>| {
            let (name, unit) = (metric.name().to_owned(), metric.unit().to_owned());
            points.push(Point { name, unit, attributes: json(attributes), count, sum, bounds });
        };
        match metric.data() {
            AggregatedMetrics::F64(MetricData::Histogram(histogram)) => histogram.data_points().for_each(|point| {
                add(point.attributes().collect(), point.count(), point.sum(), point.bounds().collect());
            }),
            AggregatedMetrics::U64(MetricData::Histogram(histogram)) => histogram.data_points().for_each(|point| {
                add(point.attributes().collect(), point.count(), point.sum() as f64, point.bounds().collect());
            }),
            other => panic!("no histogram: {other:?}"),
        }
    }
    points.sort_by_key(|point| (point.name.clone(), point.attributes.to_string()));
    points
}

fn json<'a>(attributes: impl IntoIterator<Item = &'a KeyValue>) -> Value {
    let value = |value: &opentelemetry::Value| match value {
        opentelemetry::Value::Bool(value) => json!(value),
        opentelemetry::Value::I64(value) => json!(value),
        opentelemetry::Value::F64(value) => json!(value),
        opentelemetry::Value::String(text) => json!(text.as_str()),
        opentelemetry::Value::Array(list) => json!(list.to_string()),
        other => panic!("{other:?}"),
    };
    let mut map = BTreeMap::new();
    for attribute in attributes {
        let earlier = map.insert(attribute.key.as_str().to_owned(), value(&attribute.value));
        assert!(earlier.is_none(), "{} twice", attribute.key);
    }
    json!(map)
}

fn failing(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"error": {"code": status.to_string(), "message": "not now"}}))
}

fn filtered() -> ResponseTemplate {
    let refusal = json!({"error": {"code": "content_filter", "message": "filtered", "innererror": {
        "code": "ResponsibleAIPolicyViolation", "content_filter_result": {"hate": {"filtered": true, "severity": "high"}}}}});
    ResponseTemplate::new(400).set_body_json(refusal)
}

fn stream_body() -> String {
    let usage = json!({"id": "chatcmpl-1", "choices": [], "model": "gpt-4o-2024-08-06", "system_fingerprint": "fp_1",
        "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9,
            "prompt_tokens_details": {"cached_tokens": 5}, "completion_tokens_details": {"reasoning_tokens": 1}}});
    let clean = json!({"id": "chatcmpl-1", "model": "gpt-4o-2024-08-06", "choices": [{"index": 0, "delta": {"content": "a"},
        "content_filter_results": {"hate": {"filtered": false, "severity": "safe"}}}]});
    events(&[clean, delta(" two"), finish("stop"), usage])
}

fn names(span: &SpanData) -> Vec<String> {
    span.events.iter().map(|event| event.name.to_string()).collect()
}

#[tokio::test]
async fn the_span_of_a_retried_call_has_request_answer_and_attempts() {
    let kept = Kept::new();
    let answer = ok_json(&completion("secret answer"))
        .insert_header("apim-request-id", "r1")
        .insert_header("x-ms-region", "East US 2")
        .insert_header("x-ms-deployment-name", "triage-standard")
        .insert_header("x-ms-spillover-from-deployment", "triage");
    let server = serving("busy, then an answer", [failing(429), answer]).await;
    let client = kept.client(&server.uri());
    let request = ChatCompletionRequest::builder(Deployment::new("triage").model(Model::GPT_4O_2024_08_06))
        .user("secret question")
        .temperature(0.5)
        .max_completion_tokens(100)
        .stop("secret stop")
        .n(2)
        .seed(7)
        .build()
        .unwrap();
    client.complete(&request).await.unwrap();

    let span = kept.span();
    assert_eq!((span.name.as_ref(), &span.span_kind), ("chat gpt-4o-2024-08-06", &SpanKind::Client));
    assert_eq!(span.status, Status::Unset);
    let port = server.address().port();
    assert_eq!(
        json(&span.attributes),
        json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "azure.ai.openai",
            "gen_ai.request.model": "gpt-4o-2024-08-06",
            "gen_ai.request.temperature": 0.5,
            "gen_ai.request.max_tokens": 100,
            "gen_ai.request.choice.count": 2,
            "gen_ai.request.seed": 7,
            "gen_ai.response.id": "chatcmpl-1",
            "gen_ai.response.model": "gpt-4o-2024-08-06",
            "gen_ai.response.finish_reasons": "[\"stop\"]",
            "gen_ai.usage.input_tokens": 7,
            "gen_ai.usage.output_tokens": 2,
            "gen_ai.usage.cache_read.input_tokens": 0,
            "gen_ai.usage.reasoning.output_tokens": 0,
            "openai.api.type": "chat_completions",
            "azure.resource_provider.namespace": "Microsoft.CognitiveServices",
            "azure.service.request.id": "r1",
            "azure.ai.openai.deployment": "triage",
            "azure.ai.openai.response.deployment": "triage-standard",
            "azure.ai.openai.region": "East US 2",
            "azure.ai.openai.spillover_from": "triage",
            "azure.ai.openai.content_filter.state": "not_evaluated",
            "azure.ai.openai.attempts": 2,
            "azure.ai.openai.end": "completed",
            "server.address": "127.0.0.1",
            "server.port": port,
        })
    );
    let attempt = "azure.ai.openai.attempt";
    assert_eq!(names(&span), [attempt, "azure.ai.openai.retry", attempt]);
    let retry = json(&span.events.events[1].attributes);
    assert_eq!(retry["azure.ai.openai.retry.cause"], "status 429");
    assert!(!format!("{span:?}").contains("secret"), "{span:#?}");
}

#[tokio::test]
async fn the_span_of_a_stream_is_open_until_the_stream_ends() {
    let kept = Kept::new();
    let server = serving("one stream", [ok_stream(stream_body())]).await;
    let mut stream = kept.client(&server.uri()).stream(&question()).await.unwrap();
    stream.try_next().await.unwrap().unwrap();
    assert!(kept.spans().is_empty());
    while stream.try_next().await.unwrap().is_some() {}
    let attributes = json(&kept.span().attributes);
    for (name, value) in [
        ("gen_ai.request.stream", json!(true)),
        ("gen_ai.request.model", json!("gpt")),
        ("gen_ai.response.model", json!("gpt-4o-2024-08-06")),
        ("gen_ai.usage.cache_read.input_tokens", json!(5)),
        ("gen_ai.usage.reasoning.output_tokens", json!(1)),
        ("openai.response.system_fingerprint", json!("fp_1")),
        ("azure.ai.openai.content_filter.state", json!("clean")),
        ("azure.ai.openai.end", json!("completed")),
    ] {
        assert_eq!(attributes[name], value, "{name}");
    }
    assert!(attributes["gen_ai.response.time_to_first_chunk"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn completed_failed_and_dropped_are_told_apart() {
    let kept = Kept::new();
    let answers = [ok_stream(stream_body()), ok_stream(events(&[delta("a")])), filtered()];
    let server = serving("three calls", answers).await;
    let client = kept.client(&server.uri());
    let mut stream = client.stream(&question()).await.unwrap();
    stream.try_next().await.unwrap().unwrap();
    drop(stream);
    client.stream(&question()).await.unwrap().finish().await.unwrap();
    client.complete(&question()).await.unwrap_err();
    let silent = RawServer::start([vec![Step::Hang]]).await;
    let client = kept.client(&silent.url);
    assert!(client.complete(&question()).now_or_never().is_none());

    let ends: Vec<_> = kept
        .spans()
        .iter()
        .map(|span| {
            let all = json(&span.attributes);
            let text = |name: &str| all[name].as_str().unwrap_or("-").to_owned();
            (text("azure.ai.openai.end"), text("error.type"), text("azure.ai.openai.content_filter.state"))
        })
        .collect();
    let expected = [
        ("dropped", "dropped", "clean"),
        ("completed", "-", "not_evaluated"),
        ("failed", "content_filter", "filtered"),
        ("dropped", "dropped", "not_evaluated"),
    ];
    assert_eq!(ends, expected.map(|(end, error, filter)| (end.to_owned(), error.to_owned(), filter.to_owned())));
    let statuses: Vec<_> = kept.spans().iter().map(|span| span.status.clone()).collect();
    assert!(matches!(&statuses[2], Status::Error { description } if description.contains("content_filter")));
    assert!(statuses.iter().enumerate().all(|(at, status)| at == 2 || *status == Status::Unset));
}

#[tokio::test]
async fn spans_come_without_metrics_where_these_are_off() {
    let kept = Kept::new();
    let server = serving("answered and streamed", [ok_json(&completion("yes")), ok_stream(stream_body())]).await;
    let client = builder(server.uri()).telemetry(kept.telemetry().record_metrics(false)).build().unwrap();
    client.complete(&question()).await.unwrap();
    client.stream(&question()).await.unwrap().finish().await.unwrap();
    assert_eq!(kept.spans().len(), 2);
    assert!(kept.points().is_empty());
}

#[tokio::test]
async fn metrics_have_the_points_of_streamed_filtered_retried_and_dropped_calls() {
    let kept = Kept::new();
    let answers = [failing(500), ok_stream(stream_body()), filtered(), ok_stream(stream_body())];
    let server = serving("a retried stream, a filtered prompt, a dropped stream", answers).await;
    let client = kept.client(&server.uri());
    client.stream(&question()).await.unwrap().finish().await.unwrap();
    client.complete(&question()).await.unwrap_err();
    let mut stream = client.stream(&question()).await.unwrap();
    stream.try_next().await.unwrap().unwrap();
    drop(stream);

    let all = kept.points();
    let of = |name: &str| all.iter().filter(|point| point.name == name).collect::<Vec<_>>();
    let base = json!({
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "azure.ai.openai", "gen_ai.request.model": "gpt",
        "server.address": "127.0.0.1", "server.port": server.address().port(),
    });
    let with = |more: Value| {
        let mut all = base.as_object().unwrap().clone();
        all.extend(more.as_object().unwrap().clone());
        Value::Object(all)
    };
    let model = "gpt-4o-2024-08-06";

    let durations = of("gen_ai.client.operation.duration");
    let attributes: Vec<_> = durations.iter().map(|point| (point.attributes.clone(), point.count)).collect();
    let expected = [
        (with(json!({"error.type": "content_filter"})), 1),
        (with(json!({"error.type": "dropped", "gen_ai.response.model": model})), 1),
        (with(json!({"gen_ai.response.model": model})), 1),
    ];
    assert_eq!(attributes, expected);
    assert_eq!((durations[0].unit.as_str(), durations[0].bounds.len()), ("s", 14));
    assert!((durations[0].bounds[13] - 81.92).abs() < 1e-9);

    let first = of("gen_ai.client.operation.time_to_first_chunk");
    assert_eq!((first.len(), first[0].count), (1, 2));
    assert_eq!(first[0].attributes, with(json!({"gen_ai.response.model": model})));
    let chunks: u64 = of("gen_ai.client.operation.time_per_output_chunk").iter().map(|point| point.count).sum();
    assert_eq!(chunks, 3);

    let tokens: Vec<_> = of("gen_ai.client.token.usage");
    let counted: Vec<_> =
        tokens.iter().map(|point| (point.attributes["gen_ai.token.type"].clone(), point.count, point.sum)).collect();
    assert_eq!(counted, [(json!("input"), 1, 7.0), (json!("output"), 1, 2.0)]);
    assert_eq!((tokens[0].unit.as_str(), tokens[0].bounds[13]), ("{token}", 67_108_864.0));
    assert_eq!(
        all.len(),
        durations.len() + first.len() + of("gen_ai.client.operation.time_per_output_chunk").len() + 2
    );
}

#[tokio::test]
async fn the_callers_span_is_the_parent_also_of_a_stream_that_ends_elsewhere() {
    let kept = Kept::new();
    let server = serving("a call and a stream", [ok_json(&completion("hi")), ok_stream(stream_body())]).await;
    let client = kept.client(&server.uri());
    let tracer = kept.tracers.tracer("caller");
    let parent = tracer.start("handler");
    let trace = parent.span_context().trace_id();
    let context = Context::current_with_span(parent);
    let id = context.span().span_context().span_id();
    let question = question();
    client.complete(&question).with_context(context.clone()).await.unwrap();
    let stream = client.stream(&question).with_context(context.clone()).await.unwrap();
    tokio::spawn(stream.finish()).await.unwrap().unwrap();
    context.span().end();
    let spans = kept.spans();
    assert_eq!(spans.len(), 3);
    for span in &spans[..2] {
        assert_eq!((span.span_context.trace_id(), span.parent_span_id), (trace, id), "{}", span.name);
    }
}

#[tokio::test]
async fn content_is_recorded_only_where_it_was_asked_for() {
    let kept = Kept::new();
    let server =
        serving("a call and a stream", [ok_json(&completion("secret answer")), ok_stream(stream_body())]).await;
    let client = builder(server.uri()).telemetry(kept.telemetry().record_content(true)).build().unwrap();
    let request = ChatCompletionRequest::builder("gpt")
        .system("be brief")
        .user("secret question")
        .message(Message::assistant("which?"))
        .tool(Tool::function("look"))
        .stop("END")
        .build()
        .unwrap();
    client.complete(&request).await.unwrap();
    client.stream(&request).await.unwrap().finish().await.unwrap();
    let spans: Vec<Value> = kept.spans().iter().map(|span| json(&span.attributes)).collect();
    let parsed =
        |span: usize, name: &str| -> Value { serde_json::from_str(spans[span][name].as_str().unwrap()).unwrap() };
    for span in [0, 1] {
        assert_eq!(
            parsed(span, "gen_ai.input.messages"),
            json!([
                {"role": "system", "parts": [{"type": "text", "content": "be brief"}]},
                {"role": "user", "parts": [{"type": "text", "content": "secret question"}]},
                {"role": "assistant", "parts": [{"type": "text", "content": "which?"}]},
            ])
        );
        assert_eq!(parsed(span, "gen_ai.tool.definitions")[0]["function"]["name"], "look");
        assert_eq!(spans[span]["gen_ai.request.stop_sequences"], "[\"END\"]");
    }
    for (span, text) in [(0, "secret answer"), (1, "a two")] {
        let message =
            json!([{"role": "assistant", "parts": [{"type": "text", "content": text}], "finish_reason": "stop"}]);
        assert_eq!(parsed(span, "gen_ai.output.messages"), message);
    }
}

#[tokio::test]
async fn embeddings_have_a_span_of_their_own_name_and_input_tokens_only() {
    let kept = Kept::new();
    let body = json!({"model": "text-embedding-3-small", "data": [], "usage": {"prompt_tokens": 8, "total_tokens": 8}});
    let server = serving("embeddings", [ok_json(&body)]).await;
    let client = builder(server.uri()).telemetry(kept.telemetry().record_content(true)).build().unwrap();
    client.post_json("embed", "embeddings", &json!({"input": "secret"})).await.unwrap();
    let span = kept.span();
    assert_eq!(span.name, "embeddings embed");
    let attributes = json(&span.attributes);
    assert_eq!(attributes["gen_ai.operation.name"], "embeddings");
    assert_eq!(attributes["gen_ai.response.model"], "text-embedding-3-small");
    assert_eq!(attributes.get("gen_ai.output.messages"), None);
    let tokens = kept.points().into_iter().filter(|point| point.name == "gen_ai.client.token.usage");
    let tokens: Vec<_> = tokens.map(|point| (point.attributes["gen_ai.token.type"].clone(), point.sum)).collect();
    assert_eq!(tokens, [(json!("input"), 8.0)]);
}

#[tokio::test]
async fn the_newer_names_are_a_switch() {
    let kept = Kept::new();
    let server = serving("one stream", [ok_stream(stream_body())]).await;
    let client = builder(server.uri()).telemetry(kept.telemetry().latest_names(true)).build().unwrap();
    let request =
        ChatCompletionRequest::builder("gpt").user("hi").reasoning_effort(ReasoningEffort::Low).build().unwrap();
    client.stream(&request).await.unwrap().finish().await.unwrap();
    assert_eq!(json(&kept.span().attributes)["gen_ai.request.reasoning.level"], "low");
    let names: Vec<_> = kept.points().into_iter().map(|point| point.name).collect();
    let expected = [
        "gen_ai.client.inference.duration",
        "gen_ai.client.inference.operation.input_tokens",
        "gen_ai.client.inference.operation.output_tokens",
        "gen_ai.client.inference.time_per_output_chunk",
        "gen_ai.client.inference.time_to_first_chunk",
    ];
    for name in expected {
        assert!(names.iter().any(|other| other == name), "{name} is not in {names:?}");
    }
    assert!(names.iter().all(|name| name.starts_with("gen_ai.client.inference.")), "{names:?}");
}

#[tokio::test]
async fn the_server_of_a_span_is_the_backend_that_answered() {
    let kept = Kept::new();
    let busy = serving("busy", [failing(429)]).await;
    let good = serving("good", [ok_json(&completion("hi"))]).await;
    let client = builder(busy.uri())
        .backend(Backend::new(good.uri(), ApiKey::new(KEY)).priority(1))
        .retry(RetryPolicy::none())
        .telemetry(kept.telemetry())
        .build()
        .unwrap();
    client.complete_with(&question(), &CallOptions::new()).await.unwrap();
    let span = kept.span();
    let servers: Vec<_> = span.attributes.iter().filter(|it| it.key.as_str() == "server.port").collect();
    assert_eq!(servers, [&KeyValue::new("server.port", i64::from(good.address().port()))]);
    let ports: Vec<_> =
        [0, 2].iter().map(|at| json(&span.events.events[*at].attributes)["server.port"].clone()).collect();
    assert_eq!(ports, [json!(busy.address().port()), json!(good.address().port())]);
}

#[cfg(feature = "batch")]
#[tokio::test]
async fn a_call_of_global_batch_has_its_operation_and_no_model() {
    let kept = Kept::new();
    let server = wiremock::MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_json(json!({"id": "file-1"}));
    wiremock::Mock::given(wiremock::matchers::method("GET")).respond_with(answer).expect(1).mount(&server).await;
    azure_openai_chat::batch::BatchClient::new(&kept.client(&server.uri())).file("file-1").await.unwrap();
    let span = kept.span();
    let points = kept.points();
    assert_eq!((span.name.as_ref(), points.len()), ("files", 1));
    for attributes in [json(&span.attributes), points[0].attributes.clone()] {
        assert_eq!(attributes["gen_ai.operation.name"], "files");
        assert!(attributes.get("gen_ai.request.model").is_none(), "{attributes}");
    }
}
