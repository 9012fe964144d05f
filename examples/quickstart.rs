//! The main job, end to end: `cargo run --example quickstart`.
//!
//! Four scenes: a reasoning answer and what the reasoning cost; a predicted output, streamed; what the
//! content filters say; and a request that is refused before it leaves, with all its violations.
//!
//! On Azure, `AZURE_OPENAI_REASONING_DEPLOYMENT` and `AZURE_OPENAI_DEPLOYMENT` name an o1 and a gpt-4o-mini
//! deployment, if theirs are not `o1-new` and `gpt-4o-mini`.

mod support;

use std::io::Write;

use azure_openai_chat::{ChatClient, ChatCompletion, ChatCompletionRequest, Deployment, Model, ReasoningEffort};
use futures::TryStreamExt;

const QUESTION: &str = "What steps should I think about when writing my first Python API?";
const EDIT: &str =
    "Replace string `FizzBuzz` with `MSFTBuzz`. Respond only with code, and with no markdown formatting.";
const CODE: &str = r#"def fizz_buzz(limit):
    lines = []
    for number in range(1, limit + 1):
        if number % 15 == 0:
            lines.append("FizzBuzz")
        elif number % 3 == 0:
            lines.append("Fizz")
        elif number % 5 == 0:
            lines.append("Buzz")
        else:
            lines.append(str(number))
    return lines
"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = support::Place::find().await?;
    println!("{}\n", place.describe());
    let client = place.client()?;

    reasoning(&client).await?;
    predicted_output(&client).await?;
    refused();
    Ok(())
}

/// The deployment's name is yours; the model behind it is what you declare, and the request is checked
/// against it.
fn o1() -> Deployment {
    Deployment::new(support::deployment("AZURE_OPENAI_REASONING_DEPLOYMENT", "o1-new")).model(Model::O1_2024_12_17)
}

async fn reasoning(client: &ChatClient) -> Result<(), Box<dyn std::error::Error>> {
    println!("== A reasoning model answers");
    let request = ChatCompletionRequest::builder(o1())
        .developer("Answer in numbered steps, without markdown.")
        .user(QUESTION)
        .reasoning_effort(ReasoningEffort::Medium)
        .max_completion_tokens(5000)
        .build()?;
    println!("POST {}", client.url_for(&request)?);
    println!("> {QUESTION}\n");

    let completion = client.complete(&request).await?;

    println!("{}\n", completion.whole_text()?);
    let usage = completion.usage();
    println!(
        "usage: {} prompt + {} completion tokens, of which {} reasoning tokens",
        usage.prompt_tokens(),
        usage.completion_tokens(),
        usage.reasoning_tokens(),
    );
    filters(&completion);
    println!("request id: {}\n", completion.metadata().request_id().unwrap_or("-"));
    Ok(())
}

async fn predicted_output(client: &ChatClient) -> Result<(), Box<dyn std::error::Error>> {
    println!("== A predicted output, streamed");
    let deployment = support::deployment("AZURE_OPENAI_DEPLOYMENT", "gpt-4o-mini");
    let request = ChatCompletionRequest::builder(Deployment::new(deployment).model(Model::GPT_4O_MINI_2024_07_18))
        .user(EDIT)
        .user(CODE)
        .prediction(CODE)
        .build()?;
    println!("> {EDIT}\n> (the code is sent as a second message, and as the prediction)\n");

    let mut stream = client.stream(&request).await?;
    while let Some(chunk) = stream.try_next().await? {
        print!("{}", chunk.text().unwrap_or_default());
        std::io::stdout().flush()?;
    }
    let completion = stream.into_completion()?;

    let usage = completion.usage();
    println!(
        "\nusage: {} prompt + {} completion tokens; of the prediction {} accepted, {} rejected",
        usage.prompt_tokens(),
        usage.completion_tokens(),
        usage.accepted_prediction_tokens(),
        usage.rejected_prediction_tokens(),
    );
    filters(&completion);
    println!();
    Ok(())
}

/// Filter results are three-way: clean, filtered, or not evaluated.
fn filters(completion: &ChatCompletion) {
    for prompt in completion.prompt_filter_results() {
        println!("prompt filter: {}", prompt.content_filter().state().as_str());
    }
    for choice in completion.choices() {
        println!("answer filter: {}", choice.content_filter_state().as_str());
    }
}

fn refused() {
    println!("== A request that never leaves");
    let error = ChatCompletionRequest::builder(o1())
        .user("Why is the sky blue?")
        .temperature(0.7)
        .top_p(0.9)
        .max_tokens(800)
        .prediction("Because of Rayleigh scattering.")
        .build();
    if let Err(error) = error {
        println!("{error}");
    }
}
