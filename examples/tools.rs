//! A whole tool loop: `cargo run --example tools`.
//!
//! A loop of tool calls: the program runs them and sends their results until there is an answer.

mod support;

use azure_openai_chat::{ChatCompletionRequest, Message, Tool, ToolCall};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// What the model passes to `get_weather`. Its fields are the tool's schema.
#[derive(Deserialize, JsonSchema)]
struct GetWeather {
    /// The city's name, without the country.
    city: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = support::Place::find().await?;
    println!("{}\n", place.describe());
    let client = place.client()?;

    let mut request = ChatCompletionRequest::builder(support::deployment("AZURE_OPENAI_DEPLOYMENT", "gpt-4o-mini"))
        .system("Use the tools. Answer in one sentence.")
        .user("What is the weather in Lisbon?")
        .tool(Tool::function_for::<GetWeather>("get_weather").description("The weather in a city, now."))
        .parallel_tool_calls(false)
        .build()?;

    // a model may call tools several times; a program sets a limit
    for _ in 0..5 {
        let completion = client.complete(&request).await?;
        let Some(answer) = completion.message() else { break };
        if answer.tool_calls().is_empty() {
            println!("answer: {}", completion.text().unwrap_or_default());
            return Ok(());
        }
        // the answer goes back as it is, then the result of each of its calls
        request = request.with_message(answer);
        for call in answer.tool_calls() {
            let result = run(call);
            println!("{} -> {result}", call.name());
            request = request.with_message(Message::tool_result(call.id(), result));
        }
    }
    println!("no answer after five rounds of tools");
    Ok(())
}

/// Runs a tool. An error is returned to the model as the result, which can often correct its call.
fn run(call: &ToolCall) -> String {
    match call.name() {
        "get_weather" => match call.arguments::<GetWeather>() {
            Ok(arguments) => json!({"city": arguments.city, "celsius": 19, "sky": "clear"}).to_string(),
            Err(error) => json!({"error": error.to_string()}).to_string(),
        },
        other => json!({"error": format!("there is no tool '{other}'")}).to_string(),
    }
}
