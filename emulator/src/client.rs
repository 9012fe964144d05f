//! The client of an emulator, with a key or token that the emulator accepts and trust in its certificate.

use std::io;

use azure_openai_chat::{ApiKey, ChatClient, Credential};
use serde_json::Value;

use crate::shared::Shared;
use crate::sign_in::{AUDIENCE, TokenRequest, token};

/// How long the client's token is valid: longer than any test.
const LIFETIME_SECONDS: i64 = 10 * 365 * 24 * 3600;

pub(crate) fn client(endpoint: &str, root: Option<&str>, shared: &Shared) -> io::Result<ChatClient> {
    let builder = ChatClient::builder(endpoint, credential(shared)).allow_plain_http();
    #[cfg(feature = "tls")]
    let builder = match root {
        Some(root) => {
            let root = reqwest::Certificate::from_pem(root.as_bytes()).map_err(io::Error::other)?;
            builder.configure_http(|http| http.tls_certs_only([root]))
        }
        None => builder,
    };
    #[cfg(not(feature = "tls"))]
    let _ = root;
    builder.build().map_err(io::Error::other)
}

/// A key that is accepted; a token where no key is accepted by all deployments.
fn credential(shared: &Shared) -> Credential {
    let session = shared.sessions.named("");
    let settings = session.settings();
    let sign_in = &settings.sign_in;
    if !sign_in.keys_disabled && settings.deployments.values().all(|deployment| deployment.key.is_none()) {
        let key = sign_in.keys.first().map_or("emulator", String::as_str);
        return ApiKey::new(key).into();
    }
    let token = token(&TokenRequest {
        audience: sign_in.audiences.first().map_or(AUDIENCE, String::as_str).to_owned(),
        tenant: sign_in.tenant.clone(),
        roles: sign_in.role.clone().into_iter().collect(),
        lifetime_seconds: LIFETIME_SECONDS,
    });
    let text = token.get("access_token").and_then(Value::as_str).unwrap_or_default();
    Credential::fixed_token(text)
}
