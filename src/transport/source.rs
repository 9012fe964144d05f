//! Where tokens come from, and why there is none.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::auth::Token;
use crate::error::{Error, ErrorKind, Result};

/// How long a credential may take to give a token, unless it says otherwise.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(30);

type Answer = Pin<Box<dyn Future<Output = Result<Token, Failure>> + Send>>;

/// Where tokens come from. Clones are the same source.
#[derive(Clone)]
pub(crate) struct TokenSource {
    ask: Arc<dyn Fn(String) -> Answer + Send + Sync>,
    /// How long one answer may take.
    pub(crate) timeout: Duration,
}

impl TokenSource {
    pub(crate) fn new<F, Fut>(ask: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Token, Failure>> + Send + 'static,
    {
        Self { ask: Arc::new(move |scope| Box::pin(ask(scope))), timeout: TOKEN_TIMEOUT }
    }

    #[cfg(feature = "azure_core")]
    pub(crate) fn from_azure<T>(credential: Arc<T>) -> Self
    where
        T: azure_core::credentials::TokenCredential + ?Sized + 'static,
    {
        Self::new(move |scope| {
            let credential = Arc::clone(&credential);
            async move {
                let token = credential.get_token(&[scope.as_str()], None).await;
                let token = token.map_err(|error| Failure::from_foreign(&error))?;
                Ok(Token::new(token.token.secret().to_owned(), token.expires_on.into()))
            }
        })
    }

    #[cfg(feature = "azure_identity")]
    pub(crate) fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(crate) async fn ask(&self, scope: String) -> Result<Token, Failure> {
        (self.ask)(scope).await
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.ask, &other.ask)
    }
}

/// Why there is no token, shared by all who waited for it.
#[derive(Clone)]
pub(crate) struct Failure {
    text: Arc<str>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Failure {
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Self { text: scrub(text.as_ref()).into(), source: None }
    }

    /// An error of the caller's own closure: it stays whole as the source, and its words are not ours.
    pub(super) fn from_caller(error: Box<dyn StdError + Send + Sync>) -> Self {
        Self { text: "the credential failed".into(), source: Some(error.into()) }
    }

    /// An error of another crate: its words are taken over, its insides, which may hold a whole HTTP
    /// answer, are not.
    #[cfg(feature = "azure_core")]
    pub(crate) fn from_foreign(error: &dyn StdError) -> Self {
        let mut text = error.to_string();
        let mut next = error.source();
        while let Some(error) = next {
            let words = error.to_string();
            if !text.contains(&words) {
                text.push_str(": ");
                text.push_str(&words);
            }
            next = error.source();
        }
        Self::new(text)
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn into_error(self, scope: &str) -> Error {
        let error = Error::new(
            ErrorKind::Credential,
            format!("the credential gave no token for scope '{scope}': {}", self.text),
        );
        match self.source {
            Some(source) => error.with_source(SharedSource(source)),
            None => error,
        }
    }
}

/// One line of at most 1,200 characters, without anything that looks like a token.
fn scrub(text: &str) -> String {
    let words =
        text.split_whitespace().map(|word| if word.contains("eyJ") && word.len() > 40 { "[token]" } else { word });
    let line = words.collect::<Vec<_>>().join(" ");
    line.chars().take(1200).collect()
}

/// An error that several callers got at once.
#[derive(Debug)]
struct SharedSource(Arc<dyn StdError + Send + Sync>);

impl fmt::Display for SharedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for SharedSource {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_text_loses_tokens_and_line_breaks() {
        let jwt = format!("eyJ{}", "a".repeat(60));
        assert_eq!(scrub(&format!("bad\n token {jwt}")), "bad token [token]");
        assert_eq!(scrub(&"x ".repeat(2000)).chars().count(), 1200);
    }
}
