//! The start-up text of the program: how to point clients at it.

use std::path::Path;

use azure_openai_emulator::Config;

/// The parts of the text that depend on the settings.
pub(crate) struct Guide {
    sign_in: &'static str,
    /// Stands for a key in the examples.
    key: &'static str,
    deployments: String,
    /// A deployment that answers.
    example: String,
}

impl Guide {
    pub(crate) fn new(config: &Config) -> Self {
        let names: Vec<String> = config.deployments.keys().map(|name| format!("`{name}`")).collect();
        let first = config.deployments.keys().next().cloned();
        let (deployments, example) = match (config.only_declared, first) {
            (Some(true), Some(first)) => (format!("the deployments are {}", names.join(", ")), first),
            (Some(true), None) => {
                ("no deployment is declared, so that every name is answered with 404".to_owned(), "name".to_owned())
            }
            _ => {
                let known = ["`o1-new`", "`gpt-4o-mini`"].map(str::to_owned).into_iter().chain(names);
                let all = known.collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ");
                (format!("{all} and the name of every model are deployments"), "gpt-4o-mini".to_owned())
            }
        };
        let (sign_in, key) = match config.keys.as_slice() {
            [] => ("Any key is taken", "any"),
            _ => ("Only the keys that were set are taken", "your key"),
        };
        Self { sign_in, key, deployments, example }
    }
}

/// The text for an endpoint, and for the certificate to trust if there is one.
pub(crate) fn text(endpoint: &str, root: Option<&Path>, guide: &Guide) -> String {
    let Guide { sign_in, key, deployments, example } = guide;
    let trust = root.map_or_else(String::new, |root| {
        let root = root.display();
        format!(
            "\n  Trust the certificate:\n    SSL_CERT_FILE={root} (Python, Rust, curl)   NODE_EXTRA_CA_CERTS={root} (Node.js)\n"
        )
    });
    format!(
        r#"azure-openai-emulator {version} listens on {endpoint}
{sign_in}; {deployments}.

  openai-python
    AzureOpenAI(azure_endpoint="{endpoint}", api_key="{key}", api_version="2024-10-21")
    OpenAI(base_url="{endpoint}/openai/v1/", api_key="{key}")

  openai-node
    new AzureOpenAI({{ endpoint: "{endpoint}", apiKey: "{key}", apiVersion: "2024-10-21" }})

  LangChain (Python)
    AzureChatOpenAI(azure_endpoint="{endpoint}", api_key="{key}", api_version="2024-10-21", azure_deployment="{example}")

  azure-openai-chat (Rust)
    ChatClient::new("{endpoint}", ApiKey::new("{key}"))?

  curl
    curl {endpoint}/openai/v1/chat/completions -H "api-key: {key}" -H "content-type: application/json" \
      -d '{{"model": "{example}", "messages": [{{"role": "user", "content": "Hello"}}]}}'
{trust}
Control: {endpoint}/__emulator   Health: {endpoint}/health   Stop: Ctrl-C
"#,
        version = env!("CARGO_PKG_VERSION"),
    )
}
