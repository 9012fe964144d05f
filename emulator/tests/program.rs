//! Tests of the program: its output, its end by a signal, and its errors for wrong settings.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "these helpers are tests, too")]

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_azure-openai-emulator");

/// The running program; killed when a test fails.
struct Program {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
    endpoint: String,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut child =
            Command::new(PROGRAM).args(["--port", "0"]).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        output.read_line(&mut first).unwrap();
        let endpoint = first.trim().rsplit(' ').next().unwrap().to_owned();
        Self { child, output, endpoint }
    }

    /// Stops it as Ctrl-C does, and returns what else it printed.
    #[cfg(unix)]
    fn interrupt(mut self) -> String {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success());
        rest
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

/// What the program says of a start that fails.
fn error(arguments: &[&str]) -> String {
    let output = Command::new(PROGRAM).args(arguments).output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

fn file(name: &str, text: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("emulator-{}-{name}", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path
}

async fn ask(client: &reqwest::Client, endpoint: &str, model: &str) -> u16 {
    let body = format!(r#"{{"model": "{model}", "messages": [{{"role": "user", "content": "hi"}}]}}"#);
    let request = client.post(format!("{endpoint}/openai/v1/chat/completions")).header("api-key", "file-key");
    request.body(body).send().await.unwrap().status().as_u16()
}

#[cfg(unix)]
#[tokio::test]
async fn flags_and_file_set_it_up_and_each_request_is_a_line() {
    let config = file(
        "good.toml",
        "only_declared = true\nkeys = [\"file-key\"]\n[deployments]\ntriage = \"gpt-4o-2024-11-20\"\n",
    );
    let program = Program::start(&["--config", config.to_str().unwrap(), "--deployment", "more=o1-2024-12-17"]);
    let client = reqwest::Client::new();
    let health = client.get(format!("{}/health", program.endpoint)).send().await.unwrap();
    assert_eq!(health.status(), 200);
    for (model, status) in [("triage", 200), ("more", 200), ("gpt-4o", 404)] {
        assert_eq!(ask(&client, &program.endpoint, model).await, status, "{model}");
    }
    let rest = program.interrupt();
    for words in [
        "Only the keys that were set are taken; the deployments are `more`, `triage`.",
        "api_key=\"your key\", api_version=\"2024-10-21\", azure_deployment=\"more\"",
        "openai-python",
        "openai-node",
        "LangChain",
        "azure-openai-chat",
        "curl",
        "POST triage 200 ",
        "POST gpt-4o 404 ",
    ] {
        assert!(rest.contains(words), "{words}: {rest}");
    }
    std::fs::remove_file(config).unwrap();
}

#[test]
fn a_wrong_start_says_what_is_wrong() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let text = error(&["--port", &port]);
    assert!(
        text.contains(&format!("cannot listen on 127.0.0.1:{port}: the port is taken by another program")),
        "{text}"
    );
    let config = file("wrong.toml", "port = 1\n\n[deployments.triage]\nmodle = \"gpt-4o\"\n");
    let text = error(&["--config", config.to_str().unwrap()]);
    assert!(text.contains(&format!("{}:4: `deployments.triage.modle`: unknown field", config.display())), "{text}");
    assert!(error(&["--config", "/nowhere/emulator.toml"]).contains("/nowhere/emulator.toml: cannot be read"));
    assert!(error(&["--deployment", "triage"]).contains("expected NAME=MODEL"));
    assert!(error(&["--port", "0", "--record", "calls"]).contains("`record`: needs `upstream`"));
    let folder = std::env::temp_dir().join(format!("emulator-{}-calls", std::process::id()));
    let path = file("record.toml", &format!("record = {folder:?}\n"));
    let path = path.to_str().unwrap();
    assert!(error(&["--port", "0", "--config", path]).contains("`record`: needs `upstream`"));
    // a flag completes what the file has
    Program::start(&["--config", path, "--upstream", "http://127.0.0.1:1"]);
    std::fs::remove_dir_all(folder).unwrap();
    for (arguments, words) in [
        (["--upstream", "https://my-resource.openai.azure.com"], "`upstream`: needs `record`"),
        (["--replay-speed", "2"], "`replay_speed`: needs `replay`"),
        (["--key", ""], "a value is required for '--key <KEYS>'"),
    ] {
        let text = error(&[&["--port", "0"], arguments.as_slice()].concat());
        assert!(text.contains(words), "{text}");
    }
    let text = error(&["--port", "0", "--record", "calls", "--upstream", "my-resource"]);
    assert!(text.contains("`upstream`: is no address"), "{text}");
    let both = error(&["--port", "0", "--record", "calls", "--upstream", "http://localhost:1", "--replay", "calls"]);
    assert!(both.contains("`replay`: answers cannot be recorded and replayed at once"), "{both}");
    std::fs::remove_file(config).unwrap();
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let names = ["PORT", "HOST", "TLS", "CORS", "QUIET", "DEPLOYMENTS", "KEYS", "CONFIG", "RECORD", "REPLAY_SPEED"];
    let mut program = Command::new(PROGRAM);
    program.envs(names.map(|name| (format!("AZURE_OPENAI_EMULATOR_{name}"), ""))).args(["--port", "0"]);
    let mut child = program.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let first = lines.next().unwrap_or_default();
    assert!(first.contains("listens on http://127.0.0.1:"), "{first}");
    assert!(lines.next().unwrap().starts_with("Any key is taken; "));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[cfg(all(unix, feature = "tls"))]
#[tokio::test]
async fn tls_is_trusted_by_the_root_that_it_writes() {
    let root = std::env::temp_dir().join(format!("emulator-root-{}.pem", std::process::id()));
    let program = Program::start(&["--tls", "--tls-root", root.to_str().unwrap(), "--cors", "--key", "file-key"]);
    assert!(program.endpoint.starts_with("https://localhost:"), "{}", program.endpoint);
    let certificate = reqwest::Certificate::from_pem(&std::fs::read(&root).unwrap()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([certificate]).build().unwrap();
    assert_eq!(ask(&client, &program.endpoint, "gpt-4o").await, 200);
    let preflight = client.request(reqwest::Method::OPTIONS, format!("{}/openai/v1/models", program.endpoint));
    let preflight = preflight.header("origin", "https://app.example").send().await.unwrap();
    assert_eq!(preflight.headers()["access-control-allow-origin"], "https://app.example");
    program.interrupt();
    std::fs::remove_file(root).unwrap();
}
