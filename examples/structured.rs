//! An answer in a type of one's own: `cargo run --example structured`.
//!
//! First whole, then as it streams. Refusal, length, filter and decoding are separate outcomes.

mod support;

use azure_openai_chat::{ChatCompletionRequest, ParseOutcome, ResponseFormat};
use futures::TryStreamExt;
use schemars::JsonSchema;
use serde::Deserialize;

/// Documentation comments become descriptions in the schema, which the model reads.
#[derive(Debug, Deserialize, JsonSchema)]
struct Recipe {
    /// The dish.
    name: String,
    ingredients: Vec<Ingredient>,
    /// Missing when the text does not say.
    minutes: Option<u32>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Ingredient {
    name: String,
    amount: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = support::Place::find().await?;
    println!("{}\n", place.describe());
    let client = place.client()?;
    let request = ChatCompletionRequest::builder(support::deployment("AZURE_OPENAI_DEPLOYMENT", "gpt-4o-mini"))
        .system("Take the recipe out of the text.")
        .user("For pancakes you need 200 g flour, two eggs and a cup of milk, and about 20 minutes.")
        .response_format(ResponseFormat::json_schema_for::<Recipe>())
        .build()?;

    let completion = client.complete(&request).await?;
    match completion.parse::<Recipe>() {
        Ok(recipe) => {
            println!("{} in {:?} minutes", recipe.name, recipe.minutes);
            for ingredient in &recipe.ingredients {
                println!("- {} {}", ingredient.amount, ingredient.name);
            }
        }
        Err(error) => match error.outcome() {
            ParseOutcome::Refused => println!("the model declined: {}", completion.refusal().unwrap_or_default()),
            ParseOutcome::Length => println!("cut after {} characters", error.text().len()),
            ParseOutcome::Filtered => println!("cut by the content filter"),
            _ => println!("{error}"),
        },
    }

    println!("\nThe same as it streams:");
    let mut stream = client.stream(&request).await?;
    let mut states = stream.partial_json::<serde_json::Value>();
    let mut last = None;
    let mut count = 0;
    while let Some(state) = states.try_next().await? {
        count += 1;
        last = Some(state);
    }
    println!("{count} states, the last: {}", last.unwrap_or_default());
    Ok(())
}
