//! No body is lost because of something in it that nobody expected.
//!
//! Every body, recorded or our own, is changed in one place at a time: each member and each element is taken
//! out, set to null and to a value of every other type, and members nobody knows are added. What comes out
//! must be read, and written back as it is, with one exception: an element of a list in an answer that is not
//! of the list's type may be missing in what is written (the completion still has it in `raw()`).

use std::collections::HashSet;
use std::fmt::Debug;
use std::path::{Path, PathBuf};

use azure_openai_chat::response::MessageContext;
use azure_openai_chat::{
    ChatCompletion, ChatCompletionChunk, ChatCompletionRequest, ChatCompletionStream, Choice, ChunkFold,
};
use bytes::Bytes;
use futures::executor::block_on;
use futures::{StreamExt, stream};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::support::{files, shared};

/// A member's name or an element's place.
type Step = String;

/// One changed body.
struct Mutant {
    body: Value,
    /// The list in which an element was changed, and its place there.
    element: Option<(String, usize)>,
    what: String,
}

/// Every body that differs from this one in one place.
fn mutants(body: &Value) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    mutate(body, &mut Vec::new(), &mut mutants);
    mutants
}

fn mutate(body: &Value, path: &mut Vec<Step>, mutants: &mut Vec<Mutant>) {
    let at = pointer(path);
    let here = body.pointer(&at).unwrap();
    let within = |path: &[Step]| {
        let (last, list) = path.split_last()?;
        let list = pointer(list);
        body.pointer(&list)?.is_array().then(|| (list, last.parse().unwrap()))
    };
    let mut add = |value: Value, what: &str, element: Option<(String, usize)>| {
        let mut changed = body.clone();
        *changed.pointer_mut(&at).unwrap() = value;
        let what = format!("{what} at {at}");
        mutants.push(Mutant { body: changed, element, what });
    };
    if !path.is_empty() {
        for other in others() {
            if &other != here {
                add(other, "another value", within(path));
            }
        }
    }
    match here {
        Value::Object(members) => {
            for (name, value) in [("walk_text", json!("new")), ("walk_null", Value::Null), ("walk", json!([{"a": 1}]))]
            {
                let mut more = members.clone();
                more.insert(name.to_owned(), value);
                add(Value::Object(more), "a member more", None);
            }
            for name in members.keys() {
                let mut fewer = members.clone();
                fewer.remove(name);
                add(Value::Object(fewer), "a member fewer", None);
            }
        }
        Value::Array(list) => {
            for place in 0..list.len() {
                let mut fewer = list.clone();
                fewer.remove(place);
                add(Value::Array(fewer), "an element fewer", None);
            }
        }
        _ => {}
    }
    let inner: Vec<Step> = match here {
        Value::Object(members) => members.keys().cloned().collect(),
        // one of several elements with the same members stands for all
        Value::Array(list) => {
            let mut seen = HashSet::new();
            let new = list.iter().enumerate().filter(|(_, element)| seen.insert(shape(element).to_string()));
            new.map(|(place, _)| place.to_string()).collect()
        }
        _ => Vec::new(),
    };
    for step in inner {
        path.push(step);
        mutate(body, path, mutants);
        path.pop();
    }
}

fn others() -> [Value; 8] {
    [Value::Null, json!(7), json!(-7.25), json!(""), json!("a word nobody knows"), json!(true), json!([]), json!({})]
}

fn pointer(path: &[Step]) -> String {
    path.iter().map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1"))).collect()
}

/// Reads and writes a body, and says what became of it.
fn through<T: DeserializeOwned + Serialize + Debug>(name: &str, mutant: &Mutant) -> (T, Value) {
    let read: T =
        serde_json::from_value(mutant.body.clone()).unwrap_or_else(|error| panic!("{name}, {}: {error}", mutant.what));
    let written = serde_json::to_value(&read).unwrap();
    (read, written)
}

/// What may be written instead: the body without the changed element.
fn without_element(mutant: &Mutant) -> Option<Value> {
    let (list, place) = mutant.element.as_ref()?;
    let mut body = mutant.body.clone();
    body.pointer_mut(list)?.as_array_mut()?.remove(*place);
    Some(body)
}

fn survives<T: DeserializeOwned + Serialize + Debug>(name: &str, body: &Value) {
    for mutant in mutants(body) {
        let (read, written) = through::<T>(name, &mutant);
        if written != mutant.body {
            assert_eq!(Some(written), without_element(&mutant), "{name}, {}", mutant.what);
        }
        // nothing of what was read makes printing it fail
        let _ = format!("{read:?}");
    }
}

/// Recorded answers, those of the specification's examples, and our own.
fn completions() -> Vec<(String, Value)> {
    let parse = |(name, text): (String, String)| (name, serde_json::from_str::<Value>(&text).unwrap());
    let mut bodies: Vec<(String, Value)> = files(&fixtures(), ".json").into_iter().map(parse).collect();
    bodies.retain(|(_, body)| body.get("choices").is_some());
    for folder in ["wire/responses", "wire/examples"] {
        let Some(folder) = shared(folder) else { continue };
        for (name, file) in files(&folder, ".json").into_iter().map(parse) {
            let body = file.get("body").or_else(|| file.pointer("/responses/200/body"));
            bodies.extend(body.map(|body| (name, body.clone())));
        }
    }
    bodies
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// The chunks of every stream, recorded and our own.
fn streams() -> Vec<(String, Vec<Value>)> {
    let mut streams = files(&fixtures(), ".sse");
    if let Some(folder) = shared("wire/streams") {
        streams.extend(files(&folder, ".sse"));
    }
    let chunks = |body: &str| -> Vec<Value> {
        let data = body.lines().filter_map(|line| line.strip_prefix("data: "));
        // errors and half chunks are no chunks
        data.filter_map(|data| serde_json::from_str::<Value>(data).ok())
            .filter(|chunk| chunk.get("choices").is_some())
            .collect()
    };
    streams.into_iter().map(|(name, body)| (name, chunks(&body))).collect()
}

#[test]
fn no_answer_is_lost() {
    for (name, body) in completions() {
        survives::<ChatCompletion>(&name, &body);
    }
}

#[test]
fn no_answer_makes_a_question_about_it_fail() {
    for (name, body) in completions() {
        for mutant in mutants(&body) {
            let (completion, _) = through::<ChatCompletion>(&name, &mutant);
            let _ = (completion.text(), completion.tool_calls(), completion.content_filter_state());
            let _ = completion.parse::<Value>();
            for choice in completion.choices() {
                let _ = choice.content_filter().filtered_categories();
                let message = choice.message().cloned().unwrap_or_default();
                let _ = message.context().map(MessageContext::intents);
                let _ = json!(azure_openai_chat::Message::from(message));
            }
        }
    }
}

#[test]
fn no_chunk_is_lost() {
    for (name, chunks) in streams() {
        // chunks that differ in their words alone are one
        let mut seen = HashSet::new();
        for chunk in chunks {
            if seen.insert(shape(&chunk).to_string()) {
                survives::<ChatCompletionChunk>(&name, &chunk);
            }
        }
    }
}

/// The value with every text and number blanked, and elements that are then the same told once.
fn shape(value: &Value) -> Value {
    match value {
        Value::String(_) => json!(""),
        Value::Number(_) => json!(0),
        Value::Array(list) => {
            let mut shapes: Vec<Value> = list.iter().map(shape).collect();
            shapes.dedup();
            Value::Array(shapes)
        }
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        other => other.clone(),
    }
}

#[test]
fn one_odd_chunk_does_not_take_the_others_with_it() {
    for (name, values) in streams() {
        let chunks: Vec<ChatCompletionChunk> =
            values.iter().map(|value| serde_json::from_value(value.clone()).unwrap()).collect();
        let mut seen = HashSet::new();
        for (at, value) in values.iter().enumerate() {
            if !seen.insert(shape(value).to_string()) {
                continue;
            }
            let others = chunks.iter().enumerate().filter(|(place, _)| *place != at);
            let others = choices(others.map(|(_, chunk)| chunk));
            for mutant in mutants(value) {
                let (odd, _) = through::<ChatCompletionChunk>(&name, &mutant);
                let with_odd = chunks.iter().enumerate().map(|(place, chunk)| if place == at { &odd } else { chunk });
                assert!(choices(with_odd) >= others, "{name}, chunk {at}, {}", mutant.what);
            }
        }
    }
}

/// How many choices the chunks add up to, and how many have words or tool calls.
fn choices<'a>(chunks: impl Iterator<Item = &'a ChatCompletionChunk>) -> (usize, usize) {
    let mut fold = ChunkFold::new();
    chunks.for_each(|chunk| fold.push(chunk));
    let completion = fold.into_completion();
    let choices = completion.choices();
    let speaking = choices.iter().filter_map(Choice::message);
    let speaking = speaking.filter(|message| message.text().is_some() || !message.tool_calls().is_empty());
    (choices.len(), speaking.count())
}

#[test]
fn a_stream_of_odd_chunks_is_read_to_its_end() {
    for (name, mut values) in streams() {
        // a long run of chunks that differ in their words alone is cut short
        let mut seen: Vec<String> = Vec::new();
        values.retain(|value| {
            seen.push(shape(value).to_string());
            seen.iter().filter(|shape| Some(*shape) == seen.last()).count() <= 4
        });
        let mutants: Vec<Vec<Mutant>> = values.iter().map(mutants).collect();
        let most = mutants.iter().map(Vec::len).max().unwrap_or_default();
        // every chunk is changed at once, each time in another place
        for turn in 0..most {
            let mut body = String::new();
            for ways in &mutants {
                body.push_str(&format!("data: {}\n\n", ways[turn % ways.len()].body));
            }
            body.push_str("data: [DONE]\n\n");
            let pieces = stream::iter([Ok::<_, std::io::Error>(Bytes::from(body))]);
            let mut stream = ChatCompletionStream::from_bytes(pieces);
            for event in block_on(stream.events().collect::<Vec<_>>()) {
                let event = event.unwrap_or_else(|error| panic!("{name}, turn {turn}: {error}"));
                let _ = format!("{event:?}");
            }
            assert!(stream.is_complete(), "{name}, turn {turn}");
            assert_eq!(stream.chunk_count(), values.len() as u64, "{name}, turn {turn}");
            stream.into_completion().unwrap();
        }
    }
}

#[test]
fn no_request_is_lost() {
    let Some(folder) = shared("wire/examples") else { return };
    for (name, text) in files(&folder, ".json") {
        let example: Value = serde_json::from_str(&text).unwrap();
        for mutant in mutants(&example["parameters"]["body"]) {
            let (request, written) = through::<ChatCompletionRequest>(&name, &mutant);
            // what the caller said is sent, lists and all: it is the service's to judge
            assert_eq!(written, mutant.body, "{name}, {}", mutant.what);
            let _ = request.validate();
            let _ = format!("{request:?}");
        }
    }
}
