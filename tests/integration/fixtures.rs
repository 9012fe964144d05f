//! What our own fixtures add up to, as a program asks for it. `tests/fixtures/README.md` says what is odd
//! about each.

mod bodies;

use std::fs;
use std::path::Path;

use azure_openai_chat::response::TokenLogprob;
use azure_openai_chat::{
    ChatCompletion, ChatCompletionStream, Error, ErrorKind, FilterState, FinishReason, StreamEvent, ToolCall,
};
use bytes::Bytes;
use futures::executor::block_on;
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use crate::support::{files, fixture};

fn stream_of(pieces: Vec<Bytes>) -> ChatCompletionStream {
    ChatCompletionStream::from_bytes(stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>)))
}

/// A stream read to its end: what happened, what it adds up to, and the error if there was one.
fn read(pieces: Vec<Bytes>) -> (Vec<String>, ChatCompletion, Option<Error>) {
    let mut stream = stream_of(pieces);
    let mut happened = Vec::new();
    let mut failed = None;
    for event in block_on(stream.events().collect::<Vec<_>>()) {
        match event {
            Ok(event) => happened.push(in_words(&event)),
            Err(error) => failed = Some(error),
        }
    }
    (happened, stream.partial(), failed)
}

fn read_fixture(name: &str) -> (Vec<String>, ChatCompletion, Option<Error>) {
    read(vec![Bytes::from(fixture(name))])
}

/// A stream that ends well.
fn completion_of(name: &str) -> (Vec<String>, ChatCompletion) {
    let (events, completion, failed) = read_fixture(name);
    assert!(failed.is_none(), "{name}: {failed:?}");
    (events, completion)
}

fn in_words(event: &StreamEvent) -> String {
    match event {
        StreamEvent::PromptFilter { results: prompts, .. } => {
            format!("prompt {}", prompts[0].content_filter().state().as_str())
        }
        StreamEvent::Content { choice, text, .. } => format!("{choice} says {text:?}"),
        StreamEvent::Refusal { choice, text, .. } => format!("{choice} declines {text:?}"),
        StreamEvent::Reasoning { choice, text, .. } => format!("{choice} thinks {text:?}"),
        StreamEvent::Audio { choice, audio, .. } => {
            format!("{choice} sounds {:?}", audio.data().or(audio.transcript()))
        }
        StreamEvent::Logprobs { choice, logprobs, .. } => {
            format!("{choice} weighs {} tokens", logprobs.content().len())
        }
        StreamEvent::Annotations { choice, annotations, .. } => format!("{choice} cites {} pages", annotations.len()),
        StreamEvent::ToolCallStarted { call, id, name, .. } => format!("call {call} starts {id} {name}"),
        StreamEvent::ToolCallArguments { call, text, .. } => format!("call {call} grows {text}"),
        StreamEvent::ToolCallDone { call, tool_call, .. } => format!("call {call} is {}", tool_call.input()),
        StreamEvent::Context { context, .. } => format!("context with {} citations", context.citations().len()),
        StreamEvent::ContentFilter { results, offsets, .. } => {
            let upto = offsets.as_ref().and_then(|offsets| offsets.check_offset());
            format!("filter {} up to {upto:?}", results.state().as_str())
        }
        StreamEvent::Finished { choice, reason, .. } => format!("{choice} ends: {reason}"),
        StreamEvent::Usage { usage, .. } => format!("{} tokens", usage.total_tokens()),
        other => panic!("{other:?}"),
    }
}

fn completion(name: &str) -> ChatCompletion {
    serde_json::from_str(&fixture(name)).unwrap()
}

fn calls(completion: &ChatCompletion) -> Vec<(&str, &str, &str)> {
    let calls = completion.tool_calls().iter();
    calls.map(|call: &ToolCall| (call.id(), call.name(), call.input())).collect()
}

#[test]
fn every_split_of_a_fixture_gives_the_same() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for (name, body) in files(&folder, ".sse") {
        let body = Bytes::from(body);
        let (events, completion, failed) = read(vec![body.clone()]);
        let kind = failed.map(|error| error.kind());
        for at in 1..body.len() {
            let split = read(vec![body.slice(..at), body.slice(at..)]);
            assert_eq!(split.0, events, "{name} split at {at}");
            assert_eq!(split.1, completion, "{name} split at {at}");
            assert_eq!(split.2.map(|error| error.kind()), kind, "{name} split at {at}");
        }
    }
}

#[test]
fn every_fixture_is_in_the_readme() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let readme = fixture("README.md");
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == "README.md" || readme.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn a_choice_without_delta_is_judged_and_says_nothing() {
    let (events, completion) = completion_of("azure_prelude_without_delta.sse");
    assert_eq!(
        events,
        [
            "prompt clean",
            "filter not_evaluated up to Some(40)",
            "0 says \"Rain\"",
            "0 says \" later.\"",
            "0 ends: stop",
            "filter clean up to Some(52)",
        ]
    );
    assert_eq!(completion.text(), Some("Rain later."));
    assert_eq!(completion.id(), Some("chatcmpl-fixture"));
    assert_eq!(completion.content_filter_state(), FilterState::Clean);
}

#[test]
fn what_was_shown_stays_when_the_filter_cuts_it() {
    let (events, completion) = completion_of("azure_async_filter_violation.sse");
    assert_eq!(
        events,
        [
            "prompt clean",
            "0 says \"First, take\"",
            "filter clean up to Some(60)",
            "0 says \" the sharp\"",
            "0 says \" end and\"",
            "filter filtered up to Some(90)",
            "0 ends: content_filter",
        ]
    );
    let choice = &completion.choices()[0];
    assert_eq!(choice.text(), Some("First, take the sharp end and"));
    assert_eq!(choice.content_filter_state(), FilterState::Filtered);
    assert_eq!(choice.content_filter().filtered_categories(), ["violence"]);
    assert_eq!(choice.content_filter().category("hate"), FilterState::Clean);
    let offsets = choice.content_filter_offsets().unwrap();
    assert_eq!((offsets.check_offset(), offsets.start_offset(), offsets.end_offset()), (Some(90), Some(60), Some(90)));
}

#[test]
fn a_filter_that_did_not_finish_leaves_the_answer_unjudged() {
    let (events, completion) = completion_of("filter_did_not_finish.sse");
    assert_eq!(events[2], "filter not_evaluated up to None");
    assert_eq!(completion.text(), Some("Sure."));
    let choice = &completion.choices()[0];
    assert_eq!(choice.content_filter_state(), FilterState::NotEvaluated);
    let error = choice.content_filter().error().unwrap();
    assert_eq!(error.code(), Some(&json!("content_filter_error")));
}

#[test]
fn a_stream_that_fails_keeps_what_came() {
    for (name, kind, message) in [
        (
            "azure_error_in_stream.sse",
            ErrorKind::Service,
            Some("The server had an error while processing your request."),
        ),
        (
            "gateway_error_event.sse",
            ErrorKind::RateLimited,
            Some("Too many tokens this minute. Try again in 7 seconds."),
        ),
        ("cut_in_an_event.sse", ErrorKind::Interrupted, None),
    ] {
        let (_, completion, failed) = read_fixture(name);
        let error = failed.unwrap();
        assert_eq!(error.kind(), kind, "{name}");
        assert_eq!(error.service_error().and_then(|service| service.message()), message, "{name}");
        assert_eq!(completion.text(), Some("Half an"), "{name}");
    }
}

#[test]
fn usage_may_come_with_the_finish_reason() {
    let (events, completion) = completion_of("azure_usage_on_finish_chunk.sse");
    assert_eq!(events[3..], ["0 ends: stop", "16 tokens"]);
    assert_eq!(completion.usage().reasoning_tokens(), 2);
    assert_eq!(completion.usage().cached_tokens(), 0);
    assert_eq!(completion.usage().output_audio_tokens(), 0);
}

#[test]
fn tool_calls_are_told_apart_however_a_gateway_numbers_them() {
    let (weather, time) = ("{\"city\":\"Porto\"}", "{\"zone\":\"WET\"}");
    for (name, expected) in [
        ("gateway_tool_calls_without_index.sse", (weather, time)),
        ("gateway_tool_calls_under_one_index.sse", (weather, time)),
        ("gateway_tool_calls_from_one.sse", ("{}", "{}")),
    ] {
        let (events, completion) = completion_of(name);
        assert_eq!(
            calls(&completion),
            [("call_a", "get_weather", expected.0), ("call_b", "get_time", expected.1)],
            "{name}"
        );
        let mut grown = [String::new(), String::new()];
        for event in &events {
            if let Some((call, text)) = event.strip_prefix("call ").and_then(|rest| rest.split_once(" grows ")) {
                grown[call.parse::<usize>().unwrap()].push_str(text);
            }
        }
        assert_eq!(grown, [expected.0, expected.1], "{name}: {events:?}");
        let count = |what: &str| events.iter().filter(|event| event.contains(what)).count();
        assert_eq!((count("starts"), count(" is {")), (2, 2), "{name}: {events:?}");
        assert_eq!(completion.finish_reason(), Some(&FinishReason::ToolCalls), "{name}");
    }
}

#[test]
fn citations_come_with_the_stream() {
    let (events, completion) = completion_of("on_your_data.sse");
    assert_eq!(events[0], "context with 2 citations");
    let context = completion.message().unwrap().context().unwrap();
    assert_eq!(context.intents(), ["leave days", "holiday rules"]);
    assert_eq!(context.citations()[1].title(), Some("Handbook, page 2"));
    assert_eq!(context.citations()[1].rerank_score(), Some(2.75));
    assert_eq!(completion.text(), Some("Thirty days [doc2]."));
}

#[test]
fn a_spoken_answer_is_the_same_streamed_or_not() {
    let (events, streamed) = completion_of("audio.sse");
    assert!(events.iter().any(|event| event.starts_with("0 sounds Some(\"UklGR")), "{events:?}");
    let whole = completion("audio.json");
    for (completion, data) in [(&streamed, "UklGRgAAAA=="), (&whole, "UklGRg==")] {
        let audio = completion.message().unwrap().audio().unwrap();
        assert_eq!(audio.id(), Some("audio_fixture"));
        assert_eq!(audio.transcript(), Some("Good day."));
        assert_eq!(audio.data(), Some(data));
        assert_eq!(audio.expires_at(), Some(1_760_003_600));
        assert_eq!(completion.usage().output_audio_tokens(), 4);
        assert_eq!(completion.text(), None);
    }
}

#[test]
fn a_custom_tool_gets_text() {
    let (events, streamed) = completion_of("custom_tool_call.sse");
    assert_eq!(calls(&streamed), [("call_sql", "run_sql", "select 1 + 1")]);
    assert_eq!(events[..3], ["call 0 starts call_sql run_sql", "call 0 grows select 1", "call 0 grows  + 1"]);
    let whole = completion("custom_tool_call.json");
    assert_eq!(calls(&whole), [("call_sql", "run_sql", "select 1"), ("call_f", "f", "{\"a\":1")]);
    assert!(whole.tool_calls()[1].arguments::<Value>().is_err());
}

#[test]
fn reasoning_is_apart_from_the_answer() {
    let (events, completion) = completion_of("reasoning_content.sse");
    assert_eq!(events[..3], ["0 thinks \"Two and \"", "0 thinks \"two.\"", "0 says \"Four\""]);
    let message = completion.message().unwrap();
    assert_eq!(message.reasoning_content(), Some("Two and two."));
    assert_eq!(message.text(), Some("Four."));
    assert_eq!(completion.usage().reasoning_tokens(), 3);
}

#[test]
fn a_refusal_is_no_text() {
    let (events, completion) = completion_of("refusal.sse");
    assert_eq!(events[..2], ["0 declines \"I will \"", "0 declines \"not.\""]);
    assert_eq!(completion.refusal(), Some("I will not."));
    assert_eq!(completion.text(), None);
}

#[test]
fn each_choice_keeps_its_own_words_and_probabilities() {
    let (events, completion) = completion_of("two_choices_with_logprobs.sse");
    assert_eq!(events.last().unwrap(), "16 tokens");
    assert_eq!(events.iter().filter(|event| event.contains(" weighs ")).count(), 4);
    let [first, second] = completion.choices() else { panic!() };
    assert_eq!((first.text(), second.text()), (Some("Hi!"), Some("Hey")));
    assert_eq!(first.finish_reason(), Some(&FinishReason::Stop));
    assert_eq!(second.finish_reason(), Some(&FinishReason::Length));
    let tokens = first.logprobs().unwrap().content();
    assert_eq!(tokens.iter().filter_map(TokenLogprob::logprob).collect::<Vec<_>>(), [-0.25, -2.0]);
    let [likeliest, other] = tokens[0].top_logprobs() else { panic!() };
    assert_eq!(likeliest.bytes(), [72, 105]);
    assert_eq!(other.token(), Some("Yo"));
    assert!(other.bytes().is_empty());
    assert_eq!(second.logprobs().unwrap().content().len(), 2);
}
