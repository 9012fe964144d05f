//! An answer from one's own documents, with its citations: `cargo run --example on_your_data`.
//!
//! On Azure: `AZURE_SEARCH_ENDPOINT` and `AZURE_SEARCH_INDEX` name an index that the resource's own identity
//! may read. Data sources need a dated api version.

mod support;

use azure_openai_chat::request::{DataSource, DataSourceAuthentication, IncludeContext};
use azure_openai_chat::{ApiVersion, AssistantMessage, ChatCompletionRequest};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = support::Place::find().await?;
    println!("{}\n", place.describe());
    let client = place.client_builder()?.api_version(ApiVersion::V2024_10_21).build()?;

    let source = DataSource::azure_search(
        support::deployment("AZURE_SEARCH_ENDPOINT", "https://contoso.search.windows.net"),
        support::deployment("AZURE_SEARCH_INDEX", "handbook"),
        DataSourceAuthentication::system_assigned_managed_identity(),
    )
    .in_scope(true)
    .top_n_documents(3)
    .include_contexts([IncludeContext::Citations, IncludeContext::Intent]);
    let request = ChatCompletionRequest::builder(support::deployment("AZURE_OPENAI_DEPLOYMENT", "gpt-4o-mini"))
        .user("How many days of leave do I have?")
        .data_source(source)
        .build()?;

    let completion = client.complete(&request).await?;
    println!("{}", completion.text().unwrap_or_default());
    if let Some(context) = completion.message().and_then(AssistantMessage::context) {
        println!("\nsearched for: {}", context.intents().join("; "));
        for (number, citation) in (1..).zip(context.citations()) {
            let title = citation.title().unwrap_or("untitled");
            println!("[doc{number}] {title} ({})", citation.filepath().unwrap_or("-"));
        }
    }
    Ok(())
}
