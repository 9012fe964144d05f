//! The shape of a request: members that are missing, of a wrong type, or not one of the known values.
//!
//! The client crate reads and sends members and values that it does not have; the service refuses them. Texts and codes are
//! those recorded of Azure or of OpenAI for the same check; "unsourced" marks those that follow the shape of the others.

use azure_openai_chat::request::{Modality, Verbosity};
use serde_json::Value;

use self::node::Node;
use super::azure_error::{AzureError, Dialect};
use crate::request::ChatRequest;

mod data_source;
mod format;
mod message;
mod node;
mod tool;

/// The error for the first member whose shape the service refuses.
pub(super) fn refusal(request: ChatRequest<'_>, dialect: Option<Dialect>) -> Option<AzureError> {
    check(&Node::root(request.body()), dialect).err()
}

fn check(body: &Node<'_>, dialect: Option<Dialect>) -> Result<(), AzureError> {
    limits(body)?;
    stream_options(body)?;
    if let Some(messages) = body.member("messages") {
        message::messages(&messages, dialect)?;
    }
    if let Some(tools) = body.member("tools") {
        tool::tools(&tools)?;
    }
    if let Some(functions) = body.member("functions") {
        tool::functions(&functions)?;
    }
    if let Some(choice) = body.member("tool_choice") {
        tool::choice(&choice)?;
    }
    if let Some(format) = body.member("response_format") {
        format::response_format(&format)?;
    }
    if let Some(sources) = body.member("data_sources") {
        data_source::data_sources(&sources)?;
    }
    prediction(body)?;
    audio(body)?;
    fixed_values(body)?;
    logit_bias(body)
}

/// OpenAI's text for both limits at once.
fn limits(body: &Node<'_>) -> Result<(), AzureError> {
    if body.member("max_tokens").is_some() && body.member("max_completion_tokens").is_some() {
        let message = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.";
        return Err(AzureError::invalid(message, "max_tokens", "invalid_parameter_combination"));
    }
    Ok(())
}

fn stream_options(body: &Node<'_>) -> Result<(), AzureError> {
    let Some(options) = body.member("stream_options") else {
        return Ok(());
    };
    options.object()?;
    if body.member("stream").is_none_or(|stream| stream.value() != true) {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(AzureError::invalid(message, "stream_options", Value::Null));
    }
    Ok(())
}

fn prediction(body: &Node<'_>) -> Result<(), AzureError> {
    let Some(prediction) = body.member("prediction") else {
        return Ok(());
    };
    prediction.object()?;
    prediction.required("type")?.one_of(&["content"])?;
    let content = prediction.required("content")?;
    if content.value().is_array() { message::texts(&content) } else { content.text().map(drop) }
}

fn audio(body: &Node<'_>) -> Result<(), AzureError> {
    let modalities = body.member("modalities");
    if let Some(modalities) = &modalities {
        modalities.list()?.iter().try_for_each(|one| one.one_of(Modality::KNOWN))?;
    }
    let has_audio =
        modalities.is_some_and(|all| all.value().as_array().is_some_and(|all| all.iter().any(|one| one == "audio")));
    let audio = match body.member("audio") {
        Some(audio) => audio,
        None if has_audio => return Err(AzureError::missing("audio")),
        None => return Ok(()),
    };
    audio.object()?;
    audio.required("voice")?;
    audio.required("format")?.one_of(&["wav", "aac", "mp3", "flac", "opus", "pcm16"])
}

/// Members that have one of a few values.
fn fixed_values(body: &Node<'_>) -> Result<(), AzureError> {
    if let Some(verbosity) = body.member("verbosity") {
        verbosity.one_of(Verbosity::KNOWN)?;
    }
    if let Some(tier) = body.member("service_tier") {
        tier.one_of(&["auto", "default", "flex", "priority"])?;
    }
    match body.member("stop") {
        Some(stop) if stop.value().is_array() => stop.list()?.iter().try_for_each(|one| one.text().map(drop)),
        _ => Ok(()),
    }
}

/// The text is unsourced.
fn logit_bias(body: &Node<'_>) -> Result<(), AzureError> {
    let biases = body.member("logit_bias");
    let keys = biases.iter().filter_map(|biases| biases.value().as_object()).flat_map(|biases| biases.keys());
    match keys.into_iter().find(|key| key.parse::<u64>().is_err()) {
        Some(key) => {
            let message =
                format!("Invalid key in 'logit_bias': {key}. You should only be submitting non-negative integers.");
            Err(AzureError::invalid(message, "logit_bias", Value::Null))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
