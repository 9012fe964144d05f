//! Stand-in until the model room lands: only what the transport needs to compile.
use std::fmt;

/// Stand-in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ApiVersion(std::borrow::Cow<'static, str>);

impl ApiVersion {
    /// Stand-in.
    pub const V1: Self = Self(std::borrow::Cow::Borrowed("v1"));
    /// Stand-in.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// Stand-in.
    #[must_use]
    pub fn is_v1(&self) -> bool {
        matches!(self.as_str(), "v1" | "preview")
    }
}

impl From<&str> for ApiVersion {
    fn from(text: &str) -> Self {
        Self(text.to_owned().into())
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
