//! Another operation by the same client: `cargo run --example embeddings`. Texts are ranked by how near they are to a
//! question.

mod support;

use serde::Deserialize;
use serde_json::json;

const QUESTION: &str = "Why is the sky blue?";
const TEXTS: [&str; 3] =
    ["The sky is blue because air scatters blue light.", "Bread needs flour, water and salt.", "The sea is blue too."];

#[derive(Deserialize)]
struct Embeddings {
    data: Vec<Embedding>,
}

#[derive(Deserialize)]
struct Embedding {
    embedding: Vec<f64>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = support::Place::find().await?;
    println!("{}\n", place.describe());
    let client = place.client()?;

    let deployment = support::deployment("AZURE_OPENAI_EMBEDDING_DEPLOYMENT", "text-embedding-3-small");
    let input: Vec<&str> = std::iter::once(QUESTION).chain(TEXTS).collect();
    let answer = client.post_json(deployment, "embeddings", &json!({"input": input})).await?;
    let vectors = answer.parse::<Embeddings>()?.data;

    let (question, texts) = vectors.split_first().ok_or("no vectors came")?;
    // the vectors have unit length, so the product of two is the cosine of their angle
    let nearness = |text: &Embedding| question.embedding.iter().zip(&text.embedding).map(|(a, b)| a * b).sum::<f64>();
    let mut ranked: Vec<(f64, &str)> = texts.iter().map(nearness).zip(TEXTS).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    println!("{QUESTION}");
    for (nearness, text) in ranked {
        println!("  {nearness:.3}  {text}");
    }
    println!("\nrequest {}", answer.metadata().request_id().unwrap_or("-"));
    Ok(())
}
