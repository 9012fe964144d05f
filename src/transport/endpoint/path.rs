//! The path of a pasted address, from a bare resource to a whole operation.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use url::Url;

use super::host::Cloud;
use super::text::config;
use crate::error::{Error, Result};

/// Operations of the service beside chat completions.
const OPERATIONS: [&str; 10] = [
    "assistants",
    "audio",
    "batches",
    "completions",
    "embeddings",
    "files",
    "images",
    "realtime",
    "responses",
    "threads",
];

/// The route that a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathForm {
    /// A base to which either route of Azure is added.
    Base,
    /// The v1 route of Azure.
    V1,
    /// A gateway's OpenAI-compatible base, to which only the operation is added.
    Compatible,
}

/// The parts of a pasted path.
#[derive(Debug)]
pub(super) struct PastedPath<'a> {
    /// What stays in the base: a gateway's path before `/openai`, or its whole OpenAI-compatible base.
    pub(super) prefix: Vec<&'a str>,
    pub(super) deployment: Option<String>,
    pub(super) form: PathForm,
}

impl<'a> PastedPath<'a> {
    pub(super) fn read(url: &'a Url, cloud: Cloud) -> Result<Self> {
        let origin = url.origin().ascii_serialization();
        let is_gateway = cloud == Cloud::Other;
        let mut all = Vec::new();
        for part in url.path().split('/').filter(|part| !part.is_empty()) {
            check_segment(part)?;
            // the paths of a gateway may be case-sensitive, those of Azure are not
            all.push(if is_gateway { part } else { known_word(part) });
        }
        let (rest, is_operation) = match all.as_slice() {
            [rest @ .., "chat", "completions"] => (rest, true),
            rest => (rest, false),
        };
        let base = |prefix: &[&'a str], deployment, form| Ok(Self { prefix: prefix.to_vec(), deployment, form });
        let (prefix, deployment, form) = match rest {
            [.., "deployments", _, "v1"] => {
                return Err(config(format!(
                    "the endpoint's path has '/deployments/{{deployment}}' and '/v1', which are two routes; use {origin}, \
                     and name the deployment in the request"
                )));
            }
            [prefix @ .., "openai", "deployments", name] => (prefix, Some(pasted_deployment(name)?), PathForm::Base),
            [prefix @ .., "openai", "v1"] => (prefix, None, PathForm::V1),
            [.., "deployments"] if is_operation => {
                return Err(config(format!(
                    "the endpoint's path has no deployment between '/deployments' and '/chat/completions'; use {origin}"
                )));
            }
            [.., "deployments", _] => return Err(without_openai(&origin)),
            [.., "models"] if !is_gateway => {
                return Err(config(format!(
                    "the endpoint's path '/models' is the model inference route of Foundry, which this crate does not \
                     speak; the same resource serves chat completions at {origin}"
                )));
            }
            [.., "v1"] if is_gateway => return base(rest, None, PathForm::Compatible),
            _ if is_operation && is_gateway => return base(rest, None, PathForm::Compatible),
            [.., "v1"] => {
                return Err(config(format!(
                    "the endpoint's path has '/v1' without '/openai' before it; use {origin}/openai/v1"
                )));
            }
            _ if is_operation => {
                return Err(config(format!(
                    "the endpoint's path has '/chat/completions' without '/openai/v1' or \
                     '/openai/deployments/{{deployment}}' before it; use {origin}"
                )));
            }
            [prefix @ .., "openai"] | [prefix @ .., "openai", "deployments"] => (prefix, None, PathForm::Base),
            prefix => (prefix, None, PathForm::Base),
        };
        // a project's address; chat is served by the resource
        let mut prefix = prefix;
        while let [shorter @ .., "api", "projects", _] = prefix {
            prefix = shorter;
        }
        check_prefix(prefix, &origin, is_gateway)?;
        base(prefix, deployment, form)
    }
}

/// A gateway may have any prefix, but not one of another operation; Azure's own hosts have none.
fn check_prefix(prefix: &[&str], origin: &str, is_gateway: bool) -> Result<()> {
    let last = prefix.last().copied().unwrap_or_default();
    if let Some(operation) = OPERATIONS.into_iter().find(|operation| *operation == last) {
        return Err(config(format!(
            "the endpoint is the address of another operation ('/{operation}'); use {origin}, or, of a gateway, \
             the address before its '/openai'"
        )));
    }
    if prefix.windows(2).any(|pair| pair == ["openai", "deployments"]) {
        return Err(config(format!(
            "the endpoint's path has something other than '/chat/completions' after the deployment; use {origin}"
        )));
    }
    if matches!(prefix, [.., "deployments", _]) {
        return Err(without_openai(origin));
    }
    if !is_gateway && !prefix.is_empty() {
        return Err(config(format!("the endpoint's path is none that Azure OpenAI has; use {origin}")));
    }
    Ok(())
}

fn without_openai(origin: &str) -> Error {
    config(format!(
        "the endpoint's path has '/deployments' without '/openai' before it; use {origin}, or, of a gateway, the \
         address before its '/openai'"
    ))
}

/// A segment in the spelling of Azure's documents, if it is one of its own paths.
fn known_word(part: &str) -> &str {
    const WORDS: [&str; 7] = ["api", "chat", "deployments", "models", "openai", "projects", "v1"];
    let mut known = WORDS.into_iter().chain(OPERATIONS);
    known.find(|word| word.eq_ignore_ascii_case(part)).unwrap_or(part)
}

/// Segments are names: whatever else was pasted along with an address is neither sent nor printed.
fn check_segment(segment: &str) -> Result<()> {
    // no name has a percent sign, so one that is left is no code
    let decoded = decode(segment).filter(|name| !name.contains('%'));
    let what = match decoded.as_deref() {
        None => "is not percent-encoded UTF-8",
        Some(name) if name.contains(['/', '\\']) => "has an encoded slash in it",
        Some(name) if !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | ':')) => {
            "has characters that no name in a path has"
        }
        Some(_) => return Ok(()),
    };
    Err(config(format!("the endpoint's path {what}; give the address alone, without what was copied along with it")))
}

fn pasted_deployment(segment: &str) -> Result<String> {
    let name = decode(segment).unwrap_or_default();
    check_deployment(&name)?;
    Ok(name.into_owned())
}

/// The name behind a percent-encoded segment.
pub(super) fn decode(segment: &str) -> Option<Cow<'_, str>> {
    percent_decode_str(segment).decode_utf8().ok()
}

/// A deployment is one name of the user's own; what could leave its path segment is refused.
pub(crate) fn check_deployment(name: &str) -> Result<()> {
    let wrong = if name.trim().is_empty() {
        "is empty"
    } else if name == "." || name == ".." {
        "is a step in a path"
    } else if name.contains(['/', '\\']) {
        "holds a slash"
    } else if name.chars().any(char::is_control) {
        "holds a control character"
    } else {
        return Ok(());
    };
    Err(config(format!("the deployment name {name:?} {wrong}; use the name the deployment has in the resource")))
}
