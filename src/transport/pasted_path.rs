//! The path of a pasted address, from a bare resource to a whole operation. Its table and tests are with
//! [`Endpoint`](super::Endpoint).

use url::Url;

use super::endpoint::{Cloud, check_deployment, config};
use crate::error::Result;

/// What the path of a pasted address says.
pub(super) struct PastedPath<'a> {
    /// Of a gateway, before `/openai`.
    pub(super) prefix: Vec<&'a str>,
    pub(super) deployment: Option<String>,
    pub(super) is_v1: bool,
}

impl<'a> PastedPath<'a> {
    pub(super) fn read(url: &'a Url, cloud: Cloud) -> Result<Self> {
        let origin = url.origin().ascii_serialization();
        let parts = url.path().split('/').filter(|part| !part.is_empty());
        // a gateway may tell letters apart, Azure does not
        let all: Vec<&str> = parts.map(|part| if cloud == Cloud::Other { part } else { known_word(part) }).collect();
        let (rest, is_operation) = match all.as_slice() {
            [rest @ .., "chat", "completions"] => (rest, true),
            rest => (rest, false),
        };
        let mut this = Self { prefix: Vec::new(), deployment: None, is_v1: false };
        let prefix = match rest {
            [prefix @ .., "openai", "deployments", name] => {
                this.deployment = Some(decode(name)?);
                prefix
            }
            [prefix @ .., "openai", "v1"] => {
                this.is_v1 = true;
                prefix
            }
            [.., "models"] if cloud != Cloud::Other => {
                return Err(config(format!(
                    "the endpoint's path '/models' is the Foundry model inference route, which this crate does not \
                     speak; the same resource serves chat completions at {origin}"
                )));
            }
            _ if is_operation => {
                return Err(config(format!(
                    "the endpoint's path '{}' has 'chat/completions' without '/openai/v1' or \
                     '/openai/deployments/{{deployment}}' before it; use {origin} or the gateway's prefix alone",
                    url.path()
                )));
            }
            [prefix @ .., "openai"] | [prefix @ .., "openai", "deployments"] => prefix,
            prefix => prefix,
        };
        // a project's address; chat is served by the resource
        let mut prefix = prefix;
        while let [shorter @ .., "api", "projects", _] = prefix {
            prefix = shorter;
        }
        this.prefix = prefix.to_vec();
        this.check_prefix(url, &origin, cloud)?;
        Ok(this)
    }

    /// A gateway may have any prefix, but not one that says it is another operation; Azure's own hosts
    /// have none.
    fn check_prefix(&self, url: &Url, origin: &str, cloud: Cloud) -> Result<()> {
        let odd = match self.prefix.as_slice() {
            [] => return Ok(()),
            [.., "v1"] => "/v1 without /openai",
            [.., last @ ("completions" | "embeddings" | "responses" | "images" | "audio" | "assistants")] => last,
            [.., "deployments", _] => "/deployments without /openai",
            [..] if cloud != Cloud::Other => "a path that Azure OpenAI does not have",
            _ => return Ok(()),
        };
        Err(config(format!(
            "the endpoint's path '{}' was not understood ({odd}); use {origin}, {origin}/openai/v1, or a gateway's \
             address up to, without, its '/openai'",
            url.path()
        )))
    }
}

/// The words of Azure's own paths, as they are written in its documents.
fn known_word(part: &str) -> &str {
    const WORDS: [&str; 8] = ["api", "chat", "completions", "deployments", "models", "openai", "projects", "v1"];
    WORDS.into_iter().find(|word| word.eq_ignore_ascii_case(part)).unwrap_or(part)
}

/// The name behind a percent-encoded segment.
pub(super) fn decode(segment: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        let hex = |digit: Option<u8>| char::from(digit?).to_digit(16).and_then(|value| u8::try_from(value).ok());
        match byte {
            b'%' => match (hex(rest.next()), hex(rest.next())) {
                (Some(high), Some(low)) => bytes.push(high << 4 | low),
                _ => {
                    return Err(config("the endpoint's deployment is not percent-encoded correctly".to_owned()));
                }
            },
            other => bytes.push(other),
        }
    }
    let name = String::from_utf8(bytes).map_err(|_| config("the endpoint's deployment is not UTF-8".to_owned()))?;
    check_deployment(&name)?;
    Ok(name)
}
