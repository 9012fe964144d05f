//! The log lines of signing in. Each test is alone in a process, because what a line's level lets through is kept for
//! all threads.

use std::io::Write;

use super::*;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The lines of this crate.
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| line.contains("azure_openai_chat")).map(str::to_owned).collect()
    }
}

fn listening(log: &Log) -> tracing::subscriber::DefaultGuard {
    let log = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::INFO);
    tracing::subscriber::set_default(subscriber.with_writer(move || log.clone()).finish())
}

#[tokio::test]
async fn which_credential_signs_in_is_one_line_with_those_that_were_passed_over() {
    if !runs_with(module_path!(), "which_credential_signs_in_is_one_line_with_those_that_were_passed_over", &[]) {
        return;
    }
    let log = Log::default();
    let _guard = listening(&log);
    let entra = Fake::new(|number, _| Reply::Status(200, entra_token(number)));
    let chain = chain(&SECRET, Cloud::Public, &entra, &Fake::nobody());
    for scope in ["a", "b", "a"] {
        chain.token(TokenRequest { scope: scope.to_owned(), bypass_cache: true }).await.unwrap();
    }
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(" INFO ") && lines[0].contains("credential=\"EnvironmentCredential\""), "{lines:?}");

    let log = Log::default();
    let _guard = listening(&log);
    let local = metadata_service(|_| Reply::Status(200, local_token(0)));
    token(&cache(&SECRET[..2], &Fake::nobody(), &local)).await;
    let lines = log.lines();
    assert!(lines[0].contains("credential=\"ManagedIdentityCredential\""), "{lines:?}");
    assert!(lines[0].contains("EnvironmentCredential: AZURE_CLIENT_SECRET is not set | Workload"), "{lines:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn another_credential_than_before_is_a_warning() {
    use std::os::unix::fs::PermissionsExt;

    if !runs_with(module_path!(), "another_credential_than_before_is_a_warning", &[]) {
        return;
    }
    let log = Log::default();
    let _guard = listening(&log);
    let folder = Folder::new();
    let program = |name: &str, script: &str| {
        let draft = folder.0.join("draft");
        std::fs::write(&draft, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::rename(draft, folder.0.join(name)).unwrap();
    };
    program("az", r#"echo '{"accessToken":"x","expires_on":4102444800,"tokenType":"Bearer"}'"#);
    program("azd", r#"echo '{"token":"y","expiresOn":"2100-01-01T00:00:00Z"}'"#);
    let path = format!("{}:/usr/bin:/bin", folder.0.display());
    let pairs = [("AZURE_TOKEN_CREDENTIALS", "dev"), ("PATH", path.as_str())];
    let chain = chain(&pairs, Cloud::Public, &Fake::nobody(), &Fake::nobody());
    let request = TokenRequest { scope: SCOPE.to_owned(), bypass_cache: false };
    assert_eq!(chain.token(request.clone()).await.unwrap().value(), "x");
    program("az", "echo 'ERROR: signed out' >&2; exit 1");
    assert_eq!(chain.token(request).await.unwrap().value(), "y");
    let lines = log.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].contains(" WARN ") && lines[1].contains("before=\"AzureCliCredential\""), "{lines:?}");
    assert!(lines[1].contains("credential=\"AzureDeveloperCliCredential\""), "{lines:?}");
    assert!(lines[1].contains("AzureCliCredential: ERROR: signed out"), "{lines:?}");
}
