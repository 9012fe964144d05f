//! Where the examples run: Azure when `AZURE_OPENAI_ENDPOINT` is set, else the embedded emulator.
#![allow(dead_code, unreachable_pub, reason = "each example uses a part")]

use azure_openai_chat::{ApiKey, ChatClient, ClientBuilder, Error};
use azure_openai_emulator::Emulator;

/// Azure, or the emulator.
pub enum Place {
    Azure(String),
    Emulated(Emulator),
}

impl Place {
    /// Looks at the environment and starts the emulator when it names no endpoint.
    pub async fn find() -> Result<Self, Box<dyn std::error::Error>> {
        match std::env::var("AZURE_OPENAI_ENDPOINT") {
            Ok(endpoint) if !endpoint.trim().is_empty() => Ok(Self::Azure(endpoint)),
            _ => Ok(Self::Emulated(Emulator::start().await?)),
        }
    }

    /// One line that names it.
    pub fn describe(&self) -> String {
        match self {
            Self::Azure(endpoint) => format!("Running against {endpoint}"),
            Self::Emulated(_) => {
                "Running against the embedded emulator; set AZURE_OPENAI_ENDPOINT to run against Azure".to_owned()
            }
        }
    }

    /// A client for it: on Azure with the key or the identity of the environment.
    pub fn client_builder(&self) -> Result<ClientBuilder, Error> {
        match self {
            Self::Azure(_) => ChatClient::builder_from_env(),
            Self::Emulated(emulator) => Ok(ChatClient::builder(emulator.endpoint(), ApiKey::new("emulator"))),
        }
    }

    pub fn client(&self) -> Result<ChatClient, Error> {
        self.client_builder()?.build()
    }
}

/// The name of a deployment: from the environment, else a deployment of the emulator.
pub fn deployment(variable: &str, default: &str) -> String {
    std::env::var(variable).ok().filter(|name| !name.is_empty()).unwrap_or_else(|| default.to_owned())
}

/// An error and its causes, in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

/// A figure of this process in KiB, where the system shows it.
pub fn resident(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
