//! The shape of the response format.

use super::node::Node;
use crate::refusal::azure_error::AzureError;

pub(super) fn response_format(format: &Node<'_>) -> Result<(), AzureError> {
    format.object()?;
    let kind = format.required("type")?;
    kind.one_of(&["json_object", "json_schema", "text"])?;
    if kind.text()? != "json_schema" {
        return Ok(());
    }
    let schema = format.required("json_schema")?;
    schema.object()?;
    schema.required("name")?.text()?;
    match schema.member("schema") {
        Some(schema) => schema.object(),
        None => Ok(()),
    }
}
