//! Tests of recordings: every request is forwarded, and replayed answers have the faults that are set.

use azure_openai_emulator::{Answer, DeploymentSettings, Emulator, Fault, Outcome, Quota};
use reqwest::Method;
use serde_json::json;

use super::support::{Folder, Peer};

#[tokio::test]
async fn a_recording_is_replayed_and_a_difference_is_named() {
    let folder = Folder::new("recordings");
    let real = Emulator::builder().script("gpt-4o", Answer::text("from afar")).start().await.unwrap();
    let recorder = Emulator::builder().record(&folder.0, real.endpoint()).start().await.unwrap();
    let peer = Peer::of(&recorder);
    assert_eq!(peer.text("gpt-4o", "hello").await, "from afar");
    let file = std::fs::read_to_string(folder.0.join("00001.json")).unwrap();
    assert!(!file.contains("api-key") && file.contains("from afar"));
    let replay = Emulator::builder().replay(&folder.0, 0.0).start().await.unwrap();
    let peer = Peer::of(&replay);
    assert_eq!(peer.text("gpt-4o", "hello").await, "from afar");
    let (status, answer) = peer.ask("gpt-4o", "bye").await;
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(status == 404 && message.contains("messages[0].content: recorded \"hello\", sent \"bye\""), "{message}");
}

#[tokio::test]
async fn files_and_batches_are_recorded_and_replayed_too() {
    let folder = Folder::new("batch-recordings");
    let real = Emulator::start().await.unwrap();
    let recorder = Emulator::builder().record(&folder.0, real.endpoint()).start().await.unwrap();
    let (status, answer) = Peer::of(&recorder).send(Method::GET, "/openai/v1/batches", None).await;
    assert_eq!((status, &answer["data"]), (200, &json!([])));
    assert_eq!(real.requests()[0].path(), "/openai/v1/batches");
    let replay = Emulator::builder().replay(&folder.0, 0.0).start().await.unwrap();
    assert_eq!(Peer::of(&replay).send(Method::GET, "/openai/v1/batches", None).await.0, 200);
    let (status, answer) = Peer::of(&replay).send(Method::GET, "/openai/v1/files", None).await;
    assert_eq!((status, &answer["error"]["code"]), (404, &json!("NoRecording")));
}

#[tokio::test]
async fn a_recorded_refusal_is_not_answered_by_another_deployment() {
    let folder = Folder::new("spillover-recordings");
    let busy = DeploymentSettings::of("gpt-4o").quota(Quota::requests(0));
    let real = Emulator::builder().deployment("busy", busy).start().await.unwrap();
    let recorder = Emulator::builder()
        .record(&folder.0, real.endpoint())
        .deployment("busy", DeploymentSettings::of("gpt-4o").spillover("gpt-4o-mini"));
    assert_eq!(Peer::of(&recorder.start().await.unwrap()).ask("busy", "hi").await.0, 429);
}

#[tokio::test]
async fn a_fault_applies_to_a_replayed_answer_at_its_event() {
    let folder = Folder::new("fault-recordings");
    let real = Emulator::builder().script("gpt-4o", Answer::words(20)).start().await.unwrap();
    let recorder = Emulator::builder().record(&folder.0, real.endpoint()).start().await.unwrap();
    let stream = json!({"model": "gpt-4o", "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    let path = "/openai/v1/chat/completions";
    Peer::of(&recorder).send(Method::POST, path, Some(stream.clone())).await;
    let whole = Peer::of(&recorder).ask("gpt-4o", "hi").await.1;

    let replay = Emulator::builder().replay(&folder.0, 0.0).start().await.unwrap();
    let peer = Peer::of(&replay);
    let ask = async || {
        let request = peer.client.post(format!("{}{path}", peer.endpoint)).header("api-key", "k");
        request.body(stream.to_string()).send().await.unwrap().text().await
    };
    replay.inject(Fault::truncate_after(4));
    assert_eq!(ask().await.unwrap().matches("\n\n").count(), 4);
    replay.inject(Fault::cut_after(4));
    assert!(ask().await.is_err());
    replay.inject(Fault::error_after(2));
    let text = ask().await.unwrap();
    assert!(text.matches("\n\n").count() == 4 && text.contains("server_error"), "{text}");
    replay.inject(Fault::truncate_after(1));
    let response = peer.client.post(format!("{}{path}", peer.endpoint)).header("api-key", "k");
    let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]});
    assert_eq!(response.body(body.to_string()).send().await.unwrap().text().await.unwrap().len(), 64);
    assert_eq!(peer.ask("gpt-4o", "hi").await.1, whole);
    assert_eq!(replay.requests().with_outcome(Outcome::Faulted).count(), 4);
}

#[tokio::test]
async fn recording_and_replaying_at_once_is_refused() {
    let folder = Folder::new("both");
    let both = Emulator::builder().record(&folder.0, "http://localhost:1").replay(&folder.0, 0.0);
    let error = both.start().await.unwrap_err();
    assert_eq!(error.to_string(), "`replay`: answers cannot be recorded and replayed at once");
}
