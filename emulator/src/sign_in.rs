//! Authentication: the keys and Entra tokens of requests, the errors of those that are not accepted, and test tokens.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::refusal::AzureError;
use crate::settings::SignIn;

/// The headers with a key: Azure's own, and those of gateways.
const KEY_HEADERS: [&str; 4] = ["api-key", "ocp-apim-subscription-key", "x-api-key", "subscription-key"];

/// Whether the value of a header, by its name in lower case, is a secret of the caller.
pub(crate) fn is_secret(header: &str) -> bool {
    KEY_HEADERS.contains(&header) || matches!(header, "authorization" | "cookie" | "proxy-authorization")
}

/// The audience of the service on the dated route.
pub(crate) const AUDIENCE: &str = "https://cognitiveservices.azure.com";

/// Checks the key or token in a request's headers. A deployment's own key is accepted as well as those of the resource.
pub(crate) fn check(headers: &HeaderMap, sign_in: &SignIn, deployment_key: Option<&str>) -> Result<(), AzureError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty());
    let bearer = text("authorization").and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
    });
    let claims = bearer.and_then(claims);
    let key = KEY_HEADERS.iter().find_map(|name| text(name)).or(bearer.filter(|_| claims.is_none()));
    if let Some(claims) = claims {
        return check_token(&claims, sign_in);
    }
    let Some(key) = key else {
        return Err(if sign_in.keys_disabled { bad_token(sign_in) } else { AzureError::no_access() });
    };
    if sign_in.keys_disabled {
        return Err(AzureError::keys_disabled());
    }
    let is_any = sign_in.keys.is_empty() && deployment_key.is_none();
    let is_known = sign_in.keys.iter().any(|known| known == key) || deployment_key == Some(key);
    if is_any || is_known { Ok(()) } else { Err(AzureError::no_access()) }
}

/// The claims of a JSON web token; its signature is not checked.
fn claims(token: &str) -> Option<Value> {
    let mut parts = token.split('.');
    let (_, payload, _) = (parts.next()?, parts.next()?, parts.next()?);
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&payload).ok().filter(Value::is_object)
}

fn check_token(claims: &Value, sign_in: &SignIn) -> Result<(), AzureError> {
    let now = now();
    let time = |name: &str| claims.get(name).and_then(Value::as_f64);
    let is_current = time("exp").is_none_or(|end| end > now) && time("nbf").is_none_or(|start| start <= now + 300.0);
    let audience = claims.get("aud").and_then(Value::as_str).unwrap_or_default();
    let plain = |text: &str| text.trim_end_matches("/.default").trim_end_matches('/').to_owned();
    let is_for_us = sign_in.audiences.is_empty() || sign_in.audiences.iter().any(|ours| plain(ours) == plain(audience));
    if !is_current || !is_for_us {
        return Err(bad_token(sign_in));
    }
    let tenant = claims.get("tid").and_then(Value::as_str);
    if sign_in.tenant.is_some() && sign_in.tenant.as_deref() != tenant {
        let message = "Token tenant does not match resource tenant.";
        return Err(AzureError::plain(400, "Tenant provided in token does not match resource token", message));
    }
    let roles = claims.get("roles").and_then(Value::as_array);
    let has_role = |role: &String| roles.is_some_and(|roles| roles.iter().any(|one| one == role));
    if !sign_in.role.as_ref().is_none_or(has_role) {
        return Err(AzureError::no_role());
    }
    Ok(())
}

fn bad_token(sign_in: &SignIn) -> AzureError {
    let audience = sign_in.audiences.first().map_or(AUDIENCE, String::as_str).trim_end_matches("/.default");
    AzureError::bad_token(audience)
}

/// The claims of a test token.
pub(crate) struct TokenRequest {
    pub(crate) audience: String,
    pub(crate) tenant: Option<String>,
    pub(crate) roles: Vec<String>,
    /// Below zero for a token that has expired.
    pub(crate) lifetime_seconds: i64,
}

/// An unsigned token, in the form of an answer of Entra ID.
pub(crate) fn token(request: &TokenRequest) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970")]
    let now = now() as i64;
    let end = now.saturating_add(request.lifetime_seconds);
    let mut claims = json!({"aud": request.audience, "iss": "https://sts.windows.net/emulator/", "iat": now,
        "nbf": now.min(end), "exp": end, "roles": request.roles});
    if let (Some(tenant), Some(claims)) = (&request.tenant, claims.as_object_mut()) {
        claims.insert("tid".to_owned(), json!(tenant));
    }
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    // The signature of an unsigned token is empty (RFC 7519, 6.1); some clients require three parts that are not.
    let token = format!("{}.{}.unsigned", part(&json!({"alg": "none", "typ": "JWT"})), part(&claims));
    json!({"token_type": "Bearer", "access_token": token, "expires_in": request.lifetime_seconds, "expires_on": end})
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(headers: &[(&str, &str)], sign_in: &SignIn) -> u16 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(axum::http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        check(&map, sign_in, None).err().map_or(200, |error| error.status)
    }

    fn bearer(audience: &str, tenant: &str, lifetime_seconds: i64) -> String {
        let request = TokenRequest {
            audience: audience.to_owned(),
            tenant: Some(tenant.to_owned()),
            roles: vec!["Cognitive Services OpenAI User".to_owned()],
            lifetime_seconds,
        };
        format!("Bearer {}", token(&request)["access_token"].as_str().unwrap())
    }

    #[test]
    fn a_key_is_accepted_in_any_header_that_gateways_use() {
        let sign_in = SignIn::new().key("k");
        for header in KEY_HEADERS {
            assert_eq!(status(&[(header, "k")], &sign_in), 200, "{header}");
            assert_eq!(status(&[(header, "other")], &sign_in), 401, "{header}");
        }
        assert_eq!(status(&[("authorization", "Bearer k")], &sign_in), 200);
        assert_eq!(status(&[("authorization", "Basic k")], &sign_in), 401);
        assert_eq!(status(&[], &SignIn::new()), 401);
    }

    #[test]
    fn a_token_is_checked_for_audience_tenant_expiry_and_role() {
        let sign_in = SignIn::new().key("k").audience(AUDIENCE).tenant("t").role("Cognitive Services OpenAI User");
        let with = |token: String| status(&[("authorization", &token)], &sign_in);
        assert_eq!(with(bearer(AUDIENCE, "t", 60)), 200);
        assert_eq!(with(bearer("https://cognitiveservices.azure.com/", "t", 60)), 200);
        assert_eq!(with(bearer("https://management.azure.com", "t", 60)), 401);
        assert_eq!(with(bearer(AUDIENCE, "t", -60)), 401);
        assert_eq!(with(bearer(AUDIENCE, "other", 60)), 400);
        let other_role = sign_in.clone().role("another");
        assert_eq!(status(&[("authorization", &bearer(AUDIENCE, "t", 60))], &other_role), 401);
        assert_eq!(status(&[("api-key", "k")], &sign_in), 200);
    }

    #[test]
    fn keys_can_be_disabled() {
        let sign_in = SignIn::new().keys_disabled();
        assert_eq!(status(&[("api-key", "k")], &sign_in), 403);
        assert_eq!(status(&[("authorization", &bearer("any", "t", 60))], &sign_in), 200);
    }
}
