//! The environment variables that a client and the default credential read.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::endpoint::is_quoted;
use crate::error::{Error, ErrorKind, Result};

const VARIABLES: [&str; 16] = [
    "AZURE_OPENAI_ENDPOINT",
    "AZURE_OPENAI_API_KEY",
    "AZURE_OPENAI_KEY",
    "AZURE_OPENAI_AD_TOKEN",
    "OPENAI_API_VERSION",
    "AZURE_OPENAI_API_VERSION",
    "AZURE_TOKEN_CREDENTIALS",
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_AUTHORITY_HOST",
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "PATH",
];

/// The variables, read once, without spaces around their values; an empty value counts as unset. Has no `Debug`, since some
/// are secrets.
#[derive(Clone)]
pub(crate) struct Environment(BTreeMap<&'static str, OsString>);

impl Environment {
    /// Reads the variables by any function that looks one up.
    pub(crate) fn read(variable: &dyn Fn(&str) -> Option<OsString>) -> Self {
        Self(VARIABLES.into_iter().filter_map(|name| Some((name, variable(name)?))).collect())
    }

    /// The value of a variable; none for one that is not UTF-8.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        Some(self.0.get(name)?.to_str()?.trim()).filter(|value| !value.is_empty())
    }

    /// The value of a variable that becomes part of a call.
    pub(crate) fn value(&self, name: &str) -> Result<Option<&str>> {
        let value = self.get(name);
        let what = if self.0.get(name).is_some_and(|value| value.to_str().is_none()) {
            "is not UTF-8"
        } else if value.is_some_and(is_quoted) {
            "has quotes around its value: remove them"
        } else {
            return Ok(value);
        };
        Err(Error::new(ErrorKind::Config, format!("{name} {what}")))
    }

    /// The value of a variable that goes by two names, and the name it was found under.
    pub(crate) fn either(&self, name: &'static str, other: &'static str) -> Result<Option<(&'static str, &str)>> {
        match (self.value(name)?, self.value(other)?) {
            (Some(value), Some(another)) if value != another => {
                let text = format!("{name} and {other} are set to different values: remove one of them");
                Err(Error::new(ErrorKind::Config, text))
            }
            (Some(value), _) => Ok(Some((name, value))),
            (None, another) => Ok(another.map(|value| (other, value))),
        }
    }
}
