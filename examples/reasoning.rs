//! Effort and budget of a reasoning model: `cargo run --example reasoning`.
//!
//! The same question at every effort the model takes, and what each cost.

mod support;

use azure_openai_chat::{ChatCompletionRequest, Deployment, FinishReason, Model};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = support::Place::find().await?;
    println!("{}\n", place.describe());
    let client = place.client()?;
    let name = support::deployment("AZURE_OPENAI_REASONING_DEPLOYMENT", "o1-new");
    let model = Model::O1_2024_12_17;
    let deployment = Deployment::new(name).model(model.clone());

    // the table has the efforts that the declared model accepts
    let efforts = model.capabilities().reasoning_efforts().unwrap_or_default();
    for effort in efforts {
        let request = ChatCompletionRequest::builder(deployment.clone())
            .developer("Answer in one paragraph.")
            .user(
                "A bat and a ball cost 1.10 together; the bat costs 1.00 more than the ball. What does the ball cost?",
            )
            .reasoning_effort(effort.clone())
            // hidden reasoning counts against this: the documents advise about 25,000
            .max_completion_tokens(25_000)
            .build()?;

        let completion = client.complete(&request).await?;

        println!("effort {effort}: {} reasoning tokens", completion.usage().reasoning_tokens());
        match (completion.text(), completion.finish_reason()) {
            (Some(text), _) => println!("{text}\n"),
            (None, Some(FinishReason::Length)) => println!("(the reasoning used up the budget)\n"),
            (None, reason) => println!("(no text: {reason:?})\n"),
        }
    }
    Ok(())
}
