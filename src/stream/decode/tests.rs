//! Tests that decoding by template gives exactly what parsing every event gives.
//!
//! Streams are built from recorded and made-up lines, then turned hostile: text that looks like the JSON
//! around it, escapes, second members of the same name, other spacing, bytes that are no JSON. The number
//! of cases is small here; `TEMPLATE_CASES` asks for more, each of up to 40 chunks.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, stream};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::TemplateStore;
use crate::ChatCompletionStream;
use crate::stream::byte_source::Pieces;

const AZURE: &str = r#"{"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"},"violence":{"filtered":false,"severity":"safe"}},"delta":{"content":"@"},"finish_reason":null,"index":0,"logprobs":null}],"created":~,"id":"$","model":"gpt-4.1-mini-2025-04-14","obfuscation":"@","object":"chat.completion.chunk","system_fingerprint":"fp_0"}"#;
const OTHER_ORDER: &str = r#"{"id":"$","object":"chat.completion.chunk","created":17~,"model":"gpt-4o","choices":[{"index":#,"delta":{"content":"@"},"logprobs":null,"finish_reason":null}],"usage":null}"#;
const ARGUMENTS: &str = r#"{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"@"},"index":#}]},"finish_reason":null,"index":0}],"id":"$","usage":null}"#;
const REASONING: &str = r#"{"choices":[{"delta":{"content":"","reasoning_content":"@"},"index":#}],"id":"x"}"#;
const REFUSAL: &str = r#"{"choices":[{"index":0,"delta":{"refusal":"@"},"finish_reason":null}],"id":"x"}"#;
const SPACED: &str = r#"{ "choices" : [ { "index" : # , "delta" : { "content" : "@" } } ] , "obfuscation" : "@" }"#;
const TWICE: &str = r#"{"choices":[{"index":0,"delta":{"content":"@","content":"b"}}]}"#;
const ESCAPED_NAME: &str = r#"{"choices":[{"index":0,"delta":{"content":"@","con\u0074ent":"b"}}],"id":"x"}"#;
const TWO_WORDS: &str = r#"{"choices":[{"index":#,"delta":{"content":"@","refusal":"@"}}],"id":"x"}"#;
const LOGPROBS: &str =
    r#"{"choices":[{"index":0,"delta":{"content":"@"},"logprobs":{"content":[{"token":"@","logprob":-1}]}}]}"#;
const PROMPT: &str = r#"{"choices":[],"created":0,"id":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{}}],"obfuscation":"@"}"#;
const ERROR: &str = r#"{"error":{"message":"@","code":"server_error"}}"#;
const ROLE: &str = r#"{"choices":[{"content_filter_results":{},"delta":{"content":"","role":"assistant"},"finish_reason":null,"index":#}],"created":~,"id":"$","obfuscation":"@"}"#;
const STOP: &str =
    r#"{"choices":[{"content_filter_results":{},"delta":{},"finish_reason":"stop","index":#}],"created":~,"id":"$"}"#;
const FILTER: &str = r#"{"choices":[],"created":0,"id":"","prompt_filter_results":[{"prompt_index":0,"content_filter_results":{"hate":{"filtered":false,"severity":"^"}}}]}"#;
const TWO_IDS: &str = r#"{"choices":[{"delta":{"content":"@"},"index":#}],"id":"$","id":"x","created":~}"#;
const IDS_OF_OTHER_TYPES: &str = r#"{"choices":[{"delta":{"content":"@"},"index":#}],"created":"~","id":~}"#;
const IDS_APART: &str = r#"{"id":"$","choices":[{"delta":{"content":"@"},"index":#}],"created":~}"#;
const FINISH: &str =
    r#"{"choices":[{"delta":{"content":"@"},"finish_reason":"stop","index":#}],"usage":{"total_tokens":3}}"#;

// `~` counts, and `$` is one of a few ids
const COUNTED: &str = r#"{"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}},"delta":{"content":"@"},"finish_reason":null,"index":#}],"created":~,"id":"x","obfuscation":"@"}"#;
// `^` is one of a few ratings, so the filter results change and come back
const RATED: &str = r#"{"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"^"}},"delta":{"content":"@"},"finish_reason":null,"index":#}],"created":~,"id":"x","obfuscation":"@"}"#;
const IDS: &[&str] =
    &["chatcmpl-a", "chatcmpl-a", "chatcmpl-b", "chatcmpl-long", "", "\u{e9}", r"\u0041", r#"a","id":"b"#];
const RATINGS: &[&str] = &["safe", "low", "safe", "medium", "high", "low", "odd"];
const RESULTS_AGAIN: &str = r#"{"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}},"delta":{"content":"@"},"index":0,"content_filter_results":{"hate":{"filtered":true}}}],"created":~}"#;
const RESULTS_NULL_AGAIN: &str = r#"{"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}},"delta":{"content":"@"},"index":0,"content_filter_results":null}],"created":~}"#;
const RESULTS_NULL_FIRST: &str = r#"{"choices":[{"content_filter_results":null,"content_filter_results":{"hate":{"filtered":true}},"delta":{"content":"@"},"index":0}],"created":~}"#;
const CHOICES_AGAIN: &str = r#"{"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}},"delta":{"content":"@"},"index":0}],"created":~,"choices":[{"index":0,"delta":{"content":"@"}}]}"#;
const ESCAPED_CHOICES_AGAIN: &str = r#"{"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}},"delta":{"content":"@"},"index":0}],"created":~,"ch\u006fices":[{"index":0,"delta":{"content":"@"}}]}"#;
const RESULTS_LAST: &str = r#"{"id":"x","created":~,"choices":[{"index":#,"delta":{"content":"@"},"content_filter_results":{"hate":{"filtered":false,"severity":"^"}}}],"obfuscation":"@"}"#;
const RESULTS_SPACED: &str = r#"{ "created" : ~ , "choices" : [ { "index" : # , "content_filter_results" : { "hate" : { "filtered" : false } } , "delta" : { "content" : "@" } } ] }"#;
const RESULTS_LAST_AGAIN: &str = r#"{"created":~,"choices":[{"content_filter_results":{},"delta":{"content":"@"},"content_filter_results":{"hate":{"filtered":false,"severity":"^"}}}]}"#;
const PARTS: &str = r#"{"choices":[{"index":#,"delta":{"content":[{"type":"text","text":"@"}]}}],"id":"x"}"#;
const OLD_SPELLING: &str = r#"{"choices":[{"index":#,"delta":{"content":"@"},"content_filter_result":{"self-harm":{"filtered":false,"severity":"^"}},"notes":["^"]}],"created":~}"#;
const RESULTS_ALONE: &str =
    r#"{"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}}}],"created":~,"id":"@"}"#;
const RESULTS_AND_COMMA: &str =
    r#"{"choices":[{"content_filter_results":{"hate":{"filtered":false,"severity":"safe"}},}],"created":~,"id":"@"}"#;
const RESULTS_WITHOUT_COMMA: &str = r#"{"choices":[{"index":0 "content_filter_results":{"hate":{"filtered":false,"severity":"safe"}}}],"created":~,"id":"@"}"#;

const SHAPES: &[&str] = &[
    AZURE,
    AZURE,
    AZURE,
    OTHER_ORDER,
    OTHER_ORDER,
    OTHER_ORDER,
    ARGUMENTS,
    ARGUMENTS,
    REASONING,
    REASONING,
    REFUSAL,
    SPACED,
    TWICE,
    ESCAPED_NAME,
    TWO_WORDS,
    LOGPROBS,
    PROMPT,
    FINISH,
    ROLE,
    ROLE,
    STOP,
    STOP,
    FILTER,
    TWO_IDS,
    IDS_OF_OTHER_TYPES,
    IDS_APART,
    IDS_APART,
    COUNTED,
    COUNTED,
    RATED,
    RATED,
    RESULTS_AGAIN,
    RESULTS_NULL_AGAIN,
    RESULTS_NULL_FIRST,
    CHOICES_AGAIN,
    ESCAPED_CHOICES_AGAIN,
    RESULTS_LAST,
    RESULTS_LAST,
    RESULTS_SPACED,
    RESULTS_LAST_AGAIN,
    RESULTS_ALONE,
    PARTS,
    OLD_SPELLING,
];

/// How an event may be written; `|` is the line.
const FRAMES: &[&str] = &[
    "data: |\n\n",
    "data: |\n\n",
    "data: |\r\n\r\n",
    "data:|\n\n",
    ": keep-alive\n\ndata: |\n\n",
    "id: 1\ndata: |\n\n",
    "retry: 10\n\ndata: |\n\n",
    "data: |\r\r",
    "data: |\ndata:\n\n",
];

/// The text between the quotes of a string, as it is on the wire.
fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[ a-z.,]{0,8}",
        2 => any::<String>().prop_map(|text| {
            let quoted = Value::String(text).to_string();
            quoted[1..quoted.len() - 1].to_owned()
        }),
        1 => Just(r#"\"},\"finish_reason\":\"stop"#.to_owned()),
        1 => Just(r#"\\"#.to_owned()),
        1 => Just(r"\ud83d\ude04 \u00e9 \n".to_owned()),
        1 => Just(r#"\",\"content\":\"x"#.to_owned()),
        // no JSON strings any more
        1 => prop_oneof![Just(r"\ud800".to_owned()), Just(r"\x".to_owned()), Just("\t".to_owned()), Just("\"".to_owned()),
            Just(r#"a","content":"b"#.to_owned()), Just(r#"a"},"x":{"y":"#.to_owned())],
    ]
}

fn line() -> impl Strategy<Value = String> {
    let shapes = prop_oneof![60 => proptest::sample::select(SHAPES), 1 => Just(ERROR), 1 => Just(RESULTS_AND_COMMA),
        1 => Just(RESULTS_WITHOUT_COMMA)];
    (shapes, words(), words(), 0_u8..3, 0_u8..24).prop_map(|(shape, first, second, index, spoil)| {
        let mut line = shape
            .replacen('@', &first, 1)
            .replacen('@', &second, 1)
            .replace('#', &index.to_string())
            .replace('^', RATINGS[usize::from(spoil) % RATINGS.len()])
            .replace('$', IDS[usize::from(spoil) % IDS.len()])
            .replace('~', &spoil.to_string());
        match spoil {
            0 => line.truncate((0..=line.len() / 2).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0)),
            1 => line = line.replacen(',', " ,", 1),
            2 => line = line.replacen(':', ": ", 2),
            _ => {}
        }
        line
    })
}

/// A stream mostly of runs of one shape, as real ones are.
fn lines() -> impl Strategy<Value = Vec<String>> {
    // in most runs `created` is the same
    let run = (proptest::sample::select(SHAPES), 0_u8..16, proptest::collection::vec((words(), words()), 1..12))
        .prop_map(|(shape, variant, all)| {
            let (index, id) = (variant % 2, IDS[usize::from(variant / 2)]);
            let fill = |(at, (first, second)): (usize, (String, String))| {
                shape
                    .replace('$', id)
                    .replace('~', &if variant < 12 { usize::from(variant) } else { at }.to_string())
                    .replace('^', RATINGS[at % RATINGS.len()])
                    .replacen('@', &first, 1)
                    .replacen('@', &second, 1)
                    .replace('#', &index.to_string())
            };
            all.into_iter().enumerate().map(fill).collect::<Vec<_>>()
        });
    let single = line().prop_map(|line| vec![line]);
    proptest::collection::vec(prop_oneof![2 => run, 1 => single], 1..8).prop_map(|runs| runs.concat())
}

/// The body of a stream: mostly framed in one way, and cut into pieces of one size.
fn bodies() -> impl Strategy<Value = (String, usize)> {
    let piece = prop_oneof![3 => Just(usize::MAX), 1 => 1..2000_usize];
    let frame = || proptest::sample::select(FRAMES);
    (lines(), frame(), frame(), 0..40_usize, piece).prop_map(|(lines, frame, odd, odd_at, piece)| {
        let framed = lines.iter().enumerate().map(|(at, line)| {
            let frame = if at == odd_at { odd } else { frame };
            frame.replace('|', line)
        });
        (framed.collect(), piece)
    })
}

async fn both(body: &str) -> [(Vec<Value>, Value, String); 2] {
    both_in(body, usize::MAX, &Arc::default()).await
}

async fn both_in(body: &str, piece: usize, store: &Arc<TemplateStore>) -> [(Vec<Value>, Value, String); 2] {
    let stream_of = || {
        let pieces: Vec<_> =
            body.as_bytes().chunks(piece).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece))).collect();
        let source = Box::new(Pieces(Box::pin(stream::iter(pieces))));
        ChatCompletionStream::new(source, Arc::default(), Arc::clone(store))
    };
    [read(stream_of()).await, read(stream_of().without_templates()).await]
}

/// Every chunk, the whole, and how the stream ended.
async fn read(mut stream: ChatCompletionStream) -> (Vec<Value>, Value, String) {
    let (mut chunks, mut end) = (Vec::new(), "done".to_owned());
    while let Some(chunk) = stream.next().await {
        match chunk {
            Ok(chunk) => chunks.push(serde_json::to_value(chunk).unwrap()),
            Err(error) => end = format!("{error} {}", error.message()),
        }
    }
    (chunks, serde_json::to_value(stream.partial()).unwrap(), end)
}

#[test]
fn templates_change_nothing_in_hostile_streams() {
    let cases = std::env::var("TEMPLATE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(1500);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let chunks = std::cell::Cell::new(0);
    // as the streams of one client
    let store = Arc::default();
    runner
        .run(&bodies(), |(body, piece)| {
            let [with, without] = runtime.block_on(both_in(&body, piece, &store));
            prop_assert_eq!(&with, &without);
            chunks.set(chunks.get() + with.0.len());
            Ok(())
        })
        .unwrap();
    println!("{} chunks in {cases} streams", chunks.get());
    assert!(chunks.get() > cases as usize, "the streams ended too early to say anything");
}

#[tokio::test]
async fn templates_change_nothing_in_recorded_streams() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/wire/streams");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        use std::io::Write;
        // past the harness, which keeps what a passing test prints to itself
        let _ = writeln!(std::io::stderr(), "SKIPPED: there is no ../shared/wire/streams beside the project");
        return;
    };
    let recorded =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|it| it == "sse"));
    let mut count = 0;
    for path in recorded {
        let [with, without] = both(&std::fs::read_to_string(&path).unwrap()).await;
        assert_eq!(with, without, "{}", path.display());
        count += 1;
    }
    assert!(count > 0, "no recordings in {}", folder.display());
}

#[tokio::test]
async fn a_template_takes_the_words_of_each_choice() {
    let chunk = |index: u8, text: &str| json!({"choices": [{"index": index, "delta": {"content": text}}]}).to_string();
    let mut lines = Vec::new();
    for word in ["a", "b", "c", "\"d\""] {
        lines.extend([chunk(0, word), chunk(1, &word.to_uppercase())]);
    }
    let body: String = lines.iter().map(|line| format!("data: {line}\n\n")).collect();
    let [with, without] = both(&(body + "data: [DONE]\n\n")).await;
    assert_eq!(with, without);
    assert_eq!(with.1["choices"][0]["message"]["content"], "abc\"d\"");
    assert_eq!(with.1["choices"][1]["message"]["content"], "ABC\"D\"");
}

#[tokio::test]
async fn a_large_text_is_the_same_without_templates() {
    let long = r#"All work, \"no play\", \ud83d\ude04 \u00e9.\n"#.repeat(3000);
    let spoils = ["", "\\x", "\\ud800", "\t", "\",\"content\":\"x"];
    for (at, spoil) in spoils.iter().enumerate() {
        let line = |words: &str| format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"{words}"}}}}],"id":"x"}}"#);
        let lines = [line("so: "), line(&format!("{long}{spoil}")), line(&long), line(" done")];
        let body: String = lines.iter().map(|line| format!("data: {line}\n\n")).collect();
        for piece in [1000, usize::MAX] {
            let [with, without] = both_in(&format!("{body}data: [DONE]\n\n"), piece, &Arc::default()).await;
            assert_eq!(with, without, "spoilt by {spoil:?}");
            assert_eq!(with.0.len(), if matches!(at, 0 | 2 | 4) { 4 } else { 1 });
        }
    }
}

#[tokio::test]
async fn a_client_keeps_nothing_of_an_answer_in_its_templates() {
    let store = Arc::default();
    let body = concat!(
        r#"data: {"choices":[{"index":0,"delta":{"content":"a secret"}}],"id":"chatcmpl-secret","created":1234567}"#,
        "\n\n",
        r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_secret"}]}}],"id":"x"}"#,
        "\n\n",
        r#"data: {"choices":[{"index":0,"delta":{"content":"b"},"logprobs":{"content":[{"token":"secret"}]}}]}"#,
        "\n\n",
        r#"data: {"choices":[{"index":0,"delta":{}}],"id":"x","usage":{"total_tokens":1234567}}"#,
        "\n\n",
        r#"data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"a"}},"#,
        r#"{"index":1,"function":{"arguments":"secret"}}]}}],"id":"x"}"#,
        "\n\n",
        r#"data: {"choices":[{"index":0,"delta":{"role":"secret","role":"assistant","content":"b"}}]}"#,
        "\n\n",
        r#"data: {"choices":[],"prompt_filter_results":["secret"]}"#,
        "\n\n",
    );
    let results = [
        json!({"personally_identifiable_information": {"filtered": false, "redacted_text": "secret ***"}}),
        json!({"external_safety_provider": {"results": [{"provider_name": "p", "details": {"found": "secret"}}]}}),
        json!({"protected_material_code": {"detected": true, "citation": {"URL": "https://secret"}}}),
        json!({"error": {"code": "e", "message": "secret"}}),
        json!({"hate": {"filtered": false, "severity": {"secret": 1}}}),
        json!({"hate": {"filtered": false, "note": "secret"}}),
        json!({"a_new_category": {"filtered": false, "text": "secret"}}),
        json!({"custom_blocklists": {"filtered": false, "details": ["secret"]}}),
        json!({"hate": {"filtered": false, "severity": "secret"}}),
    ];
    let of_results = results.iter().flat_map(|results| {
        [
            json!({"choices": [], "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": results}]}),
            json!({"choices": [], "prompt_filter_results": [{"prompt_index": 0, "note": "secret"}]}),
            json!({"choices": [{"index": 0, "delta": {"content": "b"}, "content_filter_results": results}]}),
        ]
    });
    let of_results: String = of_results.map(|line| format!("data: {line}\n\n")).collect();
    for body in [body, &of_results] {
        both_in(&format!("{body}data: [DONE]\n\n"), usize::MAX, &store).await;
    }
    let kept = store.texts();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(!kept[0].contains("secret") && !kept[0].contains("1234567"), "{kept:?}");
}

#[tokio::test]
async fn the_streams_of_a_client_share_templates_and_keep_their_ids() {
    let store = Arc::default();
    for (id, created) in [("chatcmpl-1", "1700000001"), ("chatcmpl-2", "1700000002")] {
        let body = format!(
            "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"a\"}}}}],\"id\":\"{id}\",\"created\":{created}}}\n\n\
             data: [DONE]\n\n"
        );
        let [with, without] = both_in(&body, usize::MAX, &store).await;
        assert_eq!(with, without);
        assert_eq!(with.0[0]["id"], id);
        assert_eq!(with.1["created"].to_string(), created);
        assert_eq!(store.texts().len(), 1);
    }
}

#[tokio::test]
async fn a_stream_that_becomes_regular_has_templates_again() {
    let line = |fingerprint: usize| {
        format!(r#"{{"choices":[{{"index":0,"delta":{{"content":"a"}}}}],"system_fingerprint":"fp_{fingerprint}"}}"#)
    };
    for irregular in [0, 1, 15, 24, 100, 1000] {
        let mut decoder = super::Decoder::new(Arc::default());
        let mut misses = 0;
        for at in 0..3 * irregular + 20 {
            let text = format!("data: {}\n\n", line(at.min(irregular)));
            let mut chunk = None;
            decoder.decode_by_template(text.as_bytes(), &mut chunk);
            if chunk.is_none() {
                misses += 1;
                decoder.decode(&line(at.min(irregular)).into()).unwrap();
            }
        }
        assert!(misses <= 2 * irregular + 1, "{misses} lines of {irregular} irregular ones were parsed");
    }
}
