//! The start-up text of the program: how to point clients at it.

use std::path::Path;

/// The text for an endpoint, and for the certificate to trust if there is one.
pub(crate) fn text(endpoint: &str, root: Option<&Path>) -> String {
    let trust = root.map_or_else(String::new, |root| {
        let root = root.display();
        format!(
            "\n  Trust the certificate:\n    SSL_CERT_FILE={root} (Python, Rust, curl)   NODE_EXTRA_CA_CERTS={root} (Node.js)\n"
        )
    });
    format!(
        r#"azure-openai-emulator {version} listens on {endpoint}
Any key is taken unless one is set; `o1-new`, `gpt-4o-mini` and the name of every model are deployments.

  openai-python
    AzureOpenAI(azure_endpoint="{endpoint}", api_key="any", api_version="2024-10-21")
    OpenAI(base_url="{endpoint}/openai/v1/", api_key="any")

  openai-node
    new AzureOpenAI({{ endpoint: "{endpoint}", apiKey: "any", apiVersion: "2024-10-21" }})

  LangChain (Python)
    AzureChatOpenAI(azure_endpoint="{endpoint}", api_key="any", api_version="2024-10-21", azure_deployment="gpt-4o-mini")

  azure-openai-chat (Rust)
    ChatClient::new("{endpoint}", ApiKey::new("any"))?

  curl
    curl {endpoint}/openai/v1/chat/completions -H "api-key: any" -H "content-type: application/json" \
      -d '{{"model": "gpt-4o-mini", "messages": [{{"role": "user", "content": "Hello"}}]}}'
{trust}
Control: {endpoint}/__emulator   Health: {endpoint}/health   Stop: Ctrl-C
"#,
        version = env!("CARGO_PKG_VERSION"),
    )
}
