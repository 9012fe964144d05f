//! Presets, [`Preset`]: well-known failures by name, with the texts and headers of Azure and of API Management.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::raw_answer::RawAnswer;
use crate::quota::whole_seconds;
use crate::refusal::{AzureError, SERVER_ERROR};
use crate::sign_in::AUDIENCE;

macro_rules! presets {
    ($($(#[$doc:meta])+ $name:ident = $word:literal,)+) => {
        /// A well-known failure of the service, or of API Management before it.
        ///
        /// Azure reference: <https://learn.microsoft.com/azure/ai-foundry/openai/how-to/troubleshoot-errors>
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Preset {
            $($(#[$doc])+ #[serde(rename = $word)] $name,)+
        }

        impl Preset {
            /// All presets.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name in a file and over HTTP, such as `rate_limit`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),+ }
            }
        }
    };
}

presets! {
    /// 429: the deployment's requests are used up.
    RateLimit = "rate_limit",
    /// 429: the deployment's tokens are used up.
    TokenRateLimit = "token_rate_limit",
    /// 429: the service is overloaded, whatever the quota.
    HighDemand = "high_demand",
    /// 429: the provisioned deployment is busy.
    ProvisionedBusy = "provisioned_busy",
    /// 500 of the model.
    ServerError = "server_error",
    /// 500 of the service.
    InternalServerError = "internal_server_error",
    /// 503: the service is overloaded.
    Overloaded = "overloaded",
    /// 408: the model took too long.
    Timeout = "timeout",
    /// 401: the key is wrong.
    InvalidKey = "invalid_key",
    /// 401: the token is missing, for another audience, or has expired.
    InvalidToken = "invalid_token",
    /// 401: the identity has no role.
    PermissionDenied = "permission_denied",
    /// 403: the resource accepts only tokens.
    KeysDisabled = "keys_disabled",
    /// 403: the network is not allowed.
    Firewall = "firewall",
    /// 404: the deployment does not exist.
    DeploymentNotFound = "deployment_not_found",
    /// 404: wrong host, path or version.
    ResourceNotFound = "resource_not_found",
    /// 400: the data is no image.
    InvalidImage = "invalid_image",
    /// 502: a page of HTML.
    BadGateway = "bad_gateway",
    /// 504: a page of HTML.
    GatewayTimeout = "gateway_timeout",
    /// API Management, 429: too many requests.
    ApimRateLimit = "apim_rate_limit",
    /// API Management, 429: too many tokens.
    ApimTokenLimit = "apim_token_limit",
    /// API Management, 403: the quota of calls is used up.
    ApimQuota = "apim_quota",
    /// API Management, 401: no key.
    ApimMissingKey = "apim_missing_key",
    /// API Management, 401: a wrong key.
    ApimInvalidKey = "apim_invalid_key",
    /// API Management, 404: no such operation.
    ApimNotFound = "apim_not_found",
    /// API Management, 500: the backend failed.
    ApimInternalError = "apim_internal_error",
}

impl Preset {
    /// The preset of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|preset| preset.as_str() == name)
    }

    /// The answer, with the time to wait; one second where it has one and none is given.
    pub(super) fn answer(self, wait: Option<Duration>) -> RawAnswer {
        let time = wait.unwrap_or(Duration::from_secs(1));
        let seconds = whole_seconds(time);
        let azure = |error: AzureError| RawAnswer::new(error.status, error.content_type(), error.text());
        let plain = |status: u16, code: &str, message: &str| azure(AzureError::plain(status, code, message));
        let rate = |rate: &str| azure(AzureError::rate_limit("ChatCompletions_Create", "2024-10-21", rate, seconds));
        let apim = |status: u16, message: &str| {
            let body = json!({"statusCode": status, "message": message}).to_string();
            RawAnswer::new(status, Some("application/json"), body)
        };
        let page = |status: u16, what: &str| {
            let body = format!(
                "<html>\r\n<head><title>{status} {what}</title></head>\r\n<body>\r\n<center><h1>{status} {what}</h1></center>\r\n</body>\r\n</html>\r\n"
            );
            RawAnswer::new(status, Some("text/html"), body)
        };
        let mut answer = match self {
            Self::RateLimit => rate("call"),
            Self::TokenRateLimit => rate("token"),
            // unsourced
            Self::HighDemand => {
                plain(429, "429", "The service is temporarily unable to process your request. Please try again later.")
            }
            // unsourced
            Self::ProvisionedBusy => plain(
                429,
                "429",
                &format!("The provisioned deployment is at capacity. Please retry after {seconds} seconds."),
            ),
            Self::ServerError => azure(AzureError::server_error()),
            Self::InternalServerError => plain(500, "InternalServerError", SERVER_ERROR),
            // unsourced
            Self::Overloaded => plain(503, "503", "The service is temporarily unavailable. Please try again later."),
            Self::Timeout => plain(408, "Timeout", "The operation was timeout."),
            Self::InvalidKey => azure(AzureError::no_access()),
            Self::InvalidToken => azure(AzureError::bad_token(AUDIENCE)),
            Self::PermissionDenied => azure(AzureError::no_role()),
            Self::KeysDisabled => azure(AzureError::keys_disabled()),
            Self::Firewall => plain(403, "403", "Access denied due to Virtual Network/Firewall rules."),
            Self::DeploymentNotFound => azure(AzureError::no_deployment()),
            Self::ResourceNotFound => azure(AzureError::no_resource()),
            Self::InvalidImage => azure(AzureError::invalid_image()),
            Self::BadGateway => page(502, "Bad Gateway"),
            Self::GatewayTimeout => page(504, "Gateway Time-out"),
            Self::ApimRateLimit => apim(429, &format!("Rate limit is exceeded. Try again in {seconds} seconds.")),
            Self::ApimTokenLimit => apim(429, &format!("Token limit is exceeded. Try again in {seconds} seconds.")),
            Self::ApimQuota => apim(403, "Out of call volume quota. Quota will be replenished in 00:01:00."),
            Self::ApimMissingKey => apim(
                401,
                "Access denied due to missing subscription key. Make sure to include subscription key when making requests to an API.",
            ),
            Self::ApimInvalidKey => apim(
                401,
                "Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription.",
            ),
            Self::ApimNotFound => apim(404, "Resource not found"),
            Self::ApimInternalError => apim(500, "Internal server error"),
        };
        if answer.status == 429 || (wait.is_some() && matches!(answer.status, 403 | 503)) {
            let of_azure =
                matches!(self, Self::RateLimit | Self::TokenRateLimit | Self::HighDemand | Self::ProvisionedBusy);
            answer = answer.with_retry_after(time, of_azure);
        }
        if matches!(self, Self::ApimMissingKey | Self::ApimInvalidKey) {
            let challenge = "AzureApiManagementKey realm=\"http://127.0.0.1\",name=\"api-key\",type=\"header\"";
            answer.headers.insert("www-authenticate".to_owned(), challenge.to_owned());
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_preset_has_a_name_and_a_body() {
        for preset in Preset::ALL {
            assert_eq!(Preset::named(preset.as_str()), Some(*preset));
            assert_eq!(serde_json::to_value(preset).unwrap(), preset.as_str());
            let RawAnswer { status, body, headers } = preset.answer(None);
            assert!(status >= 400 && !body.is_empty());
            assert_eq!(status == 429, headers.contains_key("retry-after"), "{preset:?}");
        }
    }

    #[test]
    fn the_wait_is_in_the_text_and_in_the_headers() {
        let RawAnswer { body, headers, .. } = Preset::RateLimit.answer(Some(Duration::from_millis(2500)));
        assert!(body.contains("Please retry after 3 seconds"));
        assert_eq!(headers["retry-after-ms"], "2500");
    }

    #[test]
    fn a_preset_has_the_body_that_the_emulator_itself_answers() {
        let RawAnswer { body, headers, .. } = Preset::DeploymentNotFound.answer(None);
        let error = AzureError::no_deployment();
        assert_eq!((body, headers.get("content-type")), (error.text(), None));
    }
}
