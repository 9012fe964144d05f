//! How a stream ends: with `[DONE]`, with its last finish reason, in the middle, with an error; or it never was one.

use std::sync::Arc;

use bytes::Bytes;

use super::sse::{SseError, is_done};
use super::{ChatCompletionChunk, ChatCompletionStream, End, Opening};
use crate::error::{Error, ErrorKind, Result, ServiceError, unexpected_body};
use crate::response::ChatCompletion;

impl ChatCompletionStream {
    pub(super) fn refusal(&self, refusal: ServiceError) -> Error {
        Error::service(refusal, Arc::clone(&self.metadata))
    }

    pub(super) fn done(&mut self) {
        self.end = End::Done;
        if let Some(source) = self.source.take() {
            source.finish();
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        self.fold.is_finished(self.expected_choices)
    }

    pub(super) fn finish_drained(&mut self) -> Option<Result<ChatCompletionChunk>> {
        if let Opening::Stray(body) = std::mem::replace(&mut self.opening, Opening::Events) {
            // `[DONE]` alone, without `data:`
            if is_done(&body) {
                self.end = End::Done;
                return None;
            }
            let error = self.stray(body.freeze());
            return self.fail(error);
        }
        if self.is_finished() {
            self.end = End::Done;
            return None;
        }
        let what = if self.fold.chunk_count() == 0 {
            "the stream ended before its first event".to_owned()
        } else {
            format!("the stream ended before the answer was complete: {}", self.missing())
        };
        self.fail(Error::new(ErrorKind::Interrupted, what))
    }

    /// What an answer that is not complete lacks: finish reasons, `[DONE]`, or both.
    pub(super) fn missing(&self) -> String {
        const NO_DONE: &str = "no `[DONE]` came";
        let (finished, all) = self.fold.finished(self.expected_choices);
        let reasons = match all.saturating_sub(finished) {
            0 => None,
            _ if all == 1 => Some("no finish reason".to_owned()),
            open if open == all => Some(format!("no finish reason of its {all} choices")),
            open => Some(format!("no finish reason of {open} of its {all} choices")),
        };
        match (reasons, self.end == End::Done) {
            (Some(reasons), false) => format!("{reasons} and {NO_DONE}"),
            (Some(reasons), true) => format!("{reasons} came"),
            (None, _) => NO_DONE.to_owned(),
        }
    }

    /// A body that is no event stream: an error object, a whole completion, a page.
    fn stray(&mut self, body: Bytes) -> Error {
        let json = body.slice_ref(unexpected_body::without_mark(&body).trim_ascii());
        match ChatCompletion::decode(json) {
            Ok(completion) if !completion.choices().is_empty() => {
                self.whole = Some(Box::new(completion));
                unexpected_body::whole_completion()
            }
            Ok(completion) => {
                let service = ServiceError::from_body(&body);
                let envelope = completion.extra().and_then(|extra| extra.get("error"));
                if envelope.is_some_and(|error| !error.is_null()) || service.is_telling() {
                    return self.refusal(service);
                }
                unexpected_body::other_json(body, true)
            }
            Err(error) => unexpected_body::no_stream(body, &error),
        }
    }

    pub(super) fn fail_framing(&mut self, error: SseError) -> Option<Result<ChatCompletionChunk>> {
        let kind = match error {
            SseError::CutCharacter { .. } => ErrorKind::Interrupted,
            _ => ErrorKind::Decode,
        };
        self.fail(Error::new(kind, "the event stream cannot be read").with_source(error))
    }

    #[cold]
    pub(super) fn fail_reading(&mut self, error: Error) -> Option<Result<ChatCompletionChunk>> {
        if self.is_finished() {
            self.source = None;
            self.end = End::Done;
            return None;
        }
        if self.fold.chunk_count() == 0 || error.kind() != ErrorKind::Interrupted {
            return self.fail(error);
        }
        let missing = self.missing();
        self.fail(error.with_missing(&missing))
    }

    pub(super) fn fail(&mut self, error: Error) -> Option<Result<ChatCompletionChunk>> {
        self.end = End::Failed;
        self.source = None;
        Some(Err(self.dress(error)))
    }

    /// Adds the metadata of the answer and the deployment.
    pub(super) fn dress(&self, mut error: Error) -> Error {
        if self.metadata.status() != 0 {
            error = error.with_metadata(Arc::clone(&self.metadata));
        }
        match &self.deployment {
            Some(deployment) => error.with_deployment(deployment),
            None => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::{StreamExt, stream};

    use super::*;

    fn read(body: &'static str) -> (ChatCompletionStream, Option<Error>) {
        let pieces = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(body.as_bytes()))]);
        let mut stream = ChatCompletionStream::from_bytes(pieces);
        let error = block_on(async {
            while let Some(chunk) = stream.next().await {
                if let Err(error) = chunk {
                    return Some(error);
                }
            }
            None
        });
        (stream, error)
    }

    #[test]
    fn a_body_that_is_no_stream_is_told_by_its_first_bytes() {
        for (body, kind, words) in [
            ("", ErrorKind::Interrupted, "before its first event"),
            (" \r\n ", ErrorKind::Interrupted, "before its first event"),
            (": ping\n\n", ErrorKind::Interrupted, "before its first event"),
            ("<html>", ErrorKind::Decode, "HTML"),
            ("{\"error\": {\"code\": \"x\"}}", ErrorKind::Service, "(x)"),
            ("{\"statusCode\": 500, \"message\": \"gateway\"}", ErrorKind::Service, "gateway"),
            ("{\"choices\": [{\"message\"", ErrorKind::Interrupted, "in the middle"),
            ("[1]", ErrorKind::Decode, "neither"),
            ("plain words", ErrorKind::Interrupted, "before its first event"),
            ("data: plain words\n\n", ErrorKind::Decode, "not a JSON object"),
            ("data: {\"cho", ErrorKind::Interrupted, "in the middle of an event"),
        ] {
            let error = read(body).1.unwrap();
            assert_eq!(error.kind(), kind, "{body}: {error}");
            assert!(error.to_string().contains(words), "{body}: {error}");
        }
    }

    #[test]
    fn what_could_not_be_read_is_with_the_error_and_not_in_its_text() {
        for body in ["data: secret words\n\n", "data: {\"cho"] {
            let error = read(body).1.unwrap();
            let data = body.trim_start_matches("data: ").trim_end();
            assert_eq!(error.body().unwrap(), data);
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
    }

    #[test]
    fn a_pair_of_surrogates_cut_by_a_gateway_ends_no_stream() {
        let half = |half: &str| format!(r#"data: {{"choices":[{{"index":0,"delta":{{"content":"a{half}"}}}}]}}"#);
        let body = format!("{}\n\n{}\n\ndata: [DONE]\n\n", half(r"\ud83d"), half(r"\ude00"));
        let (stream, error) = read(body.leak());
        assert!(error.is_none());
        assert_eq!(stream.into_completion().unwrap().text(), Some("a\u{fffd}a\u{fffd}"));
    }

    #[test]
    fn an_answer_in_one_piece_is_kept() {
        let (stream, error) = read("{\"choices\": [{\"message\": {\"content\": \"all\"}}]}");
        assert_eq!(error.unwrap().kind(), ErrorKind::Decode);
        assert_eq!(stream.partial().text(), Some("all"));
    }

    #[test]
    fn done_is_understood_as_gateways_write_it() {
        let finish = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n";
        for done in ["[DONE]", " [DONE] ", "[done]", "[ DONE ]"] {
            let body: &'static str = format!("{finish}data: {done}\n\n").leak();
            let (stream, error) = read(body);
            assert!(error.is_none(), "{done}");
            assert!(stream.is_complete());
        }
        let (stream, error) = read(format!("{finish}data: [DON").leak());
        assert_eq!(error.unwrap().kind(), ErrorKind::Interrupted);
        assert_eq!(stream.partial().text(), Some("a"));
    }

    #[test]
    fn done_needs_no_data_before_it() {
        let text = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n";
        for end in ["\n[DONE]\n\n", "\n[DONE]\n", "\n[DONE]", "[DONE]\n\n", "\n [done] \n", "\n: ping\n[DONE]\n"] {
            let (stream, error) = read(format!("{text}{end}").leak());
            assert!(error.is_none(), "{end:?}: {error:?}");
            assert_eq!(stream.into_completion().unwrap().text(), Some("a"), "{end:?}");
        }
        for alone in ["[DONE]", "[DONE]\n\n", "data: [DONE]\n\n"] {
            let (stream, error) = read(alone);
            assert!(error.is_none() && stream.is_complete(), "{alone:?}: {error:?}");
        }
        let (_, error) = read(format!("{text}\n[DON").leak());
        assert_eq!(error.unwrap().kind(), ErrorKind::Interrupted);
    }

    #[test]
    fn done_without_data_ends_a_stream_whose_connection_stays_open() {
        let body = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n[DONE]\n";
        let pieces = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(body.as_bytes()))]);
        let mut stream = ChatCompletionStream::from_bytes(pieces.chain(stream::pending()));
        assert!(block_on(stream.next()).unwrap().is_ok());
        assert!(block_on(stream.next()).is_none());
        assert!(stream.is_complete());
    }

    #[test]
    fn a_stream_that_ends_early_says_what_was_missing() {
        let piece = |index: u8, finish: &str| {
            format!("data: {{\"choices\":[{{\"index\":{index},\"delta\":{{}},\"finish_reason\":{finish}}}]}}\n\n")
        };
        let cut = "data: {\"usage\": {\"total";
        for (body, missing) in [
            (piece(0, "null"), "no finish reason and no `[DONE]` came"),
            (piece(0, "null") + &piece(1, "\"stop\""), "no finish reason of 1 of its 2 choices and no `[DONE]` came"),
            (piece(0, "null") + &piece(1, "null"), "no finish reason of its 2 choices and no `[DONE]` came"),
            (piece(0, "\"stop\"") + cut, "middle of an event: no `[DONE]` came"),
            (piece(0, "null") + cut, "middle of an event: no finish reason and no `[DONE]` came"),
        ] {
            let (stream, error) = read(body.leak());
            let error = error.unwrap();
            assert_eq!(error.kind(), ErrorKind::Interrupted);
            assert!(error.to_string().contains(missing), "{error}");
            assert_eq!(stream.into_completion().unwrap_err().kind(), ErrorKind::Interrupted);
        }
        let broken = stream::iter([Ok(Bytes::from(piece(0, "null"))), Err(std::io::Error::other("reset"))]);
        let mut stream = ChatCompletionStream::from_bytes(broken);
        let error = block_on(async { stream.next().await.unwrap().and(stream.next().await.unwrap()) }).unwrap_err();
        assert!(error.to_string().contains("no finish reason and no `[DONE]` came"), "{error}");
    }

    #[test]
    fn every_finish_reason_and_the_end_of_the_body_are_an_end() {
        let (stream, error) =
            read("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n");
        assert!(error.is_none());
        assert_eq!(stream.into_completion().unwrap().text(), Some("a"));
    }

    #[test]
    fn what_was_not_read_to_its_end_is_no_completion() {
        let (stream, error) = read("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n");
        assert_eq!(error.unwrap().kind(), ErrorKind::Interrupted);
        assert_eq!(stream.partial().text(), Some("a"));
        assert_eq!(stream.into_completion().unwrap_err().kind(), ErrorKind::Interrupted);
    }
}
