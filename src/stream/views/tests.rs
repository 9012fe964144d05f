use bytes::Bytes;
use futures::executor::block_on;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use super::*;

/// The body of an answer with every kind of event, whose text is JSON, in pieces of one event each.
fn body() -> Vec<Bytes> {
    let text = |text: &str| json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    let chunks = [
        json!({"choices": [], "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]}),
        json!({"choices": [{"index": 0, "delta": {"role": "assistant", "reasoning_content": "hm", "content": "{\"a\":"}}]}),
        text("[1,"),
        text("2"),
        json!({"choices": [{"index": 0, "delta": {"content": ",3]", "tool_calls": [
            {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "{"}}]},
            "content_filter_results": {"hate": {"filtered": false, "severity": "safe"}}}]}),
        json!({"choices": [{"index": 0, "delta": {"content": "}", "tool_calls": [
            {"index": 0, "function": {"arguments": "}"}}]}, "finish_reason": "tool_calls"}],
            "usage": {"total_tokens": 7}}),
    ];
    let events = chunks.map(|chunk| format!("data: {chunk}\n\n")).into_iter().chain(["data: [DONE]\n\n".to_owned()]);
    events.map(Bytes::from).collect()
}

fn answer() -> ChatCompletionStream {
    ChatCompletionStream::from_bytes(stream::iter(body()).map(Ok::<_, std::io::Error>))
}

fn all<T>(items: impl Stream<Item = Result<T>>) -> Vec<T> {
    block_on(items.map(Result::unwrap).collect())
}

/// The items of views that are made anew for each.
fn one_by_one<T>(next: impl FnMut(&mut ChatCompletionStream) -> Option<T>) -> Vec<T> {
    one_by_one_of(&mut answer(), next)
}

fn one_by_one_of<T>(
    stream: &mut ChatCompletionStream,
    mut next: impl FnMut(&mut ChatCompletionStream) -> Option<T>,
) -> Vec<T> {
    let items = std::iter::from_fn(|| next(stream)).collect();
    assert_eq!(next(stream).map(|_| "an item after the end"), None);
    assert!(stream.is_complete());
    items
}

#[test]
fn a_view_made_anew_for_each_item_gives_what_a_kept_one_gives() {
    let kept = all(answer().events());
    assert!(kept.len() > 12, "{kept:?}");
    assert_eq!(one_by_one(|stream| block_on(stream.events().try_next()).unwrap()), kept);
    assert_eq!(all(answer().into_events()), kept);

    let kept = all(answer().text());
    assert_eq!(kept.concat(), r#"{"a":[1,2,3]}"#);
    assert_eq!(one_by_one(|stream| block_on(stream.text().try_next()).unwrap()), kept);
    assert_eq!(all(answer().into_text()), kept);

    let kept: Vec<Value> = all(answer().partial_json());
    assert_eq!(kept.last(), Some(&json!({"a": [1, 2, 3]})));
    assert_eq!(one_by_one(|stream| block_on(stream.partial_json::<Value>().try_next()).unwrap()), kept);
    assert_eq!(all(answer().into_partial_json::<Value>()), kept);
}

#[test]
fn a_view_dropped_half_way_loses_no_event_and_repeats_none() {
    let whole = all(answer().events());
    for taken in 0..whole.len() {
        let mut stream = answer();
        let mut events: Vec<StreamEvent> = all(stream.events().take(taken));
        events.extend(all(stream.events()));
        assert_eq!(events, whole, "{taken}");
    }
}

#[test]
fn views_take_turns_on_one_stream() {
    let mut stream = answer();
    let first: Vec<StreamEvent> = all(stream.events().take(2));
    assert!(matches!(first[..], [StreamEvent::PromptFilter { .. }, StreamEvent::Reasoning { .. }]));
    // the chunk of which an event is still due was read, so the text goes on with the next
    assert_eq!(block_on(stream.text().try_next()).unwrap().unwrap(), "[1,");
    // the structured answer has all text, whichever view read it
    let state: Value = block_on(stream.partial_json().try_next()).unwrap().unwrap();
    assert_eq!(state, json!({"a": [1]}));
    let rest: Vec<StreamEvent> = all(stream.events());
    assert!(matches!(&rest[0], StreamEvent::Content { text, .. } if text == r#"{"a":"#), "{rest:?}");
    assert!(rest.iter().any(|event| matches!(event, StreamEvent::ToolCallDone { .. })));
    // and the last state comes after other views have read it all
    let state: Option<Value> = block_on(stream.partial_json().try_next()).unwrap();
    assert_eq!(state, Some(json!({"a": [1, 2, 3]})));
    assert_eq!(block_on(stream.partial_json::<Value>().try_next()).unwrap(), None);
}

#[test]
fn an_owned_view_moves_and_still_has_the_answer() {
    fn moves<T: Send + 'static>(view: T) -> T {
        view
    }
    let mut events = moves(answer().into_events());
    assert_eq!(events.usage(), None);
    while block_on(events.try_next()).unwrap().is_some() {}
    assert_eq!(events.usage().unwrap().total_tokens(), 7);
    assert_eq!(events.partial().text(), Some(r#"{"a":[1,2,3]}"#));
    assert_eq!(events.into_completion().unwrap().tool_calls().len(), 1);
    moves(answer().into_text());
    moves(answer().into_partial_json::<Value>());
}

#[test]
fn chunks_are_read_without_a_trait_in_scope() {
    let mut stream = answer();
    let mut count = 0;
    while let Some(chunk) = block_on(stream.next_chunk()).unwrap() {
        count += usize::from(chunk.text().is_some());
    }
    assert_eq!(count, 5);
    assert_eq!(block_on(answer().finish()).unwrap().text(), Some(r#"{"a":[1,2,3]}"#));
}

#[test]
fn an_error_is_returned_once_by_whichever_view_is_polled() {
    let body = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"{\"}}]}\n\n";
    let cut = || ChatCompletionStream::from_bytes(stream::iter([Ok::<_, std::io::Error>(Bytes::from(body))]));
    let mut stream = cut();
    assert!(block_on(stream.events().try_next()).unwrap().is_some());
    assert!(block_on(stream.events().try_next()).is_err());
    assert!(block_on(stream.events().try_next()).unwrap().is_none());
    assert!(block_on(stream.text().try_next()).unwrap().is_none());
    assert!(block_on(cut().finish()).is_err());

    let no_json = body.replace("\"{\"", "\"nonsense\"");
    let mut stream = ChatCompletionStream::from_bytes(stream::iter([Ok::<_, std::io::Error>(Bytes::from(no_json))]));
    assert!(block_on(stream.partial_json::<Value>().try_next()).is_err());
    assert!(block_on(stream.partial_json::<Value>().try_next()).unwrap().is_none());
}

#[test]
fn the_text_so_far_is_borrowed_and_counts_all_views() {
    let mut stream = answer();
    let mut text = String::new();
    let mut buffers = std::collections::HashSet::new();
    while let Some(chunk) = block_on(stream.next_chunk()).unwrap() {
        text.push_str(chunk.text().unwrap_or_default());
        assert_eq!(stream.text_so_far(), text);
    }
    let mut events = answer().into_events();
    while block_on(events.try_next()).unwrap().is_some() {}
    assert_eq!(events.text_so_far(), text);

    // a text of 200 KB, looked at after each chunk: it is the buffer of the stream, which grows by doubling
    let chunk = json!({"choices": [{"index": 0, "delta": {"content": "ten bytes."}}]});
    let body = format!("data: {chunk}\n\n").repeat(20_000) + "data: [DONE]\n\n";
    let mut stream = ChatCompletionStream::from_bytes(stream::iter([Ok::<_, std::io::Error>(Bytes::from(body))]));
    while block_on(stream.next_chunk()).unwrap().is_some() {
        buffers.insert(stream.text_so_far().as_ptr());
    }
    assert_eq!(stream.text_so_far().len(), 200_000);
    assert!(buffers.len() < 30, "{} buffers", buffers.len());
}

#[test]
fn a_tool_call_is_done_at_the_end_also_without_a_finish_reason() {
    let piece = |index: u64, name: &str| {
        json!({"choices": [{"index": 0, "delta": {"tool_calls": [
            {"index": index, "id": name, "function": {"name": name, "arguments": "{}"}}]}}]})
    };
    let chunks = [piece(0, "f"), piece(1, "g")].map(|chunk| serde_json::from_value(chunk).unwrap());
    let mut stream = ChatCompletionStream::from_chunks(chunks);
    let events = one_by_one_of(&mut stream, |stream| block_on(stream.events().try_next()).unwrap());
    let done = events.iter().filter_map(|event| match event {
        StreamEvent::ToolCallDone { call, tool_call, .. } => Some((*call, tool_call.name())),
        _ => None,
    });
    assert_eq!(done.collect::<Vec<_>>(), [(0, "f"), (1, "g")]);
    assert!(matches!(events.last(), Some(StreamEvent::ToolCallDone { .. })), "{events:?}");

    // not of an answer that was cut
    let cut = format!("data: {}\n\n", piece(0, "f"));
    let mut stream = ChatCompletionStream::from_bytes(stream::iter([Ok::<_, std::io::Error>(Bytes::from(cut))]));
    while let Ok(event) = block_on(stream.events().try_next()) {
        assert!(!matches!(event, None | Some(StreamEvent::ToolCallDone { .. })), "{event:?}");
    }
    assert_eq!(block_on(stream.events().try_next()).unwrap(), None);
}

/// The items of views that are dropped while their poll is pending, made anew when more has come.
fn interrupted<T>(next: impl Fn(&mut ChatCompletionStream) -> Option<Option<T>>) -> Vec<T> {
    let (sender, pieces) = futures::channel::mpsc::unbounded();
    let mut stream = ChatCompletionStream::from_bytes(pieces.map(Ok::<_, std::io::Error>));
    let mut items = Vec::new();
    // in halves of lines, so that a poll is also pending within an event
    for piece in
        body().into_iter().flat_map(|event| [event.slice(..20.min(event.len())), event.slice(20.min(event.len())..)])
    {
        sender.unbounded_send(piece).unwrap();
        while let Some(item) = next(&mut stream) {
            let Some(item) = item else { return items };
            items.push(item);
        }
    }
    panic!("the stream did not end");
}

#[test]
fn a_view_dropped_while_its_poll_is_pending_loses_nothing() {
    let events = interrupted(|stream| stream.events().try_next().now_or_never().map(Result::unwrap));
    assert_eq!(events, all(answer().events()));
    let text = interrupted(|stream| stream.text().try_next().now_or_never().map(Result::unwrap));
    assert_eq!(text, all(answer().text()));
    let json = interrupted(|stream| stream.partial_json::<Value>().try_next().now_or_never().map(Result::unwrap));
    assert_eq!(json, all(answer().partial_json::<Value>()));
}

#[test]
fn an_owned_view_of_text_or_json_has_the_answer_and_its_metadata() {
    macro_rules! check {
        ($view:expr) => {
            let mut view = $view;
            assert_eq!(view.metadata().request_id(), Some("id-1"));
            assert!(view.usage().is_none());
            assert!(block_on(view.try_next()).unwrap().is_some());
            assert_eq!(view.partial().metadata().request_id(), Some("id-1"));
            assert_eq!(view.partial().text(), Some(view.text_so_far()));
            assert!(view.partial().whole_text().is_err());
            while block_on(view.try_next()).unwrap().is_some() {}
            assert_eq!(view.usage().map(Usage::total_tokens), Some(7));
            assert_eq!(view.text_so_far(), r#"{"a":[1,2,3]}"#);
            let completion = view.into_completion().unwrap();
            assert_eq!(completion.text(), Some(r#"{"a":[1,2,3]}"#));
            assert_eq!(completion.metadata().request_id(), Some("id-1"));
        };
    }
    let stream = || answer().with_metadata(ResponseMetadata::new(200, [("apim-request-id", "id-1")]));
    check!(stream().into_text());
    check!(stream().into_partial_json::<Value>());
    assert!(stream().into_text().into_completion().is_err());
}
