//! A predicted output as it streams, event by event: `cargo run --example streaming`.

mod support;

use std::io::Write;

use azure_openai_chat::{ChatCompletionRequest, Deployment, Model, StreamEvent};
use futures::TryStreamExt;

const LETTER: &str =
    "Dear Ms Ito,\n\nthank you for your order of 12 lamps. They leave our warehouse on Monday.\n\nKind regards\n";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = support::Place::find().await?;
    println!("{}\n", place.describe());
    let client = place.client()?;
    let name = support::deployment("AZURE_OPENAI_DEPLOYMENT", "gpt-4o-mini");

    let request = ChatCompletionRequest::builder(Deployment::new(name).model(Model::GPT_4O_MINI_2024_07_18))
        .user("Replace `Monday` with `Thursday`. Respond only with the letter.")
        .user(LETTER)
        .prediction(LETTER)
        .build()?;
    let mut stream = client.stream(&request).await?;

    // an error ends the loop; `stream.partial()` would still have what came
    let mut events = stream.events();
    while let Some(event) = events.try_next().await? {
        match event {
            StreamEvent::Content { text, .. } => print!("{text}"),
            StreamEvent::ContentFilter { results, .. } => print!("[filter: {}]", results.state().as_str()),
            StreamEvent::Finished { reason, .. } => println!("\nfinished: {reason}"),
            StreamEvent::Usage { usage, .. } => println!(
                "accepted {}, rejected {} prediction tokens",
                usage.accepted_prediction_tokens(),
                usage.rejected_prediction_tokens()
            ),
            _ => {}
        }
        std::io::stdout().flush()?;
    }
    let completion = stream.into_completion()?;
    println!("{} characters in all", completion.text().unwrap_or_default().chars().count());
    Ok(())
}
