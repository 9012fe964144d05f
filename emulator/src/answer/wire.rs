//! The JSON of an answer: one body, or chunks in Azure's order.
//!
//! Default filter mode: the prompt's filter results (no choice, empty ids), then for each choice its role,
//! its content with filter results on every chunk, and its finish reason; then the usage with
//! `stream_options.include_usage`. Asynchronous mode: content at once and without results, annotations without `delta`
//! in between and after the end.
//!
//! Chunks are made one at a time as they are sent, from parts that are written once for the whole stream,
//! so a stream of any length costs the same for each chunk.

use std::collections::VecDeque;
use std::iter::{from_fn, once};
use std::sync::Arc;

use serde_json::{Value, json};

use super::compose::{Choice, Reply};
use super::tools::{Call, letters};
use crate::filter;
use crate::tokens::Encoding;

/// How an answer is streamed.
#[derive(Clone, Copy)]
pub(crate) struct Streaming {
    pub(crate) async_filter: bool,
    pub(crate) usage: bool,
    pub(crate) obfuscation: bool,
    pub(crate) prompt_characters: usize,
}

/// Lazily written payloads of events.
pub(crate) type Payloads = Box<dyn Iterator<Item = String> + Send>;

/// The answer as one body.
pub(crate) fn whole(reply: &Reply) -> Value {
    let choices = reply.choices.iter().enumerate();
    let choices: Vec<Value> = choices.map(|(index, choice)| choice_body(index, choice, reply.encoding)).collect();
    let body = json!({
        "choices": choices, "created": reply.created, "id": reply.id, "model": reply.model,
        "object": "chat.completion", "service_tier": null, "system_fingerprint": reply.fingerprint, "usage": reply.usage,
    });
    match prompt_results(reply) {
        Some(results) => filter::merge(body, json!({"prompt_filter_results": results})),
        None => body,
    }
}

fn prompt_results(reply: &Reply) -> Option<Value> {
    let results = reply.prompt_filter.as_ref()?;
    Some(json!([{"prompt_index": 0, "content_filter_results": results}]))
}

fn choice_body(index: usize, choice: &Choice, encoding: Encoding) -> Value {
    let is_content_null =
        choice.refuses || choice.audio.is_some() || (choice.text.is_empty() && !choice.calls.is_empty());
    let mut message = json!({
        "annotations": [], "content": (!is_content_null).then_some(&*choice.text),
        "refusal": choice.refuses.then_some(&*choice.text), "role": "assistant",
    });
    if let (true, Some(call)) = (choice.is_legacy_call, choice.calls.first()) {
        let call = json!({"name": call.name, "arguments": call.arguments});
        message = filter::merge(message, json!({"function_call": call}));
    } else if !choice.calls.is_empty() {
        let calls: Vec<Value> = choice.calls.iter().map(Call::to_json).collect();
        message = filter::merge(message, json!({"tool_calls": calls}));
    }
    if let Some(context) = &choice.context {
        message = filter::merge(message, json!({"context": context}));
    }
    let logprobs = choice.logprobs.map(|top| {
        let entries: Vec<Value> = encoding.tokens(&choice.text).into_iter().map(|token| logprob(token, top)).collect();
        json!({"content": entries, "refusal": null})
    });
    if let Some(audio) = &choice.audio {
        let audio =
            json!({"id": audio.id, "data": audio.data(), "transcript": &*choice.text, "expires_at": EXPIRES_AT});
        message = filter::merge(message, json!({"audio": audio}));
    }
    if let Some(reasoning) = &choice.reasoning {
        message = filter::merge(message, json!({"reasoning_content": reasoning}));
    }
    let body = json!({"finish_reason": choice.finish, "index": index, "logprobs": logprobs, "message": message});
    match &choice.filter {
        Some(results) => filter::merge(body, json!({"content_filter_results": results})),
        None => body,
    }
}

/// A made-up but fixed probability: the token's own, then lower ones for the alternatives.
fn logprob(token: &str, top: u64) -> Value {
    let mix = |hash: u32, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte));
    let hash = token.bytes().fold(17, mix);
    let own = f64::from(hash % 1000) / -1000.0;
    let entry = |text: &str, value: f64| json!({"token": text, "logprob": value, "bytes": text.as_bytes()});
    let others = (0..top.min(20)).scan(own, |value, rank| {
        let text = if rank == 0 { token.to_owned() } else { format!("{token}{rank}") };
        let shown = entry(&text, *value);
        *value -= 1.5;
        Some(shown)
    });
    filter::merge(entry(token, own), json!({"top_logprobs": others.collect::<Vec<_>>()}))
}

/// What every chunk of a stream has in common.
struct Frame {
    head: String,
    tail: String,
    /// Whether each chunk has `obfuscation`, of a random length that hides the length of the token.
    has_obfuscation: bool,
    /// `usage` of every chunk but the last: `null` with `include_usage`, else absent.
    usage: &'static str,
}

impl Frame {
    fn new(reply: &Reply, how: Streaming) -> Self {
        let (id, model, fingerprint) = (json!(reply.id), json!(reply.model), json!(reply.fingerprint));
        Self {
            head: format!(",\"created\":{},\"id\":{id},\"model\":{model}", reply.created),
            tail: format!(",\"object\":\"chat.completion.chunk\",\"system_fingerprint\":{fingerprint}"),
            has_obfuscation: how.obfuscation,
            usage: if how.usage { ",\"usage\":null" } else { "" },
        }
    }

    fn chunk(&self, choices: &str) -> String {
        self.chunk_with(choices, self.usage)
    }

    fn chunk_with(&self, choices: &str, usage: &str) -> String {
        let Self { head, tail, .. } = self;
        let obfuscation = if self.has_obfuscation {
            format!(",\"obfuscation\":\"{}\"", letters(2 + usize::from(fastrand::u8(..15))))
        } else {
            String::new()
        };
        format!("{{\"choices\":[{choices}]{head}{obfuscation}{tail}{usage}}}")
    }
}

/// The answer as the payloads of its events, `[DONE]` included.
pub(crate) fn chunks(reply: Reply, how: Streaming) -> Payloads {
    let prompt = prompt_results(&reply).map(|results| {
        json!({"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": results})
            .to_string()
    });
    let frame = Arc::new(Frame::new(&reply, how));
    let usage = how.usage.then(|| frame.chunk_with("", &format!(",\"usage\":{}", reply.usage)));

    let mut late = Vec::new();
    let mut choices: VecDeque<Payloads> = VecDeque::new();
    for (index, choice) in reply.choices.into_iter().enumerate() {
        if how.async_filter {
            let end = how.prompt_characters + choice.text.chars().count();
            let stopped = choice.finish == "content_filter";
            let annotate = |results: &Value, stopped| annotation(index, how.prompt_characters, end, results, stopped);
            match &choice.filter {
                Some(results) if stopped => late.push(annotate(results, true)),
                _ => {
                    late.extend([filter::harm(), filter::protected_material()].map(|results| annotate(&results, false)))
                }
            }
        }
        choices.push_back(choice_chunks(index, choice, Arc::clone(&frame), how, reply.encoding));
    }
    let done = once("[DONE]".to_owned());
    let all = prompt.into_iter().chain(interleave(choices));
    Box::new(all.chain(late).chain(usage).chain(done))
}

/// One chunk of each choice after the other, as the service interleaves them.
fn interleave(mut choices: VecDeque<Payloads>) -> impl Iterator<Item = String> {
    from_fn(move || {
        while let Some(mut chunks) = choices.pop_front() {
            if let Some(chunk) = chunks.next() {
                choices.push_back(chunks);
                return Some(chunk);
            }
        }
        None
    })
}

/// An annotation chunk of the asynchronous filter: offsets in characters from the start of the prompt, and results.
fn annotation(index: usize, start: usize, end: usize, results: &Value, stopped: bool) -> String {
    json!({"choices": [{"content_filter_offsets": {"check_offset": end, "start_offset": start, "end_offset": end},
        "content_filter_results": results, "finish_reason": stopped.then_some("content_filter"), "index": index}],
        "created": 0, "id": "", "model": "", "object": ""})
    .to_string()
}

/// All chunks of one choice: role, content or calls, finish reason.
fn choice_chunks(index: usize, choice: Choice, frame: Arc<Frame>, how: Streaming, encoding: Encoding) -> Payloads {
    let encoding = if choice.by_words { Encoding::Simple } else { encoding };
    let has_no_results = how.async_filter || choice.filter.is_none();
    let results = |results: &str| {
        let shown = format!("\"content_filter_results\":{results},");
        if has_no_results { String::new() } else { shown }
    };
    let stopped = choice.finish == "content_filter";
    let found = choice.filter.as_ref().filter(|_| !stopped).cloned().unwrap_or_else(filter::clean_answer);
    let (none, safe) = (results("{}"), results(&found.to_string()));
    let close = format!(",\"finish_reason\":null,\"index\":{index},\"logprobs\":");

    let mut role = json!({"content": "", "refusal": null, "role": "assistant"});
    let mut calls: VecDeque<Payloads> = VecDeque::new();
    let alone = choice.calls.len() == 1;
    for (at, call) in choice.calls.iter().enumerate() {
        if choice.is_legacy_call {
            let opening = json!({"content": null, "function_call": {"arguments": "", "name": call.name}});
            role = filter::merge(role, opening);
            let pieces = pieces(call.arguments.as_str().into(), encoding);
            calls.push_back(Box::new(pieces.map(|piece| json!({"function_call": {"arguments": piece}}).to_string())));
            continue;
        }
        let opening = Call { arguments: String::new(), ..call.clone() };
        let head = json!({"tool_calls": [filter::merge(opening.to_json(), json!({"index": at}))]});
        if alone {
            role = filter::merge(role, filter::merge(head, json!({"content": null})));
        } else {
            role = filter::merge(role, json!({"content": null}));
            calls.push_back(Box::new(once(head.to_string())));
        }
        let (kind, input) = call.wire_names();
        calls.push_back(Box::new(
            pieces(call.arguments.as_str().into(), encoding)
                .map(move |piece| json!({"tool_calls": [{kind: {input: piece}, "index": at}]}).to_string()),
        ));
    }
    if let Some(context) = &choice.context {
        role = filter::merge(role, json!({"context": context}));
    }
    let role = frame.chunk(&format!("{{{none}\"delta\":{role}{close}null}}"));

    let last = (!(how.async_filter && stopped)).then(|| {
        let filter_results = if stopped { results(&json!(choice.filter).to_string()) } else { none.clone() };
        let close = format!(",\"finish_reason\":{},\"index\":{index},\"logprobs\":null", json!(choice.finish));
        frame.chunk(&format!("{{{filter_results}\"delta\":{{}}{close}}}"))
    });

    let reasoning: Vec<String> = choice
        .reasoning
        .iter()
        .map(|reasoning| {
            let delta = json!({"reasoning_content": reasoning});
            frame.chunk(&format!("{{{none}\"delta\":{delta}{close}null}}"))
        })
        .collect();
    let sound: Vec<String> = choice
        .audio
        .iter()
        .flat_map(|audio| {
            let data = audio.pieces().into_iter().map(|data| json!({"audio": {"id": audio.id, "data": data}}));
            let end = json!({"audio": {"id": audio.id, "expires_at": EXPIRES_AT}});
            data.chain([end])
                .map(|delta| frame.chunk(&format!("{{{none}\"delta\":{delta}{close}null}}")))
                .collect::<Vec<_>>()
        })
        .collect();
    let audio_id = choice.audio.as_ref().map(|audio| audio.id.clone());
    let member = if choice.refuses { "refusal" } else { "content" };
    let (text_frame, text_close) = (Arc::clone(&frame), close.clone());
    let mut end = how.prompt_characters;
    let mut unchecked = 0;
    let text = pieces(choice.text, encoding).flat_map(move |piece| {
        let logprobs = choice.logprobs.map(|top| json!({"content": [logprob(&piece, top)], "refusal": null}));
        let (text, logprobs) = (json!(piece), json!(logprobs));
        let delta = match &audio_id {
            Some(id) => json!({"audio": {"id": id, "transcript": piece}}).to_string(),
            None => format!("{{\"{member}\":{text}}}"),
        };
        let chunk = text_frame.chunk(&format!("{{{safe}\"delta\":{delta}{text_close}{logprobs}}}"));
        end += piece.chars().count();
        unchecked += 1;
        let check = how.async_filter && unchecked == CHECKED_AT_ONCE;
        let annotation = check.then(|| {
            unchecked = 0;
            annotation(index, how.prompt_characters, end, &filter::harm(), false)
        });
        once(chunk).chain(annotation)
    });
    let calls = calls.into_iter().flatten();
    let calls = calls.map(move |delta| frame.chunk(&format!("{{{none}\"delta\":{delta}{close}null}}")));
    Box::new(once(role).chain(reasoning).chain(text).chain(sound).chain(calls).chain(last))
}

/// The chunks between two annotations of the asynchronous filter.
const CHECKED_AT_ONCE: usize = 16;

/// The member `expires_at` of audio: the year 2100, so that no test depends on it.
const EXPIRES_AT: u64 = 4_102_444_800;

/// The tokens of a text, cut as the iterator advances.
fn pieces(text: Arc<str>, encoding: Encoding) -> impl Iterator<Item = String> {
    let lengths: Vec<usize> = encoding.tokens(&text).iter().map(|token| token.len()).collect();
    let mut start = 0;
    lengths.into_iter().filter_map(move |length| {
        let piece = text.get(start..start + length)?;
        start += length;
        Some(piece.to_owned())
    })
}
