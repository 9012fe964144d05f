//! The shape of messages, their parts and their tool calls.

use azure_openai_chat::request::InputAudioFormat;
use azure_openai_chat::response::ToolCallType;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::Value;

use super::node::Node;
use crate::refusal::azure_error::{AzureError, Dialect};

/// The most messages of a request, and the longest text of one, in characters.
const MOST_MESSAGES: usize = 2048;
const LONGEST_TEXT: usize = 1_048_576;

/// The members of messages of any role.
const MEMBERS: [&str; 15] = [
    "role",
    "content",
    "name",
    "tool_calls",
    "tool_call_id",
    "function_call",
    "refusal",
    "audio",
    "annotations",
    "context",
    "reasoning_content",
    "id",
    "end_turn",
    "reasoning",
    "parsed",
];

pub(super) fn messages(messages: &Node<'_>, dialect: Option<Dialect>) -> Result<(), AzureError> {
    let all = messages.list()?;
    if all.len() > MOST_MESSAGES {
        return Err(AzureError::array_too_long("messages", MOST_MESSAGES, all.len()));
    }
    all.iter().enumerate().try_for_each(|(at, one)| message(at, one, dialect))
}

fn message(at: usize, message: &Node<'_>, dialect: Option<Dialect>) -> Result<(), AzureError> {
    message.object()?;
    unknown_member(at, message, dialect)?;
    let role = message.string("role").unwrap_or_default();
    let place = |member: &str| format!("messages.[{at}].{member}");
    let missing = |name: &str| {
        let text = format!("Missing parameter '{name}': messages with role '{role}' must have a '{name}'.");
        AzureError::invalid(text, place(name), Value::Null)
    };
    if role == "tool" && message.member("tool_call_id").is_none() {
        return Err(missing("tool_call_id"));
    }
    if role == "function" && message.member("name").is_none() {
        return Err(missing("name"));
    }
    let others = ["tool_calls", "function_call", "refusal", "audio"];
    let has_other = role == "assistant" && others.iter().any(|name| message.member(name).is_some());
    match message.member("content") {
        Some(content) if content.value().is_array() => parts(message, &content, role)?,
        Some(content) if content.value().is_string() => content.at_most(LONGEST_TEXT)?,
        Some(_) => {}
        None if has_other => {}
        None => {
            let text = "Invalid value for 'content': expected a string, got null.";
            return Err(AzureError::invalid(text, place("content"), Value::Null));
        }
    }
    match message.member("tool_calls") {
        Some(calls) => calls.filled_list()?.iter().try_for_each(tool_call),
        None => Ok(()),
    }
}

/// The error for an unknown member. Azure's text has the place in the form of its schema validator, OpenAI's in that of the
/// other errors.
fn unknown_member(at: usize, message: &Node<'_>, dialect: Option<Dialect>) -> Result<(), AzureError> {
    let Some(dialect) = dialect else {
        return Ok(());
    };
    let mut names = message.value().as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    let Some((name, _)) = names.find(|(name, _)| !MEMBERS.contains(&name.as_str())) else {
        return Ok(());
    };
    Err(match dialect {
        Dialect::Azure => {
            let text = format!("Additional properties are not allowed ('{name}' was unexpected) - 'messages.{at}'");
            AzureError::invalid(text, Value::Null, Value::Null)
        }
        Dialect::OpenAi => AzureError::unknown_parameter(&message.path_of(name)),
    })
}

fn tool_call(call: &Node<'_>) -> Result<(), AzureError> {
    call.object()?;
    call.required("id")?.text()?;
    let kind = call.required("type")?;
    kind.one_of(ToolCallType::KNOWN)?;
    let function = call.required(kind.text()?)?;
    function.object()?;
    function.required("name")?.text()?;
    function.required(if kind.value() == "custom" { "input" } else { "arguments" })?.text().map(drop)
}

const PARTS: [&str; 6] = ["text", "image_url", "input_audio", "refusal", "audio", "file"];

/// Parts that are texts alone.
pub(super) fn texts(list: &Node<'_>) -> Result<(), AzureError> {
    list.filled_list()?.iter().try_for_each(|part| {
        part.object()?;
        part.required("type")?.one_of(&["text"])?;
        part.required("text")?.text().map(drop)
    })
}

fn parts(message: &Node<'_>, list: &Node<'_>, role: &str) -> Result<(), AzureError> {
    list.filled_list()?.iter().try_for_each(|part| {
        part.object()?;
        part.required("type")?.one_of(&PARTS)?;
        match part.string("type").unwrap_or_default() {
            "text" => part.required("text")?.at_most(LONGEST_TEXT),
            "refusal" => part.required("refusal")?.text().map(drop),
            "image_url" if role != "user" => {
                let path = message.path();
                let text = format!(
                    "Invalid '{path}'. Image URLs are only allowed for messages with role 'user', but this message with \
                     role '{role}' contains an image URL."
                );
                Err(AzureError::invalid(text, path, "invalid_value"))
            }
            "image_url" => image(&part.required("image_url")?),
            "input_audio" => {
                let audio = part.required("input_audio")?;
                audio.object()?;
                audio.required("data")?.text()?;
                audio.required("format")?.one_of(InputAudioFormat::KNOWN)
            }
            _ => Ok(()),
        }
    })
}

fn image(image: &Node<'_>) -> Result<(), AzureError> {
    image.object()?;
    let url = image.required("url")?.text()?;
    if let Some(detail) = image.member("detail") {
        detail.one_of(&["low", "high", "auto", "original"])?;
    }
    let Some((kind, data)) = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")) else {
        return Ok(());
    };
    if !["image/png", "image/jpeg", "image/jpg", "image/gif", "image/webp"].contains(&kind) {
        let text = "You uploaded an unsupported image. Please make sure your image has of one the following formats: \
            ['png', 'jpeg', 'gif', 'webp'].";
        return Err(AzureError::invalid(text, Value::Null, "invalid_image_format"));
    }
    if STANDARD.decode(data).is_err() && STANDARD_NO_PAD.decode(data).is_err() {
        return Err(AzureError::invalid_image());
    }
    Ok(())
}
