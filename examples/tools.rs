//! A whole tool loop: `cargo run --example tools`.
//!
//! The model calls two tools at once, the program runs them and sends the results, until there is an answer.

mod support;

use azure_openai_chat::tools::{ToolBox, ToolEvent};
use azure_openai_chat::{ChatCompletionRequest, Tool};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// What the model passes to `get_weather`. Its fields are the tool's schema.
#[derive(Deserialize, JsonSchema)]
struct GetWeather {
    /// The city's name, without the country.
    city: String,
}

/// What the model passes to `get_time`.
#[derive(Deserialize, JsonSchema)]
struct GetTime {
    /// The city's name, without the country.
    city: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = support::Place::find().await?;
    println!("{}\n", place.describe());
    let client = place.client()?;

    let weather = Tool::function_for::<GetWeather>("get_weather").description("The weather in a city, now.");
    let time = Tool::function_for::<GetTime>("get_time").description("The local time in a city.");
    let tools = ToolBox::new()
        .add(weather, |GetWeather { city }| async move {
            // the text of an error goes to the model, which can often correct its call
            if city.is_empty() { Err("name a city") } else { Ok(json!({"city": city, "celsius": 19, "sky": "clear"})) }
        })
        .add(time, |GetTime { city }| async move { Ok::<_, String>(json!({"city": city, "time": "18:40"})) })
        .max_rounds(5);

    let request = ChatCompletionRequest::builder(support::deployment("AZURE_OPENAI_DEPLOYMENT", "gpt-4o-mini"))
        .system("Use the tools. Answer in one sentence.")
        .user("What are the weather and the time in Lisbon?")
        .build()?;
    let mut run = tools.run(&client, &request)?;
    while let Some(event) = run.next_event().await? {
        match event {
            ToolEvent::Chunk(chunk) => print!("{}", chunk.text().unwrap_or_default()),
            ToolEvent::Started(call) => println!("{} {}", call.name(), call.input()),
            ToolEvent::Finished(result) => println!("{} -> {}", result.call().name(), result.text()),
            _ => {}
        }
    }
    println!("\n{} tokens in {} requests", run.usage().total_tokens(), run.rounds());
    Ok(())
}
