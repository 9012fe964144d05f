//! Tool calls come in pieces, and the pieces of several calls in any order: they fold to the calls, and the events of
//! each call add up to it.

use azure_openai_chat::{ChatCompletion, ChatCompletionStream, ChunkFold, StreamEvent};
use futures::StreamExt;
use futures::executor::block_on;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

/// How a piece after the first of its call is assigned to it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum By {
    /// Their index; the first piece has both.
    Index,
    /// Their id, on every piece.
    Id,
    /// Both, on every piece.
    Both,
    /// Their order, without id or index: each call is whole before the next begins.
    Order,
    /// The index 0 on every piece, each call whole before the next begins.
    OneIndex,
}

#[derive(Debug, Clone)]
struct Call {
    id: String,
    name: String,
    custom: bool,
    /// The arguments, cut.
    pieces: Vec<String>,
}

impl Call {
    fn member(&self) -> (&'static str, &'static str) {
        if self.custom { ("custom", "input") } else { ("function", "arguments") }
    }

    fn whole(&self, by: By) -> Value {
        let (kind, text) = self.member();
        let mut whole = json!({"id": self.id, "type": kind, kind: {"name": self.name, text: self.pieces.concat()}});
        if by == By::Order {
            whole.as_object_mut().unwrap().remove("id");
        }
        whole
    }

    /// One piece on the wire.
    fn piece(&self, at: usize, index: u64, by: By) -> Value {
        let (kind, text) = self.member();
        let mut piece = json!({kind: {text: self.pieces[at]}});
        if at == 0 {
            piece["type"] = json!(kind);
            piece[kind]["name"] = json!(self.name);
        }
        if by != By::Order && at == 0 || matches!(by, By::Id | By::Both) {
            piece["id"] = json!(self.id);
        }
        match by {
            By::Index | By::Both => piece["index"] = json!(index),
            By::OneIndex => piece["index"] = json!(0),
            By::Id | By::Order => {}
        }
        piece
    }
}

fn by() -> impl Strategy<Value = By> {
    prop_oneof![Just(By::Index), Just(By::Id), Just(By::Both), Just(By::Order), Just(By::OneIndex)]
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let call = ("[a-z_]{1,8}", any::<bool>(), prop::collection::vec("[^\\x00]{0,6}", 1..6));
    prop::collection::vec(call, 1..5).prop_map(|calls| {
        let numbered = calls.into_iter().enumerate();
        numbered.map(|(at, (name, custom, pieces))| Call { id: format!("call_{at}"), name, custom, pieces }).collect()
    })
}

/// The pieces in an order in which those of one call follow each other, and calls begin in turn.
fn interleave(calls: &[Call], by: By, turns: &[prop::sample::Index]) -> Vec<Value> {
    let mut next = vec![0; calls.len()];
    let mut pieces = Vec::new();
    let in_turn = matches!(by, By::Order | By::OneIndex);
    for turn in turns.iter().cycle() {
        let open: Vec<usize> = (0..calls.len()).filter(|call| next[*call] < calls[*call].pieces.len()).collect();
        // a call begins when the one before has begun
        let ready: Vec<usize> = open.iter().copied().filter(|call| *call == 0 || next[call - 1] > 0).collect();
        let Some(first) = ready.first() else { break };
        let call = if in_turn { *first } else { ready[turn.index(ready.len())] };
        pieces.push(calls[call].piece(next[call], call as u64, by));
        next[call] += 1;
    }
    pieces
}

/// Chunks with one to three pieces each.
fn chunks(pieces: &[Value], sizes: &[usize]) -> Vec<Value> {
    let mut chunks = Vec::new();
    let mut rest = pieces;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (head, tail) = rest.split_at((*size).min(rest.len()));
        chunks.push(json!({"choices": [{"index": 0, "delta": {"tool_calls": head}}]}));
        rest = tail;
    }
    chunks
}

fn fold(chunks: &[Value]) -> ChatCompletion {
    let mut fold = ChunkFold::new();
    for chunk in chunks {
        fold.push(&serde_json::from_value(chunk.clone()).unwrap());
    }
    fold.into_completion()
}

/// The name and the text of each call, as its events add up to them.
fn add_events(chunks: &[Value]) -> Vec<(String, String)> {
    let chunks = chunks.iter().map(|chunk| serde_json::from_value(chunk.clone()).unwrap());
    let mut calls = Vec::new();
    for event in block_on(ChatCompletionStream::from_chunks(chunks).into_events().collect::<Vec<_>>()) {
        match event.unwrap() {
            StreamEvent::ToolCallStarted { call, name, .. } => {
                assert_eq!(call, calls.len());
                calls.push((name, String::new()));
            }
            StreamEvent::ToolCallArguments { call, text, .. } => calls[call].1.push_str(&text),
            StreamEvent::ToolCallDone { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    calls
}

#[test]
fn pieces_in_any_order_fold_to_the_calls() {
    let turns = prop::collection::vec(any::<prop::sample::Index>(), 1..16);
    let sizes = prop::collection::vec(1_usize..4, 1..8);
    let config = Config { failure_persistence: None, ..Config::with_cases(512) };
    TestRunner::new(config)
        .run(&(calls(), by(), turns, sizes), |(calls, by, turns, sizes)| {
            let chunks = chunks(&interleave(&calls, by, &turns), &sizes);
            let expected: Vec<Value> = calls.iter().map(|call| call.whole(by)).collect();
            prop_assert_eq!(json!(fold(&chunks).tool_calls()), json!(expected), "{}", json!(chunks));
            let expected: Vec<_> = calls.iter().map(|call| (call.name.clone(), call.pieces.concat())).collect();
            prop_assert_eq!(add_events(&chunks), expected, "{}", json!(chunks));
            Ok(())
        })
        .unwrap();
}
