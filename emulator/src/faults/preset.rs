//! Well-known failures by name, with the texts and headers of Azure and of API Management.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Kind;

macro_rules! presets {
    ($($(#[$doc:meta])+ $name:ident = $word:literal,)+) => {
        /// A well-known failure of the service, or of API Management before it.
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
    /// 429: much is asked of the service, whatever the quota.
    HighDemand = "high_demand",
    /// 429: the provisioned deployment is busy.
    ProvisionedBusy = "provisioned_busy",
    /// 500 of the model.
    ServerError = "server_error",
    /// 500 of the service.
    InternalServerError = "internal_server_error",
    /// 503.
    Overloaded = "overloaded",
    /// 408.
    Timeout = "timeout",
    /// 401: the key is wrong.
    InvalidKey = "invalid_key",
    /// 401: the token is missing, for another audience, or has expired.
    InvalidToken = "invalid_token",
    /// 401: the identity has no role.
    PermissionDenied = "permission_denied",
    /// 403: the resource takes tokens alone.
    KeysDisabled = "keys_disabled",
    /// 403: the network is not allowed.
    Firewall = "firewall",
    /// 404: the deployment does not exist.
    DeploymentNotFound = "deployment_not_found",
    /// 404: wrong host, path or version.
    ResourceNotFound = "resource_not_found",
    /// 400: image data that is none.
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
    pub(super) fn answer(self, wait: Option<Duration>) -> Kind {
        let time = wait.unwrap_or(Duration::from_secs(1));
        let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
        let azure = |code: Value, message: &str| json!({"error": {"code": code, "message": message}}).to_string();
        let apim = |status: u16, message: &str| json!({"statusCode": status, "message": message}).to_string();
        let page = |status: u16, what: &str| {
            format!(
                "<html>\r\n<head><title>{status} {what}</title></head>\r\n<body>\r\n<center><h1>{status} {what}</h1></center>\r\n</body>\r\n</html>\r\n"
            )
        };
        let rate = |rate: &str| {
            let message = format!(
                "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have \
                 exceeded {rate} rate limit of your current AIServices S0 pricing tier. Please retry after {seconds} \
                 seconds. Please contact Azure support service if you would like to further increase the default rate \
                 limit."
            );
            azure(json!("429"), &message)
        };
        let (status, body) = match self {
            Self::RateLimit => (429, rate("call")),
            Self::TokenRateLimit => (429, rate("token")),
            // unsourced
            Self::HighDemand => (429, azure(json!("429"), "The service is temporarily unable to process your request. Please try again later.")),
            // unsourced
            Self::ProvisionedBusy => (429, azure(json!("429"), &format!("The provisioned deployment is at capacity. Please retry after {seconds} seconds."))),
            Self::ServerError => (500, json!({"error": {"message": "The server had an error while processing your request. Sorry about that!", "type": "server_error", "param": null, "code": null}}).to_string()),
            Self::InternalServerError => (500, azure(json!("InternalServerError"), "The server had an error while processing your request. Sorry about that!")),
            // unsourced
            Self::Overloaded => (503, azure(json!("503"), "The service is temporarily unavailable. Please try again later.")),
            Self::Timeout => (408, azure(json!("Timeout"), "The operation was timeout.")),
            Self::InvalidKey => (401, azure(json!("401"), "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource.")),
            Self::InvalidToken => (401, azure(json!("Unauthorized"), "Access token is missing, invalid, audience is incorrect (https://cognitiveservices.azure.com), or have expired.")),
            Self::PermissionDenied => (401, azure(json!("PermissionDenied"), "Principal does not have access to API/Operation.")),
            Self::KeysDisabled => (403, azure(json!("AuthenticationTypeDisabled"), "Key based authentication is disabled for this resource.")),
            Self::Firewall => (403, azure(json!("403"), "Access denied due to Virtual Network/Firewall rules.")),
            Self::DeploymentNotFound => (404, azure(json!("DeploymentNotFound"), "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again.")),
            Self::ResourceNotFound => (404, azure(json!("404"), "Resource not found")),
            Self::InvalidImage => (400, json!({"error": {"message": "Invalid image data", "param": null, "type": null, "code": "BadRequest"}}).to_string()),
            Self::BadGateway => (502, page(502, "Bad Gateway")),
            Self::GatewayTimeout => (504, page(504, "Gateway Time-out")),
            Self::ApimRateLimit => (429, apim(429, &format!("Rate limit is exceeded. Try again in {seconds} seconds."))),
            Self::ApimTokenLimit => (429, apim(429, &format!("Token limit is exceeded. Try again in {seconds} seconds."))),
            Self::ApimQuota => (403, apim(403, "Out of call volume quota. Quota will be replenished in 00:01:00.")),
            Self::ApimMissingKey => (401, apim(401, "Access denied due to missing subscription key. Make sure to include subscription key when making requests to an API.")),
            Self::ApimInvalidKey => (401, apim(401, "Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription.")),
            Self::ApimNotFound => (404, apim(404, "Resource not found")),
            Self::ApimInternalError => (500, apim(500, "Internal server error")),
        };
        let is_page = matches!(self, Self::BadGateway | Self::GatewayTimeout);
        let content_type = if is_page { "text/html" } else { "application/json" };
        let mut headers = vec![("content-type", content_type.to_owned())];
        if status == 429 || (wait.is_some() && matches!(status, 403 | 503)) {
            headers.push(("retry-after", seconds.to_string()));
            let of_azure =
                matches!(self, Self::RateLimit | Self::TokenRateLimit | Self::HighDemand | Self::ProvisionedBusy);
            if of_azure {
                headers.push(("retry-after-ms", time.as_millis().to_string()));
            }
        }
        if matches!(self, Self::ApimMissingKey | Self::ApimInvalidKey) {
            headers.push((
                "www-authenticate",
                "AzureApiManagementKey realm=\"http://127.0.0.1\",name=\"api-key\",type=\"header\"".to_owned(),
            ));
        }
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Kind::Answer { name: self.as_str().to_owned(), status, headers, body }
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
            let Kind::Answer { status, body, headers, .. } = preset.answer(None) else { panic!("{preset:?}") };
            assert!(status >= 400 && !body.is_empty());
            assert_eq!(status == 429, headers.iter().any(|(name, _)| name == "retry-after"), "{preset:?}");
        }
    }

    #[test]
    fn the_wait_is_in_the_text_and_in_the_headers() {
        let Kind::Answer { body, headers, .. } = Preset::RateLimit.answer(Some(Duration::from_millis(2500))) else {
            panic!("an answer")
        };
        assert!(body.contains("Please retry after 3 seconds"));
        assert!(headers.contains(&("retry-after-ms".to_owned(), "2500".to_owned())));
    }
}
