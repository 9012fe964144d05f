//! Who is let in.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which keys and tokens are taken.
///
/// Keys and Entra tokens are taken at once. Without a key here any key is taken that is not empty; a token is checked
/// for what is set here, and for its expiry.
///
/// # Example: a resource that takes tokens of its tenant alone
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

    /// Takes this key, and no key that is not given.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.keys.push(key.into());
        self
    }

    /// Takes tokens for this audience, such as `https://cognitiveservices.azure.com`, and no token for one that is
    /// not given.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Takes tokens of this tenant alone: their claim `tid`.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// Takes tokens with this role alone: one of their claim `roles`.
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
