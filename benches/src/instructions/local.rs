//! Benchmarks without a server: the checking and writing of requests, and the parsing of answers.

use std::hint::black_box;

use azure_openai_chat::request::schema::lint_schema;
use azure_openai_chat::{
    ApiKey, ApiVersion, ChatClient, ChatCompletion, ChatCompletionRequest, ChatCompletionRequestBuilder, ContentPart,
    ImageDetail, Message, Tool,
};
use azure_openai_chat_benches::{peer, shapes};
use serde_json::{Value, json};

use super::callgrind::{Counted, each};
use super::table::thousands;

const PROPERTIES: usize = 50;
const KIB: usize = 1024;

/// One piece of work, done `count` times by `instructions local NAME COUNT`.
struct Work {
    name: &'static str,
    goal: &'static str,
    /// The figures are divided by this number, such as the bytes of the input.
    of: usize,
    count: usize,
    run: fn(usize),
}

const WORKS: &[Work] = &[
    work("check of a built request: 1 message", "1,500", 1, 100, |count| check(builder(1, 0), count)),
    work("check of a built request: 1,000 messages, 128 strict tools", "1,500", 1, 100, |count| {
        check(builder(1_000, 128), count);
    }),
    work("build: 1 message", "", 1, 100, |count| build(builder(1, 0), count)),
    work("build: 1,000 messages, 128 strict tools", "", 1, 4, |count| build(builder(1_000, 128), count)),
    work("strict schema, a property without findings", "1,500; 0.1 allocations", PROPERTIES, 20, |count| {
        let schema = schema();
        (0..count).for_each(|_| assert!(lint_schema(black_box(&schema)).is_empty()));
    }),
    work("base64 of an image, an input byte", "4", KIB * KIB, 2, |count| {
        let bytes = image();
        (0..count).for_each(|_| drop(black_box(ContentPart::image("image/png", black_box(&bytes)))));
    }),
    work("body with text, a byte", "4", 256 * KIB, 2, |count| body(Message::user(text()), count)),
    work("serde_json alone: a text, a byte", "", 256 * KIB, 2, |count| {
        let text = text();
        (0..count).for_each(|_| drop(black_box(serde_json::to_string(black_box(&text)).expect("JSON"))));
    }),
    work("body with a data URL, a byte", "1.5", 256 * KIB * 4 / 3, 2, |count| {
        let image = ContentPart::image("image/png", image().get(..256 * KIB).expect("a part")).detail(ImageDetail::Low);
        body(Message::user_parts([image]), count);
    }),
    work("parse of a whole answer of 1.5 KB", "", 1, 40, |count| {
        let body = shapes::completion(1_500);
        (0..count)
            .for_each(|_| drop(black_box(serde_json::from_str::<ChatCompletion>(black_box(&body)).expect("JSON"))));
    }),
    work("plain serde: parse of a whole answer of 1.5 KB", "", 1, 40, |count| {
        let body = shapes::completion(1_500);
        (0..count)
            .for_each(|_| drop(black_box(serde_json::from_str::<peer::Completion>(black_box(&body)).expect("JSON"))));
    }),
];

const fn work(name: &'static str, goal: &'static str, of: usize, count: usize, run: fn(usize)) -> Work {
    Work { name, goal, of, count, run }
}

pub(crate) fn run(name: &str, count: usize) {
    let work = WORKS.iter().find(|work| work.name == name).unwrap_or_else(|| panic!("no work is called {name}"));
    (work.run)(count);
}

pub(crate) fn print() {
    println!("### Before sending, and reading\n");
    println!("| work | instructions | allocations | goal |\n|---|--:|--:|--:|");
    for Work { name, goal, of, count, .. } in WORKS {
        let arguments = |count: usize| vec!["local".to_owned(), (*name).to_owned(), count.to_string()];
        let Counted { instructions, allocations, .. } = each(*count, &arguments);
        let (instructions, allocations) = (instructions / *of as f64, allocations / *of as f64);
        let instructions = match instructions < 100.0 {
            true => format!("{instructions:.1}"),
            false => thousands(instructions),
        };
        println!("| {name} | {instructions} | {allocations:.2} | {goal} |");
    }
    println!();
}

fn schema() -> Value {
    let names: Vec<String> = (0..PROPERTIES - 5).map(|at| format!("property_{at}")).collect();
    let mut properties: serde_json::Map<String, Value> = names
        .iter()
        .map(|name| (name.clone(), json!({"type": "string", "description": "What the page says of it."})))
        .collect();
    let nested = json!({
        "type": "object", "required": ["a", "b", "c", "d"], "additionalProperties": false,
        "properties": {
            "a": {"type": ["integer", "null"]}, "b": {"type": "array", "items": {"type": "number"}},
            "c": {"anyOf": [{"type": "string"}, {"type": "null"}]}, "d": {"enum": ["one", "two", "three"]}
        }
    });
    properties.insert("nested".to_owned(), nested);
    let required: Vec<&String> = properties.keys().collect();
    json!({"type": "object", "required": required, "properties": properties, "additionalProperties": false})
}

fn builder(messages: usize, tools: usize) -> ChatCompletionRequestBuilder {
    let turns = (0..messages).map(|at| match at % 2 {
        0 => Message::user("What steps should I think about when writing my first Python API?"),
        _ => Message::assistant("First think about what it is for, and who uses it."),
    });
    let tools = (0..tools).map(|at| Tool::function(format!("tool_{at}")).strict(true).parameters(schema()));
    let builder = ChatCompletionRequest::builder("gpt-4o").messages(turns).tools(tools);
    if messages > 1 { builder.parallel_tool_calls(false) } else { builder }
}

fn check(builder: ChatCompletionRequestBuilder, count: usize) {
    let client = ChatClient::new("http://127.0.0.1:9", ApiKey::new("key")).expect("loopback is an endpoint");
    let request = builder.build().expect("the request breaks no rule");
    (0..count).for_each(|_| assert!(client.check_stream(black_box(&request)).violations().is_empty()));
}

fn build(builder: ChatCompletionRequestBuilder, count: usize) {
    for _ in 0..count {
        black_box(builder.clone().build().expect("the request breaks no rule"));
    }
}

fn body(message: Message, count: usize) {
    let request =
        ChatCompletionRequest::builder("gpt-4o").message(message).build().expect("the request breaks no rule");
    for _ in 0..count {
        let body = black_box(&request).body(&ApiVersion::V1, true);
        let mut json = Vec::with_capacity(512 * KIB);
        serde_json::to_writer(&mut json, &body).expect("a request is JSON");
        black_box(json);
    }
}

fn image() -> Vec<u8> {
    (0..KIB * KIB).map(|at| (at * 7 + at / 256) as u8).collect()
}

/// Prose with line ends, quotes and letters beyond ASCII.
fn text() -> String {
    "She said \"wait\" and left the café.\nNobody knew why; the rain went on, and the street was empty but for a dog. "
        .chars()
        .cycle()
        .take(250 * KIB)
        .collect()
}
