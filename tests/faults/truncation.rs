//! An answer cut after every one of its bytes, in both kinds of call, with and without retries.

use std::time::Instant;

use azure_openai_chat::{CallOptions, ErrorKind, RetryPolicy};

use crate::answers::*;
use crate::raw_server::{RawServer, Script, Step, send};
use crate::table::{Ended, call, client, no_roots};

/// The first `cut` bytes of an answer on the wire, then the end of the connection.
fn cut(answer: &[u8], cut: usize) -> Script {
    vec![send(&answer[..cut]), Step::Close]
}

/// Every call is cut at its own byte; with retries, each second answer is whole.
async fn each(answer: Vec<u8>, streamed: bool, retries: bool) -> Vec<(usize, Ended)> {
    let started = Instant::now();
    let (whole, bytes) = (answer.clone(), answer.clone());
    let script = move |number: usize| {
        if !retries {
            return cut(&bytes, number.min(bytes.len()));
        }
        match number % 2 {
            0 => cut(&bytes, (number / 2).min(bytes.len())),
            // without a length the end of the connection is that of the answer
            _ if whole.starts_with(b"HTTP/1.0") => vec![send(&whole), Step::Close],
            _ => vec![send(&whole)],
        }
    };
    let server = RawServer::with(script, "").await;
    let build = || client(&server.url).configure_http(no_roots).build().unwrap();
    let mut client = build();
    let mut options = CallOptions::new();
    if !retries {
        options = options.retry(RetryPolicy::none());
    }
    let mut all = Vec::new();
    for at in 0..answer.len() {
        if at % 50 == 0 {
            // a client's budget for retries does not last for so many
            client = build();
        }
        let ended = call(&client, streamed, &options).await;
        if retries && ended.attempts == 1 {
            // keep step with the server's turns
            call(&client, streamed, &options.clone().retry(RetryPolicy::none())).await;
        }
        all.push((at, ended));
    }
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_answer_cut_at_any_byte_is_never_a_success() {
    let answer = http(200, "", BODY);
    let head = answer.len() - BODY.len();
    for (at, ended) in each(answer.clone(), false, false).await {
        let error = ended.result.unwrap_err();
        let kind = if at < head { ErrorKind::Connect } else { ErrorKind::Interrupted };
        assert_eq!((error.kind(), error.attempts()), (kind, 1), "cut at {at}: {error}");
    }
    for (at, ended) in each(answer, false, true).await {
        assert!(ended.result.is_ok(), "cut at {at}: {:?}", ended.result);
        assert_eq!((ended.text.as_str(), ended.attempts), ("one two", 2), "cut at {at}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_answer_without_a_length_cut_at_any_byte_is_never_a_success() {
    let answer = format!("HTTP/1.0 200 OK\r\n\r\n{BODY}").into_bytes();
    let head = answer.len() - BODY.len();
    for (at, ended) in each(answer.clone(), false, false).await {
        let error = ended.result.unwrap_err();
        let kind = if at < head { ErrorKind::Connect } else { ErrorKind::Interrupted };
        assert_eq!((error.kind(), error.attempts()), (kind, 1), "cut at {at}: {error}");
    }
    for (at, ended) in each(answer, false, true).await {
        assert_eq!((ended.text.as_str(), ended.attempts), ("one two", 2), "cut at {at}: {:?}", ended.result);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_cut_at_any_byte_keeps_what_came_and_is_a_success_only_after_its_finish_reason() {
    let events = events();
    let answer = [HEAD.as_bytes(), &chunk(&events), LAST_CHUNK.as_bytes()].concat();
    // where things are complete, in bytes of the answer; an event counts even without its blank line
    let body = answer.len() - LAST_CHUNK.len() - 2 - events.len();
    let end_of = |part: &str| body + events.find(part).unwrap() + part.trim_end().len();
    let (one, two, stop) = (end_of(ONE), end_of(TWO), end_of(STOP));
    for retries in [false, true] {
        for (at, ended) in each(answer.clone(), true, retries).await {
            let told = format!("cut at {at}, retries {retries}: {:?}", ended.result);
            let came = at > body;
            if retries && !came {
                assert_eq!((ended.text.as_str(), ended.attempts), ("one two", 2), "{told}");
                assert!(ended.result.is_ok(), "{told}");
                continue;
            }
            assert_eq!(ended.attempts, 1, "{told}");
            match ended.result {
                Ok(()) => assert!(at >= stop, "{told}"),
                Err(error) => {
                    let kind = if at < HEAD.len() { ErrorKind::Connect } else { ErrorKind::Interrupted };
                    assert_eq!(error.kind(), kind, "{told}");
                    assert!(at <= stop + 1, "{told}");
                }
            }
            // with its line end an event has come; without, it comes with the end of the body
            let least = match at {
                _ if at > two + 1 => "one two",
                _ if at > one + 1 => "one ",
                _ => "",
            };
            let most = match at {
                _ if at >= two => "one two",
                _ if at >= one => "one ",
                _ => "",
            };
            assert!(ended.text == least || ended.text == most, "{told} with {:?}", ended.text);
        }
    }
}
