//! The checks of a pasted text before it is parsed as a URL. No part of a refused text is printed, since it may hold a key.

use crate::error::{Error, ErrorKind, Result};

/// The form of an address, for the texts of errors.
pub(super) const FORM: &str = "use the form https://{resource}.openai.azure.com";

const QUOTES: [char; 9] = ['"', '\'', '`', '“', '”', '‘', '’', '«', '»'];

pub(super) fn config(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, message)
}

/// Whether a value begins or ends with a quotation mark, often copied from a file or a shell.
pub(crate) fn is_quoted(text: &str) -> bool {
    text.starts_with(QUOTES) || text.ends_with(QUOTES)
}

/// Refuses a trimmed text that is not `scheme://..`, or that has more in it than an address.
pub(super) fn check_text(text: &str) -> Result<()> {
    let (scheme, rest) = text.split_once("://").unwrap_or((text, ""));
    let what = if text.is_empty() {
        "is empty".to_owned()
    } else if is_connection_string(text) {
        return Err(config(
            "the endpoint is a connection string ('Endpoint=..;Key=..'): give its address as the endpoint, and its key \
             as the credential, ApiKey::new(key)",
        ));
    } else if is_assignment(scheme) {
        "is an assignment ('NAME=address'): give the address alone".to_owned()
    } else if text.contains(QUOTES) {
        "has quotes around it or in it: remove them".to_owned()
    } else if text.contains(['<', '>', '{', '}', '$']) {
        "has angle brackets or a placeholder in it ('<..>', '{..}' or '$..'): give the bare address, filled in"
            .to_owned()
    } else if let Some(other) = text.chars().find(|c| !is_of_address(*c)) {
        format!("has {other:?} in it, which no address has: give the address alone, typed anew")
    } else if rest.contains("://") {
        return Err(config(
            "the endpoint has more than one address in it: give one, and others by .backend(Backend::new(..)) on the \
             client builder",
        ));
    } else if !text.contains("://") || !is_scheme(scheme) {
        return Err(without_scheme(text));
    } else if rest.starts_with('/') {
        "has no host after '://'".to_owned()
    } else if rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@')) {
        return Err(config(
            "the endpoint holds user information before the host; remove it and pass a credential instead",
        ));
    } else {
        return Ok(());
    };
    Err(config(format!("the endpoint {what}; {FORM}")))
}

/// Whether a character can be part of an address, as letters of any script can. Characters that a page or an editor adds
/// unseen cannot: zero-width ones, marks of direction, the byte order mark.
fn is_of_address(c: char) -> bool {
    let is_unseen = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}');
    match c.is_ascii() {
        true => c.is_ascii_alphanumeric() || "-._~:/?#[]@!&()*+,=%".contains(c),
        false => !is_unseen && !c.is_whitespace() && !c.is_control(),
    }
}

/// Whether a text is pairs of names and values between semicolons.
fn is_connection_string(text: &str) -> bool {
    let mut parts = text.split(';').map(str::trim);
    let is_first = parts.next().is_some_and(|first| is_assignment(first.split("://").next().unwrap_or_default()));
    let mut others = parts.filter(|part| !part.is_empty()).peekable();
    (is_first && others.peek().is_some()) || others.any(is_assignment)
}

/// Whether a text begins with a name and `=`.
fn is_assignment(text: &str) -> bool {
    let name = text.split_once('=').map(|(name, _)| name.trim()).filter(|name| !name.is_empty());
    name.is_some_and(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' ')))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// Shows the address with the scheme it lacks, when what is there is a host and cannot be a secret.
fn without_scheme(text: &str) -> Error {
    let authority = text.strip_prefix("//").unwrap_or(text).split(['/', '?', '#']).next().unwrap_or_default();
    if is_secret(authority) {
        return config(format!(
            "the endpoint looks like a key or a token: the address is the first parameter, the credential the second; \
             {FORM}"
        ));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port != 0);
    if !is_host_name(host) || !port.is_none_or(is_port) {
        return config(format!("the endpoint has no scheme and host; {FORM}"));
    }
    if matches!(host, "http" | "https") {
        return config(format!("the endpoint has no '://' after '{host}'; {FORM}"));
    }
    if host.eq_ignore_ascii_case("localhost") || host.starts_with("127.") {
        return config(format!("the endpoint '{authority}' has no scheme; use http://{authority}"));
    }
    if port.is_none() && !host.contains(['.', '_']) {
        return config(format!(
            "the endpoint '{host}' is a name without a domain; use https://{host}.openai.azure.com"
        ));
    }
    config(format!("the endpoint '{authority}' has no scheme; use https://{authority}"))
}

/// Whether a text is more likely a key or a token than a name: keys of Azure have 32 or 84 letters and digits, tokens
/// are JSON in base64, others' keys begin with `sk-`.
fn is_secret(text: &str) -> bool {
    let count = |is: fn(&u8) -> bool| text.bytes().filter(is).count();
    let is_long = count(u8::is_ascii_alphanumeric) >= 20 && count(u8::is_ascii_digit) >= 6;
    text.starts_with("sk-") || text.starts_with("eyJ") || (is_long && !text.contains('.'))
}

/// Whether a text is a host's name by RFC 1123: labels of letters, digits and hyphens, at most 63 each and 253 in all.
/// Underscores pass, because names within a network of containers have them; a final dot passes.
pub(super) fn is_host_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}
