//! Every property of every object of the specifications goes through our types: a value of its type is
//! read and written back unchanged, and lands in a typed field.
//!
//! Whether it is typed shows twice: a value of the right type leaves no trace of `extra` in `Debug`, which
//! prints the names of what a type keeps aside, and a value of a wrong type does.

mod builder;
mod spec;

use std::collections::BTreeSet;

use azure_openai_chat::{ChatCompletion, ChatCompletionChunk, ChatCompletionRequest, ServiceError};
use serde_json::{Map, Value, json};

use self::spec::{Field, Place, Spec, path, specs, wrap};
use crate::support::shared;

/// Fields that are deliberately not typed: api version, object, field. They are kept all the same.
const LEFT_ALONE: &[(&str, &str, &str)] = &[
    // drawn beside `type`; the examples of the same specification, and the service, have them in `image_url`
    ("2024-06-01", "chatCompletionRequestMessageContentPartImage", "url"),
    ("2024-06-01", "chatCompletionRequestMessageContentPartImage", "detail"),
    // anything may stand here; what the service sends is typed in the other versions
    ("v1", "errorResponse", "inner_error"),
    ("v1-early", "AzureErrorResponse.error", "inner_error"),
];

/// Fields that the specification draws otherwise than the service sends them: api version, object, field,
/// and the type that is on the wire.
const MISDRAWN: &[(&str, &str, &str, &str)] = &[
    // the results of a prompt are said to be inside results, with the prompt's index once more
    (
        "v1",
        "createChatCompletionResponse.prompt_filter_results[]",
        "content_filter_results",
        "ref:AzureContentFilterResultForPrompt.content_filter_results",
    ),
    (
        "v1-early",
        "AzureCreateChatCompletionResponse.prompt_filter_results[]",
        "content_filter_results",
        "ref:AzureContentFilterResultForPrompt.content_filter_results",
    ),
    // a list in every other version, and named for several
    (
        "v1-early",
        "AzureChatMessageContext",
        "all_retrieved_documents",
        "array<ref:AzureChatMessageContext.all_retrieved_documents>",
    ),
];

/// Objects of the table at no place of a body: api version and object.
const NOWHERE: &[(&str, &str)] = &[
    // its fields are looked at in the choices, which are made from it where they stand
    ("2024-06-01", "chatCompletionChoiceCommon"),
    // what refers to it is left out of this version's table, see the README beside it
    ("2024-09-01-preview", "retrievedDocument"),
    // see MISDRAWN
    ("v1", "AzureContentFilterResultForPrompt"),
    ("v1-early", "AzureContentFilterResultForPrompt"),
];

/// Fields that take any JSON although the specification asks for one type, by the end of their place.
const OPEN: &[&str] = &[
    // schemas are the caller's, and `true` is one
    ".parameters",
    ".json_schema.schema",
    // a number in v1, a word in the dated versions and in the documentation
    ".content_filter_results.error.code",
];

/// What our types make of a body: what they write, and what `Debug` shows.
struct Reading {
    written: Value,
    debug: String,
}

fn read(root: &str, body: &Value) -> Reading {
    fn through<T: serde::Serialize + serde::de::DeserializeOwned + std::fmt::Debug>(body: &Value) -> Reading {
        let read: T = serde_json::from_value(body.clone()).unwrap();
        Reading { written: serde_json::to_value(&read).unwrap(), debug: format!("{read:?}") }
    }
    match root {
        "request" => through::<ChatCompletionRequest>(body),
        "response" => through::<ChatCompletion>(body),
        "stream" => through::<ChatCompletionChunk>(body),
        "error" => read_error(body),
        other => panic!("unknown root {other}"),
    }
}

/// An error is not written back, but asked: the same members, from what its methods say.
fn read_error(body: &Value) -> Reading {
    let error = ServiceError::from_body(body.to_string().as_bytes());
    assert_eq!(error.body(), body.to_string(), "the body itself is kept");
    let members = |pairs: [(&str, Option<Value>); 5]| -> Map<String, Value> {
        pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    };
    let text = |text: Option<&str>| text.map(Value::from);
    let filter = error.content_filter().map(|results| serde_json::to_value(results).unwrap());
    let inner = members([
        ("code", text(error.inner_code())),
        ("content_filter_results", filter),
        ("", None),
        ("", None),
        ("", None),
    ]);
    let written = members([
        ("code", text(error.code())),
        ("message", text(error.message())),
        ("param", text(error.param())),
        ("type", text(error.error_type())),
        ("inner_error", (!inner.is_empty()).then_some(Value::Object(inner))),
    ]);
    let written = Value::Object(written);
    Reading {
        written: if body.get("error").is_some() { json!({"error": written}) } else { written },
        debug: format!("{:?}", error.content_filter()),
    }
}

/// Calls `look` with every field at every place.
fn every_field(mut look: impl FnMut(&Spec, &str, &Place, &Field)) {
    let Some(folder) = shared("wire/spec") else { return };
    for mut spec in specs(&folder) {
        as_sent(&mut spec);
        for (root, object) in &spec.roots {
            for (object, place) in spec.places(object) {
                for field in spec.fields(&object) {
                    look(&spec, root, &place, field);
                }
            }
        }
    }
}

fn as_sent(spec: &mut Spec) {
    for (version, object, field) in LEFT_ALONE {
        if *version == spec.version {
            spec.take(object, field);
        }
    }
    for (version, object, field, kind) in MISDRAWN {
        if *version == spec.version {
            spec.retype(object, field, kind);
        }
    }
}

/// Says all problems at once.
fn report(problems: &BTreeSet<String>) {
    let list: Vec<&str> = problems.iter().map(String::as_str).collect();
    assert!(list.is_empty(), "{} problems:\n{}", list.len(), list.join("\n"));
}

/// What stands in for any text in the walk; no word of an enum.
const ANY_WORD: &str = "Unknown(\"walk\")";

#[test]
fn every_value_of_the_specifications_goes_through_unchanged_and_is_typed() {
    let mut problems = BTreeSet::new();
    every_field(|spec, root, place, field| {
        let at = path(place, &field.name);
        for value in spec.values(field) {
            let body = wrap(place, json!({&field.name: value}));
            let Reading { written, debug } = read(root, &body);
            let expected = if root == "error" { without_nulls(body) } else { body };
            if written != expected {
                problems.insert(format!("{} {root} {at}: {expected} became {written}", spec.version));
            } else if debug.contains("extra: [") {
                problems.insert(format!("{} {root} {at}: is not typed in {debug}", spec.version));
            } else if debug.replace(ANY_WORD, "").contains("Unknown(") {
                problems.insert(format!("{} {root} {at}: a word is unknown in {debug}", spec.version));
            }
        }
    });
    report(&problems);
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect(),
        other => other,
    }
}

#[test]
fn every_value_of_a_wrong_type_is_kept_aside_and_written_back() {
    let mut problems = BTreeSet::new();
    every_field(|spec, root, place, field| {
        // an error is asked, not written
        if root == "error" {
            return;
        }
        let at = path(place, &field.name);
        let Some(wrong) = field.wrong_value() else { return };
        let body = wrap(place, json!({&field.name: wrong}));
        let Reading { written, debug } = read(root, &body);
        if written != body {
            problems.insert(format!("{} {root} {at}: {body} became {written}", spec.version));
        } else if !debug.contains("extra: [") && !OPEN.iter().any(|end| format!(".{at}").ends_with(end)) {
            problems.insert(format!("{} {root} {at}: takes {wrong} in {debug}", spec.version));
        }
    });
    report(&problems);
}

#[test]
fn every_object_of_the_table_was_looked_at() {
    let Some(folder) = shared("wire/spec") else { return };
    let mut missed = BTreeSet::new();
    for mut spec in specs(&folder) {
        as_sent(&mut spec);
        let reached: BTreeSet<String> =
            spec.roots.values().flat_map(|root| spec.places(root)).map(|(object, _)| object).collect();
        for object in spec.objects() {
            // the fields of a base are looked at in the objects that are made from it
            if !reached.contains(object)
                && !spec.is_base_of_any(object, &reached)
                && !NOWHERE.contains(&(spec.version.as_str(), object))
            {
                missed.insert(format!("{} {object}", spec.version));
            }
        }
    }
    report(&missed);
}
