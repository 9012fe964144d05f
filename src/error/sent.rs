//! The sign-in of a call, [`Sent`], and the next step when the service refuses it.

use super::service::ServiceError;

/// What a call was signed in with.
///
/// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/reference#authentication>
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sent {
    /// A key, in this header: `api-key`, `Authorization`, or a gateway's own.
    Key {
        /// The header's name.
        header: String,
    },
    /// A token that the caller fetched elsewhere and gave.
    Token,
    /// A token that a credential gave.
    Credential {
        /// The scope it was requested for, when known.
        scope: Option<String>,
    },
}

/// The next step after a 401 or a 403; none where nothing better is known than the service's message.
pub(super) fn sign_in_step(status: u16, error: &ServiceError, sent: Option<&Sent>) -> Option<String> {
    let message = error.message().unwrap_or_default();
    let has = |text: &str| message.contains(text);
    let is_key = matches!(sent, Some(Sent::Key { .. }));
    let is_token = matches!(sent, Some(Sent::Token | Sent::Credential { .. }));
    match error.code().unwrap_or_default() {
        "AuthenticationTypeDisabled" if !is_token => Some(
            "keys are switched off for this resource: sign in with Entra ID through a TokenCredential instead".to_owned(),
        ),
        "PermissionDenied" | "AccessDenied" if is_key && !is_about_network(message) => {
            Some("the key may not do this: compare it with the endpoint's Keys page".to_owned())
        }
        "PermissionDenied" => Some(
            "the identity lacks a role: assign 'Cognitive Services OpenAI User' on the resource (Owner and Contributor \
             do not include inference) and wait five minutes"
                .to_owned(),
        ),
        _ if status == 403 && is_about_network(message) => Some(
            "the resource's network rules refuse this address: add it, or call through the private endpoint".to_owned(),
        ),
        _ if status == 403 && has("temporarily blocked") => {
            Some("Microsoft has blocked the resource or the end user: see its notices in the portal".to_owned())
        }
        _ if status == 403 && has("quota") => {
            Some("a gateway's quota is used up: wait for its renewal, or raise it".to_owned())
        }
        _ if status == 401 => Some(refused_sign_in(message, sent)),
        _ => None,
    }
}

fn is_about_network(message: &str) -> bool {
    message.contains("Virtual Network") || message.contains("Firewall") || message.contains("Public access is disabled")
}

/// The next step after a 401, by what was sent, so that a key user reads nothing about tokens.
fn refused_sign_in(message: &str, sent: Option<&Sent>) -> String {
    let wants_key = message.contains("subscription key");
    match (sent, audience(message)) {
        (Some(Sent::Key { header }), _) => refused_key(header, message),
        (None, _) if wants_key => refused_key("api-key", message),
        (Some(_), _) if wants_key => {
            "a key is wanted and a token was sent: an endpoint takes tokens only under its own host name, such as \
             https://my-resource.openai.azure.com, and a gateway may take keys only"
                .to_owned()
        }
        (None, None) => "the key is wrong, or the token is missing, expired or for another audience".to_owned(),
        (Some(Sent::Token), None) => {
            "the token that was given is expired, of another tenant or for another audience: give a new one".to_owned()
        }
        (Some(Sent::Token), Some(audience)) => {
            format!("give a token for the scope '{audience}/.default'; the one that was given may also be expired")
        }
        (None, Some(audience)) => {
            format!(
                "the service takes tokens for '{audience}': set .token_scope(\"{audience}/.default\") on the client builder"
            )
        }
        (Some(Sent::Credential { scope }), Some(audience)) => {
            let wanted = format!("{audience}/.default");
            match scope {
                Some(scope) if *scope == wanted => format!(
                    "the token was requested for '{scope}', which is the right scope: it is expired, or the identity is of \
                     another tenant than the resource"
                ),
                Some(scope) => format!(
                    "the token was requested for scope '{scope}': set .token_scope(\"{wanted}\") on the client builder"
                ),
                None => format!("set .token_scope(\"{wanted}\") on the client builder"),
            }
        }
        (Some(Sent::Credential { scope }), None) => {
            let scope = scope.as_deref().map(|scope| format!("; the token was requested for scope '{scope}'"));
            format!(
                "the token is missing, expired or for another audience{}; another is set with .token_scope(..) on the \
                 client builder",
                scope.as_deref().unwrap_or("; a scope is requested by cloud and api version")
            )
        }
    }
}

fn refused_key(header: &str, message: &str) -> String {
    if message.contains("missing subscription key") {
        return format!(
            "a key was sent in the header '{header}', and none was found: a gateway may read another header, such as \
             Ocp-Apim-Subscription-Key, set with .with_header(..) on the ApiKey"
        );
    }
    let mut step =
        "the key is wrong or belongs to another resource: compare it with the endpoint's Keys page".to_owned();
    if header.eq_ignore_ascii_case("authorization") {
        step.push_str("; it was sent as 'Authorization: Bearer', which only the v1 route takes");
    } else if !header.eq_ignore_ascii_case("api-key") {
        step.push_str(&format!("; it was sent in the header '{header}', and Azure itself reads 'api-key'"));
    }
    step
}

/// The audience in a text such as `audience is incorrect (https://ai.azure.com)`: the one that is wanted.
fn audience(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("audience is incorrect (")?;
    let (audience, _) = rest.split_once(')')?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'/');
    let audience = audience.trim_end_matches("/.default").trim_end_matches('/');
    (audience.starts_with("https://") && audience.len() <= 100 && audience.bytes().all(is_plain)).then_some(audience)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(header: &str) -> Sent {
        Sent::Key { header: header.to_owned() }
    }

    fn credential(scope: &str) -> Sent {
        Sent::Credential { scope: Some(scope.to_owned()) }
    }

    fn step(status: u16, code: &str, message: &str, sent: Option<Sent>) -> String {
        let body = serde_json::json!({"error": {"code": code, "message": message}}).to_string();
        sign_in_step(status, &ServiceError::from_body(body.as_bytes()), sent.as_ref()).unwrap_or_default()
    }

    const AUDIENCE: &str =
        "Access token is missing, invalid, audience is incorrect (https://ai.azure.com), or have expired.";
    const KEY: &str = "Access denied due to invalid subscription key or wrong API endpoint.";

    #[test]
    fn who_sent_a_key_reads_nothing_about_tokens() {
        for (status, code, message) in [
            (401, "401", KEY),
            (401, "Unauthorized", AUDIENCE),
            (401, "PermissionDenied", "Principal does not have access to API/Operation."),
            (401, "", "no"),
        ] {
            for header in ["api-key", "Authorization", "Ocp-Apim-Subscription-Key"] {
                let text = step(status, code, message, Some(key(header)));
                assert!(text.contains("key"), "{text}");
                for word in ["oken", "scope", "audience", "identity", "role"] {
                    assert!(!text.contains(word), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_refused_key_names_the_header_it_was_in_unless_that_is_the_usual_one() {
        let wrong = "the key is wrong or belongs to another resource: compare it with the endpoint's Keys page";
        assert_eq!(step(401, "401", KEY, Some(key("api-key"))), wrong);
        assert_eq!(
            step(401, "401", KEY, Some(key("authorization"))),
            format!("{wrong}; it was sent as 'Authorization: Bearer', which only the v1 route takes")
        );
        assert_eq!(
            step(401, "401", KEY, Some(key("x-key"))),
            format!("{wrong}; it was sent in the header 'x-key', and Azure itself reads 'api-key'")
        );
        assert_eq!(
            step(401, "401", "Access denied due to missing subscription key.", Some(key("api-key"))),
            "a key was sent in the header 'api-key', and none was found: a gateway may read another header, such as \
             Ocp-Apim-Subscription-Key, set with .with_header(..) on the ApiKey"
        );
    }

    #[test]
    fn a_401_that_names_another_audience_says_which_scope_to_set() {
        assert_eq!(
            step(401, "401", AUDIENCE, Some(credential("https://cognitiveservices.azure.com/.default"))),
            "the token was requested for scope 'https://cognitiveservices.azure.com/.default': set \
             .token_scope(\"https://ai.azure.com/.default\") on the client builder"
        );
        let other = AUDIENCE.replace("ai.azure", "cognitiveservices.azure");
        assert_eq!(
            step(401, "401", &other, Some(Sent::Credential { scope: None })),
            "set .token_scope(\"https://cognitiveservices.azure.com/.default\") on the client builder"
        );
        assert_eq!(
            step(401, "401", AUDIENCE, Some(Sent::Token)),
            "give a token for the scope 'https://ai.azure.com/.default'; the one that was given may also be expired"
        );
        assert_eq!(
            step(401, "401", AUDIENCE, Some(credential("https://ai.azure.com/.default"))),
            "the token was requested for 'https://ai.azure.com/.default', which is the right scope: it is expired, or \
             the identity is of another tenant than the resource"
        );
    }

    #[test]
    fn an_audience_that_is_none_is_not_repeated() {
        for odd in ["audience is incorrect (x y)", "audience is incorrect (https://a\"b)", "audience is incorrect"] {
            assert_eq!(audience(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_token_sent_where_a_key_is_wanted_says_why() {
        for sent in [Sent::Token, credential("s")] {
            let text = step(401, "401", KEY, Some(sent));
            assert!(text.starts_with("a key is wanted and a token was sent"), "{text}");
        }
    }

    #[test]
    fn a_403_tells_network_quota_and_abuse_apart() {
        for (code, message, words) in [
            ("403", "Access denied due to Virtual Network/Firewall rules.", "network rules"),
            ("AccessDenied", "Public access is disabled. Please configure private endpoint.", "network rules"),
            ("403", "Out of call volume quota. Quota will be replenished in 10:00.", "quota"),
            ("403", "Your resource has been temporarily blocked", "blocked"),
            ("403", "no", ""),
        ] {
            let text = step(403, code, message, Some(key("api-key")));
            assert!(text.contains(words) && (text.is_empty() == words.is_empty()), "{message}: {text}");
        }
    }
}
