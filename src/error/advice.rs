//! What to do next, for the answers users meet in their first hours.

use super::service::ServiceError;

/// Sentences for the end of an error's text; empty when we know nothing better than the service.
pub(super) fn next_step(status: u16, error: &ServiceError) -> Vec<String> {
    let code = error.code().unwrap_or_default();
    let message = error.message().unwrap_or_default();
    let one = |text: &str| vec![text.to_owned()];
    match (status, code) {
        (_, "DeploymentNotFound") => {
            one("check the deployment's name (it is yours, not the model's) and the endpoint's resource; \
             a new deployment needs up to five minutes")
        }
        (404, "model_not_found") => {
            one("on the v1 route the model is the deployment's name; check that it exists in this resource")
        }
        (404, _) => one("the path does not exist: check the endpoint's host and the api version \
             (an api version such as 2024-10-21 is not a model version such as 2024-08-06)"),
        (403, "AuthenticationTypeDisabled") => {
            one("keys are switched off for this resource: sign in with Entra ID through a TokenCredential instead")
        }
        (403, _) if message.contains("Virtual Network") => {
            one("the resource's network rules refuse this address: add it, or call through the private endpoint")
        }
        (401, "PermissionDenied") => {
            one("the identity lacks a role: assign 'Cognitive Services OpenAI User' on the resource \
             (Owner and Contributor do not include inference) and wait five minutes")
        }
        (401, _) if message.contains("subscription key") => {
            one("the key is wrong or belongs to another resource: compare it with the endpoint's Keys page")
        }
        (401, _) => one("the token is missing, expired or for another audience"),
        (400, "OperationNotSupported") => one(
            "this deployment's model is not served by chat completions; some models answer only on the Responses API",
        ),
        (400, "content_filter") => filter_advice(error),
        (_, "content_filter") => filter_advice(error),
        (400, "unsupported_parameter" | "unsupported_value") => {
            error.printable_param().map(setter_advice).into_iter().collect()
        }
        (400, "context_length_exceeded") => one("shorten the messages, or leave history out"),
        (400, "InvalidContentFilterPolicy") => one("the x-policy-id header names a filter this resource does not have"),
        (429, _) => error
            .retry_after()
            .map(|wait| format!("the service asks to wait {} seconds", wait.as_secs_f64()))
            .into_iter()
            .collect(),
        (431, _) => one("at most ten custom headers are allowed"),
        (300..=399, _) => {
            one("redirects are not followed, so that credentials stay with the configured host; check the endpoint")
        }
        _ => Vec::new(),
    }
}

fn filter_advice(error: &ServiceError) -> Vec<String> {
    let categories = error.content_filter().map(|results| results.filtered_categories()).unwrap_or_default();
    if categories.is_empty() {
        vec!["the prompt was blocked by the content filter; rephrase it, or review the deployment's filter".to_owned()]
    } else {
        vec![format!(
            "the prompt was blocked by the content filter for {}; rephrase it, or review the deployment's filter",
            categories.join(", ")
        )]
    }
}

/// Names the builder method for a wire parameter.
fn setter_advice(param: &str) -> String {
    let name = param.split(['.', '[']).next().unwrap_or(param);
    match (name, param) {
        ("max_tokens", _) => "replace .max_tokens(..) by .max_completion_tokens(..) on the request builder".to_owned(),
        ("max_completion_tokens", _) => {
            "replace .max_completion_tokens(..) by .max_tokens(..) on the request builder".to_owned()
        }
        ("stream", _) => "this deployment does not stream: call complete() instead of stream()".to_owned(),
        ("messages", _) if param.ends_with("role") => {
            "this model refuses that role: use .developer(..), .system(..) or .user(..) as it allows, \
             and declare the model on the Deployment to have it checked before sending"
                .to_owned()
        }
        _ => format!(
            "remove .{name}(..) from the request builder, and declare the model on the Deployment to have it checked \
             before sending"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advise(status: u16, body: &str) -> String {
        next_step(status, &ServiceError::from_body(body.as_bytes())).join("; ")
    }

    #[test]
    fn an_unsupported_parameter_names_the_setter() {
        let text = advise(400, r#"{"error":{"code":"unsupported_parameter","param":"max_tokens","message":"no"}}"#);
        assert_eq!(text, "replace .max_tokens(..) by .max_completion_tokens(..) on the request builder");
        let text = advise(400, r#"{"error":{"code":"unsupported_value","param":"stream","message":"no"}}"#);
        assert_eq!(text, "this deployment does not stream: call complete() instead of stream()");
    }

    #[test]
    fn a_blocked_prompt_names_the_category() {
        let text = advise(
            400,
            r#"{"error":{"code":"content_filter","innererror":{"content_filter_result":{"jailbreak":{"filtered":true,"detected":true}}}}}"#,
        );
        assert!(text.contains("for jailbreak"), "{text}");
    }

    #[test]
    fn the_first_hour_has_an_answer_each() {
        for (status, body, words) in [
            (404, r#"{"error":{"code":"DeploymentNotFound"}}"#, "five minutes"),
            (404, r#"{"error":{"code":"404","message":"Resource not found"}}"#, "api version"),
            (403, r#"{"error":{"code":"AuthenticationTypeDisabled"}}"#, "Entra ID"),
            (401, r#"{"error":{"code":"PermissionDenied"}}"#, "Cognitive Services OpenAI User"),
            (401, r#"{"error":{"code":"401","message":"invalid subscription key"}}"#, "key is wrong"),
            (401, r#"{"error":{"code":"Unauthorized"}}"#, "audience"),
            (
                403,
                r#"{"error":{"code":"403","message":"Access denied due to Virtual Network/Firewall rules."}}"#,
                "network",
            ),
        ] {
            assert!(advise(status, body).contains(words), "{status} {body}");
        }
    }
}
