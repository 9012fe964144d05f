//! An image in the question: `cargo run --example vision`.

mod support;

use azure_openai_chat::{ChatCompletionRequest, ContentPart, ImageDetail, Message};

/// A red dot, one pixel wide.
const PNG: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00, 0x00, 0x00,
    0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x02, 0x00, 0x00, 0x00, 0x90, 0x77, 0x53, 0xde, 0x00, 0x00, 0x00, 0x0c, 0x49,
    0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0xf8, 0xcf, 0xc0, 0x00, 0x00, 0x03, 0x01, 0x01, 0x00, 0xc9, 0xfe, 0x92, 0xef,
    0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = support::Place::find().await?;
    println!("{}\n", place.describe());
    let client = place.client()?;

    let request = ChatCompletionRequest::builder(support::deployment("AZURE_OPENAI_DEPLOYMENT", "gpt-4o-mini"))
        .message(Message::user_parts([
            ContentPart::text("What colour is this image?"),
            // from bytes; ContentPart::image_url(..) takes an address that the service can reach
            ContentPart::image("image/png", PNG).detail(ImageDetail::Low),
        ]))
        .build()?;
    let completion = client.complete(&request).await?;

    println!("{}", completion.text().unwrap_or_default());
    println!("{} prompt tokens", completion.usage().prompt_tokens());
    Ok(())
}
