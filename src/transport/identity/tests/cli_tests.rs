//! The tools of a developer, as programs of the test on the path.

#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;

/// Puts a shell script on a path that has nothing else.
fn program(folder: &Path, name: &str, script: &str) {
    let file = folder.join(name);
    // written under another name first: a file that is open for writing cannot be run
    let draft = folder.join(format!("{name}.draft"));
    std::fs::write(&draft, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::rename(draft, file).unwrap();
}

/// The tools in a folder, which comes first on the path, before the tools of the system.
fn tools(folder: &Folder) -> TokenCache {
    let path = format!("{}:/usr/bin:/bin", folder.0.display());
    let pairs = [("AZURE_TOKEN_CREDENTIALS", "dev"), ("PATH", path.as_str())];
    cache(&pairs, &Fake::nobody(), &Fake::nobody())
}

const AZ: &str = r#"echo '{"accessToken":"az-token","expires_on":4102444800,"tokenType":"Bearer"}'"#;
const AZD: &str = r#"echo '{"token":"azd-token","expiresOn":"2100-01-01T00:00:00Z"}'"#;

#[tokio::test]
async fn both_tools_sign_a_call_in() {
    for (name, script, sent) in [("az", AZ, "Bearer az-token"), ("azd", AZD, "Bearer azd-token")] {
        let folder = Folder::new();
        program(&folder.0, name, script);
        let path = format!("{}:/usr/bin:/bin", folder.0.display());
        let pairs = [("AZURE_TOKEN_CREDENTIALS", "dev"), ("PATH", path.as_str())];
        let source = source(&pairs, &Fake::nobody(), &Fake::nobody());
        assert_eq!(call_with(source).await.unwrap(), sent);
    }
}

#[tokio::test]
async fn a_tool_that_is_not_signed_in_gives_way_to_the_other_with_its_reason() {
    let folder = Folder::new();
    program(&folder.0, "az", "echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1");
    program(&folder.0, "azd", "echo 'ERROR: not logged in, run `azd auth login`' >&2; exit 1");
    let tokens = tools(&folder);
    let text = error(&tokens).await;
    assert!(text.contains("| AzureCliCredential: ERROR: Please run 'az login' to setup account. |"), "{text}");
    assert!(text.contains("| AzureDeveloperCliCredential: ERROR: not logged in, run `azd auth login` |"), "{text}");
    program(&folder.0, "azd", AZD);
    assert_eq!(token(&tokens).await, "azd-token");
}

#[tokio::test]
async fn a_tool_that_is_slow_is_waited_for_and_one_that_recovers_is_used() {
    let folder = Folder::new();
    program(&folder.0, "az", &format!("sleep 0.3; {AZ}"));
    assert_eq!(token(&tools(&folder)).await, "az-token");

    program(&folder.0, "az", "echo 'Connection aborted' >&2; exit 1");
    let tokens = tools(&folder);
    let text = error(&tokens).await;
    assert!(text.contains("| AzureCliCredential: Connection aborted | AzureDeveloperCliCredential: azd not"), "{text}");
    program(&folder.0, "az", AZ);
    assert_eq!(token(&tokens).await, "az-token");
}

#[tokio::test]
async fn a_long_complaint_is_cut_on_its_own_and_between_words() {
    let folder = Folder::new();
    let long = "word ".repeat(400);
    program(&folder.0, "az", &format!("echo 'ERROR: {long}' >&2; exit 1"));
    program(&folder.0, "azd", "echo 'ERROR: short' >&2; exit 1");
    let text = error(&tools(&folder)).await;
    let links: Vec<&str> = text.split(" | ").collect();
    assert!(links[1].starts_with("AzureCliCredential: ERROR: word word"), "{text}");
    assert!(links[1].ends_with(" word ..") && links[1].len() < 450, "{text}");
    assert_eq!(links[2], "AzureDeveloperCliCredential: ERROR: short");
}

async fn written(file: &Path) -> String {
    for _ in 0..1000 {
        match std::fs::read_to_string(file) {
            Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
            // on the real clock, which a process has
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    panic!("{} was not written", file.display())
}

fn is_alive(id: &str) -> bool {
    let kill = std::process::Command::new("/bin/sh").args(["-c", &format!("kill -0 {id}")]).output().unwrap();
    let state = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    kill.status.success() && !state.contains(") Z ")
}

async fn ends(id: &str) {
    for _ in 0..500 {
        if !is_alive(id) {
            return;
        }
        // on the real clock, which a process has
        std::thread::sleep(Duration::from_millis(10));
        tokio::task::yield_now().await;
    }
    panic!("process {id} is still there");
}

#[tokio::test]
async fn a_tool_that_hangs_is_ended_with_its_children() {
    let folder = Folder::new();
    let file = folder.0.join("child");
    program(&folder.0, "az", &format!("sleep 600 & echo $! > {}; wait", file.display()));
    program(&folder.0, "azd", AZD);
    let tokens = tools(&folder);
    let task = tokio::spawn(async move { token(&tokens).await });
    let child = written(&file).await;
    assert!(is_alive(&child));
    tokio::time::pause();
    tokio::time::advance(LINK_TIMEOUT).await;
    tokio::time::resume();
    ends(&child).await;
    assert_eq!(task.await.unwrap(), "azd-token", "the other tool takes over");
}

#[tokio::test]
async fn a_tool_that_hangs_alone_says_so() {
    let folder = Folder::new();
    let file = folder.0.join("child");
    program(&folder.0, "az", &format!("sleep 600 & echo $! > {}; wait", file.display()));
    let path = format!("{}:/usr/bin:/bin", folder.0.display());
    let pairs = [("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential"), ("PATH", path.as_str())];
    let tokens = cache(&pairs, &Fake::nobody(), &Fake::nobody());
    let task = tokio::spawn(async move { error(&tokens).await });
    let child = written(&file).await;
    tokio::time::pause();
    tokio::time::advance(LINK_TIMEOUT).await;
    tokio::time::resume();
    let text = task.await.unwrap();
    assert!(text.contains("AzureCliCredential: no answer within 15 s, so it was ended"), "{text}");
    ends(&child).await;
}

#[tokio::test]
async fn a_machine_without_an_identity_leaves_the_call_to_the_tools() {
    const UNKNOWN: &str = r#"{"error":"invalid_request","error_description":"Identity not found"}"#;
    let folder = Folder::new();
    program(&folder.0, "az", AZ);
    let path = format!("{}:/usr/bin:/bin", folder.0.display());
    let local = metadata_service(|_| Reply::Status(400, UNKNOWN.to_owned()));
    assert_eq!(token(&cache(&[("PATH", path.as_str())], &Fake::nobody(), &local)).await, "az-token");

    // one that was named is not replaced
    let pairs = [("PATH", path.as_str()), ("AZURE_CLIENT_ID", "my-app")];
    let local = metadata_service(|_| Reply::Status(400, UNKNOWN.to_owned()));
    let text = error(&cache(&pairs, &Fake::nobody(), &local)).await;
    assert!(text.starts_with("ManagedIdentityCredential: the metadata service answered 400"), "{text}");
}

#[tokio::test]
async fn a_developer_who_is_signed_in_never_stands_in_for_a_service_whose_secret_expired() {
    let folder = Folder::new();
    program(&folder.0, "az", AZ);
    let path = format!("{}:/usr/bin:/bin", folder.0.display());
    let mut pairs = SECRET.to_vec();
    pairs.push(("PATH", path.as_str()));
    let expired = r#"{"error_description":"AADSTS7000222: The provided client secret keys are expired."}"#;
    let entra = Fake::new(move |_, _| Reply::Status(401, expired.to_owned()));
    let local = metadata_service(|_| Reply::Status(200, local_token(0)));
    let tokens = cache(&pairs, &entra, &local);
    for _ in 0..2 {
        assert!(error(&tokens).await.starts_with("EnvironmentCredential: Entra answered 401: AADSTS7000222"));
    }
    assert_eq!(local.count(), 0);
}
