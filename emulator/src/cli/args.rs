//! The command-line flags, each with an environment variable. A flag takes precedence over its variable, and both over the
//! configuration file.

use std::net::IpAddr;
use std::path::PathBuf;

use azure_openai_emulator::{Config, DeploymentSettings};
use clap::builder::{NonEmptyStringValueParser, Resettable};
use clap::{CommandFactory, FromArgMatches, Parser};

/// An Azure OpenAI resource on your own machine
#[derive(Debug, Parser)]
#[command(name = "azure-openai-emulator", version)]
pub(crate) struct Args {
    /// Port to listen on [default: 8181]
    #[arg(long, env = "AZURE_OPENAI_EMULATOR_PORT")]
    port: Option<u16>,

    /// Address to listen on; one beyond loopback is open to other machines [default: 127.0.0.1]
    #[arg(long, env = "AZURE_OPENAI_EMULATOR_HOST")]
    host: Option<IpAddr>,

    /// Configuration file (TOML)
    #[arg(long, env = "AZURE_OPENAI_EMULATOR_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Serve TLS, with a certificate of its own for localhost
    #[arg(long, env = "AZURE_OPENAI_EMULATOR_TLS", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    tls: Option<bool>,

    /// Write the certificate that clients have to trust to this file (PEM); turns TLS on
    #[arg(long, env = "AZURE_OPENAI_EMULATOR_TLS_ROOT", value_name = "FILE")]
    tls_root: Option<PathBuf>,

    /// Allow requests from web pages of any origin (CORS)
    #[arg(long, env = "AZURE_OPENAI_EMULATOR_CORS", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    cors: Option<bool>,

    /// Serve only declared deployments; other names are answered with 404
    #[arg(long, env = "AZURE_OPENAI_EMULATOR_ONLY_DECLARED", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    only_declared: Option<bool>,

    /// Deploy a model under a name; may be given several times
    #[arg(long = "deployment", env = "AZURE_OPENAI_EMULATOR_DEPLOYMENTS", value_name = "NAME=MODEL", value_delimiter = ',', value_parser = deployment)]
    deployments: Vec<(String, String)>,

    /// Accept this key; may be given several times. Without one any key is accepted
    #[arg(long = "key", env = "AZURE_OPENAI_EMULATOR_KEYS", value_delimiter = ',', hide_env_values = true, value_parser = NonEmptyStringValueParser::new())]
    keys: Vec<String>,

    /// Region in the header x-ms-region [default: East US 2]
    #[arg(long, env = "AZURE_OPENAI_EMULATOR_REGION")]
    region: Option<String>,

    /// How many requests the journal keeps [default: 10000]
    #[arg(long, env = "AZURE_OPENAI_EMULATOR_JOURNAL_LIMIT", value_name = "REQUESTS")]
    journal_limit: Option<usize>,

    /// Pass requests on to --upstream, which is needed, and keep them, with its answers, in this folder
    #[arg(long, env = "AZURE_OPENAI_EMULATOR_RECORD", value_name = "DIR")]
    record: Option<PathBuf>,

    /// The real resource to record, such as https://my-resource.openai.azure.com
    #[arg(long, env = "AZURE_OPENAI_EMULATOR_UPSTREAM", value_name = "URL")]
    upstream: Option<String>,

    /// Answer from the recordings in this folder; not with --record
    #[arg(long, env = "AZURE_OPENAI_EMULATOR_REPLAY", value_name = "DIR")]
    replay: Option<PathBuf>,

    /// How many times as fast as recorded; 0 for at once [default: 1]
    #[arg(long, env = "AZURE_OPENAI_EMULATOR_REPLAY_SPEED", value_name = "FACTOR")]
    replay_speed: Option<f64>,

    /// Write no line for each request
    #[arg(long, short, env = "AZURE_OPENAI_EMULATOR_QUIET")]
    pub(crate) quiet: bool,
}

fn deployment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, model)) if !name.is_empty() && !model.is_empty() => Ok((name.to_owned(), model.to_owned())),
        _ => Err("expected NAME=MODEL, such as triage=gpt-4o-2024-11-20".to_owned()),
    }
}

impl Args {
    /// The flags and variables of this process. An empty variable counts as unset, as one that a compose file passes on.
    pub(crate) fn read() -> Self {
        let is_empty = |name: &std::ffi::OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
        let command = Self::command().mut_args(|arg| match arg.get_env() {
            Some(name) if is_empty(name) => arg.env(Resettable::Reset),
            _ => arg,
        });
        Self::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
    }

    /// The configuration of the file with the values of the flags.
    pub(crate) fn over(self, mut config: Config) -> Config {
        config.port = self.port.or(config.port);
        config.host = self.host.or(config.host);
        config.tls = self.tls.or(config.tls);
        config.tls_root = self.tls_root.or(config.tls_root);
        config.cors = self.cors.or(config.cors);
        config.only_declared = self.only_declared.or(config.only_declared);
        config.region = self.region.or(config.region);
        config.journal_limit = self.journal_limit.or(config.journal_limit);
        config.record = self.record.or(config.record);
        config.upstream = self.upstream.or(config.upstream);
        config.replay = self.replay.or(config.replay);
        config.replay_speed = self.replay_speed.or(config.replay_speed);
        config.keys.extend(self.keys);
        let deployments = self.deployments.into_iter().map(|(name, model)| (name, DeploymentSettings::of(model)));
        config.deployments.extend(deployments);
        config
    }
}
