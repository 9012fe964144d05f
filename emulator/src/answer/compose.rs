//! Answers of the emulated model, computed from the request: the same request has the same answer.

use std::sync::Arc;

use azure_openai_chat::Model;
use serde_json::{Value, json};

use super::audio::Audio;
use super::prediction::{self, Prediction};
use super::schema_value::{Material, fill};
use super::scripted::Draft;
use super::tools::{self, Call, letters};
use crate::deployment::DeployedModel;
use crate::filter::{self, FilterPolicy};
use crate::request::{ChatRequest, role, text};
use crate::settings::FilterMode;
use crate::tokens::{Encoding, topics};

/// A whole answer, before it is written as one body or as chunks.
pub(crate) struct Reply {
    pub(crate) id: String,
    pub(crate) created: u64,
    pub(crate) model: String,
    pub(crate) fingerprint: &'static str,
    /// None where the filter is off.
    pub(crate) prompt_filter: Option<Value>,
    pub(crate) choices: Vec<Choice>,
    pub(crate) usage: Value,
    pub(crate) encoding: Encoding,
}

/// One choice of an answer.
pub(crate) struct Choice {
    pub(crate) text: Arc<str>,
    pub(crate) refuses: bool,
    pub(crate) calls: Vec<Call>,
    pub(crate) context: Option<Value>,
    pub(crate) finish: String,
    /// None where the filter is off.
    pub(crate) filter: Option<Value>,
    /// The text of `reasoning_content`.
    pub(crate) reasoning: Option<String>,
    /// Whether the call is one of `functions`, in `function_call`.
    pub(crate) is_legacy_call: bool,
    /// Whether a stream has a chunk for each word, instead of for each token.
    pub(crate) by_words: bool,
    /// The text as audio.
    pub(crate) audio: Option<Audio>,
    /// `top_logprobs`, where the request has `logprobs`.
    pub(crate) logprobs: Option<u64>,
}

/// The conversation in the guide to reasoning models, which is answered with the figures printed there:
/// <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/reasoning>.
const DOCUMENTED_QUESTION: &str = "What steps should I think about when writing my first Python API?";
const DOCUMENTED_COMPLETION: u64 = 1843;
const DOCUMENTED_REASONING: u64 = 448;

const CHECKLIST: &str = "A first Python API goes well when you settle these points in order:

1. Purpose. Write down who will call it, what they want to get done, and what it will not do.
2. Contract. List the resources, the methods and the status codes, and describe every body before you code it.
3. Framework. FastAPI checks input from type hints and documents itself; Flask is smaller; Django brings a database layer.
4. Project. Make a virtual environment, pin the dependencies, and keep settings and secrets in the environment.
5. Input. Check everything that comes in at the edge, and answer mistakes with one error shape and a useful message.
6. Access. Decide how callers prove who they are, serve HTTPS only, and limit how often they may call.
7. Tests. Try every endpoint with good, bad and missing input, and run that on every change.
8. Operation. Log each request with an id, add a health check, and rehearse a deployment and a way back.

Start with one endpoint that goes through all eight points, then add the next.";

/// The input of an answer beside the request.
pub(crate) struct ComposeInput<'a> {
    pub(crate) served: &'a DeployedModel,
    /// The answer of a rule or a script.
    pub(crate) draft: Option<Draft>,
    pub(crate) policy: &'a FilterPolicy,
    pub(crate) mode: FilterMode,
    /// Whether the filtered phrase is part of the answer, as in streams under the asynchronous filter.
    pub(crate) shows_filtered_text: bool,
    pub(crate) created: u64,
    /// The tokens at the start of the prompt that an earlier prompt had as well.
    pub(crate) cached_tokens: u64,
}

/// Composes the answer to a request that was not refused.
pub(crate) fn compose(request: ChatRequest<'_>, input: ComposeInput<'_>) -> Reply {
    let served = input.served;
    let documented = input.draft.is_none() && is_documented(request, served);
    let limit = request.limit().unwrap_or(u64::MAX);
    let reasoning = if documented { DOCUMENTED_REASONING } else { served.reasoning_tokens(request).min(limit) };
    let visible = limit - reasoning;

    let amount = request.number("n").unwrap_or(1).clamp(1, 128);
    let choices: Vec<Choice> = (0..amount)
        .map(|variant| {
            let draft = input.draft.clone().unwrap_or_else(|| draft(request, served, variant));
            finish(request, draft, visible, &input)
        })
        .collect();

    let guess = match (request.prediction(), choices.first()) {
        (Some(predicted), Some(choice)) => {
            prediction::align(request.encoding(), &predicted, &choice.text, choice.finish != "length")
        }
        _ => Prediction::default(),
    };
    let text_tokens: u64 = choices.iter().map(|choice| tokens_of(request.encoding(), choice)).sum();
    let audio_tokens: u64 = choices.iter().filter_map(|choice| choice.audio.as_ref()).map(Audio::tokens).sum();
    let content_tokens = text_tokens + audio_tokens;
    let usage = if documented {
        json!({"completion_tokens": DOCUMENTED_COMPLETION, "prompt_tokens": 20, "total_tokens": DOCUMENTED_COMPLETION + 20,
            "completion_tokens_details": {"audio_tokens": null, "reasoning_tokens": DOCUMENTED_REASONING},
            "prompt_tokens_details": {"audio_tokens": null, "cached_tokens": 0}})
    } else {
        // Rejected prediction tokens are billed as output.
        let reasoning_tokens = reasoning.saturating_mul(amount);
        let (prompt, completion) = (request.prompt_tokens(), content_tokens + reasoning_tokens + guess.rejected);
        json!({"completion_tokens": completion, "prompt_tokens": prompt, "total_tokens": prompt + completion,
            "completion_tokens_details": {"accepted_prediction_tokens": guess.accepted, "audio_tokens": audio_tokens,
                "reasoning_tokens": reasoning_tokens, "rejected_prediction_tokens": guess.rejected},
            "prompt_tokens_details": {"audio_tokens": request.audio_tokens(), "cached_tokens": input.cached_tokens}})
    };
    let mut prompt_filter = prompt_results(request, &input);
    if documented {
        let blocklists = json!({"custom_blocklists": {"filtered": false}});
        prompt_filter = prompt_filter.map(|results| filter::merge(blocklists, results));
    }
    Reply {
        id: format!("chatcmpl-{}", letters(29)),
        created: if documented { 1_728_073_417 } else { input.created },
        model: served.model.clone(),
        fingerprint: if documented { "fp_503a95a7d8" } else { "fp_3dcd5944f5" },
        prompt_filter,
        choices,
        usage,
        encoding: request.encoding(),
    }
}

/// The filter results of a prompt that was not blocked.
fn prompt_results(request: ChatRequest<'_>, input: &ComposeInput<'_>) -> Option<Value> {
    match input.mode {
        FilterMode::Off => None,
        FilterMode::Outage => Some(filter::outage()),
        _ => {
            let texts = request.texts();
            let found = input.policy.in_prompt(&texts);
            Some(found.fold(filter::clean_prompt(), |results, trigger| trigger.raise(&results, false)))
        }
    }
}

fn tokens_of(encoding: Encoding, choice: &Choice) -> u64 {
    let count = |text: &str| encoding.count(text);
    let calls = choice.calls.iter().map(|call| count(&call.name) + count(&call.arguments));
    let reasoning = choice.reasoning.as_deref().map_or(0, count);
    count(&choice.text) + calls.sum::<u64>() + reasoning
}

/// Whether the request is the question of the guide, alone or after its developer message, to the model of the guide.
fn is_documented(request: ChatRequest<'_>, served: &DeployedModel) -> bool {
    const OTHERS: [&str; 5] = ["n", "stop", "tools", "response_format", "data_sources"];
    let turns: Vec<(&str, String)> = request.messages().iter().map(|m| (role(m), text(m))).collect();
    let question = match turns.as_slice() {
        [(_, question)] => question,
        [("developer" | "system", instruction), (_, question)] if instruction == "You are a helpful assistant." => {
            question
        }
        _ => return false,
    };
    served.model == Model::O1_2024_12_17.id()
        && question.trim() == DOCUMENTED_QUESTION
        && request.limit().is_none_or(|limit| limit >= DOCUMENTED_COMPLETION)
        && request.string("reasoning_effort").is_none_or(|effort| effort == "medium")
        && OTHERS.iter().all(|name| request.given(name).is_none())
}

/// The computed answer, before it is cut at `stop`, at a filter's phrase and at the token limit.
fn draft(request: ChatRequest<'_>, served: &DeployedModel, variant: u64) -> Draft {
    if let Some((calls, named)) = tools::calls(request, served.calls_in_parallel()) {
        // With a tool named in `tool_choice`, the service's finish reason is `stop`.
        let finish_reason = named.then(|| "stop".to_owned());
        let is_legacy_call = request.list("tools").is_empty();
        return Draft { calls, finish_reason, is_legacy_call, ..Draft::default() };
    }
    let question = request.question();
    if let Some(json) = structured(request, &question) {
        return Draft::text(json.to_string());
    }
    if let Some(report) = tools::report(request) {
        return Draft::text(report);
    }
    if !request.list("data_sources").is_empty() {
        return grounded(request, &question);
    }
    let (images, sounds) = (request.parts("image_url"), request.parts("input_audio"));
    if images + sounds > 0 {
        return Draft::text(media(images, sounds, &question));
    }
    if let Some(text) = edited(request) {
        return Draft::text(text);
    }
    if let Some(predicted) = request.prediction().filter(|text| !text.is_empty()) {
        return Draft::text(predicted);
    }
    if tools::is_small_talk(&question) {
        return Draft::text(reply_to_small_talk(&question));
    }
    let about = topics(&question).join(" ").to_lowercase();
    if about.contains("first") && about.contains("python") && about.contains("api") {
        return Draft::text(CHECKLIST);
    }
    Draft::text(prose(&question, variant, request.string("verbosity").unwrap_or("medium")))
}

fn reply_to_small_talk(text: &str) -> &'static str {
    let text = text.to_lowercase();
    match () {
        () if text.contains("thank") || text.contains("cheers") => {
            "You're welcome! Let me know if there is anything else."
        }
        () if text.contains("bye") => "Goodbye!",
        () if ["hi", "hello", "hey", "good"].iter().any(|word| text.starts_with(word)) => {
            "Hello! How can I help you today?"
        }
        () => "Good. Let me know if there is anything else.",
    }
}

fn structured(request: ChatRequest<'_>, question: &str) -> Option<Value> {
    let results: String = request.tool_results().iter().map(|m| format!("\n{}", text(m))).collect();
    let mut material = Material::new(&format!("{question}{results}"));
    match request.format()? {
        "json_schema" => {
            let schema = request.given("response_format")?.pointer("/json_schema/schema")?;
            Some(fill(schema, &mut material))
        }
        "json_object" => Some(json!({"topics": topics(question), "words": question.split_whitespace().count()})),
        _ => None,
    }
}

/// The text of the last turn's edit, made on the turn's next message, else on what follows the instruction after an
/// empty line, else on the prediction, else on the message before.
fn edited(request: ChatRequest<'_>) -> Option<String> {
    let messages = request.messages();
    let turn = messages.iter().rposition(|m| role(m) == "assistant").map_or(0, |at| at + 1);
    let users = messages.iter().enumerate().skip(turn).filter(|(_, m)| role(m) == "user");
    let mut texts = users.map(|(at, m)| (at, text(m)));
    let (at, edits, block) = texts.find_map(|(at, text)| {
        let (edits, rest) = prediction::edits(&text);
        let block = rest.split_once("\n\n").map(|(_, block)| block.trim_matches('\n').to_owned());
        (!edits.is_empty()).then_some((at, edits, block))
    })?;
    let before = || messages.iter().take(at).rfind(|m| matches!(role(m), "user" | "assistant")).map(text);
    let subject = texts.next().map(|(_, text)| text).or(block).or_else(|| request.prediction()).or_else(before);
    Some(subject.filter(|text| !text.trim().is_empty()).map_or_else(
        || "Send the text to edit in a message of its own, or after an empty line.".to_owned(),
        |text| prediction::apply(&edits, &text),
    ))
}

fn media(images: usize, sounds: usize, question: &str) -> String {
    let some = |count: usize, what: &str| match count {
        0 => None,
        1 => Some(format!("1 {what}")),
        _ => Some(format!("{count} {what}s")),
    };
    let received: Vec<String> = [some(images, "image"), some(sounds, "recording")].into_iter().flatten().collect();
    format!("I received {}, and a question about {}.", received.join(" and "), list(&topics(question)))
}

/// An answer with citations, one for each data source.
fn grounded(request: ChatRequest<'_>, question: &str) -> Draft {
    let about = list(&topics(question));
    let sources = 1..=request.list("data_sources").len();
    let marks: String = sources.clone().map(|number| format!(" [doc{number}]")).collect();
    let documents = sources.map(|number| {
        json!({"content": format!("Document {number} describes {about}."), "title": format!("About {about}"),
            "url": format!("https://example.com/documents/{number}"), "filepath": format!("document-{number}.md"),
            "chunk_id": "0"})
    });
    let intent = json!([topics(question).join(" ").to_lowercase()]).to_string();
    let mut answer = Draft::text(format!("The documents describe {about}{marks}."));
    answer.context = Some(json!({"citations": documents.collect::<Vec<_>>(), "intent": intent}));
    answer
}

/// A short answer about the question's topics; each variant starts with another one.
fn prose(question: &str, variant: u64, verbosity: &str) -> String {
    let mut about = topics(question);
    let words = question.split_whitespace().count();
    if about.is_empty() {
        return format!("There is little to go on in {words} words: say what you want, and I can be of more help.");
    }
    let turns = usize::try_from(variant).unwrap_or(0) % about.len();
    about.rotate_left(turns);
    let first = about.remove(0);
    let opening = match question.trim().to_lowercase().split_whitespace().next() {
        Some("how") => format!("Begin with {first} in its smallest working form."),
        Some("why") => format!("The reason lies with {first} more than anything else."),
        _ => format!("The part to look at first is {first}."),
    };
    if verbosity == "low" {
        return opening;
    }
    let then =
        if about.is_empty() { String::new() } else { format!(" After that come {}, in this order.", list(&about)) };
    format!("{opening}{then} That is my reading of your {words} words; tell me what matters most and I will go deeper.")
}

fn list(words: &[String]) -> String {
    match words {
        [] => "nothing in particular".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// Cuts a draft at `stop`, at a filter's phrase and at the token limit, and sets its finish reason.
fn finish(request: ChatRequest<'_>, draft: Draft, budget: u64, input: &ComposeInput<'_>) -> Choice {
    let Draft { mut text, refuses, mut calls, finish_reason, context, reasoning, is_legacy_call, by_words } = draft;
    let encoding = request.encoding();
    let natural = match calls.as_slice() {
        [] => "stop",
        _ if is_legacy_call => "function_call",
        _ => "tool_calls",
    };
    let mut finish = finish_reason.unwrap_or_else(|| natural.to_owned());

    let stops = request.stops().into_iter().filter(|stop| !stop.is_empty());
    if let Some(at) = stops.filter_map(|stop| text.find(stop)).min() {
        text.truncate(at);
    }
    let found: Vec<_> = input.policy.in_answer(&text).map(|(place, trigger)| (place, trigger.clone())).collect();
    let mut results = found.iter().fold(filter::clean_answer(), |results, (_, trigger)| trigger.raise(&results, false));
    let blocking = found.iter().filter(|(_, trigger)| input.mode.blocks() && trigger.blocks());
    if let Some((place, trigger)) = blocking.min_by_key(|(place, _)| place.start) {
        let shown = if input.shows_filtered_text { place.end } else { place.start };
        text.truncate(shown);
        results = trigger.raise(&results, true);
        finish = "content_filter".to_owned();
    }
    let (kept, mut complete) = encoding.first(&text, budget);
    let mut left = budget.saturating_sub(encoding.count(kept));
    for call in &mut calls {
        left = left.saturating_sub(encoding.count(&call.name));
        let (kept, whole) = encoding.first(&call.arguments, left);
        left = left.saturating_sub(encoding.count(kept));
        complete &= whole;
        call.arguments = kept.to_owned();
    }
    if !complete {
        finish = "length".to_owned();
    }
    let filter = match input.mode {
        FilterMode::Off => None,
        FilterMode::Outage => Some(filter::outage()),
        _ => Some(results),
    };
    let logprobs = request.flag("logprobs").then(|| request.number("top_logprobs").unwrap_or(0));
    let audio = Audio::requested(request).filter(|_| calls.is_empty() && !refuses).map(|audio| audio.lasting_as(kept));
    let text = kept.into();
    Choice { text, refuses, calls, context, finish, filter, logprobs, reasoning, is_legacy_call, by_words, audio }
}
