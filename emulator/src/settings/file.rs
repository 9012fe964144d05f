//! The configuration file of the program, [`Config`], in TOML.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{DeploymentSettings, FilterMode, Pace, Quota, Settings, SignIn, Strictness, from_zero};
use crate::answer::{Answer, Rule};
use crate::builder::EmulatorBuilder;
use crate::faults::Fault;
use crate::filter::{FilterPolicy, FilterTrigger};
use crate::record::RecordingSettings;

/// The configuration of an emulator, as in the file of the program. What is unset has the default of the builder.
///
/// # Example: a file
///
/// ```
/// use azure_openai_emulator::Config;
///
/// let config = Config::from_toml(
///     "emulator.toml",
///     r#"
///     only_declared = true
///     keys = ["a-key"]
///
///     [deployments]
///     o1-new = "o1-2024-12-17"
///
///     [deployments.triage]
///     model = "gpt-4o-mini-2024-07-18"
///     quota = { requests = 60, tokens = 10000 }
///
///     [[rules]]
///     matches = "refund of (\\d+)"
///     answers = [{ template = "{{1}} will be paid back." }]
///
///     [[faults]]
///     preset = "rate_limit"
///     every = 10
///     "#,
/// )?;
/// # Ok::<(), azure_openai_emulator::ConfigError>(())
/// ```
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The port; 8181 in the program.
    pub port: Option<u16>,
    /// The address; 127.0.0.1 by default.
    pub host: Option<IpAddr>,
    /// TLS with a certificate of the emulator's own.
    pub tls: Option<bool>,
    /// The file to which the certificate to trust is written; it turns TLS on.
    pub tls_root: Option<PathBuf>,
    /// Whether answers have the headers of CORS, for web pages of any origin.
    pub cors: Option<bool>,
    /// Whether only declared deployments are served.
    pub only_declared: Option<bool>,
    /// How many requests the journal keeps; 10,000 by default.
    pub journal_limit: Option<usize>,
    /// The folder that answers of a real resource are recorded in.
    pub record: Option<PathBuf>,
    /// The resource that is recorded.
    pub upstream: Option<String>,
    /// The folder of recordings that answers come from.
    pub replay: Option<PathBuf>,
    /// How many times as fast as recorded; 0 for at once, 1 by default.
    #[serde(deserialize_with = "from_zero")]
    pub replay_speed: Option<f64>,
    /// The keys of the resource.
    pub keys: Vec<String>,
    /// How tokens are checked.
    pub sign_in: Option<SignIn>,
    /// The quota of each deployment that has none of its own.
    pub quota: Option<Quota>,
    /// The pace of each deployment that has none of its own.
    pub pace: Option<Pace>,
    /// The filter mode of each deployment that has none of its own.
    pub filter: Option<FilterMode>,
    /// Whether chunks have `obfuscation`, on each deployment that does not set it.
    pub obfuscation: Option<bool>,
    /// The region of each deployment that has none of its own.
    pub region: Option<String>,
    /// Which requests are refused, on each deployment that does not set it.
    pub strictness: Option<Strictness>,
    /// The triggers of the default content filter policy.
    pub triggers: Vec<FilterTrigger>,
    /// Other content filter policies, by name.
    pub policies: BTreeMap<String, FilterPolicy>,
    /// The deployments, by name: a model, or settings.
    pub deployments: BTreeMap<String, DeploymentSettings>,
    /// Answers for requests that match.
    pub rules: Vec<Rule>,
    /// Answers that are used in turn, by deployment.
    pub scripts: BTreeMap<String, Vec<Answer>>,
    /// Faults, and the requests that they apply to.
    pub faults: Vec<Fault>,
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or a value is wrong: with the name of the file, the line and the key.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError { text: format!("{name}: cannot be read: {error}") })?;
        Self::from_toml(&name, &text)
    }

    /// Reads a configuration from a string; errors begin with `name`.
    ///
    /// # Errors
    ///
    /// When a value is wrong: with the name, the line and the key.
    pub fn from_toml(name: &str, text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            let (line, key) = place(text, at);
            ConfigError { text: format!("{name}:{line}: {key}{}", error.message()) }
        })?;
        let at = |line: Option<usize>, key: &str, reason: &str| {
            let line = line.map_or(1, |before| before + 1);
            ConfigError { text: format!("{name}:{line}: `{key}`: {reason}") }
        };
        let settings = Settings { only_declared: config.only_declared.unwrap_or(false), ..Settings::default() };
        let mut deployments = config.deployments.iter();
        if let Some((deployment, _)) = deployments.find(|(name, one)| !settings.has_model(name, one)) {
            let line = text.lines().position(|line| {
                let line = line.trim_start();
                key_of(line) == deployment || line.starts_with('[') && line.contains(deployment.as_str())
            });
            return Err(at(line, &format!("deployments.{deployment}"), "missing `model`"));
        }
        // `upstream` may be given by a flag
        let recording = RecordingSettings { upstream: Some(String::new()), ..config.recording() };
        if let Some((key, reason)) = recording.conflict() {
            return Err(at(text.lines().position(|line| key_of(line) == key), key, reason));
        }
        Ok(config)
    }

    fn recording(&self) -> RecordingSettings {
        RecordingSettings {
            record: self.record.clone(),
            upstream: self.upstream.clone(),
            replay: self.replay.clone(),
            replay_speed: self.replay_speed,
        }
    }
}

/// The key of a line, without quotes; empty where it has none.
fn key_of(line: &str) -> &str {
    line.split_once('=').map_or("", |(key, _)| key.trim().trim_matches(['"', '\'']))
}

/// The line of a byte position, from 1, and its key: `` `deployments.triage.modle`: ``.
fn place(text: &str, at: usize) -> (usize, String) {
    let before = text.get(..at).unwrap_or_default();
    let number = before.matches('\n').count();
    let lines: Vec<&str> = text.lines().collect();
    let line = lines.get(number).copied().unwrap_or_default();
    let header = lines.iter().take(number + 1).rev().find_map(|line| {
        let name = line.trim().strip_prefix('[')?.trim_start_matches('[');
        name.split_once(']').map(|(name, _)| name.trim().to_owned())
    });
    let key = line.split_once('=').map(|(key, _)| key.trim().to_owned()).filter(|key| !key.starts_with('['));
    let parts: Vec<String> = [header, key].into_iter().flatten().filter(|part| !part.is_empty()).collect();
    let key = if parts.is_empty() { String::new() } else { format!("`{}`: ", parts.join(".")) };
    (number + 1, key)
}

impl EmulatorBuilder {
    /// Applies a configuration; what it does not set stays as it is.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.address.set_port(config.port.unwrap_or(self.address.port()));
        self.address.set_ip(config.host.unwrap_or(self.address.ip()));
        self.tls = config.tls.unwrap_or(self.tls) || config.tls_root.is_some();
        self.cors = config.cors.unwrap_or(self.cors);
        self.journal_limit = config.journal_limit.unwrap_or(self.journal_limit);
        if let Some(on) = config.only_declared {
            self = self.only_declared(on);
        }
        self.recording.merge(config.recording());
        let settings = &mut self.initial.settings;
        if let Some(sign_in) = config.sign_in {
            settings.sign_in = SignIn { keys: std::mem::take(&mut settings.sign_in.keys), ..sign_in };
        }
        settings.sign_in.keys.extend(config.keys);
        settings.defaults = settings.defaults.overlaid(&DeploymentSettings {
            quota: config.quota,
            pace: config.pace,
            filter: config.filter,
            obfuscation: config.obfuscation,
            region: config.region,
            strictness: config.strictness,
            ..DeploymentSettings::default()
        });
        settings.policy.triggers.extend(config.triggers);
        settings.policies.extend(config.policies);
        settings.deployments.extend(config.deployments);
        self.initial.rules.extend(config.rules);
        self.initial.faults.extend(config.faults);
        config.scripts.into_iter().fold(self, |builder, (name, answers)| {
            answers.into_iter().fold(builder, |builder, answer| builder.script(name.as_str(), answer))
        })
    }
}

/// An error in a configuration: file, line, key and reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    text: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Config::from_toml("emulator.toml", text).unwrap_err().to_string()
    }

    #[test]
    fn a_wrong_file_names_itself_the_line_and_the_key() {
        let text = "port = 8181\n\n[deployments.triage]\nmodel = \"gpt-4o\"\nquata = { requests = 1 }\n";
        let message = error(text);
        assert!(message.starts_with("emulator.toml:5: `deployments.triage.quata`: unknown field `quata`"), "{message}");
        let message = error("port = \"x\"\n");
        assert!(message.starts_with("emulator.toml:1: `port`: invalid type"), "{message}");
        let message = error("# one\n[[rules]]\nmatches = \"(\"\nanswers = []\n");
        assert!(message.starts_with("emulator.toml:3: `rules.matches`: regex parse error"), "{message}");
        let message = error("[[faults]]\npreset = \"rate_limt\"\n");
        assert!(message.contains(":2: `faults.preset`: unknown variant `rate_limt`"), "{message}");
        let message = error("[[faults]]\nnext = 2\n");
        assert!(message.starts_with("emulator.toml:1: `faults`: a fault has one of preset"), "{message}");
        let message = error("[deployments.triage]\nregion = \"x\"\n");
        assert!(message.starts_with("emulator.toml:1: `deployments.triage`: missing `model`"), "{message}");
        assert!(Config::from_toml("", "[deployments.gpt-4o]\nregion = \"x\"\n").is_ok());
        let message = error("record = \"calls\"\nupstream = \"http://localhost\"\nreplay = \"calls\"\n");
        assert!(message.starts_with("emulator.toml:3: `replay`: answers cannot be recorded"), "{message}");
        let message = error("[sign_in]\nkeys = [\"k\"]\n");
        assert!(message.starts_with("emulator.toml:2: `sign_in.keys`: unknown field `keys`"), "{message}");
        for (line, key) in [
            ("pace = { jitter = nan }", "pace"),
            ("pace = { tokens_per_second = inf }", "pace"),
            ("quota = { seconds = -1.0 }", "quota"),
            ("replay_speed = nan", "replay_speed"),
        ] {
            let message = error(&format!("port = 1\n{line}\n"));
            assert!(message.starts_with(&format!("emulator.toml:2: `{key}`: invalid value: ")), "{message}");
        }
        assert!(error("port = \n").starts_with("emulator.toml:1: `port`: "), "{}", error("port = \n"));
    }
}
