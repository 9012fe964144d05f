//! Access tokens, the sources that give them, and the reason when none comes.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};

#[cfg(feature = "azure_identity")]
use super::endpoint::Cloud;
#[cfg(feature = "azure_identity")]
use super::http_client::HttpClients;
use crate::error::{Error, ErrorKind, Result};

/// Renewal begins this long before the end of a token, as in the other Azure SDKs.
const EARLY: Duration = Duration::from_secs(300);
/// How long a credential may take to give a token, unless its source has another limit.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(30);
/// Before the second try of a token function that failed.
const PAUSE_BEFORE_SECOND_TRY: Duration = Duration::from_millis(100);
/// The longest text of another crate's error in ours, in bytes.
const LONGEST_TEXT: usize = 600;

/// The header that signs a request in; its value is marked sensitive.
#[derive(Debug, Clone)]
pub(crate) struct AuthHeader {
    pub(crate) name: HeaderName,
    pub(crate) value: HeaderValue,
    /// Whether it is a key, not a token.
    pub(crate) is_key: bool,
}

/// An access token of Entra ID and when it expires; or an [`ApiKey`](crate::ApiKey) that a function gave, which is
/// requested again after an hour.
#[derive(Clone)]
pub struct Token {
    /// The header, or why none can carry it.
    header: Result<AuthHeader>,
    expires_at: SystemTime,
}

impl Token {
    /// A token that expires at `expires_at`. A leading `Bearer ` is left out.
    #[must_use]
    pub fn new(value: impl Into<String>, expires_at: SystemTime) -> Self {
        let value = value.into();
        let token = without_scheme(&value);
        let header = match bearer(token) {
            _ if token.trim().is_empty() => Err(no_token("the token is empty")),
            Ok(value) => Ok(AuthHeader { name: AUTHORIZATION, value, is_key: false }),
            Err(_) => Err(no_token("the token holds characters that a header cannot carry")),
        };
        Self { header, expires_at }
    }

    /// A key in its header, used until `expires_at`.
    pub(super) fn of_key(header: Result<AuthHeader>, expires_at: SystemTime) -> Self {
        Self { header: header.map_err(|error| no_token(error.to_string())), expires_at }
    }

    #[cfg(test)]
    pub(crate) fn value(&self) -> &str {
        let value = self.header.as_ref().ok().and_then(|header| header.value.to_str().ok());
        without_scheme(value.unwrap_or_default())
    }

    /// When the token expires.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// The secret without `Bearer `, the scheme that is often copied from a header along with it.
pub(super) fn without_scheme(secret: &str) -> &str {
    match secret.split_at_checked("Bearer ".len()) {
        Some((scheme, secret)) if scheme.eq_ignore_ascii_case("Bearer ") => secret,
        _ => secret,
    }
}

/// The value of an `Authorization` header, marked sensitive.
pub(super) fn bearer(secret: &str) -> Result<HeaderValue> {
    sensitive(&format!("Bearer {secret}"))
}

/// A header value that `Debug` does not print.
pub(super) fn sensitive(text: &str) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| Error::new(ErrorKind::Config, "the secret holds characters that a header cannot carry"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The scope that a token is requested for, and whether a kept one will do.
#[derive(Debug, Clone)]
pub(crate) struct TokenRequest {
    pub(crate) scope: String,
    /// The service refused the last token, so the credential's own cache is not to be used.
    #[cfg_attr(not(feature = "azure_identity"), expect(dead_code, reason = "no other credential can do it"))]
    pub(crate) bypass_cache: bool,
}

type TokenFuture = Pin<Box<dyn Future<Output = Result<Token>> + Send>>;

/// Where tokens come from. Clones are the same source.
#[derive(Clone)]
pub(crate) struct TokenSource {
    pub(super) fetch: Arc<dyn Fn(TokenRequest) -> TokenFuture + Send + Sync>,
    /// How long one token may take, all tries included.
    pub(super) timeout: Duration,
    /// The tries for one token: two for a source without retries of its own.
    pub(super) tries: u32,
    /// Whether it is one token that the caller fetched elsewhere.
    pub(super) is_given: bool,
}

impl TokenSource {
    pub(crate) fn new<F, Fut>(fetch: F) -> Self
    where
        F: Fn(TokenRequest) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Token>> + Send + 'static,
    {
        Self {
            fetch: Arc::new(move |request| Box::pin(fetch(request))),
            timeout: TOKEN_TIMEOUT,
            tries: 1,
            is_given: false,
        }
    }

    /// The tokens of a credential. It has its own cache, and no way around that.
    #[cfg(feature = "azure_core")]
    pub(crate) fn from_azure<T>(credential: Arc<T>) -> Self
    where
        T: azure_core::credentials::TokenCredential + ?Sized + 'static,
    {
        Self::new(move |request| {
            let credential = Arc::clone(&credential);
            async move {
                let token = credential.get_token(&[request.scope.as_str()], None).await;
                let token = token.map_err(|error| no_token(chain_text(&error)))?;
                Ok(Token::new(token.token.secret().to_owned(), token.expires_on.into()))
            }
        })
    }

    pub(super) async fn fetch(&self, request: &TokenRequest) -> Result<Token> {
        let mut tries = 1;
        loop {
            match (self.fetch)(request.clone()).await {
                Err(_) if tries < self.tries => {
                    tries += 1;
                    tokio::time::sleep(PAUSE_BEFORE_SECOND_TRY).await;
                }
                outcome => return outcome,
            }
        }
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.fetch, &other.fetch)
    }
}

/// Makes the token source of a credential that signs in with the HTTP clients of its client, at the authority of a cloud.
#[cfg(feature = "azure_identity")]
pub(crate) type DefaultSource = Arc<dyn Fn(Cloud, &HttpClients) -> TokenSource + Send + Sync>;

/// The error of a source that gave no token.
pub(crate) fn no_token(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::Credential, text)
}

/// The texts of an error and its sources in one line, none of them twice. The sources themselves may hold a whole
/// HTTP answer and are left out.
pub(crate) fn chain_text(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        next = error.source();
    }
    one_line(&text, LONGEST_TEXT)
}

/// A text as one line of at most `most` bytes, without anything that looks like a token. It is cut between words.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        let word = if word.contains("eyJ") && word.len() > 40 { "[token]" } else { word };
        let gap = if line.is_empty() { "" } else { " " };
        let is_too_long = line.len() + gap.len() + word.len() > most;
        line.push_str(gap);
        if is_too_long {
            line.push_str("..");
            break;
        }
        line.push_str(word);
    }
    line
}

/// A token as it is sent, with the time from which it is renewed.
#[derive(Debug)]
pub(crate) struct BearerToken {
    pub(super) header: AuthHeader,
    pub(super) expires_at: SystemTime,
    pub(super) renew_from: SystemTime,
}

impl BearerToken {
    pub(super) fn new(token: Token, now: SystemTime) -> Result<Self> {
        let (header, expires_at) = (token.header?, token.expires_at);
        let life = expires_at.duration_since(now).unwrap_or_default();
        Ok(Self { header, expires_at, renew_from: now + life.saturating_sub(EARLY).max(life / 2) })
    }

    #[cfg(test)]
    pub(crate) fn header(&self) -> &HeaderValue {
        &self.header.value
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.header.value == other.header.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_text_is_one_line_without_tokens_and_without_half_words() {
        let jwt = format!("eyJ{}", "a".repeat(60));
        assert_eq!(one_line(&format!("bad\n token {jwt}"), 100), "bad token [token]");
        assert_eq!(one_line("one two three", 9), "one two ..");
        assert_eq!(one_line("one two three", 13), "one two three");
        assert_eq!(one_line(&"x".repeat(500), 100), "..");
    }
}
