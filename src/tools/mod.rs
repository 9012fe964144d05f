//! Tool loops: requests whose tool calls are run by the program, until an answer calls no tool.
//!
//! [`ToolBox`] holds the tools and their handlers, and [`ToolRun`] is one conversation with them: an answer that calls
//! tools is sent back with the results, until an answer calls none.
//!
//! # Example: two cities in one turn
//!
//! ```no_run
//! use azure_openai_chat::tools::ToolBox;
//! use azure_openai_chat::{ChatClient, ChatCompletionRequest, Tool};
//! use serde_json::json;
//!
//! #[derive(serde::Deserialize)]
//! struct City {
//!     city: String,
//! }
//!
//! # async fn run(client: ChatClient) -> Result<(), Box<dyn std::error::Error>> {
//! let weather = Tool::function("get_weather").description("The weather in a city, now.").parameters(json!({
//!     "type": "object",
//!     "properties": {"city": {"type": "string"}},
//!     "required": ["city"],
//! }));
//! let tools = ToolBox::new().add(weather, |City { city }| async move {
//!     if city.is_empty() { Err("the city is empty") } else { Ok(json!({"city": city, "celsius": 19})) }
//! });
//! let request = ChatCompletionRequest::builder("gpt-4o").user("Is Lisbon warmer than Porto?").build()?;
//!
//! let mut run = tools.run(&client, &request)?;
//! println!("{}", run.finish().await?.whole_text()?);
//! println!("{} tokens in {} requests", run.usage().total_tokens(), run.rounds());
//! # Ok(())
//! # }
//! ```
//!
//! Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/function-calling>

mod tool_box;
mod tool_run;

pub use tool_box::{ToolBox, ToolResult};
pub use tool_run::{ToolEvent, ToolRun};
