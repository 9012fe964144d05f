//! An observer that keeps every event.

use std::sync::{Arc, Mutex};

use azure_openai_chat::{AttemptEvent, CallSummary, FirstChunkEvent, Observer, RetryEvent};

#[derive(Clone)]
enum Event {
    Attempt(AttemptEvent),
    Retry(RetryEvent),
    FirstChunk(FirstChunkEvent),
    End(Box<CallSummary>),
}

/// The events of a client's calls; clones share them.
#[derive(Clone, Default)]
pub struct Events(Arc<Mutex<Vec<Event>>>);

#[allow(dead_code, reason = "each test binary uses a part")]
impl Events {
    fn all(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }

    /// The names of the events in their order, with the number of the attempt or the end.
    pub fn names(&self) -> Vec<String> {
        let name = |event: &Event| match event {
            Event::Attempt(attempt) => format!("attempt {}", attempt.attempt()),
            Event::Retry(retry) => format!("retry {}", retry.attempt()),
            Event::FirstChunk(_) => "first chunk".to_owned(),
            Event::End(call) => call.end().to_string(),
        };
        self.all().iter().map(name).collect()
    }

    pub fn attempts(&self) -> Vec<AttemptEvent> {
        self.all()
            .into_iter()
            .filter_map(|event| if let Event::Attempt(it) = event { Some(it) } else { None })
            .collect()
    }

    pub fn retries(&self) -> Vec<RetryEvent> {
        self.all().into_iter().filter_map(|event| if let Event::Retry(it) = event { Some(it) } else { None }).collect()
    }

    pub fn first_chunks(&self) -> Vec<FirstChunkEvent> {
        let chunk = |event| if let Event::FirstChunk(it) = event { Some(it) } else { None };
        self.all().into_iter().filter_map(chunk).collect()
    }

    pub fn ends(&self) -> Vec<CallSummary> {
        self.all().into_iter().filter_map(|event| if let Event::End(it) = event { Some(*it) } else { None }).collect()
    }

    /// The end of the only call.
    pub fn end(&self) -> CallSummary {
        let ends = self.ends();
        assert_eq!(ends.len(), 1, "{:?}", self.names());
        ends[0].clone()
    }

    fn push(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

impl Observer for Events {
    fn on_attempt(&self, attempt: &AttemptEvent) {
        self.push(Event::Attempt(attempt.clone()));
    }

    fn on_retry(&self, retry: &RetryEvent) {
        self.push(Event::Retry(retry.clone()));
    }

    fn on_first_chunk(&self, chunk: &FirstChunkEvent) {
        self.push(Event::FirstChunk(chunk.clone()));
    }

    fn on_end(&self, call: &CallSummary) {
        self.push(Event::End(Box::new(call.clone())));
    }
}
