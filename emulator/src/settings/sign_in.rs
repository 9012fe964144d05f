//! Authentication settings, [`SignIn`].

use std::fmt;

use serde::{Deserialize, Serialize};

/// The keys and tokens that are accepted.
///
/// A resource accepts keys and Entra tokens at the same time. Without a key here any key that is not empty is accepted; the
/// claims of a token are checked as far as they are set here, and its expiry always.
///
/// # Example: a resource that accepts only tokens of its tenant
///
/// ```
/// use azure_openai_emulator::{Emulator, SignIn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let sign_in = SignIn::new().audience("https://cognitiveservices.azure.com").tenant("contoso").keys_disabled();
/// let emulator = Emulator::builder().sign_in(sign_in).start().await?;
/// # drop(emulator);
/// # Ok(()) }
/// ```
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/managed-identity>
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignIn {
    /// In a file `keys` beside `sign_in`.
    #[serde(skip)]
    pub(crate) keys: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) audiences: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<String>,
    pub(crate) keys_disabled: bool,
}

impl SignIn {
    /// Any key and any token that has not expired.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Accepts this key, and no other keys but those that are given as well.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.keys.push(key.into());
        self
    }

    /// Accepts tokens for this audience, such as `https://cognitiveservices.azure.com`, and for no others but those that are
    /// given as well.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Accepts only tokens of this tenant, by their claim `tid`.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// Accepts only tokens with this role in their claim `roles`.
    #[must_use]
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.role = Some(role.into());
        self
    }

    /// Refuses keys with 403, as a resource does whose local authentication is off.
    #[must_use]
    pub fn keys_disabled(mut self) -> Self {
        self.keys_disabled = true;
        self
    }
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn")
            .field("keys", &self.keys.len())
            .field("audiences", &self.audiences)
            .finish_non_exhaustive()
    }
}
