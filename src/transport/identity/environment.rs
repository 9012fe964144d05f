//! The environment variables that the default credential reads.

use std::collections::BTreeMap;

/// Read once, when the credential is made.
const VARIABLES: [&str; 10] = [
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

/// Variables and their values, trimmed; those without a value are absent. Has no `Debug`, since one is a secret.
#[derive(Clone)]
pub(super) struct Environment(BTreeMap<&'static str, String>);

impl Environment {
    pub(super) fn read(variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let read = |name: &'static str| {
            let value = variable(name)?.trim().to_owned();
            (!value.is_empty()).then_some((name, value))
        };
        Self(VARIABLES.into_iter().filter_map(read).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}
