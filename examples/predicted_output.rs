//! An edit of known code, whole: `cargo run --example predicted_output`.

mod support;

use azure_openai_chat::{ChatCompletionRequest, Deployment, Model};

const CODE: &str = "\
class Invoice:
    def __init__(self, number, customer, total):
        self.number = number
        self.customer = customer
        self.total = total

    def is_due(self):
        return self.total > 0
";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = support::Place::find().await?;
    println!("{}\n", place.describe());
    let client = place.client()?;
    let name = support::deployment("AZURE_OPENAI_DEPLOYMENT", "gpt-4o-mini");

    let request = ChatCompletionRequest::builder(Deployment::new(name).model(Model::GPT_4O_MINI_2024_07_18))
        .user("Replace string `customer` with `client`. Respond only with code, and with no markdown formatting.")
        .user(CODE)
        .prediction(CODE)
        .build()?;
    let completion = client.complete(&request).await?;

    println!("{}", completion.text().unwrap_or_default());
    let usage = completion.usage();
    println!("accepted {}, rejected {}", usage.accepted_prediction_tokens(), usage.rejected_prediction_tokens());
    if let Some(share) = usage.prediction_acceptance() {
        println!("{:.0} % of the prediction came true", share * 100.0);
    }
    Ok(())
}
