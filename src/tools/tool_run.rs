//! One conversation with tools, [`ToolRun`]: requests, calls and results until an answer calls no tool.

use std::collections::VecDeque;
use std::fmt;

use futures_util::stream::{FuturesUnordered, Stream, StreamExt, try_unfold};

use super::tool_box::{BoxFuture, ToolBox, ToolResult};
use crate::client::ChatClient;
use crate::error::{Error, ErrorKind, Result};
use crate::request::{ChatCompletionRequest, Message, ToolChoice};
use crate::response::{ChatCompletion, ToolCall, Usage};
use crate::stream::{ChatCompletionChunk, ChatCompletionStream};
use crate::wire::getters;

/// A run of a [`ToolBox`]: made by [`ToolBox::run`], driven by [`finish`](Self::finish) or
/// [`next_event`](Self::next_event).
///
/// When the future of one of the two was dropped, such as by a timeout beside it, the next call goes on where the run was:
/// a request that is under way is not sent again, and the futures of unfinished handlers are polled on. To end a run, drop
/// it. After an error the next call resumes the run: the request without a complete answer is sent again, results are kept.
///
/// The calls of one answer run at the same time, in the task that drives the run. Use `spawn_blocking` in a handler that
/// computes for long.
///
/// # Example: text as it arrives
///
/// ```no_run
/// use azure_openai_chat::tools::{ToolBox, ToolEvent};
/// # use azure_openai_chat::{ChatClient, ChatCompletionRequest};
///
/// # async fn show(tools: ToolBox, client: ChatClient, request: ChatCompletionRequest) -> azure_openai_chat::Result<()> {
/// let mut run = tools.run(&client, &request)?;
/// while let Some(event) = run.next_event().await? {
///     match event {
///         ToolEvent::Chunk(chunk) => print!("{}", chunk.text().unwrap_or_default()),
///         ToolEvent::Started(call) => eprintln!("[{}]", call.name()),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/function-calling>
pub struct ToolRun {
    tools: ToolBox,
    client: ChatClient,
    request: ChatCompletionRequest,
    state: State,
    results: Vec<ToolResult>,
    completion: Option<ChatCompletion>,
    usage: Usage,
    rounds: u32,
}

enum State {
    /// The request is to be sent.
    Send,
    /// Its whole answer is waited for.
    Completing(BoxFuture<Result<ChatCompletion>>),
    /// The beginning of its stream is waited for.
    Opening(BoxFuture<Result<ChatCompletionStream>>),
    /// Its answer is being streamed.
    Streaming(Box<ChatCompletionStream>),
    /// The calls of the answer are running.
    Running(RunningCalls),
    /// The last answer has arrived.
    Done,
}

/// The calls of one answer: those without an event, the running ones, and the results by position in the answer.
struct RunningCalls {
    announced: VecDeque<ToolCall>,
    pending: FuturesUnordered<BoxFuture<(usize, ToolResult)>>,
    /// At first those of calls that panic, so that each call has a result.
    results: Vec<ToolResult>,
}

/// An event of a run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ToolEvent {
    /// A chunk of an answer, be it text or the call of a tool.
    Chunk(ChatCompletionChunk),
    /// A tool starts.
    Started(ToolCall),
    /// A tool has ended; those of one answer end in any order.
    Finished(ToolResult),
}

impl ToolBox {
    /// Starts a run: the request is sent with the tools of this box, by [`ToolRun::finish`] or
    /// [`ToolRun::next_event`]. A tool that the request has already keeps the request's definition. For a request with a
    /// `tool_choice`, which `build()` refuses without tools, add them: `.tools(tool_box.tools())`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidRequest`](crate::ErrorKind::InvalidRequest) when the request has a tool without a handler
    /// here, or more than one choice.
    pub fn run(&self, client: &ChatClient, request: &ChatCompletionRequest) -> Result<ToolRun> {
        ToolRun::new(self.clone(), client.clone(), request)
    }
}

impl ToolRun {
    fn new(tools: ToolBox, client: ChatClient, request: &ChatCompletionRequest) -> Result<Self> {
        let invalid = |message: String| Err(Error::new(ErrorKind::InvalidRequest, message));
        if request.n().is_some_and(|n| n > 1) {
            return invalid("a run of tools follows one choice: remove .n(..) from the request".to_owned());
        }
        if let Some(tool) = request.tools().iter().find(|tool| tools.tools().all(|known| known.name() != tool.name())) {
            let name = tool.name();
            return invalid(format!(
                "the request has the tool '{name}', for which the tool box has no handler: add it with .add(..)"
            ));
        }
        let missing = tools.tools().filter(|tool| request.tools().iter().all(|own| own.name() != tool.name()));
        let request = request.to_builder().tools(missing.cloned()).build_unchecked();
        Ok(Self {
            tools,
            client,
            request,
            state: State::Send,
            results: Vec::new(),
            completion: None,
            usage: Usage::default(),
            rounds: 0,
        })
    }

    /// Drives the run to its last answer, and returns it. Answers are not streamed, so that models without streaming work.
    /// The answer is borrowed from the run; to use both at once, take it from [`completion`](Self::completion).
    ///
    /// # Errors
    ///
    /// As [`ChatClient::complete`]. A failing tool is no error of the run: the reason is sent to the model.
    ///
    /// # Cancel safety
    ///
    /// The next call goes on where the run was.
    pub async fn finish(&mut self) -> Result<&ChatCompletion> {
        while self.advance(false).await?.is_some() {}
        let missing = || Error::new(ErrorKind::Decode, "the run has no answer");
        self.completion.as_ref().ok_or_else(missing)
    }

    /// The next event, with answers streamed; `None` at the end, when [`completion`](Self::completion) is the last answer.
    /// Of an answer that a dropped [`finish`](Self::finish) was waiting for there are no chunks: it is in `completion` as well.
    ///
    /// # Errors
    ///
    /// As [`ChatClient::stream`] and its stream. The call after an error sends the request of the broken answer again,
    /// whose chunks then come once more.
    ///
    /// # Cancel safety
    ///
    /// The next call goes on where the run was.
    pub async fn next_event(&mut self) -> Result<Option<ToolEvent>> {
        self.advance(true).await
    }

    /// Goes on to the next event. What is waited for is in the state, so that a dropped future loses nothing.
    async fn advance(&mut self, is_streamed: bool) -> Result<Option<ToolEvent>> {
        loop {
            let reached = match &mut self.state {
                State::Done => return Ok(None),
                State::Send => {
                    let (client, request) = (self.client.clone(), self.request.clone());
                    self.state = match is_streamed {
                        true => State::Opening(Box::pin(async move { client.stream(&request).await })),
                        false => State::Completing(Box::pin(async move { client.complete(&request).await })),
                    };
                    continue;
                }
                State::Completing(answer) => answer.await.map(|completion| self.add_answer(completion)),
                State::Opening(stream) => stream.await.map(|stream| self.state = State::Streaming(Box::new(stream))),
                State::Streaming(stream) => match stream.next_chunk().await {
                    Ok(Some(chunk)) => return Ok(Some(ToolEvent::Chunk(chunk))),
                    Ok(None) => {
                        if let State::Streaming(stream) = std::mem::replace(&mut self.state, State::Send) {
                            let completion = stream.into_completion()?;
                            self.add_answer(completion);
                        }
                        Ok(())
                    }
                    Err(error) => Err(error),
                },
                State::Running(_) => match self.next_event_of_calls().await {
                    Some(event) => return Ok(Some(event)),
                    None => Ok(()),
                },
            };
            if let Err(error) = reached {
                self.state = State::Send;
                return Err(error);
            }
        }
    }

    /// The next event of the calls of one answer; `None` when their results are in the request.
    async fn next_event_of_calls(&mut self) -> Option<ToolEvent> {
        let State::Running(running) = &mut self.state else { return None };
        if let Some(call) = running.announced.pop_front() {
            return Some(ToolEvent::Started(call));
        }
        if let Some((at, result)) = running.pending.next().await {
            if let Some(place) = running.results.get_mut(at) {
                *place = result.clone();
            }
            return Some(ToolEvent::Finished(result));
        }
        for result in running.results.drain(..) {
            self.request.push_message(Message::tool_result(result.call().id(), result.text()));
            self.results.push(result);
        }
        self.state = State::Send;
        None
    }

    /// The events as a stream, which owns the run. It ends after an error. For the answer and the conversation at the end,
    /// drive the run by [`next_event`](Self::next_event) instead.
    pub fn into_events(self) -> impl Stream<Item = Result<ToolEvent>> + Send + 'static {
        try_unfold(self, |mut run| async move { Ok(run.next_event().await?.map(|event| (event, run))) })
    }

    /// Adds an answer: its calls start, or it is the last one.
    fn add_answer(&mut self, completion: ChatCompletion) {
        self.rounds = self.rounds.saturating_add(1);
        self.usage += completion.usage();
        let message = completion.message().filter(|message| !message.tool_calls().is_empty());
        self.state = match message {
            Some(message) if !completion.is_cut() && self.rounds < self.tools.rounds() => {
                self.request.push_message(message);
                self.release_tool_choice();
                State::Running(RunningCalls::start(&self.tools, message.tool_calls()))
            }
            _ => {
                if let Some(message) = completion.message().filter(|message| message.tool_calls().is_empty()) {
                    self.request.push_message(message);
                }
                State::Done
            }
        };
        self.completion = Some(completion);
    }

    /// Removes the force of a tool choice after the first request: with it, the model could never answer.
    fn release_tool_choice(&mut self) {
        if let Some(choice) = self.request.tool_choice().and_then(ToolChoice::without_force) {
            self.request = self.request.to_builder().tool_choice(choice).build_unchecked();
        }
    }

    /// Whether the run ended because of [`ToolBox::max_rounds`]: the last answer calls tools, which were not run. Its
    /// `whole_text()` is an error.
    #[must_use]
    pub fn reached_limit(&self) -> bool {
        let calls_tools = self.completion.as_ref().is_some_and(|completion| !completion.tool_calls().is_empty());
        matches!(self.state, State::Done) && calls_tools && self.rounds >= self.tools.rounds()
    }

    /// As [`request`](Self::request), by value.
    #[must_use]
    pub fn into_request(self) -> ChatCompletionRequest {
        self.request
    }
}

getters! { run: ToolRun => run;
    /// The last answer so far; `None` before the first.
    completion: ChatCompletion;
    /// The tokens of all answers of the run together.
    usage: Ref<Usage>;
    /// The number of answers so far.
    rounds: Plain<u32>;
    /// The results of all calls so far, in the order of the calls.
    results: Slice<ToolResult>;
    /// The request as it is sent next: with the answers and results so far, for the next turn of the conversation.
    request: Ref<ChatCompletionRequest>;
}

impl RunningCalls {
    fn start(tools: &ToolBox, calls: &[ToolCall]) -> Self {
        let pending = calls.iter().enumerate().map(|(at, call)| {
            let result = tools.start(call);
            Box::pin(async move { (at, result.await) }) as BoxFuture<_>
        });
        Self {
            announced: calls.iter().cloned().collect(),
            pending: pending.collect(),
            results: calls.iter().map(ToolResult::panicked).collect(),
        }
    }
}

impl fmt::Debug for ToolRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolRun")
            .field("tools", &self.tools)
            .field("rounds", &self.rounds)
            .field("usage", &self.usage)
            .finish_non_exhaustive()
    }
}
