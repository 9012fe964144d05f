//! Tools with their handlers, [`ToolBox`], and the result of one call, [`ToolResult`].

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::request::Tool;
use crate::response::{ToolCall, ToolCallType};

/// The text for the model, or the reason why there is none.
type Outcome = Result<String, String>;
pub(super) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Handler = dyn Fn(&ToolCall) -> BoxFuture<Outcome> + Send + Sync;

/// Tools, each with the function that runs it.
///
/// Cheap to clone. A panic in a handler unwinds through the run that polls it, as in a handler of a web framework: it ends
/// the task, and nothing is sent to the model. A run that is polled on behind a `catch_unwind` goes on with the other calls,
/// and sends "The tool failed." for this one. To do so for every handler, run it in a task of its own:
/// `tokio::spawn(..).await` has the panic as an error.
///
/// # Example: a tool without arguments
///
/// ```
/// use azure_openai_chat::Tool;
/// use azure_openai_chat::tools::ToolBox;
///
/// let clock = Tool::function("seconds_since_1970");
/// let tools = ToolBox::new().add(clock, |_: ()| async {
///     std::time::SystemTime::UNIX_EPOCH.elapsed().map(|elapsed| elapsed.as_secs())
/// });
/// assert_eq!(tools.tools().count(), 1);
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/function-calling>
#[derive(Clone)]
pub struct ToolBox {
    handlers: Vec<(Tool, Arc<Handler>)>,
    max_rounds: u32,
}

impl ToolBox {
    /// A box without tools; [`add`](Self::add) adds them.
    #[must_use]
    pub fn new() -> Self {
        Self { handlers: Vec::new(), max_rounds: 10 }
    }

    /// Adds a tool and the function that runs it, in place of an earlier tool of the same name.
    ///
    /// The arguments of a function are parsed into the handler's parameter; empty arguments are `{}`, which is also read as
    /// `()`. The input of a custom tool is a string: its handler takes a `String`. The return value is sent to the model: a
    /// string as it is, any other value as JSON, the `Display` of an error as the reason why the call failed. So write an
    /// error's text for the model: what it can change, and nothing that must not leave the program.
    #[must_use]
    pub fn add<A, F, Fut, R, E>(mut self, tool: impl Into<Tool>, handler: F) -> Self
    where
        A: DeserializeOwned,
        F: Fn(A) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, E>> + Send + 'static,
        R: Serialize,
        E: fmt::Display,
    {
        let tool = tool.into();
        let handler = move |call: &ToolCall| -> BoxFuture<Outcome> {
            let arguments = match arguments(call) {
                Ok(arguments) => arguments,
                Err(reason) => return Box::pin(async { Err(reason) }),
            };
            let result = handler(arguments);
            Box::pin(async move {
                match result.await {
                    Ok(result) => text(&result),
                    Err(error) => Err(format!("The tool failed: {error}")),
                }
            })
        };
        self.handlers.retain(|(earlier, _)| earlier.name() != tool.name());
        self.handlers.push((tool, Arc::new(handler)));
        self
    }

    /// Sets how many requests one run may send, from 1; 10 by default. The answer to the last one is returned as it is:
    /// [`ToolRun::reached_limit`](super::ToolRun::reached_limit).
    #[must_use]
    pub fn max_rounds(mut self, rounds: u32) -> Self {
        self.max_rounds = rounds.max(1);
        self
    }

    /// The tools, in the order in which they were added.
    pub fn tools(&self) -> impl Iterator<Item = &Tool> {
        self.handlers.iter().map(|(tool, _)| tool)
    }

    pub(super) fn rounds(&self) -> u32 {
        self.max_rounds
    }

    /// The future of a call's result. All of the handler runs in it, so that a panic is one of this future.
    pub(super) fn start(&self, call: &ToolCall) -> BoxFuture<ToolResult> {
        let handler = self.handlers.iter().find(|(tool, _)| tool.name() == call.name());
        let handler = handler.map(|(_, handler)| Arc::clone(handler)).ok_or_else(|| {
            let names: Vec<_> = self.tools().map(Tool::name).collect();
            format!("There is no tool named '{}'. The tools are: {}.", call.name(), names.join(", "))
        });
        let call = call.clone();
        Box::pin(async move {
            let outcome = match handler {
                Ok(handler) => handler(&call).await,
                Err(reason) => Err(reason),
            };
            ToolResult { call, outcome }
        })
    }
}

impl Default for ToolBox {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ToolBox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.tools().map(Tool::name).collect();
        f.debug_struct("ToolBox").field("tools", &names).field("max_rounds", &self.max_rounds).finish_non_exhaustive()
    }
}

/// The arguments of a call as the handler's type, or the text with which the model can correct them.
fn arguments<A: DeserializeOwned>(call: &ToolCall) -> Result<A, String> {
    let parsed = if call.kind() == Some(&ToolCallType::Custom) {
        serde_json::from_value(Value::from(call.input()))
    } else {
        let input = Some(call.input()).filter(|input| !input.trim().is_empty()).unwrap_or("{}");
        serde_json::from_str(input).or_else(|error| match serde_json::from_str(input) {
            // a handler without arguments takes `()`, which serde reads from `null`
            Ok(Value::Object(members)) if members.is_empty() => serde_json::from_str("null").map_err(|_| error),
            _ => Err(error),
        })
    };
    parsed.map_err(|error| {
        format!("The arguments are not valid: {error}. Call the tool again with arguments that follow its parameters.")
    })
}

fn text(result: &impl Serialize) -> Outcome {
    match serde_json::to_value(result) {
        Ok(Value::String(text)) => Ok(text),
        Ok(other) => Ok(other.to_string()),
        Err(_) => Err("The tool ran, and its result cannot be written as JSON.".to_owned()),
    }
}

/// The result of one call: the return value of its handler, or the reason why there is none.
#[derive(Clone, PartialEq)]
pub struct ToolResult {
    call: ToolCall,
    outcome: Outcome,
}

impl ToolResult {
    /// The result of a call whose handler panics.
    pub(super) fn panicked(call: &ToolCall) -> Self {
        Self { call: call.clone(), outcome: Err("The tool failed.".to_owned()) }
    }

    /// The call.
    #[must_use]
    pub fn call(&self) -> &ToolCall {
        &self.call
    }

    /// The text that is sent to the model: the result, or the reason why there is none.
    #[must_use]
    pub fn text(&self) -> &str {
        self.outcome.as_deref().unwrap_or_else(|reason| reason)
    }

    /// Whether there is no result: the arguments did not fit, the handler failed, or there is no such tool.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.outcome.is_err()
    }
}

/// Without the texts of the model and of the handler.
impl fmt::Debug for ToolResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolResult")
            .field("call", &self.call)
            .field("is_error", &self.is_error())
            .finish_non_exhaustive()
    }
}
