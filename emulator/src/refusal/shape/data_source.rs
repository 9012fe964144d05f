//! The shape of data sources, whose errors have a form of their own: an integer code and a request id.

use azure_openai_chat::request::DataSourceType;
use serde_json::json;

use super::node::Node;
use crate::refusal::azure_error::AzureError;

/// The form is recorded; the texts are unsourced.
pub(super) fn data_sources(sources: &Node<'_>) -> Result<(), AzureError> {
    for (at, source) in sources.list()?.iter().enumerate() {
        let refused = |why: String| {
            let message = format!("Validation error at #/data_sources/{at}: {why}");
            let error = json!({"requestid": "00000000-0000-4000-8000-000000000000", "code": 400, "message": message});
            Err(AzureError::new(400, error))
        };
        match source.string("type") {
            None => return refused("Unable to extract tag using discriminator 'type'".to_owned()),
            Some(kind) if !DataSourceType::KNOWN.iter().any(|known| *known == kind) => {
                let tags: Vec<String> = DataSourceType::KNOWN.iter().map(|tag| format!("'{tag}'")).collect();
                let tags = tags.join(", ");
                return refused(format!(
                    "Input tag '{kind}' found using 'type' does not match any of the expected tags: {tags}"
                ));
            }
            Some(kind) if source.member("parameters").is_none() => {
                return refused(format!("{kind}.parameters: Field required"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}
